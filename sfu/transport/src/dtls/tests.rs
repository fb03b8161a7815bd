//! The handshake against a real client, over a network that loses, repeats, reorders and cuts.

use std::time::{Duration, Instant};

use super::test_client::{GCM, PATIENCE, SHA1, TestClient};
use super::*;
use crate::srtp::{RTP_OVERHEAD, SrtpKeys, SrtpReceiver, SrtpSender};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    ToServer,
    ToClient,
}
use Direction::{ToClient, ToServer};

/// A client and a server on one virtual clock.
struct World {
    now: Instant,
    start: Instant,
    client: TestClient,
    server: DtlsServer,
    events: Vec<DtlsEvent>,
}

impl World {
    fn new(client: impl FnOnce(Instant) -> TestClient) -> Self {
        let now = Instant::now();
        let client = client(now);
        let server = DtlsServer::new(Certificate::generate().unwrap(), client.fingerprint);
        Self {
            now,
            start: now,
            client,
            server,
            events: Vec::new(),
        }
    }

    /// Moves datagrams through `network` until nothing is under way.
    fn exchange(&mut self, network: &mut impl FnMut(Direction, Vec<u8>) -> Vec<Vec<u8>>) {
        loop {
            let mut moved = false;
            let flight: Vec<_> = std::iter::from_fn(|| self.client.poll_transmit()).collect();
            for datagram in flight
                .into_iter()
                .flat_map(|datagram| network(ToServer, datagram))
            {
                moved = true;
                if let Ok(Some(event)) = self.server.handle_datagram(self.now, &datagram) {
                    self.events.push(event);
                }
            }
            let flight: Vec<_> = std::iter::from_fn(|| self.server.poll_transmit()).collect();
            for datagram in flight
                .into_iter()
                .flat_map(|datagram| network(ToClient, datagram))
            {
                moved = true;
                self.client.read(self.now, &datagram);
            }
            if !moved {
                return;
            }
        }
    }

    /// Runs until both ends are done or patience ends.
    fn run(&mut self, mut network: impl FnMut(Direction, Vec<u8>) -> Vec<Vec<u8>>) {
        while self.now < self.start + PATIENCE {
            self.exchange(&mut network);
            let timeouts = [self.client.poll_timeout(), self.server.poll_timeout()];
            if self.client.completed && !self.events.is_empty() {
                return;
            }
            let Some(next) = timeouts.into_iter().flatten().min() else {
                return;
            };
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
    }

    fn keys(&self) -> &SrtpKeys {
        match &self.events[..] {
            [DtlsEvent::Connected(keys)] => keys,
            events => panic!("{} events, not connected", events.len()),
        }
    }

    fn assert_connected(&self, profile: Profile) {
        assert!(self.client.completed);
        let (ours, theirs) = (self.keys(), self.client.keys());
        assert_eq!((ours.profile, theirs.profile), (profile, profile));
        assert_passes(&theirs.client, &ours.client, profile);
        assert_passes(&ours.server, &theirs.server, profile);
    }
}

/// A packet sealed with one key opens with the other: they are the same.
fn assert_passes(sealing: &crate::srtp::MasterKey, opening: &crate::srtp::MasterKey, profile: Profile) {
    let packet = [&[0x80u8, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], b"payload"].concat();
    let mut buffer = packet.clone();
    buffer.resize(packet.len() + RTP_OVERHEAD, 0);
    let len = SrtpSender::new(profile, sealing)
        .unwrap()
        .seal_rtp(&mut buffer, packet.len())
        .unwrap();
    assert_ne!(buffer[..packet.len()], packet);
    let len = SrtpReceiver::new(profile, opening)
        .unwrap()
        .open_rtp(&mut buffer[..len])
        .unwrap();
    assert_eq!(buffer[..len], packet);
}

fn faithful(_: Direction, datagram: Vec<u8>) -> Vec<Vec<u8>> {
    vec![datagram]
}

#[test]
fn gcm_is_chosen_whatever_order_the_client_lists() {
    for profiles in [&[GCM][..], &[GCM, SHA1], &[SHA1, GCM]] {
        let mut world = World::new(|now| TestClient::new(now, profiles));
        world.run(faithful);
        world.assert_connected(Profile::AeadAes128Gcm);
    }
}

#[test]
fn a_client_without_gcm_gets_the_fallback() {
    let mut world = World::new(|now| TestClient::new(now, &[SHA1]));
    world.run(faithful);
    world.assert_connected(Profile::Aes128CmHmacSha1_80);
}

#[test]
fn a_client_without_any_srtp_profile_is_not_connected() {
    let mut world = World::new(|now| TestClient::new(now, &[]));
    world.run(faithful);
    assert!(
        world
            .events
            .iter()
            .all(|event| matches!(event, DtlsEvent::NoKeys))
    );
}

#[test]
fn a_client_with_another_certificate_is_refused_and_told_goodbye() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    world.server = DtlsServer::new(Certificate::generate().unwrap(), Fingerprint([7; 32]));
    world.run(faithful);
    assert!(matches!(world.events[..], [DtlsEvent::FingerprintMismatch]));
    world.exchange(&mut faithful);
    assert!(world.client.closed);
}

