//! The transports of a shard's peers, where their datagrams come from and what is queued for them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use conclave_sfu_core::{Egress, Outgoing, PeerSlot, ShardSet, Stream};
use conclave_transport::address::{Protocol, TransportAddress};
use conclave_transport::framing::MAX_FRAME;
use conclave_transport::peer::{DropReason, PeerConfig, PeerEvent, PeerTransport, Received};
use conclave_transport::send_lanes::Lane;
use conclave_transport::srtp::{RTCP_OVERHEAD, RTP_OVERHEAD};
use conclave_wire::id::PeerId;
use conclave_wire::media::Kind;
use foldhash::fast::RandomState;

use crate::queue::{Alike, Content, List, Queue, Queued};
use crate::relay::Relay;
use crate::socket::{Outbox, Sockets};
use crate::stats::Snapshot;
use crate::tcp::Tcp;

/// What a transport said, for the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEvent {
    Connected,
    Lost,
}

/// A peer's place. It is small, because every packet for the peer touches it.
struct Slot {
    /// What is queued for it: pictures, and everything else. `dirty` names the peer while there is any. Sound goes
    /// behind the pictures, since only the last packet of a run may be shorter.
    pictures: List,
    others: List,
    session: Option<Box<Session>>,
}

struct Session {
    transport: PeerTransport,
    /// The entry of `wakes` that counts.
    wake: Option<Instant>,
}

/// All sessions of a shard.
pub(crate) struct Sessions {
    slots: Vec<Slot>,
    /// Written by authenticated checks only.
    addresses: HashMap<TransportAddress, PeerSlot, RandomState>,
    wakes: BinaryHeap<Reverse<(Instant, PeerSlot)>>,
    queue: Queue,
    /// Sessions with something in `queue`, in the order of their first packets.
    dirty: Vec<PeerSlot>,
    outbox: Outbox,
    /// Counted since the shard last took it.
    pub(crate) counted: Snapshot,
    sockets: Sockets,
    pub(crate) tcp: Tcp,
    pub(crate) relay: Relay,
    /// Where a packet for a TCP connection is sealed.
    scratch: Box<[u8]>,
}

impl Sessions {
    pub(crate) fn new(sockets: Sockets, tcp: Tcp, relay: Relay) -> Self {
        Self {
            slots: Vec::new(),
            addresses: HashMap::default(),
            wakes: BinaryHeap::new(),
            queue: Queue::default(),
            dirty: Vec::new(),
            outbox: Outbox::default(),
            counted: Snapshot::default(),
            sockets,
            tcp,
            relay,
            scratch: vec![0; MAX_FRAME].into_boxed_slice(),
        }
    }

