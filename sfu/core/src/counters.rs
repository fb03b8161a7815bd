//! What the core counts. The driver reads the counts and sets them to zero.

/// Counts since the last reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Audio packets from publishers, retransmissions included.
    pub audio_in: u64,
    /// Video packets from publishers, retransmissions included.
    pub video_in: u64,
    /// Audio packets handed to egress.
    pub audio_out: u64,
    /// Video packets handed to egress.
    pub video_out: u64,
    /// Packets publishers sent that never arrived.
    pub lost: u64,
    /// Packets asked of publishers again.
    pub nack_out: u64,
    /// Packets subscribers asked for again.
    pub nack_in: u64,
    /// Key frames asked of publishers.
    pub keyframe_out: u64,
    /// Key frames subscribers asked for.
    pub keyframe_in: u64,
    /// Packets that waited in a pacer before they left.
    pub paced: u64,
    /// Packets that found no room in a pacer.
    pub paced_dropped: u64,
    /// Packets of padding sent to probe a subscriber's bandwidth.
    pub probe_out: u64,
    /// Packets that belonged to refused frames.
    pub refused: u64,
    /// Packets that are malformed, of no known track, or repeated.
    pub unusable: u64,
}
