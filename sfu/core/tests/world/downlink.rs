//! What a subscriber that reports with transport-cc is sent: numbered, spread over time, probed with, and limited.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use conclave_sfu_core::{PeerSlot, Shed};
use conclave_transport::rtcp::{ReportBlock, RtcpWriter, TwccPacket};
use conclave_wire::client::subscription::{PauseCause, View};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{PeerId, TrackId};
use conclave_wire::media::Source;

use crate::support::*;

/// Firefox's ids in its offer.
const TRANSPORT_CC: u8 = 7;
const RTX: u8 = 124;
const VP8: u8 = 120;
const OPUS: u8 = 109;
/// What UDP, IP and SRTP add to a packet.
const AROUND: usize = 44;

/// A call whose subscriber reports, behind a link of this rate.
struct Call {
    world: World,
    start: Instant,
    bps: f64,
    /// When the link has sent what it was given.
    free: Instant,
    /// (number, arrival) not reported yet.
    arrived: VecDeque<(u16, Instant)>,
    /// Everything that arrived since it was last looked at: payload type and how long it waited.
    seen: Vec<(u8, Duration)>,
    ms: u32,
    sounds: u32,
    pictures: u32,
    feedback_count: u8,
    /// The number behind the last one that was reported.
    unreported: Option<u16>,
    /// The link loses one packet in so many; 0: none.
    loses: u16,
}

impl Call {
    fn new(bps: f64) -> Self {
        let mut world = World::new();
        world.enter(1);
        world.enter(2);
        world.publish(1, CHROMIUM);
        world.connect(0);
        world.watch_reporting(2, FIREFOX, &[("2", 1), ("3", 2)]);
        world.connect(1);
        world.left = Recorder::default();
        Self {
            start: world.now,
            free: world.now,
            world,
            bps,
            arrived: VecDeque::new(),
            seen: Vec::new(),
            ms: 0,
            sounds: 0,
            pictures: 0,
            feedback_count: 0,
            unreported: None,
            loses: 0,
        }
    }

    /// Sound every 20 ms and a picture every 40 ms of so many packets of 1000 bytes.
    fn run(&mut self, time: Duration, packets: u32) {
        let end = self.world.now + time;
        while self.world.now < end {
            self.ms += 1;
            self.world.pass(Duration::from_millis(1));
            if self.ms.is_multiple_of(20) {
                self.sound();
            }
            if self.ms.is_multiple_of(40) {
                for _ in 0..packets {
                    self.picture_packet();
                }
            }
            self.travel();
            if self.ms.is_multiple_of(100) {
                self.report();
            }
        }
    }

    fn sound(&mut self) {
        self.sounds += 1;
        let number = u16::try_from(self.sounds % 65_536).unwrap();
        let sound = sframe(Source::Microphone, 1, &[7; 80]);
        self.world.rtp(
            0,
            &packet(CHROMIUM_MICROPHONE, 111, number, u32::from(number) * 960, &sound),
        );
    }

    fn picture_packet(&mut self) {
        self.pictures += 1;
        let number = u16::try_from(self.pictures % 65_536).unwrap();
        let frame = if number % 50 == 1 { key_frame } else { camera };
        self.world.rtp(0, &frame(number, self.ms * 90, &[5; 1000]));
    }

    /// What left goes over the link.
    fn travel(&mut self) {
        let now = self.world.now;
        for (_, bytes) in self.world.take_rtp() {
            let packet = view(&bytes);
            let number = packet.extension(TRANSPORT_CC).unwrap();
            let size = f64::from(u32::try_from(bytes.len() + AROUND).unwrap());
            self.free = self.free.max(now) + Duration::from_secs_f64(size * 8.0 / self.bps);
            if self.free - now > Duration::from_secs(1) {
                self.free -= Duration::from_secs_f64(size * 8.0 / self.bps);
                continue;
            }
            let number = u16::from_be_bytes([number[0], number[1]]);
            if self.loses > 0 && number.is_multiple_of(self.loses) {
                continue;
            }
            self.seen.push((packet.payload_type(), self.free - now));
            self.arrived.push_back((number, self.free));
        }
    }

