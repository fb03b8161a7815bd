//! Several encodings of one picture: found by their names, forwarded one at a time, changed without torn frames.

use std::time::Duration;

use conclave_transport::rtcp::SenderReport;
use conclave_transport::rtp::Extension;
use conclave_wire::control::ControlEvent;
use conclave_wire::id::PeerId;

use crate::call::FRAME;
use crate::picture::*;
use crate::support::*;

type Call = crate::call::Call<Simulcast>;

fn call() -> Call {
    let offer = simulcast_offer();
    Call::between(&offer, "a=simulcast:recv l;m;h\r\n", Simulcast::new(), VP8)
}

impl Call {
    /// The encoding of the newest frame that came.
    fn shown(&self) -> u8 {
        self.screen
            .frames()
            .last()
            .map_or(u8::MAX, |(encoding, _)| *encoding)
    }
}

#[test]
fn the_encoding_that_fills_the_view_is_sent_and_changes_only_at_whole_frames() {
    let mut call = call();
    call.run(40);
    assert_eq!(call.shown(), 2, "nothing said: the largest");
    for (height, encoding) in [
        (100, 0),
        (300, 1),
        (2000, 2),
        (180, 0),
        (0, 0),
        (720, 2),
        (360, 1),
    ] {
        call.show(height);
        call.run(70);
        if height > 0 {
            assert_eq!(call.shown(), encoding, "{height} lines");
        }
    }
    call.screen.check();
}

#[test]
fn an_encoding_that_stops_gives_way_to_a_smaller_one_and_comes_back() {
    let mut call = call();
    call.run(40);
    call.camera.sending[2] = false;
    call.run(60);
    assert_eq!(call.shown(), 1);
    call.camera.sending = [true, false, false];
    call.run(60);
    assert_eq!(call.shown(), 0);
    call.camera.sending = [true; 3];
    call.run(60);
    assert_eq!(call.shown(), 2);
    call.screen.check();
}

#[test]
fn until_the_key_frame_comes_the_encoding_from_before_goes_on() {
    let mut call = call();
    call.run(40);
    call.obedient = false;
    call.show(100);
    call.run(60);
    assert_eq!(call.shown(), 2);
    let before = call.screen.frames().len();
    assert!(before > 50, "the picture does not stop: {before}");
    call.camera.key[0] = true;
    call.run(5);
    assert_eq!(call.shown(), 0);
    call.screen.check();
}

#[test]
fn losses_and_mixed_up_packets_do_not_tear_what_is_complete() {
    let mut call = call();
    let mut seed = 0x1234_5678_u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(seed >> 16).unwrap() % below
    };
    for round in 0..12 {
        call.show([100, 360, 2000][round % 3]);
        call.run_with(40, |packets| {
            for index in 1..packets.len() {
                if random(3) == 0 {
                    packets.swap(index - 1, index);
                }
            }
        });
    }
    // Frames are whole and their references there, in whichever order packets came.
    call.screen.check_frames();
}

#[test]
fn key_frames_are_asked_for_by_the_ssrc_of_the_encoding() {
    let mut call = call();
    call.run(40);
    call.obedient = false;
    call.show(300);
    call.world.pass(Duration::from_secs(1));
    let asked = call.world.take_rtcp(0);
    let pli: Vec<_> = asked.iter().filter(|event| event.starts_with("Pli")).collect();
    assert_eq!(pli.len(), 1, "{pli:?}");
    assert!(
        pli[0].contains(&format!("media_ssrc: {}", SIMULCAST + 1)),
        "{pli:?}"
    );
}

#[test]
fn retransmissions_of_every_encoding_find_their_place_by_rid() {
    let mut call = call();
    call.run(40);
    for encoding in 0..3u8 {
        call.show([100, 300, 2000][usize::from(encoding)]);
        call.run(70);
        let mut lost = None;
        call.run_with(1, |packets| {
            let of = |bytes: &Vec<u8>| view(bytes).ssrc() == SIMULCAST + u32::from(encoding);
            let index = packets.iter().position(of).unwrap();
            lost = Some(packets.remove(index));
        });
        // A gap within the picture shows at once, one before the next picture shows then.
        let mut nacks = std::mem::take(&mut call.asked);
        call.run(1);
        nacks.append(&mut call.asked);
        let lost = lost.unwrap();
        let lost = view(&lost);
        assert!(
            nacks
                .iter()
                .any(|event| event.starts_with("Nack")
                    && event.contains(&format!("media_ssrc: {}", lost.ssrc()))),
            "{nacks:?}"
        );
        let payload = [&lost.sequence_number().to_be_bytes()[..], lost.payload()].concat();
        let names = [
            Extension { id: 4, data: b"1" },
            Extension {
                id: 11,
                data: [b"l", b"m", b"h"][usize::from(encoding)],
            },
        ];
        let ssrc = SIMULCAST + 100 + u32::from(encoding);
        let mut again = packet_with(ssrc, 97, 1, lost.timestamp(), &names, &payload);
        again[1] = again[1] & 0x7F | u8::from(lost.marker()) << 7;
        call.world.rtp(0, &again);
        let sent = call.world.take_rtp();
        assert_eq!(sent.len(), 1, "encoding {encoding}");
        call.screen.take_all(&sent, 1);
    }
    call.screen.check_frames();
}

