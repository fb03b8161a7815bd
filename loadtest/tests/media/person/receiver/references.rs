//! Finds out from descriptors which frames a frame needs, as browsers' reference finders do.
//!
//! VP8 with temporal layers by picture id and TL0PICIDX, VP8 without by unbroken sequence numbers, VP9 in flexible
//! mode by P_DIFF and inter-layer dependency. A frame whose references cannot be known yet waits.

use std::collections::BTreeMap;

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::payload_descriptor::vp9::Vp9Descriptor;

use super::assembler::{Descriptor, Frame};
use super::decoder::Decodable;
use crate::truth::Truth;

/// Frames that wait for others; beyond it the oldest are given up.
const MAX_WAITING: usize = 100;
/// Ids of VP9 layer frames: picture times this, plus spatial layer.
const SPATIAL: i64 = 4;

/// A decrypted frame.
pub(crate) struct Plain {
    pub(crate) frame: Frame,
    pub(crate) truth: Truth,
}

#[derive(Default)]
pub(crate) struct ReferenceFinder {
    waiting: Vec<Plain>,
    picture: Option<i64>,
    tl0: Option<i64>,
    /// VP8: by TL0PICIDX the newest frame of each temporal layer.
    layers: BTreeMap<i64, [Option<i64>; 4]>,
    /// VP8: pictures that came, by id.
    came: std::collections::BTreeSet<i64>,
    /// VP8 without layers: the number behind the last frame of an unbroken run, and that frame's id.
    run: Option<(u64, i64)>,
}

enum Outcome {
    Known(Decodable),
    Waits(Plain),
    Useless,
}

impl ReferenceFinder {
    /// Takes a frame; every frame whose references are known now.
    pub(crate) fn insert(&mut self, plain: Plain) -> Vec<Decodable> {
        let mut known = Vec::new();
        let mut pending = vec![plain];
        while let Some(plain) = pending.pop() {
            match self.resolve(plain) {
                Outcome::Known(frame) => {
                    known.push(frame);
                    pending.append(&mut self.waiting);
                }
                Outcome::Waits(plain) => self.waiting.push(plain),
                Outcome::Useless => {}
            }
        }
        if self.waiting.len() > MAX_WAITING {
            self.waiting.sort_by_key(|plain| plain.frame.first);
            self.waiting.remove(0);
        }
        known
    }

    fn resolve(&mut self, plain: Plain) -> Outcome {
        match plain.frame.descriptor {
            Descriptor::Vp8(descriptor) => {
                let key = plain.truth.key;
                match (
                    descriptor.picture_id,
                    descriptor.tl0_picture_index,
                    descriptor.temporal_id,
                ) {
                    (Some(picture), Some(tl0), Some(temporal)) => {
                        let picture = unwrap(&mut self.picture, i64::from(picture.value), 1 << 15);
                        let tl0 = unwrap(&mut self.tl0, i64::from(tl0), 1 << 8);
                        self.layered(plain, &descriptor, key, picture, tl0, usize::from(temporal))
                    }
                    _ => self.unlayered(plain, key),
                }
            }
            Descriptor::Vp9(descriptor) => self.vp9(plain, &descriptor),
        }
    }

    fn layered(
        &mut self,
        plain: Plain,
        descriptor: &Vp8Descriptor,
        key: bool,
        picture: i64,
        tl0: i64,
        temporal: usize,
    ) -> Outcome {
        self.came.insert(picture);
        while self.came.first().is_some_and(|first| *first + 64 < picture) {
            self.came.pop_first();
        }
        if key {
            self.layers.insert(tl0, [Some(picture), None, None, None]);
            self.update(tl0, picture, 0);
            return known(plain, picture, Vec::new());
        }
        let base = if temporal == 0 { tl0 - 1 } else { tl0 };
        let Some(info) = self.layers.get(&base).copied() else {
            return if self
                .layers
                .first_key_value()
                .is_some_and(|(first, _)| base < *first)
            {
                Outcome::Useless
            } else {
                Outcome::Waits(plain)
            };
        };
        let mut references = Vec::new();
        if temporal == 0 || descriptor.layer_sync {
            references.extend(info[0]);
        } else {
            for reference in info.iter().take(temporal + 1).flatten() {
                // Between it and this one every picture must have come: a lower layer's may be the real reference.
                if *reference >= picture {
                    return Outcome::Useless;
                }
                let all_came = (*reference + 1..picture).all(|between| self.came.contains(&between));
                if !all_came {
                    return Outcome::Waits(plain);
                }
                references.push(*reference);
            }
        }
        if temporal == 0 {
            let mut next = info;
            next[0] = Some(picture);
            self.layers.entry(tl0).or_insert(next);
        }
        self.update(tl0, picture, temporal);
        known(plain, picture, references)
    }

    fn update(&mut self, tl0: i64, picture: i64, temporal: usize) {
        if let Some(info) = self.layers.get_mut(&tl0)
            && info[temporal].is_none_or(|before| before < picture)
        {
            info[temporal] = Some(picture);
        }
        while self.layers.len() > 24 {
            self.layers.pop_first();
        }
    }

    fn unlayered(&mut self, plain: Plain, key: bool) -> Outcome {
        let (first, last) = (plain.frame.first, plain.frame.last);
        let id = i64::try_from(last).unwrap();
        if key {
            if self.run.is_none_or(|(next, _)| next <= first) {
                self.run = Some((last + 1, id));
            }
            return known(plain, id, Vec::new());
        }
        match self.run {
            Some((next, before)) if next == first => {
                self.run = Some((last + 1, id));
                known(plain, id, vec![before])
            }
            Some((next, _)) if first < next => Outcome::Useless,
            _ => Outcome::Waits(plain),
        }
    }

    /// Numbers without a picture in them, such as padding, do not break a run.
    pub(crate) fn padding(&mut self, sequence: u64) {
        if let Some((next, _)) = &mut self.run
            && *next == sequence
        {
            *next += 1;
        }
    }

    fn vp9(&mut self, plain: Plain, descriptor: &Vp9Descriptor) -> Outcome {
        let (Some(id), Some(layer)) = (descriptor.picture_id, descriptor.layer) else {
            return Outcome::Useless;
        };
        let picture = unwrap(&mut self.picture, i64::from(id.value), 1 << 15);
        let spatial = i64::from(layer.spatial_id);
        let mut references: Vec<i64> = plain
            .frame
            .distances
            .iter()
            .map(|distance| (picture - i64::from(*distance)) * SPATIAL + spatial)
            .collect();
        if layer.inter_layer_dependency && spatial > 0 {
            references.push(picture * SPATIAL + spatial - 1);
        }
        known(plain, picture * SPATIAL + spatial, references)
    }
}

fn known(plain: Plain, id: i64, references: Vec<i64>) -> Outcome {
    Outcome::Known(Decodable {
        id,
        references,
        timestamp: plain.frame.timestamp,
        last_sequence: plain.frame.last,
        ends_picture: plain.frame.ends_picture,
        truth: plain.truth,
    })
}

/// The value nearest to the last one, modulo `modulus`.
fn unwrap(last: &mut Option<i64>, value: i64, modulus: i64) -> i64 {
    let near = last.unwrap_or(value);
    let difference = (value - near).rem_euclid(modulus);
    let unwrapped = if difference >= modulus / 2 {
        near + difference - modulus
    } else {
        near + difference
    };
    *last = Some(last.map_or(unwrapped, |last| last.max(unwrapped)));
    unwrapped
}
