//! One thread that forwards media: its sockets, its sessions, its core, and the loop that drives them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conclave_sfu_core::{Config, Output, PeerSlot, Sfu, TransportState};
use conclave_transport::address::TransportAddress;
use conclave_transport::classify::{DatagramKind, classify};
use conclave_transport::dtls::Certificate;
use conclave_transport::peer::{PeerConfig, Received};
use conclave_transport::route::{IceCredentials, Route, route_of};
use conclave_transport::stun;
use conclave_transport::udp::ReceiveSlab;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{PeerId, RoomId};
use tokio::io::Interest;
use tokio::sync::mpsc;

use crate::bind::Ports;
use crate::dispatch::ShardCommand;
use crate::load::{LoadMeter, Measured};
use crate::overload::Overload;
use crate::relay::{self, Inbox, Message, Outboxes, Relay, peer_of};
use crate::session::{SessionEvent, Sessions};
use crate::socket::Sockets;
use crate::stats::{Snapshot, Stats};
use crate::tcp::{READ_LEN, Tcp};

/// Receive batches handled before other work gets a turn.
const MAX_BATCHES: usize = 8;
/// Reads from TCP connections handled before other work gets a turn.
const MAX_READS: usize = 64;
/// Pause before what found another shard's queue full is sent again.
const RELAY_RETRY: Duration = Duration::from_millis(5);
/// Messages of other shards handled before other work gets a turn.
const MAX_MESSAGES: usize = 32;

/// Between two looks at all subscribers' estimates, for the metrics.
const ESTIMATES: Duration = Duration::from_secs(1);

/// What a shard is made from.
pub(crate) struct ShardConfig {
    /// Its number, which its ufrags carry.
    pub(crate) number: u8,
    pub(crate) ports: Ports,
    pub(crate) certificate: Certificate,
    pub(crate) commands: mpsc::Receiver<ShardCommand>,
    pub(crate) events: mpsc::Sender<ControlEvent>,
    pub(crate) stats: Stats,
    /// Packets forwarded since the start, for placing rooms.
    pub(crate) forwarded: Arc<AtomicU64>,
    /// Whether the thread stays on one core.
    pub(crate) pin: bool,
    pub(crate) overload: Overload,
    /// The ways to the other shards, and what they say.
    pub(crate) outboxes: Outboxes,
    pub(crate) inbox: Inbox,
}

struct Shard {
    number: u8,
    certificate: Certificate,
    core: Sfu,
    sessions: Sessions,
    sockets: Sockets,
    /// Events that found the channel full. While there are any, no command is taken, which bounds them.
    waiting: VecDeque<ControlEvent>,
    events: mpsc::Sender<ControlEvent>,
    stats: Stats,
    forwarded: Arc<AtomicU64>,
    inbox: Inbox,
    /// Whether somebody of a wide room may be shown other tracks than before.
    views_changed: bool,
    /// As they are, and as last reported.
    gauges: (Gauges, Gauges),
    load: LoadMeter,
    /// Datagrams the sockets had no room for, as last seen.
    dropped: u32,
    /// When the estimates were last summed up.
    estimated_at: Instant,
    /// When what is queued is sent at the latest.
    flush_at: Option<Instant>,
    overload: Overload,
}

/// What rises and falls.
#[derive(Clone, Copy, Default)]
struct Gauges {
    peers: u64,
    tracks: u64,
    shed_level: u64,
    busy_permille: u64,
    estimate_bps: u64,
    estimates: u64,
}

/// What woke the shard.
enum Wake {
    Readable(usize),
    Tcp,
    Command(Option<ShardCommand>),
    Relay(usize, Message),
    EventRoom,
    Time,
}

