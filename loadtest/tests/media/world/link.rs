//! One direction of somebody's connection: rate and queue, delay and jitter, loss, reordering, duplicates, outages.
//!
//! In: a datagram and the time. Out: when the next one leaves the queue, and when it arrives, if it does. Not the
//! crate str0m-netem: there the queue counts what is in the air too, jitter always reorders, and changing the rate
//! in the middle of a run throws new dice.

use std::collections::{BTreeMap, VecDeque};

use rand::Rng as _;
use rand::rngs::StdRng;

/// IPv4, UDP and the SRTP tag around a plaintext packet, in bytes.
const OVERHEAD: usize = 20 + 8 + 16;

/// What a link is like. Times in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// Bits per second; `None` is more than anybody sends.
    pub(crate) rate: Option<u64>,
    /// Longest queue at that rate; what comes then is dropped.
    pub(crate) queue: u64,
    /// One way.
    pub(crate) delay: u64,
    /// Up to this much is added, in order.
    pub(crate) jitter: u64,
    pub(crate) loss: Loss,
    /// Probability that a packet is overtaken.
    pub(crate) reorder: f64,
    /// Probability that a packet comes twice.
    pub(crate) duplicate: f64,
    /// Nothing passes.
    pub(crate) down: bool,
}

/// How packets get lost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    None,
    /// Each with this probability.
    Random(f64),
    /// Gilbert-Elliott: everything is lost in the bad state. Probabilities per packet.
    Burst {
        enter: f64,
        leave: f64,
    },
}

impl Conditions {
    /// A good connection: 20 ms one way, no limit, no loss.
    pub(crate) const fn good() -> Self {
        Self {
            rate: None,
            queue: 300_000,
            delay: 20_000,
            jitter: 2_000,
            loss: Loss::None,
            reorder: 0.0,
            duplicate: 0.0,
            down: false,
        }
    }

    pub(crate) const fn rate(self, kilobits: u64) -> Self {
        Self {
            rate: Some(kilobits * 1000),
            ..self
        }
    }

    pub(crate) const fn delay_ms(self, delay: u64) -> Self {
        Self {
            delay: delay * 1000,
            ..self
        }
    }

    pub(crate) const fn jitter_ms(self, jitter: u64) -> Self {
        Self {
            jitter: jitter * 1000,
            ..self
        }
    }

    pub(crate) const fn loss(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    /// Loses this share of its packets, each by itself.
    pub(crate) const fn loses(self, share: f64) -> Self {
        self.loss(Loss::Random(share))
    }

    pub(crate) const fn reorders(self, share: f64) -> Self {
        Self {
            reorder: share,
            ..self
        }
    }

    pub(crate) const fn duplicates(self, share: f64) -> Self {
        Self {
            duplicate: share,
            ..self
        }
    }

    pub(crate) const fn down(self, down: bool) -> Self {
        Self { down, ..self }
    }
}

/// A link. Datagrams stay in order unless they are picked for reordering.
pub(crate) struct Link {
    pub(crate) conditions: Conditions,
    queue: VecDeque<(usize, Vec<u8>)>,
    queued: usize,
    last_arrival: u64,
    bad: bool,
    /// Its own, so that what passes other links throws it no other dice.
    rng: StdRng,
    /// Bytes that came out at the other end, with overhead, by who they are for and tenth of a second.
    delivered: BTreeMap<usize, Vec<u64>>,
}

/// What becomes of a datagram that was handed to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The link was idle: call [`Link::transmitted`] at this time.
    Transmits(u64),
    /// It waits behind others, or is lost.
    Nothing,
}

impl Link {
    pub(crate) const fn new(conditions: Conditions, rng: StdRng) -> Self {
        Self {
            conditions,
            queue: VecDeque::new(),
            queued: 0,
            last_arrival: 0,
            bad: false,
            rng,
            delivered: BTreeMap::new(),
        }
    }

    /// Puts a datagram for somebody into the queue.
    pub(crate) fn enter(&mut self, now: u64, to: usize, datagram: Vec<u8>) -> Entry {
        let size = datagram.len() + OVERHEAD;
        if self.conditions.down || self.transmission(self.queued + size) > self.conditions.queue.max(1) {
            return Entry::Nothing;
        }
        let idle = self.queue.is_empty();
        self.queue.push_back((to, datagram));
        self.queued += size;
        if idle {
            Entry::Transmits(now + self.transmission(size))
        } else {
            Entry::Nothing
        }
    }

    /// The first of the queue is on its way: whose it is, when it arrives (not at all, once, twice), and when the next
    /// one is.
    pub(crate) fn transmitted(&mut self, now: u64) -> ((usize, Vec<u8>), Vec<u64>, Option<u64>) {
        let (to, datagram) = self.queue.pop_front().unwrap_or_default();
        self.queued = self.queued.saturating_sub(datagram.len() + OVERHEAD);
        let next = self
            .queue
            .front()
            .map(|(_, next)| now + self.transmission(next.len() + OVERHEAD));
        let mut arrivals = Vec::new();
        if !self.loses() && !self.conditions.down {
            arrivals.push(self.arrival(now));
            if self.conditions.duplicate > 0.0 && self.rng.random_bool(self.conditions.duplicate) {
                arrivals.push(self.arrival(now));
            }
            let tenth = usize::try_from(now / 100_000).unwrap();
            let delivered = self.delivered.entry(to).or_default();
            if delivered.len() <= tenth {
                delivered.resize(tenth + 1, 0);
            }
            delivered[tenth] += u64::try_from(datagram.len() + OVERHEAD).unwrap();
        }
        ((to, datagram), arrivals, next)
    }

