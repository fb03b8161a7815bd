//! The estimator against a simulated bottleneck, in virtual time: what a step in capacity, a bad path or silence does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use conclave_transport::rtcp::{RtcpEvent, RtcpWriter, TwccPacket, events};

use super::Estimator;

const STEP: Duration = Duration::from_millis(1);
const OVERHEAD: usize = 40;

/// A link: one queue in front of a rate, then a delay; and the receiver behind it, which sends feedback.
struct Link {
    bps: f64,
    delay: Duration,
    /// Bytes the queue holds; what does not fit is lost.
    queue: usize,
    /// One packet in so many is lost.
    loss: u64,
    /// Up to this much is added to the delay, in order.
    jitter_ms: u64,
    up: bool,
    waiting: VecDeque<(u16, usize)>,
    queued: usize,
    credit: f64,
    /// (number, arrival) on the way.
    travelling: VecDeque<(Instant, u16)>,
    arrived: Vec<(u16, Instant)>,
    next: u16,
    messages: u8,
    random: u64,
}

impl Link {
    fn new(bps: f64, delay_ms: u64) -> Self {
        Self {
            bps,
            delay: Duration::from_millis(delay_ms),
            queue: 64_000,
            loss: 0,
            jitter_ms: 0,
            up: true,
            waiting: VecDeque::new(),
            queued: 0,
            credit: 0.0,
            travelling: VecDeque::new(),
            arrived: Vec::new(),
            next: 0,
            messages: 0,
            random: 0x5eed,
        }
    }

    fn random(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn send(&mut self, number: u16, size: usize) {
        let unlucky = self.random().is_multiple_of(self.loss.max(1)) && self.loss > 0;
        if self.up && !unlucky && self.queued + size <= self.queue {
            self.queued += size;
            self.waiting.push_back((number, size));
        }
    }

    fn pass(&mut self, now: Instant) {
        self.credit += self.bps * STEP.as_secs_f64() / 8.0;
        while let Some((number, size)) = self.waiting.front().copied() {
            let cost = f64::from(u32::try_from(size).unwrap());
            if self.credit < cost {
                break;
            }
            self.credit -= cost;
            self.queued -= size;
            self.waiting.pop_front();
            let jitter = self.random().checked_rem(self.jitter_ms).unwrap_or(0);
            let at = now + self.delay + Duration::from_millis(jitter);
            let before = self.travelling.back().map_or(at, |(before, _)| *before);
            self.travelling.push_back((at.max(before), number));
        }
        if self.waiting.is_empty() {
            self.credit = self.credit.min(1500.0);
        }
        while let Some((at, number)) = self.travelling.front().copied().filter(|(at, _)| *at <= now) {
            self.travelling.pop_front();
            self.arrived.push((number, at));
        }
    }

    /// The feedback message on what arrived since the last one.
    fn feedback(&mut self, start: Instant) -> Option<Vec<u8>> {
        let last = self.arrived.last()?.0;
        let mut packets: Vec<TwccPacket> = Vec::new();
        while self.next != last.wrapping_add(1) {
            let at = self.arrived.iter().find(|(number, _)| *number == self.next);
            packets.push(TwccPacket {
                sequence: self.next,
                arrival_us: at.map(|(_, at)| {
                    5_000_000 + i64::try_from(at.duration_since(start).as_micros()).unwrap() / 250 * 250
                }),
            });
            self.next = self.next.wrapping_add(1);
        }
        self.arrived.clear();
        let mut buffer = vec![0; 4000];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.twcc(1, 2, self.messages, &packets).unwrap();
        self.messages = self.messages.wrapping_add(1);
        let len = writer.len();
        buffer.truncate(len);
        Some(buffer)
    }

    /// How long what is sent now would wait.
    fn queue_ms(&self) -> f64 {
        f64::from(u32::try_from(self.queued).unwrap()) * 8000.0 / self.bps
    }
}

/// One subscriber of a video in layers, and 20 ms sounds.
struct Call {
    start: Instant,
    now: Instant,
    estimator: Estimator,
    link: Link,
    /// What the layers cost, in bits per second.
    layers: &'static [u32],
    layer: usize,
    ms: u64,
    /// (time, message) on the way back.
    returning: VecDeque<(Instant, Vec<u8>)>,
    worst_queue_ms: f64,
}

const LAYERS: &[u32] = &[150_000, 500_000, 1_500_000, 3_300_000];

impl Call {
    fn new(link: Link) -> Self {
        let start = crate::virtual_clock::epoch();
        let mut estimator = Estimator::new(start);
        estimator.negotiate(true);
        Self {
            start,
            now: start,
            estimator,
            link,
            layers: LAYERS,
            layer: 0,
            ms: 0,
            returning: VecDeque::new(),
            worst_queue_ms: 0.0,
        }
    }

