//! Measures how long packets wait beyond the path's least delay, and sees a queue that fills within one message.
//!
//! The trendline needs a dozen groups of packets; when a path narrows to a quarter, its queue is half a second long by
//! then. Here the packets of one feedback message are enough, but only for what is plain.

use std::time::{Duration, Instant};

use super::history::Delivery;

/// A path's least delay is forgotten after one to two of these: clocks drift and routes change.
const WINDOW: Duration = Duration::from_secs(10);
/// Packets of a message, and the time between its first and last, that show a rate.
const MIN_PACKETS: u32 = 5;
const MIN_SPAN_US: i64 = 30_000;
/// Wait of the last packet from which a growing one is a queue, and more than most jitter.
const LONG_US: i64 = 80_000;
/// A queue that is shorter than this at times is no queue, or than packets are delayed at random.
const SHORT_US: i64 = 20_000;
/// Random delays beyond this are taken for a queue, and this share of the known ones is forgotten with each message:
/// some seconds.
const MAX_JITTER_US: i64 = 60_000;
const FORGET: i64 = 64;
/// From this wait of every packet on, less is sent than gets through, so that the queue empties: at
/// [`HALF_US`] more, half.
const STANDING_US: i64 = 50_000;
const HALF_US: i64 = 200_000;

/// The wait on one path.
pub(super) struct Queue {
    /// Least delay in this window and the one before. The clocks differ, so only differences mean anything.
    least_us: Option<i64>,
    least_before_us: Option<i64>,
    window: Option<Instant>,
    standing_us: i64,
    /// How much packets are delayed at random.
    jitter_us: i64,
}

/// The packets of one message that arrived.
#[derive(Default)]
pub(super) struct Batch {
    packets: u32,
    /// Without the first packet's.
    bytes: u32,
    first: Option<Delivery>,
    last: Option<Delivery>,
    least_us: Option<i64>,
    /// The path's least delay, and the rate at which packets leave its queue at least, in bits per second.
    base_us: Option<i64>,
    rate: Option<f64>,
    latest_us: Option<i64>,
    /// The longest time a packet came later than what was before it explains.
    unexplained_us: i64,
}

impl Batch {
    /// The packets of a message are to follow; `rate` is what arrived of late.
    pub(super) fn new(queue: &Queue, rate: Option<f64>) -> Self {
        Self {
            base_us: queue.base_us(),
            rate,
            ..Self::default()
        }
    }

    /// Takes a packet, in order of sending.
    pub(super) fn add(&mut self, packet: &Delivery) {
        if let (Some(base), Some(rate), Some(latest)) = (self.base_us, self.rate, self.latest_us) {
            // In a queue a packet comes as long after the one before it as it takes itself.
            let size = f64::from(packet.size) * 8e6 / rate.max(1.0);
            let due = latest.max(packet.sent_us + base).saturating_add(whole(size));
            self.unexplained_us = self.unexplained_us.max(packet.arrival_us - due);
        }
        self.latest_us = self.latest_us.max(Some(packet.arrival_us));
        let delay_us = packet.arrival_us - packet.sent_us;
        self.packets += 1;
        self.least_us = Some(self.least_us.map_or(delay_us, |least| least.min(delay_us)));
        self.last = Some(*packet);
        if self.first.is_none() {
            self.first = Some(*packet);
        } else {
            self.bytes = self.bytes.saturating_add(u32::from(packet.size));
        }
    }

