//! A camera that sends layers, and a screen that checks that what comes of them can be shown.
//!
//! The camera writes into each frame's encrypted part what the frame refers to; the screen knows what came.

use std::collections::{BTreeMap, BTreeSet};

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::rtp::Extension;
use conclave_wire::media::Source;

use crate::support::*;

/// Chromium's ids for MID and RID in its offer, and its payload types of VP8 and VP9.
const MID: u8 = 4;
const RID: u8 = 10;
pub(crate) const VP8: u8 = 96;
pub(crate) const VP9: u8 = 98;

/// The first SSRC of a simulcast; the next ones follow.
pub(crate) const SIMULCAST: u32 = 0x51_0000;
/// Where each encoding's clock starts: they have nothing to do with each other.
pub(crate) const CLOCKS: [u32; 3] = [1_000_000, 3_000_000_000, 77];

/// Chromium's offer with three encodings of its camera.
pub(crate) fn simulcast_offer() -> String {
    let mut camera = false;
    let mut out = String::new();
    for line in CHROMIUM.lines() {
        camera = if line.starts_with("m=") {
            false
        } else {
            camera || line == "a=mid:1"
        };
        if camera && line.starts_with("a=ssrc") {
            continue;
        }
        out.push_str(line);
        out.push_str("\r\n");
        if camera && line == "a=sendonly" {
            out.push_str("a=rid:l send\r\na=rid:m send\r\na=rid:h send\r\na=simulcast:send l;m;h\r\n");
        }
    }
    out
}

/// One frame on its way to be packetized.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) encoding: u8,
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    pub(crate) key: bool,
    /// Frames it refers to, by (encoding or spatial layer, picture).
    pub(crate) refers: Vec<(u8, u16)>,
    /// Its number, which counts up with each picture.
    pub(crate) picture: u16,
}

impl Frame {
    /// The encrypted part: what only the ends can read. It begins every packet, so that a screen can tell them apart.
    pub(crate) fn body(&self, fill: u8, packet: usize, packets: usize) -> Vec<u8> {
        let mut body = vec![
            self.encoding + self.spatial,
            u8::try_from(packet).unwrap(),
            u8::try_from(packets).unwrap(),
            u8::try_from(self.refers.len()).unwrap(),
        ];
        body.extend(self.picture.to_be_bytes());
        for (layer, picture) in &self.refers {
            body.push(*layer);
            body.extend(picture.to_be_bytes());
        }
        body.resize(60, fill);
        body
    }
}

/// A VP8 simulcast of three encodings with three temporal layers, as Chromium sends it.
pub(crate) struct Simulcast {
    fill: u8,
    /// Which encodings are sent.
    pub(crate) sending: [bool; 3],
    /// Whose next frame is a key frame.
    pub(crate) key: [bool; 3],
    sequences: [u16; 3],
    pictures: [u16; 3],
    tl0: [u8; 3],
    /// Pictures of the newest frame of each temporal layer.
    newest: [[Option<u16>; 3]; 3],
    pub(crate) step: u16,
    /// Packets of one frame, by encoding.
    pub(crate) packets: [usize; 3],
}

impl Simulcast {
    pub(crate) fn new() -> Self {
        Self {
            fill: 0,
            sending: [true; 3],
            key: [true; 3],
            sequences: [65_530, 10, 40_000],
            pictures: [32_760, 5, 900],
            tl0: [250, 3, 99],
            newest: [[None; 3]; 3],
            step: 0,
            packets: [1, 2, 5],
        }
    }

    /// The packets of the next picture, encodings mixed as Chromium's pacer mixes them.
    pub(crate) fn next(&mut self) -> Vec<Vec<u8>> {
        let mut queues: Vec<Vec<Vec<u8>>> = Vec::new();
        for encoding in 0..3u8 {
            if self.sending[usize::from(encoding)] {
                let frame = self.frame(encoding);
                queues.push(self.packetize(&frame));
            } else {
                self.newest[usize::from(encoding)] = [None; 3];
                self.key[usize::from(encoding)] = true;
            }
        }
        self.step += 1;
        let longest = queues.iter().map(Vec::len).max().unwrap_or(0);
        let mut mixed = Vec::new();
        for index in 0..longest {
            mixed.extend(queues.iter().filter_map(|queue| queue.get(index).cloned()));
        }
        mixed
    }

