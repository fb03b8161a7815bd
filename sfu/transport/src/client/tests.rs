//! A client and a peer's transport talk over links that lose, move and change protocol.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::peer::{PeerConfig, PeerEvent, PeerTransport};
use crate::route::Route;
use crate::srtp::{RTCP_OVERHEAD, RTP_OVERHEAD};

const LINK_DELAY: Duration = Duration::from_millis(10);
/// Longest virtual time a test waits for something.
const PATIENCE: Duration = Duration::from_secs(40);

fn server(port: u16) -> TransportAddress {
    TransportAddress::udp(SocketAddr::from(([198, 51, 100, 1], port)))
}

fn home(port: u16) -> TransportAddress {
    TransportAddress::udp(SocketAddr::from(([203, 0, 113, 7], port)))
}

/// A datagram under way.
struct Flying {
    at: Instant,
    to_server: bool,
    /// The server's end of its path.
    path: TransportAddress,
    bytes: Vec<u8>,
}

struct World {
    now: Instant,
    client: ClientTransport,
    peer: PeerTransport,
    /// Where the server sees the client, by the protocol it uses.
    source: fn(TransportAddress) -> TransportAddress,
    /// Server addresses that nothing reaches.
    blocked: Vec<TransportAddress>,
    flying: Vec<Flying>,
    /// Of 100 datagrams each way, how many are lost.
    loss: u64,
    random: u64,
    client_events: Vec<ClientEvent>,
    peer_events: Vec<PeerEvent>,
    sequence: u16,
}

impl World {
    fn new(candidates: &[(TransportAddress, u32)]) -> Self {
        Self::with(candidates, None)
    }

    fn with(candidates: &[(TransportAddress, u32)], fingerprint: Option<Fingerprint>) -> Self {
        let now = Instant::now();
        let [server, client] = [(); 2].map(|()| Certificate::generate().unwrap());
        let peer_credentials = IceCredentials::generate(Route { shard: 0, peer: 7 }).unwrap();
        let local = credentials();
        let remote = remote(&peer_credentials, candidates);
        let peer = PeerConfig {
            local: peer_credentials,
            remote_ufrag: local.ufrag().to_owned(),
            remote_fingerprint: client.fingerprint(),
            certificate: server.clone(),
        };
        let config = ClientConfig {
            local,
            certificate: client,
            remote,
            remote_fingerprint: fingerprint.unwrap_or_else(|| server.fingerprint()),
        };
        Self {
            now,
            client: ClientTransport::new(now, config),
            peer: PeerTransport::new(now, peer),
            source: |path| TransportAddress {
                protocol: path.protocol,
                ..home(5000 + path.socket.port())
            },
            blocked: Vec::new(),
            flying: Vec::new(),
            loss: 0,
            random: 1,
            client_events: Vec::new(),
            peer_events: Vec::new(),
            sequence: 0,
        }
    }

    fn connected(candidates: &[(TransportAddress, u32)]) -> Self {
        let mut world = Self::new(candidates);
        world.until("connected", |world| {
            world.client.is_connected() && world.peer.is_connected()
        });
        world
    }

    /// Lets time pass until `done`.
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = self.now + PATIENCE;
        loop {
            self.drain();
            if done(self) {
                return;
            }
            assert!(self.now < deadline, "waited too long: {what}");
            self.step();
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.drain();
        while self.next().is_some_and(|next| next <= end) {
            self.step();
            self.drain();
        }
        self.now = end;
    }

