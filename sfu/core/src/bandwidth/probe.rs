//! Decides when to try a higher rate than is needed, how much to send for it, and what the trial says.

use std::time::{Duration, Instant};

use super::MAX_BPS;
use super::history::Delivery;

/// How long a probe sends: usually, and at most where arrivals scatter. At least how many packets.
const DURATION: Duration = Duration::from_millis(15);
const LONGEST: Duration = Duration::from_millis(120);
/// How many times as long the next probe sends when one was too short to tell a limit from scattered arrivals.
const LONGER: u32 = 4;
const MIN_PACKETS: u32 = 5;
/// A probe whose packets could not be sent in this time is given up.
const MAX_DURATION: Duration = Duration::from_millis(300);
/// Share of a probe that must arrive for a result, within this time.
const MIN_ARRIVED: f64 = 0.6;
const MAX_WAIT: Duration = Duration::from_millis(1500);
/// The first probe, as a multiple of the start rate, and later ones, of the estimate.
const FIRST: f64 = 3.0;
const LATER: f64 = 2.0;
/// Probes after connecting that are sent whether or not anything asks for the rate.
const UNASKED: u8 = 2;
/// A result of this share of the rate tried lets the next probe follow at once.
const SUCCESS: f64 = 0.7;
/// Time to the next probe while more is wanted: at first, and at most.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));
/// A rate below this share of what was sent shows the path's limit; a little less than it gets through.
const SATURATED: f64 = 0.9;
const BELOW_LIMIT: f64 = 0.95;
/// Two limits that differ by less are the same one.
const SAME_LIMIT: f64 = 0.25;

/// A trial under way: first sent, then waited for.
#[derive(Clone, Copy)]
struct Cluster {
    id: u8,
    bps: f64,
    started: Instant,
    duration: Duration,
    packets: u32,
    bytes: u32,
    sent: bool,
    arrived: Option<Arrived>,
}

/// What arrived of a cluster.
#[derive(Clone, Copy)]
struct Arrived {
    packets: u32,
    bytes: u32,
    first_sent: Delivery,
    last_sent: Delivery,
    first_arrived: Delivery,
    last_arrived: Delivery,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// Bits per second that get through.
    pub(super) bps: f64,
    /// Whether more does not.
    pub(super) is_limit: bool,
}

/// The probes of one subscriber: one at a time.
pub(super) struct Prober {
    cluster: Option<Cluster>,
    last_id: u8,
    unasked: u8,
    /// The last probe got through: the next may follow at once.
    follow: bool,
    next_at: Option<Instant>,
    interval: Duration,
    /// How long the next probe sends.
    duration: Duration,
    /// The limit the last probe showed that showed one.
    limit: Option<f64>,
}

impl Prober {
    pub(super) const fn new() -> Self {
        Self {
            cluster: None,
            last_id: 0,
            unasked: UNASKED,
            follow: false,
            next_at: None,
            interval: INTERVAL.0,
            duration: DURATION,
            limit: None,
        }
    }

    /// Starts a probe if one is due. `wanted` is what allocation would use, `bps` the estimate.
    pub(super) fn start(&mut self, now: Instant, bps: f64, wanted: f64) {
        if let Some(cluster) = &self.cluster {
            let limit = if cluster.sent { MAX_WAIT } else { MAX_DURATION };
            if now.saturating_duration_since(cluster.started) < limit {
                return;
            }
            self.failed(now);
        }
        let asked = wanted > bps && (self.follow || self.next_at.is_none_or(|at| now >= at));
        let rate = match self.unasked {
            UNASKED => FIRST * bps,
            1.. if self.follow => LATER * bps,
            _ if asked => (LATER * bps).min(1.5 * wanted),
            _ => return,
        };
        self.unasked = self.unasked.saturating_sub(1);
        self.follow = false;
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.cluster = Some(Cluster {
            id: self.last_id,
            bps: rate.min(MAX_BPS),
            started: now,
            duration: self.duration,
            packets: 0,
            bytes: 0,
            sent: false,
            arrived: None,
        });
    }

    /// The probe that packets sent now belong to; 0 is none.
    pub(super) fn sending(&self) -> u8 {
        self.cluster
            .filter(|cluster| !cluster.sent)
            .map_or(0, |cluster| cluster.id)
    }

