//! Fuzz targets over what peers control: their offers, their packets, their RTCP.

use std::time::Instant;

use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::{CREDENTIAL_RANDOM_LEN, IceCredentials, Route};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{LeafIndex, OfferId, PeerId, RoomId, TrackId};
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

/// What a subscriber reports and asks for while it is sent sound and pictures.
pub fn fuzz_reports(data: &[u8]) {
    let mut world = World::new();
    world.offer(OFFER);
    world.subscribe();
    for (step, report) in (0u16..).zip(data.split(|byte| *byte == 0xA5)) {
        world.publish(step);
        world
            .sfu
            .handle_rtcp(world.now, PeerSlot(1), report, &mut Checking);
        world.pass(std::time::Duration::from_millis(40));
    }
    world.pass(std::time::Duration::from_secs(2));
}

/// The header extensions that are read, whatever their bytes.
pub fn fuzz_header_extensions(data: &[u8]) {
    let _ = crate::header_extension::video_layers_allocation::heights(data);
    let _ = crate::header_extension::transport_cc::read(data);
    // Like packets of one stream: what one says of its structure holds for the next.
    let mut descriptors = crate::header_extension::dependency_descriptor::Descriptors::default();
    for descriptor in data.split(|byte| *byte == 0xA5) {
        let _ = descriptors.read(descriptor);
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

    /// A second peer receives what the first one publishes.
    fn subscribe(&mut self) {
        let peer = PeerId(2);
        self.command(ControlCommand::AddPeer {
            peer,
            room: RoomId::new([1; 16]),
        });
        self.command(ControlCommand::Admit {
            peer,
            leaf: LeafIndex(1),
        });
        let received = |(mid, track): (&str, u32)| Section {
            mid: mid.to_owned(),
            role: SectionRole::Subscribe {
                track_id: TrackId(track),
            },
        };
        self.command(ControlCommand::Negotiate {
            peer,
            offer_id: OfferId(2),
            sdp: OFFER.to_owned(),
            sections: [("2", 1), ("3", 2)].map(received).to_vec(),
        });
    }

    /// A packet of each of the first peer's tracks: SFrame under leaf 0, the picture behind a VP8 descriptor.
    fn publish(&mut self, sequence: u16) {
        let [high, low] = sequence.to_be_bytes();
        let packets: [(u8, u32, &[u8]); 2] = [
            (109, 2_017_183_353, &[0xA8, 0, 0, 0, 1]),
            (120, 652_509_695, &[0x10, 1, 0xA8, 0x10, 0, 0, 1]),
        ];
        for (payload_type, ssrc, payload) in packets {
            let head = [0x80, 0x80 | payload_type, high, low, 0, high, low, 0];
            let body = [payload, &[0; 900]].concat();
            let packet = [&head[..], &ssrc.to_be_bytes(), &body].concat();
            self.sfu.handle_rtp(self.now, PeerSlot(0), &packet, &mut Checking);
        }
    }

    /// Lets time pass, serving every timeout.
    fn pass(&mut self, time: std::time::Duration) {
        let end = self.now + time;
        while let Some(at) = self.sfu.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.sfu.handle_timeout(self.now, &mut Checking);
            while self.sfu.poll_output().is_some() {}
        }
        self.now = end;
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
    fn mutated_header_extensions_never_panic() {
        let mut random = Random(0x5eed_0003);
        let seed = [
            0x21, 0x54, 50, 100, 0xC8, 1, 0xF4, 3, 100, 120, 1, 0x3F, 0, 179, 30, 2, 0x7F, 1, 0x67, 30, 4,
            0xFF, 2, 0xCF, 30,
        ];
        // A dependency structure of two templates, and a packet of the second one with everything of its own.
        let dependencies = [
            0xC0, 0, 1, 0x80, 1, 0x7A, 0x14, 0x10, 0x0C, 4, 0xFC, 2, 0xCC, 0xA5, 0xC1, 0, 2, 0x3D, 0x26, 2,
            0x80,
        ];
        let mut descriptors = crate::header_extension::dependency_descriptor::Descriptors::default();
        for descriptor in dependencies.split(|byte| *byte == 0xA5) {
            assert!(descriptors.read(descriptor).is_some());
        }
        for _ in 0..20_000 {
            fuzz_header_extensions(&random.mutate(&seed));
            fuzz_header_extensions(&random.mutate(&dependencies));
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
    fn the_subscriber_whose_reports_are_fuzzed_is_sent_both_tracks() {
        let mut world = World::new();
        world.offer(OFFER);
        world.subscribe();
        for step in 0..20 {
            world.publish(step);
            world.pass(std::time::Duration::from_millis(40));
        }
        let counted = world.sfu.take_counters();
        assert_eq!((counted.audio_out, counted.video_out), (20, 20));
        assert_eq!(world.sfu.estimates().1, 1);
    }

    #[test]
    fn mutated_reports_never_panic() {
        let mut random = Random(0x5eed_0003);
        let twcc = |base: u16, count: u16, deltas: &[u8]| -> Vec<u8> {
            let words = u16::try_from(5 + deltas.len() / 4).unwrap();
            let numbers = [words, 0, 1, 0, 2, base, count].map(u16::to_be_bytes).concat();
            let run = [
                0,
                0,
                1,
                7,
                0x20 | count.to_be_bytes()[0],
                count.to_be_bytes()[1],
                4,
                4,
            ];
            [&[0x8F, 205][..], &numbers, &run, deltas].concat()
        };
        let nack = [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0xff, 0xff];
        let report = [&[0x81, 201, 0, 7, 0, 0, 0, 1][..], &[0x40; 24]].concat();
        for _ in 0..400 {
            let mut input = Vec::new();
            for step in 0..30u16 {
                let seed = match random.next(4) {
                    0 => nack.to_vec(),
                    1 => report.clone(),
                    _ => twcc(step * 3, 6, &[4; 4]),
                };
                let keep = random.next(3) == 0;
                input.extend(if keep { seed } else { random.mutate(&seed) });
                input.push(0xA5);
            }
            fuzz_reports(&input);
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
