//! A camera and its encoder: synthetic frames with the sizes, references and layers a browser would send.
//!
//! Three temporal layers in the order 0 2 1 2 wherever there are layers at all. Simulcast is VP8 in three encodings,
//! SVC is VP9 L3T3_KEY: upper spatial layers refer to lower ones in key pictures only.

use rand::Rng as _;
use rand::rngs::StdRng;

use crate::truth::{self, Truth};

/// Frames per second.
pub(crate) const FRAME_RATE: u64 = 30;
/// A key frame is this many times as large as an average frame.
const KEY_FACTOR: f64 = 5.0;
/// Clear bytes of a VP8 key frame.
const KEY_PREFIX: usize = 10;
/// Height in lines of each encoding or layer.
const HEIGHTS: [u16; 3] = [180, 360, 720];
/// What each takes at best and below what it is not sent, in bits per second.
const TARGETS: [f64; 3] = [150_000.0, 500_000.0, 1_700_000.0];
const LEAST: [f64; 3] = [30_000.0, 180_000.0, 550_000.0];
/// Temporal layer by picture, and its share of the bitrate per picture relative to the average.
const PATTERN: [(u8, f64); 4] = [(0, 1.6), (2, 0.8), (1, 0.8), (2, 0.8)];

/// How a camera is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// VP8, one encoding, no layers.
    Single,
    /// VP8, three encodings by RID, three temporal layers each.
    Simulcast,
    /// VP9 L3T3_KEY in one stream.
    Svc,
}

/// A frame as it comes out of the encoder, of one spatial layer.
pub(crate) struct Encoded {
    /// Index of the encoding it belongs to; 0 but for simulcast.
    pub(crate) encoding: usize,
    pub(crate) plain: Vec<u8>,
    pub(crate) picture: Picture,
}

/// What the payload descriptor says of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    pub(crate) id: u16,
    pub(crate) key: bool,
    /// The layers, if the stream has any.
    pub(crate) layers: Option<Layers>,
    /// It is the last of its picture.
    pub(crate) last: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Layers {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    pub(crate) tl0: u8,
    /// It refers to the lowest temporal layer only.
    pub(crate) sync: bool,
    /// The distance to the picture it refers to, unless it is a key picture.
    pub(crate) distance: Option<u8>,
    /// Spatial layers of this key picture, with their heights.
    pub(crate) top: u8,
}

/// One stream of frames with references of its own: an encoding, or a spatial layer.
#[derive(Default)]
struct Encoder {
    bitrate: f64,
    /// Bits spent beyond the bitrate, to be saved on the next frames.
    debt: f64,
    /// The last frame of each temporal layer.
    last: [Option<u32>; 3],
}

pub(crate) struct Camera {
    pub(crate) layout: Layout,
    streams: [Encoder; 3],
    /// Of each encoding; SVC uses the first.
    numbers: [Numbers; 3],
    needed: [bool; 3],
    next_id: u32,
    /// Key frames it made.
    pub(crate) key_frames: u32,
}

#[derive(Clone, Copy)]
struct Numbers {
    picture: u16,
    tl0: u8,
    /// Position in the temporal pattern.
    position: usize,
    key_wanted: bool,
    sending: bool,
}

impl Camera {
    pub(crate) fn new(layout: Layout, rng: &mut StdRng) -> Self {
        let mut numbers = || Numbers {
            picture: rng.random_range(0..0x8000),
            tl0: rng.random(),
            position: 0,
            key_wanted: true,
            sending: false,
        };
        Self {
            layout,
            numbers: [numbers(), numbers(), numbers()],
            streams: Default::default(),
            needed: [true; 3],
            next_id: 1,
            key_frames: 0,
        }
    }

    /// What the server needs, the smallest picture first.
    pub(crate) fn need(&mut self, needed: &[bool]) {
        for (have, need) in self.needed.iter_mut().zip(needed) {
            *have = *need;
        }
    }

