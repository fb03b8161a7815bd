//! Who may send and receive when: admission, suspension, departure, renegotiation, another transport.

use std::time::Duration;

use conclave_sfu_core::{PeerSlot, TransportState};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{OfferId, PeerId, TrackId};
use conclave_wire::media::{Codec, Section, SectionRole, Source};

use crate::support::*;

fn published(world: &World) -> Vec<(u64, u32, Source)> {
    let tracks = world.events.iter().filter_map(|event| match event {
        ControlEvent::TrackPublished {
            peer,
            track_id,
            source,
            ..
        } => Some((peer.0, track_id.0, *source)),
        _ => None,
    });
    tracks.collect()
}

fn unpublished(world: &World) -> Vec<u32> {
    let tracks = world.events.iter().filter_map(|event| match event {
        ControlEvent::TrackUnpublished { track_id, .. } => Some(track_id.0),
        _ => None,
    });
    tracks.collect()
}

#[test]
fn nothing_is_announced_or_forwarded_before_admission() {
    let mut world = World::new();
    world.add(1);
    world.enter(2);
    world.publish(1, CHROMIUM);
    world.connect(0);
    assert!(published(&world).is_empty());
    world.watch(2, FIREFOX, &[("2", 1), ("3", 2)]);
    world.connect(1);
    world.rtp(0, &camera(1, 1, b"too early"));
    assert!(world.take_rtp().is_empty());
    world.command(ControlCommand::Admit {
        peer: PeerId(1),
        leaf: leaf(1),
    });
    assert_eq!(
        published(&world),
        [(1, 1, Source::Microphone), (1, 2, Source::Camera)]
    );
    world.watch(2, FIREFOX, &[("2", 1), ("3", 2)]);
    world.rtp(0, &camera(2, 1, b"now"));
    assert_eq!(world.take_rtp().len(), 1);
}

#[test]
fn a_subscriber_gets_nothing_before_its_own_admission() {
    let mut world = World::new();
    world.enter(1);
    world.publish(1, CHROMIUM);
    world.connect(0);
    world.add(2);
    world.watch(2, FIREFOX, &[("3", 2)]);
    world.connect(1);
    world.rtp(0, &camera(1, 1, b"not for you"));
    assert!(world.take_rtp().is_empty());
    world.command(ControlCommand::Admit {
        peer: PeerId(2),
        leaf: leaf(2),
    });
    world.rtp(0, &camera(2, 1, b"for you"));
    assert_eq!(world.take_rtp().len(), 1);
}

#[test]
fn a_suspended_peer_neither_gets_nor_gives_and_resumes_without_a_gap() {
    for suspended in [1, 2] {
        let mut world = World::call();
        world.rtp(0, &camera(1, 1000, b"before"));
        let before = world.take_rtp();
        world.command(ControlCommand::Suspend {
            peer: PeerId(suspended),
        });
        for sequence in 2..500 {
            world.rtp(0, &camera(sequence, 1000, b"meanwhile"));
        }
        world.rtcp(1, |writer| writer.pli(9, view(&before[0].1).ssrc()).unwrap());
        assert!(world.take_rtp().is_empty());
        world.pass(Duration::from_secs(2));
        world.take_rtcp(0);
        world.command(ControlCommand::Resume {
            peer: PeerId(suspended),
        });
        assert_eq!(world.count_rtcp(0, "Pli"), 1, "a key frame to go on with");
        world.rtp(0, &key_frame(500, 200_000, b"after"));
        let after = world.take_rtp();
        assert_eq!(after.len(), 1);
        let (before, after) = (view(&before[0].1), view(&after[0].1));
        assert_eq!(after.sequence_number(), before.sequence_number() + 1);
        assert_eq!(after.ssrc(), before.ssrc());
        world.pass(Duration::from_millis(100));
        assert_eq!(
            world.count_rtcp(0, "Nack"),
            0,
            "what was not wanted is not missing"
        );
    }
}

