//! Frames to RTP payloads and back, and the count of what got lost.

pub mod depacketize;
pub mod loss;
pub mod packetize;
pub mod sequence;
pub mod vp8;
pub mod vp9;

/// Largest RTP payload a bot sends, in bytes: what browsers use, so that SRTP and RTX still fit an MTU of 1280.
pub const MAX_PAYLOAD: usize = 1150;

/// One RTP payload of a video frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Payload descriptor and part of the (encrypted) frame.
    pub bytes: Vec<u8>,
    /// Whether it is the frame's last one (the RTP marker).
    pub marker: bool,
}