    /// Bytes that are to be sent now for the probe, beside what media brings; `None` when no probe is being sent.
    pub(super) fn due(&self, now: Instant) -> Option<u32> {
        let cluster = self.cluster.filter(|cluster| !cluster.sent)?;
        // The first packet begins the span, and only a packet ends it.
        let needed =
            cluster.packets == 0 || now.saturating_duration_since(cluster.started) >= cluster.duration;
        let missing = cluster.target(now).saturating_sub(cluster.bytes);
        Some(missing.max(u32::from(needed)))
    }

    /// A packet of the probe left.
    pub(super) fn record(&mut self, now: Instant, size: usize) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| !cluster.sent) else {
            return;
        };
        cluster.packets += 1;
        cluster.bytes = cluster
            .bytes
            .saturating_add(u32::try_from(size).unwrap_or(u32::MAX));
        let lasted = now.saturating_duration_since(cluster.started) >= cluster.duration;
        cluster.sent = lasted && cluster.packets >= MIN_PACKETS && cluster.bytes >= cluster.target(now);
    }

    /// A packet of a probe arrived.
    pub(super) fn arrived(&mut self, packet: &Delivery) {
        if let Some(cluster) = self
            .cluster
            .as_mut()
            .filter(|cluster| cluster.id == packet.cluster)
        {
            cluster.arrived = Some(cluster.arrived.map_or_else(
                || Arrived {
                    packets: 1,
                    bytes: u32::from(packet.size),
                    first_sent: *packet,
                    last_sent: *packet,
                    first_arrived: *packet,
                    last_arrived: *packet,
                },
                |arrived| arrived.with(packet),
            ));
        }
    }

    /// After a feedback message: what a probe found, if one has come to its end. `capacity` is where the path's queue
    /// filled before.
    pub(super) fn result(&mut self, now: Instant, capacity: Option<f64>) -> Option<Found> {
        let cluster = self.cluster.filter(|cluster| cluster.sent)?;
        let arrived = cluster.arrived?;
        if f64::from(arrived.bytes) < MIN_ARRIVED * f64::from(cluster.bytes)
            || f64::from(arrived.packets) < MIN_ARRIVED * f64::from(cluster.packets)
        {
            return None;
        }
        self.cluster = None;
        let Some((bps, saturated)) = arrived.bps() else {
            self.failed(now);
            self.follow = cluster.duration < LONGEST;
            self.duration = (cluster.duration * LONGER).min(LONGEST);
            return None;
        };
        let doubted = saturated && self.is_doubted(bps, capacity);
        if saturated {
            self.limit = Some(bps);
        }
        if bps >= SUCCESS * cluster.bps || (doubted && cluster.duration < LONGEST) {
            self.follow = true;
            self.interval = INTERVAL.0;
            self.next_at = Some(now + self.interval);
        } else {
            self.failed(now);
        }
        Some(Found {
            bps,
            is_limit: saturated && !doubted,
        })
    }

    /// Whether the probe under way is the first one.
    pub(super) const fn is_first(&self) -> bool {
        self.last_id == 1 && self.unasked == UNASKED - 1
    }

    /// The queue filled: nothing is tried for a while.
    pub(super) fn hold(&mut self, now: Instant) {
        self.follow = false;
        self.next_at = Some(now + self.interval);
    }

    /// After a silence, or on a new path: measure anew.
    pub(super) const fn restart(&mut self) {
        self.cluster = None;
        self.unasked = 1;
        self.follow = true;
        self.interval = INTERVAL.0;
    }

    /// Whether a limit may be none: packets that are delayed at random arrive over a longer time than they were sent
    /// in, and the shorter a probe the more that looks like a narrow path. A limit shows again in a longer one.
    fn is_doubted(&mut self, bps: f64, capacity: Option<f64>) -> bool {
        let known = [self.limit, capacity];
        let confirmed = known
            .into_iter()
            .flatten()
            .any(|known| (bps - known).abs() <= SAME_LIMIT * known);
        if confirmed {
            self.duration = (self.duration / LONGER).max(DURATION);
        } else {
            self.duration = (self.duration * LONGER).min(LONGEST);
        }
        !confirmed
    }

    fn failed(&mut self, now: Instant) {
        self.cluster = None;
        self.follow = false;
        self.interval = (self.interval * 3 / 2).min(INTERVAL.1);
        self.next_at = Some(now + self.interval);
    }
}