/// Runs a shard until its commands end.
///
/// # Errors
/// When the sockets cannot be registered with the runtime.
pub(crate) async fn run(config: ShardConfig) -> std::io::Result<()> {
    let ShardConfig {
        number,
        ports,
        certificate,
        mut commands,
        events,
        stats,
        forwarded,
        pin: _,
        overload,
        outboxes,
        inbox,
    } = config;
    let Ports {
        sockets,
        listeners,
        candidates,
    } = ports;
    let sockets = Sockets::register(sockets)?;
    let fingerprint = certificate.fingerprint();
    let mut shard = Shard {
        number,
        certificate,
        core: Sfu::for_shard(
            Config {
                fingerprint,
                candidates,
            },
            number,
        ),
        sessions: Sessions::new(
            sockets.clone(),
            Tcp::register(listeners)?,
            Relay::new(usize::from(number), outboxes),
        ),
        sockets,
        waiting: VecDeque::new(),
        events,
        stats,
        forwarded,
        gauges: Default::default(),
        load: LoadMeter::new(Instant::now()),
        dropped: 0,
        estimated_at: Instant::now(),
        flush_at: None,
        overload,
        inbox,
        views_changed: false,
    };
    // Not the shard's own: what is received is handled while it lies here.
    let mut slab = ReceiveSlab::allocate();
    let mut tcp_slab = vec![0; READ_LEN].into_boxed_slice();
    loop {
        let wake = shard.wait(&mut commands).await;
        let woke = Instant::now();
        match wake {
            Wake::Readable(socket) => shard.receive(socket, &mut slab),
            Wake::Tcp => shard.receive_tcp(&mut tcp_slab),
            Wake::Command(Some(command)) => {
                // Whoever subscribes a track of another shard knows of it through that shard.
                shard.take_messages(relay::QUEUE);
                shard.command(command);
            }
            Wake::Relay(from, message) => {
                shard.message(from, message);
                shard.take_messages(MAX_MESSAGES);
            }
            Wake::Command(None) => return Ok(()),
            Wake::EventRoom | Wake::Time => {}
        }
        shard.timers();
        shard.settle();
        shard.judge(woke);
    }
}

