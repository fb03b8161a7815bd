//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use super::RtcpError;
use crate::reader::{put, u16_at, u24_at};

/// Fixed part behind the two SSRCs: base, count, reference time, feedback count.
const FIXED_LEN: usize = 8;
/// Ticks of arrival deltas, in microseconds.
const DELTA_TICK_US: i64 = 250;
/// Ticks of the reference time, in microseconds.
const REFERENCE_TICK_US: i64 = 64_000;

const NOT_RECEIVED: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;
const MAX_RUN: u16 = 0x1FFF;

/// What a receiver says about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwccPacket {
    /// The transport-wide sequence number.
    pub sequence: u16,
    /// When it arrived on the receiver's clock, in microseconds; `None` when it did not. The wire carries
    /// it modulo 2^24 * 64 ms, about 12 days.
    pub arrival_us: Option<i64>,
}

/// One feedback message, parsed as far as its fixed part.
#[derive(Clone, Copy, Debug)]
pub struct TwccFeedback<'a> {
    /// Who reports.
    pub sender_ssrc: u32,
    /// Any stream of the transport.
    pub media_ssrc: u32,
    /// The first sequence number reported on.
    pub base_sequence: u16,
    /// How many sequence numbers are reported on.
    pub status_count: u16,
    /// Receiver's clock at the first delta, in units of 64 ms, 24 bits signed.
    pub reference_time: i32,
    /// Counts feedback messages, modulo 256.
    pub feedback_count: u8,
    /// Status chunks, then deltas.
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TwccFeedback<'a> {
    pub(super) fn parse(sender_ssrc: u32, media_ssrc: u32, control: &'a [u8]) -> Result<Self, RtcpError> {
        let truncated = RtcpError::Truncated;
        let status_count = u16_at(control, 2).ok_or(truncated)?;
        let reference = u24_at(control, 4).ok_or(truncated)?;
        let body = control.get(FIXED_LEN..).ok_or(truncated)?;
        let mut covered = 0u32;
        let mut chunk_bytes = 0;
        while covered < u32::from(status_count) {
            let chunk = u16_at(body, chunk_bytes).ok_or(truncated)?;
            covered += chunk_capacity(chunk);
            chunk_bytes += 2;
        }
        let (chunks, deltas) = body.split_at_checked(chunk_bytes).ok_or(truncated)?;
        Ok(Self {
            sender_ssrc,
            media_ssrc,
            base_sequence: u16_at(control, 0).ok_or(truncated)?,
            status_count,
            reference_time: (reference << 8).cast_signed() >> 8,
            feedback_count: control.get(7).copied().ok_or(truncated)?,
            chunks,
            deltas,
        })
    }

    /// The packets reported on, in sequence order. Ends early when the deltas are cut short.
    #[must_use]
    pub fn packets(&self) -> TwccIter<'a> {
        TwccIter {
            sequence: self.base_sequence,
            left: self.status_count,
            chunks: self.chunks,
            chunk: 0,
            chunk_left: 0,
            deltas: self.deltas,
            time_us: i64::from(self.reference_time) * REFERENCE_TICK_US,
        }
    }
}

/// How many packets a chunk speaks for.
const fn chunk_capacity(chunk: u16) -> u32 {
    if chunk & 0x8000 == 0 {
        // A run of zero would never advance; the iterator treats it as empty, and the caller's
        // loop still consumes two bytes for it.
        (chunk & MAX_RUN) as u32
    } else if chunk & 0x4000 == 0 {
        14
    } else {
        7
    }
}

/// Iterator over the packets of one feedback message.
#[derive(Clone, Copy, Debug)]
pub struct TwccIter<'a> {
    sequence: u16,
    left: u16,
    chunks: &'a [u8],
    chunk: u16,
    chunk_left: u32,
    deltas: &'a [u8],
    time_us: i64,
}

impl TwccIter<'_> {
    fn next_status(&mut self) -> Option<u8> {
        while self.chunk_left == 0 {
            self.chunk = u16_at(self.chunks, 0)?;
            self.chunks = self.chunks.get(2..)?;
            self.chunk_left = chunk_capacity(self.chunk);
        }
        self.chunk_left -= 1;
        let [_, status] = if self.chunk & 0x8000 == 0 {
            (self.chunk >> 13) & 3
        } else if self.chunk & 0x4000 == 0 {
            (self.chunk >> self.chunk_left) & 1
        } else {
            (self.chunk >> (self.chunk_left * 2)) & 3
        }
        .to_be_bytes();
        Some(status)
    }
}

impl Iterator for TwccIter<'_> {
    type Item = TwccPacket;

    fn next(&mut self) -> Option<TwccPacket> {
        self.left = self.left.checked_sub(1)?;
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        let delta = match self.next_status()? {
            SMALL_DELTA => {
                let (delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                i64::from(*delta)
            }
            LARGE_DELTA => {
                let delta = u16_at(self.deltas, 0)?.cast_signed();
                self.deltas = self.deltas.get(2..)?;
                i64::from(delta)
            }
            _ => {
                return Some(TwccPacket {
                    sequence,
                    arrival_us: None,
                });
            }
        };
        self.time_us += delta * DELTA_TICK_US;
        Some(TwccPacket {
            sequence,
            arrival_us: Some(self.time_us),
        })
    }
}

