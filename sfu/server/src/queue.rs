//! What a batch of received packets leaves to be sent: per subscriber a list of headers and references to payloads.
//!
//! A payload is kept once for all its subscribers; sealing copies it once for each, at the flush. A subscriber costs
//! two numbers here, whatever is queued for it.

use conclave_sfu_core::{MAX_RTCP, Outgoing};
use conclave_wire::media::Kind;

/// Packets between two flushes. When they are used up, everything is flushed at once.
const MAX_ENTRIES: usize = 32 << 10;
/// Bytes of payloads between two flushes, likewise.
const MAX_PAYLOADS: usize = 1 << 20;
/// Longest header that is written: fixed part, extensions, original sequence number, payload descriptor.
const MAX_HEADER: usize = 96;
/// Longest packet that is forwarded: what fits an Ethernet frame, and a little.
pub(crate) const MAX_PACKET: usize = 1600;
/// What a packet of a picture may be padded by (RFC 3550 §5.1) to be as long as those around it: encoders cut a frame
/// into packets that differ by a byte or two, and a run takes only equal ones.
const MAX_PADDING: usize = 16;
/// The P bit of the first byte of RTP.
const PADDED: u8 = 0x20;
/// The end of a list.
const NONE: u32 = u32::MAX;

/// What an entry is, for sealing and for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Rtp(Kind),
    Rtcp,
}

#[derive(Clone, Copy)]
struct Entry {
    header: u32,
    payload: u32,
    next: u32,
    payload_len: u16,
    header_len: u8,
    content: Content,
}

/// The packets of one subscriber, oldest first.
#[derive(Clone, Copy)]
pub(crate) struct List {
    first: u32,
    last: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };

    pub(crate) const fn is_empty(self) -> bool {
        self.first == NONE
    }
}

/// A packet that waits, still in two parts.
#[derive(Clone, Copy)]
pub(crate) struct Queued<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    pub(crate) content: Content,
}

impl Queued<'_> {
    /// Length of the plaintext packet.
    pub(crate) const fn len(&self) -> usize {
        self.header.len() + self.payload.len()
    }

    /// Writes the plaintext packet to the front of `out`, `padding` bytes longer than it is, and returns its length.
    pub(crate) fn write(&self, padding: u8, out: &mut [u8]) -> Option<usize> {
        let (header, rest) = out.split_at_mut_checked(self.header.len())?;
        header.copy_from_slice(self.header);
        rest.get_mut(..self.payload.len())?.copy_from_slice(self.payload);
        let first = out.first_mut()?;
        if padding == 0 || *first & PADDED != 0 {
            return Some(self.len());
        }
        *first |= PADDED;
        let end = self.len() + usize::from(padding);
        let zeros = out.get_mut(self.len()..end)?;
        zeros.fill(0);
        *zeros.last_mut()? = padding;
        Some(end)
    }
}

/// Packets of one subscriber that are about as long, and so leave as one run when all but the last are padded.
#[derive(Clone, Copy, Default)]
pub(crate) struct Alike {
    packets: usize,
    longest: usize,
}

impl Alike {
    /// By how much the next packet of a list, `len` bytes long, is to be padded.
    pub(crate) fn padding(&mut self, queue: &Queue, list: List, len: usize) -> u8 {
        if self.packets == 0 {
            *self = queue.alike(list);
        }
        self.packets = self.packets.saturating_sub(1);
        let padding = if self.packets > 0 {
            self.longest.saturating_sub(len)
        } else {
            0
        };
        u8::try_from(padding).unwrap_or(0)
    }
}

/// Everything queued since the last flush. Its memory grows to what the busiest batch needs and stays.
#[derive(Default)]
pub(crate) struct Queue {
    entries: Vec<Entry>,
    /// Written up to `headers_used`; the rest is memory of busier batches.
    headers: Vec<u8>,
    headers_used: usize,
    payloads: Vec<u8>,
    /// Where the last payload came from and where it is kept: the next packet mostly has the same.
    last: Option<Source>,
}

#[derive(Clone, Copy)]
struct Source {
    address: usize,
    len: usize,
    kept: u32,
}

impl Queue {
    /// To be called before each input of the core: what lies at an address may have changed.
    pub(crate) const fn begin(&mut self) {
        self.last = None;
    }

    /// Whether another packet can be queued. If not, flush.
    pub(crate) const fn has_room(&self) -> bool {
        self.entries.len() < MAX_ENTRIES && self.payloads.len() + MAX_PACKET <= MAX_PAYLOADS
    }

