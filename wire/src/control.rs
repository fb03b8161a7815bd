//! The control link: the signaling service tells an SFU what to do, embedded or over a WebSocket.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::client::subscription::{PauseCause, View};
use crate::error_code::ErrorCode;
use crate::id::{Epoch, LeafIndex, OfferId, PeerId, RoomId, TrackId};
use crate::media::{Codec, Section, Source};

/// What the signaling service tells the SFU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlCommand {
    /// A participant may negotiate. Nothing is forwarded to or from it before Admit.
    AddPeer {
        /// Its name from now on.
        peer: PeerId,
        /// Where it belongs.
        room: RoomId,
    },
    /// Answer this offer.
    Negotiate {
        /// Whose.
        peer: PeerId,
        /// Comes back in Answered.
        offer_id: OfferId,
        /// The SDP.
        sdp: String,
        /// The use of its sections.
        sections: Vec<Section>,
    },
    /// The peer is a member of the group with this leaf: forward to it, and from it what carries its leaf in the KID.
    Admit {
        /// Who.
        peer: PeerId,
        /// Its leaf in the MLS tree.
        leaf: LeafIndex,
    },
    /// The peer's signaling session is gone: forward nothing to it or from it, keep its transport.
    Suspend {
        /// Who.
        peer: PeerId,
    },
    /// The peer's signaling session is back.
    Resume {
        /// Who.
        peer: PeerId,
    },
    /// What the peer may publish from now on; packets of anything else are dropped. Everything until it is said.
    Permit {
        /// Who.
        peer: PeerId,
        /// The sources that are forwarded.
        sources: Vec<Source>,
    },
    /// What the peer shows of its subscriptions; replaces what it showed before.
    Views {
        /// Who.
        peer: PeerId,
        /// The most important first; a track that is not named is wanted as if it were shown large.
        views: Vec<View>,
    },
    /// The peer left.
    RemovePeer {
        /// Who.
        peer: PeerId,
    },
    /// Senders switch to this epoch: ask each camera and screen that has a new subscriber once for a key frame.
    Go {
        /// Where.
        room: RoomId,
        /// To which.
        epoch: Epoch,
    },
}

/// What the SFU tells the signaling service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlEvent {
    /// The SFU serves; the first event.
    Ready {
        /// Its version.
        version: String,
        /// Addresses that go into candidates.
        candidates: Vec<SocketAddr>,
    },
    /// The answer to Negotiate.
    Answered {
        /// Whose.
        peer: PeerId,
        /// From Negotiate.
        offer_id: OfferId,
        /// The SDP.
        sdp: String,
    },
    /// The offer was refused; nothing changed.
    NegotiationFailed {
        /// Whose.
        peer: PeerId,
        /// From Negotiate.
        offer_id: OfferId,
        /// Why.
        code: ErrorCode,
    },
    /// A track was negotiated and its publisher is admitted.
    TrackPublished {
        /// Whose.
        peer: PeerId,
        /// Its name from now on.
        track_id: TrackId,
        /// Where it comes from.
        source: Source,
        /// The one codec it is sent with.
        codec: Codec,
    },
    /// A track is gone.
    TrackUnpublished {
        /// Whose.
        peer: PeerId,
        /// Which.
        track_id: TrackId,
    },
    /// Which encodings of a track its subscribers need changed.
    EncodingsNeeded {
        /// Whose track.
        peer: PeerId,
        /// Which of its tracks.
        source: Source,
        /// One entry per encoding or spatial layer, the smallest picture first.
        needed: Vec<bool>,
    },
    /// Which pictures a peer shows and is not sent, although their publishers send them, changed.
    PicturesPaused {
        /// Who goes without.
        peer: PeerId,
        /// Which; none any more when it is empty.
        tracks: Vec<TrackId>,
        /// Why.
        cause: PauseCause,
    },
    /// Whether the SFU can take more participants changed. It starts with being able to.
    Overloaded {
        /// It cannot: people who are not in a call yet are turned away.
        overloaded: bool,
    },
    /// ICE and DTLS are done.
    PeerConnected {
        /// Who.
        peer: PeerId,
    },
    /// Consent expired or DTLS failed (RFC 7675).
    PeerLost {
        /// Who.
        peer: PeerId,
    },
    /// A publisher's frames were not SFrame or carried another leaf's KID; the track was closed.
    ProducerClosed {
        /// Whose.
        peer: PeerId,
        /// Which.
        track_id: TrackId,
    },
}
