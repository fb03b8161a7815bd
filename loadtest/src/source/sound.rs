//! Sound from elsewhere: tones, and WAV files.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::time::Duration;

use thiserror::Error;

use super::voice::SAMPLE_RATE;

/// Loudness of a tone.
const PEAK: f64 = 8_000.0;
/// Longest file taken, in samples of 48 kHz: ten minutes. All of it is encoded before it is played.
const LONGEST: usize = 600 * 48_000;

/// Why bytes are no sound to play.
#[derive(Debug, Error)]
pub enum SoundError {
    /// Not a WAV file, or one of a kind that is not known.
    #[error("not a WAV file that can be read: {0}")]
    Wav(#[from] hound::Error),
    /// No samples.
    #[error("the file is empty")]
    Empty,
    /// Too many samples.
    #[error("the file is longer than ten minutes")]
    TooLong,
}

/// A tone of so many hertz, at 48 kHz; it ends where it may begin again without a click.
pub fn tone(pitch: f64, length: Duration) -> Vec<i16> {
    let rate = f64::from(SAMPLE_RATE);
    let turns = (length.as_secs_f64() * pitch).floor().max(1.0);
    let samples = turns / pitch * rate;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded by the length and the peak"
    )]
    (0..samples as u32)
        .map(|number| (PEAK * (TAU * pitch * f64::from(number) / rate).sin()) as i16)
        .collect()
}

/// The samples of a WAV file as one channel at 48 kHz.
///
/// # Errors
/// [`SoundError`].
pub fn wav(bytes: &[u8]) -> Result<Vec<i16>, SoundError> {
    let mut reader = hound::WavReader::new(Cursor::new(bytes))?;
    let spec = reader.spec();
    let full = 2f64.powi(i32::from(spec.bits_per_sample) - 1);
    let values: Vec<f64> = match spec.sample_format {
        hound::SampleFormat::Float => reader
            .samples::<f32>()
            .map(|sample| sample.map(f64::from))
            .collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => reader
            .samples::<i32>()
            .map(|sample| sample.map(|sample| f64::from(sample) / full))
            .collect::<Result<_, _>>()?,
    };
    let channels = usize::from(spec.channels.max(1));
    let mono: Vec<f64> = values
        .chunks_exact(channels)
        .map(|frame| frame.iter().sum::<f64>() / f64::from(spec.channels.max(1)))
        .collect();
    if mono.is_empty() || spec.sample_rate == 0 {
        return Err(SoundError::Empty);
    }
    resampled(&mono, spec.sample_rate)
}

/// By straight lines between samples: good enough to be understood.
fn resampled(samples: &[f64], rate: u32) -> Result<Vec<i16>, SoundError> {
    let step = f64::from(rate) / f64::from(SAMPLE_RATE);
    let mut out = Vec::new();
    loop {
        let at = f64::from(u32::try_from(out.len()).map_err(|_| SoundError::TooLong)?) * step;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= at < 2^32"
        )]
        let whole = at as usize;
        let Some(first) = samples.get(whole) else {
            return Ok(out);
        };
        let second = samples.get(whole + 1).unwrap_or(first);
        let value = first + (second - first) * at.fract();
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        out.push((value.clamp(-1.0, 1.0) * f64::from(i16::MAX)) as i16);
        if out.len() > LONGEST {
            return Err(SoundError::TooLong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often a wave goes up through zero.
    fn turns(samples: &[i16]) -> usize {
        samples
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count()
    }

    #[test]
    fn a_tone_has_its_pitch_and_may_be_repeated() {
        let samples = tone(440.0, Duration::from_secs(1));
        assert!(turns(&samples).abs_diff(440) <= 1);
        assert!(samples.first() == Some(&0) && samples.last().is_some_and(|last| last.abs() < 800));
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a quarter of the range of a sample"
    )]
    #[test]
    fn a_stereo_file_of_another_rate_keeps_its_pitch_and_length() {
        let mut file = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        for number in 0..16_000 {
            let value = (8000.0 * (TAU * 200.0 * f64::from(number) / 16_000.0).sin()) as i16;
            writer.write_sample(value).unwrap();
            writer.write_sample(value).unwrap();
        }
        writer.finalize().unwrap();
        let samples = wav(file.get_ref()).unwrap();
        assert_eq!(samples.len(), 48_000);
        assert!(turns(&samples).abs_diff(200) <= 1);
        assert!(wav(&file.get_ref()[..20]).is_err() && wav(b"").is_err());
    }
}
