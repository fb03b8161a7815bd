//! The VP9 payload descriptor (RFC 9628 §4.2) in non-flexible mode, as browsers send it for one layer.

use super::{MAX_PAYLOAD, Payload};

const PICTURE_ID: u8 = 0x80;
const INTER_PREDICTED: u8 = 0x40;
const LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGIN: u8 = 0x08;
const END: u8 = 0x04;
const SCALABILITY: u8 = 0x02;
const LONG_PICTURE_ID: u8 = 0x80;
/// Layer indices: temporal 0, switching-up point, spatial 0, no inter-layer dependency.
const BASE_LAYER: u8 = 0x10;
const DESCRIPTOR: usize = 5;
const SCALABILITY_STRUCTURE: usize = 8;

/// The picture a frame belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// 15 bits, one more per frame.
    pub id: u16,
    /// Index of the base temporal layer: one more per frame, as every frame is of that layer.
    pub tl0_index: u8,
    /// Whether it can be decoded without another.
    pub key: bool,
    /// Width and height in pixels; key frames announce it.
    pub size: (u16, u16),
}

/// Splits a frame into payloads. A key frame's first payload describes the one layer there is.
pub fn packetize(frame: &[u8], picture: Picture) -> Vec<Payload> {
    let [high, low] = (picture.id & 0x7fff).to_be_bytes();
    let structure = if picture.key { SCALABILITY_STRUCTURE } else { 0 };
    let chunks = frame.chunks(MAX_PAYLOAD - DESCRIPTOR - structure);
    let last = chunks.len().saturating_sub(1);
    chunks
        .enumerate()
        .map(|(index, chunk)| {
            let mut flags = PICTURE_ID | LAYERS;
            flags |= if picture.key { 0 } else { INTER_PREDICTED };
            flags |= if index == 0 { BEGIN } else { 0 };
            flags |= if index == last { END } else { 0 };
            let describe = picture.key && index == 0;
            flags |= if describe { SCALABILITY } else { 0 };
            let mut bytes = vec![flags, LONG_PICTURE_ID | high, low, BASE_LAYER, picture.tl0_index];
            if describe {
                scalability_structure(picture.size, &mut bytes);
            }
            bytes.extend_from_slice(chunk);
            Payload {
                bytes,
                marker: index == last,
            }
        })
        .collect()
}

/// One spatial layer with its size; one picture in the group, which refers to the one before it.
fn scalability_structure((width, height): (u16, u16), bytes: &mut Vec<u8>) {
    const SIZE: u8 = 0x10;
    const GROUP: u8 = 0x08;
    const SWITCHING_UP_ONE_REFERENCE: u8 = 0x14;
    bytes.push(SIZE | GROUP);
    bytes.extend_from_slice(&width.to_be_bytes());
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&[1, SWITCHING_UP_ONE_REFERENCE, 1]);
}

/// What follows the descriptor, and whether it begins a frame; `None` when the payload is cut short.
pub fn parse(payload: &[u8]) -> Option<(&[u8], bool)> {
    let (flags, mut rest) = payload.split_first()?;
    if flags & PICTURE_ID != 0 {
        let long = rest.first()? & LONG_PICTURE_ID != 0;
        rest = rest.get(if long { 2 } else { 1 }..)?;
    }
    if flags & LAYERS != 0 {
        // Non-flexible mode adds the index of the base layer.
        rest = rest.get(if flags & FLEXIBLE == 0 { 2 } else { 1 }..)?;
    }
    if flags & FLEXIBLE != 0 && flags & INTER_PREDICTED != 0 {
        // Up to three reference differences, each saying whether another follows.
        for _ in 0..3 {
            let (difference, after) = rest.split_first()?;
            rest = after;
            if difference & 1 == 0 {
                break;
            }
        }
    }
    if flags & SCALABILITY != 0 {
        rest = skip_structure(rest)?;
    }
    Some((rest, flags & BEGIN != 0))
}

fn skip_structure(bytes: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = bytes.split_first()?;
    let layers = usize::from(head >> 5) + 1;
    if head & 0x10 != 0 {
        rest = rest.get(4 * layers..)?;
    }
    if head & 0x08 != 0 {
        let (pictures, after) = rest.split_first()?;
        rest = after;
        for _ in 0..*pictures {
            let (picture, after) = rest.split_first()?;
            rest = after.get(usize::from((picture >> 2) & 0x03)..)?;
        }
    }
    Some(rest)
}
