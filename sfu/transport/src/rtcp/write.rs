//! Builds a compound RTCP packet in a caller's buffer.

use super::{ReportBlock, RtcpError, SenderReport, TwccPacket, twcc};
use crate::reader::put;

const NO_ROOM: RtcpError = RtcpError::NoRoom;

/// Writes RTCP packets one behind the other. An error leaves what was written before intact.
///
/// The result is plaintext: leave `srtp::RTCP_OVERHEAD` bytes behind it for sealing.
pub struct RtcpWriter<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> RtcpWriter<'a> {
    /// Starts an empty compound packet in `out`.
    #[must_use]
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an SR with up to 31 report blocks (RFC 3550 §6.4.1).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`], or [`RtcpError::TooMany`] for more than 31 blocks.
    pub fn sender_report(&mut self, report: &SenderReport, blocks: &[ReportBlock]) -> Result<(), RtcpError> {
        let mut body = [0u8; 24];
        body[0..4].copy_from_slice(&report.ssrc.to_be_bytes());
        body[4..12].copy_from_slice(&report.ntp_time.to_be_bytes());
        body[12..16].copy_from_slice(&report.rtp_timestamp.to_be_bytes());
        body[16..20].copy_from_slice(&report.packet_count.to_be_bytes());
        body[20..24].copy_from_slice(&report.octet_count.to_be_bytes());
        self.report(200, &body, blocks)
    }

    /// Appends an RR with up to 31 report blocks (RFC 3550 §6.4.2).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`], or [`RtcpError::TooMany`] for more than 31 blocks.
    pub fn receiver_report(&mut self, reporter: u32, blocks: &[ReportBlock]) -> Result<(), RtcpError> {
        self.report(201, &reporter.to_be_bytes(), blocks)
    }

    /// Appends an SDES with one CNAME (RFC 3550 §6.5.1).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`], or [`RtcpError::TooMany`] for a name over 255 bytes.
    pub fn cname(&mut self, ssrc: u32, cname: &str) -> Result<(), RtcpError> {
        let len = u8::try_from(cname.len()).map_err(|_| RtcpError::TooMany)?;
        let start = self.len;
        let mut at = start + 4;
        for part in [&ssrc.to_be_bytes()[..], &[1, len], cname.as_bytes()] {
            put(self.out, at, part).ok_or(NO_ROOM)?;
            at += part.len();
        }
        // At least one null ends the items, and the chunk is padded to a word.
        loop {
            put(self.out, at, &[0]).ok_or(NO_ROOM)?;
            at += 1;
            if (at - start).is_multiple_of(4) {
                break;
            }
        }
        self.finish(1, 202, at)
    }

    /// Appends a PLI (RFC 4585 §6.3.1).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`].
    pub fn pli(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Result<(), RtcpError> {
        let at = self.feedback_ssrcs(sender_ssrc, media_ssrc)?;
        self.finish(1, 206, at)
    }

    /// Appends a FIR with one entry (RFC 5104 §4.3.1).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`].
    pub fn fir(&mut self, sender_ssrc: u32, media_ssrc: u32, sequence: u8) -> Result<(), RtcpError> {
        // The media source of a FIR's header is 0; each entry names its own.
        let at = self.feedback_ssrcs(sender_ssrc, 0)?;
        put(self.out, at, &media_ssrc.to_be_bytes()).ok_or(NO_ROOM)?;
        put(self.out, at + 4, &[sequence, 0, 0, 0]).ok_or(NO_ROOM)?;
        self.finish(4, 206, at + 8)
    }

    /// Appends a generic NACK for `lost`, ascending sequence numbers (modulo 2^16) (RFC 4585 §6.2.1).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`].
    pub fn nack(&mut self, sender_ssrc: u32, media_ssrc: u32, lost: &[u16]) -> Result<(), RtcpError> {
        let mut at = self.feedback_ssrcs(sender_ssrc, media_ssrc)?;
        let mut lost = lost.iter().copied().peekable();
        while let Some(first) = lost.next() {
            let mut mask = 0u16;
            while let Some(next) = lost.next_if(|next| (1..=16).contains(&next.wrapping_sub(first))) {
                mask |= 1 << (next.wrapping_sub(first) - 1);
            }
            put(self.out, at, &first.to_be_bytes()).ok_or(NO_ROOM)?;
            put(self.out, at + 2, &mask.to_be_bytes()).ok_or(NO_ROOM)?;
            at += 4;
        }
        self.finish(1, 205, at)
    }

    /// Appends TWCC feedback about `packets`, which must be consecutive sequence numbers, and returns
    /// how many of them it speaks for: fewer than all when a gap in time is too large for a delta or
    /// the buffer is full. Send the rest in another message with the next `feedback_count`.
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`] when not even one packet fits, [`RtcpError::TooMany`] for an empty list.
    pub fn twcc(
        &mut self,
        sender_ssrc: u32,
        media_ssrc: u32,
        feedback_count: u8,
        packets: &[TwccPacket],
    ) -> Result<usize, RtcpError> {
        let at = self.feedback_ssrcs(sender_ssrc, media_ssrc)?;
        let (count, written) = twcc::write(packets, feedback_count, self.out.get_mut(at..).ok_or(NO_ROOM)?)?;
        self.finish(15, 205, at + written)?;
        Ok(count)
    }

    /// Appends a BYE for one source (RFC 3550 §6.6).
    ///
    /// # Errors
    /// [`RtcpError::NoRoom`].
    pub fn bye(&mut self, ssrc: u32) -> Result<(), RtcpError> {
        let at = self.len + 4;
        put(self.out, at, &ssrc.to_be_bytes()).ok_or(NO_ROOM)?;
        self.finish(1, 203, at + 4)
    }

    fn report(&mut self, kind: u8, fixed: &[u8], blocks: &[ReportBlock]) -> Result<(), RtcpError> {
        let count = u8::try_from(blocks.len())
            .ok()
            .filter(|count| *count <= 31)
            .ok_or(RtcpError::TooMany)?;
        let mut at = self.len + 4;
        put(self.out, at, fixed).ok_or(NO_ROOM)?;
        at += fixed.len();
        for block in blocks {
            let [_, l0, l1, l2] = block.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF).to_be_bytes();
            let words = [
                block.ssrc,
                u32::from_be_bytes([block.fraction_lost, l0, l1, l2]),
                block.highest_sequence,
                block.jitter,
                block.last_sr,
                block.delay_since_last_sr,
            ];
            for word in words {
                put(self.out, at, &word.to_be_bytes()).ok_or(NO_ROOM)?;
                at += 4;
            }
        }
        self.finish(count, kind, at)
    }

    fn feedback_ssrcs(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Result<usize, RtcpError> {
        let at = self.len + 4;
        put(self.out, at, &sender_ssrc.to_be_bytes()).ok_or(NO_ROOM)?;
        put(self.out, at + 4, &media_ssrc.to_be_bytes()).ok_or(NO_ROOM)?;
        Ok(at + 8)
    }

    /// Writes the common header once the packet's end is known.
    fn finish(&mut self, count: u8, kind: u8, end: usize) -> Result<(), RtcpError> {
        let words = u16::try_from((end - self.len) / 4 - 1).map_err(|_| RtcpError::TooMany)?;
        put(self.out, self.len, &[0x80 | count, kind]).ok_or(NO_ROOM)?;
        put(self.out, self.len + 2, &words.to_be_bytes()).ok_or(NO_ROOM)?;
        self.len = end;
        Ok(())
    }
}
