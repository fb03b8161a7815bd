//! One thread that forwards media: its sockets, its sessions, its core, and the loop that drives them.

mod measure;
mod others;
mod receive;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use conclave_sfu_core::{Config, Output, PeerSlot, Sfu, TransportState};
use conclave_transport::dtls::Certificate;
use conclave_transport::peer::PeerConfig;
use conclave_transport::route::{IceCredentials, Route};
use conclave_transport::udp::ReceiveSlab;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::PeerId;
use tokio::sync::mpsc;

use crate::bind::Ports;
use crate::dispatch::ShardCommand;
use crate::load::LoadMeter;
use crate::overload::Overload;
use crate::relay::{self, Inbox, Message, Outboxes, Relay, peer_of};
use crate::session::{SessionEvent, Sessions};
use crate::socket::Sockets;
use crate::stats::Stats;
use crate::tcp::{READ_LEN, Tcp};
use measure::Gauges;

/// Pause before what found another shard's queue full is sent again.
const RELAY_RETRY: Duration = Duration::from_millis(5);
/// Messages of other shards handled before other work gets a turn.
const MAX_MESSAGES: usize = 32;

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
    /// Whether peers and tracks may be others than those last counted. To count them takes a look at each.
    is_recounted: bool,
    /// As they are, and as last reported.
    gauges: (Gauges, Gauges),
    load: LoadMeter,
    /// CPU time of the thread at the last judgement.
    cpu: Duration,
    /// Datagrams the sockets had no room for, as last seen.
    dropped: u32,
    /// Packets of media received since the load was last judged.
    received: u64,
    /// When the estimates were last summed up.
    estimated_at: Instant,
    overload: Overload,
}

/// What woke the shard.
enum Wake {
    /// Datagrams, which each turn looks for.
    Readable,
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
    let (mut shard, mut commands) = Shard::new(config)?;
    // Not the shard's own: what is received is handled while it lies here.
    let mut slab = ReceiveSlab::allocate();
    let mut tcp_slab = vec![0; READ_LEN].into_boxed_slice();
    loop {
        let wake = shard.wait(&mut commands).await;
        let woke = Instant::now();
        // Who waits for an answer does not wait for packets to gather.
        let may_rest = !matches!(wake, Wake::Command(_));
        shard.receive(&mut slab);
        match wake {
            Wake::Tcp => shard.receive_tcp(&mut tcp_slab),
            Wake::Command(Some(command)) => shard.command(command),
            Wake::Relay(from, message) => {
                shard.message(from, message);
                shard.take_messages(MAX_MESSAGES);
            }
            Wake::Command(None) => return Ok(()),
            Wake::Readable | Wake::EventRoom | Wake::Time => {}
        }
        shard.timers();
        shard.settle();
        shard.judge();
        if may_rest && let Some(rest) = shard.load.turn().checked_sub(woke.elapsed()) {
            // The runtime's timers know whole milliseconds only, and nothing else runs on this thread.
            std::thread::sleep(rest);
        }
    }
}

impl Shard {
    /// A shard with nobody on it, and what it is told.
    fn new(config: ShardConfig) -> std::io::Result<(Self, mpsc::Receiver<ShardCommand>)> {
        let ShardConfig {
            number,
            ports,
            certificate,
            commands,
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
        let shard = Self {
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
            cpu: measure::cpu_time(),
            dropped: 0,
            received: 0,
            estimated_at: Instant::now(),
            overload,
            inbox,
            views_changed: false,
            is_recounted: false,
        };
        Ok((shard, commands))
    }

    async fn wait(&mut self, commands: &mut mpsc::Receiver<ShardCommand>) -> Wake {
        let deadline = [
            self.core.poll_timeout(),
            self.sessions.next_wake(),
            self.sessions.tcp.poll_timeout(),
            self.load.poll_timeout(),
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
            () = self.sockets.readable() => Wake::Readable,
            () = self.sessions.tcp.readable() => Wake::Tcp,
            Some((from, message)) = self.inbox.recv() => Wake::Relay(from, message),
            command = commands.recv(), if self.takes_commands() => Wake::Command(command),
            permit = self.events.reserve(), if !self.waiting.is_empty() => match permit {
                Ok(_) => Wake::EventRoom,
                Err(_) => Wake::Command(None),
            },
            () = sleep => Wake::Time,
        }
    }

    fn takes_commands(&self) -> bool {
        self.waiting.is_empty() && !self.sessions.relay.is_awaiting()
    }

    fn command(&mut self, command: ShardCommand) {
        // Whoever subscribes a track of another shard knows of it through that shard.
        self.take_messages(relay::QUEUE);
        self.note_change();
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

    const fn note_change(&mut self) {
        self.views_changed = true;
        self.is_recounted = false;
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
                        self.note_change();
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
        self.sessions.flush();
        while let Some(event) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.waiting.push_front(event);
                break;
            }
        }
        self.count();
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
        // What a peer is shown and may send is its own shard's business.
        ControlCommand::Permit { .. } | ControlCommand::Views { .. } | ControlCommand::Go { .. } => None,
    }
}
