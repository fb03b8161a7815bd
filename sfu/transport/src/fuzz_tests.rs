//! A short smoke run of every fuzz function over mutations of valid inputs, from a fixed seed.

use super::*;
use crate::dtls::test_client::{GCM, TestClient};
use crate::rtcp::{ReportBlock, RtcpWriter, SenderReport, TwccPacket};
use crate::rtp::{Extension, RtpHeader};
use crate::srtp::SrtpSender;
use crate::stun::{BINDING_REQUEST, ICE_CONTROLLING, StunWriter, USE_CANDIDATE, USERNAME};

const ITERATIONS: usize = 20_000;

/// xorshift64*: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// A few small damages of kinds that find their way behind length fields.
    fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][self.below(5)],
                2 => bytes.truncate(at),
                3 => {
                    let len = self.below(20);
                    let inserted = self.bytes(len);
                    bytes.splice(at..at, inserted);
                }
                4 if at < bytes.len() => {
                    bytes.remove(at);
                }
                5 => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let copy = bytes[at.min(end)..end].to_vec();
                    bytes.extend(copy);
                }
                _ if at < bytes.len() => bytes[at] = self.next() as u8,
                _ => {}
            }
        }
        bytes
    }
}

fn smoke(seeds: &[Vec<u8>], iterations: usize, target: impl Fn(&[u8])) {
    let mut random = Random(0x5EED_0000_0000_0001);
    for seed in seeds {
        target(seed);
        for len in 0..seed.len() {
            target(&seed[..len]);
        }
    }
    for _ in 0..iterations {
        let bytes = if random.below(8) == 0 {
            let len = random.below(200);
            random.bytes(len)
        } else {
            let seed = &seeds[random.below(seeds.len())];
            random.mutate(seed)
        };
        target(&bytes);
    }
}

fn check() -> Vec<u8> {
    let local = credentials();
    let mut writer = StunWriter::new(BINDING_REQUEST, &[1; 12]);
    writer
        .attribute(USERNAME, format!("{}:them", local.ufrag()).as_bytes())
        .unwrap();
    writer.attribute(ICE_CONTROLLING, &[0; 8]).unwrap();
    writer.attribute(USE_CANDIDATE, &[]).unwrap();
    writer.finish(&IntegrityKey::new(local.password())).unwrap()
}

fn rtp_packets() -> Vec<Vec<u8>> {
    let header = RtpHeader {
        marker: false,
        payload_type: 96,
        sequence_number: 1,
        timestamp: 2,
        ssrc: 3,
    };
    let short: &[Extension<'_>] = &[
        Extension { id: 1, data: b"0" },
        Extension {
            id: 3,
            data: &[1, 2, 3],
        },
    ];
    let long: &[Extension<'_>] = &[
        Extension {
            id: 100,
            data: &[5; 30],
        },
        Extension { id: 2, data: &[] },
    ];
    let payloads: [&[u8]; 2] = [
        &[0xB0, 0xF0, 0xFF, 0xFF, 0x07, 0xA5, 0x00, 1, 2],
        &[
            0x8A, 0x01, 0x38, 1, 0x40, 0, 0xB4, 2, 0x80, 1, 0x68, 2, 4, 1, 0x38, 2, 3, 0xAA,
        ],
    ];
    let mut packets = Vec::new();
    for extensions in [&[], short, long] {
        for payload in payloads {
            let mut packet = vec![0u8; 200];
            let len = header.write(extensions, &mut packet).unwrap();
            packet.truncate(len);
            packet.extend_from_slice(payload);
            packets.push(packet);
        }
    }
    packets
}

fn rtcp_packets() -> Vec<Vec<u8>> {
    let report = SenderReport {
        ssrc: 1,
        ntp_time: 2,
        rtp_timestamp: 3,
        packet_count: 4,
        octet_count: 5,
    };
    let packets: Vec<_> = (0..50u16)
        .map(|at| TwccPacket {
            sequence: at,
            arrival_us: (at % 5 != 0).then_some(i64::from(at) * 20_000),
        })
        .collect();
    let mut buffer = [0u8; 1000];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer
        .sender_report(&report, &[ReportBlock::default(); 2])
        .unwrap();
    writer.cname(1, "name").unwrap();
    writer.nack(1, 2, &[1, 2, 3, 30]).unwrap();
    writer.fir(1, 2, 3).unwrap();
    writer.twcc(1, 2, 3, &packets).unwrap();
    writer.bye(1).unwrap();
    let len = writer.len();
    let remb = [
        0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x10, 0xFF, 0xFF, 0, 0, 0, 2,
    ];
    vec![buffer[..len].to_vec(), remb.to_vec()]
}

fn framed(datagrams: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for datagram in datagrams {
        bytes.extend_from_slice(&(datagram.len() as u16).to_be_bytes());
        bytes.extend(datagram);
    }
    bytes
}

#[test]
fn stun_never_panics() {
    smoke(&[check()], ITERATIONS, fuzz_stun);
}

#[test]
fn framing_never_panics_and_does_not_depend_on_the_cuts() {
    let seeds = [
        vec![3, 0, 2, 7, 7, 0, 0, 0, 5, 1, 2, 3, 4, 5],
        vec![1, 16, 0, 9, 9, 9],
        [&[100, 1, 44][..], &[6; 300], &[0, 1, 8]].concat(),
    ];
    smoke(&seeds, ITERATIONS, fuzz_framing);
}

#[test]
fn rtp_never_panics() {
    smoke(&rtp_packets(), ITERATIONS, fuzz_rtp);
}