    /// How long a datagram that enters now would wait, in microseconds.
    pub(crate) fn waiting(&self) -> u64 {
        self.transmission(self.queued)
    }

    /// Kilobits per second that came through between two moments, in milliseconds.
    pub(crate) fn kilobits(&self, from: u64, to: u64) -> u64 {
        let people = self.delivered.keys();
        people.map(|who| self.kilobits_to(*who, from, to)).sum()
    }

    /// The same for one of those who share it.
    pub(crate) fn kilobits_to(&self, who: usize, from: u64, to: u64) -> u64 {
        let tenths = self.delivered.get(&who).into_iter().flatten().enumerate();
        let bytes: u64 = tenths
            .filter(|(tenth, _)| (from..to).contains(&(100 * u64::try_from(*tenth).unwrap())))
            .map(|(_, bytes)| bytes)
            .sum();
        8 * bytes / (to - from).max(1)
    }

    fn arrival(&mut self, now: u64) -> u64 {
        let conditions = self.conditions;
        let jitter = if conditions.jitter > 0 {
            self.rng.random_range(0..conditions.jitter)
        } else {
            0
        };
        let at = now + conditions.delay + jitter;
        if conditions.reorder > 0.0 && self.rng.random_bool(conditions.reorder) {
            return at + self.rng.random_range(5_000..30_000);
        }
        self.last_arrival = self.last_arrival.max(at);
        self.last_arrival
    }

    fn loses(&mut self) -> bool {
        match self.conditions.loss {
            Loss::None => false,
            Loss::Random(probability) => self.rng.random_bool(probability),
            Loss::Burst { enter, leave } => {
                self.bad = if self.bad {
                    !self.rng.random_bool(leave)
                } else {
                    self.rng.random_bool(enter)
                };
                self.bad
            }
        }
    }

    /// How long `bytes` take, in microseconds.
    fn transmission(&self, bytes: usize) -> u64 {
        self.conditions
            .rate
            .map_or(0, |rate| u64::try_from(bytes).unwrap() * 8_000_000 / rate)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// Sends packets of 956 bytes (1000 with overhead) at these times; when each arrived.
    fn arrivals(conditions: Conditions, times: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut link = Link::new(conditions, StdRng::seed_from_u64(1));
        let mut next = None;
        let mut arrived = Vec::new();
        for now in times {
            while let Some(at) = next.filter(|at| *at <= now) {
                let (_, at, then) = link.transmitted(at);
                arrived.extend(at);
                next = then;
            }
            if let Entry::Transmits(at) = link.enter(now, 0, vec![0; 956]) {
                next = Some(at);
            }
        }
        arrived
    }

    #[test]
    fn a_narrow_link_delays_and_then_drops() {
        let narrow = Conditions {
            jitter: 0,
            ..Conditions::good().rate(800)
        };
        let arrived = arrivals(narrow, (0..1000).map(|packet| packet * 5_000));
        assert_eq!(arrived[0], 10_000 + 20_000, "10 ms for 1000 bytes, then the way");
        let apart: Vec<u64> = arrived.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(apart.iter().all(|apart| *apart == 10_000));
        // 5 s at one packet in 10 ms.
        assert!((495..=500).contains(&arrived.len()), "{}", arrived.len());
    }

    #[test]
    fn losses_are_as_many_as_was_said_and_bursts_as_long() {
        let random = arrivals(
            Conditions::good().loses(0.1),
            (0..10_000).map(|packet| packet * 1_000),
        );
        assert!((8_850..9_150).contains(&random.len()), "{}", random.len());
        let bursts = Loss::Burst {
            enter: 0.01,
            leave: 0.25,
        };
        let burst = arrivals(
            Conditions::good().loss(bursts),
            (0..100_000).map(|packet| packet * 1_000),
        );
        // Of the time 1/26 is bad.
        assert!((95_000..97_500).contains(&burst.len()), "{}", burst.len());
        let long = burst.windows(2).filter(|pair| pair[1] - pair[0] > 3_500).count();
        assert!(long > 300, "{long} gaps of three and more");
    }

    #[test]
    fn nothing_passes_a_link_that_is_down_and_order_is_kept_unless_it_is_not() {
        let down = arrivals(
            Conditions::good().down(true),
            (0..100).map(|packet| packet * 1_000),
        );
        assert!(down.is_empty());
        let shaken = arrivals(
            Conditions::good().jitter_ms(60),
            (0..1000).map(|packet| packet * 1_000),
        );
        assert!(shaken.is_sorted());
        let overtaken = arrivals(
            Conditions::good().reorders(0.1),
            (0..1000).map(|packet| packet * 1_000),
        );
        assert!(!overtaken.is_sorted());
    }
}