    fn send(&mut self, size: usize) {
        let number = self.estimator.record(self.now, size + OVERHEAD);
        self.link.send(number, size + OVERHEAD);
    }

    fn allocate(&mut self) {
        let (Some(estimate), Some(least)) = (
            self.estimator.estimate(self.now),
            self.estimator.recent_least(self.now),
        ) else {
            self.layer = self.layers.len() - 1;
            return;
        };
        while self.layer > 0 && self.layers[self.layer] + 50_000 > estimate {
            self.layer -= 1;
        }
        while let Some(next) = self.layers.get(self.layer + 1)
            && next + 50_000 <= least / 20 * 19
        {
            self.layer += 1;
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            self.ms += 1;
            if self.ms.is_multiple_of(20) {
                self.send(120);
            }
            if self.ms.is_multiple_of(33) {
                let frame = usize::try_from(self.layers[self.layer]).unwrap() / 8 * 33 / 1000;
                for _ in 0..frame / 1160 {
                    self.send(1160);
                }
                self.send((frame % 1160).max(50));
            }
            if self.ms.is_multiple_of(25) {
                self.estimator.handle_tick(self.now);
                self.allocate();
                let wanted = self.layers.last().unwrap() + 50_000;
                self.estimator.start_probe(self.now, wanted);
            }
            if self.ms.is_multiple_of(2)
                && let Some(due) = self.estimator.probe_due(self.now)
            {
                for _ in 0..due.div_ceil(1200) {
                    self.send(1160);
                }
            }
            self.link.pass(self.now);
            self.worst_queue_ms = self.worst_queue_ms.max(self.link.queue_ms());
            if self.ms.is_multiple_of(100)
                && let Some(message) = self.link.feedback(self.start)
            {
                self.returning.push_back((self.now + self.link.delay, message));
            }
            while self.returning.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, message) = self.returning.pop_front().unwrap();
                let Some(Ok(RtcpEvent::Twcc(feedback))) = events(&message).next() else {
                    panic!("not feedback")
                };
                self.estimator.handle_feedback(self.now, &feedback);
                self.allocate();
            }
        }
    }

    fn estimate(&self) -> u32 {
        self.estimator.estimate(self.now).unwrap()
    }

    /// How long until this layer is sent, in ms.
    fn until_layer(&mut self, layer: usize, limit: Duration) -> Option<u128> {
        let from = self.now;
        while self.now < from + limit {
            if self.layer >= layer {
                return Some((self.now - from).as_millis());
            }
            self.run(STEP * 10);
        }
        None
    }
}

#[test]
fn a_fast_path_is_known_within_two_seconds() {
    for delay_ms in [2, 25, 100] {
        let mut call = Call::new(Link::new(20e6, delay_ms));
        call.run(Duration::from_secs(2));
        assert!(call.estimate() > 3_000_000, "{delay_ms} ms: {}", call.estimate());
        let until = call.until_layer(3, Duration::from_secs(3)).unwrap();
        assert!(until < 1500, "{delay_ms} ms: {until}");
    }
}

#[test]
fn random_delays_hide_a_fast_path_for_three_seconds_at_most() {
    for jitter_ms in [20, 60, 100] {
        let mut link = Link::new(20e6, 30);
        link.jitter_ms = jitter_ms;
        let mut call = Call::new(link);
        let until = call.until_layer(3, Duration::from_secs(10));
        assert!(until.is_some_and(|ms| ms < 3000), "{jitter_ms} ms: {until:?}");
        call.run(Duration::from_secs(10));
        let mut kept = 0;
        for _ in 0..300 {
            call.run(STEP * 100);
            kept += u32::from(call.layer == 3);
        }
        assert!(kept > 270, "{jitter_ms} ms: {kept} of 300");
    }
}

