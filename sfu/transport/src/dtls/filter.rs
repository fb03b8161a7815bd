//! Lets only sane DTLS records through to the handshake, and not too many of them.
//!
//! `rtc-dtls` keeps every fragment it is given and reassembles by recursion, so fragments without data
//! or without end would let a peer eat memory and stack. Unencrypted alerts are dropped: anybody on the
//! path can forge one, and a handshake that really failed ends at its deadline.

use std::ops::Range;

use crate::reader::{u16_at, u24_at};

/// A larger datagram is not DTLS of a browser's.
const MAX_DATAGRAM_LEN: usize = 4096;
/// Records that may reach the handshake before it is done. A handshake without loss has about 8.
const HANDSHAKE_RECORDS: u16 = 512;
/// Records that may reach the association afterwards: repeats of the last flight and a goodbye.
const LATER_RECORDS: u16 = 64;
/// The longest encrypted record of interest, a Finished or an alert, with room for any cipher.
const MAX_ENCRYPTED_LEN: usize = 128;
/// The longest handshake message, in bytes: a certificate with a large RSA key has two thousand.
pub(super) const MAX_MESSAGE_LEN: usize = 8192;

const RECORD_HEADER_LEN: usize = 13;
const MESSAGE_HEADER_LEN: usize = 12;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Messages a client sends in a handshake, counting restarts.
const MAX_MESSAGE_SEQUENCE: u16 = 64;

/// One DTLS record of a datagram.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    kind: u8,
    pub(super) epoch: u16,
    /// The whole record, with its header.
    pub(super) bytes: &'a [u8],
    body: &'a [u8],
}

/// One handshake message or fragment of one, in an unencrypted record.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub(super) message_type: u8,
    pub(super) message_len: usize,
    pub(super) message_sequence: u16,
    pub(super) offset: usize,
    pub(super) data: &'a [u8],
}

/// The records of a datagram; a malformed one ends the iteration.
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let len = RECORD_HEADER_LEN + usize::from(u16_at(rest, 11)?);
        let (bytes, behind) = rest.split_at_checked(len)?;
        rest = behind;
        Some(Record {
            kind: *bytes.first()?,
            epoch: u16_at(bytes, 3)?,
            bytes,
            body: bytes.get(RECORD_HEADER_LEN..)?,
        })
    })
}

impl<'a> Record<'a> {
    /// The handshake messages of an unencrypted handshake record; `None` unless all are sound.
    pub(super) fn fragments(&self) -> Option<impl Iterator<Item = Fragment<'a>> + use<'a>> {
        if self.kind != HANDSHAKE || self.epoch != 0 || self.body.is_empty() {
            return None;
        }
        let body = self.body;
        let mut check = body;
        while !check.is_empty() {
            let (_, behind) = fragment(check)?;
            check = behind;
        }
        let mut rest = body;
        Some(std::iter::from_fn(move || {
            let (fragment, behind) = fragment(rest)?;
            rest = behind;
            Some(fragment)
        }))
    }
}

/// Reads the fragment in front of `bytes`; `None` when anything about it is off.
fn fragment(bytes: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let message_type = *bytes.first()?;
    let message_len = usize::try_from(u24_at(bytes, 1)?).ok()?;
    let message_sequence = u16_at(bytes, 4)?;
    let offset = usize::try_from(u24_at(bytes, 6)?).ok()?;
    let len = usize::try_from(u24_at(bytes, 9)?).ok()?;
    let data: Range<usize> = MESSAGE_HEADER_LEN..MESSAGE_HEADER_LEN + len;
    let (data, behind) = (bytes.get(data)?, bytes.get(MESSAGE_HEADER_LEN + len..)?);
    let is_whole = len == message_len;
    let sound = message_len <= MAX_MESSAGE_LEN
        && offset + len <= message_len
        && message_sequence <= MAX_MESSAGE_SEQUENCE
        // Only the message that has no content may have an empty fragment.
        && (len > 0 || message_len == 0)
        // `rtc-dtls` takes a fragment to fill its record unless it is a whole message.
        && (is_whole || behind.is_empty());
    sound.then_some((
        Fragment {
            message_type,
            message_len,
            message_sequence,
            offset,
            data,
        },
        behind,
    ))
}

/// Counts and judges the records of one association.
pub(super) struct Filter {
    left: u16,
    established: bool,
}

impl Filter {
    pub(super) const fn new() -> Self {
        Self {
            left: HANDSHAKE_RECORDS,
            established: false,
        }
    }

    /// The handshake is done: from now on only goodbyes and repeats of the last flight are of interest.
    pub(super) const fn establish(&mut self) {
        self.established = true;
        self.left = LATER_RECORDS;
    }

    /// Copies the records of `datagram` that may go on to `out`; `false` when there are none.
    pub(super) fn pass(&mut self, datagram: &[u8], out: &mut Vec<u8>) -> bool {
        if datagram.len() > MAX_DATAGRAM_LEN {
            return false;
        }
        for record in records(datagram) {
            if self.left == 0 {
                break;
            }
            if self.is_welcome(&record) {
                self.left -= 1;
                out.extend_from_slice(record.bytes);
            }
        }
        !out.is_empty()
    }

    fn is_welcome(&self, record: &Record<'_>) -> bool {
        match (record.epoch, record.kind) {
            (0, HANDSHAKE) => record.fragments().is_some(),
            (0, CHANGE_CIPHER_SPEC) => record.body == [1],
            (1, ALERT) => record.body.len() <= MAX_ENCRYPTED_LEN,
            (1, HANDSHAKE) => !self.established && record.body.len() <= MAX_ENCRYPTED_LEN,
            _ => false,
        }
    }
}
