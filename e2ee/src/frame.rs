//! What a frame is: its context, its codec, and why one was dropped.

pub(crate) mod clear_bytes;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod replay;

use serde::{Deserialize, Serialize};

use crate::encoding::ClientId;

/// Where a frame comes from; bits 20..24 of the KID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// SFrame context 0.
    Microphone,
    /// SFrame context 1.
    Camera,
    /// SFrame context 2.
    ScreenVideo,
    /// SFrame context 3.
    ScreenAudio,
}

impl Context {
    /// Every context, in the order of its number.
    pub const ALL: [Self; 4] = [
        Self::Microphone,
        Self::Camera,
        Self::ScreenVideo,
        Self::ScreenAudio,
    ];

    /// Its number in the KID.
    pub const fn number(self) -> u8 {
        match self {
            Self::Microphone => 0,
            Self::Camera => 1,
            Self::ScreenVideo => 2,
            Self::ScreenAudio => 3,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// A codec whose frames can be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// The whole frame is encrypted.
    Opus,
    /// 10 (key frame) or 1 clear bytes stay before the SFrame ciphertext and are authenticated.
    Vp8,
    /// The whole frame is encrypted.
    Vp9,
}

/// A decrypted frame's origin, from the authenticated KID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Decrypted {
    /// The sender's leaf.
    pub leaf: u32,
    /// The epoch it was encrypted in.
    pub epoch: u64,
    /// Who had that leaf in that epoch.
    pub member: ClientId,
}

/// Why a frame was dropped. There is no other way out for a frame that is not encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// No key (yet): buffer it (at most 64 frames and 1 s per track) and retry on KeysChanged.
    NoKey,
    /// For the caller's buffer: no key came in time.
    UnknownKidExpired,
    /// Not an SFrame header, or not a KID of this protocol.
    BadHeader,
    /// The counter was seen before.
    Replay,
    /// The counter is more than 1024 behind.
    TooOld,
    /// The ciphertext is not authentic.
    AuthFail,
    /// Nobody (else) had that leaf in that epoch.
    WrongLeaf,
    /// The frame is of another context than its track.
    WrongCtx,
    /// The frame is empty or too short for its codec.
    CodecUnprotectable,
    /// The epoch is over.
    EpochRetired,
    /// For the caller: the transform was not running.
    TransformNotRunning,
}