    /// Makes the transport of a peer, in place of the one it has.
    pub(crate) fn open(&mut self, now: Instant, peer: PeerSlot, config: PeerConfig) {
        self.close(now, peer);
        let transport = PeerTransport::new(now, config);
        if self.slots.len() <= peer.0 {
            self.slots.resize_with(peer.0 + 1, || Slot {
                pictures: List::EMPTY,
                others: List::EMPTY,
                session: None,
            });
        }
        if let Some(slot) = self.slots.get_mut(peer.0) {
            slot.session = Some(Box::new(Session {
                transport,
                wake: None,
            }));
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
                    if address.protocol == Protocol::Tcp {
                        self.tcp.adopt(address.socket);
                    }
                }
                PeerEvent::AddressRemoved(address) => self.remove_address(peer, address),
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

    /// The next peer that has lost a connection; it wants [`Self::poll`].
    pub(crate) fn disconnected(&mut self) -> Option<PeerSlot> {
        while let Some(remote) = self.tcp.poll_closed() {
            let address = TransportAddress::tcp(remote);
            let peer = self.addresses.get(&address).copied();
            if let Some(peer) = peer
                && let Some(session) = self.session(peer)
            {
                session.transport.drop_address(address);
                return Some(peer);
            }
        }
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

    /// To be called before the core is given its next input.
    pub(crate) const fn begin(&mut self) {
        self.queue.begin();
    }

    /// Seals and sends everything that is queued, subscriber by subscriber.
    pub(crate) fn flush(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for peer in dirty.drain(..) {
            self.seal(peer);
        }
        self.dirty = dirty;
        self.queue.clear();
        self.counted.egress_dropped += self.outbox.send(&self.sockets);
        self.tcp.flush();
    }

    /// Seals what is queued for one peer into the outbox.
    fn seal(&mut self, peer: PeerSlot) {
        let Self {
            slots,
            queue,
            outbox,
            sockets,
            counted,
            tcp,
            scratch,
            ..
        } = self;
        let Some(slot) = slots.get_mut(peer.0) else {
            return;
        };
        let mut pictures = std::mem::replace(&mut slot.pictures, List::EMPTY);
        let mut others = std::mem::replace(&mut slot.others, List::EMPTY);
        let mut alike = Alike::default();
        let Some(session) = &mut slot.session else {
            return;
        };
        let Some(to) = session.transport.remote_address() else {
            return;
        };
        loop {
            let padding = match queue.next_len(pictures) {
                Some(len) if to.protocol == Protocol::Udp => alike.padding(queue, pictures, len),
                _ => 0,
            };
            let next = queue.pop(&mut pictures).or_else(|| queue.pop(&mut others));
            let Some(packet) = next else { break };
            let room = packet.len() + usize::from(padding) + RTP_OVERHEAD.max(RTCP_OVERHEAD);
            let write = |room: &mut [u8]| seal(&mut session.transport, &packet, padding, room);
            let (sealed, dropped) = match to.protocol {
                Protocol::Udp => outbox.push(sockets, to.socket, room, write),
                Protocol::Tcp => {
                    let sealed = scratch.get_mut(..room).and_then(write);
                    (
                        sealed.filter(|len| {
                            tcp.send(
                                to.socket,
                                lane(packet.content),
                                scratch.get(..*len).unwrap_or_default(),
                            )
                        }),
                        0,
                    )
                }
            };
            counted.egress_dropped += dropped;
            let Some(len) = sealed else {
                counted.egress_dropped += 1;
                continue;
            };
            match packet.content {
                Content::Rtp(Kind::Audio) => counted.rtp_out_audio += 1,
                Content::Rtp(Kind::Video) => counted.rtp_out_video += 1,
                Content::Rtcp => continue,
            }
            counted.rtp_bytes_out += u64::try_from(len).unwrap_or(0);
        }
    }

    fn session(&mut self, peer: PeerSlot) -> Option<&mut Session> {
        self.slots.get_mut(peer.0)?.session.as_deref_mut()
    }

    fn transmit(&mut self, peer: PeerSlot) {
        let slot = self.slots.get_mut(peer.0);
        let Some(session) = slot.and_then(|slot| slot.session.as_mut()) else {
            return;
        };
        while let Some(transmit) = session.transport.poll_transmit() {
            match transmit.to.protocol {
                Protocol::Udp => self.sockets.send(transmit.to.socket, &transmit.bytes),
                Protocol::Tcp => {
                    self.tcp.send(transmit.to.socket, Lane::Control, &transmit.bytes);
                }
            }
        }
        self.tcp.flush();
    }

    fn remove_address(&mut self, peer: PeerSlot, address: TransportAddress) {
        if self.addresses.get(&address) == Some(&peer) {
            self.addresses.remove(&address);
            if address.protocol == Protocol::Tcp {
                self.tcp.close(address.socket);
            }
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
            && slot.session.take().is_some()
        {
            (slot.pictures, slot.others) = (List::EMPTY, List::EMPTY);
            let Self { addresses, tcp, .. } = self;
            addresses.retain(|address, known| {
                let is_kept = *known != peer;
                if !is_kept && address.protocol == Protocol::Tcp {
                    tcp.close(address.socket);
                }
                is_kept
            });
            self.dirty.retain(|known| *known != peer);
        }
    }

    /// Queues a packet for a peer that has a transport.
    fn enqueue(
        &mut self,
        to: PeerSlot,
        content: Content,
        append: impl FnOnce(&mut Queue, &mut List) -> Option<()>,
    ) {
        if !self.queue.has_room() {
            self.flush();
        }
        let Some(slot) = self.slots.get_mut(to.0).filter(|slot| slot.session.is_some()) else {
            return;
        };
        let was_empty = slot.pictures.is_empty() && slot.others.is_empty();
        let list = match content {
            Content::Rtp(Kind::Video) => &mut slot.pictures,
            Content::Rtp(Kind::Audio) | Content::Rtcp => &mut slot.others,
        };
        if append(&mut self.queue, list).is_none() {
            self.counted.egress_dropped += 1;
        } else if was_empty {
            self.dirty.push(to);
        }
    }
}

fn seal(transport: &mut PeerTransport, packet: &Queued<'_>, padding: u8, room: &mut [u8]) -> Option<usize> {
    let len = packet.write(padding, room)?;
    match packet.content {
        Content::Rtp(_) => transport.seal_rtp(room, len).ok(),
        Content::Rtcp => transport.seal_rtcp(room, len).ok(),
    }
}

/// Which lane of a TCP connection a packet takes.
const fn lane(content: Content) -> Lane {
    match content {
        Content::Rtp(Kind::Audio) => Lane::Audio,
        Content::Rtp(Kind::Video) => Lane::Video,
        Content::Rtcp => Lane::Control,
    }
}

impl Egress for Sessions {
    fn rtp(&mut self, to: PeerSlot, packet: &Outgoing<'_>) {
        self.enqueue(to, Content::Rtp(packet.kind), |queue, list| {
            queue.rtp(list, packet)
        });
    }

    fn relay(&mut self, from: PeerId, stream: Option<Stream>, to: ShardSet, packet: &[u8]) {
        self.relay.push(from, stream, to, packet);
    }

    fn rtcp(&mut self, to: PeerSlot, packet: &[u8]) {
        if self.session(to).is_none() {
            return self.relay.feedback(to, packet);
        }
        self.enqueue(to, Content::Rtcp, |queue, list| queue.rtcp(list, packet));
    }
}
