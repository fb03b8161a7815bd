//! Decides when to try a higher rate than is needed, how much to send for it, and what the trial says.

use std::time::{Duration, Instant};

use super::MAX_BPS;
use super::history::Delivery;

/// How long a probe sends, and in at least how many packets.
const DURATION: Duration = Duration::from_millis(15);
const MIN_PACKETS: u32 = 5;
/// A probe whose packets could not be sent in this time is given up.
const MAX_DURATION: Duration = Duration::from_millis(150);
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

/// A trial under way: first sent, then waited for.
#[derive(Clone, Copy)]
struct Cluster {
    id: u8,
    bps: f64,
    started: Instant,
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

/// The probes of one subscriber: one at a time.
pub(super) struct Prober {
    cluster: Option<Cluster>,
    last_id: u8,
    unasked: u8,
    /// The last probe got through: the next may follow at once.
    follow: bool,
    next_at: Option<Instant>,
    interval: Duration,
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
        let needed = cluster.packets == 0 || now.saturating_duration_since(cluster.started) >= DURATION;
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
        let lasted = now.saturating_duration_since(cluster.started) >= DURATION;
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

    /// After a feedback message: the rate that gets through, if a probe has come to its end.
    pub(super) fn result(&mut self, now: Instant) -> Option<f64> {
        let cluster = self.cluster.filter(|cluster| cluster.sent)?;
        let arrived = cluster.arrived?;
        if f64::from(arrived.bytes) < MIN_ARRIVED * f64::from(cluster.bytes)
            || f64::from(arrived.packets) < MIN_ARRIVED * f64::from(cluster.packets)
        {
            return None;
        }
        self.cluster = None;
        let Some(bps) = arrived.bps() else {
            self.failed(now);
            return None;
        };
        if bps >= SUCCESS * cluster.bps {
            self.follow = true;
            self.interval = INTERVAL.0;
            self.next_at = Some(now + self.interval);
        } else {
            self.failed(now);
        }
        Some(bps)
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

    /// The rate this shows; `None` when its times make no sense.
    fn bps(&self) -> Option<f64> {
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
            BELOW_LIMIT * received
        } else {
            received.min(sent)
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
        prober.result(*now)
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
        assert_eq!(prober.due(now), None, "not at once");
        now += INTERVAL.1;
        prober.start(now, result, 3e6);
        assert!(prober.due(now).is_some());
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
        assert_eq!(prober.result(now), None);
    }
}
