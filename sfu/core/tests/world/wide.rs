//! A room on two shards decides what one shard decides, and each side knows of the other what it must.

use std::time::Duration;

use conclave_sfu_core::ShardSet;
use conclave_transport::rtcp::SenderReport;
use conclave_wire::client::subscription::View;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{PeerId, TrackId};

use crate::support::*;

/// The publisher, peer 1, is on the near shard, its subscriber, peer 2, on the far one. They talk at once.
struct Wide {
    near: World,
    far: World,
}

/// The far shard's number.
const FAR: usize = 5;
/// Where the subscriber and the publisher's mirror are on the far shard.
const SUBSCRIBER: usize = 0;
const MIRROR: usize = 1;

impl Wide {
    fn call() -> Self {
        let mut wide = Self {
            near: World::new(),
            far: World::of_shard(u8::try_from(FAR).unwrap()),
        };
        wide.far.now = wide.near.now;
        wide.near.enter(1);
        wide.far.enter(2);
        wide.near.publish(1, CHROMIUM);
        wide.near.connect(0);
        wide.tell();
        wide.far.watch(2, FIREFOX, &[("2", 1), ("3", 2)]);
        wide.far.connect(SUBSCRIBER);
        wide.cross();
        wide.near.left = Recorder::default();
        wide.far.left = Recorder::default();
        wide
    }

    /// The near shard says what its publisher is.
    fn tell(&mut self) {
        let (room, mirror) = self.near.sfu.mirror_of(PeerId(1)).unwrap();
        let slot = self
            .far
            .sfu
            .set_mirror(self.far.now, room, &mirror, &mut self.far.left);
        assert_eq!(slot.unwrap().0, MIRROR);
        self.far.drain();
    }

    /// What each side has for the other arrives: wishes, key frame requests, packets.
    fn cross(&mut self) {
        for track in [1, 2] {
            self.near.sfu.set_relayed(ROOM, Some(TrackId(track)), FAR, false);
        }
        for (peer, track) in self.far.sfu.watched_mirrors(ROOM) {
            assert_eq!(peer, PeerId(1));
            self.near.sfu.set_relayed(ROOM, Some(track), FAR, true);
        }
        for event in self.far.take_rtcp(MIRROR) {
            let ssrc = event
                .strip_prefix("Pli {")
                .and_then(|event| event.split("media_ssrc: ").nth(1));
            if let Some(ssrc) = ssrc.and_then(|rest| rest.split([' ', ',']).next()) {
                let ssrc = ssrc.parse().unwrap();
                self.near
                    .sfu
                    .relay_keyframe(self.near.now, PeerId(1), ssrc, &mut self.near.left);
            }
        }
        for event in std::mem::take(&mut self.far.events) {
            if let ControlEvent::EncodingsNeeded { peer, source, needed } = event {
                self.near.sfu.set_needed(peer, source, FAR, &needed);
            }
        }
        for (peer, stream, to, packet) in std::mem::take(&mut self.near.left.relayed) {
            assert_eq!(to.iter().collect::<Vec<_>>(), [FAR]);
            self.far
                .sfu
                .handle_relayed(self.far.now, peer, stream, &packet, &mut self.far.left);
            self.far.drain();
        }
    }

    fn rtp(&mut self, packet: &[u8]) {
        self.near.rtp(0, packet);
        self.cross();
    }

    fn pass(&mut self, time: Duration) {
        // In steps of less than a tick, as the two would run beside each other.
        let step = Duration::from_millis(5);
        for _ in 0..time.as_millis() / step.as_millis() {
            self.near.pass(step);
            self.far.pass(step);
            self.cross();
        }
    }
}

/// What the subscriber gets, without who it is.
fn packets(sent: Vec<(usize, Vec<u8>)>) -> Vec<Vec<u8>> {
    sent.into_iter().map(|(_, packet)| packet).collect()
}

#[test]
fn a_subscriber_on_another_shard_gets_byte_for_byte_what_one_shard_would_send() {
    let (mut one, mut wide) = (World::call(), Wide::call());
    let mut compared = 0;
    let mut both = |packet: &[u8]| {
        one.rtp(0, packet);
        wide.rtp(packet);
        one.pass(Duration::from_millis(10));
        wide.pass(Duration::from_millis(10));
        let (expected, got) = (packets(one.take_rtp()), packets(wide.far.take_rtp()));
        assert_eq!(got, expected);
        compared += got.len();
    };
    both(&key_frame(100, 3000, b"key"));
    for number in 1..60u16 {
        // Some are lost, some come late, some twice.
        let sequence = match number % 10 {
            3 => continue,
            6 => 100 + number + 1,
            7 => 100 + number - 1,
            _ => 100 + number,
        };
        let packet = camera(sequence, 3000 + 3000 * u32::from(sequence - 100), b"picture");
        both(&packet);
        if number % 10 == 8 {
            both(&packet);
        }
    }
    // A retransmission of one that was lost.
    let lost = camera_payload(1, b"picture");
    let wrapped = [&103u16.to_be_bytes()[..], &lost].concat();
    both(&packet(CHROMIUM_CAMERA_RTX, 97, 1, 12_000, &wrapped));
    both(&key_frame(161, 200_000, b"key"));
    for sequence in 0..20u16 {
        let sound = sframe(conclave_wire::media::Source::Microphone, 1, b"sound");
        let timestamp = 960 * u32::from(sequence);
        both(&packet(CHROMIUM_MICROPHONE, 111, sequence, timestamp, &sound));
    }
    assert!(compared > 70, "{compared}");
}

