//! STUN messages: a view that verifies before it is believed, and a writer (RFC 8489).

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;

use crate::reader::{put, u16_at, u32_at};

/// STUN's fixed header, in bytes.
pub const HEADER_LEN: usize = 20;
/// The cookie every message carries (RFC 8489 §5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// USERNAME.
pub const USERNAME: u16 = 0x0006;
/// MESSAGE-INTEGRITY.
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
/// ERROR-CODE: why a request was refused.
pub const ERROR_CODE: u16 = 0x0009;
/// XOR-MAPPED-ADDRESS.
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// PRIORITY (RFC 8445 §16.1).
pub const PRIORITY: u16 = 0x0024;
/// USE-CANDIDATE (RFC 8445 §16.1).
pub const USE_CANDIDATE: u16 = 0x0025;
/// FINGERPRINT.
pub const FINGERPRINT: u16 = 0x8028;
/// ICE-CONTROLLED (RFC 8445 §16.1).
pub const ICE_CONTROLLED: u16 = 0x8029;
/// ICE-CONTROLLING (RFC 8445 §16.1).
pub const ICE_CONTROLLING: u16 = 0x802A;

/// A Binding request's type field.
pub const BINDING_REQUEST: u16 = 0x0001;
/// A Binding indication's type field.
pub const BINDING_INDICATION: u16 = 0x0011;
/// A Binding success response's type field.
pub const BINDING_SUCCESS: u16 = 0x0101;
/// Binding error response.
pub const BINDING_ERROR: u16 = 0x0111;

/// What FINGERPRINT's CRC is XORed with.
const FINGERPRINT_MASK: u32 = 0x5354_554E;
const ATTRIBUTE_HEADER_LEN: usize = 4;
const INTEGRITY_LEN: usize = 20;
const FINGERPRINT_LEN: usize = 4;

/// Why bytes are not a STUN message we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StunError {
    /// Shorter or longer than its length field says, or an attribute runs over the end.
    #[error("STUN message is truncated")]
    Truncated,
    /// Not STUN: wrong leading bits or cookie.
    #[error("not a STUN message")]
    NotStun,
    /// The FINGERPRINT is wrong or not the last attribute.
    #[error("STUN fingerprint is wrong")]
    Fingerprint,
    /// No room to write.
    #[error("no room for the STUN message")]
    NoRoom,
}

/// The key of MESSAGE-INTEGRITY under short-term credentials. No `Debug`.
#[derive(Clone)]
pub struct IntegrityKey(hmac::Key);

impl IntegrityKey {
    /// Makes the key from an ICE password.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Self(hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            password.as_bytes(),
        ))
    }

    /// The HMAC over the header with its length field set to `length`, and the attributes.
    fn tag(&self, header: &[u8; HEADER_LEN], length: u16, attributes: &[u8]) -> [u8; INTEGRITY_LEN] {
        let mut header = *header;
        put(&mut header, 2, &length.to_be_bytes());
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&header);
        context.update(attributes);
        let mut tag = [0u8; INTEGRITY_LEN];
        for (byte, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *byte = *from;
        }
        tag
    }
}

/// A STUN message whose structure has been checked, and whose FINGERPRINT is right if it has one.
/// Nothing in it is authentic until [`StunMessage::verify`].
#[derive(Clone, Copy)]
pub struct StunMessage<'a> {
    bytes: &'a [u8],
    header: &'a [u8; HEADER_LEN],
    /// Where MESSAGE-INTEGRITY begins; attributes behind it are not read (RFC 8489 §14.5).
    integrity_at: Option<usize>,
    has_fingerprint: bool,
}

