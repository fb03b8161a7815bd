//! Reads a compound RTCP packet as events, without allocating and without trusting a length.

use super::{ReportBlock, RtcpError, RtcpEvent, SenderReport, TwccFeedback};
use crate::reader::{u16_at, u24_at, u32_at, u64_at};

const HEADER_LEN: usize = 4;
const REPORT_BLOCK_LEN: usize = 24;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

const FORMAT_NACK: u8 = 1;
const FORMAT_TWCC: u8 = 15;
const FORMAT_PLI: u8 = 1;
const FORMAT_FIR: u8 = 4;
const FORMAT_AFB: u8 = 15;

/// Reads `compound` (plaintext) as events. A malformed packet yields one error and ends the iteration.
#[must_use]
pub fn events(compound: &[u8]) -> RtcpEvents<'_> {
    RtcpEvents {
        rest: compound,
        pending: Pending::None,
    }
}

/// Iterator over the events of a compound packet.
#[derive(Clone, Copy, Debug)]
pub struct RtcpEvents<'a> {
    rest: &'a [u8],
    pending: Pending<'a>,
}

/// The items of the current packet that have not been reported yet.
#[derive(Clone, Copy, Debug)]
enum Pending<'a> {
    None,
    ReportBlocks {
        reporter: u32,
        left: u8,
        bytes: &'a [u8],
    },
    Fir {
        sender_ssrc: u32,
        bytes: &'a [u8],
    },
    Bye {
        left: u8,
        bytes: &'a [u8],
    },
}

impl<'a> Iterator for RtcpEvents<'a> {
    type Item = Result<RtcpEvent<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.next_pending() {
                return Some(Ok(event));
            }
            if self.rest.is_empty() {
                return None;
            }
            match self.next_packet() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {}
                Err(error) => {
                    self.rest = &[];
                    self.pending = Pending::None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl<'a> RtcpEvents<'a> {
    fn next_pending(&mut self) -> Option<RtcpEvent<'a>> {
        let event = match &mut self.pending {
            Pending::None => None,
            Pending::ReportBlocks {
                reporter,
                left,
                bytes,
            } => {
                let reporter = *reporter;
                report_block(bytes, left).map(|block| RtcpEvent::ReportBlock { reporter, block })
            }
            Pending::Fir { sender_ssrc, bytes } => fir_entry(*sender_ssrc, bytes),
            Pending::Bye { left, bytes } => left.checked_sub(1).and_then(|fewer| {
                let ssrc = u32_at(bytes, 0)?;
                *left = fewer;
                *bytes = bytes.get(4..)?;
                Some(RtcpEvent::Bye { ssrc })
            }),
        };
        if event.is_none() {
            self.pending = Pending::None;
        }
        event
    }

    /// Takes one packet off the compound; `None` when it is of no interest or only has items.
    fn next_packet(&mut self) -> Result<Option<RtcpEvent<'a>>, RtcpError> {
        let &[first, packet_type, ..] = self.rest else {
            return Err(RtcpError::Truncated);
        };
        let words = u16_at(self.rest, 2).ok_or(RtcpError::Truncated)?;
        if first >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let len = HEADER_LEN + usize::from(words) * 4;
        let (packet, rest) = self.rest.split_at_checked(len).ok_or(RtcpError::Truncated)?;
        self.rest = rest;
        let mut body = packet.get(HEADER_LEN..).unwrap_or_default();
        if first & 0x20 != 0 {
            let padding = usize::from(packet.last().copied().unwrap_or_default());
            let end = body.len().checked_sub(padding).ok_or(RtcpError::Truncated)?;
            body = body.get(..end).unwrap_or_default();
        }
        self.body(packet_type, first & 0x1F, body)
    }

