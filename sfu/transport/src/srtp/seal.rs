//! Seals what goes to one peer: never two different packets with one index.
//!
//! Browsers take sound again only under its own number, and so under its own index. Sealing the same bytes again gives
//! the same bytes, which tells nobody anything; other bytes would give away the key's authentication. So the front of
//! each tag is remembered, and what comes out with another one is not given out.

use super::cipher::{
    Cipher, CipherError, GCM_TAG_LEN, SHA1_TAG_LEN, Traffic, gcm_seal, rtcp_nonce, rtp_nonce,
};
use super::index::{IndexError, Mark, Sources, Window};
use super::open::{roll_over_counter, rtcp_aad};
use super::{KeyError, MasterKey, Profile, SealError};
use crate::reader::{put, u32_at};
use crate::rtp::RtpView;

/// Sources one peer may be sent. More are refused.
const MAX_SOURCES: usize = 8192;
/// The clear part of an SRTCP packet: header and SSRC.
const RTCP_CLEAR_LEN: usize = 8;
/// The E bit of the SRTCP index word, and so the end of the index.
const ENCRYPTED: u32 = 1 << 31;

/// The sending half of a peer's SRTP. Not `Clone`: two senders with one key would reuse nonces.
pub struct SrtpSender {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
    /// One counter for all SSRCs: each of them sees it grow, with gaps.
    next_rtcp_index: u32,
}

/// The right to seal one RTP packet. It can neither be copied nor made elsewhere, and sealing takes it,
/// so an index is used once even if sealing fails.
struct RtpClaim {
    ssrc: u32,
    index: u64,
    /// What the packet has to come out with: it was sealed before.
    before: Option<Mark>,
}

/// The right to seal one RTCP packet.
struct RtcpClaim {
    ssrc: u32,
    index: u32,
}

impl SrtpSender {
    /// Derives the session keys. Give each master key to one sender only.
    ///
    /// # Errors
    /// [`KeyError`] when the crypto library refuses the key.
    pub fn new(profile: Profile, master: &MasterKey) -> Result<Self, KeyError> {
        Ok(Self {
            rtp: Cipher::derive(profile, master, Traffic::Rtp)?,
            rtcp: Cipher::derive(profile, master, Traffic::Rtcp)?,
            sources: Sources::new(MAX_SOURCES),
            next_rtcp_index: 0,
        })
    }

    /// Seals the RTP packet in the first `len` bytes of `buffer` in place and returns the sealed
    /// length. `buffer` must have [`super::RTP_OVERHEAD`] bytes more than `len`.
    ///
    /// One of the last 32 packets of its source is sealed again if it is the same; the first time that a source's
    /// packet is to be, none are remembered yet, and it is refused.
    ///
    /// # Errors
    /// [`SealError`]; the buffer must not be sent then.
    pub fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        let packet = buffer.get(..len).ok_or(SealError::NoRoom)?;
        let view = RtpView::parse_header(packet).map_err(|_| SealError::Malformed)?;
        let (ssrc, sequence, header_len) = (view.ssrc(), view.sequence_number(), view.header_len());
        let overhead = match &self.rtp {
            Cipher::Gcm { .. } => GCM_TAG_LEN,
            Cipher::Sha1(_) => SHA1_TAG_LEN,
        };
        let sealed = buffer.get_mut(..len + overhead).ok_or(SealError::NoRoom)?;
        let claim = self.claim_rtp(ssrc, sequence)?;
        let (index, before) = (claim.index, claim.before);
        let (len, mark) = seal_rtp(&self.rtp, claim, header_len, sealed)?;
        match before {
            Some(before) if before != mark => {
                sealed.fill(0);
                return Err(SealError::IndexReused);
            }
            Some(_) => {}
            None => {
                if let Ok(window) = self.sources.find(ssrc) {
                    window.remember(index, mark);
                }
            }
        }
        Ok(len)
    }

    /// Seals the RTCP packet in the first `len` bytes of `buffer` in place and returns the sealed
    /// length. `buffer` must have [`super::RTCP_OVERHEAD`] bytes more than `len`.
    ///
    /// # Errors
    /// [`SealError`]; the buffer must not be sent then.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SealError> {
        let packet = buffer.get(..len).ok_or(SealError::NoRoom)?;
        if len < RTCP_CLEAR_LEN || packet.first().is_none_or(|first| first >> 6 != 2) {
            return Err(SealError::Malformed);
        }
        let ssrc = u32_at(packet, 4).ok_or(SealError::Malformed)?;
        let overhead = match &self.rtcp {
            Cipher::Gcm { .. } => GCM_TAG_LEN + 4,
            Cipher::Sha1(_) => SHA1_TAG_LEN + 4,
        };
        let sealed = buffer.get_mut(..len + overhead).ok_or(SealError::NoRoom)?;
        let claim = self.claim_rtcp(ssrc)?;
        seal_rtcp(&self.rtcp, claim, len, sealed)
    }

    fn claim_rtp(&mut self, ssrc: u32, sequence: u16) -> Result<RtpClaim, SealError> {
        match self.sources.find(ssrc) {
            Ok(window) => {
                let index = window.estimate(sequence)?;
                let before = match window.check(index) {
                    Ok(()) => None,
                    Err(IndexError::Seen) => Some(window.recall(index).ok_or(SealError::IndexReused)?),
                    Err(error) => return Err(error.into()),
                };
                window.mark(index);
                Ok(RtpClaim { ssrc, index, before })
            }
            Err(vacancy) if vacancy.is_full() => Err(SealError::TooManySources),
            Err(vacancy) => {
                let index = u64::from(sequence);
                let mut window = Window::starting_at(index);
                window.mark(index);
                vacancy.insert(window);
                Ok(RtpClaim {
                    ssrc,
                    index,
                    before: None,
                })
            }
        }
    }

    fn claim_rtcp(&mut self, ssrc: u32) -> Result<RtcpClaim, SealError> {
        let index = self.next_rtcp_index;
        if index >= ENCRYPTED {
            return Err(SealError::Exhausted);
        }
        self.next_rtcp_index = index + 1;
        Ok(RtcpClaim { ssrc, index })
    }
}

