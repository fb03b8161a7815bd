//! Where a video payload begins: the RTP payload descriptors of VP8 and VP9.

pub mod vp8;
pub mod vp9;

/// Why bytes are not a payload descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// The payload ends before its descriptor does.
    #[error("payload descriptor is truncated")]
    Truncated,
}

/// A picture id as the descriptor carries it: in one byte (7 bits) or two (15 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    /// The value, 7 or 15 bits.
    pub value: u16,
    /// Whether the descriptor uses the 15-bit form.
    pub extended: bool,
}
