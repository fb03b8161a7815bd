//! Two participants on real `webrtc` connections over real sockets: what one sends is what the other receives.

use std::time::Duration;

use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{LeafIndex, RoomId};
use conclave_wire::media::{Codec, Source};

use crate::support::{Conference, Participant, Sending, sframe, soon, vp8};

const ROOM: RoomId = RoomId::new([3; 16]);
const LEAF: u32 = 5;

struct Call {
    conference: Conference,
    alice: Participant,
    bob: Participant,
    microphone: Sending,
    camera: Sending,
}

/// Alice publishes a microphone and a camera, Bob subscribes both, everybody is connected.
async fn call() -> Call {
    let mut conference = Conference::start().await;
    let (mut alice, mut bob) = (Participant::new(1).await, Participant::new(2).await);
    for (peer, leaf) in [(alice.id, LEAF), (bob.id, LEAF + 1)] {
        conference
            .tell(ControlCommand::AddPeer { peer, room: ROOM })
            .await;
        conference
            .tell(ControlCommand::Admit {
                peer,
                leaf: LeafIndex(leaf),
            })
            .await;
    }
    let microphone = alice.publish(Source::Microphone).await;
    let camera = alice.publish(Source::Camera).await;
    alice.negotiate(&mut conference).await;
    let (audio, opus) = conference.published(alice.id, Source::Microphone).await;
    let (video, codec) = conference.published(alice.id, Source::Camera).await;
    assert_eq!((opus, codec), (Codec::Opus, Codec::Vp8));
    bob.subscribe(Source::Microphone, audio).await;
    bob.subscribe(Source::Camera, video).await;
    bob.negotiate(&mut conference).await;
    conference.connected(alice.id).await;
    conference.connected(bob.id).await;
    Call {
        conference,
        alice,
        bob,
        microphone,
        camera,
    }
}

/// Sends frames until Bob gets the first of each kind: the far ends of connections open a moment after their events.
async fn warm_up(call: &mut Call) {
    let Call {
        bob,
        microphone,
        camera,
        ..
    } = call;
    let mut kinds = std::collections::HashSet::new();
    soon("first packets", async {
        while kinds.len() < 2 {
            microphone.send(&sframe(Source::Microphone, LEAF, 0)).await;
            camera.send(&vp8(&sframe(Source::Camera, LEAF, 0))).await;
            let pause = tokio::time::sleep(Duration::from_millis(20));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    packet = bob.packets.recv() => { kinds.insert(packet.unwrap().header.payload_type); }
                    () = &mut pause => break,
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_publishes_the_other_receives_unchanged_and_in_order() {
    let mut call = call().await;
    warm_up(&mut call).await;
    let Call {
        conference,
        bob,
        microphone,
        camera,
        ..
    } = &mut call;
    let mut expected = Vec::new();
    for number in 1..=200 {
        let audio = sframe(Source::Microphone, LEAF, number);
        let video = vp8(&sframe(Source::Camera, LEAF, number));
        microphone.send(&audio).await;
        camera.send(&video).await;
        expected.push((111, audio));
        expected.push((96, video));
        // The library's own queues are short: wait for each pair.
        for _ in 0..2 {
            let packet = loop {
                let packet = bob.receive().await;
                if expected
                    .iter()
                    .any(|(kind, body)| *kind == packet.header.payload_type && *body == packet.payload)
                {
                    break packet;
                }
            };
            expected.retain(|(kind, body)| *kind != packet.header.payload_type || *body != packet.payload);
        }
    }
    assert!(expected.is_empty());
    let counted = conference.stats.snapshot();
    assert!(
        counted.rtp_in_audio >= 200 && counted.rtp_out_audio >= 200,
        "{counted:?}"
    );
    assert!(
        counted.rtp_in_video >= 200 && counted.rtp_out_video >= 200,
        "{counted:?}"
    );
    assert_eq!((counted.frames_refused, counted.egress_dropped), (0, 0));
    assert_eq!((counted.peers, counted.tracks), (2, 2));
    // Once the newcomer waits for no new epoch any more.
    soon("a request for the key frame that was never sent", async {
        while conference.stats.snapshot().pli_out == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_under_another_leaf_are_not_forwarded_and_close_the_producer() {
    let mut call = call().await;
    warm_up(&mut call).await;
    let Call {
        conference,
        alice,
        bob,
        microphone,
        camera,
    } = &mut call;
    let stranger = sframe(Source::Microphone, LEAF + 1, 77);
    for _ in 0..8 {
        microphone.send(&stranger).await;
    }
    let alice = alice.id;
    conference
        .event("ProducerClosed", |event| match event {
            ControlEvent::ProducerClosed { peer, .. } => (*peer == alice).then_some(()),
            _ => None,
        })
        .await;
    conference
        .event("TrackUnpublished", |event| {
            matches!(event, ControlEvent::TrackUnpublished { .. }).then_some(())
        })
        .await;
    microphone.send(&sframe(Source::Microphone, LEAF, 78)).await;
    let last = vp8(&sframe(Source::Camera, LEAF, 79));
    camera.send(&last).await;
    loop {
        let packet = bob.receive().await;
        assert_ne!(packet.payload, stranger, "a frame with another's KID");
        assert_ne!(
            packet.payload,
            sframe(Source::Microphone, LEAF, 78),
            "a frame of a closed producer"
        );
        if packet.payload == last {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_publisher_is_silent_until_it_is_back() {
    let mut call = call().await;
    warm_up(&mut call).await;
    let Call {
        conference,
        alice,
        bob,
        microphone,
        camera,
    } = &mut call;
    conference.tell(ControlCommand::Suspend { peer: alice.id }).await;
    // An answer to a later command says that the earlier one was carried out.
    bob.negotiate(conference).await;
    let lost = sframe(Source::Microphone, LEAF, 500);
    let before = conference.stats.snapshot().rtp_bytes_in;
    soon("the SFU to get a packet of the suspended peer", async {
        microphone.send(&lost).await;
        while conference.stats.snapshot().rtp_bytes_in == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let marker = vp8(&sframe(Source::Camera, LEAF, 502));
    conference.tell(ControlCommand::Resume { peer: alice.id }).await;
    bob.negotiate(conference).await;
    let back = sframe(Source::Microphone, LEAF, 501);
    soon("the microphone to be heard again", async {
        loop {
            microphone.send(&back).await;
            camera.send(&marker).await;
            let packet = bob.receive().await;
            assert_ne!(packet.payload, lost);
            if packet.payload == back {
                break;
            }
        }
    })
    .await;
}
