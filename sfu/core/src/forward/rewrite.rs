//! The numbers a subscriber sees: one continuous stream, whoever publishes into it and whatever is left out of it.
//!
//! What is dropped takes no number, so that nothing looks lost. The mapping is kept as runs of packets that were
//! forwarded without a gap; late packets and NACKs find their numbers in them.

use std::collections::VecDeque;
use std::time::Instant;

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;

use super::clock::Clocks;
use super::receive_log::extend;

/// First sequence number of a subscription, one wrap ahead of zero so that earlier ones have a number too.
const FIRST_SEQUENCE: u64 = (1 << 16) + 1;
/// Runs that are remembered; at one dropped picture in two and 60 frames a second 1.6 s, which is longer than packets are
/// kept. Older ones are forgotten: their packets cannot be had again.
const RUNS: usize = 48;
/// How far a sender report's idea of a switch may be from when it happened, in seconds of the RTP clock.
const MAX_SKEW_SECONDS: u32 = 1;

/// What identifies an unbroken stream of a publisher: another generation starts its numbers anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(pub(crate) u32);

/// A packet as the publisher numbered it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original {
    pub(crate) generation: Generation,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// The spatial layer with which the subscriber's pictures end now.
    pub(crate) top: Option<u8>,
    /// Nothing before it in its generation is forwarded any more.
    pub(crate) anew: bool,
}

/// A packet's numbers for the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) vp8: Vp8Offset,
}

/// The publisher's VP8 numbers minus ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Vp8Offset {
    pub(crate) picture_id: u16,
    pub(crate) tl0_picture_index: u8,
}

/// A packet found again by the number the subscriber knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) generation: Generation,
    pub(crate) sequence: u64,
    /// Ours minus the publisher's, modulo 2^32.
    pub(crate) timestamp_offset: u32,
    pub(crate) vp8: Vp8Offset,
    pub(crate) top: Option<u8>,
}

/// Packets with consecutive numbers, theirs and ours.
#[derive(Clone, Copy)]
struct Run {
    generation: Generation,
    /// The publisher's number of the first packet, and of the first behind the run.
    first: u64,
    end: u64,
    /// Our number of the first packet.
    ours: u64,
    timestamp_offset: u32,
    vp8: Vp8Offset,
    top: Option<u8>,
}

impl Run {
    const fn contains(&self, sequence: u64) -> bool {
        self.first <= sequence && sequence < self.end
    }

    const fn number(&self, sequence: u64) -> u64 {
        self.ours + (sequence - self.first)
    }
}

/// The numbering of one subscription. It lives as long as the section, over changes of its track.
pub(crate) struct Rewriter {
    runs: VecDeque<Run>,
    /// Highest number of the newest run's generation that was seen, forwarded or dropped.
    highest: u64,
    /// Set after a pause: the next packet follows the last one without a gap.
    resume: bool,
    last_sequence: u64,
    last_timestamp: u32,
    last_at: Option<Instant>,
    last_picture: Option<u16>,
    last_tl0: u8,
}

impl Rewriter {
    pub(crate) const fn new() -> Self {
        Self {
            runs: VecDeque::new(),
            highest: 0,
            resume: false,
            last_sequence: FIRST_SEQUENCE - 1,
            last_timestamp: 0,
            last_at: None,
            last_picture: None,
            last_tl0: 0,
        }
    }

    /// What was not forwarded meanwhile leaves no gap.
    pub(crate) const fn resume(&mut self) {
        self.resume = true;
    }