    fn report(&mut self) {
        let now = self.world.now;
        let mut packets: Vec<TwccPacket> = Vec::new();
        while let Some((sequence, at)) = self.arrived.front().copied().filter(|(_, at)| *at <= now) {
            self.arrived.pop_front();
            while let Some(next) = self.unreported
                && next != sequence
            {
                packets.push(TwccPacket {
                    sequence: next,
                    arrival_us: None,
                });
                self.unreported = Some(next.wrapping_add(1));
            }
            self.unreported = Some(sequence.wrapping_add(1));
            let arrival_us = i64::try_from((at - self.start).as_micros()).unwrap() / 250 * 250;
            packets.push(TwccPacket {
                sequence,
                arrival_us: Some(arrival_us),
            });
        }
        if packets.is_empty() {
            return;
        }
        let mut buffer = [0; 3000];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.twcc(9, 9, self.feedback_count, &packets).unwrap();
        self.feedback_count = self.feedback_count.wrapping_add(1);
        let len = writer.len();
        self.world
            .sfu
            .handle_rtcp(now, PeerSlot(1), &buffer[..len], &mut self.world.left);
    }

    /// How many packets of a payload type arrived since the last look, and the longest any of them waited.
    fn arrivals(&mut self, payload_type: u8) -> (usize, Duration) {
        let waits = self.seen.iter().filter(|(seen, _)| *seen == payload_type);
        let waits: Vec<Duration> = waits.map(|(_, wait)| *wait).collect();
        (waits.len(), waits.into_iter().max().unwrap_or_default())
    }
}

#[test]
fn every_packet_to_a_reporting_subscriber_has_the_next_number() {
    let mut call = Call::new(100e6);
    call.world.pass(Duration::from_millis(100));
    for _ in 0..5 {
        call.picture_packet();
        call.sound();
    }
    call.world.pass(Duration::from_millis(100));
    let sent = call.world.take_rtp();
    let kinds: Vec<u8> = sent.iter().map(|(_, bytes)| view(bytes).payload_type()).collect();
    for kind in [VP8, OPUS, RTX] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    for (number, (_, bytes)) in (0u16..).zip(&sent) {
        assert_eq!(view(bytes).extension(TRANSPORT_CC).unwrap(), number.to_be_bytes());
    }
}

#[test]
fn padding_finds_the_rate_within_two_seconds_of_connecting() {
    let mut call = Call::new(20e6);
    call.run(Duration::from_secs(2), 4);
    let (sum, count) = call.world.sfu.estimates();
    assert_eq!(count, 1);
    assert!(sum > 2_500_000, "{sum}");
    let (padding, _) = call.arrivals(RTX);
    assert!(padding > 10, "{padding}");
    assert!(call.world.sfu.take_counters().probe_out > 10);
    call.seen.clear();
    call.run(Duration::from_secs(10), 4);
    assert_eq!(call.arrivals(VP8).0, 1000, "everything is sent");
    assert_eq!(call.arrivals(RTX).0, 0, "nobody wants more");
}

#[test]
fn a_picture_that_does_not_fit_is_left_out_and_the_sound_stays() {
    let mut call = Call::new(300_000.0);
    call.run(Duration::from_secs(5), 4);
    call.seen.clear();
    call.run(Duration::from_secs(20), 4);
    let (sounds, wait) = call.arrivals(OPUS);
    assert_eq!(sounds, 1000);
    assert!(wait < Duration::from_millis(200), "{wait:?}");
    assert!(call.arrivals(VP8).0 < 200, "{}", call.arrivals(VP8).0);
    call.bps = 5e6;
    call.run(Duration::from_secs(5), 4);
    call.seen.clear();
    call.run(Duration::from_secs(2), 4);
    assert_eq!(call.arrivals(VP8).0, 200, "it is back within five seconds");
}

/// Which pictures the subscriber was told are paused and why, one entry each time.
fn told_paused(call: &mut Call) -> Vec<(usize, PauseCause)> {
    let events = call.world.events.drain(..);
    let told = events.filter_map(|event| match event {
        ControlEvent::PicturesPaused {
            peer: PeerId(2),
            tracks,
            cause,
        } => Some((tracks.len(), cause)),
        _ => None,
    });
    told.collect()
}

