//! Light participants on real sockets: they connect, move and restart ICE, and media goes on.

use conclave_wire::control::ControlCommand;
use conclave_wire::id::{LeafIndex, PeerId, RoomId};
use conclave_wire::media::{Codec, Kind, Source};

use crate::light::Light;
use crate::support::{Conference, sframe};

const ROOM: RoomId = RoomId::new([9; 16]);
const LOCAL: &str = "127.0.0.1:0";

async fn join(conference: &Conference, peer: PeerId) {
    let leaf = LeafIndex(u32::try_from(peer.0).unwrap());
    conference
        .tell(ControlCommand::AddPeer { peer, room: ROOM })
        .await;
    conference.tell(ControlCommand::Admit { peer, leaf }).await;
}

struct Call {
    conference: Conference,
    alice: Light,
    bob: Light,
    number: u32,
}

impl Call {
    /// Alice speaks, Bob listens.
    async fn new() -> Self {
        let mut conference = Conference::start().await;
        let (mut alice, mut bob) = (Light::new(1, LOCAL).await, Light::new(2, LOCAL).await);
        join(&conference, alice.id).await;
        join(&conference, bob.id).await;
        alice.publish(Source::Microphone, Codec::Opus);
        alice.negotiate(&mut conference).await;
        let (track, _) = conference.published(alice.id, Source::Microphone).await;
        bob.subscribe(track, Kind::Audio);
        bob.negotiate(&mut conference).await;
        alice.connected().await;
        bob.connected().await;
        conference.connected(alice.id).await;
        conference.connected(bob.id).await;
        Self {
            conference,
            alice,
            bob,
            number: 0,
        }
    }

    /// What Alice says now, Bob hears, under the SSRC of his answer.
    async fn is_heard(&mut self) {
        self.number += 1;
        let frame = sframe(Source::Microphone, 1, self.number);
        self.alice.send(Source::Microphone, Codec::Opus, &frame).await;
        let ssrc = self.bob.answer.as_ref().unwrap().sections[0].ssrc;
        self.bob
            .until("the frame", |bob| {
                std::iter::from_fn(|| bob.heard.pop_front())
                    .any(|heard| Some(heard.ssrc) == ssrc && heard.payload == frame)
            })
            .await;
    }
}

#[tokio::test]
async fn light_participants_hear_each_other() {
    let mut call = Call::new().await;
    for _ in 0..20 {
        call.is_heard().await;
    }
}

#[tokio::test]
async fn a_listener_that_moves_is_found_again_without_a_new_handshake() {
    let mut call = Call::new().await;
    call.is_heard().await;
    let events = call.bob.events.len();
    let before = call.bob.local_address();
    call.bob.move_to(LOCAL).await;
    assert_ne!(call.bob.local_address(), before);
    // The answer to the check says that the server has nominated the new address.
    call.bob
        .until("the way", |bob| bob.transport.as_ref().unwrap().is_settled())
        .await;
    call.is_heard().await;
    assert_eq!(call.bob.events.len(), events, "the same keys");
}

#[tokio::test]
async fn a_speaker_that_moves_goes_on_with_its_keys() {
    let mut call = Call::new().await;
    call.is_heard().await;
    call.alice.move_to(LOCAL).await;
    call.alice
        .until("the way", |alice| alice.transport.as_ref().unwrap().is_settled())
        .await;
    call.is_heard().await;
}

#[tokio::test]
async fn an_ice_restart_from_another_port_loses_no_keys() {
    let mut call = Call::new().await;
    call.is_heard().await;
    let Call { conference, bob, .. } = &mut call;
    bob.restart_ice(conference, LOCAL).await;
    bob.until("the way", |bob| bob.transport.as_ref().unwrap().is_settled())
        .await;
    call.is_heard().await;
    call.is_heard().await;
}
