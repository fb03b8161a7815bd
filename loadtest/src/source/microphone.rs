//! A voice through the Opus encoder: constant bitrate, no DTX, 20 ms frames.

use opus::{Application, Bitrate, Channels, Encoder};

use super::voice::{FRAME_SAMPLES, SAMPLE_RATE, Voice};

// Application::LowDelay keeps to CELT, whose packets of constant bitrate are full: they have no padding yet, so there
// is room for the stamp, and the waveform is kept well enough to compare.

/// What browsers use for speech, in bits per second.
const BITRATE: i32 = 32_000;
/// Largest packet of one frame (RFC 6716 §3.4).
const MAX_PACKET: usize = 1275;

/// One encoded frame.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The Opus packet, of code 0.
    pub bytes: Vec<u8>,
    /// Its number since the beginning.
    pub frame: u64,
}

/// Encodes a voice.
#[derive(Debug)]
pub struct Microphone {
    voice: Voice,
    encoder: Encoder,
    frame: u64,
}

impl Microphone {
    /// A microphone that hears `voice` from its first sample on.
    pub fn new(voice: Voice) -> Result<Self, opus::Error> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::LowDelay)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
        encoder.set_vbr(false)?;
        encoder.set_dtx(false)?;
        Ok(Self {
            voice,
            encoder,
            frame: 0,
        })
    }

    /// The next 20 ms.
    pub fn next_packet(&mut self) -> Result<Packet, opus::Error> {
        let mut samples = [0i16; FRAME_SAMPLES];
        self.voice.render(first_sample(self.frame), &mut samples);
        let bytes = self.encoder.encode_vec(&samples, MAX_PACKET)?;
        let packet = Packet {
            bytes,
            frame: self.frame,
        };
        self.frame += 1;
        Ok(packet)
    }

    /// The voice it hears.
    pub fn voice(&self) -> Voice {
        self.voice
    }

    /// By how many samples what a decoder gives out lags behind what was said.
    pub fn delay() -> Result<i64, opus::Error> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::LowDelay)?;
        encoder.get_lookahead().map(i64::from)
    }
}

/// The number of the first sample of a frame.
pub fn first_sample(frame: u64) -> i64 {
    let samples = frame.saturating_mul(u64::try_from(FRAME_SAMPLES).unwrap_or_default());
    i64::try_from(samples).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::voice::likeness;

    #[test]
    fn every_packet_has_the_same_size_and_sounds_like_the_voice() {
        let delay = Microphone::delay().unwrap();
        for index in 0..15 {
            let voice = Voice::of(index);
            let mut microphone = Microphone::new(voice).unwrap();
            let mut decoder = opus::Decoder::new(SAMPLE_RATE, Channels::Mono).unwrap();
            let mut sizes = std::collections::BTreeSet::new();
            for frame in 0..100 {
                let packet = microphone.next_packet().unwrap();
                sizes.insert(packet.bytes.len());
                let (mut heard, mut said) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
                decoder.decode(&packet.bytes, &mut heard, false).unwrap();
                voice.render(first_sample(packet.frame) - delay, &mut said);
                assert!(
                    frame < 3 || likeness(&heard, &said) > 0.9,
                    "voice {index} frame {frame}"
                );
            }
            assert_eq!(sizes.len(), 1);
        }
    }
}
