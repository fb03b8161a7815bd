//! Reads the SRTP profiles a ClientHello offers, before the handshake is configured.

use super::filter::{MAX_MESSAGE_LEN, records};
use crate::reader::u16_at;
use crate::srtp::Profile;

const CLIENT_HELLO: u8 = 1;
const USE_SRTP: u16 = 14;
const AEAD_AES_128_GCM: u16 = 0x0007;
/// Datagrams kept until the ClientHello is complete; further ones are dropped and come again.
const MAX_HELD: usize = 8;

/// Collects the first ClientHello, which may come in fragments and in any order.
#[derive(Default)]
pub(super) struct HelloBuffer {
    body: Vec<u8>,
    /// Which bytes of `body` have come.
    filled: Vec<bool>,
    held: Vec<Vec<u8>>,
}

impl HelloBuffer {
    /// Takes a filtered datagram. Once the ClientHello is complete, returns the profile to configure and
    /// the datagrams to feed the handshake with.
    pub(super) fn push(&mut self, datagram: Vec<u8>) -> Option<(Profile, Vec<Vec<u8>>)> {
        if self.held.len() >= MAX_HELD {
            // What is held does not make a hello: begin anew, so that the client's repeat gets a chance.
            *self = Self::default();
        }
        for fragment in records(&datagram)
            .filter_map(|record| record.fragments())
            .flatten()
        {
            if fragment.message_type != CLIENT_HELLO || fragment.message_sequence != 0 {
                continue;
            }
            if self.body.len() != fragment.message_len {
                self.body = vec![0; fragment.message_len.min(MAX_MESSAGE_LEN)];
                self.filled = vec![false; self.body.len()];
            }
            let range = fragment.offset..fragment.offset + fragment.data.len();
            if let (Some(body), Some(filled)) = (self.body.get_mut(range.clone()), self.filled.get_mut(range))
            {
                body.copy_from_slice(fragment.data);
                filled.fill(true);
            }
        }
        self.held.push(datagram);
        if self.body.is_empty() || self.filled.contains(&false) {
            return None;
        }
        let profile = choose(&self.body);
        Some((profile, std::mem::take(&mut self.held)))
    }
}

/// GCM if the client has it anywhere in its list, else the fallback. A client with neither gets the
/// fallback too, and the handshake refuses it.
fn choose(client_hello: &[u8]) -> Profile {
    let gcm = profiles(client_hello).is_some_and(|list| {
        list.chunks_exact(2)
            .any(|id| id == AEAD_AES_128_GCM.to_be_bytes())
    });
    if gcm {
        Profile::AeadAes128Gcm
    } else {
        Profile::Aes128CmHmacSha1_80
    }
}

/// The profile list of a ClientHello's use_srtp extension (RFC 5246 §7.4.1.2, RFC 6347 §4.2.1, RFC 5764
/// §4.1.1).
fn profiles(hello: &[u8]) -> Option<&[u8]> {
    // Version and random.
    let rest = hello.get(34..)?;
    let (_session_id, rest) = vector8(rest)?;
    let (_cookie, rest) = vector8(rest)?;
    let (_suites, rest) = vector16(rest)?;
    let (_compression, rest) = vector8(rest)?;
    let (mut extensions, _) = vector16(rest)?;
    loop {
        let kind = u16_at(extensions, 0)?;
        let (data, behind) = vector16(extensions.get(2..)?)?;
        if kind == USE_SRTP {
            return Some(vector16(data)?.0);
        }
        extensions = behind;
    }
}

fn vector8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    rest.split_at_checked(len.into())
}

fn vector16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = u16_at(bytes, 0)?;
    bytes.get(2..)?.split_at_checked(len.into())
}