    /// The receivers of an encoding cannot go on.
    pub(crate) fn want_key_frame(&mut self, encoding: usize) {
        self.numbers[encoding].key_wanted = true;
    }

    /// One picture, within `budget` bits per second.
    pub(crate) fn capture(&mut self, now: u64, budget: f64, rng: &mut StdRng) -> Vec<Encoded> {
        let sending = self.allot(budget);
        match self.layout {
            Layout::Single => self.single(now, rng).into_iter().collect(),
            Layout::Simulcast => (0..3)
                .filter(|encoding| {
                    let starts = sending[*encoding] && !self.numbers[*encoding].sending;
                    self.numbers[*encoding].sending = sending[*encoding];
                    self.numbers[*encoding].key_wanted |= starts;
                    sending[*encoding]
                })
                .collect::<Vec<_>>()
                .into_iter()
                .map(|encoding| self.simulcast(now, encoding, rng))
                .collect(),
            Layout::Svc => self.superframe(now, sending, rng),
        }
    }

    /// Spreads the budget: lower ones first, those above as far as it reaches.
    fn allot(&mut self, budget: f64) -> [bool; 3] {
        if self.layout == Layout::Single {
            self.streams[0].bitrate = budget.clamp(60_000.0, TARGETS[2]);
            return [true, false, false];
        }
        let mut left = budget;
        let mut sending = [false; 3];
        for index in 0..3 {
            let lower = index == 0
                || sending[..index].iter().any(|on| *on)
                || !self.needed[..index].iter().any(|on| *on);
            let fits = left >= LEAST[index] || index == 0;
            if self.needed[index] && fits && lower {
                sending[index] = true;
                self.streams[index].bitrate = left.clamp(LEAST[index], TARGETS[index]);
                left -= self.streams[index].bitrate;
            }
        }
        sending
    }

    fn single(&mut self, now: u64, rng: &mut StdRng) -> Option<Encoded> {
        let numbers = self.numbers[0];
        let key = numbers.key_wanted;
        // Under one frame's rate of the budget a browser's encoder skips frames.
        if !key && self.streams[0].debt > 0.5 * self.streams[0].bitrate {
            self.streams[0].debt -= self.streams[0].bitrate / FRAME_RATE as f64;
            return None;
        }
        self.step(0, key);
        let references = if key {
            Vec::new()
        } else {
            self.streams[0].last[0].into_iter().collect()
        };
        let plain = self.frame(now, 0, 0, key, references, 1.0, 720, rng);
        Some(Encoded {
            encoding: 0,
            plain,
            picture: Picture {
                id: numbers.picture,
                key,
                layers: None,
                last: true,
            },
        })
    }

    fn simulcast(&mut self, now: u64, index: usize, rng: &mut StdRng) -> Encoded {
        let key = self.numbers[index].key_wanted;
        if key {
            self.numbers[index].position = 0;
        }
        let numbers = self.numbers[index];
        let (temporal, share) = PATTERN[numbers.position];
        self.step(index, key);
        let last = self.streams[index].last;
        // The second picture of layer 2 refers to layer 1 too.
        let sync = temporal > 0 && numbers.position != 3;
        let references: Vec<u32> = match numbers.position {
            _ if key => Vec::new(),
            3 => [last[0], last[1]].into_iter().flatten().collect(),
            _ => last[0].into_iter().collect(),
        };
        let plain = self.frame(now, index, temporal, key, references, share, HEIGHTS[index], rng);
        Encoded {
            encoding: index,
            plain,
            picture: Picture {
                id: numbers.picture,
                key,
                layers: Some(Layers {
                    spatial: 0,
                    temporal,
                    tl0: self.numbers[index].tl0,
                    sync,
                    distance: None,
                    top: 0,
                }),
                last: true,
            },
        }
    }