impl Cluster {
    /// Bytes that should have left by now: none at the start, so that sizes and times measure the same span.
    fn target(&self, now: Instant) -> u32 {
        let seconds = now
            .saturating_duration_since(self.started)
            .min(MAX_DURATION)
            .as_secs_f64();
        whole(self.bps * seconds / 8.0)
    }
}

impl Arrived {
    fn with(self, packet: &Delivery) -> Self {
        let sent = |a: Delivery, b: Delivery| if b.sent_us < a.sent_us { b } else { a };
        let arrived = |a: Delivery, b: Delivery| if b.arrival_us < a.arrival_us { b } else { a };
        let later_sent = |a: Delivery, b: Delivery| if b.sent_us > a.sent_us { b } else { a };
        let later_arrived = |a: Delivery, b: Delivery| if b.arrival_us > a.arrival_us { b } else { a };
        Self {
            packets: self.packets + 1,
            bytes: self.bytes.saturating_add(u32::from(packet.size)),
            first_sent: sent(self.first_sent, *packet),
            last_sent: later_sent(self.last_sent, *packet),
            first_arrived: arrived(self.first_arrived, *packet),
            last_arrived: later_arrived(self.last_arrived, *packet),
        }
    }

    /// The rate this shows, and whether it is the path's limit; `None` when its times make no sense.
    fn bps(&self) -> Option<(f64, bool)> {
        let rate = |bytes: u32, us: i64| {
            let us = i32::try_from(us).ok().filter(|us| *us > 0)?;
            Some(f64::from(bytes) * 8e6 / f64::from(us))
        };
        // What left last was not under way in the span it ends, what arrived first not in the one it begins.
        let sent = rate(
            self.bytes.saturating_sub(u32::from(self.last_sent.size)),
            self.last_sent.sent_us - self.first_sent.sent_us,
        )?;
        let received = rate(
            self.bytes.saturating_sub(u32::from(self.first_arrived.size)),
            self.last_arrived.arrival_us - self.first_arrived.arrival_us,
        )?;
        if received > 2.0 * sent {
            return None;
        }
        Some(if received < SATURATED * sent {
            (BELOW_LIMIT * received, true)
        } else {
            (received.min(sent), false)
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float saturates on conversion, and none here is negative"
)]
const fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends the probe that is due over a path of this capacity; what it says.
    fn try_path(prober: &mut Prober, now: &mut Instant, capacity: f64) -> Option<f64> {
        let id = prober.sending();
        let start = *now;
        let mut free_us = 0;
        let mut packets = Vec::new();
        while let Some(due) = prober.due(*now) {
            for _ in 0..due.div_ceil(250) {
                let sent_us = i64::try_from(now.saturating_duration_since(start).as_micros()).unwrap();
                prober.record(*now, 250);
                free_us = i64::max(free_us, sent_us) + i64::from(whole(250.0 * 8e6 / capacity));
                packets.push(Delivery {
                    sent_us,
                    arrival_us: free_us,
                    size: 250,
                    cluster: id,
                });
            }
            *now += Duration::from_millis(2);
        }
        packets.iter().for_each(|packet| prober.arrived(packet));
        *now += Duration::from_millis(100);
        prober.result(*now, None).map(|found| found.bps)
    }

    #[test]
    fn two_probes_after_connecting_find_a_fast_path() {
        let mut now = crate::virtual_clock::epoch();
        let mut prober = Prober::new();
        prober.start(now, 600_000.0, 0.0);
        let first = try_path(&mut prober, &mut now, 50e6).unwrap();
        assert!((1.5e6..2.4e6).contains(&first), "{first}");
        prober.start(now, first, 0.0);
        let second = try_path(&mut prober, &mut now, 50e6).unwrap();
        assert!((2.8e6..5e6).contains(&second), "{second}");
        prober.start(now, second, 0.0);
        assert_eq!(prober.due(now), None, "nobody wants more");
        prober.start(now, second, 20e6);
        let third = try_path(&mut prober, &mut now, 50e6).unwrap();
        assert!(third > 1.5 * second, "more is wanted: {third}");
    }

    #[test]
    fn a_narrow_path_shows_its_limit_and_is_tried_again_later() {
        let mut now = crate::virtual_clock::epoch();
        let mut prober = Prober::new();
        prober.start(now, 600_000.0, 3e6);
        let result = try_path(&mut prober, &mut now, 500_000.0).unwrap();
        assert!((0.4e6..0.5e6).contains(&result), "{result}");
        prober.start(now, result, 3e6);
        let again = try_path(&mut prober, &mut now, 500_000.0).unwrap();
        assert!((0.4e6..0.5e6).contains(&again), "to be sure: {again}");
        prober.start(now, result, 3e6);
        assert_eq!(prober.due(now), None, "not at once");
        now += INTERVAL.1;
        prober.start(now, result, 3e6);
        assert!(prober.due(now).is_some());
    }

    /// Sends the probe that is due over a path that holds packets back for up to this long; what it says.
    fn try_scattered(prober: &mut Prober, now: &mut Instant, held_us: i64) -> Option<Found> {
        let id = prober.sending();
        let start = *now;
        let mut random = 7i64;
        let mut latest = 0;
        while let Some(due) = prober.due(*now) {
            for _ in 0..due.div_ceil(250) {
                let sent_us = i64::try_from(now.saturating_duration_since(start).as_micros()).unwrap();
                prober.record(*now, 250);
                random = (random * 7919 + 104_729) % 1_000_003;
                latest = i64::max(latest, sent_us + 20_000 + random % held_us);
                prober.arrived(&Delivery {
                    sent_us,
                    arrival_us: latest,
                    size: 250,
                    cluster: id,
                });
            }
            *now += Duration::from_millis(2);
        }
        *now += Duration::from_millis(100);
        prober.result(*now, None)
    }

    #[test]
    fn packets_that_scatter_are_no_limit_and_tried_for_longer() {
        let mut now = crate::virtual_clock::epoch();
        let mut prober = Prober::new();
        let mut bps = 600_000.0f64;
        for _ in 0..8 {
            prober.start(now, bps, 5e6);
            if prober.sending() != 0
                && let Some(found) = try_scattered(&mut prober, &mut now, 60_000)
            {
                bps = bps.max(found.bps);
            }
        }
        assert!(bps > 3e6, "{bps}");
        assert!(
            now < crate::virtual_clock::epoch() + Duration::from_secs(2),
            "at once"
        );
    }

    #[test]
    fn a_limit_that_shows_again_is_one_and_needs_no_long_probes() {
        let mut now = crate::virtual_clock::epoch();
        let mut prober = Prober::new();
        for _ in 0..3 {
            now += INTERVAL.1;
            prober.start(now, 600_000.0, 5e6);
            let began = now;
            let limit = try_path(&mut prober, &mut now, 1e6).unwrap();
            assert!((0.8e6..1.1e6).contains(&limit), "{limit}");
            assert!(now - began <= LONGEST + Duration::from_millis(120));
        }
        assert_eq!(prober.duration, DURATION);
    }

    #[test]
    fn a_probe_nobody_answers_is_given_up() {
        let mut now = crate::virtual_clock::epoch();
        let mut prober = Prober::new();
        prober.start(now, 600_000.0, 3e6);
        now += MAX_DURATION;
        prober.start(now, 600_000.0, 3e6);
        assert_eq!(prober.due(now), None);
        now += INTERVAL.1;
        prober.start(now, 600_000.0, 3e6);
        assert!(prober.due(now).is_some(), "and another follows");
    }

    #[test]
    fn arrivals_faster_than_any_sending_say_nothing() {
        let mut now = crate::virtual_clock::epoch();
        let mut prober = Prober::new();
        prober.start(now, 600_000.0, 0.0);
        let id = prober.sending();
        for step in 0..20u16 {
            prober.record(now, 250);
            prober.arrived(&Delivery {
                sent_us: i64::from(step) * 2000,
                arrival_us: i64::from(step),
                size: 250,
                cluster: id,
            });
            now += Duration::from_millis(2);
        }
        assert_eq!(prober.result(now, None), None);
    }
}