#[test]
fn what_a_publisher_may_not_send_is_dropped_however_it_is_sent() {
    let mut world = World::call();
    let microphone = |sequence| {
        let payload = sframe(Source::Microphone, 1, b"sound");
        packet(
            CHROMIUM_MICROPHONE,
            111,
            sequence,
            u32::from(sequence) * 960,
            &payload,
        )
    };
    world.rtp(0, &microphone(1));
    let before = world.take_rtp();
    assert_eq!(before.len(), 1);
    let permit = |sources: &[Source]| ControlCommand::Permit {
        peer: PeerId(1),
        sources: sources.to_vec(),
    };
    // Its client goes on sending, as one would that ignores that it was muted.
    world.command(permit(&[Source::Camera]));
    for sequence in 2..300 {
        world.rtp(0, &microphone(sequence));
    }
    assert!(world.take_rtp().is_empty());
    world.rtp(0, &camera(1, 1000, b"what it may send still passes"));
    assert_eq!(world.take_rtp().len(), 1);
    // A retransmission, another offer and a new transport change nothing.
    world.publish(1, &CHROMIUM.replace("a=ice-ufrag:pZhn", "a=ice-ufrag:next"));
    world.connect(0);
    world.rtp(0, &microphone(300));
    assert!(world.take_rtp().is_empty());
    world.command(permit(&[Source::Camera, Source::Microphone]));
    world.rtp(0, &microphone(301));
    let after = world.take_rtp();
    assert_eq!(after.len(), 1);
    assert_eq!(
        view(&after[0].1).sequence_number(),
        view(&before[0].1).sequence_number() + 1
    );
    world.pass(Duration::from_millis(100));
    assert_eq!(
        world.count_rtcp(0, "Nack"),
        0,
        "what was not wanted is not missing"
    );
    world.command(permit(&[]));
    world.rtp(0, &microphone(302));
    world.rtp(0, &camera(2, 4000, b"a viewer sends nothing"));
    assert!(world.take_rtp().is_empty());
}

#[test]
fn a_picture_that_may_be_sent_again_begins_with_a_key_frame() {
    let mut world = World::call();
    world.rtp(0, &key_frame(1, 1000, b"before"));
    world.take_rtp();
    let permit = |sources: &[Source]| ControlCommand::Permit {
        peer: PeerId(1),
        sources: sources.to_vec(),
    };
    world.command(permit(&[Source::Microphone]));
    world.rtp(0, &camera(2, 4000, b"not allowed"));
    world.pass(Duration::from_secs(2));
    world.take_rtcp(0);
    world.command(permit(&[Source::Microphone, Source::Camera]));
    assert_eq!(world.count_rtcp(0, "Pli"), 1);
    world.rtp(0, &key_frame(3, 200_000, b"again"));
    assert_eq!(world.take_rtp().len(), 1);
}

#[test]
fn a_reused_section_continues_its_numbers_with_another_publisher() {
    let mut world = World::call();
    world.rtp(0, &camera(9, 1000, b"first publisher"));
    let first = world.take_rtp();
    world.enter(3);
    let other = CHROMIUM
        .replace("pZhn", "abcd")
        .replace(&CHROMIUM_CAMERA.to_string(), "4242");
    world.publish(3, &other);
    world.connect(2);
    let idle = Section {
        mid: "3".to_owned(),
        role: SectionRole::Idle,
    };
    let answer = world.offer(2, FIREFOX, vec![idle]);
    assert_eq!(answer.matches("a=inactive").count(), 4);
    let answer = world.watch(2, FIREFOX, &[("3", 4)]);
    assert!(answer.contains("a=msid:p3 t4\r\n"), "{answer}");
    world.pass(Duration::from_millis(500));
    world.rtp(
        2,
        &packet(4242, 96, 30_000, 7, &key_payload(3, b"second publisher")),
    );
    let second = world.take_rtp();
    let (first, second) = (view(&first[0].1), view(&second[0].1));
    assert_eq!(second.ssrc(), first.ssrc());
    assert_eq!(second.sequence_number(), first.sequence_number() + 1);
    assert_eq!(
        second.timestamp(),
        first.timestamp() + 45_000,
        "half a second at 90 kHz"
    );
}

#[test]
fn who_leaves_takes_its_tracks_along_and_its_slot_is_used_again() {
    let mut world = World::call();
    world.command(ControlCommand::RemovePeer { peer: PeerId(1) });
    assert_eq!(unpublished(&world), [1, 2]);
    assert_eq!(world.closed, [PeerSlot(0)]);
    assert_eq!((world.sfu.peer_count(), world.sfu.track_count()), (1, 0));
    let answer = world.watch(2, FIREFOX, &[("2", 1), ("3", 2)]);
    assert_eq!(answer.matches("a=inactive").count(), 4);
    world.enter(4);
    world.publish(4, CHROMIUM);
    assert_eq!(world.opened.last(), Some(&PeerSlot(0)));
    assert_eq!(
        published(&world).last(),
        Some(&(4, 4, Source::Camera)),
        "track ids are not used again"
    );
}

