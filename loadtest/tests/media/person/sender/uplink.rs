//! A publisher's own bandwidth estimate from transport-cc reports: falls with queueing delay and loss, rises otherwise.
//!
//! Much simpler than a browser's; what matters here is that a publisher does not send more than its uplink carries.

use std::collections::{HashMap, VecDeque};

use conclave_transport::rtcp::TwccPacket;

const START: f64 = 600_000.0;
const LEAST: f64 = 80_000.0;
const MOST: f64 = 2_500_000.0;
/// Queueing delay that is too much, and below which the estimate may grow, in microseconds.
const TOO_LONG: i64 = 60_000;
const SHORT: i64 = 25_000;
/// Least time between two decreases.
const HOLD: u64 = 300_000;
const WINDOW: u64 = 1_000_000;

pub(crate) struct Uplink {
    sent: HashMap<u16, (u64, usize)>,
    order: VecDeque<u16>,
    rate: f64,
    least_delay: Option<i64>,
    /// Of the last second: when it was reported, bytes of what came, whether it was lost.
    reported: VecDeque<(u64, usize, bool)>,
    decreased: u64,
    startup: bool,
    /// The estimate before it fell last; up to near it, it may grow fast again (a browser probes there).
    before: f64,
}

impl Uplink {
    pub(crate) fn new() -> Self {
        Self {
            sent: HashMap::new(),
            order: VecDeque::new(),
            rate: START,
            least_delay: None,
            reported: VecDeque::new(),
            decreased: 0,
            startup: true,
            before: 0.0,
        }
    }

    /// Bits per second.
    pub(crate) const fn rate(&self) -> f64 {
        self.rate
    }

    pub(crate) fn sent(&mut self, now: u64, sequence: u16, size: usize) {
        self.sent.insert(sequence, (now, size));
        self.order.push_back(sequence);
        if self.order.len() > 4096
            && let Some(old) = self.order.pop_front()
        {
            self.sent.remove(&old);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one second")]
    pub(crate) fn report(&mut self, now: u64, packets: impl Iterator<Item = TwccPacket>) {
        let mut queueing: Option<i64> = None;
        for packet in packets {
            let Some((at, size)) = self.sent.remove(&packet.sequence) else {
                continue;
            };
            self.reported.push_back((now, size, packet.arrival_us.is_none()));
            let Some(arrival) = packet.arrival_us else {
                continue;
            };
            let delay = arrival - i64::try_from(at).unwrap();
            let least = self.least_delay.map_or(delay, |least| least.min(delay));
            self.least_delay = Some(least);
            queueing = Some(queueing.map_or(delay - least, |queueing| queueing.min(delay - least)));
        }
        while self.reported.front().is_some_and(|(at, ..)| *at + WINDOW < now) {
            self.reported.pop_front();
        }
        let lost = self.reported.iter().filter(|(.., lost)| *lost).count();
        let loss = lost as f64 / self.reported.len().max(1) as f64;
        let came: usize = self
            .reported
            .iter()
            .filter(|(.., lost)| !lost)
            .map(|(_, size, _)| size)
            .sum();
        let Some(queueing) = queueing else { return };
        let may_fall = now >= self.decreased + HOLD;
        if queueing > TOO_LONG {
            if may_fall {
                self.fall(now, 0.85 * (came as f64 * 8.0).min(self.rate));
            }
        } else if loss > 0.1 {
            if may_fall {
                self.fall(now, self.rate * (1.0 - 0.5 * loss));
            }
        } else if queueing < SHORT && loss < 0.05 {
            let growth = match () {
                () if self.startup => 1.06,
                () if self.rate < 0.7 * self.before => 1.03,
                () => 1.005,
            };
            self.rate = (self.rate * growth).min(MOST);
        }
    }

    fn fall(&mut self, now: u64, rate: f64) {
        self.before = self.rate.max(0.9 * self.before);
        self.rate = rate.max(LEAST);
        self.decreased = now;
        self.startup = false;
    }
}
