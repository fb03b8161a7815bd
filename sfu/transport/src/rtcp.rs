//! RTCP: a compound packet read as a stream of events, and a writer that builds one in place.

mod read;
mod twcc;
mod write;

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the values are small or meant to wrap"
)]
mod tests;

pub use read::{NackIter, RtcpEvents, events};
pub use twcc::{TwccFeedback, TwccIter, TwccPacket};
pub use write::RtcpWriter;

/// Why bytes are not RTCP, or why a packet could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// A packet is shorter than its own length field or its fixed part.
    #[error("RTCP packet is truncated")]
    Truncated,
    /// The version field is not 2.
    #[error("RTCP version is not 2")]
    Version,
    /// The output buffer is too small.
    #[error("no room for the RTCP packet")]
    NoRoom,
    /// More items than the packet's count field or its encoding can carry.
    #[error("RTCP packet cannot carry that much")]
    TooMany,
}

/// One thing an RTCP packet says. Packet types nobody here acts on are skipped.
#[derive(Clone, Copy, Debug)]
pub enum RtcpEvent<'a> {
    /// SR: the sender's clock and counters (RFC 3550 §6.4.1). Its report blocks follow as events.
    SenderReport(SenderReport),
    /// RR: the header of a receiver report; its report blocks follow as events.
    ReceiverReport {
        /// Who reports.
        reporter: u32,
    },
    /// One report block of an SR or RR.
    ReportBlock {
        /// Who reports.
        reporter: u32,
        /// What it saw of one source.
        block: ReportBlock,
    },
    /// Generic NACK (RFC 4585 §6.2.1).
    Nack {
        /// Who asks.
        sender_ssrc: u32,
        /// The stream asked about.
        media_ssrc: u32,
        /// The sequence numbers asked for.
        lost: NackIter<'a>,
    },
    /// Picture loss indication (RFC 4585 §6.3.1).
    Pli {
        /// Who asks.
        sender_ssrc: u32,
        /// The stream asked about.
        media_ssrc: u32,
    },
    /// Full intra request (RFC 5104 §4.3.1), one event per entry.
    Fir {
        /// Who asks.
        sender_ssrc: u32,
        /// The stream asked about.
        media_ssrc: u32,
        /// The command's sequence number: a repeat carries the same.
        sequence: u8,
    },
    /// Transport-wide congestion control feedback.
    Twcc(TwccFeedback<'a>),
    /// Receiver estimated maximum bitrate.
    Remb {
        /// Who estimates.
        sender_ssrc: u32,
        /// The estimate, in bits per second.
        bitrate_bps: u64,
    },
    /// BYE, one event per source.
    Bye {
        /// The source that is gone.
        ssrc: u32,
    },
}

/// The sender info of an SR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The reporting source.
    pub ssrc: u32,
    /// NTP time, 32.32 fixed point seconds.
    pub ntp_time: u64,
    /// The same instant on the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent since the start.
    pub packet_count: u32,
    /// Payload bytes sent since the start.
    pub octet_count: u32,
}

/// One report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start, 24 bits signed.
    pub cumulative_lost: i32,
    /// Highest sequence number received, extended by the count of wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter, in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last SR.
    pub last_sr: u32,
    /// Time since that SR, in 1/65536 s.
    pub delay_since_last_sr: u32,
}
