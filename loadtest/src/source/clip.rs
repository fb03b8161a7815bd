//! Clips of real video frames, made by a browser's encoder (see clips/README.md), and how they are played.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use conclave_e2ee::Codec;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A loop that begins with its key frame.
#[derive(Debug)]
pub struct Clip {
    /// VP8 or VP9.
    pub codec: Codec,
    /// Width and height in pixels.
    pub size: (u16, u16),
    /// Frames per second.
    pub fps: u32,
    /// At least one; the first is a key frame.
    pub frames: Vec<ClipFrame>,
}

/// An encoded frame.
#[derive(Debug)]
pub struct ClipFrame {
    /// What the encoder gave out.
    pub bytes: Vec<u8>,
    /// Whether it can be decoded without another.
    pub key: bool,
}

/// Why bytes are not a clip.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ClipError {
    /// The bytes end inside a header or a frame.
    #[error("the file is cut short")]
    Truncated,
    /// Not the signature of an IVF file.
    #[error("not an IVF file")]
    NotIvf,
    /// Neither VP8 nor VP9.
    #[error("neither VP8 nor VP9")]
    Codec,
    /// The frame rate is not a whole number of at least one.
    #[error("the frame rate is not a whole number")]
    FrameRate,
    /// The first frame is missing or no key frame.
    #[error("the first frame is not a key frame")]
    NoKeyFrame,
}

impl Clip {
    /// Parses an IVF file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ClipError> {
        let (header, mut rest) = bytes.split_at_checked(32).ok_or(ClipError::Truncated)?;
        if header.get(..4) != Some(b"DKIF") {
            return Err(ClipError::NotIvf);
        }
        let codec = match header.get(8..12) {
            Some(b"VP80") => Codec::Vp8,
            Some(b"VP90") => Codec::Vp9,
            _ => return Err(ClipError::Codec),
        };
        let short = |at: usize| le(header, at, 2).and_then(|value| u16::try_from(value).ok());
        let size = (
            short(12).ok_or(ClipError::Truncated)?,
            short(14).ok_or(ClipError::Truncated)?,
        );
        let rate = le(header, 16, 4).ok_or(ClipError::Truncated)?;
        let scale = le(header, 20, 4).ok_or(ClipError::Truncated)?;
        if rate == 0 || scale == 0 || rate % scale != 0 {
            return Err(ClipError::FrameRate);
        }
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let length = le(rest, 0, 4).ok_or(ClipError::Truncated)?;
            let length = usize::try_from(length).map_err(|_| ClipError::Truncated)?;
            let body = rest.get(12..).ok_or(ClipError::Truncated)?;
            let (frame, after) = body.split_at_checked(length).ok_or(ClipError::Truncated)?;
            frames.push(ClipFrame {
                bytes: frame.to_vec(),
                key: is_key(codec, frame),
            });
            rest = after;
        }
        match frames.first() {
            Some(first) if first.key => Ok(Self {
                codec,
                size,
                fps: rate / scale,
                frames,
            }),
            _ => Err(ClipError::NoKeyFrame),
        }
    }
}

/// The clips that are built in.
#[derive(Debug)]
pub struct Clips {
    /// 320x180, 15 frames per second, 5 s.
    pub vp8: Arc<Clip>,
    /// The same picture.
    pub vp9: Arc<Clip>,
    known: HashSet<[u8; 32]>,
}

impl Clips {
    /// The built-in clips.
    pub fn built_in() -> &'static Self {
        static CLIPS: OnceLock<Clips> = OnceLock::new();
        CLIPS.get_or_init(|| {
            let vp8 = Arc::new(checked(include_bytes!("../../clips/vp8.ivf")));
            let vp9 = Arc::new(checked(include_bytes!("../../clips/vp9.ivf")));
            let frames = vp8.frames.iter().chain(&vp9.frames);
            let known = frames.map(|frame| Sha256::digest(&frame.bytes).into()).collect();
            Self { vp8, vp9, known }
        })
    }

    /// Whether these bytes are a frame of a clip, to the last bit.
    pub fn contain(&self, frame: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(frame).into();
        self.known.contains(&hash)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the clips are part of the program and a test parses them"
)]
fn checked(bytes: &[u8]) -> Clip {
    Clip::parse(bytes).expect("a built-in clip is an IVF file")
}

/// Plays a clip round and round.
#[derive(Debug)]
pub struct Player {
    clip: Arc<Clip>,
    at: usize,
}

impl Player {
    /// Begins at the key frame.
    pub fn new(clip: Arc<Clip>) -> Self {
        Self { clip, at: 0 }
    }

    /// What it plays.
    pub fn clip(&self) -> &Clip {
        &self.clip
    }

    /// Goes back to the key frame: the answer to a key-frame request.
    pub fn restart(&mut self) {
        self.at = 0;
    }

    /// The next frame.
    pub fn next_frame(&mut self) -> Option<&ClipFrame> {
        let frame = self.clip.frames.get(self.at)?;
        self.at = (self.at + 1) % self.clip.frames.len();
        Some(frame)
    }
}

fn is_key(codec: Codec, frame: &[u8]) -> bool {
    let Some(first) = frame.first() else { return false };
    match codec {
        Codec::Opus => true,
        // RFC 6386 §9.1: the lowest bit says "not a key frame".
        Codec::Vp8 => first & 0x01 == 0,
        // VP9 specification §6.2, profile 0: show_existing_frame and frame_type are both zero.
        Codec::Vp9 => first & 0x0c == 0,
    }
}

fn le(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u32::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_clips_are_five_seconds_with_one_key_frame() {
        let clips = Clips::built_in();
        for (clip, codec) in [(&clips.vp8, Codec::Vp8), (&clips.vp9, Codec::Vp9)] {
            assert_eq!(
                (clip.codec, clip.size, clip.fps, clip.frames.len()),
                (codec, (320, 180), 15, 75)
            );
            assert_eq!(clip.frames.iter().filter(|frame| frame.key).count(), 1);
            assert!(clip.frames.iter().all(|frame| clips.contain(&frame.bytes)));
        }
        assert!(!clips.contain(b"another frame"));
    }

    #[test]
    fn a_player_loops_and_restarts_at_the_key_frame() {
        let mut player = Player::new(Arc::clone(&Clips::built_in().vp9));
        let keys: Vec<bool> = (0..76).map(|_| player.next_frame().unwrap().key).collect();
        assert_eq!(keys.iter().filter(|key| **key).count(), 2);
        assert!(keys[0] && keys[75]);
        assert!(!player.next_frame().unwrap().key);
        player.restart();
        assert!(player.next_frame().unwrap().key);
    }

    #[test]
    fn broken_files_are_refused_by_name() {
        let good = include_bytes!("../../clips/vp8.ivf");
        assert_eq!(Clip::parse(&good[..20]).unwrap_err(), ClipError::Truncated);
        assert_eq!(
            Clip::parse(&good[..good.len() - 1]).unwrap_err(),
            ClipError::Truncated
        );
        assert_eq!(Clip::parse(&good[..32]).unwrap_err(), ClipError::NoKeyFrame);
        let mut other = good.to_vec();
        other[0] = b'X';
        assert_eq!(Clip::parse(&other).unwrap_err(), ClipError::NotIvf);
        other = good.to_vec();
        other[8..12].copy_from_slice(b"AV01");
        assert_eq!(Clip::parse(&other).unwrap_err(), ClipError::Codec);
        other = good.to_vec();
        other[16..20].fill(0);
        assert_eq!(Clip::parse(&other).unwrap_err(), ClipError::FrameRate);
    }
}
