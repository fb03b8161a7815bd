//! One peer from first check to goodbye.

use std::net::SocketAddr;

use super::*;
use crate::dtls::test_client::{GCM, TestClient};
use crate::ice_lite::CONSENT_TIMEOUT;
use crate::route::Route;
use crate::rtcp::{RtcpEvent, RtcpWriter, events};
use crate::srtp::{RTCP_OVERHEAD, RTP_OVERHEAD};
use crate::stun::{
    BINDING_REQUEST, ICE_CONTROLLING, IntegrityKey, PRIORITY, StunMessage, StunWriter, USE_CANDIDATE,
    USERNAME,
};

const REMOTE_UFRAG: &str = "brow";
const SECOND: Duration = Duration::from_secs(1);

fn address(port: u16) -> TransportAddress {
    TransportAddress::udp(SocketAddr::from(([203, 0, 113, 7], port)))
}

/// A peer's transport and the browser at its other end.
struct World {
    now: Instant,
    peer: PeerTransport,
    client: TestClient,
    /// Where the browser sends from.
    from: TransportAddress,
    username: String,
    password: String,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let client = TestClient::new(now, &[GCM]);
        let fingerprint = client.fingerprint;
        Self::with(now, client, fingerprint)
    }

    fn with(now: Instant, client: TestClient, fingerprint: Fingerprint) -> Self {
        let local = IceCredentials::generate(Route { shard: 1, peer: 42 }).unwrap();
        let username = format!("{}:{REMOTE_UFRAG}", local.ufrag());
        let password = local.password().to_owned();
        let config = PeerConfig {
            local,
            remote_ufrag: REMOTE_UFRAG.to_owned(),
            remote_fingerprint: fingerprint,
            certificate: Certificate::generate().unwrap(),
        };
        Self {
            now,
            peer: PeerTransport::new(now, config),
            client,
            from: address(5000),
            username,
            password,
        }
    }

    fn connected() -> Self {
        let mut world = Self::new();
        world.check(true).unwrap();
        world.shake_hands();
        assert!(world.peer.is_connected());
        world.events();
        world
    }

    fn check(&mut self, nominate: bool) -> Result<Received, DropReason> {
        let mut request = stun(&self.username, &self.password, nominate);
        self.peer.handle_datagram(self.now, self.from, &mut request)
    }

    fn shake_hands(&mut self) {
        for _ in 0..20 {
            while let Some(mut datagram) = self.client.poll_transmit() {
                let _ = self.peer.handle_datagram(self.now, self.from, &mut datagram);
            }
            while let Some(transmit) = self.peer.poll_transmit() {
                if transmit.bytes[0] >= 20 {
                    assert_eq!(transmit.to, self.from);
                    self.client.read(self.now, &transmit.bytes);
                }
            }
        }
    }

    fn events(&mut self) -> Vec<PeerEvent> {
        std::iter::from_fn(|| self.peer.poll_event()).collect()
    }

    /// What the browser seals, `rtp` or RTCP.
    fn sealed(&self, packet: &[u8]) -> Vec<u8> {
        let keys = self.client.keys();
        let mut sender = SrtpSender::new(keys.profile, &keys.client).unwrap();
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + RTCP_OVERHEAD, 0);
        let len = if classify(packet) == DatagramKind::Rtp {
            sender.seal_rtp(&mut buffer, packet.len()).unwrap()
        } else {
            sender.seal_rtcp(&mut buffer, packet.len()).unwrap()
        };
        buffer.truncate(len);
        buffer
    }
}

fn stun(username: &str, password: &str, nominate: bool) -> Vec<u8> {
    let mut writer = StunWriter::new(BINDING_REQUEST, &[8; 12]);
    writer.attribute(USERNAME, username.as_bytes()).unwrap();
    writer.attribute(PRIORITY, &[0, 0, 0, 1]).unwrap();
    writer.attribute(ICE_CONTROLLING, &[5; 8]).unwrap();
    if nominate {
        writer.attribute(USE_CANDIDATE, &[]).unwrap();
    }
    writer.finish(&IntegrityKey::new(password)).unwrap()
}

