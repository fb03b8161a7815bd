//! How good the sound is that a receiver hears, compared with what was said: PESQ (ITU-T P.862.2, wideband).
//!
//! The crate `pesq` computes it: it aligns both in level and time and predicts what listeners would say, from 1 (bad) to 4.64.
//! It knows nothing of how sound was carried, so the codec, lost frames and their concealment all count. A full receiver
//! keeps the first eight seconds of a stream; the scores are computed when the run is over.

use std::sync::Mutex;

use opus::{Channels, Decoder};

use crate::report::figure::{Entry, Figures};
use crate::source::microphone::first_sample;
use crate::source::stamp::Stamp;
use crate::source::voice::{FRAME_SAMPLES, Voice};

const NONE: &str = "no full participant heard eight seconds of a bot";

/// The middle score.
pub const MEDIAN: Entry = Entry::higher(
    "audio_mos_median",
    "MOS",
    "Sound as heard against sound as said, PESQ wideband (P.862.2) from 1 to 4.64, median of streams",
    NONE,
);
/// The worst score.
pub const WORST: Entry = Entry::higher(
    "audio_mos_min",
    "MOS",
    "Sound as heard against sound as said, PESQ wideband (P.862.2) from 1 to 4.64, worst stream",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 2] = [MEDIAN, WORST];

/// What the measure listens at (P.862.2).
const RATE: u32 = 16_000;
/// Samples of one frame of 20 ms at [`RATE`].
const FRAME: usize = 320;
/// The source has three samples for one at [`RATE`]; its highest harmonic is far below half of it.
const STEP: usize = 3;
/// Frames compared: eight seconds, as P.862.3 recommends at least.
const LENGTH: usize = 400;
/// Streams kept at most: a score takes about a tenth of a second.
const MAX_KEPT: usize = 8;
/// Missing frames that are concealed in a row; a longer hole is a stream that stopped.
const MAX_CONCEALED: u64 = 50;

/// Stretches of sound that were kept.
#[derive(Debug, Default)]
pub struct Heard(Mutex<Vec<Stretch>>);

#[derive(Debug)]
struct Stretch {
    heard: Vec<i16>,
    said: Vec<i16>,
}

/// Keeps the beginning of one stream.
pub struct Keeper {
    decoder: Decoder,
    next: Option<u64>,
    stretch: Option<Stretch>,
}

impl Keeper {
    /// For one stream.
    pub fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            decoder: Decoder::new(RATE, Channels::Mono)?,
            next: None,
            stretch: Some(Stretch {
                heard: Vec::new(),
                said: Vec::new(),
            }),
        })
    }

    /// Takes a frame of a bot in the order of playing; one that comes too late for that is left out.
    pub fn hear(&mut self, packet: &[u8], stamp: Stamp, kept: &Heard) {
        let missing = match self.next {
            Some(next) if stamp.frame < next => return,
            Some(next) => stamp.frame - next,
            None => 0,
        };
        if self.stretch.is_none() {
            return;
        }
        if missing > MAX_CONCEALED {
            self.stretch = None;
            return;
        }
        self.next = Some(stamp.frame.saturating_add(1));
        let voice = Voice(u16::from(stamp.voice));
        for hole in stamp.frame - missing..stamp.frame {
            // No bytes make the decoder conceal.
            self.add(&[], voice, hole);
        }
        self.add(packet, voice, stamp.frame);
        let whole = LENGTH * FRAME;
        if self
            .stretch
            .as_ref()
            .is_some_and(|stretch| stretch.heard.len() >= whole)
            && let Some(stretch) = self.stretch.take()
            && let Ok(mut kept) = kept.0.lock()
            && kept.len() < MAX_KEPT
        {
            kept.push(stretch);
        }
    }

    fn add(&mut self, packet: &[u8], voice: Voice, frame: u64) {
        let Some(stretch) = &mut self.stretch else {
            return;
        };
        let mut heard = [0i16; FRAME];
        // A frame that cannot be decoded is heard as silence.
        let _ = self.decoder.decode(packet, &mut heard, false);
        stretch.heard.extend_from_slice(&heard);
        let mut said = [0i16; FRAME_SAMPLES];
        voice.render(first_sample(frame), &mut said);
        stretch.said.extend(said.iter().step_by(STEP));
    }
}

/// The scores of what was kept.
fn scores(heard: &Heard) -> Vec<f64> {
    let Ok(kept) = heard.0.lock() else {
        return Vec::new();
    };
    let score = |stretch: &Stretch| pesq::pesq_wb(&stretch.said, &stretch.heard).ok();
    let mut scores: Vec<f64> = kept.iter().filter_map(score).map(f64::from).collect();
    scores.sort_by(f64::total_cmp);
    scores
}

/// Tells the figures.
pub fn tell(heard: &Heard, figures: &mut Figures) {
    let scores = scores(heard);
    if let (Some(worst), Some(median)) = (scores.first(), scores.get(scores.len() / 2)) {
        figures.set(&WORST, *worst);
        figures.set(&MEDIAN, *median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::microphone::Microphone;

    /// The worst score of ten seconds of which `lost` says which frames never come, claimed to be of `claimed`.
    fn score(lost: impl Fn(u64) -> bool, claimed: u8) -> Option<f64> {
        let kept = Heard::default();
        let mut keeper = Keeper::new().unwrap();
        let mut microphone = Microphone::new(Voice::of(4)).unwrap();
        for _ in 0..500 {
            let packet = microphone.next_packet().unwrap();
            let stamp = Stamp {
                sent_us: 0,
                frame: packet.frame,
                voice: claimed,
            };
            if !lost(packet.frame) {
                keeper.hear(&packet.bytes, stamp, &kept);
            }
        }
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&kept, &mut figures);
        figures.value("audio_mos_min")
    }

    #[test]
    fn the_score_falls_with_loss_and_to_the_bottom_with_the_wrong_sound() {
        let clean = score(|_| false, 4).unwrap();
        let lossy = score(|frame| frame % 10 == 9, 4).unwrap();
        let worse = score(|frame| frame % 10 >= 6, 4).unwrap();
        let wrong = score(|_| false, 9).unwrap();
        // A hummed note in CELT at 32 kbit/s is not speech, and scores a little lower.
        assert!(clean > 3.5, "{clean} {lossy} {worse} {wrong}");
        assert!(
            clean - lossy > 0.3 && lossy > worse,
            "{clean} {lossy} {worse} {wrong}"
        );
        assert!(wrong < 2.0, "{clean} {lossy} {worse} {wrong}");
    }

    #[test]
    fn a_stream_that_is_too_short_or_stops_has_no_score() {
        assert_eq!(score(|frame| frame > 300, 4), None);
        assert_eq!(score(|frame| (100..200).contains(&frame), 4), None);
    }
}
