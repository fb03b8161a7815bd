//! Cuts encrypted frames into RTP payloads behind VP8 (RFC 7741) and VP9 (RFC 9628) payload descriptors.

use super::camera::{Layout, Picture};

/// Bytes of a payload, descriptor included.
const MAX_PAYLOAD: usize = 1150;

/// A payload and its marker bit.
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
    pub(crate) marker: bool,
}

pub(crate) fn packetize(layout: Layout, frame: &[u8], picture: &Picture) -> Vec<Payload> {
    // Chunks of one size, as browsers make them.
    let count = frame.len().div_ceil(MAX_PAYLOAD - 24).max(1);
    let chunks: Vec<&[u8]> = frame.chunks(frame.len().div_ceil(count).max(1)).collect();
    let last = chunks.len() - 1;
    chunks
        .into_iter()
        .enumerate()
        .map(|(index, chunk)| {
            let mut bytes = match layout {
                Layout::Svc => vp9(picture, index == 0, index == last),
                Layout::Single | Layout::Simulcast => vp8(picture, index == 0),
            };
            bytes.extend_from_slice(chunk);
            Payload {
                bytes,
                marker: index == last && picture.last,
            }
        })
        .collect()
}

/// X, S; I (15 bits), and L, T, Y when there are temporal layers.
fn vp8(picture: &Picture, first: bool) -> Vec<u8> {
    let [high, low] = picture.id.to_be_bytes();
    let start = if first { 0x90 } else { 0x80 };
    match picture.layers {
        None => vec![start, 0x80, high | 0x80, low],
        Some(layers) => {
            let unused = if layers.temporal == 2 { 0x20 } else { 0 };
            let temporal = layers.temporal << 6 | u8::from(layers.sync) << 5;
            vec![start | unused, 0xE0, high | 0x80, low, layers.tl0, temporal]
        }
    }
}

/// I (15 bits), L, F; P with its distance, B, E, and V with the heights at a key picture.
fn vp9(picture: &Picture, first: bool, last: bool) -> Vec<u8> {
    let Some(layers) = picture.layers else {
        return Vec::new();
    };
    let structure = picture.key && first && layers.spatial == 0;
    let top = u8::from(layers.spatial == layers.top);
    let head = 0x80 | 0x20 | 0x10
        | u8::from(!picture.key) << 6
        | u8::from(first) << 3
        | u8::from(last) << 2
        | u8::from(structure) << 1
        // Only key pictures are used by the layer above.
        | u8::from(!picture.key || top == 1);
    let [high, low] = picture.id.to_be_bytes();
    let inter_layer = u8::from(picture.key && layers.spatial > 0);
    let layer = layers.temporal << 5 | 0x10 | layers.spatial << 1 | inter_layer;
    let mut bytes = vec![head, high | 0x80, low, layer];
    bytes.extend(layers.distance.map(|distance| distance << 1));
    if structure {
        bytes.push(layers.top << 5 | 0x10);
        for spatial in 0..=layers.top {
            let height = 180u16 << spatial;
            bytes.extend((height / 9 * 16).to_be_bytes());
            bytes.extend(height.to_be_bytes());
        }
    }
    bytes
}
