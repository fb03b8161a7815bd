//! The frame buffer and the decoder behind it: decodes in order what can be decoded when it is to be shown, and checks
//! against the truth that it really could.

use std::collections::{BTreeMap, BTreeSet};

use crate::truth::Truth;

/// Frames kept; a browser's buffer holds 800.
const CAPACITY: usize = 800;
/// Decoded frames that are remembered.
const HISTORY: usize = 1024;

/// A frame with the ids of those it refers to.
pub(crate) struct Decodable {
    pub(crate) id: i64,
    pub(crate) references: Vec<i64>,
    pub(crate) timestamp: u32,
    pub(crate) last_sequence: u64,
    pub(crate) ends_picture: bool,
    pub(crate) truth: Truth,
}

/// A picture that comes out.
#[derive(Clone, Debug)]
pub(crate) struct Decoded {
    pub(crate) height: u16,
    pub(crate) captured: u64,
    pub(crate) last_sequence: u64,
    pub(crate) key: bool,
    /// A frame of it was not decodable in truth.
    pub(crate) torn: bool,
}

#[derive(Default)]
pub(crate) struct Decoder {
    frames: BTreeMap<i64, Decodable>,
    decoded: BTreeSet<i64>,
    /// Id and timestamp of what was decoded last.
    last: Option<(i64, u32)>,
    /// Ids of the frames whose pictures the decoder really has.
    has: BTreeSet<u32>,
}

impl Decoder {
    pub(crate) fn insert(&mut self, frame: Decodable) {
        if let Some((last, timestamp)) = self.last
            && frame.id <= last
        {
            let newer = frame.timestamp.wrapping_sub(timestamp).cast_signed() > 0;
            if !(frame.truth.key && newer) {
                return;
            }
            // The numbers began anew.
            self.frames.clear();
            self.last = None;
        }
        self.frames.insert(frame.id, frame);
        if self.frames.len() > CAPACITY {
            self.frames.pop_first();
        }
    }

    /// Of the next picture that can be decoded, the ids of its frames and its timestamp.
    pub(crate) fn next(&self) -> Option<(Vec<i64>, u32)> {
        let mut picture: Vec<i64> = Vec::new();
        let mut of = None;
        for (id, frame) in &self.frames {
            if of != Some(frame.timestamp) {
                picture.clear();
                of = Some(frame.timestamp);
            }
            picture.push(*id);
            if frame.ends_picture && picture.iter().all(|id| self.can(*id, &picture)) {
                return Some((picture, frame.timestamp));
            }
        }
        None
    }

    fn can(&self, id: i64, picture: &[i64]) -> bool {
        self.frames.get(&id).is_some_and(|frame| {
            frame
                .references
                .iter()
                .all(|reference| self.decoded.contains(reference) || picture.contains(reference))
        })
    }

    /// Decodes a picture; what was before it is gone.
    pub(crate) fn decode(&mut self, picture: &[i64]) -> Option<Decoded> {
        let mut out: Option<Decoded> = None;
        let mut torn = false;
        for id in picture {
            let frame = self.frames.remove(id)?;
            if frame.truth.key && frame.truth.references.is_empty() {
                self.has.clear();
            }
            torn |= !frame
                .truth
                .references
                .iter()
                .all(|reference| self.has.contains(reference));
            self.has.insert(frame.truth.id);
            self.decoded.insert(*id);
            self.last = Some((*id, frame.timestamp));
            out = Some(Decoded {
                height: frame.truth.height,
                captured: frame.truth.captured,
                last_sequence: frame.last_sequence,
                key: frame.truth.key,
                torn,
            });
        }
        if let Some((last, _)) = self.last {
            self.frames = self.frames.split_off(&(last + 1));
        }
        while self.decoded.len() > HISTORY {
            self.decoded.pop_first();
        }
        while self.has.len() > HISTORY {
            self.has.pop_first();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: i64, references: &[i64], truth: u32, needs: &[u32], ends_picture: bool) -> Decodable {
        Decodable {
            id,
            references: references.to_vec(),
            timestamp: u32::try_from(id / 4).unwrap(),
            last_sequence: 0,
            ends_picture,
            truth: Truth {
                id: truth,
                key: needs.is_empty(),
                height: 720,
                references: needs.to_vec(),
                ..Truth::default()
            },
        }
    }

    fn decode_all(decoder: &mut Decoder) -> Vec<bool> {
        let mut torn = Vec::new();
        while let Some((picture, _)) = decoder.next() {
            torn.push(decoder.decode(&picture).unwrap().torn);
        }
        torn
    }

    #[test]
    fn a_picture_is_torn_when_descriptors_promised_what_was_not_so() {
        let mut decoder = Decoder::default();
        decoder.insert(frame(0, &[], 1, &[], true));
        decoder.insert(frame(4, &[0], 2, &[1], true));
        // Somebody dropped picture 3 and renumbered.
        decoder.insert(frame(8, &[4], 4, &[3], true));
        assert_eq!(decode_all(&mut decoder), [false, false, true]);
    }

    #[test]
    fn a_picture_without_its_reference_waits_and_a_key_picture_does_not() {
        let mut decoder = Decoder::default();
        decoder.insert(frame(0, &[], 1, &[], true));
        decoder.insert(frame(8, &[4], 3, &[2], true));
        assert_eq!(decode_all(&mut decoder), [false]);
        decoder.insert(frame(16, &[], 5, &[], true));
        assert_eq!(decode_all(&mut decoder), [false]);
        decoder.insert(frame(12, &[8], 4, &[3], true));
        assert!(decoder.next().is_none(), "what is late stays away");
    }

    #[test]
    fn the_layers_of_a_picture_are_decoded_together() {
        let mut decoder = Decoder::default();
        decoder.insert(frame(0, &[], 1, &[], false));
        assert!(decoder.next().is_none(), "its picture goes on");
        decoder.insert(frame(1, &[0], 2, &[1], true));
        assert_eq!(decode_all(&mut decoder), [false]);
    }
}
