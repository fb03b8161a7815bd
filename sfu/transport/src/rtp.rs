//! RTP packets: a view that reads header, extensions and payload range, and a builder for headers.
//!
//! RFC 3550 §5.1 (header), RFC 8285 §4 (one- and two-byte extensions). Nothing here allocates.

use std::ops::Range;

use crate::reader::{put, u16_at, u32_at};

/// The fixed part of an RTP header, in bytes.
pub const FIXED_HEADER_LEN: usize = 12;

const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// The low four bits of the two-byte profile are the application's (RFC 8285 §4.3).
const TWO_BYTE_PROFILE: u16 = 0x1000;
const TWO_BYTE_PROFILE_MASK: u16 = 0xFFF0;

/// Why bytes are not an RTP packet, or why a header could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// The packet ends before its header does.
    #[error("RTP packet is truncated")]
    Truncated,
    /// The version field is not 2.
    #[error("RTP version is not 2")]
    Version,
    /// The padding count is zero or larger than the payload.
    #[error("RTP padding is malformed")]
    Padding,
    /// The output buffer is too small for the header.
    #[error("no room for the RTP header")]
    NoRoom,
    /// An extension's id or length cannot be carried by the chosen form.
    #[error("RTP header extension cannot be encoded")]
    Extension,
}

/// One RTP header extension element (RFC 8285).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The id negotiated in SDP (`a=extmap`).
    pub id: u8,
    /// The element's data.
    pub data: &'a [u8],
}

/// A parsed RTP packet: the proof that the header is well formed.
#[derive(Clone, Copy)]
pub struct RtpView<'a> {
    packet: &'a [u8],
    /// Where the extension elements lie, and their profile; empty when there is no extension.
    extension_profile: u16,
    extension_start: usize,
    header_len: usize,
    payload_end: usize,
}

impl<'a> RtpView<'a> {
    /// Parses a plaintext RTP packet.
    ///
    /// # Errors
    /// [`RtpError`] when the header, extension or padding does not fit the packet.
    pub fn parse(packet: &'a [u8]) -> Result<Self, RtpError> {
        let view = Self::parse_header(packet)?;
        let first = packet.first().ok_or(RtpError::Truncated)?;
        if first & 0x20 == 0 {
            return Ok(view);
        }
        let count = usize::from(*packet.last().ok_or(RtpError::Truncated)?);
        let payload_end = packet.len().checked_sub(count).ok_or(RtpError::Padding)?;
        if count == 0 || payload_end < view.header_len {
            return Err(RtpError::Padding);
        }
        Ok(Self { payload_end, ..view })
    }

    /// Parses only the header, as SRTP needs before the payload is decrypted: the padding count is
    /// still encrypted, so the payload range runs to the end of `packet`.
    ///
    /// # Errors
    /// [`RtpError`] when the header or extension does not fit the packet.
    pub fn parse_header(packet: &'a [u8]) -> Result<Self, RtpError> {
        let first = *packet.first().ok_or(RtpError::Truncated)?;
        if first >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let csrc_end = FIXED_HEADER_LEN + usize::from(first & 0x0F) * 4;
        let (extension_profile, extension_start, header_len) = if first & 0x10 == 0 {
            (0, csrc_end, csrc_end)
        } else {
            let profile = u16_at(packet, csrc_end).ok_or(RtpError::Truncated)?;
            let words = u16_at(packet, csrc_end + 2).ok_or(RtpError::Truncated)?;
            let start = csrc_end + 4;
            (profile, start, start + usize::from(words) * 4)
        };
        if header_len > packet.len() {
            return Err(RtpError::Truncated);
        }
        Ok(Self {
            packet,
            extension_profile,
            extension_start,
            header_len,
            payload_end: packet.len(),
        })
    }

    /// The marker bit.
    #[must_use]
    pub fn marker(&self) -> bool {
        self.second() & 0x80 != 0
    }

    /// The payload type, 0-127.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        self.second() & 0x7F
    }

    /// The sequence number.
    #[must_use]
    pub fn sequence_number(&self) -> u16 {
        u16_at(self.packet, 2).unwrap_or_default()
    }

    /// The timestamp, in units of the codec's clock.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        u32_at(self.packet, 4).unwrap_or_default()
    }

    /// The synchronisation source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        u32_at(self.packet, 8).unwrap_or_default()
    }

    /// The length of the whole header including CSRCs and extension, in bytes.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// Where the payload lies in the packet, without padding.
    #[must_use]
    pub fn payload_range(&self) -> Range<usize> {
        self.header_len..self.payload_end
    }

    /// The payload, without padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.packet.get(self.payload_range()).unwrap_or_default()
    }

    /// How many bytes of padding follow the payload.
    #[must_use]
    pub fn padding_len(&self) -> usize {
        self.packet.len().saturating_sub(self.payload_end)
    }

    /// The header extension elements, in packet order. A malformed tail ends the iteration.
    #[must_use]
    pub fn extensions(&self) -> ExtensionIter<'a> {
        let form = match self.extension_profile {
            ONE_BYTE_PROFILE => Form::OneByte,
            profile if profile & TWO_BYTE_PROFILE_MASK == TWO_BYTE_PROFILE => Form::TwoByte,
            _ => {
                return ExtensionIter {
                    rest: &[],
                    form: Form::OneByte,
                };
            }
        };
        let rest = self
            .packet
            .get(self.extension_start..self.header_len)
            .unwrap_or_default();
        ExtensionIter { rest, form }
    }

    /// The data of the first extension element with `id`.
    #[must_use]
    pub fn extension(&self, id: u8) -> Option<&'a [u8]> {
        self.extensions()
            .find(|extension| extension.id == id)
            .map(|extension| extension.data)
    }

    /// The whole packet.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.packet
    }

    fn second(&self) -> u8 {
        self.packet.get(1).copied().unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
enum Form {
    OneByte,
    TwoByte,
}

/// Iterator over the extension elements of one packet.
#[derive(Clone, Copy)]
pub struct ExtensionIter<'a> {
    rest: &'a [u8],
    form: Form,
}

