//! What a light peer sends: media that was encoded once and is shared by all of them.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use conclave_e2ee::{Codec, Context};

use crate::measure::unix_micros;
use crate::source::clip::{Clip, Clips};
use crate::source::microphone::Microphone;
use crate::source::stamp::{self, Stamp};
use crate::source::voice::{FRAME_SAMPLES, LOOP_FRAMES, SAMPLE_RATE, Voice};

/// Voices that are encoded at most: encoding costs a hundred times more than sending.
const VOICES: usize = 8;

/// For sound from elsewhere, in bits per second, and the largest packet of one frame (RFC 6716 §3.4).
const SOUND_BITRATE: i32 = 64_000;
const MAX_PACKET: usize = 1275;

/// A shared screen of 1.5 Mbit/s.
pub const SCREEN: Noise = Noise {
    codec: Codec::Vp8,
    fps: 5,
    frame_bytes: 37_500,
    size: (1920, 1080),
};

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
    /// The voice in its stamps; sound from elsewhere has none.
    voice: Option<u8>,
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
        let speech = Arc::new(Speech::encode(Voice::looped(place))?);
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

    /// Writes the frame with this number to `out`, which is replaced. Sound goes by its `number` since the beginning,
    /// pictures by their number since the last key frame.
    pub(super) fn write(&self, number: u64, since_key: u64, out: &mut Vec<u8>) -> NextFrame {
        out.clear();
        let at = |frames: usize| {
            let frames = u64::try_from(frames.max(1)).unwrap_or(u64::MAX);
            usize::try_from(since_key % frames).unwrap_or_default()
        };
        match self {
            Self::Voice(speech) => {
                speech.write(number, out);
                NextFrame { key: true }
            }
            Self::Clip(clip) => match clip.frames.get(at(clip.frames.len())) {
                Some(frame) => {
                    out.extend_from_slice(&frame.bytes);
                    NextFrame { key: frame.key }
                }
                None => NextFrame { key: false },
            },
            Self::Noise(noise) => {
                // A key frame is sent on request only, and at the start.
                let key = since_key == 0;
                noise.write(key, out);
                NextFrame { key }
            }
        }
    }
}

impl Speech {
    fn encode(voice: Voice) -> Result<Self, opus::Error> {
        let mut microphone = Microphone::new(voice)?;
        // The second time round, so that the end fits to the beginning.
        let packets: Result<Vec<_>, _> = (0..2 * LOOP_FRAMES)
            .map(|_| microphone.next_packet().map(|packet| packet.bytes))
            .skip(LOOP_FRAMES)
            .collect();
        Ok(Self {
            voice: u8::try_from(voice.0).ok(),
            packets: packets?,
        })
    }

    /// Encodes one channel at 48 kHz; what is left of the last 20 ms is filled with silence.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn of_samples(samples: &[i16]) -> Result<Self, opus::Error> {
        let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Audio)?;
        encoder.set_bitrate(opus::Bitrate::Bits(SOUND_BITRATE))?;
        encoder.set_vbr(false)?;
        let mut packets = Vec::new();
        for chunk in samples.chunks(FRAME_SAMPLES) {
            let mut frame = [0i16; FRAME_SAMPLES];
            for (place, sample) in frame.iter_mut().zip(chunk) {
                *place = *sample;
            }
            packets.push(encoder.encode_vec(&frame, MAX_PACKET)?);
        }
        Ok(Self { voice: None, packets })
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        let frames = u64::try_from(self.packets.len().max(1)).unwrap_or(u64::MAX);
        let at = usize::try_from(number % frames).unwrap_or_default();
        let Some(packet) = self.packets.get(at) else {
            return;
        };
        let stamped = self.voice.and_then(|voice| {
            let stamp = Stamp {
                sent_us: unix_micros(),
                frame: number,
                voice,
            };
            stamp::write(packet, stamp)
        });
        match stamped {
            Some(stamped) => out.extend_from_slice(&stamped),
            None => out.extend_from_slice(packet),
        }
    }
}

impl Noise {
    /// Whether a frame is one of these.
    pub fn made(self, frame: &[u8]) -> bool {
        let mut own = Vec::new();
        [true, false].into_iter().any(|key| {
            self.write(key, &mut own);
            own == frame
        })
    }

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

    /// A screen with text on it: large pictures, few of them.
    pub fn screen(index: usize) -> Self {
        Self {
            name: format!("screen-{index}"),
            context: Context::ScreenVideo,
            source: Source::Noise(SCREEN),
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
        assert!(Source::Voice(one).write(1007, 0, &mut frame).key);
        let stamp = stamp::read(&frame).unwrap();
        assert_eq!((stamp.frame, stamp.voice), (1007, 103));
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
        assert!(Source::Noise(noise).write(9, 0, &mut frame).key);
        assert_eq!((frame.len(), frame[0] & 1), (3000, 0));
        assert!(noise.made(&frame));
        assert!(!Source::Noise(noise).write(9, 1, &mut frame).key);
        assert_eq!(frame[0] & 1, 1);
        assert!(noise.made(&frame));
        frame[2000] ^= 1;
        assert!(!noise.made(&frame) && !noise.made(&[]));
    }
}
