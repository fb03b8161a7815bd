//! Relates the RTP clocks of one publisher's encodings by its sender reports (RFC 3550 §6.4.1).

use super::rewrite::Generation;
use crate::layer::MAX_SPATIAL;

/// One moment on a publisher's wall clock (NTP, seconds in 32.32 bits) and on the RTP clock of one encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SenderClock {
    pub(crate) ntp: u64,
    pub(crate) rtp: u32,
}

/// The clocks of a track's encodings, of those that reported.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks(pub(crate) [Option<(Generation, SenderClock)>; MAX_SPATIAL]);

impl Clocks {
    /// The timestamp on the clock of `to` of what `from` stamped `timestamp`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "RTP timestamps are modulo 2^32"
    )]
    pub(crate) fn translate(
        &self,
        from: Generation,
        to: Generation,
        clock_rate: u32,
        timestamp: u32,
    ) -> Option<u32> {
        let (from, to) = (self.of(from)?, self.of(to)?);
        let apart = i128::from(from.ntp.wrapping_sub(to.ntp).cast_signed());
        let ticks = (apart * i128::from(clock_rate)) >> 32;
        Some(
            timestamp
                .wrapping_sub(from.rtp)
                .wrapping_add(to.rtp)
                .wrapping_add(ticks as u32),
        )
    }

    fn of(&self, generation: Generation) -> Option<SenderClock> {
        let known = self.0.iter().flatten();
        known
            .copied()
            .find_map(|(of, clock)| (of == generation).then_some(clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_one_moment_meet_whatever_the_reports_order() {
        let (a, b) = (Generation(1), Generation(2));
        // b's clock is 5000 at second 10, a's 100 000 half a second later.
        let clocks = Clocks([
            Some((
                a,
                SenderClock {
                    ntp: (10 << 32) + (1 << 31),
                    rtp: 100_000,
                },
            )),
            Some((
                b,
                SenderClock {
                    ntp: 10 << 32,
                    rtp: 5000,
                },
            )),
            None,
        ]);
        assert_eq!(clocks.translate(a, b, 90_000, 100_000), Some(50_000));
        assert_eq!(clocks.translate(b, a, 90_000, 50_000), Some(100_000));
        assert_eq!(clocks.translate(a, Generation(3), 90_000, 0), None);
    }
}