#[test]
fn who_shows_a_picture_that_does_not_fit_is_told_once_and_again_when_it_goes_on() {
    let mut call = Call::new(5e6);
    call.run(Duration::from_secs(6), 4);
    assert_eq!(told_paused(&mut call), [], "it fits");
    call.bps = 200_000.0;
    call.run(Duration::from_secs(10), 4);
    assert_eq!(told_paused(&mut call), [(1, PauseCause::Downlink)]);
    call.bps = 5e6;
    call.run(Duration::from_secs(10), 4);
    assert_eq!(told_paused(&mut call), [(0, PauseCause::Downlink)], "it goes on");
    call.bps = 200_000.0;
    call.run(Duration::from_secs(10), 4);
    assert_eq!(told_paused(&mut call), [(1, PauseCause::Downlink)]);
    let world = &mut call.world;
    world.command(ControlCommand::Views {
        peer: PeerId(2),
        views: vec![View {
            track_id: TrackId(2),
            height: 0,
        }],
    });
    assert_eq!(
        told_paused(&mut call),
        [(0, PauseCause::Downlink)],
        "it is not shown any more"
    );
}

#[test]
fn who_goes_without_pictures_for_load_is_told_so() {
    let mut call = Call::new(20e6);
    call.run(Duration::from_secs(3), 4);
    told_paused(&mut call);
    let shed = |call: &mut Call, shed| {
        let world = &mut call.world;
        world.sfu.handle_shed(world.now, shed, &mut world.left);
    };
    shed(&mut call, Shed::MAX);
    call.run(Duration::from_secs(3), 4);
    assert_eq!(told_paused(&mut call), [(1, PauseCause::Load)]);
    shed(&mut call, Shed(0));
    call.run(Duration::from_secs(3), 4);
    assert_eq!(told_paused(&mut call), [(0, PauseCause::Downlink)]);
}

#[test]
fn a_burst_is_spread_and_sound_passes_it() {
    let mut call = Call::new(2e6);
    call.run(Duration::from_secs(5), 1);
    call.world.take_rtp();
    call.world.sfu.take_counters();
    for _ in 0..40 {
        call.picture_packet();
    }
    call.sound();
    let at_once = call.world.take_rtp();
    let kinds: Vec<u8> = at_once
        .iter()
        .map(|(_, bytes)| view(bytes).payload_type())
        .collect();
    assert!(kinds.contains(&OPUS), "{kinds:?}");
    assert!(kinds.len() < 12, "{kinds:?}");
    let waiting = call.world.sfu.take_counters().paced;
    assert!(waiting > 28, "{waiting}");
    call.world.pass(Duration::from_millis(500));
    let later = call.world.take_rtp();
    let pictures: Vec<&[u8]> = at_once
        .iter()
        .chain(&later)
        .map(|(_, bytes)| bytes.as_slice())
        .filter(|bytes| view(bytes).payload_type() == VP8)
        .collect();
    assert_eq!(pictures.len(), 40);
    let numbers = pictures.iter().map(|bytes| view(bytes).sequence_number());
    let first = view(pictures[0]).sequence_number();
    assert!(numbers.eq(first..first + 40), "in order, nothing missing");
}

#[test]
fn load_that_is_shed_costs_pictures_and_never_sound() {
    let mut call = Call::new(20e6);
    call.run(Duration::from_secs(3), 4);
    let overloaded = |world: &mut World| -> Vec<bool> {
        let events = world.events.drain(..);
        let told = events.filter_map(|event| match event {
            ControlEvent::Overloaded { overloaded } => Some(overloaded),
            _ => None,
        });
        told.collect()
    };
    let shed = |call: &mut Call, shed| {
        let world = &mut call.world;
        world.sfu.handle_shed(world.now, shed, &mut world.left);
        world.pass(Duration::ZERO);
        world.drain();
    };
    shed(&mut call, Shed::OVERLOADED);
    assert_eq!(overloaded(&mut call.world), [true], "newcomers are turned away");
    call.seen.clear();
    call.run(Duration::from_secs(1), 4);
    assert_eq!(call.arrivals(VP8).0, 100, "and nothing else happens");
    shed(&mut call, Shed::MAX);
    assert_eq!(overloaded(&mut call.world), [false; 0]);
    call.run(Duration::from_millis(200), 4);
    call.seen.clear();
    call.run(Duration::from_secs(2), 4);
    assert_eq!((call.arrivals(OPUS).0, call.arrivals(VP8).0), (100, 0));
    call.world.take_rtcp(0);
    shed(&mut call, Shed(0));
    assert_eq!(overloaded(&mut call.world), [false]);
    call.run(Duration::from_secs(3), 4);
    assert!(call.world.count_rtcp(0, "Pli") > 0);
    call.seen.clear();
    call.run(Duration::from_secs(2), 4);
    assert_eq!((call.arrivals(OPUS).0, call.arrivals(VP8).0), (100, 200));
}