#[test]
fn a_slow_path_is_not_flooded_at_the_start() {
    let mut call = Call::new(Link::new(300_000.0, 40));
    call.run(Duration::from_secs(5));
    assert!(call.worst_queue_ms < 400.0, "{}", call.worst_queue_ms);
    call.worst_queue_ms = 0.0;
    call.run(Duration::from_secs(30));
    assert!(
        (150_000..400_000).contains(&call.estimate()),
        "{}",
        call.estimate()
    );
    assert!(call.worst_queue_ms < 300.0, "{}", call.worst_queue_ms);
}

#[test]
fn a_step_down_and_up_settles_fast() {
    for delay_ms in [10, 25, 75] {
        let mut call = Call::new(Link::new(4e6, delay_ms));
        call.run(Duration::from_secs(20));
        assert_eq!(call.layer, 3, "{delay_ms} ms: {}", call.estimate());
        call.link.bps = 1e6;
        call.worst_queue_ms = 0.0;
        call.run(Duration::from_secs(2));
        assert!(call.layer <= 1, "{delay_ms} ms: {}", call.estimate());
        call.run(Duration::from_secs(18));
        call.worst_queue_ms = 0.0;
        call.run(Duration::from_secs(10));
        assert_eq!(call.layer, 1, "{delay_ms} ms: {}", call.estimate());
        assert!(
            call.worst_queue_ms < 200.0,
            "{delay_ms} ms: {}",
            call.worst_queue_ms
        );
        call.link.bps = 4e6;
        let back = call.until_layer(3, Duration::from_secs(20));
        assert!(back.is_some_and(|ms| ms < 5000), "{delay_ms} ms: {back:?}");
    }
}

#[test]
fn random_loss_does_not_starve_the_picture() {
    for (one_in, least) in [(20, 1_000_000), (10, 1_000_000), (5, 350_000)] {
        let mut link = Link::new(10e6, 30);
        link.loss = one_in;
        let mut call = Call::new(link);
        call.run(Duration::from_secs(40));
        assert!(call.estimate() > least, "1 in {one_in}: {}", call.estimate());
    }
}

#[test]
fn an_outage_sends_little_into_the_void_and_comes_back() {
    let mut call = Call::new(Link::new(4e6, 25));
    call.run(Duration::from_secs(10));
    call.link.up = false;
    call.run(Duration::from_secs(6));
    assert!(call.estimate() < 200_000, "{}", call.estimate());
    call.link.up = true;
    let back = call.until_layer(3, Duration::from_secs(20));
    assert!(back.is_some_and(|ms| ms < 6000), "{back:?}");
}

#[test]
fn a_subscriber_that_never_answers_is_not_limited_for_ever() {
    let start = crate::virtual_clock::epoch();
    let mut estimator = Estimator::new(start);
    assert_eq!(estimator.estimate(start), None, "without transport-cc");
    estimator.negotiate(true);
    assert_eq!(estimator.estimate(start), Some(600_000));
    estimator.record(start, 1000);
    assert_eq!(estimator.estimate(start + Duration::from_secs(4)), None);
}

#[test]
fn without_transport_cc_reported_loss_limits() {
    let start = crate::virtual_clock::epoch();
    let mut estimator = Estimator::new(start);
    let mut now = start;
    for step in 0..10_000u32 {
        now += Duration::from_millis(2);
        estimator.record(now, 1000);
        if step % 500 == 0 {
            let sent = estimator.estimate(now).unwrap_or(4_000_000);
            let lost = 256 - 256 * 20 / (sent / 100_000).max(20);
            estimator.handle_report(now, u8::try_from(lost).unwrap(), sent);
        }
    }
    let limited = estimator.estimate(now).unwrap();
    assert!(limited < 3_000_000, "{limited}");
    for _ in 0..120 {
        now += Duration::from_secs(1);
        estimator.record(now, 1000);
        estimator.handle_report(now, 0, 4_000_000);
    }
    assert_eq!(estimator.estimate(now), None, "the cap grew away");
}
