//! How much of a track a client wants, what of that it is not sent, and which of its own encodings anybody needs.

use serde::{Deserialize, Serialize};

use crate::id::TrackId;
use crate::media::Source;

/// What a client shows of the tracks it subscribes; replaces what it said before.
///
/// A track that is not named is wanted as if it were shown large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Views {
    /// One entry per track, the most important first.
    pub views: Vec<View>,
}

/// How one subscribed track is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct View {
    /// Which track.
    pub track_id: TrackId,
    /// Height in device pixels of the picture on the screen. 0: not shown or not heard, nothing is sent. For audio every
    /// other value is the same.
    pub height: u16,
}

/// Which encodings of an own track anybody needs; the client stops the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct EncodingsNeeded {
    /// Which of the client's tracks.
    pub source: Source,
    /// One entry per encoding (RID) or, of a scalable stream, per spatial layer; the smallest picture first.
    pub needed: Vec<bool>,
}

/// Pictures that a client shows and is not sent, although their publishers send them; replaces what was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct PicturesPaused {
    /// Which; none any more when it is empty.
    pub tracks: Vec<TrackId>,
    /// Why.
    pub cause: PauseCause,
}

/// Why pictures are paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PauseCause {
    /// The network between the SFU and the client has no room for them.
    Downlink,
    /// The SFU has too much to do.
    Load,
}
