//! The datagrams of one turn, peer by peer: what belongs to a peer is fetched into the processor's caches once for all
//! of them, which with hundreds of peers is most of what a packet costs.

use std::net::SocketAddr;

use super::arrival::Arrival;

/// Bytes after which a turn has enough: with what they are about to touch, they stay within a core's second-level cache.
const ENOUGH: usize = 512 << 10;

/// Datagrams of one peer, one behind the other and all as long as the stride but the last.
struct Entry {
    peer: usize,
    from: SocketAddr,
    arrival: Arrival,
    start: usize,
    len: usize,
    stride: usize,
}

/// Memory that is used again each turn.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Gathered {
    /// Takes a copy of an aggregate.
    pub(super) fn push(
        &mut self,
        peer: usize,
        from: SocketAddr,
        arrival: Arrival,
        bytes: &[u8],
        stride: usize,
    ) {
        self.entries.push(Entry {
            peer,
            from,
            arrival,
            start: self.bytes.len(),
            len: bytes.len(),
            stride,
        });
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether these are to be handled before more are gathered.
    pub(super) fn is_enough(&self) -> bool {
        self.bytes.len() >= ENOUGH
    }

    /// Hands out all of them: peer by peer, and those of a peer in the order in which they came.
    pub(super) fn drain(&mut self, mut handle: impl FnMut(usize, SocketAddr, Arrival, &mut [u8], usize)) {
        self.entries.sort_by_key(|entry| entry.peer);
        for entry in self.entries.drain(..) {
            if let Some(bytes) = self.bytes.get_mut(entry.start..entry.start + entry.len) {
                handle(entry.peer, entry.from, entry.arrival, bytes, entry.stride);
            }
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn each_peer_gets_its_datagrams_together_and_in_order() {
        let arrival = Arrival {
            at: Instant::now(),
            rested: Duration::ZERO,
        };
        let from = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut gathered = Gathered::default();
        for turn in 0..2u8 {
            for (peer, byte) in [(3, 1), (1, 2), (3, 3), (2, 4), (1, 5)] {
                gathered.push(peer, from, arrival, &[turn, byte], 2);
            }
            let mut heard = Vec::new();
            gathered.drain(|peer, _, _, bytes, _| heard.push((peer, bytes.to_vec())));
            let expected = [(1, 2), (1, 5), (2, 4), (3, 1), (3, 3)];
            assert_eq!(heard, expected.map(|(peer, byte)| (peer, vec![turn, byte])));
        }
        gathered.push(0, from, arrival, &vec![0; ENOUGH], 1200);
        assert!(gathered.is_enough());
    }
}