fn rtp(sequence: u8) -> Vec<u8> {
    [&[0x80, 96, 0, sequence, 0, 0, 0, 2, 0, 0, 0, 3][..], b"payload"].concat()
}

#[test]
fn a_peer_connects_and_media_flows_both_ways() {
    let mut world = World::new();
    world.check(true).unwrap();
    let answer = world.peer.poll_transmit().unwrap();
    assert_eq!(answer.to, world.from);
    assert!(
        StunMessage::parse(&answer.bytes)
            .unwrap()
            .verify(&IntegrityKey::new(&world.password))
    );
    world.shake_hands();
    assert!(world.client.completed);
    assert_eq!(
        world.events(),
        [
            PeerEvent::AddressAdded(world.from),
            PeerEvent::Nominated(world.from),
            PeerEvent::Connected {
                profile: Profile::AeadAes128Gcm
            }
        ]
    );
    assert_eq!(world.peer.remote_address(), Some(world.from));

    let mut datagram = world.sealed(&rtp(1));
    let received = world.peer.handle_datagram(world.now, world.from, &mut datagram);
    assert_eq!(received, Ok(Received::Rtp { len: rtp(1).len() }));
    assert_eq!(datagram[..rtp(1).len()], rtp(1));

    let mut buffer = [0u8; 64];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer.pli(1, 2).unwrap();
    let len = writer.len();
    let mut datagram = world.sealed(&buffer[..len]);
    let received = world.peer.handle_datagram(world.now, world.from, &mut datagram);
    assert_eq!(received, Ok(Received::Rtcp { len }));
    assert!(matches!(
        events(&datagram[..len]).next(),
        Some(Ok(RtcpEvent::Pli { media_ssrc: 2, .. }))
    ));

    let keys = world.client.keys();
    let mut browser = SrtpReceiver::new(keys.profile, &keys.server).unwrap();
    let mut buffer = rtp(9);
    let len = buffer.len();
    buffer.resize(len + RTP_OVERHEAD, 0);
    let sealed = world.peer.seal_rtp(&mut buffer, len).unwrap();
    assert_eq!(browser.open_rtp(&mut buffer[..sealed]), Ok(len));
    assert_eq!(buffer[..len], rtp(9));
    let mut buffer = [0u8; 64];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer.receiver_report(1, &[]).unwrap();
    let len = writer.len();
    let sealed = world.peer.seal_rtcp(&mut buffer, len).unwrap();
    assert_eq!(browser.open_rtcp(&mut buffer[..sealed]), Ok(len));
}

