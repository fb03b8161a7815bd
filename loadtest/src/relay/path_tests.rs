//! What goes through a path comes out with the impairment that was asked for: counted, timed and repeated by seed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::impairment::Impairment;
use super::path::{Counts, Path};

const INTERVAL: Duration = Duration::from_millis(1);

/// A datagram that came out: its number, and how long after its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrival {
    number: u32,
    delay: Duration,
    at: Duration,
}

/// A path with a clock of its own.
struct World {
    begin: Instant,
    now: Instant,
    path: Path,
    counts: Arc<Counts>,
    arrivals: Vec<Arrival>,
}

impl World {
    fn new(list: &str, seed: u64) -> Self {
        let counts = Arc::new(Counts::default());
        let begin = Instant::now();
        Self {
            begin,
            now: begin,
            path: Path::new(&impairment(list), seed, Arc::clone(&counts)),
            counts,
            arrivals: Vec::new(),
        }
    }

    /// Sends datagrams of that size, one per interval, numbered from 0 and holding the time of their entry.
    fn send(&mut self, count: u32, size: usize, interval: Duration) {
        for number in 0..count {
            let entry = u32::try_from((self.now - self.begin).as_micros()).unwrap();
            let mut payload = [number.to_be_bytes(), entry.to_be_bytes()].concat();
            payload.resize(size, 0);
            self.path.handle_datagram(self.now, Bytes::from(payload));
            self.collect();
            self.wait_until(self.now + interval);
        }
    }