#[test]
fn subscribers_nacks_are_answered_over_drops_and_switches() {
    let mut call = call();
    call.run(40);
    for height in [100, 2000, 300] {
        call.show(height);
        let mut originals = Vec::new();
        for _ in 0..25 {
            let packets = call.camera.next();
            for packet in packets {
                call.world.rtp(0, &packet);
            }
            originals.extend(call.world.take_rtp());
            call.world.pass(FRAME);
            if call.world.count_rtcp(0, "Pli") > 0 {
                call.camera.key = [true; 3];
            }
        }
        for (to, original) in &originals {
            let original = view(original);
            call.world.rtcp(*to, |writer| {
                writer
                    .nack(9, original.ssrc(), &[original.sequence_number()])
                    .unwrap();
            });
            let resent = call.world.take_rtp();
            assert_eq!(resent.len(), 1);
            let resent = view(&resent[0].1);
            assert_eq!(resent.payload()[..2], original.sequence_number().to_be_bytes());
            assert_eq!(resent.payload()[2..], *original.payload(), "the same bytes");
            assert_eq!(
                (resent.marker(), resent.timestamp()),
                (original.marker(), original.timestamp())
            );
        }
    }
}

#[test]
fn sender_reports_of_the_encodings_put_them_on_one_clock() {
    let mut call = call();
    call.run(40);
    for encoding in 0..3u8 {
        let ntp_time = (500 << 32) + (u64::from(encoding) << 31);
        let passed = 45_000 * u32::from(encoding);
        let report = SenderReport {
            ssrc: SIMULCAST + u32::from(encoding),
            ntp_time,
            rtp_timestamp: CLOCKS[usize::from(encoding)].wrapping_add(passed),
            packet_count: 1,
            octet_count: 1,
        };
        call.world
            .rtcp(0, |writer| writer.sender_report(&report, &[]).unwrap());
    }
    assert_eq!(
        call.world.count_rtcp(1, "SenderReport"),
        1,
        "a subscriber has one clock: that of what it is sent"
    );
    let mut timestamps = Vec::new();
    for height in [100, 2000, 300] {
        call.show(height);
        for _ in 0..60 {
            let picture = call.camera.step;
            for packet in call.camera.next() {
                call.world.rtp(0, &packet);
            }
            let sent = call.world.take_rtp();
            timestamps.extend(sent.iter().map(|(_, bytes)| (picture, view(bytes).timestamp())));
            // The world's time and the camera's drift apart.
            call.world.pass(FRAME * 2);
            if call.world.count_rtcp(0, "Pli") > 0 {
                call.camera.key = [true; 3];
            }
        }
    }
    let (first_picture, first) = timestamps[0];
    for (picture, timestamp) in timestamps {
        let expected = first.wrapping_add(u32::from(picture - first_picture) * 3000);
        let off = timestamp.wrapping_sub(expected).cast_signed();
        assert!((0..=30).contains(&off), "picture {picture} is off by {off}");
    }
}

#[test]
fn an_offer_without_simulcast_is_answered_without() {
    let mut world = World::new();
    world.enter(1);
    let answer = world.publish(1, CHROMIUM);
    for word in ["a=rid", "a=simulcast", "rtp-stream-id"] {
        assert!(!answer.contains(word), "{word}");
    }
}

#[test]
fn publishers_are_told_what_anybody_needs_and_what_they_stop_can_be_had_again() {
    let mut call = call();
    let needed = |call: &mut Call| -> Vec<Vec<bool>> {
        let events = call.world.events.drain(..);
        let told = events.filter_map(|event| match event {
            ControlEvent::EncodingsNeeded { peer, needed, .. } => {
                assert_eq!(peer, PeerId(1));
                Some(needed)
            }
            _ => None,
        });
        told.collect()
    };
    call.run(60);
    assert_eq!(needed(&mut call), [[true, false, true]]);
    call.show(100);
    call.run(80);
    assert!(needed(&mut call).is_empty(), "not before three seconds");
    call.run(20);
    assert_eq!(needed(&mut call), [[true, false, false]]);
    call.camera.sending = [true, false, false];
    call.run(120);
    call.show(2000);
    call.run(10);
    assert_eq!(needed(&mut call), [[true, false, true]]);
    assert_eq!(call.shown(), 0, "until it comes");
    call.camera.sending = [true, false, true];
    call.run(60);
    assert_eq!(call.shown(), 2);
    // Nobody watches any more.
    call.show(0);
    call.run(200);
    assert_eq!(needed(&mut call).last(), Some(&vec![false; 3]));
    call.camera.sending = [false; 3];
    call.run(30);
    call.show(300);
    call.run(10);
    assert_eq!(needed(&mut call), [[true, true, false]]);
    call.camera.sending = [true, true, false];
    call.run(40);
    assert_eq!(call.shown(), 1);
    call.screen.check();
}

#[test]
fn what_is_needed_and_never_comes_is_made_do_without() {
    let mut call = call();
    call.camera.sending = [true, true, false];
    call.run(300);
    assert_eq!(call.shown(), 1);
    call.world.events.clear();
    call.run(300);
    assert!(
        call.world.events.is_empty(),
        "the publisher is not told again and again"
    );
    call.screen.check();
}
