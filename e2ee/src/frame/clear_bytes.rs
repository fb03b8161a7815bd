//! Which bytes at the start of a frame stay clear, because a packetizer or an SFU must read them.

use crate::frame::{Codec, DropReason};

/// Largest frame in bytes, before and after encryption.
const MAX_FRAME: usize = 8 << 20;
/// Frame tag, start code and dimensions of a VP8 key frame (RFC 6386 §9.1).
const VP8_KEY_FRAME: usize = 10;
/// First byte of the frame tag of a VP8 delta frame.
const VP8_DELTA_FRAME: usize = 1;

/// Splits a frame, encrypted or not, into clear prefix and rest. The prefix is authenticated as SFrame metadata.
///
/// # Errors
/// `CodecUnprotectable` when the frame has no byte behind the prefix or is too large.
pub(crate) fn split(codec: Codec, frame: &[u8]) -> Result<(&[u8], &[u8]), DropReason> {
    let prefix = match (codec, frame.first()) {
        (Codec::Opus | Codec::Vp9, _) => 0,
        // Bit 0 of the frame tag is clear in a key frame (RFC 6386 §9.1).
        (Codec::Vp8, Some(first)) if first & 1 == 0 => VP8_KEY_FRAME,
        (Codec::Vp8, _) => VP8_DELTA_FRAME,
    };
    if frame.len() > MAX_FRAME {
        return Err(DropReason::CodecUnprotectable);
    }
    match frame.split_at_checked(prefix) {
        Some((clear, rest)) if !rest.is_empty() => Ok((clear, rest)),
        _ => Err(DropReason::CodecUnprotectable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vp8_has_clear_bytes() {
        assert_eq!(split(Codec::Opus, &[1, 2]), Ok((&[][..], &[1, 2][..])));
        assert_eq!(split(Codec::Vp9, &[0, 2]), Ok((&[][..], &[0, 2][..])));
        assert_eq!(split(Codec::Vp8, &[0x11, 2, 3]), Ok((&[0x11][..], &[2, 3][..])));
        let key_frame: Vec<u8> = (0..12).map(|n| n * 2).collect();
        assert_eq!(
            split(Codec::Vp8, &key_frame),
            Ok((&key_frame[..10], &key_frame[10..]))
        );
    }

    #[test]
    fn a_frame_without_a_protected_byte_is_refused() {
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9] {
            assert_eq!(split(codec, &[]), Err(DropReason::CodecUnprotectable));
        }
        assert_eq!(split(Codec::Vp8, &[1]), Err(DropReason::CodecUnprotectable));
        assert_eq!(split(Codec::Vp8, &[0; 10]), Err(DropReason::CodecUnprotectable));
        assert_eq!(
            split(Codec::Opus, &vec![0; MAX_FRAME + 1]),
            Err(DropReason::CodecUnprotectable)
        );
    }
}
