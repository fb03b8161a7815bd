//! The transports of a shard's peers, where their datagrams come from and what is queued for them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use conclave_sfu_core::{Egress, Outgoing, PeerSlot};
use conclave_transport::address::TransportAddress;
use conclave_transport::peer::{DropReason, PeerConfig, PeerEvent, PeerTransport, Received};
use conclave_transport::srtp::{RTCP_OVERHEAD, RTP_OVERHEAD};
use conclave_wire::media::Kind;

use crate::socket::Sockets;
use crate::stats::Snapshot;

/// Bytes queued for one subscriber between two flushes. When a packet does not fit, the queue is flushed at once.
const QUEUE_BYTES: usize = 48 << 10;
/// Longest packet that is forwarded: what fits an Ethernet frame, and a little.
const MAX_PACKET: usize = 1600;

/// What a transport said, for the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEvent {
    Connected,
    Lost,
}

/// Sealed packets for one peer, one behind the other.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    used: usize,
}

struct Session {
    transport: PeerTransport,
    queue: Queue,
    /// The entry of `wakes` that counts.
    wake: Option<Instant>,
    /// Whether `dirty` names it.
    dirty: bool,
}

/// All sessions of a shard.
#[derive(Default)]
pub(crate) struct Sessions {
    slots: Vec<Option<Session>>,
    /// Written by authenticated checks only.
    addresses: HashMap<TransportAddress, PeerSlot>,
    wakes: BinaryHeap<Reverse<(Instant, PeerSlot)>>,
    dirty: Vec<PeerSlot>,
    /// Counted since the shard last took it.
    pub(crate) counted: Snapshot,
    sockets: Sockets,
}

impl Sessions {
    pub(crate) fn new(sockets: Sockets) -> Self {
        Self {
            sockets,
            ..Self::default()
        }
    }

    /// Makes the transport of a peer, in place of the one it has.
    pub(crate) fn open(&mut self, now: Instant, peer: PeerSlot, config: PeerConfig) {
        self.close(now, peer);
        let transport = PeerTransport::new(now, config);
        if self.slots.len() <= peer.0 {
            self.slots.resize_with(peer.0 + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(peer.0) {
            *slot = Some(Session {
                transport,
                queue: Queue::default(),
                wake: None,
                dirty: false,
            });
        }
        self.settle(peer);
    }

    /// Says goodbye to a peer and forgets it.
    pub(crate) fn close(&mut self, now: Instant, peer: PeerSlot) {
        if let Some(session) = self.session(peer) {
            session.transport.close(now);
            self.transmit(peer);
        }
        self.forget(peer);
    }

    pub(crate) fn restart_ice(
        &mut self,
        peer: PeerSlot,
        credentials: conclave_transport::route::IceCredentials,
        ufrag: &str,
    ) {
        if let Some(session) = self.session(peer) {
            session.transport.restart_ice(credentials, ufrag);
        }
    }

    /// The peer that checked in from this address.
    pub(crate) fn by_address(&self, from: TransportAddress) -> Option<PeerSlot> {
        self.addresses.get(&from).copied()
    }

    /// Gives a datagram to a peer's transport.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        peer: PeerSlot,
        from: TransportAddress,
        datagram: &mut [u8],
    ) -> Result<Received, DropReason> {
        let session = self.session(peer).ok_or(DropReason::Closed)?;
        session.transport.handle_datagram(now, from, datagram)
    }

    /// After a transport was given something: sends its datagrams and returns its next event for the core.
    pub(crate) fn poll(&mut self, peer: PeerSlot) -> Option<SessionEvent> {
        self.transmit(peer);
        while let Some(event) = self.session(peer)?.transport.poll_event() {
            match event {
                PeerEvent::AddressAdded(address) => {
                    self.addresses.insert(address, peer);
                }
                PeerEvent::AddressRemoved(address) => {
                    if self.addresses.get(&address) == Some(&peer) {
                        self.addresses.remove(&address);
                    }
                }
                PeerEvent::Nominated(_) => {}
                PeerEvent::Connected { profile } => {
                    tracing::info!(?profile, "a peer's transport is connected");
                    return Some(SessionEvent::Connected);
                }
                PeerEvent::Lost(reason) => {
                    tracing::info!(?reason, "a peer's transport is lost");
                    self.transmit(peer);
                    self.forget(peer);
                    return Some(SessionEvent::Lost);
                }
            }
        }
        self.settle(peer);
        None
    }

    /// The next peer whose transport wants [`Self::poll`] because of the time.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<PeerSlot> {
        while let Some(Reverse((at, peer))) = self.wakes.peek().copied() {
            if at > now {
                return None;
            }
            self.wakes.pop();
            if let Some(session) = self.session(peer).filter(|session| session.wake == Some(at)) {
                session.wake = None;
                session.transport.handle_timeout(now);
                return Some(peer);
            }
        }
        None
    }