fn seal_rtp(
    cipher: &Cipher,
    claim: RtpClaim,
    header_len: usize,
    sealed: &mut [u8],
) -> Result<(usize, Mark), SealError> {
    let RtpClaim { ssrc, index, .. } = claim;
    let total = sealed.len();
    let mark = match cipher {
        Cipher::Gcm { key, salt } => {
            let (packet, slot) = sealed
                .split_at_mut_checked(total - GCM_TAG_LEN)
                .ok_or(SealError::NoRoom)?;
            let (header, text) = packet
                .split_at_mut_checked(header_len)
                .ok_or(SealError::Malformed)?;
            let tag = gcm_seal(key, rtp_nonce(salt, ssrc, index), header, text)?;
            put(slot, 0, &tag).ok_or(SealError::NoRoom)?;
            front(&tag)
        }
        Cipher::Sha1(cipher) => {
            let (packet, slot) = sealed
                .split_at_mut_checked(total - SHA1_TAG_LEN)
                .ok_or(SealError::NoRoom)?;
            cipher.apply(
                ssrc,
                index,
                packet.get_mut(header_len..).ok_or(SealError::Malformed)?,
            )?;
            let tag = cipher.tag(packet, &roll_over_counter(index));
            put(slot, 0, &tag).ok_or(SealError::NoRoom)?;
            front(&tag)
        }
    };
    Ok((total, mark))
}

fn front(tag: &[u8]) -> Mark {
    Mark(tag.first_chunk().copied().unwrap_or_default())
}

fn seal_rtcp(cipher: &Cipher, claim: RtcpClaim, len: usize, sealed: &mut [u8]) -> Result<usize, SealError> {
    let RtcpClaim { ssrc, index } = claim;
    let word = (index | ENCRYPTED).to_be_bytes();
    match cipher {
        Cipher::Gcm { key, salt } => {
            let aad = rtcp_aad(sealed, index).ok_or(SealError::Malformed)?;
            let text = sealed.get_mut(RTCP_CLEAR_LEN..len).ok_or(SealError::Malformed)?;
            let tag = gcm_seal(key, rtcp_nonce(salt, ssrc, index), &aad, text)?;
            put(sealed, len, &tag).ok_or(SealError::NoRoom)?;
            put(sealed, len + GCM_TAG_LEN, &word).ok_or(SealError::NoRoom)?;
        }
        Cipher::Sha1(cipher) => {
            let text = sealed.get_mut(RTCP_CLEAR_LEN..len).ok_or(SealError::Malformed)?;
            cipher.apply(ssrc, index.into(), text)?;
            put(sealed, len, &word).ok_or(SealError::NoRoom)?;
            let tag = cipher.tag(sealed.get(..len + 4).ok_or(SealError::NoRoom)?, &[]);
            put(sealed, len + 4, &tag).ok_or(SealError::NoRoom)?;
        }
    }
    Ok(sealed.len())
}

impl From<IndexError> for SealError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Seen | IndexError::TooOld => Self::IndexReused,
            IndexError::Exhausted => Self::Exhausted,
        }
    }
}

impl From<CipherError> for SealError {
    fn from(_: CipherError) -> Self {
        Self::Cipher
    }
}
