//! The VP8 payload descriptor (RFC 7741 §4.2), as browsers send it for one layer.

use super::{MAX_PAYLOAD, Payload};

const EXTENDED: u8 = 0x80;
const START: u8 = 0x10;
const PICTURE_ID: u8 = 0x80;
const TL0_PICTURE_INDEX: u8 = 0x40;
const TEMPORAL_LAYER: u8 = 0x20;
const KEY_INDEX: u8 = 0x10;
const LONG_PICTURE_ID: u8 = 0x80;
const DESCRIPTOR: usize = 4;

/// Splits a frame into payloads. Every descriptor carries the 15-bit picture id.
pub fn packetize(frame: &[u8], picture_id: u16) -> Vec<Payload> {
    let [high, low] = (picture_id & 0x7fff).to_be_bytes();
    let chunks = frame.chunks(MAX_PAYLOAD - DESCRIPTOR);
    let last = chunks.len().saturating_sub(1);
    chunks
        .enumerate()
        .map(|(index, chunk)| {
            let start = if index == 0 { START } else { 0 };
            let mut bytes = vec![EXTENDED | start, PICTURE_ID, LONG_PICTURE_ID | high, low];
            bytes.extend_from_slice(chunk);
            Payload {
                bytes,
                marker: index == last,
            }
        })
        .collect()
}

/// What follows the descriptor, and whether it begins a frame; `None` when the payload is cut short.
pub fn parse(payload: &[u8]) -> Option<(&[u8], bool)> {
    let (first, mut rest) = payload.split_first()?;
    if first & EXTENDED != 0 {
        let (extension, after) = rest.split_first()?;
        rest = after;
        if extension & PICTURE_ID != 0 {
            let long = rest.first()? & LONG_PICTURE_ID != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        if extension & TL0_PICTURE_INDEX != 0 {
            rest = rest.get(1..)?;
        }
        if extension & (TEMPORAL_LAYER | KEY_INDEX) != 0 {
            rest = rest.get(1..)?;
        }
    }
    // A frame begins with partition 0 (the low three bits).
    Some((rest, first & START != 0 && first & 0x07 == 0))
}