    fn next(&self) -> Option<Instant> {
        let flying = self.flying.iter().map(|flying| flying.at).min();
        [flying, self.client.poll_timeout(), self.peer.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    fn step(&mut self) {
        self.now = self.now.max(self.next().expect("somebody waits for something"));
        let (due, later): (Vec<Flying>, Vec<Flying>) = std::mem::take(&mut self.flying)
            .into_iter()
            .partition(|flying| flying.at <= self.now);
        self.flying = later;
        for mut flying in due {
            let source = (self.source)(flying.path);
            // What cannot be used is dropped; the tests look at what comes of it.
            let _ = if flying.to_server {
                self.peer.handle_datagram(self.now, source, &mut flying.bytes)
            } else {
                self.client
                    .handle_datagram(self.now, flying.path, &mut flying.bytes)
            };
        }
        if self.client.poll_timeout().is_some_and(|at| at <= self.now) {
            self.client.handle_timeout(self.now);
        }
        if self.peer.poll_timeout().is_some_and(|at| at <= self.now) {
            self.peer.handle_timeout(self.now);
        }
    }

    fn drain(&mut self) {
        while let Some(Transmit { to, bytes }) = self.client.poll_transmit() {
            self.fly(true, to, bytes);
        }
        while let Some(Transmit { to, bytes }) = self.peer.poll_transmit() {
            // The path back is the one whose source this is.
            let path = self
                .candidates()
                .into_iter()
                .find(|path| (self.source)(*path) == to);
            if let Some(path) = path {
                self.fly(false, path, bytes);
            }
        }
        self.client_events
            .extend(std::iter::from_fn(|| self.client.poll_event()));
        self.peer_events
            .extend(std::iter::from_fn(|| self.peer.poll_event()));
    }

    fn candidates(&self) -> Vec<TransportAddress> {
        self.client
            .remote_address()
            .into_iter()
            .chain([server(1), server(2), TCP])
            .collect()
    }

    fn fly(&mut self, to_server: bool, path: TransportAddress, bytes: Vec<u8>) {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if self.blocked.contains(&path) || (self.random >> 33) % 100 < self.loss {
            return;
        }
        self.flying.push(Flying {
            at: self.now + LINK_DELAY,
            to_server,
            path,
            bytes,
        });
    }

    /// One RTP packet each way, over where each side sends now.
    fn media_flows(&mut self) -> bool {
        self.sequence += 1;
        let packet = rtp(self.sequence);
        let mut up = sealed(&packet, |buffer, len| self.client.seal_rtp(buffer, len));
        let mut down = sealed(&packet, |buffer, len| self.peer.seal_rtp(buffer, len));
        let path = self.client.remote_address().unwrap();
        let source = (self.source)(path);
        let heard = self.peer.handle_datagram(self.now, source, &mut up) == Ok(Received::Rtp { len: 19 });
        let seen = self.client.handle_datagram(self.now, path, &mut down) == Ok(Received::Rtp { len: 19 });
        heard
            && seen
            && self.peer.remote_address() == Some(source)
            && up[..19] == packet
            && down[..19] == packet
    }
}

const TCP: TransportAddress = TransportAddress::tcp(SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)),
    1,
));

fn credentials() -> IceCredentials {
    IceCredentials::generate(Route { shard: 0, peer: 0 }).unwrap()
}

fn remote(credentials: &IceCredentials, candidates: &[(TransportAddress, u32)]) -> RemoteIce {
    RemoteIce {
        ufrag: credentials.ufrag().to_owned(),
        password: credentials.password().to_owned(),
        candidates: candidates
            .iter()
            .map(|(address, priority)| RemoteCandidate {
                address: *address,
                priority: *priority,
            })
            .collect(),
    }
}

fn rtp(sequence: u16) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    [&[0x80, 96, high, low, 0, 0, 0, 2, 0, 0, 0, 3][..], b"payload"].concat()
}

fn sealed(packet: &[u8], seal: impl FnOnce(&mut [u8], usize) -> Result<usize, SealError>) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + RTP_OVERHEAD.max(RTCP_OVERHEAD), 0);
    let len = seal(&mut buffer, packet.len()).unwrap();
    buffer.truncate(len);
    buffer
}

#[test]
fn a_client_connects_in_four_round_trips_and_media_flows_both_ways() {
    let mut world = World::new(&[(server(1), 9)]);
    let start = world.now;
    world.until("connected", |world| world.client.is_connected());
    // Check, ClientHello with its cookie, the two flights of the handshake.
    assert!(world.now - start <= 8 * LINK_DELAY, "{:?}", world.now - start);
    assert_eq!(
        world.client_events,
        [
            ClientEvent::Selected(server(1)),
            ClientEvent::Connected {
                profile: Profile::AeadAes128Gcm
            }
        ]
    );
    assert!(world.peer_events.contains(&PeerEvent::Nominated(home(5001))));
    assert!(world.media_flows());
    let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
    let mut up = sealed(&report, |buffer, len| world.client.seal_rtcp(buffer, len));
    let received = world.peer.handle_datagram(world.now, home(5001), &mut up);
    assert_eq!(received, Ok(Received::Rtcp { len: report.len() }));
    let mut down = sealed(&report, |buffer, len| world.peer.seal_rtcp(buffer, len));
    let received = world.client.handle_datagram(world.now, server(1), &mut down);
    assert_eq!(received, Ok(Received::Rtcp { len: report.len() }));
}

#[test]
fn a_client_connects_although_every_third_datagram_is_lost() {
    for seed in 0..20 {
        let mut world = World::new(&[(server(1), 9)]);
        world.random = seed;
        world.loss = 33;
        world.until("connected", |world| {
            world.client.is_connected() && world.peer.is_connected()
        });
        assert!(world.media_flows(), "{seed}");
    }
}

#[test]
fn the_best_candidate_that_answers_is_nominated() {
    let candidates = [(TCP, 1), (server(2), 5), (server(1), 9)];
    let mut world = World::new(&candidates);
    world.until("connected", |world| world.client.is_connected());
    assert_eq!(world.client.remote_address(), Some(server(1)));

    let mut world = World::new(&candidates);
    world.blocked = vec![server(1), server(2)];
    world.until("connected", |world| world.client.is_connected());
    assert_eq!(world.client.remote_address(), Some(TCP));
    world.blocked.clear();
    world.until("the better one is found when it is back", |world| {
        world.client.remote_address() == Some(server(1))
    });
    world.pass(Duration::from_secs(1));
    assert!(world.media_flows());
}