    fn frame(&mut self, encoding: u8) -> Frame {
        let index = usize::from(encoding);
        let key = std::mem::take(&mut self.key[index]);
        if key {
            self.newest[index] = [None; 3];
        }
        let temporal = if key {
            0
        } else {
            [0, 2, 1, 2][usize::from(self.step % 4)]
        };
        let sync = self.sync(temporal);
        let newest = &mut self.newest[index];
        let mut refers: Vec<(u8, u16)> = Vec::new();
        // Every eighth picture the upper layers refer to the base only.
        if !key {
            let deepest = if sync { 0 } else { temporal };
            let known = newest.iter().take(usize::from(deepest) + 1).flatten();
            refers.extend(known.map(|picture| (encoding, *picture)));
        }
        let picture = self.step;
        newest[usize::from(temporal)] = Some(picture);
        if temporal == 0 {
            self.tl0[index] = self.tl0[index].wrapping_add(1);
        }
        self.pictures[index] = (self.pictures[index] + 1) & 0x7FFF;
        Frame {
            encoding,
            spatial: 0,
            temporal,
            key,
            refers,
            picture,
        }
    }

    fn sync(&self, temporal: u8) -> bool {
        temporal > 0 && self.step % 8 < 3
    }

    fn packetize(&mut self, frame: &Frame) -> Vec<Vec<u8>> {
        let index = usize::from(frame.encoding);
        let count = self.packets[index];
        let [high, low] = self.pictures[index].to_be_bytes();
        let sync = u8::from(self.sync(frame.temporal)) << 5;
        let name = [["l", "m", "h"][index].as_bytes()];
        let first = self.step == 0;
        (0..count)
            .map(|packet| {
                let start = packet == 0;
                let mut payload = vec![
                    0x80 | u8::from(start) << 4,
                    0xE0,
                    high | 0x80,
                    low,
                    self.tl0[index],
                    frame.temporal << 6 | sync,
                ];
                let body = frame.body(self.fill, packet, count);
                if start {
                    payload.extend(if frame.key { vec![0; 10] } else { vec![1] });
                    payload.extend(sframe(Source::Camera, 1, &body));
                } else {
                    payload.extend(body);
                }
                let sequence = self.sequences[index];
                self.sequences[index] = sequence.wrapping_add(1);
                let timestamp = CLOCKS[index].wrapping_add(u32::from(frame.picture) * 3000);
                let named = [
                    Extension { id: MID, data: b"1" },
                    Extension {
                        id: RID,
                        data: name[0],
                    },
                ];
                // Browsers say the names until they know that we know.
                let extensions: &[Extension<'_>] = if first { &named } else { &[] };
                let ssrc = SIMULCAST + u32::from(frame.encoding);
                let mut bytes = packet_with(ssrc, VP8, sequence, timestamp, extensions, &payload);
                if packet + 1 < count {
                    bytes[1] &= 0x7F;
                }
                bytes
            })
            .collect()
    }
}

/// A VP9 stream of three spatial and three temporal layers, in one SSRC, as Chromium sends it.
pub(crate) struct Scalable {
    fill: u8,
    /// Whether layers refer to the one below in key pictures only (L3T3_KEY), not in every picture (L3T3).
    pub(crate) key_only: bool,
    pub(crate) key: bool,
    /// How many spatial layers are sent.
    pub(crate) layers: u8,
    sequence: u16,
    tl0: u8,
    newest: [[Option<u16>; 3]; 3],
    pub(crate) step: u16,
}

impl Scalable {
    pub(crate) fn new(key_only: bool) -> Self {
        Self {
            fill: 0,
            key_only,
            key: true,
            layers: 3,
            sequence: 65_500,
            tl0: 250,
            newest: [[None; 3]; 3],
            step: 0,
        }
    }

    /// Chromium's offer, with VP9 first.
    pub(crate) fn offer() -> String {
        CHROMIUM.replace("SAVPF 96 97 102", "SAVPF 98 99 96 97 102")
    }

    /// The packets of the next picture.
    pub(crate) fn next(&mut self) -> Vec<Vec<u8>> {
        let key = std::mem::take(&mut self.key);
        if key {
            self.newest = [[None; 3]; 3];
        }
        let temporal = if key {
            0
        } else {
            [0, 2, 1, 2][usize::from(self.step % 4)]
        };
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        let mut packets = Vec::new();
        for spatial in 0..self.layers {
            let frame = self.frame(spatial, temporal, key);
            packets.extend(self.packetize(&frame));
        }
        if let Some(last) = packets.last_mut() {
            last[1] |= 0x80;
        }
        self.step += 1;
        packets
    }

