//! Interarrival jitter of a stream (RFC 3550 §6.4.1): how unevenly packets arrive compared with how they were sent.

use std::time::Instant;

use super::{Durations, percentile};
use crate::report::figure::{Entry, Figures};

const NONE: &str = "no stream was received for a second";

/// Median over streams and seconds.
pub const P50: Entry = Entry::lower(
    "jitter_p50_ms",
    "ms",
    "Interarrival jitter (RFC 3550), median over streams and time",
    NONE,
);
/// 95 of 100.
pub const P95: Entry = Entry::lower(
    "jitter_p95_ms",
    "ms",
    "Interarrival jitter (RFC 3550), 95th percentile over streams and time",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 2] = [P50, P95];

/// Frames between two records of a stream's estimate.
const RECORD_EVERY: u32 = 50;

/// The jitter of one stream.
#[derive(Debug)]
pub struct Jitter {
    clock_rate: f64,
    last: Option<(Instant, u32)>,
    seconds: f64,
    frames: u32,
}

impl Jitter {
    /// For a stream whose RTP clock has `clock_rate` ticks per second.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: f64::from(clock_rate),
            last: None,
            seconds: 0.0,
            frames: 0,
        }
    }

    /// Takes the first packet of a frame; packets that come late or belong to the same frame are left out, for they were
    /// sent at another time than their timestamp says.
    pub fn handle(&mut self, arrived: Instant, timestamp: u32, records: &Durations) {
        let Some((before, stamped)) = self.last else {
            self.last = Some((arrived, timestamp));
            return;
        };
        let step = timestamp.wrapping_sub(stamped).cast_signed();
        if step <= 0 {
            return;
        }
        self.last = Some((arrived, timestamp));
        let sent = f64::from(step) / self.clock_rate;
        let came = arrived.saturating_duration_since(before).as_secs_f64();
        // A pause in sending is no jitter.
        if sent > 1.0 {
            return;
        }
        self.seconds += ((came - sent).abs() - self.seconds) / 16.0;
        self.frames += 1;
        if self.frames.is_multiple_of(RECORD_EVERY) {
            records.record(std::time::Duration::from_secs_f64(self.seconds));
        }
    }
}

/// Tells the figures.
pub fn tell(records: &Durations, figures: &mut Figures) {
    if let Some(told) = records.snapshot() {
        figures.set(&P50, percentile(&told, 0.5));
        figures.set(&P95, percentile(&told, 0.95));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 20 s of sound; every other packet comes `late`.
    fn told(late: Duration) -> Figures {
        let start = Instant::now();
        let records = Durations::default();
        let mut jitter = Jitter::new(48_000);
        for frame in 0..1000u32 {
            let on_time = start + Duration::from_millis(20) * frame;
            let arrived = if frame.is_multiple_of(2) {
                on_time
            } else {
                on_time + late
            };
            jitter.handle(arrived, frame * 960, &records);
        }
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&records, &mut figures);
        figures
    }

    #[test]
    fn the_jitter_told_is_the_jitter_injected() {
        assert!(told(Duration::ZERO).value("jitter_p95_ms").unwrap() < 0.01);
        for injected in [2u32, 8, 15] {
            let jitter = told(Duration::from_millis(u64::from(injected)))
                .value("jitter_p50_ms")
                .unwrap();
            assert!(
                (jitter - f64::from(injected)).abs() < f64::from(injected) * 0.05,
                "{injected}: {jitter}"
            );
        }
    }

    #[test]
    fn packets_of_one_frame_and_a_pause_are_no_jitter() {
        let start = Instant::now();
        let records = Durations::default();
        let mut jitter = Jitter::new(90_000);
        for frame in 0..200u32 {
            // A pause of ten seconds in the middle.
            let pause = if frame < 100 { 0 } else { 10 };
            let at = start + Duration::from_millis(40) * frame + Duration::from_secs(pause);
            let timestamp = frame * 3600 + u32::try_from(pause).unwrap() * 90_000;
            for part in 0..5 {
                jitter.handle(at + Duration::from_millis(part), timestamp, &records);
            }
        }
        assert!(records.snapshot().unwrap().max() < 100);
    }
}
