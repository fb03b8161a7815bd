//! What a light peer sends: media that was encoded once and is shared by all of them.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use conclave_e2ee::{Codec, Context};

use crate::measure::unix_micros;
use crate::source::clip::{Clip, Clips};
use crate::source::microphone::Microphone;
use crate::source::stamp::{self, Stamp};
use crate::source::voice::{FRAME_SAMPLES, Voice};

/// Voices that are encoded at most: encoding costs a hundred times more than sending.
const VOICES: usize = 8;
/// Length of a voice's loop: ten seconds.
const LOOP_FRAMES: usize = 500;

/// Encoded media that goes round and round.
#[derive(Clone, Debug)]
pub enum Source {
    /// A voice: an Opus frame every 20 ms, with the time inside.
    Voice(Arc<Speech>),
    /// A clip of real video frames.
    Clip(Arc<Clip>),
    /// Frames of noise of a given size behind a valid start, for a given load; no browser can show them.
    Noise(Noise),
}

/// A voice that was encoded.
#[derive(Debug)]
pub struct Speech {
    voice: u8,
    packets: Vec<Vec<u8>>,
}

/// Noise in the size of video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// VP8 or VP9.
    pub codec: Codec,
    /// Frames per second.
    pub fps: u32,
    /// Bytes per frame; key frames have as many.
    pub frame_bytes: usize,
    /// The picture size that VP9 key frames announce.
    pub size: (u16, u16),
}

/// One frame to be sealed and sent.
pub(super) struct NextFrame {
    pub(super) key: bool,
}

impl Source {
    /// The voice of participant `index`.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn voice(index: usize) -> Result<Self, opus::Error> {
        static SPEECHES: OnceLock<Mutex<Vec<Option<Arc<Speech>>>>> = OnceLock::new();
        let speeches = SPEECHES.get_or_init(|| Mutex::new(vec![None; VOICES]));
        let place = index % VOICES;
        // Whoever comes meanwhile would encode the same: let it wait.
        let mut speeches = match speeches.lock() {
            Ok(speeches) => speeches,
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(Some(speech)) = speeches.get(place) {
            return Ok(Self::Voice(Arc::clone(speech)));
        }
        let speech = Arc::new(Speech::encode(Voice::of(place))?);
        if let Some(free) = speeches.get_mut(place) {
            *free = Some(Arc::clone(&speech));
        }
        Ok(Self::Voice(speech))
    }

    /// The built-in clip of a codec; VP9 for anything that is not VP8.
    pub fn clip(codec: Codec) -> Self {
        let clips = Clips::built_in();
        Self::Clip(Arc::clone(match codec {
            Codec::Vp8 => &clips.vp8,
            Codec::Vp9 | Codec::Opus => &clips.vp9,
        }))
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        match self {
            Self::Voice(_) => Codec::Opus,
            Self::Clip(clip) => clip.codec,
            Self::Noise(noise) => noise.codec,
        }
    }

    /// Between two frames.
    pub fn interval(&self) -> Duration {
        match self {
            Self::Voice(_) => Duration::from_millis(20),
            Self::Clip(clip) => Duration::from_secs(1) / clip.fps.max(1),
            Self::Noise(noise) => Duration::from_secs(1) / noise.fps.max(1),
        }
    }

    /// RTP clock ticks between two frames.
    pub(super) fn ticks(&self) -> u32 {
        match self {
            Self::Voice(_) => u32::try_from(FRAME_SAMPLES).unwrap_or_default(),
            Self::Clip(clip) => 90_000 / clip.fps.max(1),
            Self::Noise(noise) => 90_000 / noise.fps.max(1),
        }
    }

    /// Width and height of its pictures.
    pub(super) fn size(&self) -> (u16, u16) {
        match self {
            Self::Voice(_) => (0, 0),
            Self::Clip(clip) => clip.size,
            Self::Noise(noise) => noise.size,
        }
    }

    /// Where in the loop frame `at` is, given that a key frame begins it anew.
    pub(super) fn frames(&self) -> usize {
        match self {
            Self::Voice(speech) => speech.packets.len(),
            Self::Clip(clip) => clip.frames.len(),
            // A key frame is sent on request only, and at the start.
            Self::Noise(_) => usize::MAX,
        }
        .max(1)
    }

