//! The last second of one stream in plaintext, from which retransmissions are built on demand.

use std::time::{Duration, Instant};

use crate::header_extension::dependency_descriptor::Described;

/// After this a packet is too old to be of use.
const MAX_AGE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
struct Entry {
    sequence: u64,
    /// Position in the endless stream of bytes; the ring holds its tail.
    position: u64,
    len: u32,
    at: Instant,
    timestamp: u32,
    marker: bool,
    described: Option<Described>,
}

/// A packet as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept<'a> {
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// What its dependency descriptor said.
    pub(crate) described: Option<Described>,
    pub(crate) payload: &'a [u8],
}

/// The ring of one stream. It takes its memory with the first packet and never more.
pub(crate) struct Ring {
    capacity: usize,
    /// Packets that can be found again by their sequence number. Older ones are overwritten.
    packets: u64,
    bytes: Vec<u8>,
    entries: Vec<Option<Entry>>,
    written: u64,
}

impl Ring {
    /// A ring of at most `packets` packets in `capacity` bytes; older ones are overwritten.
    pub(crate) const fn new(capacity: usize, packets: u64) -> Self {
        Self {
            capacity,
            packets,
            bytes: Vec::new(),
            entries: Vec::new(),
            written: 0,
        }
    }

    /// An empty ring of the same size, in the same memory.
    pub(crate) fn clear(&mut self) {
        self.entries.fill(None);
        self.written = 0;
    }

    /// Keeps a packet, over the oldest ones.
    pub(crate) fn push(&mut self, at: Instant, sequence: u64, packet: Kept<'_>) {
        let Kept {
            timestamp,
            marker,
            described,
            payload,
        } = packet;
        if self.bytes.is_empty() {
            self.bytes = vec![0; self.capacity];
            self.entries = vec![None; usize::try_from(self.packets).unwrap_or(0)];
        }
        let Some(mut start) = self.offset(self.written) else {
            return;
        };
        if start + payload.len() > self.capacity {
            // A packet lies in one piece: skip the rest of the lap.
            self.written += u64::try_from(self.capacity - start).unwrap_or(0);
            start = 0;
        }
        let Some(place) = self.bytes.get_mut(start..start + payload.len()) else {
            return;
        };
        place.copy_from_slice(payload);
        let entry = Entry {
            sequence,
            position: self.written,
            len: u32::try_from(payload.len()).unwrap_or(0),
            at,
            timestamp,
            marker,
            described,
        };
        self.written += u64::try_from(payload.len()).unwrap_or(0);
        if let Some(slot) = self.slot(sequence).and_then(|slot| self.entries.get_mut(slot)) {
            *slot = Some(entry);
        }
    }

    /// Finds a packet by its extended sequence number, if it is still there and young enough.
    pub(crate) fn get(&self, now: Instant, sequence: u64) -> Option<Kept<'_>> {
        let entry = self.entries.get(self.slot(sequence)?)?.as_ref()?;
        let overwritten = self.written - entry.position > u64::try_from(self.capacity).ok()?;
        if entry.sequence != sequence || overwritten || now.saturating_duration_since(entry.at) > MAX_AGE {
            return None;
        }
        let start = self.offset(entry.position)?;
        let end = start + usize::try_from(entry.len).ok()?;
        Some(Kept {
            timestamp: entry.timestamp,
            marker: entry.marker,
            described: entry.described,
            payload: self.bytes.get(start..end)?,
        })
    }

    fn slot(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_rem(self.packets)?).ok()
    }

    fn offset(&self, position: u64) -> Option<usize> {
        usize::try_from(position % u64::try_from(self.capacity).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 24 << 10;

    const fn kept(timestamp: u32, marker: bool, payload: &[u8]) -> Kept<'_> {
        Kept {
            timestamp,
            marker,
            described: None,
            payload,
        }
    }

    #[test]
    fn packets_are_found_until_they_are_overwritten_or_old() {
        let now = crate::virtual_clock::epoch();
        let mut ring = Ring::new(BYTES, 1024);
        for sequence in 0..200u64 {
            let payload = [u8::try_from(sequence).unwrap(); 200];
            ring.push(now, sequence, kept(7, sequence % 2 == 0, &payload));
        }
        assert!(
            ring.get(now, 0).is_none(),
            "24 kB do not hold 200 packets of 200 bytes"
        );
        let oldest = (0..200)
            .find(|sequence| ring.get(now, *sequence).is_some())
            .unwrap();
        assert!(200 - oldest > 110, "most of the ring is used");
        for sequence in oldest..200 {
            let kept = ring.get(now, sequence).unwrap();
            assert_eq!(kept.payload, [u8::try_from(sequence).unwrap(); 200]);
            assert_eq!((kept.timestamp, kept.marker), (7, sequence % 2 == 0));
        }
        assert!(ring.get(now + MAX_AGE * 2, 199).is_none());
        assert!(ring.get(now, 199 + 1024).is_none());
    }

    #[test]
    fn a_packet_larger_than_the_ring_is_not_kept() {
        let now = crate::virtual_clock::epoch();
        let mut ring = Ring::new(BYTES, 1024);
        ring.push(now, 1, kept(0, false, &vec![1; BYTES + 1]));
        assert!(ring.get(now, 1).is_none());
        ring.push(now, 2, kept(0, false, &[2; 10]));
        assert_eq!(ring.get(now, 2).unwrap().payload, [2; 10]);
    }
}
