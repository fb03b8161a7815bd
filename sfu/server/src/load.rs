//! Judges from how busy a shard is and how far it lags behind whether it must shed load, and how much.
//!
//! In: CPU time, what waits in the sockets and what came, time. Out: the level to shed at. Pure; the shard measures and
//! obeys.
//!
//! Lagging is what hurts: what waits in a socket is late, and what finds no room is lost, sound included. So a
//! backlog raises the level at once and again until it is gone. Being busy all the time without a backlog raises it
//! only as far as turning newcomers away; busy means CPU time, for a shard that waits for its core while something else
//! runs there is not full. Calm lowers it step by step; so does a strained shard without a backlog, more slowly, for the
//! more there is to send together the less each packet takes. A step that brought the trouble back is waited for longer
//! the next time; one after which the shard will foreseeably not be busy is not waited for long. Nor is one that
//! brought the trouble back when clearly more came in, or the same took clearly longer: sound alone can keep a shard so
//! busy that what pictures would add cannot be foreseen.

use std::time::{Duration, Instant};

use conclave_sfu_core::Shed;

/// How often the shard is judged.
const INTERVAL: Duration = Duration::from_millis(25);
/// Over how many judgements the busy share is taken: 200 ms.
const WINDOW: usize = 8;
/// Backlog, as a share of what fits the socket, that raises the level by one, and by two.
const LAGGING: f64 = 0.1;
const DROWNING: f64 = 0.4;
/// Judgements between two rises: what was shed must be able to show.
const SETTLE: u32 = 3;
/// Busy shares: above the first no newcomers are taken, below the second a level may go soon; between them it may go
/// after so many times as long.
const BUSY: f64 = 0.95;
const CALM: f64 = 0.75;
const SLOWLY: u32 = 4;
/// From this busy share on the shard lets packets gather, and how long at most: what a jitter buffer does not notice.
const STRAINED: f64 = 0.8;
const MAX_REST: Duration = Duration::from_millis(4);
/// Calm judgements before a level goes: 500 ms, doubled up to 2 s when that step brought the trouble back. All levels
/// together are gone within 5 s.
const PATIENCE: u32 = 20;
const MAX_PATIENCE: u32 = 80;
/// Of it, what a step takes that can be foreseen to go well: one part in so many.
const FORESEEN: u32 = 4;
/// The load has eased when this part of what came in, or of the busy share, is left of when a step went wrong.
const EASED: f64 = 0.7;
/// Calm judgements without shedding after which steps that went wrong are forgotten: 8 s.
const FORGET: u32 = 320;

/// Levels there are, 0 among them.
const LEVELS: usize = Shed::MAX.0 as usize + 1;

/// What the shard measured since the last judgement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// The fullest socket's waiting bytes over what fits it.
    pub(crate) backlog: f64,
    /// Datagrams that found no room.
    pub(crate) dropped: u32,
    /// Packets of media that publishers sent.
    pub(crate) received: u64,
    /// CPU time the shard took.
    pub(crate) worked: Duration,
}

/// What there was to do at a time.
#[derive(Clone, Copy, Debug)]
struct Work {
    busy: f64,
    /// Packets of media between two judgements.
    received: f64,
}

/// The judge of one shard.
pub(crate) struct LoadMeter {
    /// When the running interval began.
    since: Instant,
    /// Busy shares of the last intervals.
    shares: [f64; WINDOW],
    /// Packets received in the last intervals.
    received: [u64; WINDOW],
    next: usize,
    level: u8,
    /// Judgements since the last rise and since the last fall.
    risen: u32,
    fallen: u32,
    /// Calm judgements in a row, strained ones counted as a part, in parts; and how many are asked for before each level
    /// goes.
    calm: u32,
    patience: [u32; LEVELS],
    /// What there was to do when the step down from a level was taken that brought the trouble back.
    failed: [Option<Work>; LEVELS],
    /// The level that went last, and what there was to do then.
    left: u8,
    left_with: Option<Work>,
}