    /// Queues an RTP packet; `None` if it is too long.
    pub(crate) fn rtp(&mut self, list: &mut List, packet: &Outgoing<'_>) -> Option<()> {
        let header = self.headers_used;
        if self.headers.len() < header + MAX_HEADER {
            self.headers.resize(2 * header + MAX_HEADER, 0);
        }
        let header_len = packet.write_header(self.headers.get_mut(header..)?).ok()?;
        self.headers_used += header_len;
        let content = Content::Rtp(packet.kind);
        self.append(list, content, header, header_len, packet.payload)
    }

    /// Queues an RTCP packet; `None` if it is too long.
    pub(crate) fn rtcp(&mut self, list: &mut List, packet: &[u8]) -> Option<()> {
        debug_assert!(packet.len() <= MAX_RTCP);
        // Never shared: the core writes one after the other into the same buffer.
        self.last = None;
        self.append(list, Content::Rtcp, self.headers_used, 0, packet)
    }

    fn append(
        &mut self,
        list: &mut List,
        content: Content,
        header: usize,
        header_len: usize,
        payload: &[u8],
    ) -> Option<()> {
        if header_len + payload.len() > MAX_PACKET {
            return None;
        }
        let index = u32::try_from(self.entries.len()).ok()?;
        let entry = Entry {
            header: u32::try_from(header).ok()?,
            payload: self.keep(payload)?,
            next: NONE,
            payload_len: u16::try_from(payload.len()).ok()?,
            header_len: u8::try_from(header_len).ok()?,
            content,
        };
        self.entries.push(entry);
        match self.entries.get_mut(list.last as usize) {
            Some(last) if !list.is_empty() => last.next = index,
            _ => list.first = index,
        }
        list.last = index;
        Some(())
    }

    /// How many packets of a list, from the first on, differ by no more than [`MAX_PADDING`].
    fn alike(&self, list: List) -> Alike {
        let mut alike = Alike::default();
        let mut shortest = usize::MAX;
        let mut next = list.first;
        while let Some(entry) = self.entries.get(next as usize) {
            let len = usize::from(entry.header_len) + usize::from(entry.payload_len);
            let longest = alike.longest.max(len);
            shortest = shortest.min(len);
            if longest - shortest > MAX_PADDING {
                break;
            }
            alike = Alike {
                packets: alike.packets + 1,
                longest,
            };
            next = entry.next;
        }
        alike
    }

    /// The length of the oldest packet of a list.
    pub(crate) fn next_len(&self, list: List) -> Option<usize> {
        let entry = self.entries.get(list.first as usize)?;
        Some(usize::from(entry.header_len) + usize::from(entry.payload_len))
    }

