//! The forward path: from a publisher's plaintext packet to rewritten packets for its subscribers.
//!
//! Nothing in here looks at the payload, and nothing allocates once a stream runs. The one check of the payload, the
//! SFrame guard, stands before this path, in [`crate::guard`].

pub(crate) mod clock;
pub(crate) mod feedback;
pub(crate) mod keyframe;
pub(crate) mod live;
pub(crate) mod meter;
pub(crate) mod receive_log;
pub(crate) mod repeat;
pub(crate) mod rewrite;
pub(crate) mod ring;
pub(crate) mod table;

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::rtp::{Extension, RtpError, RtpHeader};
use conclave_wire::id::PeerId;
use conclave_wire::media::Kind;

use self::rewrite::Vp8Offset;
use crate::mirror::{ShardSet, Stream};
use crate::sfu::PeerSlot;

/// Where the forward path puts its packets. The driver seals and sends them.
pub trait Egress {
    /// A packet for a subscriber, or a retransmission.
    fn rtp(&mut self, to: PeerSlot, packet: &Outgoing<'_>);
    /// A plaintext compound RTCP packet of at most [`MAX_RTCP`] bytes.
    fn rtcp(&mut self, to: PeerSlot, packet: &[u8]);
    /// A publisher's plaintext packet for other shards of its room: RTP with its stream, or a compound RTCP packet.
    fn relay(&mut self, _from: PeerId, _stream: Option<Stream>, _to: ShardSet, _packet: &[u8]) {}
}

/// Bytes around a payload: RTP header and extensions (24), SRTP tag (16), UDP and IP (28).
pub(crate) const OVERHEAD: usize = 68;

/// Longest payload descriptor that is rewritten, in bytes (RFC 7741 §4.2).
const MAX_DESCRIPTOR: usize = 6;

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
    /// A payload descriptor in place of the publisher's.
    pub descriptor: Descriptor,
    /// Everything behind that, as it came: a part of the packet being handled, or of what is kept of earlier ones.
    pub payload: &'a [u8],
    /// Whether the payload is nothing but padding (RFC 3550 §5.1).
    pub padding: bool,
    /// Audio or video.
    pub kind: Kind,
}

impl Outgoing<'_> {
    /// Bytes it takes on the way: with what RTP, SRTP, UDP and IP add.
    pub(crate) const fn size(&self) -> usize {
        self.descriptor.len + self.payload.len() + OVERHEAD
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
        put(out, &mut len, self.descriptor.as_bytes())?;
        Ok(len)
    }
}

/// In the first byte of an RTP header.
const PADDING_BIT: u8 = 0x20;

/// A rewritten payload descriptor; empty when the publisher's stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    bytes: [u8; MAX_DESCRIPTOR],
    len: usize,
}

impl Descriptor {
    /// How many bytes of the publisher's packet it stands for.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Takes the VP8 descriptor off a payload and renumbers it; what follows is the second result.
    pub(crate) fn renumbered<'a>(
        descriptor: &Vp8Descriptor,
        offset: Vp8Offset,
        payload: &'a [u8],
    ) -> (Self, &'a [u8]) {
        let mut renumbered = Self::default();
        let Some((head, rest)) = payload.split_at_checked(descriptor.len) else {
            return (renumbered, payload);
        };
        let Some(place) = renumbered.bytes.get_mut(..head.len()) else {
            return (renumbered, payload);
        };
        place.copy_from_slice(head);
        let id = descriptor.picture_id.map_or(0, |id| id.value);
        let tl0 = descriptor.tl0_picture_index.unwrap_or(0);
        descriptor.rewrite(
            place,
            id.wrapping_sub(offset.picture_id),
            tl0.wrapping_sub(offset.tl0_picture_index),
        );
        renumbered.len = head.len();
        (renumbered, rest)
    }
}

fn put(out: &mut [u8], len: &mut usize, bytes: &[u8]) -> Result<(), RtpError> {
    let end = *len + bytes.len();
    out.get_mut(*len..end)
        .ok_or(RtpError::NoRoom)?
        .copy_from_slice(bytes);
    *len = end;
    Ok(())
}
