//! Fuzz targets over what peers control: their offers, their packets, their RTCP.

use std::time::Instant;

use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::{CREDENTIAL_RANDOM_LEN, IceCredentials, Route};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{LeafIndex, OfferId, PeerId, RoomId};
use conclave_wire::media::{Section, SectionRole, Source};

use crate::{Config, Egress, MAX_RTCP, Outgoing, Output, PeerSlot, Sfu, TransportState};

/// An offer is answered or refused, and its answer never carries a line of the offerer's making.
pub fn fuzz_offer(data: &[u8]) {
    let Ok(sdp) = std::str::from_utf8(data) else {
        return;
    };
    let mut world = World::new();
    world.offer(sdp);
    world.offer(sdp);
}

/// A peer's RTP and RTCP after a good negotiation. The first byte says which of the two.
pub fn fuzz_packets(data: &[u8]) {
    let mut world = World::new();
    world.offer(OFFER);
    for packet in data.split(|byte| *byte == 0xA5) {
        world.packet(packet);
    }
}

const OFFER: &str = include_str!("negotiation/offers/firefox-153.sdp");

struct World {
    now: Instant,
    sfu: Sfu,
}

/// Checks that what leaves can be written.
struct Checking;

impl Egress for Checking {
    fn rtp(&mut self, _to: PeerSlot, packet: &Outgoing<'_>) {
        let mut out = [0; 2048];
        let _ = packet.write(&mut out);
    }

    fn rtcp(&mut self, _to: PeerSlot, packet: &[u8]) {
        debug_assert!(packet.len() <= MAX_RTCP);
    }
}

impl World {
    fn new() -> Self {
        let candidates = vec![std::net::SocketAddr::from(([192, 0, 2, 1], 3478))];
        let sfu = Sfu::new(Config {
            fingerprint: Fingerprint([1; 32]),
            candidates,
        });
        let mut world = Self {
            now: crate::virtual_clock::epoch(),
            sfu,
        };
        let peer = PeerId(1);
        world.command(ControlCommand::AddPeer {
            peer,
            room: RoomId::new([1; 16]),
        });
        world.command(ControlCommand::Admit {
            peer,
            leaf: LeafIndex(0),
        });
        world
    }

    fn command(&mut self, command: ControlCommand) {
        let credentials = |_| {
            Some(IceCredentials::from_random(
                Route { shard: 0, peer: 0 },
                &[9; CREDENTIAL_RANDOM_LEN],
            ))
        };
        self.sfu
            .handle_command(self.now, command, credentials, &mut Checking);
        while let Some(output) = self.sfu.poll_output() {
            if let Output::OpenTransport { peer, .. } = output {
                self.sfu
                    .handle_transport(self.now, peer, TransportState::Connected, &mut Checking);
            }
        }
    }

    fn offer(&mut self, sdp: &str) {
        let published = |mid: &str, source| Section {
            mid: mid.to_owned(),
            role: SectionRole::Publish { source },
        };
        let sections = vec![published("0", Source::Microphone), published("1", Source::Camera)];
        let negotiate = ControlCommand::Negotiate {
            peer: PeerId(1),
            offer_id: OfferId(1),
            sdp: sdp.to_owned(),
            sections,
        };
        self.command(negotiate);
    }

    fn packet(&mut self, packet: &[u8]) {
        self.now += std::time::Duration::from_millis(7);
        match packet.get(1) {
            Some(192..=223) => self.sfu.handle_rtcp(self.now, PeerSlot(0), packet, &mut Checking),
            _ => self.sfu.handle_rtp(self.now, PeerSlot(0), packet, &mut Checking),
        }
        self.sfu.handle_timeout(self.now, &mut Checking);
        while self.sfu.poll_output().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift64*, so that a failing run has an address: its seed.
    struct Random(u64);

    impl Random {
        fn next(&mut self, below: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let value = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
            usize::try_from(value).unwrap() % below.max(1)
        }

        fn byte(&mut self) -> u8 {
            u8::try_from(self.next(256)).unwrap()
        }

        fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
            let mut bytes = seed.to_vec();
            for _ in 0..=self.next(6) {
                let at = self.next(bytes.len());
                match self.next(5) {
                    0 if !bytes.is_empty() => bytes[at] = self.byte(),
                    1 => bytes.truncate(at),
                    2 => bytes.insert(at, self.byte()),
                    3 if !bytes.is_empty() => {
                        let until = (at + self.next(40)).min(bytes.len());
                        bytes.drain(at..until);
                    }
                    _ => {
                        let from = self.next(bytes.len());
                        let piece = bytes[from..(from + self.next(60)).min(bytes.len())].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            bytes
        }
    }

    #[test]
    fn mutated_offers_never_panic() {
        let mut random = Random(0x5eed_0001);
        let seeds = [OFFER, include_str!("negotiation/offers/chromium-156.sdp")];
        for round in 0..4000 {
            fuzz_offer(&random.mutate(seeds[round % 2].as_bytes()));
        }
    }

    #[test]
    fn mutated_packets_never_panic() {
        let mut random = Random(0x5eed_0002);
        let rtp = [
            &[0x90, 109, 0, 1, 0, 0, 0, 1][..],
            &2_017_183_353_u32.to_be_bytes(),
            &[0xBE, 0xDE, 0, 1, 0x30, 0x30, 0, 0],
            &[0xA0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ]
        .concat();
        let rtcp = [
            0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0xff, 0xff, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0,
            2,
        ];
        for _ in 0..3000 {
            let mut input = Vec::new();
            for _ in 0..6 {
                let seed: &[u8] = if random.next(3) == 0 { &rtcp } else { &rtp };
                input.extend(random.mutate(seed));
                input.push(0xA5);
            }
            fuzz_packets(&input);
        }
        for _ in 0..3000 {
            let len = random.next(200);
            let bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
            fuzz_packets(&bytes);
            fuzz_offer(&bytes);
        }
    }
}
