//! Packet indices: estimating the roll-over counter, and remembering which indices were used.

use super::REPLAY_WINDOW;

/// Packets of a source that may be sealed again: two thirds of a second of sound. Older ones are forgotten.
const REMEMBERED: usize = 32;
/// The window as a ring of bits.
const WORDS: usize = 16;
const _: () = assert!(WORDS as u64 * 64 == REPLAY_WINDOW);
/// An SRTP index has 48 bits: ROC and sequence number.
const INDEX_END: u64 = 1 << 48;

/// Why an index may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexError {
    /// Used before.
    Seen,
    /// Too far behind the newest for anyone to know.
    TooOld,
    /// Beyond the last index.
    Exhausted,
}

/// Which of the last [`REPLAY_WINDOW`] indices of one source were used.
#[derive(Clone)]
pub(super) struct Window {
    highest: u64,
    used: [u64; WORDS],
    /// Of a source whose packets are sealed again. Only senders write it.
    remembered: Option<Box<[(u64, Mark); REMEMBERED]>>,
}

/// The front of a packet's tag, by which a packet that is sealed again is known to be the same: all of its bytes went
/// into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark(pub(super) [u8; 8]);

impl Window {
    /// A source whose first index is `first`, not used yet.
    pub(super) fn starting_at(first: u64) -> Self {
        Self {
            highest: first,
            used: [0; WORDS],
            remembered: None,
        }
    }

    /// The index of `sequence`, closest to the newest one (RFC 3711 §3.3.1 and appendix A). The
    /// highest index only grows, so the roll-over counter does too.
    pub(super) fn estimate(&self, sequence: u16) -> Result<u64, IndexError> {
        let [.., high, low] = self.highest.to_be_bytes();
        let newest = u16::from_be_bytes([high, low]);
        // The signed distance is in -32768..=32767, which is the RFC's rule.
        let distance = i64::from(sequence.wrapping_sub(newest).cast_signed());
        let index = self
            .highest
            .checked_add_signed(distance)
            .ok_or(IndexError::TooOld)?;
        if index < INDEX_END {
            Ok(index)
        } else {
            Err(IndexError::Exhausted)
        }
    }

    /// Whether `index` may still be used.
    pub(super) fn check(&self, index: u64) -> Result<(), IndexError> {
        if index > self.highest {
            return Ok(());
        }
        if self.highest - index >= REPLAY_WINDOW {
            return Err(IndexError::TooOld);
        }
        let (word, bit) = place(index);
        match self.used.get(word) {
            Some(used) if used & bit == 0 => Ok(()),
            _ => Err(IndexError::Seen),
        }
    }

    /// The mark of a packet that was sealed lately. From the first question on a source's packets are remembered, so
    /// that those that are never asked for cost nothing.
    pub(super) fn recall(&mut self, index: u64) -> Option<Mark> {
        let remembered = self
            .remembered
            .get_or_insert_with(|| Box::new([(INDEX_END, Mark::default()); REMEMBERED]));
        let (known, mark) = remembered.get(slot(index))?;
        (*known == index).then_some(*mark)
    }

    /// Notes the mark of a packet that was sealed for the first time.
    pub(super) fn remember(&mut self, index: u64, mark: Mark) {
        if let Some(place) = self
            .remembered
            .as_mut()
            .and_then(|remembered| remembered.get_mut(slot(index)))
        {
            *place = (index, mark);
        }
    }

    /// Marks `index` as used, moving the window forward if it is the newest.
    pub(super) fn mark(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= REPLAY_WINDOW {
                self.used = [0; WORDS];
            } else {
                for skipped in self.highest + 1..index {
                    let (word, bit) = place(skipped);
                    if let Some(used) = self.used.get_mut(word) {
                        *used &= !bit;
                    }
                }
            }
            self.highest = index;
        }
        let (word, bit) = place(index);
        if let Some(used) = self.used.get_mut(word) {
            *used |= bit;
        }
    }
}

/// Where an index is remembered.
fn slot(index: u64) -> usize {
    let [.., low] = index.to_be_bytes();
    usize::from(low) % REMEMBERED
}

/// Word and bit of an index in the ring.
fn place(index: u64) -> (usize, u64) {
    let [.., low] = ((index / 64) % 16).to_be_bytes();
    (usize::from(low), 1 << (index % 64))
}

