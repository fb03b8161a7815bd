//! What becomes of media packets: numbers, retransmissions, reports, and that the payload decides nothing.

use std::time::Duration;

use conclave_transport::rtcp::SenderReport;
use conclave_transport::rtp::Extension;
use conclave_wire::client::subscription::View;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{Epoch, LeafIndex, PeerId, TrackId};
use conclave_wire::media::Source;

use crate::picture::{Camera, Scalable, Simulcast, simulcast_offer};
use crate::support::*;

#[test]
fn a_packet_leaves_with_the_subscribers_numbers_and_the_publishers_payload() {
    let mut world = World::call();
    let transport_cc = Extension { id: 3, data: &[0, 1] };
    let from_mid = Extension { id: 4, data: b"1" };
    let payload = camera_payload(1, b"picture");
    for sequence in 0..3u16 {
        let extensions = [transport_cc, from_mid];
        let number = 65_534u16.wrapping_add(sequence);
        let timestamp = 5000 + 3000 * u32::from(sequence);
        world.rtp(
            0,
            &packet_with(CHROMIUM_CAMERA, 96, number, timestamp, &extensions, &payload),
        );
    }
    let sent = world.take_rtp();
    assert_eq!(sent.len(), 3);
    let first = view(&sent[0].1);
    for (index, (to, bytes)) in sent.iter().enumerate() {
        let packet = view(bytes);
        assert_eq!(*to, 1);
        assert_eq!(packet.payload_type(), 120, "Firefox's VP8");
        assert_eq!(packet.ssrc(), first.ssrc());
        assert_eq!(
            packet.sequence_number(),
            first.sequence_number() + u16::try_from(index).unwrap()
        );
        assert_eq!(packet.timestamp(), 5000 + 3000 * u32::try_from(index).unwrap());
        assert!(packet.marker());
        assert_eq!(packet.payload(), payload);
        let extensions: Vec<_> = packet.extensions().collect();
        assert_eq!(
            extensions,
            [Extension { id: 3, data: b"3" }],
            "its own MID under its own id, nothing else"
        );
    }
}