    fn body(&mut self, kind: u8, count: u8, body: &'a [u8]) -> Result<Option<RtcpEvent<'a>>, RtcpError> {
        match kind {
            SENDER_REPORT => {
                let report = sender_report(body).ok_or(RtcpError::Truncated)?;
                let blocks = body.get(24..).unwrap_or_default();
                self.pending = Pending::ReportBlocks {
                    reporter: report.ssrc,
                    left: check_blocks(count, blocks)?,
                    bytes: blocks,
                };
                Ok(Some(RtcpEvent::SenderReport(report)))
            }
            RECEIVER_REPORT => {
                let reporter = u32_at(body, 0).ok_or(RtcpError::Truncated)?;
                let blocks = body.get(4..).unwrap_or_default();
                self.pending = Pending::ReportBlocks {
                    reporter,
                    left: check_blocks(count, blocks)?,
                    bytes: blocks,
                };
                Ok(Some(RtcpEvent::ReceiverReport { reporter }))
            }
            BYE => {
                if body.len() < usize::from(count) * 4 {
                    return Err(RtcpError::Truncated);
                }
                self.pending = Pending::Bye {
                    left: count,
                    bytes: body,
                };
                Ok(None)
            }
            TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => self.feedback(kind, count, body),
            _ => Ok(None),
        }
    }

    fn feedback(&mut self, kind: u8, format: u8, body: &'a [u8]) -> Result<Option<RtcpEvent<'a>>, RtcpError> {
        let sender_ssrc = u32_at(body, 0).ok_or(RtcpError::Truncated)?;
        let media_ssrc = u32_at(body, 4).ok_or(RtcpError::Truncated)?;
        let control = body.get(8..).unwrap_or_default();
        let event = match (kind, format) {
            (TRANSPORT_FEEDBACK, FORMAT_NACK) => RtcpEvent::Nack {
                sender_ssrc,
                media_ssrc,
                lost: NackIter::new(control),
            },
            (TRANSPORT_FEEDBACK, FORMAT_TWCC) => {
                RtcpEvent::Twcc(TwccFeedback::parse(sender_ssrc, media_ssrc, control)?)
            }
            (PAYLOAD_FEEDBACK, FORMAT_PLI) => RtcpEvent::Pli {
                sender_ssrc,
                media_ssrc,
            },
            (PAYLOAD_FEEDBACK, FORMAT_FIR) => {
                self.pending = Pending::Fir {
                    sender_ssrc,
                    bytes: control,
                };
                return Ok(None);
            }
            (PAYLOAD_FEEDBACK, FORMAT_AFB) => return Ok(remb(sender_ssrc, control)),
            _ => return Ok(None),
        };
        Ok(Some(event))
    }
}

fn check_blocks(count: u8, blocks: &[u8]) -> Result<u8, RtcpError> {
    if blocks.len() < usize::from(count) * REPORT_BLOCK_LEN {
        Err(RtcpError::Truncated)
    } else {
        Ok(count)
    }
}

fn sender_report(body: &[u8]) -> Option<SenderReport> {
    Some(SenderReport {
        ssrc: u32_at(body, 0)?,
        ntp_time: u64_at(body, 4)?,
        rtp_timestamp: u32_at(body, 12)?,
        packet_count: u32_at(body, 16)?,
        octet_count: u32_at(body, 20)?,
    })
}

fn report_block(bytes: &mut &[u8], left: &mut u8) -> Option<ReportBlock> {
    let fewer = left.checked_sub(1)?;
    let lost = u24_at(bytes, 5)?;
    let block = ReportBlock {
        ssrc: u32_at(bytes, 0)?,
        fraction_lost: *bytes.get(4)?,
        // Sign-extends the 24 bits.
        cumulative_lost: (lost << 8).cast_signed() >> 8,
        highest_sequence: u32_at(bytes, 8)?,
        jitter: u32_at(bytes, 12)?,
        last_sr: u32_at(bytes, 16)?,
        delay_since_last_sr: u32_at(bytes, 20)?,
    };
    *bytes = bytes.get(REPORT_BLOCK_LEN..)?;
    *left = fewer;
    Some(block)
}

fn fir_entry<'a>(sender_ssrc: u32, bytes: &mut &'a [u8]) -> Option<RtcpEvent<'a>> {
    let (entry, rest) = bytes.split_at_checked(8)?;
    *bytes = rest;
    Some(RtcpEvent::Fir {
        sender_ssrc,
        media_ssrc: u32_at(entry, 0)?,
        sequence: *entry.get(4)?,
    })
}

/// draft-alvestrand-rmcat-remb-03 §2.2: "REMB", a count, 6 bits of exponent and 18 of mantissa.
fn remb<'a>(sender_ssrc: u32, control: &[u8]) -> Option<RtcpEvent<'a>> {
    if control.get(..4)? != b"REMB" {
        return None;
    }
    let packed = u24_at(control, 5)?;
    let mantissa = u64::from(packed & 0x3_FFFF);
    let bitrate_bps = mantissa.checked_shl(packed >> 18).unwrap_or(u64::MAX);
    // A shift within 64 bits can still push the mantissa's top out.
    let overflowed = mantissa != 0 && bitrate_bps >> (packed >> 18) != mantissa;
    Some(RtcpEvent::Remb {
        sender_ssrc,
        bitrate_bps: if overflowed { u64::MAX } else { bitrate_bps },
    })
}

/// Iterator over the sequence numbers of a generic NACK, at most 17 per pair.
#[derive(Clone, Copy, Debug)]
pub struct NackIter<'a> {
    pairs: &'a [u8],
    /// Sequence number of the next bit of `mask`.
    next: u16,
    mask: u32,
}

impl<'a> NackIter<'a> {
    const fn new(pairs: &'a [u8]) -> Self {
        Self {
            pairs,
            next: 0,
            mask: 0,
        }
    }
}

impl Iterator for NackIter<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        loop {
            while self.mask != 0 {
                let (hit, sequence) = (self.mask & 1 != 0, self.next);
                self.mask >>= 1;
                self.next = self.next.wrapping_add(1);
                if hit {
                    return Some(sequence);
                }
            }
            let first = u16_at(self.pairs, 0)?;
            let following = u16_at(self.pairs, 2)?;
            self.pairs = self.pairs.get(4..)?;
            self.next = first;
            self.mask = (u32::from(following) << 1) | 1;
        }
    }
}