impl Shard {
    async fn wait(&mut self, commands: &mut mpsc::Receiver<ShardCommand>) -> Wake {
        let deadline = [
            self.core.poll_timeout(),
            self.sessions.next_wake(),
            self.sessions.tcp.poll_timeout(),
            self.load.poll_timeout(),
            self.flush_at,
            self.sessions
                .relay
                .is_waiting()
                .then(|| Instant::now() + RELAY_RETRY),
        ]
        .into_iter()
        .flatten()
        .min();
        let sleep = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            socket = self.sockets.readable() => Wake::Readable(socket),
            () = self.sessions.tcp.readable() => Wake::Tcp,
            Some((from, message)) = self.inbox.recv() => Wake::Relay(from, message),
            command = commands.recv(), if self.waiting.is_empty() => Wake::Command(command),
            permit = self.events.reserve(), if !self.waiting.is_empty() => match permit {
                Ok(_) => Wake::EventRoom,
                Err(_) => Wake::Command(None),
            },
            () = sleep => Wake::Time,
        }
    }

    /// Takes what is there. What it leaves to send goes out together when the shard settles, so that the packets of
    /// one frame travel as one run.
    fn receive(&mut self, socket: usize, slab: &mut ReceiveSlab) {
        let sockets = self.sockets.clone();
        let Some(socket) = sockets.iter().nth(socket) else {
            return;
        };
        for _ in 0..MAX_BATCHES {
            // Readiness ends with WouldBlock, and the runtime wakes us for the next datagram.
            match socket.try_io(Interest::READABLE, |socket| socket.receive(slab)) {
                Ok(_) => self.batch(slab),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::debug!(%error, "receiving failed");
                    return;
                }
            }
        }
    }

    /// Takes what has come over TCP, a piece of each connection in turn.
    fn receive_tcp(&mut self, slab: &mut [u8]) {
        let now = Instant::now();
        self.sessions.tcp.refresh(now);
        for _ in 0..MAX_READS {
            let Some(mut arrival) = self.sessions.tcp.read(slab) else {
                break;
            };
            let from = TransportAddress::tcp(arrival.remote);
            let mut is_rude = false;
            let stream = slab.get_mut(..arrival.len).unwrap_or_default();
            let result = arrival.deframer.feed(stream, |packet| {
                // A stranger has nothing to say but who it is.
                is_rude |=
                    self.sessions.tcp.is_stranger(from.socket) && classify(packet) != DatagramKind::Stun;
                if !is_rude {
                    self.datagram(now, from, packet);
                }
            });
            self.sessions.tcp.done(arrival, result);
            if is_rude {
                self.sessions.counted.datagrams_dropped += 1;
                self.sessions.tcp.close(from.socket);
            }
        }
    }

    fn batch(&mut self, slab: &mut ReceiveSlab) {
        let now = Instant::now();
        slab.for_each(|datagram| {
            self.datagram(now, TransportAddress::udp(datagram.from), datagram.bytes);
        });
    }

    fn datagram(&mut self, now: Instant, from: TransportAddress, bytes: &mut [u8]) {
        let kind = classify(bytes);
        let peer = match kind {
            // A check names its peer, whatever peer its address belonged to; the peer verifies it.
            DatagramKind::Stun => stun::username(bytes)
                .and_then(route_of)
                .and_then(|route| self.slot_of(route)),
            DatagramKind::Dtls | DatagramKind::Rtp | DatagramKind::Rtcp => self.sessions.by_address(from),
            DatagramKind::Unknown => None,
        };
        let Some(peer) = peer else {
            self.sessions.counted.datagrams_dropped += 1;
            return;
        };
        let size = bytes.len();
        self.sessions.begin();
        match self.sessions.handle_datagram(now, peer, from, bytes) {
            Ok(Received::Rtp { len }) => {
                self.sessions.counted.rtp_bytes_in += u64::try_from(size).unwrap_or(0);
                self.core.handle_rtp(
                    now,
                    peer,
                    bytes.get(..len).unwrap_or_default(),
                    &mut self.sessions,
                );
            }
            Ok(Received::Rtcp { len }) => {
                self.core.handle_rtcp(
                    now,
                    peer,
                    bytes.get(..len).unwrap_or_default(),
                    &mut self.sessions,
                );
            }
            Ok(Received::Consumed) => self.drain_session(now, peer),
            Err(reason) => {
                tracing::trace!(%reason, "a datagram was dropped");
                self.sessions.counted.datagrams_dropped += 1;
            }
        }
    }

    fn command(&mut self, command: ShardCommand) {
        self.views_changed = true;
        match command {
            ShardCommand::Control(ControlCommand::RemovePeer { peer }) => {
                let room = self.core.mirror_of(peer).map(|(room, _)| room);
                self.control(ControlCommand::RemovePeer { peer });
                if let Some(room) = room {
                    self.sessions.relay.tell_gone(room, peer);
                }
            }
            ShardCommand::Control(command) => {
                let peer = peer_of_command(&command);
                self.control(command);
                if let Some(peer) = peer {
                    self.sessions.relay.note(peer);
                }
            }
            ShardCommand::Span {
                room,
                shards,
                version,
            } => self.span(room, &shards, version),
        }
    }

    /// The shards of a room are others now.
    fn span(&mut self, room: RoomId, shards: &[usize], version: u64) {
        let change = self.sessions.relay.span(room, shards, version);
        for peer in change.gone {
            self.remove_mirror(peer);
        }
        for shard in change.left {
            self.core.set_relayed(room, None, shard, false);
        }
        for peer in self.core.own_peers(room) {
            let Some((_, mirror)) = self.core.mirror_of(peer) else {
                continue;
            };
            for shard in &change.joined {
                self.sessions.relay.tell_mirror(room, &mirror, Some(*shard));
            }
        }
    }

    fn take_messages(&mut self, most: usize) {
        for _ in 0..most {
            let Ok((from, message)) = self.inbox.try_recv() else {
                return;
            };
            self.message(from, message);
        }
    }

    /// Handles what another shard says.
    fn message(&mut self, from: usize, message: Message) {
        let now = Instant::now();
        match message {
            Message::Media(batch) => {
                batch.for_each(|peer, stream, packet| {
                    self.sessions.begin();
                    self.core
                        .handle_relayed(now, peer, stream, packet, &mut self.sessions);
                });
                return self.sessions.relay.recycle(batch);
            }
            Message::Mirror {
                room,
                mirror,
                version,
            } => {
                if self.sessions.relay.is_stale(from, room, version) {
                    return;
                }
                let slot = self.core.set_mirror(now, room, &mirror, &mut self.sessions);
                if let Some(slot) = slot {
                    self.sessions.relay.add_mirror(mirror.peer(), from, room, slot);
                }
            }
            Message::Gone { peer } => self.remove_mirror(peer),
            Message::Wanted { room, track, on } => {
                if self.sessions.relay.is_other(from, room) {
                    self.core.set_relayed(room, Some(track), from, on);
                }
            }
            Message::Needed { peer, source, needed } => {
                let room = self.core.mirror_of(peer).map(|(room, _)| room);
                if room.is_some_and(|room| self.sessions.relay.is_other(from, room)) {
                    self.core.set_needed(peer, source, from, &needed);
                }
            }
            Message::Keyframe { peer, ssrc } => {
                self.core.relay_keyframe(now, peer, ssrc, &mut self.sessions);
            }
        }
        self.views_changed = true;
        self.drain_core(now);
    }

    fn remove_mirror(&mut self, peer: PeerId) {
        // Its events are still known as a mirror's while they are drained.
        self.control(ControlCommand::RemovePeer { peer });
        self.sessions.relay.remove_mirror(peer);
    }

    /// Tells the other shards of wide rooms what has changed here.
    fn tell_others(&mut self) {
        for peer in self.sessions.relay.take_changed() {
            if let Some((room, mirror)) = self.core.mirror_of(peer) {
                self.sessions.relay.tell_mirror(room, &mirror, None);
            }
        }
        if std::mem::take(&mut self.views_changed) {
            for room in self.sessions.relay.rooms() {
                let watched = self.core.watched_mirrors(room);
                self.sessions.relay.tell_wanted(room, &watched);
            }
        }
        self.sessions.relay.flush();
    }

    fn control(&mut self, command: ControlCommand) {
        let now = Instant::now();
        let shard = self.number;
        let credentials = |slot: PeerSlot| {
            let peer = u64::try_from(slot.0).ok()?;
            IceCredentials::generate(Route { shard, peer }).ok()
        };
        self.sessions.begin();
        self.core
            .handle_command(now, command, credentials, &mut self.sessions);
        // The slot of a closed peer may be taken by the next command, so outputs are drained now.
        self.drain_core(now);
    }

    fn timers(&mut self) {
        let now = Instant::now();
        self.sessions.tcp.handle_timeout(now);
        while let Some(peer) = self.sessions.disconnected() {
            self.drain_session(now, peer);
        }
        while let Some(peer) = self.sessions.expired(now) {
            self.drain_session(now, peer);
        }
        self.sessions.begin();
        self.core.handle_timeout(now, &mut self.sessions);
    }

    fn drain_session(&mut self, now: Instant, peer: PeerSlot) {
        while let Some(event) = self.sessions.poll(peer) {
            let state = match event {
                SessionEvent::Connected => TransportState::Connected,
                SessionEvent::Lost => TransportState::Lost,
            };
            self.core.handle_transport(now, peer, state, &mut self.sessions);
        }
    }

    fn drain_core(&mut self, now: Instant) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Event(ControlEvent::Overloaded { overloaded }) => self.tell_overload(overloaded),
                Output::Event(event) => {
                    let relay = &mut self.sessions.relay;
                    if let Some(event) = relay.filter(event) {
                        if let Some(peer) = peer_of(&event) {
                            relay.note(peer);
                        }
                        self.views_changed = true;
                        self.waiting.push_back(event);
                    }
                }
                Output::OpenTransport {
                    peer,
                    credentials,
                    remote,
                } => {
                    let config = PeerConfig {
                        local: credentials,
                        remote_ufrag: remote.ufrag,
                        remote_fingerprint: remote.fingerprint,
                        certificate: self.certificate.clone(),
                    };
                    self.sessions.open(now, peer, config);
                }
                Output::RestartIce {
                    peer,
                    credentials,
                    ufrag,
                } => self.sessions.restart_ice(peer, credentials, &ufrag),
                Output::CloseTransport { peer } => self.sessions.close(now, peer),
            }
        }
    }

    /// Sends what is queued, unless it may wait for more.
    fn flush(&mut self, now: Instant) {
        if !self.sessions.has_queued() {
            self.flush_at = None;
            return;
        }
        let at = *self.flush_at.get_or_insert_with(|| now + self.load.hold());
        if now >= at {
            self.sessions.flush();
            self.flush_at = None;
        }
    }

    /// All shards have one answer, told in its order.
    fn tell_overload(&mut self, overloaded: bool) {
        let Self {
            overload,
            events,
            waiting,
            ..
        } = self;
        overload.change(overloaded, |overloaded| {
            let event = ControlEvent::Overloaded { overloaded };
            if let Err(mpsc::error::TrySendError::Full(event)) = events.try_send(event) {
                waiting.push_back(event);
            }
        });
    }

    /// Before the shard sleeps: nothing is left undone that can be done.
    fn settle(&mut self) {
        let now = Instant::now();
        self.drain_core(now);
        // Before the events: who hears of a track from the signaling service finds it on its shard.
        self.tell_others();
        self.flush(now);
        while let Some(event) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.waiting.push_front(event);
                break;
            }
        }
        self.count();
    }

    /// Sheds more load, or less, if it is time to look.
    fn judge(&mut self, woke: Instant) {
        let now = Instant::now();
        self.load.worked(woke, now);
        if !self.load.is_due(now) {
            return;
        }
        let measured = self.measure();
        let shed = self.load.judge(now, measured);
        let (gauges, _) = &mut self.gauges;
        gauges.shed_level = shed.0.into();
        gauges.busy_permille = self.load.busy_permille();
        if now >= self.estimated_at + ESTIMATES {
            self.estimated_at = now;
            (gauges.estimate_bps, gauges.estimates) = self.core.estimates();
        }
        if shed != self.core.shed() {
            tracing::info!(
                level = shed.0,
                busy_permille = self.load.busy_permille(),
                "load is shed at another level"
            );
            self.core.handle_shed(now, shed, &mut self.sessions);
            self.settle();
        }
    }

    fn measure(&mut self) -> Measured {
        let backlogs = self
            .sockets
            .iter()
            .filter_map(|socket| socket.get_ref().backlog().ok());
        let (mut backlog, mut dropped) = (0f64, 0u32);
        for socket in backlogs {
            backlog = backlog.max(f64::from(socket.waiting) / f64::from(socket.capacity.max(1)));
            dropped = dropped.wrapping_add(socket.dropped);
        }
        let new = dropped.wrapping_sub(self.dropped);
        self.dropped = dropped;
        self.sessions.counted.receive_overflow += u64::from(new);
        Measured {
            backlog,
            dropped: new,
        }
    }

    fn count(&mut self) {
        let core = self.core.take_counters();
        let mirrors = self.sessions.relay.mirror_count();
        let gauges = Gauges {
            peers: to_u64(self.core.peer_count().saturating_sub(mirrors)),
            tracks: to_u64(self.core.track_count()),
            ..self.gauges.0
        };
        let told = std::mem::replace(&mut self.gauges, (gauges, gauges)).1;
        let delta = Snapshot {
            rtp_in_audio: core.audio_in,
            rtp_in_video: core.video_in,
            rtp_lost: core.lost,
            nack_out: core.nack_out,
            nack_in: core.nack_in,
            pli_out: core.keyframe_out,
            pli_in: core.keyframe_in,
            paced: core.paced,
            paced_dropped: core.paced_dropped,
            probe_out: core.probe_out,
            frames_refused: core.refused,
            peers: gauges.peers.wrapping_sub(told.peers),
            tracks: gauges.tracks.wrapping_sub(told.tracks),
            shed_level: gauges.shed_level.wrapping_sub(told.shed_level),
            busy_permille: gauges.busy_permille.wrapping_sub(told.busy_permille),
            estimate_bps: gauges.estimate_bps.wrapping_sub(told.estimate_bps),
            estimates: gauges.estimates.wrapping_sub(told.estimates),
            relayed: std::mem::take(&mut self.sessions.relay.relayed),
            relay_dropped: std::mem::take(&mut self.sessions.relay.dropped),
            ..std::mem::take(&mut self.sessions.counted)
        };
        let delta = Snapshot {
            datagrams_dropped: delta.datagrams_dropped + core.unusable,
            ..delta
        };
        let forwarded = delta.rtp_out_audio + delta.rtp_out_video;
        if forwarded > 0 {
            self.forwarded.fetch_add(forwarded, Ordering::Relaxed);
        }
        self.stats.add(&delta);
    }

    fn slot_of(&self, route: Route) -> Option<PeerSlot> {
        (route.shard == self.number).then_some(PeerSlot(usize::try_from(route.peer).ok()?))
    }
}

/// The peer a command is about.
const fn peer_of_command(command: &ControlCommand) -> Option<PeerId> {
    match command {
        ControlCommand::AddPeer { peer, .. }
        | ControlCommand::RemovePeer { peer }
        | ControlCommand::Negotiate { peer, .. }
        | ControlCommand::Admit { peer, .. }
        | ControlCommand::Suspend { peer }
        | ControlCommand::Resume { peer } => Some(*peer),
        // What a peer is shown is its own shard's business.
        ControlCommand::Views { .. } | ControlCommand::Go { .. } => None,
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