    fn frame(&mut self, spatial: u8, temporal: u8, key: bool) -> Frame {
        let newest = &mut self.newest[usize::from(spatial)];
        let known = newest.iter().take(usize::from(temporal) + 1).flatten();
        let mut refers: Vec<(u8, u16)> = known.map(|picture| (spatial, *picture)).collect();
        if spatial > 0 && (key || !self.key_only) {
            refers.push((spatial - 1, self.step));
        }
        newest[usize::from(temporal)] = Some(self.step);
        Frame {
            encoding: 0,
            spatial,
            temporal,
            key,
            refers,
            picture: self.step,
        }
    }

    fn packetize(&mut self, frame: &Frame) -> Vec<Vec<u8>> {
        let count = 1 + usize::from(frame.spatial);
        let [high, low] = (self.step & 0x7FFF).to_be_bytes();
        let between = frame.key || !self.key_only;
        let top = frame.spatial + 1 == self.layers;
        (0..count)
            .map(|packet| {
                let (start, end) = (packet == 0, packet + 1 == count);
                let structure = frame.key && frame.spatial == 0 && start;
                let flags = 0xA0
                    | u8::from(!frame.key) << 6
                    | u8::from(start) << 3
                    | u8::from(end) << 2
                    | u8::from(structure) << 1
                    | u8::from(top || !between);
                // The base layer's pictures are switching points.
                let up = u8::from(frame.temporal == 0) << 4;
                let depends = u8::from(frame.spatial > 0 && between);
                let layer = frame.temporal << 5 | up | frame.spatial << 1 | depends;
                let mut payload = vec![flags, high | 0x80, low, layer, self.tl0];
                if structure {
                    payload.push((self.layers - 1) << 5 | 0x10);
                    for layer in 0..self.layers {
                        let lines = 180u16 << layer;
                        payload.extend([0, 0]);
                        payload.extend(lines.to_be_bytes());
                    }
                }
                let body = frame.body(self.fill, packet, count);
                if start {
                    payload.extend(sframe(Source::Camera, 1, &body));
                } else {
                    payload.extend(body);
                }
                let sequence = self.sequence;
                self.sequence = sequence.wrapping_add(1);
                let timestamp = u32::from(frame.picture) * 3000;
                let mut bytes = packet_with(CHROMIUM_CAMERA, VP9, sequence, timestamp, &[], &payload);
                bytes[1] &= 0x7F;
                bytes
            })
            .collect()
    }
}

/// A camera of either sort.
pub(crate) trait Camera {
    /// The packets of the next picture, which may be a key picture.
    fn picture(&mut self, key: bool) -> Vec<Vec<u8>>;

    /// The next picture is to be a key picture.
    fn want_key(&mut self);

    /// What nobody between the ends can read.
    fn fill(&mut self, fill: u8);
}

impl Camera for Simulcast {
    fn picture(&mut self, key: bool) -> Vec<Vec<u8>> {
        self.key = self.key.map(|wanted| wanted || key);
        self.next()
    }

    fn want_key(&mut self) {
        self.key = [true; 3];
    }

    fn fill(&mut self, fill: u8) {
        self.fill = fill;
    }
}

impl Camera for Scalable {
    fn picture(&mut self, key: bool) -> Vec<Vec<u8>> {
        self.key |= key;
        self.next()
    }

    fn want_key(&mut self) {
        self.key = true;
    }

    fn fill(&mut self, fill: u8) {
        self.fill = fill;
    }
}

/// A frame as it arrives.
#[derive(Default)]
struct Arriving {
    packets: BTreeSet<u8>,
    expected: u8,
    ended: bool,
    refers: Vec<(u8, u16)>,
    picture_id: Option<u16>,
    order: usize,
}

/// What a subscriber gets.
#[derive(Default)]
pub(crate) struct Screen {
    frames: BTreeMap<(u8, u16), Arriving>,
    /// The order in which frames were begun.
    begun: Vec<(u8, u16)>,
    sequences: Vec<u16>,
    timestamps: Vec<u32>,
    codec: u8,
}

impl Screen {
    /// A screen for VP8 or VP9, by the sender's payload type.
    pub(crate) fn new(codec: u8) -> Self {
        Self {
            codec,
            ..Self::default()
        }
    }

