//! Light participants on real sockets: they connect, move and restart ICE, and media goes on until they say goodbye.

use conclave_sfu::SfuConfig;
use conclave_transport::address::Protocol;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{RoomId, TrackId};
use conclave_wire::media::{Codec, Kind, Source};

use crate::light::Light;
use crate::support::{Conference, sframe};

pub(crate) const ROOM: RoomId = RoomId::new([9; 16]);
pub(crate) const LOCAL: &str = "127.0.0.1:0";

pub(crate) struct Call {
    pub(crate) conference: Conference,
    /// Alice's microphone.
    pub(crate) track: TrackId,
    alice: Light,
    bob: Light,
    number: u32,
}

impl Call {
    /// Alice speaks, Bob listens.
    pub(crate) async fn new() -> Self {
        Self::with(false).await
    }

    /// The same, with UDP blocked for Bob or not.
    async fn with(udp_is_blocked: bool) -> Self {
        Self::on(Conference::start().await, LOCAL, udp_is_blocked).await
    }

    /// The same on this server, Bob from this address.
    async fn on(mut conference: Conference, home_of_bob: &str, udp_is_blocked: bool) -> Self {
        let (mut alice, mut bob) = (Light::new(1, LOCAL).await, Light::new(2, home_of_bob).await);
        bob.udp_is_blocked = udp_is_blocked;
        conference.join(alice.id, ROOM).await;
        conference.join(bob.id, ROOM).await;
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
            track,
            alice,
            bob,
            number: 0,
        }
    }

    /// What Alice says now, Bob hears, under the SSRC of his answer.
    pub(crate) async fn is_heard(&mut self) {
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
async fn who_says_goodbye_is_reported_lost_and_its_track_ends_once_it_is_removed() {
    let Call {
        mut conference,
        track,
        alice,
        ..
    } = Call::new().await;
    let peer = alice.id;
    alice.close().await;
    let lost = ControlEvent::PeerLost { peer };
    conference
        .event("PeerLost", |event| (*event == lost).then_some(()))
        .await;
    conference.tell(ControlCommand::RemovePeer { peer }).await;
    let ended = conference
        .event("TrackUnpublished", |event| match event {
            ControlEvent::TrackUnpublished { track_id, .. } => Some(*track_id),
            _ => None,
        })
        .await;
    assert_eq!(ended, track);
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

fn protocol(light: &Light) -> Protocol {
    light
        .transport
        .as_ref()
        .unwrap()
        .remote_address()
        .unwrap()
        .protocol
}

#[tokio::test]
async fn whom_udp_does_not_reach_connects_over_tcp_and_both_ways_work() {
    let mut call = Call::with(true).await;
    assert_eq!(protocol(&call.alice), Protocol::Udp);
    assert_eq!(protocol(&call.bob), Protocol::Tcp);
    for _ in 0..50 {
        call.is_heard().await;
    }
    // And the other way round: what comes over TCP goes out over UDP.
    let Call {
        conference,
        alice,
        bob,
        ..
    } = &mut call;
    bob.publish(Source::Microphone, Codec::Opus);
    bob.negotiate(conference).await;
    let (track, _) = conference.published(bob.id, Source::Microphone).await;
    alice.subscribe(track, Kind::Audio);
    alice.negotiate(conference).await;
    for number in 0..20 {
        let frame = sframe(Source::Microphone, 2, number);
        bob.send(Source::Microphone, Codec::Opus, &frame).await;
        alice
            .until("the frame", |alice| {
                std::iter::from_fn(|| alice.heard.pop_front()).any(|heard| heard.payload == frame)
            })
            .await;
    }
}

#[tokio::test]
async fn media_moves_to_tcp_and_back_as_the_client_nominates() {
    let mut call = Call::new().await;
    call.is_heard().await;
    call.bob.udp_is_blocked = true;
    call.bob
        .until("TCP", |bob| {
            protocol(bob) == Protocol::Tcp && bob.transport.as_ref().unwrap().is_settled()
        })
        .await;
    call.is_heard().await;
    call.bob.udp_is_blocked = false;
    call.bob
        .transport
        .as_mut()
        .unwrap()
        .recheck(std::time::Instant::now());
    call.bob
        .until("UDP", |bob| {
            protocol(bob) == Protocol::Udp && bob.transport.as_ref().unwrap().is_settled()
        })
        .await;
    call.is_heard().await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_by_another() {
    let mut call = Call::with(true).await;
    call.is_heard().await;
    call.bob.disconnect();
    call.bob
        .transport
        .as_mut()
        .unwrap()
        .recheck(std::time::Instant::now());
    call.bob
        .until("another", |bob| bob.transport.as_ref().unwrap().is_settled())
        .await;
    call.is_heard().await;
}

#[tokio::test]
async fn ipv4_and_ipv6_meet_on_one_port_over_udp_and_tcp_at_the_advertised_addresses() {
    const HOME: &str = "[::1]:0";
    if tokio::net::UdpSocket::bind(HOME).await.is_err() {
        // A machine without IPv6; there is nothing to test then.
        return;
    }
    for udp_is_blocked in [false, true] {
        let config = SfuConfig {
            media: vec!["0.0.0.0:0".parse().unwrap()],
            // The first reaches nobody here, as an address of another uplink would not.
            advertise: vec![
                "192.0.2.1".parse().unwrap(),
                "127.0.0.1".parse().unwrap(),
                "::1".parse().unwrap(),
            ],
            ..SfuConfig::default()
        };
        let mut call = Call::on(Conference::with(config).await, HOME, udp_is_blocked).await;
        let candidates = &call.bob.answer.as_ref().unwrap().ice.candidates;
        assert_eq!(candidates.len(), 6, "{candidates:?}");
        let remote = call.bob.transport.as_ref().unwrap().remote_address().unwrap();
        assert!(remote.socket.is_ipv6() || udp_is_blocked);
        let remote = call.alice.transport.as_ref().unwrap().remote_address().unwrap();
        assert!(remote.socket.is_ipv4());
        call.is_heard().await;
    }
}