#[test]
fn a_client_without_a_certificate_is_never_connected() {
    let mut world = World::new(|now| TestClient::with(now, &[GCM], false, 1200));
    world.run(faithful);
    assert!(
        !world
            .events
            .iter()
            .any(|event| matches!(event, DtlsEvent::Connected(_)))
    );
}

#[test]
fn a_duplicated_handshake_survives() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    world.run(|_, datagram| vec![datagram.clone(), datagram.clone(), datagram]);
    world.assert_connected(Profile::AeadAes128Gcm);
}

#[test]
fn any_single_lost_datagram_is_repaired() {
    for direction in [ToServer, ToClient] {
        for lost in 0..8 {
            let mut world = World::new(|now| TestClient::new(now, &[GCM]));
            let mut count = 0;
            world.run(|way, datagram| {
                count += u32::from(way == direction);
                if way == direction && count == lost + 1 {
                    vec![]
                } else {
                    vec![datagram]
                }
            });
            world.assert_connected(Profile::AeadAes128Gcm);
        }
    }
}

#[test]
fn a_duplicated_hello_and_a_lost_answer_are_repaired() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    let mut to_client = 0;
    world.run(|way, datagram| match way {
        ToServer => vec![datagram.clone(), datagram],
        ToClient => {
            to_client += 1;
            // The first datagrams after the HelloVerifyRequest are the server's first flight.
            if (2..=4).contains(&to_client) {
                vec![]
            } else {
                vec![datagram]
            }
        }
    });
    world.assert_connected(Profile::AeadAes128Gcm);
}

#[test]
fn records_in_reverse_order_survive() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    world.run(|_, datagram| {
        let mut records: Vec<_> = super::filter::records(&datagram)
            .map(|record| record.bytes.to_vec())
            .collect();
        records.reverse();
        records
    });
    world.assert_connected(Profile::AeadAes128Gcm);
}

#[test]
fn truncated_copies_of_every_datagram_do_no_harm() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    world.run(|way, datagram| match way {
        ToServer => {
            let cuts = [1, 12, 13, 14, 20, 25, datagram.len() / 2, datagram.len() - 1];
            let cut = cuts
                .into_iter()
                .filter(|cut| *cut < datagram.len())
                .map(|cut| datagram[..cut].to_vec());
            cut.chain([datagram.clone()]).collect()
        }
        ToClient => vec![datagram],
    });
    world.assert_connected(Profile::AeadAes128Gcm);
}

#[test]
fn a_client_hello_in_many_fragments_is_put_together() {
    let mut world = World::new(|now| TestClient::with(now, &[SHA1, GCM], true, 60));
    world.run(faithful);
    world.assert_connected(Profile::AeadAes128Gcm);
}

