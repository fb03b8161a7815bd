//! Video layers allocation: the sizes of the pictures a publisher sends now
//! (http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00).

use super::HeaderExtension;
use crate::layer::MAX_SPATIAL;

pub(crate) const EXTENSION: HeaderExtension = HeaderExtension {
    uri: "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
    publish: true,
    subscribe: false,
};

/// RTP streams and spatial layers of each that the format has room for.
const MAX_STREAMS: usize = 4;
const MAX_LAYERS: usize = 4;
/// Longest LEB128 number: 32 bits in groups of seven.
const MAX_NUMBER: usize = 5;

/// Lines of each spatial layer, an RTP stream's or a scalable stream's; `None`: it is not sent, or nothing is said.
pub(crate) type Heights = [Option<u16>; MAX_SPATIAL];

/// Reads the heights; `None` when the bytes are malformed or say none.
pub(crate) fn heights(data: &[u8]) -> Option<Heights> {
    let mut bytes = Bytes(data);
    let head = bytes.next()?;
    let streams = usize::from(head >> 4 & 3) + 1;
    let mut active = [head & 0x0F; MAX_STREAMS];
    if head & 0x0F == 0 {
        // One bitmask of four bits for each stream.
        for pair in active.chunks_mut(2).take(streams.div_ceil(2)) {
            let byte = bytes.next()?;
            for (mask, bits) in pair.iter_mut().zip([byte >> 4, byte & 0x0F]) {
                *mask = bits;
            }
        }
    }
    let layers = || {
        let masks = active.iter().take(streams).enumerate();
        masks.flat_map(|(stream, mask)| {
            let sent = (0..MAX_LAYERS).filter(move |layer| mask & (1 << layer) != 0);
            sent.map(move |layer| (stream, layer))
        })
    };
    let count = layers().count();
    let mut rates = 0;
    for group in 0..count.div_ceil(4) {
        let byte = bytes.next()?;
        for place in 0..(count - group * 4).min(4) {
            rates += usize::from(byte >> (6 - 2 * place) & 3) + 1;
        }
    }
    for _ in 0..rates {
        bytes.number()?;
    }
    if bytes.0.is_empty() {
        return None;
    }
    let mut heights = Heights::default();
    for (stream, layer) in layers() {
        let [_, _, high, low, _] = bytes.take::<5>()?;
        let spatial = if streams > 1 { stream } else { layer };
        if let Some(height) = heights.get_mut(spatial) {
            *height = Some(u16::from_be_bytes([high, low]).saturating_add(1));
        }
    }
    Some(heights)
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    /// Skips a LEB128 number.
    fn number(&mut self) -> Option<()> {
        for _ in 0..MAX_NUMBER {
            if self.next()? & 0x80 == 0 {
                return Some(());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three RTP streams with one layer of two temporal layers each.
    const SIMULCAST: [u8; 24] = [
        0x21, 0b0101_0100, 50, 100, 0xC8, 0x01, 0xF4, 0x03, 100, // rates
        1, 0x3F, 0, 179, 30, 2, 0x7F, 1, 0x67, 30, 4, 0xFF, 2, 0xCF, 30,
    ];

    fn simulcast() -> Vec<u8> {
        let mut bytes = SIMULCAST.to_vec();
        bytes.insert(9, 120);
        bytes
    }

    #[test]
    fn heights_of_streams_and_of_layers_are_read() {
        assert_eq!(heights(&simulcast()), Some([Some(180), Some(360), Some(720)]));
        // One stream with two spatial layers of one temporal layer.
        let scalable = [0x03, 0, 50, 100, 1, 0x3F, 0, 179, 30, 2, 0x7F, 1, 0x67, 30];
        assert_eq!(heights(&scalable), Some([Some(180), Some(360), None]));
        // Separate bitmasks: the second stream is not sent.
        let paused = [0x10, 0x10, 0, 50, 1, 0x3F, 0, 179, 30];
        assert_eq!(heights(&paused), Some([Some(180), None, None]));
        assert_eq!(heights(&[0x01, 0, 50]), None, "rates only");
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = simulcast();
        for len in 0..whole.len() {
            assert_eq!(heights(&whole[..len]), None, "{len}");
        }
    }
}