    /// Numbers a packet; `None` for one that has no number: it is older than this run, or was taken for dropped.
    pub(crate) fn rewrite(
        &mut self,
        now: Instant,
        clocks: &Clocks,
        clock_rate: u32,
        packet: &Original,
    ) -> Option<Rewritten> {
        let continues = self.newest(packet.generation).is_some() && !self.resume && !packet.anew;
        if !continues {
            self.begin(now, clocks, clock_rate, packet);
        }
        self.set_top(packet);
        let run = *self.run_of(packet.generation, packet.sequence)?;
        let rewritten = Rewritten {
            sequence: run.number(packet.sequence),
            timestamp: packet.timestamp.wrapping_add(run.timestamp_offset),
            vp8: run.vp8,
        };
        self.highest = self.highest.max(packet.sequence);
        if rewritten.sequence > self.last_sequence {
            self.last_sequence = rewritten.sequence;
            self.last_timestamp = rewritten.timestamp;
            self.last_at = Some(now);
            if let Some(numbers) = packet.vp8 {
                let id = numbers.picture_id.map(|id| id.value);
                self.last_picture = id.map(|id| id.wrapping_sub(run.vp8.picture_id) & 0x7FFF);
                let tl0 = numbers.tl0_picture_index.unwrap_or(0);
                self.last_tl0 = tl0.wrapping_sub(run.vp8.tl0_picture_index);
            }
        }
        Some(rewritten)
    }

    /// A packet of the stream is left out; `picture`: and it is the first of its picture.
    pub(crate) fn skip(&mut self, generation: Generation, sequence: u64, picture: bool) {
        if self.resume || self.newest(generation).is_none() {
            return;
        }
        if sequence <= self.highest {
            self.withdraw(generation, sequence);
            return;
        }
        self.highest = sequence;
        let Some(run) = self.runs.back_mut() else { return };
        if run.first == sequence {
            run.first += 1;
        } else {
            let next = Run {
                first: sequence + 1,
                end: u64::MAX,
                ours: run.number(sequence),
                ..*run
            };
            run.end = sequence;
            self.push(next);
        }
        if let Some(run) = self.runs.back_mut().filter(|_| picture) {
            run.vp8.picture_id = run.vp8.picture_id.wrapping_add(1);
        }
    }

    /// What comes late has a number already. It stays unused, also when the subscriber asks for what it lacks: it would
    /// get a layer that refers to what it never got, and wait for that.
    fn withdraw(&mut self, generation: Generation, sequence: u64) {
        let mut runs = self.runs.iter_mut().enumerate().rev();
        let found = runs.find(|(_, run)| run.generation == generation && run.contains(sequence));
        let Some((index, run)) = found else { return };
        if run.first == sequence {
            run.first += 1;
            run.ours += 1;
        } else {
            let rest = Run {
                first: sequence + 1,
                ours: run.number(sequence + 1),
                ..*run
            };
            run.end = sequence;
            if rest.first < rest.end {
                let forgotten = usize::from(self.runs.len() >= RUNS);
                self.make_room();
                self.runs.insert(index + 1 - forgotten, rest);
            }
        }
    }

    /// The packet the subscriber means by `sequence`; `None` if it was never sent, or too long ago.
    pub(crate) fn original(&self, sequence: u16) -> Option<Found> {
        let ours = extend(self.last_sequence, sequence).filter(|ours| *ours <= self.last_sequence)?;
        let run = self.runs.iter().rev().find(|run| run.ours <= ours)?;
        let sequence = run.first + (ours - run.ours);
        run.contains(sequence).then_some(Found {
            generation: run.generation,
            sequence,
            timestamp_offset: run.timestamp_offset,
            vp8: run.vp8,
            top: run.top,
        })
    }

    /// The publisher's timestamp on the subscriber's clock.
    pub(crate) fn timestamp(&self, generation: Generation, timestamp: u32) -> Option<u32> {
        let run = self.newest(generation)?;
        Some(timestamp.wrapping_add(run.timestamp_offset))
    }

    fn newest(&self, generation: Generation) -> Option<&Run> {
        self.runs.back().filter(|run| run.generation == generation)
    }

    fn run_of(&self, generation: Generation, sequence: u64) -> Option<&Run> {
        let mut runs = self.runs.iter().rev();
        let run = runs.find(|run| run.generation != generation || run.first <= sequence)?;
        (run.generation == generation && run.contains(sequence)).then_some(run)
    }