#[test]
fn a_late_subscriber_on_another_shard_gets_its_key_frame_by_one_request() {
    let mut wide = Wide::call();
    wide.rtp(&camera(1, 3000, b"no key frame yet"));
    // Longer than a newcomer waits for a new epoch.
    wide.pass(Duration::from_millis(1300));
    let asked = wide.near.count_rtcp(0, "Pli");
    assert!((1..=2).contains(&asked), "{asked}");
    wide.far.take_rtp();
    wide.rtp(&key_frame(2, 6000, b"key"));
    assert_eq!(wide.far.take_rtp().len(), 1);
    // One request may have crossed the key frame; there is none after that.
    wide.pass(Duration::from_millis(1500));
    assert!(wide.near.count_rtcp(0, "Pli") <= 1);
    wide.pass(Duration::from_secs(3));
    assert_eq!(wide.near.count_rtcp(0, "Pli"), 0, "it has come");
}

#[test]
fn nothing_crosses_that_nobody_is_shown() {
    let mut wide = Wide::call();
    wide.rtp(&key_frame(1, 3000, b"key"));
    assert_eq!(wide.far.take_rtp().len(), 1);
    let views = |height| ControlCommand::Views {
        peer: PeerId(2),
        views: vec![View {
            track_id: TrackId(2),
            height,
        }],
    };
    wide.far.command(views(0));
    wide.cross();
    wide.near.rtp(0, &camera(2, 6000, b"unseen"));
    assert!(wide.near.left.relayed.is_empty());
    wide.far.command(views(180));
    wide.cross();
    wide.rtp(&key_frame(3, 9000, b"key"));
    assert_eq!(wide.far.take_rtp().len(), 1);
}

#[test]
fn a_publisher_is_told_what_the_other_shard_needs() {
    let mut wide = Wide::call();
    let mut sequence = 0;
    let mut watch = |wide: &mut Wide, seconds: u16| {
        for _ in 0..seconds * 10 {
            sequence += 1;
            wide.rtp(&key_frame(sequence, 3000 * u32::from(sequence), b"key"));
            wide.pass(Duration::from_millis(100));
        }
        let told = wide.near.events.iter().filter_map(|event| match event {
            ControlEvent::EncodingsNeeded { needed, .. } => Some(needed.clone()),
            _ => None,
        });
        let told: Vec<Vec<bool>> = told.collect();
        wide.near.events.clear();
        told
    };
    let told = watch(&mut wide, 8);
    assert!(!told.contains(&vec![false]), "somebody there watches: {told:?}");
    wide.far.command(ControlCommand::Views {
        peer: PeerId(2),
        views: vec![View {
            track_id: TrackId(2),
            height: 0,
        }],
    });
    assert_eq!(watch(&mut wide, 8).last(), Some(&vec![false]));
}

#[test]
fn a_frame_the_guard_refuses_does_not_cross() {
    let mut wide = Wide::call();
    wide.rtp(&key_frame(1, 3000, b"key"));
    wide.far.take_rtp();
    let foreign = camera_payload(7, b"somebody else's");
    wide.near.rtp(0, &packet(CHROMIUM_CAMERA, 96, 2, 6000, &foreign));
    assert!(wide.near.left.relayed.is_empty());
    assert!(!ShardSet::default().iter().any(|_| true));
}

#[test]
fn a_publishers_clock_crosses_with_its_packets() {
    let mut wide = Wide::call();
    wide.rtp(&key_frame(1, 3000, b"key"));
    wide.near.rtcp(0, |writer| {
        let report = SenderReport {
            ssrc: CHROMIUM_CAMERA,
            ntp_time: 77 << 32,
            rtp_timestamp: 3000,
            packet_count: 1,
            octet_count: 100,
        };
        writer.sender_report(&report, &[]).unwrap();
    });
    wide.cross();
    let reports = wide.far.take_rtcp(SUBSCRIBER);
    assert!(
        reports
            .iter()
            .any(|event| event.contains(&format!("ntp_time: {}", 77u64 << 32))),
        "{reports:?}"
    );
}

#[test]
fn a_mirror_says_nothing_of_its_own_and_ends_with_its_peer() {
    let mut wide = Wide::call();
    assert!(
        wide.far.sfu.mirror_of(PeerId(1)).is_none(),
        "a mirror is not mirrored"
    );
    assert_eq!(wide.far.sfu.own_peers(ROOM), [PeerId(2)]);
    assert_eq!((wide.far.sfu.track_count(), wide.near.sfu.track_count()), (0, 2));
    let published = |event: &ControlEvent| matches!(event, ControlEvent::TrackPublished { .. });
    assert!(wide.near.events.iter().filter(|event| published(event)).count() == 2);
    assert!(!wide.far.events.iter().any(published));
    // The far shard's own tracks have other numbers.
    wide.far.publish(2, FIREFOX);
    let id = wide.far.events.iter().find_map(|event| match event {
        ControlEvent::TrackPublished { track_id, .. } => Some(track_id.0 >> 24),
        _ => None,
    });
    assert_eq!(id, Some(5));
    // Suspended at home, suspended here.
    wide.near.command(ControlCommand::Suspend { peer: PeerId(1) });
    wide.tell();
    wide.rtp(&key_frame(1, 3000, b"key"));
    assert!(wide.far.take_rtp().is_empty());
    wide.far.command(ControlCommand::RemovePeer { peer: PeerId(1) });
    assert!(wide.far.sfu.watched_mirrors(ROOM).is_empty());
    assert_eq!(wide.far.sfu.peer_count(), 1);
}