impl LoadMeter {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            since: now,
            shares: [0.0; WINDOW],
            received: [0; WINDOW],
            next: 0,
            level: 0,
            risen: u32::MAX,
            fallen: u32::MAX,
            calm: 0,
            patience: [PATIENCE; LEVELS],
            failed: [None; LEVELS],
            left: 0,
            left_with: None,
        }
    }

    /// Whether it is time to measure and [`Self::judge`].
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= INTERVAL
    }

    /// When [`Self::is_due`] must be looked at although nothing else happens: while load is shed.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (self.level > 0).then(|| self.since + INTERVAL)
    }

    /// The level to shed at from now on.
    pub(crate) fn judge(&mut self, now: Instant, measured: Measured) -> Shed {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        let share = if passed > 0.0 {
            measured.worked.as_secs_f64() / passed
        } else {
            0.0
        };
        self.since = now;
        if let Some(slot) = self.shares.get_mut(self.next) {
            *slot = share.min(1.0);
        }
        if let Some(slot) = self.received.get_mut(self.next) {
            *slot = measured.received;
        }
        self.next = (self.next + 1) % WINDOW;
        self.risen = self.risen.saturating_add(1);
        self.fallen = self.fallen.saturating_add(1);
        let rise = self.rise(measured);
        if rise > 0 {
            self.raise(rise);
        } else {
            self.relax(measured);
        }
        Shed(self.level)
    }

    /// How long a turn of the shard takes at least: what comes meanwhile is received and sent together, and a system
    /// call for many packets costs little more than one for one. While there is time to spare nothing waits.
    pub(crate) fn turn(&self) -> Duration {
        let strain = ((self.busy() - STRAINED) / (BUSY - STRAINED)).clamp(0.0, 1.0);
        // Little at first: somewhat busy, latency still matters more.
        MAX_REST.mul_f64(strain * strain)
    }

    /// The busy share of the last 200 ms.
    fn busy(&self) -> f64 {
        self.shares.iter().sum::<f64>() / 8.0
    }

    /// The same in thousandths.
    pub(crate) fn busy_permille(&self) -> u64 {
        self.shares.iter().map(|share| permille(*share)).sum::<u64>() / 8
    }

    fn rise(&self, measured: Measured) -> u8 {
        if self.risen < SETTLE {
            return 0;
        }
        if measured.dropped > 0 || measured.backlog >= DROWNING {
            return 2;
        }
        let refuse = self.busy() >= BUSY && self.level < Shed::OVERLOADED.0;
        u8::from(measured.backlog >= LAGGING || refuse)
    }

    fn raise(&mut self, by: u8) {
        let level = self.level.saturating_add(by).min(Shed::MAX.0);
        let left = usize::from(self.left);
        if let (Some(patience), Some(failed)) = (self.patience.get_mut(left), self.failed.get_mut(left))
            && level > self.level
            && self.fallen < 2 * *patience
        {
            *patience = (2 * *patience).min(MAX_PATIENCE);
            *failed = self.left_with;
        }
        self.level = level;
        self.risen = 0;
        self.calm = 0;
    }

    fn relax(&mut self, measured: Measured) {
        if measured.backlog >= LAGGING || self.busy() >= BUSY {
            self.calm = 0;
            return;
        }
        let parts = if self.busy() <= CALM { SLOWLY } else { 1 };
        self.calm = self.calm.saturating_add(parts);
        if self.level == 0 {
            if self.calm >= FORGET * SLOWLY {
                self.patience = [PATIENCE; LEVELS];
                self.failed = [None; LEVELS];
            }
        } else if self.calm >= self.wait() * SLOWLY {
            self.left = self.level;
            self.left_with = Some(self.work());
            self.level -= 1;
            self.fallen = 0;
            self.calm = 0;
        }
    }

    /// Calm judgements before this level goes.
    fn wait(&self) -> u32 {
        let level = usize::from(self.level);
        let patience = self.patience.get(level).copied().unwrap_or(MAX_PATIENCE);
        if self
            .failed
            .get(level)
            .copied()
            .flatten()
            .is_some_and(|then| self.work().has_eased(then))
        {
            return PATIENCE / FORESEEN;
        }
        let share = |level: u8| f64::from(Shed(level).share());
        let (now, next) = (share(self.level), share(self.level.saturating_sub(1)));
        // Were all the work for pictures, it would grow with their share. Without any nothing is known of it.
        let is_foreseen = now > 0.0 && self.busy() * next / now <= CALM;
        if is_foreseen {
            patience / FORESEEN
        } else {
            patience
        }
    }

    /// What there was to do in the last 200 ms.
    #[expect(clippy::cast_precision_loss, reason = "packets of 200 ms are few")]
    fn work(&self) -> Work {
        Work {
            busy: self.busy(),
            received: self.received.iter().sum::<u64>() as f64 / 8.0,
        }
    }
}