#[test]
fn a_stranger_gets_nothing_whatever_it_sends() {
    let mut world = World::new();
    let stranger = address(6666);
    let hello = world.client.poll_transmit().unwrap();
    let datagrams = [
        stun(&world.username, "a guessed password", true),
        stun("somebody:else", &world.password, true),
        hello,
        rtp(1),
        vec![0x80, 201, 0, 1, 0, 0, 0, 1],
        vec![],
        vec![0xFF; 1200],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    for mut datagram in datagrams {
        assert!(
            world
                .peer
                .handle_datagram(world.now, stranger, &mut datagram)
                .is_err(),
            "{datagram:?}"
        );
        assert_eq!(world.peer.poll_transmit(), None);
        assert_eq!(world.peer.poll_event(), None);
    }
    assert_eq!(world.peer.remote_address(), None);
    assert_eq!(world.peer.poll_timeout(), Some(world.now + CONSENT_TIMEOUT));
}

#[test]
fn media_and_handshake_from_an_unchecked_address_are_dropped() {
    let mut world = World::connected();
    let stranger = address(6666);
    let mut datagram = world.sealed(&rtp(1));
    let dropped = world
        .peer
        .handle_datagram(world.now, stranger, &mut datagram.clone());
    assert_eq!(dropped, Err(DropReason::UncheckedAddress));
    assert!(
        world
            .peer
            .handle_datagram(world.now, world.from, &mut datagram)
            .is_ok()
    );
    let mut dtls = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let dropped = world.peer.handle_datagram(world.now, stranger, &mut dtls);
    assert_eq!(dropped, Err(DropReason::UncheckedAddress));
}

#[test]
fn media_before_the_handshake_is_dropped_and_nothing_can_be_sealed() {
    let mut world = World::new();
    world.check(true).unwrap();
    let dropped = world.peer.handle_datagram(world.now, world.from, &mut rtp(1));
    assert_eq!(dropped, Err(DropReason::NotConnected));
    assert_eq!(
        world.peer.seal_rtp(&mut [0x80; 64], 20),
        Err(SealError::NotConnected)
    );
    assert_eq!(
        world.peer.seal_rtcp(&mut [0x80; 64], 20),
        Err(SealError::NotConnected)
    );
}

#[test]
fn the_peer_may_move_and_replies_follow_its_nomination() {
    let mut world = World::connected();
    let old = world.from;
    world.from = address(7000);
    world.check(false).unwrap();
    assert_eq!(world.events(), [PeerEvent::AddressAdded(world.from)]);
    assert_eq!(world.peer.remote_address(), Some(old));
    world.check(true).unwrap();
    assert_eq!(world.events(), [PeerEvent::Nominated(world.from)]);
    assert_eq!(world.peer.remote_address(), Some(world.from));
    let mut datagram = world.sealed(&rtp(1));
    assert!(
        world
            .peer
            .handle_datagram(world.now, world.from, &mut datagram)
            .is_ok()
    );
}

#[test]
fn replies_follow_media_that_comes_from_a_way_before_its_nomination() {
    let mut world = World::connected();
    let old = world.from;
    let mut stragglers = [world.sealed(&rtp(1)), world.sealed(&rtp(2))];
    world.now += SECOND;
    world.from = address(7000);
    world.check(false).unwrap();
    assert_eq!(
        world.peer.remote_address(),
        Some(old),
        "a check alone moves nothing"
    );
    let mut forged = rtp(3);
    forged.resize(forged.len() + RTP_OVERHEAD, 0);
    assert!(
        world
            .peer
            .handle_datagram(world.now, world.from, &mut forged)
            .is_err()
    );
    assert_eq!(
        world.peer.remote_address(),
        Some(old),
        "nor does what does not open"
    );
    let mut media = world.sealed(&rtp(4));
    world
        .peer
        .handle_datagram(world.now, world.from, &mut media)
        .unwrap();
    world.events();
    assert_eq!(world.peer.remote_address(), Some(world.from));
    for straggler in &mut stragglers {
        world.peer.handle_datagram(world.now, old, straggler).unwrap();
    }
    assert_eq!(
        world.peer.remote_address(),
        Some(world.from),
        "nothing late moves it back"
    );
    // The way back opens with a check of the old address, and RTCP tells it as well as RTP.
    world.now += SECOND;
    let new = std::mem::replace(&mut world.from, old);
    world.check(false).unwrap();
    assert_eq!(world.peer.remote_address(), Some(new));
    let mut report = world.sealed(&[0x80, 201, 0, 1, 0, 0, 0, 3]);
    world.peer.handle_datagram(world.now, old, &mut report).unwrap();
    assert_eq!(world.events(), [PeerEvent::Nominated(old)]);
    assert_eq!(world.peer.remote_address(), Some(old));
}

#[test]
fn without_checks_for_thirty_seconds_the_peer_is_lost() {
    let mut world = World::connected();
    world.now += 20 * SECOND;
    world.check(true).unwrap();
    world.now += 29 * SECOND;
    world.peer.handle_timeout(world.now);
    assert_eq!(world.events(), []);
    let deadline = world.peer.poll_timeout().unwrap();
    assert_eq!(deadline, world.now + SECOND);
    world.peer.handle_timeout(deadline);
    let lost = [
        PeerEvent::AddressRemoved(world.from),
        PeerEvent::Lost(LostReason::ConsentExpired),
    ];
    assert_eq!(world.events(), lost);
    assert_eq!(world.peer.poll_timeout(), None);
    assert!(!world.peer.is_connected());
    assert_eq!(world.check(true), Err(DropReason::Closed));
    assert_eq!(world.peer.seal_rtp(&mut rtp(1), 12), Err(SealError::NotConnected));
}

#[test]
fn a_peer_that_never_comes_is_lost() {
    let mut world = World::new();
    world.peer.handle_timeout(world.now + CONSENT_TIMEOUT);
    assert_eq!(world.events(), [PeerEvent::Lost(LostReason::ConsentExpired)]);
}

#[test]
fn a_handshake_that_does_not_end_is_lost_although_checks_go_on() {
    let mut world = World::new();
    world.check(true).unwrap();
    for _ in 0..29 {
        world.now += SECOND;
        world.check(true).unwrap();
        world.peer.handle_timeout(world.now);
    }
    world.events();
    world.now += SECOND;
    world.peer.handle_timeout(world.now);
    let expected = [
        PeerEvent::AddressRemoved(world.from),
        PeerEvent::Lost(LostReason::HandshakeFailed),
    ];
    assert_eq!(world.events(), expected);
}

#[test]
fn another_certificate_than_the_offers_is_lost() {
    let now = Instant::now();
    let mut world = World::with(now, TestClient::new(now, &[GCM]), Fingerprint([9; 32]));
    world.check(true).unwrap();
    world.shake_hands();
    assert!(matches!(
        world.events()[..],
        [.., PeerEvent::Lost(LostReason::FingerprintMismatch)]
    ));
    assert!(world.client.closed, "the client is told");
}

#[test]
fn a_goodbye_ends_the_peer_at_once() {
    let mut world = World::connected();
    world.client.close(world.now);
    world.shake_hands();
    let expected = [
        PeerEvent::AddressRemoved(world.from),
        PeerEvent::Lost(LostReason::ClosedByPeer),
    ];
    assert_eq!(world.events(), expected);
}

#[test]
fn closing_says_goodbye_and_reports_no_loss() {
    let mut world = World::connected();
    world.peer.close(world.now);
    assert_eq!(world.events(), [PeerEvent::AddressRemoved(world.from)]);
    world.shake_hands();
    assert!(world.client.closed);
    assert_eq!(world.peer.poll_timeout(), None);
}

#[test]
fn an_ice_restart_leaves_media_running() {
    let mut world = World::connected();
    let mut before = world.sealed(&rtp(1));
    let local = IceCredentials::generate(Route { shard: 1, peer: 42 }).unwrap();
    let (username, password) = (format!("{}:next", local.ufrag()), local.password().to_owned());
    world.peer.restart_ice(local, "next");
    assert_ne!(username, world.username);
    assert!(world.check(true).is_ok(), "the old credentials still work");
    assert!(
        world
            .peer
            .handle_datagram(world.now, world.from, &mut before)
            .is_ok()
    );
    (world.username, world.password, world.from) = (username, password, address(8000));
    world.check(true).unwrap();
    assert_eq!(world.peer.remote_address(), Some(address(8000)));
    let mut after = world.sealed(&rtp(2));
    assert!(
        world
            .peer
            .handle_datagram(world.now, world.from, &mut after)
            .is_ok()
    );
    assert!(world.peer.is_connected());
}

#[test]
fn damaged_and_replayed_media_is_counted_not_believed() {
    let mut world = World::connected();
    let good = world.sealed(&rtp(1));
    let mut damaged = good.clone();
    damaged[14] ^= 1;
    let dropped = world.peer.handle_datagram(world.now, world.from, &mut damaged);
    assert_eq!(dropped, Err(DropReason::Srtp(OpenError::Authentication)));
    assert!(
        world
            .peer
            .handle_datagram(world.now, world.from, &mut good.clone())
            .is_ok()
    );
    let dropped = world
        .peer
        .handle_datagram(world.now, world.from, &mut good.clone());
    assert_eq!(dropped, Err(DropReason::Srtp(OpenError::Replay)));
}