#[test]
fn rtcp_never_panics() {
    smoke(&rtcp_packets(), ITERATIONS, fuzz_rtcp);
}

#[test]
fn vp8_descriptors_never_panic() {
    smoke(
        &[vec![0xB0, 0xF0, 0xFF, 0xFF, 7, 0xA5, 0], vec![0x10, 0]],
        ITERATIONS,
        fuzz_vp8_descriptor,
    );
}

#[test]
fn vp9_descriptors_never_panic() {
    let seeds = [
        vec![
            0x8A, 1, 0x38, 1, 0x40, 0, 0xB4, 2, 0x80, 1, 0x68, 2, 4, 1, 0x38, 2, 3, 0xAA,
        ],
        vec![0xF8, 0x12, 0x10, 3, 5, 6, 0xAA],
    ];
    smoke(&seeds, ITERATIONS, fuzz_vp9_descriptor);
}

#[test]
fn opening_srtp_never_panics() {
    let mut seeds = Vec::new();
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80] {
        let master = MasterKey::new(profile, &[3; 16], &[3; 14][..profile.salt_len()]).unwrap();
        let mut sender = SrtpSender::new(profile, &master).unwrap();
        for packet in rtp_packets() {
            let mut buffer = packet.clone();
            buffer.resize(packet.len() + 16, 0);
            // They share a sequence number: one of them is sealed, the others stay plain.
            let len = sender.seal_rtp(&mut buffer, packet.len()).unwrap_or(packet.len());
            seeds.push(buffer[..len].to_vec());
        }
        for packet in rtcp_packets() {
            let mut buffer = packet.clone();
            buffer.resize(packet.len() + 20, 0);
            let len = sender.seal_rtcp(&mut buffer, packet.len()).unwrap();
            seeds.push(buffer[..len].to_vec());
        }
    }
    smoke(&seeds, ITERATIONS / 4, fuzz_srtp_open);
}

#[test]
fn dtls_datagrams_never_panic() {
    let hello = TestClient::new(Instant::now(), &[GCM]).poll_transmit().unwrap();
    let seeds = [framed([hello.clone()]), framed([hello.clone(), hello])];
    smoke(&seeds, ITERATIONS / 10, fuzz_dtls_datagram);
}

/// Mutations deep inside a handshake: each run damages some datagrams of a live one.
#[test]
fn a_damaged_handshake_never_panics() {
    let mut random = Random(0x5EED_0000_0000_0002);
    for _ in 0..150 {
        let mut now = Instant::now();
        let mut client = TestClient::new(now, &[GCM]);
        let mut server = DtlsServer::new(certificate().unwrap(), client.fingerprint);
        for _ in 0..6 {
            while let Some(datagram) = client.poll_transmit() {
                for _ in 0..4 {
                    let damaged = random.mutate(&datagram);
                    let _ = server.handle_datagram(now, &damaged);
                }
                let _ = server.handle_datagram(now, &datagram);
            }
            while let Some(datagram) = server.poll_transmit() {
                client.read(now, &datagram);
            }
            now += Duration::from_secs(1);
            client.handle_timeout(now);
            server.handle_timeout(now);
        }
    }
}

#[test]
fn a_client_never_panics_and_connects_to_nobody_without_the_fingerprint() {
    let mut seeds: Vec<Vec<u8>> = [rtp_packets(), rtcp_packets()].concat();
    seeds.push(check());
    let framed_seeds: Vec<Vec<u8>> = seeds.into_iter().map(|seed| framed([seed])).collect();
    smoke(&framed_seeds, ITERATIONS / 20, fuzz_client);
}

/// The answers of a live server, damaged on the way: to the client's checks and in its handshake.
#[test]
fn a_client_survives_a_damaged_connection() {
    let mut random = Random(0x5EED_0000_0000_0003);
    let mut connected = 0;
    for _ in 0..60 {
        let mut now = Instant::now();
        let certificate = certificate().unwrap();
        let mut client = client(now, certificate.clone(), certificate.fingerprint());
        let mut peer = PeerTransport::new(
            now,
            PeerConfig {
                local: credentials(),
                remote_ufrag: credentials().ufrag().to_owned(),
                remote_fingerprint: certificate.fingerprint(),
                certificate,
            },
        );
        for _ in 0..8 {
            while let Some(sent) = client.poll_transmit() {
                let _ = peer.handle_datagram(now, FROM, &mut sent.bytes.clone());
            }
            while let Some(sent) = peer.poll_transmit() {
                for _ in 0..4 {
                    let mut damaged = random.mutate(&sent.bytes);
                    let _ = client.handle_datagram(now, FROM, &mut damaged);
                }
                let _ = client.handle_datagram(now, FROM, &mut sent.bytes.clone());
            }
            while let Some(event) = client.poll_event() {
                connected += u32::from(matches!(event, ClientEvent::Connected { .. }));
            }
            now += Duration::from_secs(1);
            client.handle_timeout(now);
            peer.handle_timeout(now);
        }
    }
    // Damage that rtc-dtls takes for the server's ends a handshake; about one in four gets through.
    assert!(connected > 2, "{connected} of 60");
}

#[test]
fn a_peer_never_panics_and_stays_silent_to_strangers() {
    let mut seeds = rtp_packets();
    seeds.extend(rtcp_packets());
    seeds.push(check());
    seeds.push(TestClient::new(Instant::now(), &[GCM]).poll_transmit().unwrap());
    smoke(&seeds, ITERATIONS / 4, fuzz_peer);
}
