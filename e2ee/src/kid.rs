//! The SFrame key id: context, leaf and the low bits of the epoch.

use crate::frame::Context;

/// Bits of the leaf index (S). A tree is capped at 4096 leaves, because a leaf index exceeds the member count when the
/// tree has blanks.
pub(crate) const LEAF_BITS: u8 = 12;
/// Bits of the epoch (E).
pub(crate) const EPOCH_BITS: u8 = 8;
/// Leaves of the largest tree.
pub(crate) const MAX_LEAVES: u32 = 1 << LEAF_BITS;

/// `(context << 20) | (leaf << 8) | (epoch & 0xFF)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kid {
    pub(crate) context: Context,
    pub(crate) leaf: u32,
    pub(crate) epoch_low: u8,
}

impl Kid {
    /// `None` when the leaf is beyond the largest tree.
    pub(crate) fn new(context: Context, leaf: u32, epoch: u64) -> Option<Self> {
        (leaf < MAX_LEAVES).then_some(Self {
            context,
            leaf,
            epoch_low: low_bits(epoch),
        })
    }

    /// `None` for a reserved context or a value of more than 24 bits.
    pub(crate) fn parse(raw: u64) -> Option<Self> {
        let [0, 0, 0, 0, 0, top, middle, epoch_low] = raw.to_be_bytes() else {
            return None;
        };
        Some(Self {
            context: Context::from_number(top >> 4)?,
            leaf: u32::from(top & 0xF) << 8 | u32::from(middle),
            epoch_low,
        })
    }

    /// The value on the wire.
    pub(crate) fn raw(self) -> u64 {
        u64::from(self.context.number()) << (LEAF_BITS + EPOCH_BITS)
            | u64::from(self.leaf) << EPOCH_BITS
            | u64::from(self.epoch_low)
    }
}

/// The part of an epoch that is in a KID.
pub(crate) fn low_bits(epoch: u64) -> u8 {
    epoch.to_be_bytes()[7]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_leaf_and_epoch_have_their_own_bits() {
        let kid = Kid::new(Context::Camera, 0x123, 0x4_56).unwrap();
        assert_eq!(kid.raw(), 0x11_2356);
        assert_eq!(Kid::parse(kid.raw()), Some(kid));
        let largest = Kid::new(Context::ScreenAudio, 4095, u64::MAX).unwrap();
        assert_eq!(largest.raw(), 0x3F_FFFF);
        assert_eq!(Kid::parse(largest.raw()), Some(largest));
    }

    #[test]
    fn a_leaf_or_a_value_beyond_the_layout_is_refused() {
        assert_eq!(Kid::new(Context::Microphone, 4096, 0), None);
        assert_eq!(Kid::parse(0x100_0000), None);
        assert_eq!(Kid::parse(u64::MAX), None);
        assert_eq!(Kid::parse(4 << 20), None, "the data context is reserved");
    }
}