/// The windows of the sources of one direction, sorted by SSRC, so that a look-up allocates nothing.
pub(super) struct Sources {
    /// Apart from the windows, so that a look-up fetches one or two cache lines and not one for every step.
    ssrcs: Vec<u32>,
    windows: Vec<Window>,
    capacity: usize,
    /// Where the last look-up ended: packets of one source come in rows.
    last: usize,
}

impl Sources {
    /// An empty table that refuses to grow beyond `capacity` sources.
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            ssrcs: Vec::new(),
            windows: Vec::new(),
            capacity,
            last: 0,
        }
    }

    /// The window of `ssrc`, or where one would be inserted.
    pub(super) fn find(&mut self, ssrc: u32) -> Result<&mut Window, Vacancy<'_>> {
        let found = match self.ssrcs.get(self.last) {
            Some(last) if *last == ssrc => Ok(self.last),
            _ => self.ssrcs.binary_search(&ssrc),
        };
        match found {
            Ok(at) if at < self.windows.len() => {
                self.last = at;
                match self.windows.get_mut(at) {
                    Some(window) => Ok(window),
                    None => Err(Vacancy {
                        sources: None,
                        at,
                        ssrc,
                    }),
                }
            }
            Ok(at) | Err(at) => {
                let full = self.ssrcs.len() >= self.capacity;
                Err(Vacancy {
                    sources: if full { None } else { Some(self) },
                    at,
                    ssrc,
                })
            }
        }
    }
}

/// A place for a new source; taken only once its first packet has proven authentic.
pub(super) struct Vacancy<'a> {
    sources: Option<&'a mut Sources>,
    at: usize,
    ssrc: u32,
}

impl Vacancy<'_> {
    /// Whether the table is full.
    pub(super) const fn is_full(&self) -> bool {
        self.sources.is_none()
    }

    /// Fills the place.
    pub(super) fn insert(self, window: Window) {
        if let Some(sources) = self.sources {
            sources.ssrcs.insert(self.at, self.ssrc);
            sources.windows.insert(self.at, window);
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the values are small or meant to wrap"
)]
mod tests {
    use super::*;

    #[test]
    fn the_roll_over_counter_follows_the_sequence_number_around() {
        let mut window = Window::starting_at(65_530);
        for step in 0..200_000u64 {
            let index = 65_530 + step;
            let sequence = (index % 65_536) as u16;
            assert_eq!(window.estimate(sequence), Ok(index));
            window.mark(index);
        }
    }

    #[test]
    fn a_late_packet_from_before_the_wrap_keeps_its_old_counter() {
        let mut window = Window::starting_at(65_535);
        window.mark(65_535);
        window.mark(65_536 + 3);
        assert_eq!(window.estimate(65_534), Ok(65_534));
        assert_eq!(window.estimate(2), Ok(65_538));
        assert_eq!(window.check(65_538), Ok(()));
        assert_eq!(window.check(65_535), Err(IndexError::Seen));
    }

    #[test]
    fn nothing_is_older_than_the_first_counter() {
        let window = Window::starting_at(3);
        assert_eq!(window.estimate(65_000), Err(IndexError::TooOld));
    }

    #[test]
    fn the_last_index_ends_the_key() {
        let window = Window::starting_at(INDEX_END - 1);
        assert_eq!(window.estimate(65_535), Ok(INDEX_END - 1));
        assert_eq!(window.estimate(0), Err(IndexError::Exhausted));
    }

    #[test]
    fn the_window_is_exactly_1024_wide_and_forgets_skipped_bits() {
        let mut window = Window::starting_at(10_000);
        window.mark(10_000);
        window.mark(10_000 + 1023);
        assert_eq!(window.check(10_000), Err(IndexError::Seen));
        assert_eq!(window.check(10_001), Ok(()));
        window.mark(10_000 + 1024);
        assert_eq!(window.check(10_000), Err(IndexError::TooOld));
        assert_eq!(window.check(10_001), Ok(()));
        window.mark(10_001);
        assert_eq!(window.check(10_001), Err(IndexError::Seen));
        window.mark(50_000);
        for index in 50_000 - 1023..50_000 {
            assert_eq!(window.check(index), Ok(()), "{index}");
        }
    }
}