    /// The rate at which they arrived, in bits per second, if there are enough to tell.
    pub(super) fn bps(&self) -> Option<f64> {
        let span = self.last?.arrival_us - self.first?.arrival_us;
        let plain = self.packets >= MIN_PACKETS && span >= MIN_SPAN_US;
        let span = i32::try_from(span).ok().filter(|_| plain)?;
        Some(f64::from(self.bytes) * 8e6 / f64::from(span))
    }
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            least_us: None,
            least_before_us: None,
            window: None,
            standing_us: 0,
            jitter_us: 0,
        }
    }

    /// Takes the packets of one message. If they queue up: the rate at which they leave the queue, in bits per second.
    pub(super) fn handle(&mut self, now: Instant, batch: &Batch) -> Option<f64> {
        let (first, last) = (batch.first?, batch.last?);
        let least = batch.least_us?;
        if self
            .window
            .is_none_or(|since| now.saturating_duration_since(since) >= WINDOW)
        {
            self.window = Some(now);
            self.least_before_us = self.least_us.take();
        }
        self.least_us = Some(self.least_us.map_or(least, |known| known.min(least)));
        let base = self.base_us()?;
        self.standing_us = least - base;
        let kept = self.jitter_us - self.jitter_us / FORGET;
        self.jitter_us = kept.max(batch.unexplained_us.min(MAX_JITTER_US));
        let wait_us = last.arrival_us - last.sent_us - base;
        let sent_us = last.sent_us - first.sent_us;
        let arrived_us = last.arrival_us - first.arrival_us;
        let plain = wait_us >= LONG_US && arrived_us * 10 > sent_us * 11;
        batch.bps().filter(|_| plain)
    }

    /// Whether some packet of the last message hardly waited: what waits comes and goes.
    pub(super) fn is_short(&self) -> bool {
        self.standing_us < self.jitter_us.max(SHORT_US)
    }

    /// The share of what gets through that may be sent while the queue empties.
    pub(super) fn share(&self) -> f64 {
        let over = (self.standing_us - STANDING_US).clamp(0, HALF_US);
        let over = f64::from(i32::try_from(over).unwrap_or(0));
        let half = f64::from(i32::try_from(HALF_US).unwrap_or(1));
        1.0 - 0.5 * over / half
    }

    fn base_us(&self) -> Option<i64> {
        match (self.least_us, self.least_before_us) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (now, before) => now.or(before),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float saturates on conversion")]
const fn whole(us: f64) -> i64 {
    us as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of packets sent every 10 ms, of 1250 bytes, with these delays in ms.
    fn batch(from_ms: i64, delays_ms: &[i64]) -> Batch {
        batch_of(&Queue::new(), from_ms, delays_ms)
    }

    /// The same, as seen by this queue while 1 Mbit/s arrives.
    fn batch_of(queue: &Queue, from_ms: i64, delays_ms: &[i64]) -> Batch {
        let mut batch = Batch::new(queue, Some(1e6));
        for (index, delay_ms) in (0i64..).zip(delays_ms) {
            let sent_us = (from_ms + 10 * index) * 1000;
            batch.add(&Delivery {
                sent_us,
                arrival_us: 77_000_000 + sent_us + delay_ms * 1000,
                size: 1250,
                cluster: 0,
            });
        }
        batch
    }

    #[test]
    fn a_queue_that_grows_fast_shows_its_rate() {
        let start = crate::virtual_clock::epoch();
        let mut queue = Queue::new();
        assert_eq!(queue.handle(start, &batch(0, &[20; 10])), None);
        // Sent at 1 Mbit/s, let through at a quarter of it.
        let growing: Vec<i64> = (0..10).map(|step| 20 + 30 * step).collect();
        let bps = queue.handle(start, &batch(100, &growing)).unwrap();
        assert!((bps - 250_000.0).abs() < 1.0, "{bps}");
    }

    #[test]
    fn a_stall_that_resolves_and_ordinary_jitter_are_no_queue() {
        let start = crate::virtual_clock::epoch();
        let mut queue = Queue::new();
        assert_eq!(queue.handle(start, &batch(0, &[20; 10])), None);
        let stall: Vec<i64> = (0..10).map(|step| 200 - 10 * step).collect();
        assert_eq!(queue.handle(start, &batch(100, &stall)), None);
        let jitter = [20, 60, 20, 50, 30, 70, 20, 60, 40, 50];
        assert_eq!(queue.handle(start, &batch(200, &jitter)), None);
        assert!((queue.share() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn random_delays_are_known_after_a_while_and_a_steady_queue_is_none() {
        let start = crate::virtual_clock::epoch();
        let mut queue = Queue::new();
        queue.handle(start, &batch(0, &[20; 10]));
        queue.handle(start, &batch_of(&queue, 100, &[60; 10]));
        assert!(!queue.is_short(), "all wait");
        let filling: Vec<i64> = (0..10).map(|step| 20 + 8 * step).collect();
        queue.handle(start, &batch_of(&queue, 200, &filling));
        queue.handle(start, &batch_of(&queue, 300, &[60; 10]));
        assert!(!queue.is_short(), "a queue takes its packets one after the other");
        queue.handle(start, &batch_of(&queue, 400, &[20, 75, 65, 55, 70, 60]));
        queue.handle(start, &batch_of(&queue, 500, &[60; 10]));
        assert!(queue.is_short(), "as long as packets are delayed anyway");
    }

    #[test]
    fn a_standing_queue_is_emptied_and_a_longer_route_forgiven() {
        let start = crate::virtual_clock::epoch();
        let mut queue = Queue::new();
        queue.handle(start, &batch(0, &[20; 10]));
        queue.handle(start, &batch(100, &[170; 10]));
        assert!((queue.share() - 0.75).abs() < 1e-9);
        for step in 1..=2 {
            queue.handle(start + WINDOW * step, &batch(100, &[170; 10]));
        }
        assert!((queue.share() - 1.0).abs() < 1e-9);
    }
}