#[test]
fn a_flood_of_requests_and_reports_is_answered_within_bounds() {
    let mut call = Call::new(5e6);
    call.run(Duration::from_secs(1), 2);
    call.world.take_rtp();
    let media = {
        call.picture_packet();
        call.world.pass(Duration::from_millis(50));
        let sent = call.world.take_rtp();
        let picture = sent.iter().find(|(_, bytes)| view(bytes).payload_type() == VP8);
        view(&picture.unwrap().1).ssrc()
    };
    call.world.sfu.take_counters();
    for round in 0..500u16 {
        let numbers: Vec<u16> = (0..200u16).map(|n| n.wrapping_add(round)).collect();
        call.world
            .rtcp(1, |writer| writer.nack(99, media, &numbers).unwrap());
        call.world.rtcp(1, |writer| writer.pli(99, media).unwrap());
        let packets: Vec<TwccPacket> = (0..400u16)
            .map(|n| TwccPacket {
                sequence: n.wrapping_mul(round),
                arrival_us: Some(i64::from(n) * i64::from(round) * 250),
            })
            .take(if round == 1 { 400 } else { 1 })
            .collect();
        call.world
            .rtcp(1, |writer| _ = writer.twcc(9, 9, 0, &packets).unwrap());
    }
    let counted = call.world.sfu.take_counters();
    assert!(counted.nack_in <= 2000, "{}", counted.nack_in);
    assert!(counted.keyframe_out <= 1, "{}", counted.keyframe_out);
    let bytes: usize = call.world.take_rtp().iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 500_000, "{bytes}");
}

#[test]
fn a_publisher_is_told_what_its_sound_loses_on_the_second_half_of_the_way() {
    let mut call = Call::new(5e6);
    let ssrc = {
        call.sound();
        let sent = call.world.take_rtp();
        view(&sent[0].1).ssrc()
    };
    assert_eq!(told_loss(&mut call), 0);
    let report = |call: &mut Call, fraction_lost| {
        let block = ReportBlock {
            ssrc,
            fraction_lost,
            ..ReportBlock::default()
        };
        call.world
            .rtcp(1, |writer| writer.receiver_report(9, &[block]).unwrap());
    };
    report(&mut call, 26);
    assert_eq!(told_loss(&mut call), 26);
    report(&mut call, 200);
    assert_eq!(told_loss(&mut call), 51, "no more than a fifth");
    for _ in 0..20 {
        report(&mut call, 0);
    }
    assert_eq!(told_loss(&mut call), 0);
}

/// The loss, in 1/256, that the publisher of sound is told in the next second.
fn told_loss(call: &mut Call) -> u8 {
    call.world.take_rtcp(0);
    call.run(Duration::from_millis(1100), 0);
    let reports = call.world.take_rtcp(0);
    let sound = format!("ssrc: {CHROMIUM_MICROPHONE}, fraction_lost: ");
    let told = reports.iter().find_map(|report| report.split_once(&sound));
    let (lost, _) = told.unwrap().1.split_once(',').unwrap();
    lost.parse().unwrap()
}

#[test]
fn a_publisher_is_told_within_seconds_what_feedback_on_all_packets_says_of_its_sound() {
    let mut call = Call::new(5e6);
    call.run(Duration::from_secs(2), 1);
    assert_eq!(told_loss(&mut call), 0);
    call.loses = 10;
    call.run(Duration::from_secs(1), 1);
    let told = told_loss(&mut call);
    assert!((20..=40).contains(&told), "{told}");
    call.loses = 0;
    let told = told_loss(&mut call);
    assert!(told > 10, "{told}: a second without loss is no proof");
    call.run(Duration::from_secs(12), 1);
    assert!(told_loss(&mut call) < 5);
}