    /// When [`Self::expired`] will have something.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.wakes.peek().map(|Reverse((at, _))| *at)
    }

    /// Sends everything that is queued.
    pub(crate) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for peer in dirty.drain(..) {
            self.flush_one(peer);
            if let Some(session) = self.session(peer) {
                session.dirty = false;
            }
        }
        self.dirty = dirty;
    }

    fn flush_one(&mut self, peer: PeerSlot) {
        let Some(session) = self.slots.get_mut(peer.0).and_then(Option::as_mut) else {
            return;
        };
        let queue = &mut session.queue;
        if let Some(to) = session.transport.remote_address() {
            self.counted.egress_dropped += self.sockets.send_queue(to.socket, &queue.bytes, &queue.lengths);
        }
        queue.lengths.clear();
        queue.used = 0;
    }

    fn session(&mut self, peer: PeerSlot) -> Option<&mut Session> {
        self.slots.get_mut(peer.0)?.as_mut()
    }

    fn transmit(&mut self, peer: PeerSlot) {
        let Some(session) = self.slots.get_mut(peer.0).and_then(Option::as_mut) else {
            return;
        };
        while let Some(transmit) = session.transport.poll_transmit() {
            self.sockets.send(transmit.to.socket, &transmit.bytes);
        }
    }

    /// Notes when the transport wants to be woken, if that is earlier than known.
    fn settle(&mut self, peer: PeerSlot) {
        let Some(session) = self.session(peer) else { return };
        let Some(at) = session.transport.poll_timeout() else {
            return;
        };
        if session.wake.is_none_or(|wake| at < wake) {
            session.wake = Some(at);
            self.wakes.push(Reverse((at, peer)));
        }
    }

    fn forget(&mut self, peer: PeerSlot) {
        if let Some(slot) = self.slots.get_mut(peer.0)
            && slot.take().is_some()
        {
            self.addresses.retain(|_, known| *known != peer);
            self.dirty.retain(|known| *known != peer);
        }
    }

    /// Writes and seals one packet at the end of a peer's queue.
    fn enqueue(
        &mut self,
        to: PeerSlot,
        overhead: usize,
        write: impl Fn(&mut PeerTransport, &mut [u8]) -> Option<usize>,
    ) -> usize {
        let full = self
            .session(to)
            .is_some_and(|session| session.queue.used + MAX_PACKET + overhead > QUEUE_BYTES);
        if full {
            self.flush_one(to);
        }
        let Some(session) = self.slots.get_mut(to.0).and_then(Option::as_mut) else {
            return 0;
        };
        if session.transport.remote_address().is_none() {
            return 0;
        }
        let queue = &mut session.queue;
        let end = queue.used + MAX_PACKET + overhead;
        if queue.bytes.len() < end {
            queue.bytes.resize(end, 0);
        }
        let room = queue.bytes.get_mut(queue.used..end).unwrap_or_default();
        let Some(len) = write(&mut session.transport, room) else {
            self.counted.egress_dropped += 1;
            return 0;
        };
        queue.used += len;
        queue.lengths.push(len);
        if !session.dirty {
            session.dirty = true;
            self.dirty.push(to);
        }
        len
    }
}

impl Egress for Sessions {
    fn rtp(&mut self, to: PeerSlot, packet: &Outgoing<'_>) {
        let len = self.enqueue(to, RTP_OVERHEAD, |transport, room| {
            let len = packet.write(room).ok()?;
            transport.seal_rtp(room, len).ok()
        });
        if len == 0 {
            return;
        }
        self.counted.rtp_bytes_out += u64::try_from(len).unwrap_or(0);
        match packet.kind {
            Kind::Audio => self.counted.rtp_out_audio += 1,
            Kind::Video => self.counted.rtp_out_video += 1,
        }
    }

    fn rtcp(&mut self, to: PeerSlot, packet: &[u8]) {
        self.enqueue(to, RTCP_OVERHEAD, |transport, room| {
            room.get_mut(..packet.len())?.copy_from_slice(packet);
            transport.seal_rtcp(room, packet.len()).ok()
        });
    }
}