impl Work {
    fn has_eased(self, then: Self) -> bool {
        self.busy <= EASED * then.busy || self.received <= EASED * then.received
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between 0 and 1"
)]
fn permille(share: f64) -> u64 {
    (share * 1000.0) as u64
}

const _: () = assert!(WINDOW == 8);

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        now: Instant,
        meter: LoadMeter,
        level: u8,
        /// Packets that come in an interval.
        received: u64,
    }

    impl World {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                now,
                meter: LoadMeter::new(now),
                level: 0,
                received: 100,
            }
        }

        /// One interval with this busy share and this backlog.
        fn pass(&mut self, busy: f64, backlog: f64) {
            self.now += INTERVAL;
            assert!(self.meter.is_due(self.now));
            let measured = Measured {
                backlog,
                dropped: 0,
                received: self.received,
                worked: INTERVAL.mul_f64(busy),
            };
            self.level = self.meter.judge(self.now, measured).0;
        }

        /// Intervals until the level is this.
        fn until(&mut self, level: u8, busy: f64, backlog: f64) -> u32 {
            let mut passed = 0;
            while self.level != level {
                self.pass(busy, backlog);
                passed += 1;
                assert!(passed < 2000, "stays at {}", self.level);
            }
            passed
        }
    }

    #[test]
    fn a_busy_shard_without_backlog_sheds_nothing_until_it_is_busy_all_the_time() {
        let mut world = World::new();
        for _ in 0..100 {
            world.pass(0.9, 0.05);
        }
        assert_eq!(world.level, 0);
        for _ in 0..100 {
            world.pass(1.0, 0.0);
        }
        assert_eq!(
            Shed(world.level),
            Shed::OVERLOADED,
            "newcomers are turned away, and that is all"
        );
    }

    #[test]
    fn packets_gather_only_when_there_is_hardly_time_to_send_them_alone() {
        let mut world = World::new();
        for (busy, part) in [(0.8, 0.0), (0.86, 0.16), (0.95, 1.0), (1.0, 1.0)] {
            for _ in 0..WINDOW {
                world.pass(busy, 0.0);
            }
            let expected = MAX_REST.mul_f64(part);
            assert!(
                world.meter.turn().abs_diff(expected) < Duration::from_micros(10),
                "{busy}"
            );
        }
    }

    #[test]
    fn a_backlog_raises_the_level_to_the_top_within_a_third_of_a_second() {
        let mut world = World::new();
        assert!(world.until(5, 1.0, 0.5) * 25 <= 333);
        let mut world = World::new();
        world.meter.judge(
            world.now + INTERVAL,
            Measured {
                backlog: 0.0,
                dropped: 1,
                received: 0,
                worked: INTERVAL,
            },
        );
        assert_eq!(world.meter.level, 2, "a lost datagram is enough");
    }

    #[test]
    fn calm_brings_everything_back_within_five_seconds_and_needs_no_other_event() {
        let mut world = World::new();
        world.until(5, 1.0, 0.5);
        assert_eq!(world.meter.poll_timeout(), Some(world.now + INTERVAL));
        assert!(world.until(0, 0.3, 0.0) * 25 <= 5000);
        assert_eq!(world.meter.poll_timeout(), None);
    }

    /// Half as much again as the shard can do, as its load follows from what is shed: a tenth is sound.
    fn overloaded(level: u8) -> (f64, f64) {
        let load = 1.5 * (0.1 + 0.9 * f64::from(Shed(level).share()) / 256.0);
        (load.min(1.0), if load > 1.0 { 0.3 } else { 0.0 })
    }

    #[test]
    fn after_a_long_overload_everything_is_back_within_five_seconds_too() {
        for length in [10, 100, 1000, 5000] {
            let mut world = World::new();
            for _ in 0..length {
                let (busy, backlog) = overloaded(world.level);
                world.pass(busy, backlog);
            }
            assert!(world.level > 0);
            let recovery = world.until(0, 0.4, 0.0) * 25;
            assert!(recovery <= 5000, "{recovery} ms after {length} intervals");
        }
    }

    #[test]
    fn when_fewer_send_pictures_everything_is_back_soon_though_sound_goes_on() {
        for length in [10, 100, 400, 1000] {
            let mut world = World::new();
            // It grows: one step down after the other brings the trouble back.
            for carried in [2, 3, 4, 5] {
                for _ in 0..length {
                    let trouble = world.level < carried;
                    world.pass(if trouble { 1.0 } else { 0.7 }, if trouble { 0.3 } else { 0.0 });
                }
            }
            // A third still sends pictures; all still send sound, which takes more than a third of the core.
            world.received = 60;
            let mut passed = 0u32;
            while world.level > 0 {
                let pictures = 0.3 * f64::from(Shed(world.level).share()) / 256.0;
                // Now and then there is a moment of work: for key frames of which more is sent, or beside the shard.
                let moment = passed % 16 > 13;
                world.pass(if moment { 1.0 } else { 0.4 + pictures }, 0.0);
                passed += 1;
                assert!(passed * 25 <= 4000, "at {} after {length} intervals", world.level);
            }
        }
    }

    #[test]
    fn a_strained_shard_without_a_backlog_takes_newcomers_and_sends_everything_again() {
        let mut world = World::new();
        for _ in 0..20 {
            world.pass(1.0, 0.0);
        }
        assert_eq!(Shed(world.level), Shed::OVERLOADED);
        assert!(world.until(0, 0.9, 0.0) * 25 <= 2500);
        let recovery = |busy| {
            let mut world = World::new();
            world.until(2, 1.0, 0.2);
            world.until(0, busy, 0.05) * 25
        };
        let (calm, strained) = (recovery(0.4), recovery(0.85));
        assert!(
            strained <= 5000 && strained > 2 * calm,
            "{strained} ms and {calm} ms"
        );
    }

    #[test]
    fn while_the_overload_lasts_it_is_rarely_tried_to_send_more() {
        let mut world = World::new();
        let mut lagging = 0;
        for interval in 0..4000 {
            let (busy, backlog) = overloaded(world.level);
            world.pass(busy, backlog);
            lagging += u32::from(backlog > 0.0 && interval > 1000);
        }
        assert!(lagging < 3000 / 10, "{lagging} of 3000 intervals");
    }

    #[test]
    fn a_step_that_brings_the_trouble_back_is_tried_less_often() {
        let mut world = World::new();
        world.until(3, 1.0, 0.2);
        let mut waits = Vec::new();
        for _ in 0..5 {
            waits.push(world.until(2, 0.6, 0.0));
            world.until(3, 1.0, 0.2);
        }
        assert!(waits.is_sorted() && waits[4] >= 3 * waits[0], "{waits:?}");
    }

    #[test]
    fn a_step_that_will_go_well_is_not_waited_for_whatever_happened_before() {
        let mut world = World::new();
        world.until(3, 1.0, 0.2);
        for _ in 0..5 {
            world.until(2, 0.6, 0.0);
            world.until(3, 1.0, 0.2);
        }
        // The window of 200 ms, and a quarter of 2 s.
        assert!(world.until(2, 0.2, 0.0) * 25 <= 800);
    }
}
