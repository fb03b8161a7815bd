//! The forward path: from a publisher's plaintext packet to rewritten packets for its subscribers.
//!
//! Nothing in here looks at the payload, and nothing allocates once a stream runs. The one check of the payload, the
//! SFrame guard, stands before this path, in [`crate::guard`].

pub(crate) mod feedback;
pub(crate) mod keyframe;
pub(crate) mod meter;
pub(crate) mod receive_log;
pub(crate) mod rewrite;
pub(crate) mod ring;
pub(crate) mod table;

use conclave_transport::rtp::{Extension, RtpError, RtpHeader};
use conclave_wire::media::Kind;

use crate::sfu::PeerSlot;

/// Where the forward path puts its packets. The driver seals and sends them.
pub trait Egress {
    /// A packet for a subscriber, or a retransmission.
    fn rtp(&mut self, to: PeerSlot, packet: &Outgoing<'_>);
    /// A plaintext compound RTCP packet of at most [`MAX_RTCP`] bytes.
    fn rtcp(&mut self, to: PeerSlot, packet: &[u8]);
}

/// Bytes around a payload: RTP header and extensions (24), SRTP tag (16), UDP and IP (28).
pub(crate) const OVERHEAD: usize = 68;

/// Longest RTCP packet the core writes, in bytes.
pub const MAX_RTCP: usize = 1150;

/// A packet for one subscriber: a new header and the publisher's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The rewritten header.
    pub header: RtpHeader,
    /// The subscriber's id for MID and its value.
    pub mid: Option<Extension<'a>>,
    /// The subscriber's id for the transport-wide sequence number, and the number.
    pub transport_cc: Option<(u8, u16)>,
    /// Of a retransmission: the original sequence number (RFC 4588 §4).
    pub original_sequence: Option<u16>,
    /// Everything behind that, as it came.
    pub payload: &'a [u8],
    /// Whether the payload is nothing but padding (RFC 3550 §5.1).
    pub padding: bool,
    /// Audio or video.
    pub kind: Kind,
}

impl Outgoing<'_> {
    /// Bytes it takes on the way: with what RTP, SRTP, UDP and IP add.
    pub(crate) const fn size(&self) -> usize {
        self.payload.len() + OVERHEAD
    }

    /// Writes the plaintext packet to the front of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`RtpError::NoRoom`] when `out` is too small.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, RtpError> {
        let mut len = self.write_header(out)?;
        put(out, &mut len, self.payload)?;
        Ok(len)
    }

    /// Writes everything that stands before the payload to the front of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`RtpError::NoRoom`] when `out` is too small.
    pub fn write_header(&self, out: &mut [u8]) -> Result<usize, RtpError> {
        let number = self.transport_cc.map(|(id, number)| (id, number.to_be_bytes()));
        let number = number.as_ref().map(|(id, data)| Extension { id: *id, data });
        let mut len = match (self.mid, number) {
            (Some(mid), Some(number)) => self.header.write(&[mid, number], out)?,
            (mid, number) => self.header.write(mid.or(number).as_slice(), out)?,
        };
        if self.padding
            && let Some(first) = out.first_mut()
        {
            *first |= PADDING_BIT;
        }
        if let Some(original) = self.original_sequence {
            put(out, &mut len, &original.to_be_bytes())?;
        }
        Ok(len)
    }
}

/// In the first byte of an RTP header.
const PADDING_BIT: u8 = 0x20;

fn put(out: &mut [u8], len: &mut usize, bytes: &[u8]) -> Result<(), RtpError> {
    let end = *len + bytes.len();
    out.get_mut(*len..end)
        .ok_or(RtpError::NoRoom)?
        .copy_from_slice(bytes);
    *len = end;
    Ok(())
}