    fn superframe(&mut self, now: u64, sending: [bool; 3], rng: &mut StdRng) -> Vec<Encoded> {
        let count = sending.iter().take_while(|on| **on).count().max(1);
        // Another layer on top can only begin with a key picture.
        let before = self.numbers.iter().take_while(|numbers| numbers.sending).count();
        for (index, numbers) in self.numbers.iter_mut().enumerate() {
            numbers.sending = index < count;
        }
        let key = self.numbers[0].key_wanted || count > before;
        if key {
            self.numbers[0].position = 0;
        }
        let numbers = self.numbers[0];
        let (temporal, share) = PATTERN[numbers.position];
        self.step(0, key);
        let distance = match numbers.position {
            _ if key => None,
            0 => Some(4),
            2 => Some(2),
            _ => Some(1),
        };
        let mut below = None;
        (0..count)
            .map(|layer| {
                let last = self.streams[layer].last;
                let references: Vec<u32> = match numbers.position {
                    _ if key => below.into_iter().collect(),
                    3 => last[1].into_iter().collect(),
                    _ => last[0].into_iter().collect(),
                };
                let plain = self.frame(now, layer, temporal, key, references, share, HEIGHTS[layer], rng);
                below = Some(self.next_id - 1);
                Encoded {
                    encoding: 0,
                    plain,
                    picture: Picture {
                        id: numbers.picture,
                        key,
                        layers: Some(Layers {
                            spatial: u8::try_from(layer).unwrap(),
                            temporal,
                            tl0: numbers.tl0,
                            sync: true,
                            distance,
                            top: u8::try_from(count - 1).unwrap(),
                        }),
                        last: layer + 1 == count,
                    },
                }
            })
            .collect()
    }

    /// Numbers go on to the next picture.
    fn step(&mut self, encoding: usize, key: bool) {
        let numbers = &mut self.numbers[encoding];
        if numbers.position == 0 {
            numbers.tl0 = numbers.tl0.wrapping_add(1);
        }
        numbers.picture = (numbers.picture + 1) & 0x7FFF;
        numbers.position = (numbers.position + 1) % PATTERN.len();
        numbers.key_wanted = false;
        self.key_frames += u32::from(key);
    }

    #[expect(clippy::too_many_arguments, reason = "what a frame is")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are small and positive"
    )]
    fn frame(
        &mut self,
        now: u64,
        stream: usize,
        temporal: u8,
        key: bool,
        references: Vec<u32>,
        share: f64,
        height: u16,
        rng: &mut StdRng,
    ) -> Vec<u8> {
        let encoder = &mut self.streams[stream];
        let average = encoder.bitrate / FRAME_RATE as f64;
        let factor = if key { KEY_FACTOR } else { share };
        let wanted = average * factor * rng.random_range(0.8..1.2);
        let saved = if key {
            0.0
        } else {
            encoder.debt.clamp(0.0, 0.4 * wanted)
        };
        let bits = wanted - saved;
        encoder.debt = (encoder.debt + bits - average).max(0.0);
        let id = self.next_id;
        self.next_id += 1;
        if key {
            encoder.last = [Some(id); 3];
        } else {
            encoder.last[usize::from(temporal)] = Some(id);
        }
        let truth = Truth {
            id,
            key,
            spatial: stream as u8,
            temporal,
            height,
            captured: now,
            references,
        };
        let prefix = if self.layout == Layout::Svc {
            0
        } else {
            prefix_len(key)
        };
        let size = ((bits / 8.0) as usize).max(prefix + truth::LEN);
        // VP8's first bit is clear in a key frame; the rest of the prefix does not matter here.
        let mut plain = vec![u8::from(!key); size];
        plain[prefix..prefix + truth::LEN].copy_from_slice(&truth.encode());
        plain
    }
}

/// Clear bytes before what is encrypted of a VP8 frame.
pub(crate) const fn prefix_len(key: bool) -> usize {
    if key { KEY_PREFIX } else { 1 }
}