#[test]
fn a_section_that_stops_sending_unpublishes_its_track_and_a_refused_offer_changes_nothing() {
    let mut world = World::call();
    let section = |mid: &str, source| Section {
        mid: mid.to_owned(),
        role: SectionRole::Publish { source },
    };
    let refused = world.offer(1, CHROMIUM, vec![section("0", Source::Camera)]);
    assert_eq!(refused, "UnsupportedMedia");
    assert_eq!(world.offer(1, "v=0\r\n", vec![]), "UnsupportedMedia");
    assert_eq!(world.offer(1, "garbage", vec![]), "BadSdp");
    assert!(unpublished(&world).is_empty());
    world.offer(1, CHROMIUM, vec![section("0", Source::Microphone)]);
    assert_eq!(unpublished(&world), [2]);
    world.publish(1, CHROMIUM);
    assert_eq!(published(&world).last(), Some(&(1, 3, Source::Camera)));
}

#[test]
fn another_ice_fragment_restarts_ice_and_another_certificate_opens_another_transport() {
    let mut world = World::call();
    let before = world.publish(1, CHROMIUM);
    assert!(world.restarted.is_empty());
    let after = world.publish(1, &CHROMIUM.replace("a=ice-ufrag:pZhn", "a=ice-ufrag:next"));
    assert_eq!(world.restarted, [(PeerSlot(0), "next".to_owned())]);
    let ufrag = |answer: &str| {
        answer
            .lines()
            .find(|line| line.starts_with("a=ice-ufrag:"))
            .unwrap()
            .to_owned()
    };
    assert_ne!(ufrag(&before), ufrag(&after));
    assert_eq!(world.opened, [PeerSlot(0), PeerSlot(1)]);
    assert!(unpublished(&world).is_empty(), "media goes on over a restart");

    let fingerprint = CHROMIUM
        .lines()
        .find(|line| line.starts_with("a=fingerprint:"))
        .unwrap();
    let (_, digits) = fingerprint.rsplit_once(':').unwrap();
    let other = fingerprint.replace(&format!(":{digits}"), if digits == "00" { ":01" } else { ":00" });
    world.publish(1, &CHROMIUM.replace(fingerprint, &other));
    assert_eq!(world.opened.last(), Some(&PeerSlot(0)));
    assert_eq!(world.opened.len(), 3);
    assert_eq!(unpublished(&world), [1, 2]);
    assert_eq!(published(&world).len(), 4);
    world.rtp(0, &camera(1, 1, b"before the handshake"));
    assert!(world.take_rtp().is_empty());
}

#[test]
fn a_lost_transport_is_reported_and_the_next_offer_opens_another() {
    let mut world = World::call();
    world
        .sfu
        .handle_transport(world.now, PeerSlot(0), TransportState::Lost, &mut world.left);
    world.publish(1, CHROMIUM);
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, ControlEvent::PeerLost { peer } if peer.0 == 1))
    );
    assert_eq!(world.opened, [PeerSlot(0), PeerSlot(1), PeerSlot(0)]);
}

#[test]
fn rooms_are_apart_and_unknown_peers_are_refused() {
    let mut world = World::call();
    world.command(ControlCommand::AddPeer {
        peer: PeerId(8),
        room: conclave_wire::id::RoomId::new([1; 16]),
    });
    world.command(ControlCommand::Admit {
        peer: PeerId(8),
        leaf: leaf(2),
    });
    let answer = world.watch(8, FIREFOX, &[("3", 2)]);
    assert_eq!(
        answer.matches("a=inactive").count(),
        4,
        "a track of another room is none"
    );
    assert_eq!(world.watch(99, FIREFOX, &[]), "MediaUnavailable");
    let own = world.watch(1, FIREFOX, &[("3", 2)]);
    assert_ne!(own, "", "asking for its own track is answered");
    world.command(ControlCommand::RemovePeer { peer: PeerId(99) });
    world.command(ControlCommand::Suspend { peer: PeerId(99) });
    let unknown = ControlCommand::Negotiate {
        peer: PeerId(7),
        offer_id: OfferId(1),
        sdp: String::new(),
        sections: vec![],
    };
    world.command(unknown);
    let codec = world.events.iter().find_map(|event| match event {
        ControlEvent::TrackPublished {
            track_id: TrackId(2),
            codec,
            ..
        } => Some(*codec),
        _ => None,
    });
    assert_eq!(codec, Some(Codec::Vp8));
}