    /// Writes frame `at` of the loop to `out`, which is replaced.
    pub(super) fn write(&self, at: usize, out: &mut Vec<u8>) -> NextFrame {
        out.clear();
        match self {
            Self::Voice(speech) => {
                speech.write(at, out);
                NextFrame { key: true }
            }
            Self::Clip(clip) => match clip.frames.get(at) {
                Some(frame) => {
                    out.extend_from_slice(&frame.bytes);
                    NextFrame { key: frame.key }
                }
                None => NextFrame { key: false },
            },
            Self::Noise(noise) => {
                let key = at == 0;
                noise.write(key, out);
                NextFrame { key }
            }
        }
    }
}

impl Speech {
    fn encode(voice: Voice) -> Result<Self, opus::Error> {
        let mut microphone = Microphone::new(voice)?;
        let packets: Result<Vec<_>, _> = (0..LOOP_FRAMES)
            .map(|_| microphone.next_packet().map(|packet| packet.bytes))
            .collect();
        Ok(Self {
            voice: u8::try_from(voice.0).unwrap_or(u8::MAX),
            packets: packets?,
        })
    }

    /// The stamp numbers frames by their place in the loop: a receiver that compares waveforms hears a voice that
    /// begins anew.
    fn write(&self, at: usize, out: &mut Vec<u8>) {
        let Some(packet) = self.packets.get(at) else {
            return;
        };
        let stamp = Stamp {
            sent_us: unix_micros(),
            frame: u64::try_from(at).unwrap_or_default(),
            voice: self.voice,
        };
        match stamp::write(packet, stamp) {
            Some(stamped) => out.extend_from_slice(&stamped),
            None => out.extend_from_slice(packet),
        }
    }
}

impl Noise {
    fn write(self, key: bool, out: &mut Vec<u8>) {
        out.resize(self.frame_bytes.max(10), 0x5A);
        let first = match (self.codec, key) {
            // RFC 6386 §9.1: the lowest bit of a key frame is 0.
            (Codec::Vp8, true) => 0x50,
            (Codec::Vp8, false) => 0x51,
            // VP9, profile 0: frame marker 2, and the bit that says "not a key frame".
            (_, true) => 0x82,
            (_, false) => 0x86,
        };
        if let Some(byte) = out.first_mut() {
            *byte = first;
        }
    }
}

/// One track a light peer sends.
#[derive(Clone, Debug)]
pub struct SendTrack {
    /// Its name in the offer's `a=msid`.
    pub name: String,
    /// Where it comes from: its SFrame context.
    pub context: Context,
    /// What it is.
    pub source: Source,
}

impl SendTrack {
    /// A microphone with the voice of participant `index`.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn microphone(index: usize) -> Result<Self, opus::Error> {
        Ok(Self {
            name: format!("microphone-{index}"),
            context: Context::Microphone,
            source: Source::voice(index)?,
        })
    }

    /// A camera that shows the built-in clip.
    pub fn camera(index: usize, codec: Codec) -> Self {
        Self {
            name: format!("camera-{index}"),
            context: Context::Camera,
            source: Source::clip(codec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_encoded_once_and_stamped_each_time() {
        let (Source::Voice(one), Source::Voice(again)) =
            (Source::voice(3).unwrap(), Source::voice(3 + VOICES).unwrap())
        else {
            panic!("not voices");
        };
        assert!(Arc::ptr_eq(&one, &again));
        let mut frame = Vec::new();
        assert!(Source::Voice(one).write(7, &mut frame).key);
        let stamp = stamp::read(&frame).unwrap();
        assert_eq!((stamp.frame, stamp.voice), (7, 3));
    }

    #[test]
    fn noise_looks_like_key_and_delta_frames_of_its_size() {
        let noise = Noise {
            codec: Codec::Vp8,
            fps: 30,
            frame_bytes: 3000,
            size: (640, 360),
        };
        let mut frame = Vec::new();
        assert!(Source::Noise(noise).write(0, &mut frame).key);
        assert_eq!((frame.len(), frame[0] & 1), (3000, 0));
        assert!(!Source::Noise(noise).write(1, &mut frame).key);
        assert_eq!(frame[0] & 1, 1);
    }
}
