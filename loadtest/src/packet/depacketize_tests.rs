use super::*;
use crate::packet::Payload;
use crate::packet::packetize::{FramePosition, packetize};

const SIZES: [usize; 6] = [1, 40, 1145, 1146, 3_000, 20_000];

fn position(number: u64) -> FramePosition {
    FramePosition {
        number,
        key: number.is_multiple_of(3),
        size: (320, 180),
    }
}

fn frames() -> Vec<Vec<u8>> {
    SIZES
        .iter()
        .enumerate()
        .map(|(index, size)| vec![u8::try_from(index).unwrap() + 1; *size])
        .collect()
}

struct Packet {
    sequence: u16,
    timestamp: u32,
    payload: Payload,
}

fn packets(codec: Codec, first_sequence: u16) -> Vec<Packet> {
    let mut sequence = first_sequence;
    let mut packets = Vec::new();
    for (number, frame) in frames().iter().enumerate() {
        let number = u64::try_from(number).unwrap() + 32_766;
        for payload in packetize(codec, frame, position(number)) {
            assert!(payload.bytes.len() <= crate::packet::MAX_PAYLOAD || codec == Codec::Opus);
            packets.push(Packet {
                sequence,
                timestamp: u32::try_from(number).unwrap() * 6_000,
                payload,
            });
            sequence = sequence.wrapping_add(1);
        }
    }
    packets
}

#[test]
fn sound_behind_a_hole_comes_at_once() {
    let packets = packets(Codec::Opus, 65_534);
    let mut depacketizer = Depacketizer::new(Codec::Opus);
    let order = [0, 2, 1, 5];
    let out = deliver(
        &mut depacketizer,
        Instant::now(),
        order.iter().map(|place| &packets[*place]),
    );
    let expected: Vec<Vec<u8>> = order.iter().map(|place| frames()[*place].clone()).collect();
    assert_eq!(out, expected);
    assert_eq!(depacketizer.incomplete(), 0);
}

fn deliver<'a>(
    depacketizer: &mut Depacketizer,
    now: Instant,
    packets: impl Iterator<Item = &'a Packet>,
) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for packet in packets {
        let Packet {
            sequence,
            timestamp,
            payload,
        } = packet;
        depacketizer.handle(now, *sequence, *timestamp, payload.marker, &payload.bytes);
        while let Some(frame) = depacketizer.poll_frame(now) {
            out.push(frame.bytes);
        }
    }
    out
}

#[test]
fn frames_survive_the_way_there_and_back_over_a_sequence_wrap() {
    for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9] {
        let packets = packets(codec, 65_530);
        let mut depacketizer = Depacketizer::new(codec);
        assert_eq!(
            deliver(&mut depacketizer, Instant::now(), packets.iter()),
            frames(),
            "{codec:?}"
        );
        assert_eq!(depacketizer.incomplete(), 0);
    }
}

#[test]
fn reordered_and_duplicated_packets_give_the_same_frames() {
    for codec in [Codec::Vp8, Codec::Vp9] {
        let packets = packets(codec, 100);
        let mut order: Vec<usize> = (0..packets.len()).collect();
        order[1..].reverse();
        let mixed = order.iter().chain(order.iter()).map(|index| &packets[*index]);
        let mut depacketizer = Depacketizer::new(codec);
        assert_eq!(
            deliver(&mut depacketizer, Instant::now(), mixed),
            frames(),
            "{codec:?}"
        );
    }
}

#[test]
fn a_lost_packet_costs_its_frame_only_once_patience_is_over() {
    let packets = packets(Codec::Vp9, 7);
    let lost = packets
        .iter()
        .position(|packet| packet.payload.bytes.len() > 1_000)
        .unwrap();
    let start = Instant::now();
    let mut depacketizer = Depacketizer::new(Codec::Vp9);
    let early = deliver(
        &mut depacketizer,
        start,
        packets
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != lost)
            .map(|(_, packet)| packet),
    );
    assert_eq!(early, frames()[..2]);
    // The last frame again, as a duplicate, once patience is over.
    let late = start + PATIENCE + Duration::from_millis(1);
    let rest = deliver(&mut depacketizer, late, packets.last().into_iter());
    assert_eq!(rest, frames()[3..]);
    assert_eq!(depacketizer.incomplete(), 1);
}

#[test]
fn a_stream_joined_in_the_middle_of_a_frame_begins_with_the_next_one() {
    for codec in [Codec::Vp8, Codec::Vp9] {
        let packets = packets(codec, 9);
        let big = packets.iter().rposition(|packet| !packet.payload.marker).unwrap();
        let small = packets
            .iter()
            .position(|packet| packet.payload.bytes.len() < 100)
            .unwrap();
        let joined = packets[big..].iter();
        let mut depacketizer = Depacketizer::new(codec);
        assert!(deliver(&mut depacketizer, Instant::now(), joined).is_empty());
        let mut next = packets[small].payload.clone();
        next.marker = true;
        let last = packets.last().unwrap();
        let next = Packet {
            sequence: last.sequence + 1,
            timestamp: last.timestamp + 6_000,
            payload: next,
        };
        assert_eq!(
            deliver(&mut depacketizer, Instant::now(), std::iter::once(&next)).len(),
            1
        );
        assert_eq!(depacketizer.incomplete(), 0);
    }
}

#[test]
fn random_payloads_never_panic_and_never_pile_up() {
    use rand::{Rng as _, SeedableRng as _};
    let mut random = rand::rngs::SmallRng::seed_from_u64(7);
    for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9] {
        let mut depacketizer = Depacketizer::new(codec);
        let now = Instant::now();
        for _ in 0..20_000 {
            let mut payload = vec![0; random.random_range(0..40)];
            random.fill(payload.as_mut_slice());
            depacketizer.handle(now, random.random(), random.random(), random.random(), &payload);
            while depacketizer.poll_frame(now).is_some() {}
            assert!(
                depacketizer.held.len() <= MAX_HELD + 1,
                "{}",
                depacketizer.held.len()
            );
        }
    }
}