    pub(crate) fn take(&mut self, packet: &[u8]) {
        let packet = view(packet);
        let payload = packet.payload();
        let (start, picture_id, len) = if self.codec == VP8 {
            let descriptor = Vp8Descriptor::parse(payload).unwrap();
            let clear = match (
                descriptor.start_of_partition,
                descriptor.is_key_frame_start(payload),
            ) {
                (false, _) => 0,
                (true, true) => 10,
                (true, false) => 1,
            };
            let id = descriptor.picture_id.unwrap().value;
            (descriptor.start_of_partition, Some(id), descriptor.len + clear)
        } else {
            let descriptor =
                conclave_transport::payload_descriptor::vp9::Vp9Descriptor::parse(payload).unwrap();
            (descriptor.start_of_frame, None, descriptor.len)
        };
        let header = if start {
            sframe(Source::Camera, 1, &[]).len()
        } else {
            0
        };
        let body = &payload[len + header..];
        let name = (body[0], u16::from_be_bytes([body[4], body[5]]));
        let order = self.begun.len();
        if !self.begun.contains(&name) {
            self.begun.push(name);
        }
        let frame = self.frames.entry(name).or_insert_with(|| Arriving {
            order,
            ..Arriving::default()
        });
        assert!(
            frame.packets.insert(body[1]),
            "packet {} of {name:?} twice",
            body[1]
        );
        frame.expected = body[2];
        frame.ended |= packet.marker();
        frame.picture_id = picture_id;
        frame.refers = (0..usize::from(body[3]))
            .map(|index| {
                let at = 6 + 3 * index;
                (body[at], u16::from_be_bytes([body[at + 1], body[at + 2]]))
            })
            .collect();
        self.sequences.push(packet.sequence_number());
        self.timestamps.push(packet.timestamp());
    }

    /// Takes what a subscriber was sent.
    pub(crate) fn take_all(&mut self, packets: &[(usize, Vec<u8>)], slot: usize) {
        for (_, packet) in packets.iter().filter(|(to, _)| *to == slot) {
            self.take(packet);
        }
    }

    /// Frames in the order they came.
    pub(crate) fn frames(&self) -> &[(u8, u16)] {
        &self.begun
    }

    /// Everything that came can be shown: numbers without gaps, frames whole and in order, references there.
    pub(crate) fn check(&self) {
        for pair in self.sequences.windows(2) {
            assert_eq!(pair[1], pair[0].wrapping_add(1), "a gap or a repetition");
        }
        for pair in self.timestamps.windows(2) {
            assert!(
                pair[1].wrapping_sub(pair[0]) < 1 << 31,
                "time goes backwards: {pair:?}"
            );
        }
        self.check_frames();
        self.check_order();
    }

    /// The same for packets that came in any order: frames are whole and what they refer to came.
    pub(crate) fn check_frames(&self) {
        for name in &self.begun {
            let frame = &self.frames[name];
            assert_eq!(
                frame.packets.len(),
                usize::from(frame.expected),
                "{name:?} is torn, after {:?}",
                self.begun.get(frame.order.wrapping_sub(1))
            );
            for reference in &frame.refers {
                assert!(
                    self.frames.contains_key(reference),
                    "{name:?} refers to {reference:?}, which did not come"
                );
            }
        }
    }

    fn check_order(&self) {
        let mut last_id: Option<u16> = None;
        for name in &self.begun {
            let frame = &self.frames[name];
            for reference in &frame.refers {
                assert!(
                    self.frames[reference].order < frame.order,
                    "{name:?} came before {reference:?}"
                );
            }
            if let Some(id) = frame.picture_id {
                if let Some(last) = last_id {
                    assert_eq!(id, (last + 1) & 0x7FFF, "picture ids continue at {name:?}");
                }
                last_id = Some(id);
            }
        }
    }

    /// Pictures end where the subscriber can see it.
    pub(crate) fn check_markers(&self) {
        let mut last_of_picture: BTreeMap<u16, (u8, u16)> = BTreeMap::new();
        for name in &self.begun {
            last_of_picture.insert(name.1, *name);
        }
        for name in &self.begun {
            let last = last_of_picture[&name.1] == *name;
            assert_eq!(self.frames[name].ended, last, "the marker of {name:?}");
        }
    }
}
