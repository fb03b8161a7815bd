//! Datagrams to be sent to one address, one behind the other, and the runs they make for GSO.

/// Memory that is used again for each frame.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl Datagrams {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
    }

    /// Appends the datagram that `write` puts at the front of `room` bytes; `None` leaves everything as it was.
    pub(super) fn push(
        &mut self,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let start = self.bytes.len();
        self.bytes.resize(start + room, 0);
        let written = self.bytes.get_mut(start..).and_then(write);
        self.bytes.truncate(start + written.unwrap_or_default());
        self.lengths.extend(written);
        written
    }

    /// Calls `send` for each run: its bytes, and the length of each datagram but the last, which may be shorter.
    pub(super) fn for_each_run(&self, mut send: impl FnMut(&[u8], usize)) {
        let mut bytes = self.bytes.as_slice();
        let mut lengths = self.lengths.as_slice();
        while let Some((&first, rest)) = lengths.split_first() {
            let mut len = first;
            let mut taken = 0;
            for &next in rest {
                if next > first {
                    break;
                }
                len += next;
                taken += 1;
                if next < first {
                    break;
                }
            }
            let Some((run, behind)) = bytes.split_at_checked(len) else {
                return;
            };
            send(run, first);
            bytes = behind;
            lengths = rest.get(taken..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_equal_datagrams_and_at_most_a_shorter_last_one() {
        let mut datagrams = Datagrams::default();
        for len in [9, 8, 8, 8, 3, 3, 4] {
            assert_eq!(datagrams.push(20, |_| Some(len)), Some(len));
        }
        assert_eq!(datagrams.push(20, |_| None), None);
        let mut runs = Vec::new();
        datagrams.for_each_run(|run, segment| runs.push((run.len(), segment)));
        assert_eq!(runs, [(17, 9), (19, 8), (3, 3), (4, 4)]);
        datagrams.clear();
        datagrams.for_each_run(|_, _| panic!("nothing is left"));
    }
}
