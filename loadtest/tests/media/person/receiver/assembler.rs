//! Puts packets together to frames, by descriptors and marker bits, as a browser's packet buffer does.

use std::collections::BTreeMap;

use conclave_e2ee::Codec;
use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::payload_descriptor::vp9::Vp9Descriptor;

/// Packets further behind the newest are dropped: their frame will not be complete any more.
const CAPACITY: u64 = 2048;

/// What a descriptor says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Descriptor {
    Vp8(Vp8Descriptor),
    Vp9(Vp9Descriptor),
}

/// A complete frame (of one spatial layer), still encrypted.
pub(crate) struct Frame {
    /// Extended numbers of its packets.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) timestamp: u32,
    /// Of its first packet.
    pub(crate) descriptor: Descriptor,
    /// VP9: the distances to the pictures it refers to (P_DIFF).
    pub(crate) distances: Vec<u16>,
    /// No frame of the same picture follows.
    pub(crate) ends_picture: bool,
    pub(crate) bytes: Vec<u8>,
}

struct Packet {
    timestamp: u32,
    marker: bool,
    begins: bool,
    ends: bool,
    payload: Vec<u8>,
    descriptor: Descriptor,
}

#[derive(Default)]
pub(crate) struct Assembler {
    packets: BTreeMap<u64, Packet>,
    /// Packets without a descriptor that can be read.
    pub(crate) malformed: u32,
}

impl Assembler {
    /// Takes a packet; the frame it completes, if it does.
    pub(crate) fn insert(
        &mut self,
        sequence: u64,
        timestamp: u32,
        marker: bool,
        codec: Codec,
        payload: &[u8],
    ) -> Option<Frame> {
        let packet = match codec {
            Codec::Vp9 => Vp9Descriptor::parse(payload).map(|descriptor| Packet {
                timestamp,
                marker,
                begins: descriptor.start_of_frame,
                ends: descriptor.end_of_frame || marker,
                payload: payload.to_vec(),
                descriptor: Descriptor::Vp9(descriptor),
            }),
            Codec::Vp8 | Codec::Opus => Vp8Descriptor::parse(payload).map(|descriptor| Packet {
                timestamp,
                marker,
                begins: descriptor.is_frame_start(),
                ends: marker,
                payload: payload.to_vec(),
                descriptor: Descriptor::Vp8(descriptor),
            }),
        };
        let Ok(packet) = packet else {
            self.malformed += 1;
            return None;
        };
        self.packets.insert(sequence, packet);
        let newest = *self.packets.last_key_value()?.0;
        while self
            .packets
            .first_key_value()
            .is_some_and(|(first, _)| first + CAPACITY < newest)
        {
            self.packets.pop_first();
        }
        let (first, last) = self.bounds(sequence)?;
        let mut bytes = Vec::new();
        let mut head = None;
        let mut marker = false;
        for number in first..=last {
            let packet = self.packets.remove(&number)?;
            let len = match packet.descriptor {
                Descriptor::Vp8(descriptor) => descriptor.len,
                Descriptor::Vp9(descriptor) => descriptor.len,
            };
            bytes.extend_from_slice(&packet.payload[len..]);
            marker = packet.marker;
            head.get_or_insert((packet.descriptor, packet.payload, packet.timestamp));
        }
        let (descriptor, head, timestamp) = head?;
        Some(Frame {
            first,
            last,
            timestamp,
            descriptor,
            distances: distances(&descriptor, &head),
            ends_picture: marker,
            bytes,
        })
    }

    /// The first and the last packet of the frame around `sequence`, if all are there.
    fn bounds(&self, sequence: u64) -> Option<(u64, u64)> {
        let timestamp = self.packets.get(&sequence)?.timestamp;
        let same = |number: u64| {
            self.packets
                .get(&number)
                .filter(|packet| packet.timestamp == timestamp)
        };
        let mut first = sequence;
        while !same(first)?.begins {
            first -= 1;
        }
        let mut last = sequence;
        while !same(last)?.ends {
            last += 1;
        }
        Some((first, last))
    }
}

/// The P_DIFF fields of a VP9 descriptor in flexible mode (RFC 9628 §4.2).
fn distances(descriptor: &Descriptor, payload: &[u8]) -> Vec<u16> {
    let Descriptor::Vp9(descriptor) = descriptor else {
        return Vec::new();
    };
    if !(descriptor.flexible && descriptor.inter_picture_predicted) {
        return Vec::new();
    }
    let picture_id = descriptor
        .picture_id
        .map_or(0, |id| if id.extended { 2 } else { 1 });
    let mut at = 1 + picture_id + usize::from(descriptor.layer.is_some());
    let mut found = Vec::new();
    while found.len() < 3 {
        let byte = payload[at];
        found.push(u16::from(byte >> 1));
        at += 1;
        if byte & 1 == 0 {
            break;
        }
    }
    found
}