#[test]
fn a_dead_path_is_left_for_one_that_answers() {
    let mut world = World::connected(&[(server(1), 9), (TCP, 1)]);
    world.blocked.push(server(1));
    world.until("the other path", |world| {
        world.client.remote_address() == Some(TCP)
    });
    world.until("the server to follow", |world| {
        world.peer.remote_address() == Some(TransportAddress::tcp(home(5001).socket))
    });
    assert!(world.media_flows());
    world.blocked.clear();
    world.until("the way back", |world| {
        world.peer.remote_address() == Some(home(5001))
    });
    assert!(world.media_flows());
}

#[test]
fn a_change_of_address_loses_no_keys_and_media_follows_at_once() {
    let mut world = World::connected(&[(server(1), 9)]);
    assert!(world.media_flows());
    world.source = |_| home(6000);
    world.client.recheck(world.now);
    let moved = world.now;
    world.until("the server to follow", |world| {
        world.peer.remote_address() == Some(home(6000))
    });
    assert!(world.now - moved <= 2 * LINK_DELAY);
    assert!(world.media_flows());
    assert!(world.client.is_connected() && world.peer.is_connected());
    assert!(
        !world
            .peer_events
            .iter()
            .any(|event| matches!(event, PeerEvent::Lost(_)))
    );
}

#[test]
fn a_change_of_address_nobody_noticed_is_mended_by_the_next_consent_check() {
    let mut world = World::connected(&[(server(1), 9)]);
    world.source = |_| home(6000);
    world.until("the server to follow", |world| {
        world.peer.remote_address() == Some(home(6000))
    });
    assert!(world.media_flows());
}

#[test]
fn an_ice_restart_from_another_address_loses_no_keys() {
    let mut world = World::connected(&[(server(1), 9)]);
    assert!(world.media_flows());
    let fresh = IceCredentials::generate(Route { shard: 0, peer: 7 }).unwrap();
    let local = credentials();
    let remote = remote(&fresh, &[(server(1), 9)]);
    world.peer.restart_ice(fresh, local.ufrag());
    world.source = |_| home(6000);
    world.client.restart_ice(world.now, &local, remote);
    world.until("the server to follow", |world| {
        world.peer.remote_address() == Some(home(6000))
    });
    world.pass(Duration::from_secs(60));
    assert!(world.media_flows());
}

#[test]
fn behind_a_symmetric_nat_each_path_has_its_own_source_and_media_follows_the_nominated_one() {
    let mut world = World::new(&[(server(1), 9), (server(2), 5)]);
    world.until("connected", |world| world.client.is_connected());
    world.pass(Duration::from_secs(1));
    assert_eq!(world.peer.remote_address(), Some(home(5001)));
    assert!(world.media_flows());
    world.blocked.push(server(1));
    world.until("the other path", |world| {
        world.peer.remote_address() == Some(home(5002))
    });
    assert!(world.media_flows());
}

#[test]
fn consent_is_kept_for_hours_and_lost_after_thirty_silent_seconds() {
    let mut world = World::connected(&[(server(1), 9)]);
    world.pass(Duration::from_secs(2 * 3600));
    assert!(world.media_flows());
    world.blocked.push(server(1));
    world.pass(Duration::from_secs(31));
    let lost = ClientEvent::Lost(LostReason::ConsentExpired);
    assert_eq!(world.client_events.last(), Some(&lost));
    let lost = PeerEvent::Lost(LostReason::ConsentExpired);
    assert_eq!(world.peer_events.last(), Some(&lost));
    assert_eq!(world.client.poll_timeout(), None);
}

#[test]
fn another_certificate_than_the_answers_is_refused() {
    let mut world = World::with(&[(server(1), 9)], Some(Fingerprint([3; 32])));
    let lost = ClientEvent::Lost(LostReason::FingerprintMismatch);
    world.until("refused", |world| world.client_events.last() == Some(&lost));
    assert!(!world.client.is_connected());
}

