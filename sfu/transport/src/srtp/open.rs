//! Opens what one peer seals: authentication first, then the replay window, then the plaintext.

use super::cipher::{
    Cipher, CipherError, GCM_TAG_LEN, SHA1_TAG_LEN, Traffic, gcm_open, rtcp_nonce, rtp_nonce,
};
use super::index::{IndexError, Sources, Window};
use super::{KeyError, MasterKey, OpenError, Profile};
use crate::reader::u32_at;
use crate::rtp::RtpView;

/// Sources one peer may send from. More are refused: a publisher needs a dozen, and nothing evicts an
/// entry because its replay window must outlive it.
const MAX_SOURCES: usize = 1024;
/// The clear part of an SRTCP packet: header and SSRC.
const RTCP_CLEAR_LEN: usize = 8;
/// The E bit of the SRTCP index word.
const ENCRYPTED: u32 = 1 << 31;

/// The receiving half of a peer's SRTP. Not `Clone`: its replay windows are the only ones.
pub struct SrtpReceiver {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_sources: Sources,
    rtcp_sources: Sources,
}

impl SrtpReceiver {
    /// Derives the session keys.
    ///
    /// # Errors
    /// [`KeyError`] when the crypto library refuses the key.
    pub fn new(profile: Profile, master: &MasterKey) -> Result<Self, KeyError> {
        Ok(Self {
            rtp: Cipher::derive(profile, master, Traffic::Rtp)?,
            rtcp: Cipher::derive(profile, master, Traffic::Rtcp)?,
            rtp_sources: Sources::new(MAX_SOURCES),
            rtcp_sources: Sources::new(MAX_SOURCES),
        })
    }

    /// Opens an SRTP packet in place; the plaintext packet is the first bytes of `packet`, as many as
    /// are returned. After an error the buffer's content is undefined.
    ///
    /// # Errors
    /// [`OpenError`]; no state has changed then.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        let view = RtpView::parse_header(packet).map_err(|_| OpenError::Malformed)?;
        let (ssrc, sequence, header_len) = (view.ssrc(), view.sequence_number(), view.header_len());
        match self.rtp_sources.find(ssrc) {
            Ok(window) => {
                let index = window.estimate(sequence).map_err(replay)?;
                window.check(index).map_err(replay)?;
                let len = open_rtp(&self.rtp, ssrc, index, header_len, packet)?;
                window.mark(index);
                Ok(len)
            }
            Err(vacancy) if vacancy.is_full() => Err(OpenError::TooManySources),
            Err(vacancy) => {
                let index = u64::from(sequence);
                let len = open_rtp(&self.rtp, ssrc, index, header_len, packet)?;
                let mut window = Window::starting_at(index);
                window.mark(index);
                vacancy.insert(window);
                Ok(len)
            }
        }
    }

    /// Opens an SRTCP packet in place; the plaintext compound packet is the first bytes of `packet`, as
    /// many as are returned. After an error the buffer's content is undefined.
    ///
    /// # Errors
    /// [`OpenError`]; no state has changed then.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        if packet.first().is_none_or(|first| first >> 6 != 2) {
            return Err(OpenError::Malformed);
        }
        let ssrc = u32_at(packet, 4).ok_or(OpenError::Malformed)?;
        let word_at = match &self.rtcp {
            Cipher::Gcm { .. } => packet.len().checked_sub(4),
            Cipher::Sha1(_) => packet.len().checked_sub(4 + SHA1_TAG_LEN),
        };
        let word_at = word_at
            .filter(|at| *at >= RTCP_CLEAR_LEN)
            .ok_or(OpenError::Malformed)?;
        let word = u32_at(packet, word_at).ok_or(OpenError::Malformed)?;
        if word & ENCRYPTED == 0 {
            return Err(OpenError::Unencrypted);
        }
        let index = word & !ENCRYPTED;
        match self.rtcp_sources.find(ssrc) {
            Ok(window) => {
                window.check(index.into()).map_err(replay)?;
                let len = open_rtcp(&self.rtcp, ssrc, index, word_at, packet)?;
                window.mark(index.into());
                Ok(len)
            }
            Err(vacancy) if vacancy.is_full() => Err(OpenError::TooManySources),
            Err(vacancy) => {
                let len = open_rtcp(&self.rtcp, ssrc, index, word_at, packet)?;
                let mut window = Window::starting_at(index.into());
                window.mark(index.into());
                vacancy.insert(window);
                Ok(len)
            }
        }
    }
}