    fn wait_until(&mut self, end: Instant) {
        while let Some(due) = self.path.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.path.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    fn finish(&mut self) -> &[Arrival] {
        self.wait_until(self.now + Duration::from_secs(3600));
        assert_eq!(self.path.poll_timeout(), None);
        &self.arrivals
    }

    fn collect(&mut self) {
        while let Some(payload) = self.path.poll_output() {
            let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            let at = self.now - self.begin;
            self.arrivals.push(Arrival {
                number: word(0),
                delay: at - Duration::from_micros(word(4).into()),
                at,
            });
        }
    }
}

fn impairment(list: &str) -> Impairment {
    Impairment::default().with(list).unwrap()
}

/// The lengths of the runs of numbers that are missing.
fn bursts(arrivals: &[Arrival]) -> Vec<u32> {
    let gaps = arrivals
        .windows(2)
        .map(|pair| pair[1].number - pair[0].number - 1);
    gaps.filter(|length| *length > 0).collect()
}

#[test]
fn without_impairments_everything_passes_at_once_and_in_order() {
    let mut world = World::new("", 1);
    world.send(1000, 1200, INTERVAL);
    let arrivals = world.finish();
    assert_eq!(arrivals.len(), 1000);
    for (number, arrival) in (0..).zip(arrivals) {
        assert_eq!(arrival.number, number);
        assert!(arrival.delay < Duration::from_micros(1), "{arrival:?}");
    }
}

#[test]
fn a_loss_of_ten_percent_loses_ten_percent_one_by_one() {
    let mut world = World::new("loss=10%", 3);
    world.send(20_000, 1200, INTERVAL);
    let lost = 20_000 - world.finish().len();
    // Three standard deviations of a binomial distribution are 127.
    assert!((1873..=2127).contains(&lost), "{lost}");
    assert_eq!(world.counts.lost.value(), lost as u64);
    assert_eq!(world.counts.delivered.value(), 20_000 - lost as u64);
    let bursts = bursts(&world.arrivals);
    let mean = f64::from(bursts.iter().sum::<u32>()) / bursts.len() as f64;
    // Independent losses have runs of 1 / (1 - 0.1) = 1.11.
    assert!((1.05..1.2).contains(&mean), "{mean}");
}

#[test]
fn bursts_have_the_length_asked_for_and_lose_the_same_share() {
    let mut world = World::new("loss=10%,burst=5", 3);
    world.send(50_000, 1200, INTERVAL);
    world.finish();
    let bursts = bursts(&world.arrivals);
    let mean = f64::from(bursts.iter().sum::<u32>()) / bursts.len() as f64;
    assert!((4.5..5.5).contains(&mean), "{mean}");
    let share = world.counts.lost.value() as f64 / 50_000.0;
    assert!((0.085..0.115).contains(&share), "{share}");
}

#[test]
fn all_is_lost_in_an_outage_and_comes_again_after_it() {
    let mut world = World::new("", 1);
    world.send(100, 1200, INTERVAL);
    world.path.set(&impairment("loss=100%"));
    world.send(100, 1200, INTERVAL);
    assert_eq!(world.arrivals.len(), 100);
    world.path.set(&impairment(""));
    world.send(100, 1200, INTERVAL);
    assert_eq!(world.finish().len(), 200);
    assert_eq!(world.counts.lost.value(), 100);
}

#[test]
fn the_delay_is_what_was_asked_for() {
    let mut world = World::new("delay=50ms", 1);
    world.send(1000, 1200, INTERVAL);
    for arrival in world.finish() {
        let error = arrival.delay.abs_diff(Duration::from_millis(50));
        assert!(error < Duration::from_micros(10), "{arrival:?}");
    }
    assert_eq!(world.arrivals.len(), 1000);
}

#[test]
fn jitter_spreads_the_delay_and_keeps_the_order() {
    let mut world = World::new("delay=50ms,jitter=20ms", 1);
    // So far apart that nothing waits for the datagram before it.
    world.send(1000, 1200, Duration::from_millis(50));
    let delays: Vec<Duration> = world.finish().iter().map(|arrival| arrival.delay).collect();
    let (least, most) = (*delays.iter().min().unwrap(), *delays.iter().max().unwrap());
    assert!((30..=32).contains(&least.as_millis()), "{least:?}");
    assert!((68..=70).contains(&most.as_millis()), "{most:?}");

    let mut dense = World::new("delay=50ms,jitter=20ms", 1);
    dense.send(1000, 1200, INTERVAL);
    assert!(dense.finish().is_sorted_by_key(|arrival| arrival.number));
    assert_eq!(dense.counts.reordered.value(), 0);
}

#[test]
fn every_tenth_datagram_overtakes_one() {
    let mut world = World::new("delay=20ms,reorder=10", 1);
    world.send(1000, 1200, INTERVAL);
    let numbers: Vec<u32> = world.finish().iter().map(|arrival| arrival.number).collect();
    let overtaken = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert_eq!(overtaken, 100);
    assert_eq!(world.counts.reordered.value(), 100);
    assert_eq!(numbers[..12], [0, 1, 2, 3, 4, 5, 6, 7, 9, 8, 10, 11]);
}

#[test]
fn a_share_arrives_twice() {
    let mut world = World::new("duplicate=5%", 1);
    world.send(10_000, 1200, INTERVAL);
    let arrived = world.finish().len() as u64;
    let duplicated = world.counts.duplicated.value();
    assert_eq!(arrived, 10_000 + duplicated);
    assert!((430..=570).contains(&duplicated), "{duplicated}");
}

#[test]
fn the_bottleneck_passes_its_rate_and_no_more() {
    let mut world = World::new("rate=300kbit,queue=200ms", 1);
    // 1.2 Mbit/s for ten seconds: four times too much. 1172 bytes and their headers are 1200.
    world.send(1250, 1172, Duration::from_millis(8));
    world.finish();
    let last = world.arrivals.last().unwrap().at.as_secs_f64();
    let rate = (world.arrivals.len() - 1) as f64 * 1200.0 * 8.0 / last;
    assert!((297_000.0..303_000.0).contains(&rate), "{rate}");
    let longest = world.arrivals.iter().map(|arrival| arrival.delay).max().unwrap();
    assert!((150..=200).contains(&longest.as_millis()), "{longest:?}");
    assert_eq!(
        world.counts.overflowed.value(),
        1250 - world.arrivals.len() as u64
    );
    assert!(world.arrivals.is_sorted_by_key(|arrival| arrival.number));
}

#[test]
fn what_is_under_way_takes_no_room_in_the_queue() {
    let mut world = World::new("rate=10mbit,queue=10ms,delay=500ms", 1);
    world.send(1000, 1172, INTERVAL);
    assert_eq!(world.finish().len(), 1000);
}

#[test]
fn a_rate_that_is_lifted_lets_nothing_overtake() {
    let mut world = World::new("rate=300kbit,queue=1s", 1);
    world.send(20, 1172, INTERVAL);
    world.path.set(&impairment(""));
    world.send(20, 1172, INTERVAL);
    assert_eq!(world.finish().len(), 40);
    assert_eq!(world.counts.reordered.value(), 0);
}

#[test]
fn a_seed_is_a_run_and_another_seed_another() {
    let run = |seed: u64| {
        let mut world = World::new(
            "delay=30ms,jitter=30ms,loss=20%,burst=2,duplicate=3%,reorder=7",
            seed,
        );
        world.send(2000, 500, INTERVAL);
        world.finish().to_vec()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