impl<'a> Iterator for ExtensionIter<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        loop {
            let (&head, rest) = self.rest.split_first()?;
            if head == 0 {
                // A padding byte between elements (RFC 8285 §4.1.2).
                self.rest = rest;
                continue;
            }
            let (id, len, rest) = match self.form {
                // Id 15 means "stop" (RFC 8285 §4.2).
                Form::OneByte if head >> 4 == 15 => {
                    self.rest = &[];
                    return None;
                }
                Form::OneByte => (head >> 4, usize::from(head & 0x0F) + 1, rest),
                Form::TwoByte => {
                    let (&len, rest) = rest.split_first()?;
                    (head, usize::from(len), rest)
                }
            };
            let Some((data, rest)) = rest.split_at_checked(len) else {
                self.rest = &[];
                return None;
            };
            self.rest = rest;
            if id == 0 {
                // One-byte form: id 0 with a length is padding with a body; skip it.
                continue;
            }
            return Some(Extension { id, data });
        }
    }
}

/// The fixed fields of a header to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// The marker bit.
    pub marker: bool,
    /// The payload type; only the low seven bits are written.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence_number: u16,
    /// The timestamp, in units of the codec's clock.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}

impl RtpHeader {
    /// Writes the header with `extensions` to the front of `out` and returns its length. The
    /// one-byte form is used when every element fits it, the two-byte form otherwise.
    ///
    /// # Errors
    /// [`RtpError::NoRoom`] when `out` is too small, [`RtpError::Extension`] for id 0 or data over
    /// 255 bytes.
    pub fn write(&self, extensions: &[Extension<'_>], out: &mut [u8]) -> Result<usize, RtpError> {
        let has_extension = !extensions.is_empty();
        let marker = u8::from(self.marker) << 7;
        let mut fixed = [0u8; FIXED_HEADER_LEN];
        fixed[0] = 0x80 | (u8::from(has_extension) << 4);
        fixed[1] = marker | (self.payload_type & 0x7F);
        fixed[2..4].copy_from_slice(&self.sequence_number.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        put(out, 0, &fixed).ok_or(RtpError::NoRoom)?;
        if !has_extension {
            return Ok(FIXED_HEADER_LEN);
        }
        write_extensions(extensions, out)
    }
}

fn write_extensions(extensions: &[Extension<'_>], out: &mut [u8]) -> Result<usize, RtpError> {
    let one_byte = extensions
        .iter()
        .all(|e| (1..=14).contains(&e.id) && (1..=16).contains(&e.data.len()));
    let mut at = FIXED_HEADER_LEN + 4;
    for extension in extensions {
        let len = u8::try_from(extension.data.len()).map_err(|_| RtpError::Extension)?;
        if extension.id == 0 {
            return Err(RtpError::Extension);
        }
        if one_byte {
            put(out, at, &[(extension.id << 4) | (len - 1)]).ok_or(RtpError::NoRoom)?;
            at += 1;
        } else {
            put(out, at, &[extension.id, len]).ok_or(RtpError::NoRoom)?;
            at += 2;
        }
        put(out, at, extension.data).ok_or(RtpError::NoRoom)?;
        at += extension.data.len();
    }
    while !at.is_multiple_of(4) {
        put(out, at, &[0]).ok_or(RtpError::NoRoom)?;
        at += 1;
    }
    let words = u16::try_from((at - FIXED_HEADER_LEN - 4) / 4).map_err(|_| RtpError::Extension)?;
    let profile = if one_byte {
        ONE_BYTE_PROFILE
    } else {
        TWO_BYTE_PROFILE
    };
    put(out, FIXED_HEADER_LEN, &profile.to_be_bytes()).ok_or(RtpError::NoRoom)?;
    put(out, FIXED_HEADER_LEN + 2, &words.to_be_bytes()).ok_or(RtpError::NoRoom)?;
    Ok(at)
}

#[cfg(test)]
#[path = "rtp_tests.rs"]
mod tests;