#[test]
fn forged_answers_select_nothing() {
    let mut world = World::new(&[(server(1), 9)]);
    let check = world.client.poll_transmit().unwrap().bytes;
    let id: [u8; 12] = check[8..20].try_into().unwrap();
    let forged = |password: &str, id: &[u8; 12]| {
        crate::stun::StunWriter::new(crate::stun::BINDING_SUCCESS, id)
            .finish(&crate::stun::IntegrityKey::new(password))
            .unwrap()
    };
    let password = world.peer.local_credentials().password().to_owned();
    let forgeries = [
        (server(1), forged("a guess", &id)),
        (server(1), forged(&password, &[1; 12])),
        (home(1), forged(&password, &id)),
        (server(1), check),
    ];
    for (from, mut forgery) in forgeries {
        assert!(
            world
                .client
                .handle_datagram(world.now, from, &mut forgery)
                .is_err()
        );
        assert_eq!(world.client.remote_address(), None);
    }
    assert!(
        world
            .client
            .handle_datagram(world.now, server(1), &mut forged(&password, &id))
            .is_ok()
    );
    assert_eq!(world.client.remote_address(), Some(server(1)));
}

#[test]
fn a_goodbye_of_either_side_reaches_the_other() {
    let mut world = World::connected(&[(server(1), 9)]);
    world.client.close(world.now);
    world.pass(Duration::from_secs(1));
    let lost = PeerEvent::Lost(LostReason::ClosedByPeer);
    assert_eq!(world.peer_events.last(), Some(&lost));

    let mut world = World::connected(&[(server(1), 9)]);
    world.peer.close(world.now);
    world.pass(Duration::from_secs(1));
    let lost = ClientEvent::Lost(LostReason::ClosedByPeer);
    assert_eq!(world.client_events.last(), Some(&lost));
}

#[test]
fn a_server_that_wants_to_nominate_may() {
    use crate::stun::{
        BINDING_ERROR, ERROR_CODE, ICE_CONTROLLED, ICE_CONTROLLING, IntegrityKey, StunMessage, StunWriter,
        USE_CANDIDATE,
    };
    let server_credentials = credentials();
    let certificate = Certificate::generate().unwrap();
    let config = ClientConfig {
        local: credentials(),
        certificate: certificate.clone(),
        remote: remote(&server_credentials, &[(server(1), 9)]),
        remote_fingerprint: certificate.fingerprint(),
    };
    let now = Instant::now();
    let mut client = ClientTransport::new(now, config);
    let check = client.poll_transmit().unwrap();
    let check = StunMessage::parse(&check.bytes).unwrap();
    assert!(check.attribute(ICE_CONTROLLING).is_some() && check.attribute(USE_CANDIDATE).is_some());
    let refusal = |password: &str| {
        let mut writer = StunWriter::new(BINDING_ERROR, &check.transaction_id());
        writer.attribute(ERROR_CODE, &[0, 0, 4, 87]).unwrap();
        writer.finish(&IntegrityKey::new(password)).unwrap()
    };
    let forged = client.handle_datagram(now, server(1), &mut refusal("a guess"));
    assert!(forged.is_err() && client.poll_transmit().is_none());
    let refused = client.handle_datagram(now, server(1), &mut refusal(server_credentials.password()));
    assert!(refused.is_ok());
    let again = client.poll_transmit().unwrap();
    let again = StunMessage::parse(&again.bytes).unwrap();
    assert!(again.attribute(ICE_CONTROLLED).is_some() && again.attribute(USE_CANDIDATE).is_none());
    assert_ne!(again.transaction_id(), check.transaction_id());
}

#[test]
fn a_server_that_checks_back_is_answered_if_it_is_the_server() {
    use crate::stun::{BINDING_REQUEST, BINDING_SUCCESS, IntegrityKey, StunMessage, StunWriter, USERNAME};
    let (local, remote_credentials) = (credentials(), credentials());
    let certificate = Certificate::generate().unwrap();
    let config = ClientConfig {
        local: local.clone(),
        certificate: certificate.clone(),
        remote: remote(&remote_credentials, &[(server(1), 9)]),
        remote_fingerprint: certificate.fingerprint(),
    };
    let now = Instant::now();
    let mut client = ClientTransport::new(now, config);
    while client.poll_transmit().is_some() {}
    let key = IntegrityKey::new(local.password());
    let check = |key: &IntegrityKey| {
        let mut writer = StunWriter::new(BINDING_REQUEST, &[7; 12]);
        let username = format!("{}:{}", local.ufrag(), remote_credentials.ufrag());
        writer.attribute(USERNAME, username.as_bytes()).unwrap();
        writer.finish(key).unwrap()
    };
    for (from, mut forged) in [
        (server(1), check(&IntegrityKey::new("a guess"))),
        (home(1), check(&key)),
    ] {
        assert!(client.handle_datagram(now, from, &mut forged).is_err());
        assert!(client.poll_transmit().is_none());
    }
    assert!(client.handle_datagram(now, server(1), &mut check(&key)).is_ok());
    let answer = client.poll_transmit().unwrap();
    let message = StunMessage::parse(&answer.bytes).unwrap();
    assert_eq!((answer.to, message.message_type()), (server(1), BINDING_SUCCESS));
    assert!(message.verify(&key));
    assert_eq!(client.remote_address(), None, "only our own checks select");
}
