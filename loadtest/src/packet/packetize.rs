//! Encrypted frames to RTP payloads, as a browser does it: encryption first, then one descriptor per packet.

use conclave_e2ee::Codec;

use super::{Payload, vp8, vp9};

/// Where a video frame stands in its stream.
#[derive(Clone, Copy, Debug)]
pub struct FramePosition {
    /// Number of the frame since the stream began; picture ids derive from it.
    pub number: u64,
    /// Whether it is a key frame.
    pub key: bool,
    /// Width and height in pixels.
    pub size: (u16, u16),
}

/// The payloads of one encrypted frame. An Opus frame is one payload without a descriptor.
pub fn packetize(codec: Codec, frame: &[u8], position: FramePosition) -> Vec<Payload> {
    let [.., high, low] = position.number.to_be_bytes();
    let id = u16::from_be_bytes([high, low]) & 0x7fff;
    match codec {
        Codec::Opus => vec![Payload {
            bytes: frame.to_vec(),
            marker: false,
        }],
        Codec::Vp8 => vp8::packetize(frame, id),
        Codec::Vp9 => {
            let picture = vp9::Picture {
                id,
                tl0_index: low,
                key: position.key,
                size: position.size,
            };
            vp9::packetize(frame, picture)
        }
    }
}
