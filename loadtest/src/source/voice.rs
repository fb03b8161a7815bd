//! The waveform of each bot: a hummed note with syllables, a pure function of the sample's number.
//!
//! A receiver that knows the number of a frame can make the same samples again and compare.

use std::f64::consts::TAU;
use std::sync::OnceLock;

/// Samples per second.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of one frame of 20 ms.
pub const FRAME_SAMPLES: usize = 960;

/// Frames of a voice that repeats itself: ten seconds.
pub const LOOP_FRAMES: usize = 500;
/// Voices from this number on repeat themselves.
const LOOPED: u16 = 100;

const LOWEST_NOTE_HZ: f64 = 130.812_8;
/// Semitones of a pentatonic scale: any set of bots is a chord.
const SCALE: [u8; 5] = [0, 2, 4, 7, 9];
const OCTAVES: u16 = 3;
/// 2.5 syllables per second.
const SYLLABLE_SAMPLES: u32 = SAMPLE_RATE * 2 / 5;
/// Steps of one turn of the tone.
const TONE_STEPS: u32 = 4096;
/// Loudness of the first harmonics, falling as in a voice.
const HARMONICS: [f64; 5] = [1.0, 0.6, 0.4, 0.25, 0.12];
const PEAK: f64 = 9_000.0;

/// One bot's voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice(pub u16);

impl Voice {
    /// The voice of bot `index`.
    pub fn of(index: usize) -> Self {
        let voices = u16::try_from(SCALE.len()).unwrap_or(1) * OCTAVES;
        let index = index % usize::from(voices);
        Self(u16::try_from(index).unwrap_or_default())
    }

    /// The voice of bot `index` that says the same [`LOOP_FRAMES`] frames over and over.
    pub fn looped(index: usize) -> Self {
        Self(LOOPED + Self::of(index).0)
    }

    /// Its note in hertz.
    pub fn note(self) -> f64 {
        let notes = SCALE.len();
        let voice = usize::from(self.0 % LOOPED);
        let semitone = SCALE.get(voice % notes).copied().unwrap_or_default();
        let octave = u16::try_from(voice / notes).unwrap_or_default() % OCTAVES;
        LOWEST_NOTE_HZ * 2f64.powf(f64::from(semitone) / 12.0 + f64::from(octave))
    }

    /// Writes samples `first..` into `out`. Negative numbers are the silence before the beginning.
    pub fn render(self, first: i64, out: &mut [i16]) {
        let waves = Waves::shared();
        let loop_samples = u64::try_from(LOOP_FRAMES * FRAME_SAMPLES).unwrap_or(u64::MAX);
        let turns_per_sample = self.note() / f64::from(SAMPLE_RATE);
        for (number, sample) in (first..).zip(out) {
            let value = u64::try_from(number).map_or(0.0, |number| {
                let number = if self.0 < LOOPED {
                    number
                } else {
                    number % loop_samples
                };
                waves.at(number, turns_per_sample)
            });
            #[expect(clippy::cast_possible_truncation, reason = "bounded by PEAK")]
            let value = value as i16;
            *sample = value;
        }
    }
}

/// One turn of the tone and one syllable, made once: a room of ten renders four million samples per second.
struct Waves {
    tone: Vec<f32>,
    syllable: Vec<f32>,
}

impl Waves {
    fn shared() -> &'static Self {
        static WAVES: OnceLock<Waves> = OnceLock::new();
        WAVES.get_or_init(|| {
            let total: f64 = HARMONICS.iter().sum();
            let tone = |turn: f64| {
                let waves = HARMONICS.iter().zip(1u8..);
                let sum: f64 = waves
                    .map(|(loud, times)| loud * (TAU * turn * f64::from(times)).sin())
                    .sum();
                PEAK * sum / total
            };
            // Never quite silent, so that every frame can be compared.
            let syllable = |part: f64| 0.35 + 0.65 * (0.5 - 0.5 * (TAU * part).cos());
            Self {
                tone: table(TONE_STEPS, tone),
                syllable: table(SYLLABLE_SAMPLES, syllable),
            }
        })
    }

    fn at(&self, number: u64, turns_per_sample: f64) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "2^53 samples are 5900 years")]
        let turn = (number as f64 * turns_per_sample).fract();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= turn < 1"
        )]
        let step = (turn * f64::from(TONE_STEPS)) as usize;
        let part = usize::try_from(number % u64::from(SYLLABLE_SAMPLES)).unwrap_or_default();
        let value = |table: &[f32], at: usize| table.get(at).copied().unwrap_or_default();
        value(&self.tone, step) * value(&self.syllable, part)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "samples of 16 bits need no more than f32"
)]
fn table(steps: u32, wave: impl Fn(f64) -> f64) -> Vec<f32> {
    (0..steps)
        .map(|step| wave(f64::from(step) / f64::from(steps)) as f32)
        .collect()
}

/// Likeness of two stretches of sound, from -1 to 1: the normalized correlation at lag zero. 0 for silence.
pub fn likeness(heard: &[i16], said: &[i16]) -> f64 {
    let (mut product, mut heard_energy, mut said_energy) = (0i64, 0i64, 0i64);
    for (heard, said) in heard.iter().zip(said) {
        let (heard, said) = (i64::from(*heard), i64::from(*said));
        product += heard * said;
        heard_energy += heard * heard;
        said_energy += said * said;
    }
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
    let (product, heard_energy, said_energy) = (product as f64, heard_energy as f64, said_energy as f64);
    let scale = (heard_energy * said_energy).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_like_itself_and_unlike_another_and_silence() {
        let (mut one, mut again, mut other) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
        Voice::of(1).render(48_000, &mut one);
        Voice::of(1).render(48_000, &mut again);
        Voice::of(8).render(48_000, &mut other);
        assert!(likeness(&one, &again) > 0.999);
        assert!(likeness(&one, &other).abs() < 0.5);
        assert!(likeness(&one, &[0; FRAME_SAMPLES]).abs() < f64::EPSILON);
    }

    #[test]
    fn a_looped_voice_is_the_plain_one_over_and_over() {
        let (mut plain, mut first, mut again) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
        let length = i64::try_from(LOOP_FRAMES * FRAME_SAMPLES).unwrap();
        Voice::of(2).render(9600, &mut plain);
        Voice::looped(2).render(9600, &mut first);
        Voice::looped(2).render(9600 + 3 * length, &mut again);
        assert_eq!((plain, plain), (first, again));
    }

    #[test]
    fn fifteen_bots_have_fifteen_notes() {
        let mut notes: Vec<f64> = (0..15).map(|index| Voice::of(index).note()).collect();
        notes.sort_by(f64::total_cmp);
        assert!(notes.windows(2).all(|pair| pair[1] - pair[0] > 1.0));
    }
}