impl<'a> StunMessage<'a> {
    /// Checks structure and fingerprint.
    ///
    /// # Errors
    /// [`StunError`] when the bytes are not one well-formed message.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, StunError> {
        let header = bytes.first_chunk::<HEADER_LEN>().ok_or(StunError::Truncated)?;
        if header[0] & 0xC0 != 0 || u32_at(bytes, 4) != Some(MAGIC_COOKIE) {
            return Err(StunError::NotStun);
        }
        let length = usize::from(u16_at(bytes, 2).ok_or(StunError::Truncated)?);
        if !length.is_multiple_of(4) || HEADER_LEN + length != bytes.len() {
            return Err(StunError::Truncated);
        }
        let mut message = Self {
            bytes,
            header,
            integrity_at: None,
            has_fingerprint: false,
        };
        let mut at = HEADER_LEN;
        while at < bytes.len() {
            let (kind, value, next) = attribute_at(bytes, at).ok_or(StunError::Truncated)?;
            if message.has_fingerprint {
                return Err(StunError::Fingerprint);
            }
            if kind == MESSAGE_INTEGRITY && message.integrity_at.is_none() {
                message.integrity_at = Some(at);
            }
            if kind == FINGERPRINT {
                let covered = bytes.get(..at).ok_or(StunError::Truncated)?;
                if value != (crc32(covered) ^ FINGERPRINT_MASK).to_be_bytes() {
                    return Err(StunError::Fingerprint);
                }
                message.has_fingerprint = true;
            }
            at = next;
        }
        Ok(message)
    }

    /// The type field: class and method.
    #[must_use]
    pub fn message_type(&self) -> u16 {
        u16_at(self.bytes, 0).unwrap_or_default()
    }

    /// The transaction id.
    #[must_use]
    pub fn transaction_id(&self) -> [u8; 12] {
        self.header.last_chunk().copied().unwrap_or_default()
    }

    /// Whether a FINGERPRINT is there (it was right, then).
    #[must_use]
    pub const fn has_fingerprint(&self) -> bool {
        self.has_fingerprint
    }

    /// Whether a MESSAGE-INTEGRITY made with `key` is there.
    #[must_use]
    pub fn verify(&self, key: &IntegrityKey) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let Some((_, tag, next)) = attribute_at(self.bytes, at) else {
            return false;
        };
        let (Some(attributes), Ok(length)) =
            (self.bytes.get(HEADER_LEN..at), u16::try_from(next - HEADER_LEN))
        else {
            return false;
        };
        let expected = key.tag(self.header, length, attributes);
        aws_lc_rs::constant_time::verify_slices_are_equal(&expected, tag).is_ok()
    }

    /// The attributes in front of MESSAGE-INTEGRITY (all of them when there is none), with their types.
    pub fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let bytes = self
            .bytes
            .get(..self.integrity_at.unwrap_or(self.bytes.len()))
            .unwrap_or_default();
        let mut at = HEADER_LEN;
        std::iter::from_fn(move || {
            let (kind, value, next) = attribute_at(bytes, at)?;
            at = next;
            Some((kind, value))
        })
    }

    /// The value of the first attribute of type `kind` that integrity covers.
    #[must_use]
    pub fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes()
            .find(|(found, _)| *found == kind)
            .map(|(_, value)| value)
    }

    /// The address in XOR-MAPPED-ADDRESS.
    #[must_use]
    pub fn xor_mapped_address(&self) -> Option<SocketAddr> {
        let value = self.attribute(XOR_MAPPED_ADDRESS)?;
        let [cookie_high, cookie_low, ..] = MAGIC_COOKIE.to_be_bytes();
        let port = u16_at(value, 2)? ^ u16::from_be_bytes([cookie_high, cookie_low]);
        let ip = match (value.get(1)?, value.get(4..)?) {
            (1, address) => IpAddr::from((u32_at(address, 0)? ^ MAGIC_COOKIE).to_be_bytes()),
            (2, address) => {
                let mut address = *address.first_chunk::<16>()?;
                self.mask_v6(&mut address);
                IpAddr::from(address)
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    fn mask_v6(&self, address: &mut [u8; 16]) {
        for (byte, mask) in address.iter_mut().zip(self.header.iter().skip(4)) {
            *byte ^= mask;
        }
    }
}

/// The USERNAME of a datagram that claims to be STUN, for finding the candidate peer. Nothing about it is
/// authentic.
#[must_use]
pub fn username(datagram: &[u8]) -> Option<&[u8]> {
    if u32_at(datagram, 4) != Some(MAGIC_COOKIE) {
        return None;
    }
    let mut at = HEADER_LEN;
    loop {
        let (kind, value, next) = attribute_at(datagram, at)?;
        if kind == USERNAME {
            return Some(value);
        }
        at = next;
    }
}

/// Type and value of the attribute at `at`, and where the next one begins.
fn attribute_at(bytes: &[u8], at: usize) -> Option<(u16, &[u8], usize)> {
    let kind = u16_at(bytes, at)?;
    let len = usize::from(u16_at(bytes, at + 2)?);
    let start = at + ATTRIBUTE_HEADER_LEN;
    let value = bytes.get(start..start + len)?;
    let next = start + len.next_multiple_of(4);
    if next > bytes.len() {
        None
    } else {
        Some((kind, value, next))
    }
}

/// Writes a STUN message into a buffer, attribute by attribute.
pub struct StunWriter {
    bytes: Vec<u8>,
}

impl StunWriter {
    /// Starts a message.
    #[must_use]
    pub fn new(message_type: u16, transaction_id: &[u8; 12]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&message_type.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        bytes.extend_from_slice(transaction_id);
        Self { bytes }
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// [`StunError::NoRoom`] when the message would be longer than its length field can say.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> Result<&mut Self, StunError> {
        let len = u16::try_from(value.len()).map_err(|_| StunError::NoRoom)?;
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length(0)?;
        Ok(self)
    }

    /// Appends XOR-MAPPED-ADDRESS.
    ///
    /// # Errors
    /// [`StunError::NoRoom`].
    pub fn xor_mapped_address(&mut self, address: SocketAddr) -> Result<&mut Self, StunError> {
        // Cookie and transaction id lie one behind the other in the header: exactly the mask.
        let mask = self
            .bytes
            .get(4..HEADER_LEN)
            .and_then(|mask| mask.first_chunk::<16>())
            .copied();
        let mask = mask.ok_or(StunError::NoRoom)?;
        let mut value = [0u8; 20];
        let mut port = address.port().to_be_bytes();
        xor(&mut port, &mask);
        put(&mut value, 2, &port);
        let len = match address.ip() {
            IpAddr::V4(ip) => {
                let mut octets = ip.octets();
                xor(&mut octets, &mask);
                value[1] = 1;
                put(&mut value, 4, &octets);
                8
            }
            IpAddr::V6(ip) => {
                let mut octets = ip.octets();
                xor(&mut octets, &mask);
                value[1] = 2;
                put(&mut value, 4, &octets);
                20
            }
        };
        self.attribute(XOR_MAPPED_ADDRESS, value.get(..len).unwrap_or_default())
    }

    /// Appends MESSAGE-INTEGRITY and FINGERPRINT and returns the finished message.
    ///
    /// # Errors
    /// [`StunError::NoRoom`].
    pub fn finish(mut self, key: &IntegrityKey) -> Result<Vec<u8>, StunError> {
        let length = self.set_length(ATTRIBUTE_HEADER_LEN + INTEGRITY_LEN)?;
        let (header, attributes) = self
            .bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(StunError::NoRoom)?;
        let tag = key.tag(header, length, attributes);
        self.attribute(MESSAGE_INTEGRITY, &tag)?;
        self.set_length(ATTRIBUTE_HEADER_LEN + FINGERPRINT_LEN)?;
        let fingerprint = crc32(&self.bytes) ^ FINGERPRINT_MASK;
        self.attribute(FINGERPRINT, &fingerprint.to_be_bytes())?;
        Ok(self.bytes)
    }

    /// Sets the length field to what is written plus `more`.
    fn set_length(&mut self, more: usize) -> Result<u16, StunError> {
        let length = u16::try_from(self.bytes.len() - HEADER_LEN + more).map_err(|_| StunError::NoRoom)?;
        put(&mut self.bytes, 2, &length.to_be_bytes()).ok_or(StunError::NoRoom)?;
        Ok(length)
    }
}

fn xor(bytes: &mut [u8], mask: &[u8]) {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// CRC-32 as in ITU V.42 (RFC 8489 §14.7).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        let [.., low] = crc.to_be_bytes();
        let entry = CRC_TABLE
            .get(usize::from(low ^ byte))
            .copied()
            .unwrap_or_default();
        crc = (crc >> 8) ^ entry;
    }
    !crc
}

const CRC_TABLE: [u32; 256] = crc_table();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated at compile time"
)]
const fn crc_table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut at = 0usize;
    while at < table.len() {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 {
                crc >> 1
            } else {
                (crc >> 1) ^ 0xEDB8_8320
            };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

/// The FINGERPRINT of a hand-made message.
#[cfg(test)]
pub(crate) fn tests_crc(bytes: &[u8]) -> u32 {
    crc32(bytes) ^ FINGERPRINT_MASK
}

#[cfg(test)]
#[path = "stun_tests.rs"]
mod tests;