    /// Opens a run with this packet, right behind what was sent.
    fn begin(&mut self, now: Instant, clocks: &Clocks, clock_rate: u32, packet: &Original) {
        let before = self.runs.back().copied();
        let timestamp_offset = match before {
            Some(run) if run.generation == packet.generation => run.timestamp_offset,
            _ => self
                .next_timestamp(now, clocks, clock_rate, before.as_ref(), packet)
                .wrapping_sub(packet.timestamp),
        };
        let numbers = packet.vp8;
        let id = numbers.and_then(|numbers| numbers.picture_id).map(|id| id.value);
        let vp8 = match (self.last_picture, id) {
            (Some(last), Some(id)) => Vp8Offset {
                picture_id: id.wrapping_sub(last.wrapping_add(1)),
                tl0_picture_index: numbers
                    .and_then(|numbers| numbers.tl0_picture_index)
                    .unwrap_or(0)
                    .wrapping_sub(self.last_tl0.wrapping_add(1)),
            },
            _ => Vp8Offset::default(),
        };
        self.close();
        self.push(Run {
            generation: packet.generation,
            first: packet.sequence,
            end: u64::MAX,
            ours: self.last_sequence + 1,
            timestamp_offset,
            vp8,
            top: packet.top,
        });
        self.highest = packet.sequence;
        self.resume = false;
    }

    /// Another highest layer begins another run, for retransmissions to have the marker they had.
    fn set_top(&mut self, packet: &Original) {
        let Some(run) = self.runs.back_mut().filter(|run| run.top != packet.top) else {
            return;
        };
        if run.first >= packet.sequence {
            // Nothing was sent of it.
            run.top = packet.top;
        } else if packet.sequence > self.highest {
            let next = Run {
                first: packet.sequence,
                ours: run.number(packet.sequence),
                top: packet.top,
                ..*run
            };
            run.end = packet.sequence;
            self.push(next);
        }
    }

    /// Numbers that were kept for packets that never came are given away.
    fn close(&mut self) {
        let next = self.last_sequence + 1;
        for run in self.runs.iter_mut().rev() {
            run.end = run.end.min(run.first + next.saturating_sub(run.ours));
            if run.ours < next {
                break;
            }
        }
    }

    fn push(&mut self, run: Run) {
        self.make_room();
        self.runs.push_back(run);
    }

    fn make_room(&mut self) {
        if self.runs.len() >= RUNS {
            self.runs.pop_front();
        }
        if self.runs.len() == self.runs.capacity() {
            // Sound needs one run; a picture that is thinned out soon needs all.
            let more = if self.runs.len() < 2 {
                2
            } else {
                RUNS - self.runs.len()
            };
            self.runs.reserve_exact(more);
        }
    }

    /// Where another stream's clock starts: by its publisher's sender reports, else as much later as time has passed;
    /// never backwards.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "RTP timestamps are modulo 2^32, and their differences signed"
    )]
    fn next_timestamp(
        &self,
        now: Instant,
        clocks: &Clocks,
        clock_rate: u32,
        before: Option<&Run>,
        packet: &Original,
    ) -> u32 {
        let (Some(last_at), Some(before)) = (self.last_at, before) else {
            return packet.timestamp;
        };
        let passed = now.saturating_duration_since(last_at).as_micros() * u128::from(clock_rate) / 1_000_000;
        let passed = passed as u32;
        let reported = clocks
            .translate(packet.generation, before.generation, clock_rate, packet.timestamp)
            .map(|timestamp| {
                let timestamp = timestamp.wrapping_add(before.timestamp_offset);
                timestamp.wrapping_sub(self.last_timestamp) as i32
            })
            .filter(|ahead| {
                i64::from(*ahead).abs_diff(i64::from(passed)) <= u64::from(clock_rate * MAX_SKEW_SECONDS)
            });
        let ahead = reported.map_or(passed, |ahead| u32::try_from(ahead).unwrap_or(0));
        self.last_timestamp.wrapping_add(ahead.max(1))
    }
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