#[test]
fn an_ssrc_that_no_offer_declared_is_learned_from_mid_and_payload_type() {
    let undeclared: String = CHROMIUM
        .lines()
        .filter(|line| !line.starts_with("a=ssrc"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let mut world = World::new();
    world.enter(1);
    world.enter(2);
    world.publish(1, &undeclared);
    world.connect(0);
    world.watch(2, FIREFOX, &[("3", 2)]);
    world.connect(1);
    let mid = Extension { id: 4, data: b"1" };
    world.rtp(0, &packet(77, 63, 1, 1, &camera_payload(1, b"x")));
    assert_eq!(world.take_rtp().len(), 0, "a payload type nobody negotiated");
    world.rtp(0, &packet_with(77, 96, 2, 1, &[mid], &camera_payload(1, b"y")));
    world.rtp(0, &packet(77, 96, 3, 1, &camera_payload(1, b"z")));
    let lost = [&4u16.to_be_bytes()[..], &camera_payload(1, b"again")].concat();
    world.rtp(0, &packet_with(78, 97, 9, 1, &[mid], &lost));
    let bodies: Vec<Vec<u8>> = world
        .take_rtp()
        .iter()
        .map(|(_, bytes)| view(bytes).payload()[7..].to_vec())
        .collect();
    assert_eq!(bodies, [b"y".to_vec(), b"z".to_vec(), b"again".to_vec()]);
}

#[test]
fn a_publishers_retransmission_fills_the_gap_once() {
    let mut world = World::call();
    for sequence in [10, 11, 13] {
        world.rtp(0, &camera(sequence, 1, b"frame"));
    }
    world.pass(Duration::from_millis(30));
    let nacks = world.take_rtcp(0);
    let nack = nacks.iter().find(|event| event.starts_with("Nack")).unwrap();
    assert!(nack.contains(&format!("media_ssrc: {CHROMIUM_CAMERA}")), "{nack}");
    world.take_rtp();
    let again = [&12u16.to_be_bytes()[..], &camera_payload(1, b"lost")].concat();
    world.rtp(0, &packet(CHROMIUM_CAMERA_RTX, 97, 1, 1, &again));
    world.rtp(0, &packet(CHROMIUM_CAMERA_RTX, 97, 2, 1, &again));
    world.rtp(0, &camera(12, 1, b"lost"));
    world.rtp(0, &packet(CHROMIUM_CAMERA_RTX, 97, 3, 1, &0u16.to_be_bytes()));
    let sent = world.take_rtp();
    assert_eq!(
        sent.len(),
        1,
        "a number is sealed once; probing padding goes nowhere"
    );
    assert_eq!(view(&sent[0].1).payload(), camera_payload(1, b"lost"));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.count_rtcp(0, "Nack"), 0);
}

#[test]
fn a_subscribers_nack_is_answered_by_rtx_from_the_last_second() {
    let mut world = World::call();
    for sequence in 0..20u16 {
        world.rtp(0, &camera(sequence, 1000 + u32::from(sequence), &[5; 50]));
    }
    let sent = world.take_rtp();
    let media = view(&sent[0].1).ssrc();
    let wanted = view(&sent[5].1).sequence_number();
    world.rtcp(1, |writer| writer.nack(99, media, &[wanted, wanted + 2]).unwrap());
    let resent = world.take_rtp();
    assert_eq!(resent.len(), 2);
    for (index, (to, bytes)) in resent.iter().enumerate() {
        let packet = view(bytes);
        let original = view(&sent[5 + 2 * index].1);
        assert_eq!((*to, packet.payload_type(), packet.ssrc()), (1, 124, media + 1));
        assert_eq!(
            usize::from(packet.sequence_number()),
            index,
            "RTX has numbers of its own"
        );
        assert_eq!(packet.timestamp(), original.timestamp());
        assert_eq!(packet.payload()[..2], original.sequence_number().to_be_bytes());
        assert_eq!(&packet.payload()[2..], original.payload());
    }
    world.rtcp(1, |writer| writer.nack(99, media, &[wanted + 500]).unwrap());
    world.rtcp(1, |writer| writer.nack(99, media + 7, &[wanted]).unwrap());
    world.rtcp(0, |writer| writer.nack(99, media, &[wanted]).unwrap());
    world.pass(Duration::from_millis(1100));
    world.rtcp(1, |writer| writer.nack(99, media, &[wanted]).unwrap());
    assert!(
        world.take_rtp().is_empty(),
        "not sent yet, not its stream, not its own, too old"
    );
}

#[test]
fn a_subscriber_cannot_ask_for_more_than_its_share_again() {
    let mut world = World::call();
    for sequence in 0..100u16 {
        world.rtp(0, &camera(sequence, 1, b"frame"));
    }
    let sent = world.take_rtp();
    let media = view(&sent[0].1).ssrc();
    let numbers: Vec<u16> = sent
        .iter()
        .map(|(_, bytes)| view(bytes).sequence_number())
        .collect();
    for _ in 0..50 {
        world.rtcp(1, |writer| writer.nack(99, media, &numbers).unwrap());
    }
    assert_eq!(world.take_rtp().len(), 500);
}

#[test]
fn key_frame_wishes_of_many_subscribers_become_one_request_a_second() {
    let mut world = World::call();
    world.rtp(0, &camera(1, 1, b"frame"));
    let media = view(&world.take_rtp()[0].1).ssrc();
    world.pass(Duration::from_secs(2));
    world.take_rtcp(0);
    let mut asked = 0;
    for _ in 0..100 {
        world.rtcp(1, |writer| writer.pli(99, media).unwrap());
        world.rtcp(1, |writer| writer.fir(99, media, 1).unwrap());
        world.pass(Duration::from_millis(30));
        asked += world.count_rtcp(0, "Pli");
    }
    assert!((3..=4).contains(&asked), "{asked} in three seconds");
}

#[test]
fn a_new_epoch_asks_a_camera_with_new_subscribers_once_for_a_key_frame() {
    let mut world = World::call();
    world.go();
    assert_eq!(world.count_rtcp(0, "Pli"), 1);
    world.go();
    assert_eq!(world.count_rtcp(0, "Pli"), 0, "nobody is new");
    world.enter(3);
    world.watch(3, &FIREFOX.replace("A7:F4", "00:11"), &[("3", 2)]);
    world.connect(2);
    world.take_rtcp(0);
    world.go();
    assert_eq!(world.count_rtcp(0, "Pli"), 1);
}

#[test]
fn a_hundred_joins_in_an_epoch_cost_one_key_frame_request() {
    let mut world = World::call();
    world.go();
    let mut camera_at = 0u16;
    let mut picture = |world: &mut World, key: bool| {
        camera_at += 1;
        let frame = if key { key_frame } else { camera };
        world.rtp(0, &frame(camera_at, u32::from(camera_at) * 3000, b"picture"));
        let sent = world.take_rtp().len();
        world.pass(Duration::from_millis(30));
        sent
    };
    picture(&mut world, true);
    world.pass(Duration::from_secs(3));
    world.take_rtcp(0);
    let mut asked = 0;
    for peer in 3..103u64 {
        world.enter(peer);
        let answer = world.watch(
            peer,
            &FIREFOX.replace("A7:F4", &format!("A7:{peer:02X}")),
            &[("3", 2)],
        );
        let slot = usize::try_from(peer).unwrap() - 1;
        world.connect(slot);
        // It cannot decode anything yet, and asks for a key frame.
        let (_, ssrcs) = answer.split_once("a=ssrc-group:FID ").unwrap();
        let ssrc = ssrcs.split(' ').next().unwrap().parse().unwrap();
        world.rtcp(slot, |writer| writer.pli(9, ssrc).unwrap());
        if peer % 5 == 0 {
            picture(&mut world, false);
        }
        asked += world.count_rtcp(0, "Pli");
    }
    assert_eq!(asked, 0, "600 ms of joins: nobody can read anything before Go");
    world.go();
    asked += world.count_rtcp(0, "Pli");
    // A round trip later the key frame is there, and everybody has it.
    picture(&mut world, false);
    assert_eq!(picture(&mut world, true), 101);
    for _ in 0..100 {
        assert_eq!(picture(&mut world, false), 101);
        asked += world.count_rtcp(0, "Pli");
    }
    assert_eq!(asked, 1);
}

#[test]
fn who_connects_after_go_begins_with_the_key_frame_that_came_for_the_others() {
    let mut world = World::call();
    for peer in 3..103u64 {
        world.enter(peer);
        let offer = FIREFOX.replace("A7:F4", &format!("A7:{peer:02X}"));
        world.watch(peer, &offer, &[("3", 2)]);
    }
    world.go();
    assert_eq!(world.count_rtcp(0, "Pli"), 1);
    world.rtp(0, &key_frame(1, 3000, b"key"));
    world.take_rtp();
    let mut at = 1u16;
    for peer in 3..103u64 {
        world.connect(usize::try_from(peer).unwrap() - 1);
        let sent = world.take_rtp();
        assert_eq!(sent.len(), usize::from(at), "the key frame and what followed");
        let numbers: Vec<u16> = sent
            .iter()
            .map(|(_, packet)| view(packet).sequence_number())
            .collect();
        assert!(
            numbers.is_sorted_by(|one, next| *next == one.wrapping_add(1)),
            "{numbers:?}"
        );
        assert!(sent[0].1.ends_with(b"key"));
        world.pass(Duration::from_millis(4));
        if peer % 8 == 0 {
            at += 1;
            world.rtp(0, &camera(at, u32::from(at) * 3000, b"delta"));
            world.take_rtp();
        }
    }
    assert_eq!(world.count_rtcp(0, "Pli"), 0, "nobody had to be asked");
}

#[test]
fn a_key_frame_that_is_old_torn_or_of_another_epoch_is_not_given_to_newcomers() {
    let asked = |spoil: fn(&mut World)| {
        let mut world = World::call();
        world.go();
        world.rtp(0, &key_frame(1, 3000, b"key"));
        world.pass(Duration::from_millis(260));
        world.enter(3);
        world.watch(3, &FIREFOX.replace("A7:F4", "00:11"), &[("3", 2)]);
        world.go();
        world.take_rtcp(0);
        spoil(&mut world);
        world.take_rtp();
        world.connect(2);
        let given = world.take_rtp().len();
        (given > 0, world.count_rtcp(0, "Pli"))
    };
    assert_eq!(asked(|_| {}), (true, 0));
    assert_eq!(asked(|world| world.pass(Duration::from_millis(300))), (false, 1));
    assert_eq!(
        asked(|world| world.rtp(0, &camera(3, 9000, b"2 is lost"))),
        (false, 1)
    );
    let next = |world: &mut World| {
        world.command(ControlCommand::Go {
            room: ROOM,
            epoch: Epoch(2),
        });
    };
    assert_eq!(asked(next), (false, 1));
}

#[test]
fn a_publisher_gets_arrival_and_receiver_reports() {
    let mut world = World::call();
    for sequence in 0..40u16 {
        let number = sequence.to_be_bytes();
        let transport_cc = Extension { id: 3, data: &number };
        let bytes = packet_with(
            CHROMIUM_CAMERA,
            96,
            sequence,
            1,
            &[transport_cc],
            &camera_payload(1, b"frame"),
        );
        world.rtp(0, &bytes);
        world.pass(Duration::from_millis(30));
    }
    let reports = world.take_rtcp(0);
    let arrivals = reports.iter().filter(|event| event.starts_with("Twcc")).count();
    assert!((20..=24).contains(&arrivals), "{arrivals} in 1.2 s");
    let named = format!("media_ssrc: {CHROMIUM_CAMERA}");
    assert!(
        reports
            .iter()
            .any(|event| event.starts_with("Twcc") && event.contains(&named))
    );
    let block = reports
        .iter()
        .find(|event| event.starts_with("ReportBlock"))
        .unwrap();
    assert!(
        block.contains(&format!("ssrc: {CHROMIUM_CAMERA}")) && block.contains("fraction_lost: 0"),
        "{block}"
    );
}

#[test]
fn a_sender_report_reaches_subscribers_on_their_clock() {
    let mut world = World::call();
    world.rtp(0, &camera(1, 90_000, b"frame"));
    let sent = world.take_rtp();
    let media = view(&sent[0].1).ssrc();
    let report = SenderReport {
        ssrc: CHROMIUM_CAMERA,
        ntp_time: 5 << 32,
        rtp_timestamp: 91_000,
        packet_count: 9,
        octet_count: 99,
    };
    world.rtcp(0, |writer| writer.sender_report(&report, &[]).unwrap());
    let reports = world.take_rtcp(1);
    let expected = SenderReport {
        ssrc: media,
        rtp_timestamp: 91_000,
        packet_count: 1,
        octet_count: 12,
        ..report
    };
    assert_eq!(reports, [format!("SenderReport({expected:?})")]);
}

#[test]
fn decisions_do_not_depend_on_the_payload() {
    // Same headers, descriptors and SFrame headers; other ciphertext.
    let headers = |world: &mut World| -> Vec<(usize, Vec<u8>)> {
        let rtp = world.take_rtp().into_iter();
        rtp.map(|(to, bytes)| {
            let len = view(&bytes).header_len();
            (to, bytes[..len].to_vec())
        })
        .collect()
    };
    let mut decisions = Vec::new();
    for fill in [0x00, 0x5A, 0xFF] {
        let mut world = World::call();
        let mut seen = Vec::new();
        for step in 0..300u16 {
            let body = vec![fill; 40 + usize::from(step % 7) * 100];
            if step % 11 != 3 {
                world.rtp(0, &camera(step, u32::from(step / 3), &body));
            }
            world.rtp(
                0,
                &packet(
                    CHROMIUM_MICROPHONE,
                    111,
                    step,
                    u32::from(step),
                    &sframe(Source::Microphone, 1, &body),
                ),
            );
            world.pass(Duration::from_millis(10));
            seen.push((headers(&mut world), world.take_rtcp(0), world.take_rtcp(1)));
        }
        decisions.push(seen);
    }
    assert_eq!(decisions[0], decisions[1]);
    assert_eq!(decisions[0], decisions[2]);
}

#[test]
fn layers_are_selected_without_regard_to_the_payload() {
    type Sort = fn() -> (String, Box<dyn Camera>);
    let sorts: [Sort; 2] = [
        || (simulcast_offer(), Box::new(Simulcast::new())),
        || (Scalable::offer(), Box::new(Scalable::new(true))),
    ];
    for sort in sorts {
        let mut decisions = Vec::new();
        for fill in [0x00, 0x5A, 0xFF] {
            let (offer, mut camera) = sort();
            camera.fill(fill);
            let mut world = World::new();
            world.enter(1);
            world.enter(2);
            world.publish(1, &offer);
            world.connect(0);
            world.watch(2, FIREFOX, &[("3", 2)]);
            world.connect(1);
            let mut seen = Vec::new();
            let mut key = false;
            for step in 0..300u16 {
                if step % 60 == 0 {
                    let view = View {
                        track_id: TrackId(2),
                        height: [2000, 100, 300][usize::from(step / 60) % 3],
                    };
                    world.command(ControlCommand::Views {
                        peer: PeerId(2),
                        views: vec![view],
                    });
                }
                for (index, packet) in camera.picture(key).iter().enumerate() {
                    if (usize::from(step) + index) % 13 != 5 {
                        world.rtp(0, packet);
                    }
                }
                world.pass(Duration::from_millis(33));
                let asked = world.take_rtcp(0);
                key = asked.iter().any(|event| event.starts_with("Pli"));
                let headers: Vec<Vec<u8>> = world
                    .take_rtp()
                    .iter()
                    .map(|(_, bytes)| bytes[..view(bytes).header_len() + 5].to_vec())
                    .collect();
                seen.push((headers, asked, world.take_rtcp(1)));
            }
            let sent: usize = seen.iter().map(|(headers, ..)| headers.len()).sum();
            assert!(sent > 250, "{sent}");
            decisions.push(seen);
        }
        assert_eq!(decisions[0], decisions[1]);
        assert_eq!(decisions[0], decisions[2]);
    }
}

#[test]
fn a_bad_frame_is_not_forwarded_and_a_row_of_them_closes_the_producer_for_good() {
    let mut world = World::call();
    let lie = packet(
        CHROMIUM_MICROPHONE,
        111,
        1,
        1,
        &sframe(Source::Microphone, 2, b"not mine"),
    );
    world.rtp(0, &lie);
    assert!(world.take_rtp().is_empty());
    for step in 2..12u16 {
        world.rtp(0, &packet(CHROMIUM_MICROPHONE, 111, step, 1, b"\x78plain opus"));
    }
    let closed = world
        .events
        .iter()
        .filter(|event| matches!(event, ControlEvent::ProducerClosed { .. }))
        .count();
    let unpublished = world
        .events
        .iter()
        .filter(|event| matches!(event, ControlEvent::TrackUnpublished { .. }))
        .count();
    assert_eq!((closed, unpublished), (1, 1));
    world.rtp(
        0,
        &packet(
            CHROMIUM_MICROPHONE,
            111,
            20,
            1,
            &sframe(Source::Microphone, 1, b"good"),
        ),
    );
    world.publish(1, CHROMIUM);
    world.rtp(
        0,
        &packet(
            CHROMIUM_MICROPHONE,
            111,
            21,
            1,
            &sframe(Source::Microphone, 1, b"good"),
        ),
    );
    assert!(
        world.take_rtp().is_empty(),
        "closed until the section is used otherwise"
    );
    assert_eq!(world.sfu.track_count(), 1);
    world.rtp(0, &camera(1, 1, b"the camera goes on"));
    assert_eq!(world.take_rtp().len(), 1);
}

#[test]
fn a_rejoin_with_another_leaf_moves_the_guard() {
    let mut world = World::call();
    world.command(ControlCommand::Admit {
        peer: PeerId(1),
        leaf: LeafIndex(40),
    });
    for step in 0..50u16 {
        world.rtp(0, &camera(step, u32::from(step), b"under the old leaf"));
    }
    assert!(world.take_rtp().is_empty());
    world.rtp(
        0,
        &packet(CHROMIUM_CAMERA, 96, 60, 60, &camera_payload(40, b"new")),
    );
    assert_eq!(world.take_rtp().len(), 1);
}
