//! Datagrams on their way to many destinations: runs for GSO, gathered in one slab.

use std::net::SocketAddr;
use std::ops::Range;

/// Bytes of the slab. With what it is copied from, it stays within a core's second-level cache.
const SLAB_LEN: usize = 256 << 10;
/// Runs of one batch.
const MAX_RUNS: usize = 256;
/// Bytes one run may have: an IP packet's limit less its headers.
pub(super) const MAX_RUN_LEN: usize = 65_000;
/// Longer datagrams travel alone. The system refuses a run whose datagrams exceed the path's MTU, and such a refusal
/// is taken for a lack of GSO.
pub(super) const MAX_SEGMENT: usize = 1_400;

/// Datagrams lying one behind the other for one destination, all as long as the first but the last, which may be
/// shorter.
pub(super) struct Run {
    pub(super) to: SocketAddr,
    pub(super) bytes: Range<usize>,
    /// Length of the first datagram.
    pub(super) segment: usize,
    pub(super) datagrams: usize,
    /// Whether the last datagram is shorter, or too long for company, and so ends the run.
    ended: bool,
}

/// Fixed memory for datagrams to be sent. Those pushed one after the other for one destination make runs.
pub struct SendBatch {
    bytes: Box<[u8]>,
    used: usize,
    runs: Vec<Run>,
}

impl SendBatch {
    /// Allocates the slab (256 KiB), once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: vec![0; SLAB_LEN].into_boxed_slice(),
            used: 0,
            runs: Vec::with_capacity(MAX_RUNS),
        }
    }

    /// Whether a datagram of up to `len` bytes fits. If not, send the batch first.
    #[must_use]
    pub fn has_room(&self, len: usize) -> bool {
        self.used + len <= self.bytes.len() && self.runs.len() < MAX_RUNS
    }

    /// Appends the datagram that `write` puts at the front of the `room` bytes it is given, and returns its length.
    /// `max_segments` is what the socket takes in one run. `None` when it has no room or nothing was written.
    pub fn push(
        &mut self,
        to: SocketAddr,
        max_segments: usize,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        if !self.has_room(room) {
            return None;
        }
        let len =
            write(self.bytes.get_mut(self.used..self.used + room)?).filter(|len| (1..=room).contains(len))?;
        let end = self.used + len;
        match self.runs.last_mut() {
            Some(run) if run.takes(to, len, max_segments) => {
                run.bytes.end = end;
                run.datagrams += 1;
                run.ended = len < run.segment;
            }
            _ => self.runs.push(Run {
                to,
                bytes: self.used..end,
                segment: len,
                datagrams: 1,
                ended: len > MAX_SEGMENT,
            }),
        }
        self.used = end;
        Some(len)
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub(super) fn bytes_of(&self, run: &Run) -> &[u8] {
        self.bytes.get(run.bytes.clone()).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.runs.clear();
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl Run {
    fn takes(&self, to: SocketAddr, len: usize, max_segments: usize) -> bool {
        !self.ended
            && self.to == to
            && len <= self.segment
            && self.datagrams < max_segments
            && self.bytes.len() + len <= MAX_RUN_LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes datagrams of these lengths and returns how many each run has.
    fn runs(lengths: &[usize], max_segments: usize) -> Vec<usize> {
        let mut batch = SendBatch::new();
        for len in lengths {
            assert_eq!(
                batch.push(([127, 0, 0, 1], 9).into(), max_segments, *len, |room| Some(
                    room.len()
                )),
                Some(*len)
            );
        }
        batch.runs().iter().map(|run| run.datagrams).collect()
    }

    #[test]
    fn a_run_has_equal_datagrams_and_at_most_a_shorter_last_one() {
        assert_eq!(runs(&[100, 100, 50, 100], 64), [3, 1]);
        assert_eq!(runs(&[100, 101], 64), [1, 1]);
        assert_eq!(runs(&[100, 100, 100], 2), [2, 1]);
        assert_eq!(runs(&[100, 100], 1), [1, 1]);
        assert_eq!(runs(&[1400; 60], 64), [46, 14]);
        assert_eq!(runs(&[1401, 1401, 100, 100], 64), [1, 1, 2]);
    }

    #[test]
    fn each_destination_has_its_own_runs() {
        let mut batch = SendBatch::new();
        for port in [1, 1, 2, 1] {
            batch.push(([127, 0, 0, 1], port).into(), 64, 10, |room| Some(room.len()));
        }
        let runs: Vec<_> = batch
            .runs()
            .iter()
            .map(|run| (run.to.port(), run.datagrams))
            .collect();
        assert_eq!(runs, [(1, 2), (2, 1), (1, 1)]);
    }

    #[test]
    fn a_full_batch_takes_nothing_more_and_a_failed_write_leaves_nothing() {
        let mut batch = SendBatch::new();
        let to = ([127, 0, 0, 1], 9).into();
        assert_eq!(batch.push(to, 64, 10, |_| None), None);
        assert!(batch.is_empty());
        let mut pushed = 0;
        while batch.push(to, 64, 1000, |_| Some(1000)).is_some() {
            pushed += 1;
        }
        assert_eq!(pushed, SLAB_LEN / 1000);
        assert!(!batch.has_room(1000));
        batch.clear();
        assert!(batch.has_room(1000) && batch.is_empty());
    }
}