fn open_rtp(
    cipher: &Cipher,
    ssrc: u32,
    index: u64,
    header_len: usize,
    packet: &mut [u8],
) -> Result<usize, OpenError> {
    match cipher {
        Cipher::Gcm { key, salt } => {
            let end = packet
                .len()
                .checked_sub(GCM_TAG_LEN)
                .ok_or(OpenError::Malformed)?;
            let (header, sealed) = packet
                .split_at_mut_checked(header_len)
                .ok_or(OpenError::Malformed)?;
            if end < header_len {
                return Err(OpenError::Malformed);
            }
            gcm_open(key, rtp_nonce(salt, ssrc, index), header, sealed)?;
            Ok(end)
        }
        Cipher::Sha1(cipher) => {
            let end = packet
                .len()
                .checked_sub(SHA1_TAG_LEN)
                .ok_or(OpenError::Malformed)?;
            let (packet, tag) = packet.split_at_mut_checked(end).ok_or(OpenError::Malformed)?;
            cipher.verify(packet, &roll_over_counter(index), tag)?;
            let text = packet.get_mut(header_len..).ok_or(OpenError::Malformed)?;
            cipher.apply(ssrc, index, text)?;
            Ok(end)
        }
    }
}

fn open_rtcp(
    cipher: &Cipher,
    ssrc: u32,
    index: u32,
    word_at: usize,
    packet: &mut [u8],
) -> Result<usize, OpenError> {
    match cipher {
        Cipher::Gcm { key, salt } => {
            let end = word_at.checked_sub(GCM_TAG_LEN).ok_or(OpenError::Malformed)?;
            if end < RTCP_CLEAR_LEN {
                return Err(OpenError::Malformed);
            }
            let aad = rtcp_aad(packet, index).ok_or(OpenError::Malformed)?;
            let sealed = packet
                .get_mut(RTCP_CLEAR_LEN..word_at)
                .ok_or(OpenError::Malformed)?;
            gcm_open(key, rtcp_nonce(salt, ssrc, index), &aad, sealed)?;
            Ok(end)
        }
        Cipher::Sha1(cipher) => {
            let (packet, tag) = packet
                .split_at_mut_checked(word_at + 4)
                .ok_or(OpenError::Malformed)?;
            cipher.verify(packet, &[], tag)?;
            let text = packet
                .get_mut(RTCP_CLEAR_LEN..word_at)
                .ok_or(OpenError::Malformed)?;
            cipher.apply(ssrc, index.into(), text)?;
            Ok(word_at)
        }
    }
}

/// The clear header and the index word, which lies behind the tag (RFC 7714 §9.2).
pub(super) fn rtcp_aad(packet: &[u8], index: u32) -> Option<[u8; 12]> {
    let header = packet.first_chunk::<RTCP_CLEAR_LEN>()?;
    let mut aad = [0u8; 12];
    for (byte, from) in aad
        .iter_mut()
        .zip(header.iter().chain(&(index | ENCRYPTED).to_be_bytes()))
    {
        *byte = *from;
    }
    Some(aad)
}

/// The bytes the HMAC covers behind the packet (RFC 3711 §4.2).
pub(super) fn roll_over_counter(index: u64) -> [u8; 4] {
    let [_, _, i0, i1, i2, i3, _, _] = index.to_be_bytes();
    [i0, i1, i2, i3]
}

fn replay(_: IndexError) -> OpenError {
    OpenError::Replay
}

impl From<CipherError> for OpenError {
    fn from(_: CipherError) -> Self {
        Self::Authentication
    }
}
