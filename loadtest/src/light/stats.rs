//! What a light peer has sent and received.

use conclave_e2ee::{Codec, Context};

/// One received track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackStats {
    /// Its SFrame context.
    pub context: Context,
    /// Its codec.
    pub codec: Codec,
    /// Packets that came, retransmissions of missing ones included.
    pub packets: u64,
    /// Different packets after the first second.
    pub counted: u64,
    /// Packets that never came, after the first second.
    pub lost: u64,
    /// Bytes on the wire above UDP.
    pub bytes: u64,
    /// Whole frames.
    pub frames: u64,
    /// Frames that opened.
    pub opened: u64,
    /// Frames given up for want of a packet.
    pub incomplete: u64,
}

/// All of one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerStats {
    /// Tracks received before and now.
    pub tracks: Vec<TrackStats>,
    /// How many of them are over.
    pub(super) past: usize,
    /// Packets of SSRCs that no description named.
    pub strange: u64,
    /// Packets that SRTP refused.
    pub broken: u64,
}

impl PeerStats {
    /// Packets of all tracks.
    pub fn packets(&self) -> u64 {
        self.tracks.iter().map(|track| track.packets).sum()
    }
}