#[test]
fn forged_unencrypted_alerts_are_ignored() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    let close = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 1, 0];
    let fatal = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 98, 0, 2, 2, 40];
    world.run(|way, datagram| match way {
        ToServer => vec![
            close.to_vec(),
            fatal.to_vec(),
            datagram,
            close.to_vec(),
            fatal.to_vec(),
        ],
        ToClient => vec![datagram],
    });
    world.assert_connected(Profile::AeadAes128Gcm);
    for alert in [close, fatal] {
        assert!(world.server.handle_datagram(world.now, &alert).is_err());
    }
    assert!(world.server.poll_transmit().is_none());
}

#[test]
fn a_goodbye_is_heard_and_said() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    world.run(faithful);
    world.client.close(world.now);
    world.exchange(&mut faithful);
    assert!(matches!(
        world.events[..],
        [DtlsEvent::Connected(_), DtlsEvent::PeerClosed]
    ));

    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    world.run(faithful);
    world.server.close(world.now);
    world.exchange(&mut faithful);
    assert!(world.client.closed);
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn a_flood_of_empty_fragments_is_bounded() {
    let now = Instant::now();
    let mut server = DtlsServer::new(Certificate::generate().unwrap(), Fingerprint([0; 32]));
    // The longest recursion a reassembly could be led into: one byte each, and none of it there.
    for at in 0..100_000u32 {
        let [_, o0, o1, o2] = at.to_be_bytes();
        let mut record = vec![22, 0xFE, 0xFD, 0, 0, 0, 0];
        record.extend_from_slice(&at.to_be_bytes());
        record.extend_from_slice(&[0, 12, 1, 0xFF, 0xFF, 0xFF, 0, 0, o0, o1, o2, 0, 0, 1]);
        assert!(server.handle_datagram(now, &record).is_err());
    }
    // Sound fragments, but far too many: the filter's budget ends them.
    let mut accepted = 0;
    for at in 0..10_000u32 {
        let mut record = vec![22, 0xFE, 0xFD, 0, 0, 0, 0];
        record.extend_from_slice(&at.to_be_bytes());
        record.extend_from_slice(&[0, 13, 1, 0, 0x10, 0, 0, 1, 0, 0, 9, 0, 0, 1, 0xAA]);
        accepted += u32::from(server.handle_datagram(now, &record).is_ok());
    }
    assert!(accepted <= 512, "{accepted}");
}

#[test]
fn resending_slows_down() {
    let mut world = World::new(|now| TestClient::new(now, &[GCM]));
    let mut to_client = Vec::new();
    let start = world.now;
    let mut answered = false;
    // The client falls silent after its second hello.
    let mut hellos = 0;
    while world.now < start + Duration::from_secs(10) {
        let mut network = |way, datagram| match way {
            ToServer => {
                hellos += 1;
                if hellos <= 2 { vec![datagram] } else { vec![] }
            }
            ToClient if !answered => {
                answered = true;
                vec![datagram]
            }
            ToClient => {
                to_client.push(());
                vec![]
            }
        };
        world.exchange(&mut network);
        let Some(next) = world.server.poll_timeout() else {
            break;
        };
        world.now = next;
        world.server.handle_timeout(next);
    }
    assert!((5..=40).contains(&to_client.len()), "{}", to_client.len());
}

#[test]
fn fingerprints_are_read_as_sdp_writes_them() {
    let fingerprint = Certificate::generate().unwrap().fingerprint();
    let text = fingerprint.to_string();
    assert_eq!(text.len(), 8 + 32 * 3 - 1);
    assert_eq!(text.parse(), Ok(fingerprint));
    assert_eq!(text.to_lowercase().parse(), Ok(fingerprint));
    for bad in [
        "",
        "sha-256",
        "sha-1 00:11",
        &text[..text.len() - 1],
        &format!("{text}:00"),
        &text.replace(':', " "),
    ] {
        assert_eq!(bad.parse::<Fingerprint>(), Err(FingerprintError), "{bad}");
    }
    let plus = format!("sha-256 {}", ["+1"; 32].join(":"));
    assert_eq!(plus.parse::<Fingerprint>(), Err(FingerprintError));
}
