//! Who is there and what they publish. Hints: the roster a person sees is the MLS tree.

use serde::{Deserialize, Serialize};

use crate::bytes::Blob;
use crate::id::{ClientId, Epoch, LeafIndex, TrackId};
use crate::media::Track;

/// A participant's connection changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Presence {
    /// Who.
    pub client_id: ClientId,
    /// How it stands.
    pub presence: PresenceKind,
}

/// How a participant's connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PresenceKind {
    /// Connected.
    Online,
    /// The connection was lost; it may come back within the grace period. Nothing is forwarded to it.
    Suspended,
    /// Left, dropped or removed.
    Gone,
}

/// A track can be subscribed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TrackPublished {
    /// The track.
    pub track: Track,
}

/// A track is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TrackUnpublished {
    /// The track.
    pub track_id: TrackId,
}

/// A host removes a member.
///
/// The signature is Ed25519 by the host's leaf key over
/// `"conclave kick" ‖ group_id ‖ epoch (8 bytes, big endian) ‖ leaf (4 bytes, big endian)`, with `"conclave ban"` in
/// front for a ban. By a host key or the leaf key of a co-host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Kick {
    /// Whom.
    pub leaf: LeafIndex,
    /// The epoch the host saw that leaf in.
    pub epoch: Epoch,
    /// Whether nobody from that network address comes in again during this call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<bool>"))]
    pub ban: bool,
    /// 64 bytes.
    pub signature: Blob,
}
