//! Decodes sound and compares it with the waveform of the bot that made it.

use std::time::{Duration, Instant};

use opus::{Channels, Decoder};

use crate::measure::audio_gap::{Ear, HeardFrame};
use crate::measure::audio_quality::Keeper;
use crate::measure::onset::Onset;
use crate::measure::{Measures, unix_micros};
use crate::source::microphone::{Microphone, first_sample};
use crate::source::stamp::{self, Stamp};
use crate::source::voice::{FRAME_SAMPLES, SAMPLE_RATE, Voice, likeness};

/// Least likeness of what is heard to what was said. The encoder alone keeps above 0.9.
const ALIKE: f64 = 0.8;
/// Frames in a row after which a decoder that began, or lost a frame, has settled.
const SETTLED: u32 = 8;
/// Longest packet in samples (RFC 6716: 120 ms).
const MAX_SAMPLES: usize = 5760;
/// A stamp that is older is of another clock.
const OLDEST: Duration = Duration::from_secs(60);

/// Listens to one track.
pub struct Listener {
    decoder: Decoder,
    ear: Ear,
    onset: Onset,
    keeper: Keeper,
    delay: i64,
    last: Option<u64>,
    in_a_row: u32,
}

impl Listener {
    /// Begins to listen.
    pub fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            decoder: Decoder::new(SAMPLE_RATE, Channels::Mono)?,
            ear: Ear::default(),
            onset: Onset::default(),
            keeper: Keeper::new()?,
            delay: Microphone::delay()?,
            last: None,
            in_a_row: 0,
        })
    }

    /// Decodes a packet, times it when it carries a stamp and compares it. `is_bot`: the sender is a bot of this run.
    pub fn hear(&mut self, arrived: Instant, packet: &[u8], is_bot: bool, measures: &Measures) {
        let mut heard = [0i16; MAX_SAMPLES];
        let decoded = self.decoder.decode(packet, &mut heard, false);
        let stamp = stamp::read(packet);
        if let Some(stamp) = stamp {
            let frame = HeardFrame::new(stamp, arrived);
            self.ear.heard(frame, &measures.audio_gaps);
            self.onset.heard(frame, &measures.onsets);
            self.keeper.hear(packet, stamp, &measures.heard);
            let age = Duration::from_micros(unix_micros().saturating_sub(stamp.sent_us));
            if age < OLDEST {
                measures.latency.record(age);
            }
        }
        match (decoded, stamp) {
            (Ok(FRAME_SAMPLES), Some(stamp)) => self.compare(&heard, stamp, measures),
            (Ok(_), None) if !is_bot => {}
            // A bot's sound is always stamped, and always decodes.
            _ => {
                measures.audio_compared.increment();
                measures.audio_different.increment();
            }
        }
    }

    /// The stream is over.
    pub fn finish(self, measures: &Measures) {
        self.ear.finish(&measures.audio_gaps);
    }

    fn compare(&mut self, heard: &[i16], stamp: Stamp, measures: &Measures) {
        let follows = self.last.is_some_and(|last| last.wrapping_add(1) == stamp.frame);
        self.in_a_row = if follows {
            self.in_a_row.saturating_add(1)
        } else {
            0
        };
        self.last = Some(stamp.frame);
        if self.in_a_row < SETTLED {
            return;
        }
        let mut said = [0i16; FRAME_SAMPLES];
        Voice(u16::from(stamp.voice)).render(first_sample(stamp.frame) - self.delay, &mut said);
        measures.audio_compared.increment();
        if likeness(heard, &said) < ALIKE {
            measures.audio_different.increment();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(microphone: &mut Microphone, claimed: u8) -> Vec<u8> {
        let packet = microphone.next_packet().unwrap();
        let stamp = Stamp {
            sent_us: unix_micros(),
            frame: packet.frame,
            voice: claimed,
        };
        stamp::write(&packet.bytes, stamp).unwrap()
    }

    #[test]
    fn the_right_voice_is_alike_even_after_a_gap() {
        let measures = Measures::default();
        let mut listener = Listener::new().unwrap();
        let mut microphone = Microphone::new(Voice::of(4)).unwrap();
        for frame in 0..100 {
            let packet = stamped(&mut microphone, 4);
            if frame != 50 {
                listener.hear(Instant::now(), &packet, true, &measures);
            }
        }
        assert_eq!(
            (measures.audio_compared.value(), measures.audio_different.value()),
            (83, 0)
        );
        assert_eq!(
            measures.latency.snapshot().map(|histogram| histogram.len()),
            Some(99)
        );
    }

    #[test]
    fn another_voice_or_broken_sound_is_different() {
        let measures = Measures::default();
        let mut listener = Listener::new().unwrap();
        let mut microphone = Microphone::new(Voice::of(4)).unwrap();
        for _ in 0..50 {
            let packet = stamped(&mut microphone, 9);
            listener.hear(Instant::now(), &packet, true, &measures);
        }
        assert!(
            measures.audio_different.value() > 30,
            "{}",
            measures.audio_different.value()
        );
        let before = measures.audio_different.value();
        listener.hear(Instant::now(), b"", true, &measures);
        assert_eq!(measures.audio_different.value(), before + 1);
    }
}
