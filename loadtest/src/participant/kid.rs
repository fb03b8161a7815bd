//! Reads the epoch in a frame's SFrame header (RFC 9605 §4.3), to tell a failure from a frame that was never meant
//! for the receiver.

use conclave_e2ee::Codec;

/// Clear bytes before the SFrame ciphertext of a VP8 frame.
const VP8_KEY_PREFIX: usize = 10;
const VP8_DELTA_PREFIX: usize = 1;

/// Whether a frame was encrypted in an epoch from before `first_epoch`; all are, for one that is not in yet.
pub fn is_from_before(codec: Codec, frame: &[u8], first_epoch: Option<u64>) -> bool {
    let Some(first) = first_epoch else { return true };
    let Some([.., epoch]) = kid(codec, frame).map(u64::to_be_bytes) else {
        return false;
    };
    let [.., first] = first.to_be_bytes();
    // Epochs are known by their low 8 bits: less than half the circle back is before.
    epoch.wrapping_sub(first).cast_signed() < 0
}

fn kid(codec: Codec, frame: &[u8]) -> Option<u64> {
    let prefix = match codec {
        Codec::Opus | Codec::Vp9 => 0,
        Codec::Vp8 if frame.first()? & 0x01 == 0 => VP8_KEY_PREFIX,
        Codec::Vp8 => VP8_DELTA_PREFIX,
    };
    let (config, rest) = frame.get(prefix..)?.split_first()?;
    let field = (config >> 4) & 0x07;
    if config & 0x80 == 0 {
        return Some(u64::from(field));
    }
    let bytes = rest.get(..usize::from(field) + 1)?;
    Some(bytes.iter().fold(0, |kid, byte| kid << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// KID 0x10_02_fe: camera, leaf 2, epoch 254.
    const HEADER: [u8; 5] = [0xa0, 0x10, 0x02, 0xfe, 0x00];

    #[test]
    fn the_kid_is_found_behind_the_clear_prefix_of_each_codec() {
        assert_eq!(kid(Codec::Vp9, &HEADER), Some(0x10_02_fe));
        let delta = [&[0x01][..], &HEADER].concat();
        assert_eq!(kid(Codec::Vp8, &delta), Some(0x10_02_fe));
        let key = [&[0; 10][..], &HEADER].concat();
        assert_eq!(kid(Codec::Vp8, &key), Some(0x10_02_fe));
        assert_eq!(kid(Codec::Opus, &[0x30, 0]), Some(3));
        assert_eq!(kid(Codec::Vp9, &HEADER[..3]), None);
    }

    #[test]
    fn before_means_before_also_over_the_wrap_of_the_low_bits() {
        assert!(is_from_before(Codec::Vp9, &HEADER, Some(255)));
        assert!(is_from_before(Codec::Vp9, &HEADER, Some(256)));
        assert!(!is_from_before(Codec::Vp9, &HEADER, Some(254)));
        assert!(!is_from_before(Codec::Vp9, &HEADER, Some(253)));
        assert!(is_from_before(Codec::Vp9, &HEADER, None));
        assert!(!is_from_before(Codec::Vp9, &[], Some(1)));
    }
}
