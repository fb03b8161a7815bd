//! What is published and subscribed: sources, codecs, tracks, media sections.

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, TrackId};

/// Where a track's media comes from. Its order is the SFrame context (docs/E2EE.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// SFrame context 0.
    Microphone,
    /// SFrame context 1.
    Camera,
    /// SFrame context 2.
    ScreenVideo,
    /// SFrame context 3.
    ScreenAudio,
}

impl Source {
    /// Audio or video.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Microphone | Self::ScreenAudio => Kind::Audio,
            Self::Camera | Self::ScreenVideo => Kind::Video,
        }
    }

    /// The SFrame context (bits 20..24 of the KID).
    pub const fn context(self) -> u8 {
        match self {
            Self::Microphone => 0,
            Self::Camera => 1,
            Self::ScreenVideo => 2,
            Self::ScreenAudio => 3,
        }
    }
}

/// The kind of a media section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Opus.
    Audio,
    /// VP9 or VP8.
    Video,
}

/// A codec whose frames can be encrypted end to end. Everything else is stripped from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// RFC 7587, without DTX.
    Opus,
    /// RFC 7741; 10 or 1 clear bytes before each SFrame ciphertext.
    Vp8,
    /// RFC 9628, profile 0; whole frames encrypted.
    Vp9,
}

impl Codec {
    /// Audio or video.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::Vp8 | Self::Vp9 => Kind::Video,
        }
    }
}

/// A published track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Track {
    /// Unique within the room.
    pub track_id: TrackId,
    /// Who publishes it, as the server believes; the SFrame KID decides.
    pub client_id: ClientId,
    /// Where it comes from.
    pub source: Source,
    /// The one codec it is sent with.
    pub codec: Codec,
}

/// What one `m=` section of an offer is for. Sections are one-way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Section {
    /// The section's `a=mid`.
    pub mid: String,
    /// Its use.
    #[serde(flatten)]
    pub role: SectionRole,
}

/// The use of a media section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum SectionRole {
    /// The client sends one track (`a=sendonly`).
    Publish {
        /// Where the media comes from.
        source: Source,
    },
    /// The client receives one track (`a=recvonly`).
    Subscribe {
        /// Which one.
        track_id: TrackId,
    },
    /// Not in use (`a=inactive`, or waiting to be used again).
    Idle,
}