/// Writes the part behind the two SSRCs to the front of `out`; returns how many of `packets` it speaks
/// for and the bytes written (padded to a word). `packets` must be consecutive sequence numbers.
pub(super) fn write(
    packets: &[TwccPacket],
    feedback_count: u8,
    out: &mut [u8],
) -> Result<(usize, usize), RtcpError> {
    let first = packets.first().ok_or(RtcpError::TooMany)?;
    let start = packets
        .iter()
        .find_map(|packet| packet.arrival_us)
        .unwrap_or_default();
    let reference = start.div_euclid(REFERENCE_TICK_US);
    let count = fitting(packets, reference, out.len());
    let reported = packets.get(..count).unwrap_or_default();
    let status_count = u16::try_from(count).map_err(|_| RtcpError::TooMany)?;
    if status_count == 0 {
        return Err(RtcpError::NoRoom);
    }
    let [.., r0, r1, r2] = reference.to_be_bytes();
    let mut cursor = Cursor { out, at: 0 };
    cursor.push(&first.sequence.to_be_bytes())?;
    cursor.push(&status_count.to_be_bytes())?;
    cursor.push(&[r0, r1, r2, feedback_count])?;
    let mut statuses = Deltas::new(reported, reference).map(status_of).peekable();
    while let Some(status) = statuses.next() {
        let mut run = 1u16;
        while run < MAX_RUN && statuses.next_if_eq(&status).is_some() {
            run += 1;
        }
        cursor.push(&((u16::from(status) << 13) | run).to_be_bytes())?;
    }
    for delta in Deltas::new(reported, reference).flatten() {
        let [high, low] = delta.to_be_bytes();
        if status_of(Some(delta)) == SMALL_DELTA {
            cursor.push(&[low])?;
        } else {
            cursor.push(&[high, low])?;
        }
    }
    while !cursor.at.is_multiple_of(4) {
        cursor.push(&[0])?;
    }
    Ok((count, cursor.at))
}

/// How many of `packets` one message can carry: up to a gap in the numbers, a gap in time that no delta
/// can express, or the end of `room` bytes.
fn fitting(packets: &[TwccPacket], reference: i64, room: usize) -> usize {
    // Three bytes are kept for padding.
    let room = room.saturating_sub(FIXED_LEN + 3);
    let mut needed = 0;
    let mut count = 0;
    let mut run: Option<(u8, u16)> = None;
    for (packet, delta) in packets.iter().zip(Deltas::new(packets, reference)) {
        let follows = |first: &TwccPacket| usize::from(packet.sequence.wrapping_sub(first.sequence)) == count;
        if !packets.first().is_some_and(follows) {
            break;
        }
        let status = status_of(delta);
        match &mut run {
            Some((current, len)) if *current == status && *len < MAX_RUN => *len += 1,
            _ => {
                run = Some((status, 1));
                needed += 2;
            }
        }
        needed += usize::from(status);
        if needed > room {
            break;
        }
        count += 1;
    }
    count
}

/// Appends to a fixed buffer.
struct Cursor<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<(), RtcpError> {
        put(self.out, self.at, bytes).ok_or(RtcpError::NoRoom)?;
        self.at += bytes.len();
        Ok(())
    }
}

/// A packet's status, whose value is also the size of its delta in bytes.
const fn status_of(delta: Option<i16>) -> u8 {
    match delta {
        None => NOT_RECEIVED,
        Some(0..=255) => SMALL_DELTA,
        Some(_) => LARGE_DELTA,
    }
}

/// The deltas of consecutive packets in ticks of 250 us, `None` for one that did not arrive. Ends before
/// a delta that 16 bits cannot hold.
struct Deltas<'a> {
    packets: std::slice::Iter<'a, TwccPacket>,
    /// The receiver's clock as the reader will have it, in ticks of 250 us.
    ticks: i64,
}

impl<'a> Deltas<'a> {
    fn new(packets: &'a [TwccPacket], reference: i64) -> Self {
        Self {
            packets: packets.iter(),
            ticks: reference * (REFERENCE_TICK_US / DELTA_TICK_US),
        }
    }
}

impl Iterator for Deltas<'_> {
    type Item = Option<i16>;

    fn next(&mut self) -> Option<Option<i16>> {
        let packet = self.packets.next()?;
        let Some(arrival) = packet.arrival_us else {
            return Some(None);
        };
        let ticks = arrival.div_euclid(DELTA_TICK_US);
        let delta = i16::try_from(ticks - self.ticks).ok()?;
        self.ticks = ticks;
        Some(Some(delta))
    }
}