    /// Takes the oldest packet off a list.
    pub(crate) fn pop(&self, list: &mut List) -> Option<Queued<'_>> {
        let entry = self.entries.get(list.first as usize)?;
        list.first = entry.next;
        let header = entry.header as usize;
        let payload = entry.payload as usize;
        Some(Queued {
            header: self.headers.get(header..header + usize::from(entry.header_len))?,
            payload: self
                .payloads
                .get(payload..payload + usize::from(entry.payload_len))?,
            content: entry.content,
        })
    }

    /// Forgets everything; all lists must have been emptied.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.headers_used = 0;
        self.payloads.clear();
        self.last = None;
    }

    /// Keeps a payload, once if it is the one of the packet before.
    fn keep(&mut self, payload: &[u8]) -> Option<u32> {
        let address = payload.as_ptr().addr();
        if let Some(last) = self.last
            && (last.address, last.len) == (address, payload.len())
        {
            return Some(last.kept);
        }
        let kept = u32::try_from(self.payloads.len()).ok()?;
        self.payloads.extend_from_slice(payload);
        self.last = Some(Source {
            address,
            len: payload.len(),
            kept,
        });
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use conclave_sfu_core::Descriptor;
    use conclave_transport::rtp::RtpHeader;

    use super::*;

    fn outgoing(sequence_number: u16, payload: &[u8]) -> Outgoing<'_> {
        Outgoing {
            header: RtpHeader {
                marker: false,
                payload_type: 96,
                sequence_number,
                timestamp: 1,
                ssrc: 2,
            },
            mid: None,
            transport_cc: None,
            original_sequence: None,
            descriptor: Descriptor::default(),
            payload,
            padding: false,
            kind: Kind::Video,
        }
    }

    fn drain(queue: &Queue, list: &mut List) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| queue.pop(list))
            .map(|packet| {
                let mut out = vec![0; packet.len()];
                assert_eq!(packet.write(0, &mut out), Some(out.len()));
                out
            })
            .collect()
    }

    #[test]
    fn each_list_gives_its_packets_in_order() {
        let mut queue = Queue::default();
        let mut lists = [List::EMPTY; 3];
        let payloads = [[1u8; 100], [2; 100], [3; 100]];
        let mut expected = vec![Vec::new(); 3];
        for (sequence, payload) in (0..).zip(&payloads) {
            for (list, expected) in lists.iter_mut().zip(&mut expected) {
                let packet = outgoing(sequence, payload);
                queue.rtp(list, &packet).unwrap();
                let mut bytes = vec![0; 200];
                let len = packet.write(&mut bytes).unwrap();
                expected.push(bytes[..len].to_vec());
            }
        }
        queue.rtcp(&mut lists[1], b"report").unwrap();
        expected[1].push(b"report".to_vec());
        assert_eq!(queue.payloads.len(), 306, "a payload is kept once");
        for (list, expected) in lists.iter_mut().zip(&expected) {
            assert_eq!(drain(&queue, list), *expected);
            assert!(list.is_empty());
        }
    }

    #[test]
    fn a_payload_that_changed_in_place_is_kept_anew_for_the_next_input() {
        let mut queue = Queue::default();
        let mut list = List::EMPTY;
        let mut payload = [1u8; 50];
        queue.rtp(&mut list, &outgoing(1, &payload)).unwrap();
        queue.begin();
        payload.fill(2);
        queue.rtp(&mut list, &outgoing(2, &payload)).unwrap();
        let packets = drain(&queue, &mut list);
        assert_eq!(
            (packets[0][12..].to_vec(), packets[1][12..].to_vec()),
            (vec![1; 50], vec![2; 50])
        );
    }

    #[test]
    fn packets_of_about_one_length_are_padded_to_it_all_but_the_last() {
        let mut queue = Queue::default();
        let mut list = List::EMPTY;
        let payload = [7u8; 1300];
        for len in [1000, 1001, 1000, 1016, 1000, 1300, 400] {
            queue.rtp(&mut list, &outgoing(1, &payload[..len])).unwrap();
        }
        // What is padding already stays as it is.
        let mut probe = outgoing(1, &payload[..398]);
        probe.padding = true;
        queue.rtp(&mut list, &probe).unwrap();
        queue.rtp(&mut list, &outgoing(1, &payload[..400])).unwrap();
        let mut alike = Alike::default();
        let mut lengths = Vec::new();
        while let Some(len) = queue.next_len(list) {
            let padding = alike.padding(&queue, list, len);
            let packet = queue.pop(&mut list).unwrap();
            let mut out = [0xFF; 1400];
            let written = packet.write(padding, &mut out).unwrap();
            let view = conclave_transport::rtp::RtpView::parse(&out[..written]);
            let payload = view.map(|view| view.payload().len()).ok();
            lengths.push((written - 12, payload));
        }
        let plain = |len| (len, Some(len));
        assert_eq!(
            lengths,
            [
                (1016, Some(1000)),
                (1016, Some(1001)),
                (1016, Some(1000)),
                plain(1016),
                plain(1000),
                plain(1300),
                plain(400),
                (398, Some(391)),
                plain(400),
            ]
        );
    }

    #[test]
    fn reports_written_into_one_buffer_stay_different() {
        let mut queue = Queue::default();
        let mut lists = [List::EMPTY; 2];
        let mut buffer = [0; 8];
        for (list, byte) in lists.iter_mut().zip(1..) {
            buffer.fill(byte);
            queue.rtcp(list, &buffer).unwrap();
        }
        let sent = lists.each_mut().map(|list| drain(&queue, list));
        assert_eq!(sent, [vec![vec![1; 8]], vec![vec![2; 8]]]);
    }

    #[test]
    fn the_queue_is_bounded_and_refuses_what_is_too_long() {
        let mut queue = Queue::default();
        let mut list = List::EMPTY;
        assert!(queue.rtp(&mut list, &outgoing(1, &[0; MAX_PACKET])).is_none());
        assert!(list.is_empty());
        let payload = [0; 1200];
        let mut queued = 0;
        while queue.has_room() {
            queue.begin();
            queue.rtp(&mut list, &outgoing(1, &payload)).unwrap();
            queued += 1;
        }
        assert!(
            (800..900).contains(&queued),
            "{queued} different payloads of 1200 bytes"
        );
        list = List::EMPTY;
        queue.clear();
        while queue.has_room() {
            queue.rtp(&mut list, &outgoing(1, &payload)).unwrap();
        }
        assert_eq!(queue.entries.len(), MAX_ENTRIES);
    }
}
