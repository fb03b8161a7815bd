//! The threads of light peers: each owns its sockets, its peers and its clock, and takes commands from their handles.
//!
//! Inputs: datagrams, commands, time. Outputs: datagrams, [`PeerEvent`](super::PeerEvent)s, figures. A thread receives all
//! there is, then does what is due, then sleeps until something comes or is due. While nobody is connecting it looks for
//! packets every few milliseconds only; the system's receive time of each packet, and
//! [`Arrival::rested`](super::arrival::Arrival), keep that out of what is measured.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use conclave_transport::dtls::{Certificate, CertificateError};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::thread::{CpuSet, sched_setaffinity};
use thiserror::Error;

use super::arrival::Clock;
use super::datagrams::Datagrams;
use super::gathered::Gathered;
use super::peer::{Peer, PeerParts, Remote};
use super::socket::{Origin, Place, Sockets};
use crate::measure::Durations;

/// Wakes a thread for a command.
const WAKE: Token = Token(usize::MAX);
/// Readiness events taken at once.
const EVENTS: usize = 256;
/// Batches received from one socket before timers get a turn.
const BATCHES: usize = 16;
/// Between two looks for packets while nobody is connecting: to be woken and to ask for one costs more than the packet,
/// and several of a peer together cost less than each alone. Frames are sent when they are due all the same.
const TURN: Duration = Duration::from_millis(3);
/// How long a look at a peer that is connecting keeps turns short; there is one after each of its datagrams.
const HURRY: Duration = Duration::from_millis(20);
/// Longest sleep.
const SLEEP: Duration = Duration::from_millis(100);
/// Between two looks at the receive buffers.
const WATCH: Duration = Duration::from_millis(500);
/// How long a thread is looked at to say how busy it is.
const STRETCH: Duration = Duration::from_secs(5);

/// How an engine runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LightConfig {
    /// Threads; at least one.
    pub threads: usize,
    /// Cores to pin the threads to, in turn; none leaves them to the system.
    pub cores: Vec<usize>,
}

/// Why no engine could be started.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No thread, or no way to wake it.
    #[error("light participants cannot be started: {0}")]
    System(#[from] io::Error),
}

/// What an engine says about itself.
#[derive(Debug, Default)]
pub struct EngineFigures {
    /// How late frames were sent.
    pub lateness: Durations,
    /// Datagrams that found no room in a receive buffer: lost in the load tester, not on the way.
    overrun: AtomicU64,
    /// CPU time of its threads in microseconds.
    cpu_us: AtomicU64,
    /// The largest share of five seconds that one of its threads was busy, in thousandths; 0 before that.
    busiest: AtomicU64,
}

impl EngineFigures {
    /// Datagrams that found no room in a receive buffer.
    pub fn overrun(&self) -> u64 {
        self.overrun.load(Ordering::Relaxed)
    }

    /// CPU time of all threads so far; half a second old at most.
    pub fn cpu(&self) -> Duration {
        Duration::from_micros(self.cpu_us.load(Ordering::Relaxed))
    }

    /// The largest share of five seconds that one of its threads was busy, from 0 to 1; `None` before that.
    pub fn busiest(&self) -> Option<f64> {
        let thousandths = u32::try_from(self.busiest.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        (thousandths > 0).then(|| f64::from(thousandths) / 1000.0)
    }
}

/// What a handle asks of its peer's thread.
pub(super) enum Command {
    Add(usize, Box<PeerParts>),
    Describe(usize, Box<Remote>),
    Send(usize),
    Mute(usize, usize, bool),
    Retry(usize),
    Stats(usize, tokio::sync::oneshot::Sender<()>),
    Locate(usize, tokio::sync::oneshot::Sender<SocketAddr>),
    Close(usize),
}

/// The way to one thread.
#[derive(Clone)]
pub(super) struct Thread {
    commands: Sender<Command>,
    waker: Arc<Waker>,
    next_peer: Arc<AtomicUsize>,
}

impl Thread {
    /// A number for a new peer; numbers are never used again.
    pub(super) fn number(&self) -> usize {
        self.next_peer.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn tell(&self, command: Command) {
        // The thread ends with the last handle, so it is there.
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }
}

/// Light peers and their threads. Handles are cheap to clone; the threads end with the last one.
#[derive(Clone)]
pub struct LightEngine {
    pub(super) threads: Arc<Vec<Thread>>,
    pub(super) certificate: Certificate,
    figures: Arc<EngineFigures>,
    turn: Arc<AtomicUsize>,
}

impl LightEngine {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn start(config: &LightConfig) -> Result<Self, EngineError> {
        let figures = Arc::new(EngineFigures::default());
        let mut threads = Vec::new();
        for number in 0..config.threads.max(1) {
            let core = config.cores.get(number % config.cores.len().max(1)).copied();
            threads.push(spawn(number, core, Arc::clone(&figures))?);
        }
        Ok(Self {
            threads: Arc::new(threads),
            certificate: Certificate::generate()?,
            figures,
            turn: Arc::default(),
        })
    }

    /// What the engine says about itself.
    pub fn figures(&self) -> &EngineFigures {
        &self.figures
    }

    /// The next thread in turn.
    pub(super) fn thread(&self) -> Option<Thread> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.threads.get(turn % self.threads.len().max(1)).cloned()
    }
}

fn spawn(number: usize, core: Option<usize>, figures: Arc<EngineFigures>) -> io::Result<Thread> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (commands, receiver) = channel();
    thread::Builder::new()
        .name(format!("light-{number}"))
        .spawn(move || {
            if let Some(core) = core {
                let mut set = CpuSet::new();
                set.set(core);
                // Without its core it runs wherever the system likes.
                let _ = sched_setaffinity(None, &set);
            }
            Worker::new(poll, receiver, figures).run();
        })?;
    Ok(Thread {
        commands,
        waker,
        next_peer: Arc::default(),
    })
}

/// What is due: a peer's housekeeping, or a frame of one of its tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Tick(usize),
    Frame(usize, usize),
}

struct Worker {
    poll: Poll,
    commands: Receiver<Command>,
    sockets: Sockets,
    ready: Vec<usize>,
    peers: Vec<Option<Box<Peer>>>,
    due: BinaryHeap<Reverse<(Instant, Due)>>,
    scratch: Datagrams,
    pressed: Vec<usize>,
    clock: Clock,
    /// Until when packets gather.
    receive_at: Instant,
    gathered: Gathered,
    /// Until when turns are as short as they can be: somebody is connecting.
    hurry_until: Instant,
    figures: Arc<EngineFigures>,
    watch_at: Instant,
    /// What this thread has added to the figures.
    overrun: u64,
    cpu_us: u64,
    /// Since when it counts how busy the thread is, and the CPU time it had then.
    stretch: (Instant, u64),
}

impl Worker {
    fn new(poll: Poll, commands: Receiver<Command>, figures: Arc<EngineFigures>) -> Self {
        Self {
            poll,
            commands,
            sockets: Sockets::new(),
            ready: Vec::new(),
            peers: Vec::new(),
            due: BinaryHeap::new(),
            scratch: Datagrams::default(),
            pressed: Vec::new(),
            clock: Clock::now(),
            receive_at: Instant::now(),
            gathered: Gathered::default(),
            hurry_until: Instant::now(),
            figures,
            watch_at: Instant::now(),
            overrun: 0,
            cpu_us: 0,
            stretch: (Instant::now(), 0),
        }
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.clock.turn();
            if !self.obey() {
                return;
            }
            if !self.is_resting(Instant::now()) {
                self.receive();
            }
            let next = self.advance();
            let now = Instant::now();
            if self.is_resting(now) {
                thread::sleep(next.min(self.receive_at).saturating_duration_since(now));
                continue;
            }
            let sleep = if self.ready.is_empty() {
                next.saturating_duration_since(Instant::now()).min(SLEEP)
            } else {
                Duration::ZERO
            };
            // An interruption is as good as a datagram: everything is looked at again.
            let _ = self.poll.poll(&mut events, Some(sleep));
            for event in &events {
                if event.token() != WAKE && !self.ready.contains(&event.token().0) {
                    self.ready.push(event.token().0);
                }
            }
        }
    }

    /// Whether packets are left to gather.
    fn is_resting(&self, now: Instant) -> bool {
        now < self.receive_at && now >= self.hurry_until
    }

    /// Does what the handles ask; `false` when there are none any more.
    fn obey(&mut self) -> bool {
        use std::sync::mpsc::TryRecvError;
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.command(command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Add(number, parts) => {
                if self.peers.len() <= number {
                    self.peers.resize_with(number + 1, || None);
                }
                for (track, sender) in parts.senders.iter().enumerate() {
                    self.due.push(Reverse((sender.next(), Due::Frame(number, track))));
                }
                if let Some(place) = self.peers.get_mut(number) {
                    *place = Some(Box::new(Peer::new(*parts, now)));
                }
                self.due.push(Reverse((now, Due::Tick(number))));
                self.settle(number);
            }
            Command::Describe(number, remote) => {
                if let Some(peer) = self.peer(number) {
                    peer.describe(now, *remote);
                }
                self.settle(number);
                self.tick(number, now);
            }
            Command::Send(number) => {
                if let Some(peer) = self.peer(number) {
                    peer.start_sending();
                }
            }
            Command::Mute(number, track, muted) => {
                if let Some(peer) = self.peer(number) {
                    peer.mute(track, muted);
                }
            }
            Command::Retry(number) => {
                if let Some(peer) = self.peer(number) {
                    peer.retry(now);
                }
            }
            Command::Stats(number, done) => {
                if let Some(peer) = self.peer(number) {
                    peer.publish_stats();
                }
                // Who asked may be gone.
                let _ = done.send(());
            }
            Command::Locate(number, asked) => {
                let place = self.peer(number).and_then(|peer| peer.place);
                if let Some(address) = place.and_then(|place| self.sockets.local(place)) {
                    // Who asked may be gone.
                    let _ = asked.send(address);
                }
            }
            Command::Close(number) => self.close(number, now),
        }
    }

    fn peer(&mut self, number: usize) -> Option<&mut Box<Peer>> {
        self.peers.get_mut(number)?.as_mut()
    }

    /// Finds a place for a peer that has an address, or knows where its server is.
    fn settle(&mut self, number: usize) {
        let Some(Some(peer)) = self.peers.get_mut(number) else {
            return;
        };
        let known = peer.parts.bind.map(Origin::Address);
        let known = known.or_else(|| peer.first_candidate().map(Origin::WayTo));
        let Some(origin) = known.filter(|_| peer.place.is_none()) else {
            return;
        };
        let registry = self.poll.registry();
        let register =
            |token: usize, fd: RawFd| registry.register(&mut SourceFd(&fd), Token(token), Interest::READABLE);
        match self.sockets.place(number, origin, register) {
            Ok(place) => peer.place = Some(place),
            Err(error) => peer
                .parts
                .measures
                .problem(format!("a light participant has no socket: {error}")),
        }
    }

    fn close(&mut self, number: usize, now: Instant) {
        let Some(mut peer) = self.peers.get_mut(number).and_then(Option::take) else {
            return;
        };
        let place = peer.place;
        let sockets = &self.sockets;
        peer.close(now, |to, bytes, segment| send(sockets, place, to, bytes, segment));
        peer.publish_stats();
        if let Some(place) = place {
            self.sockets.leave(place);
        }
    }

    fn receive(&mut self) {
        if self.ready.is_empty() {
            return;
        }
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|socket| {
            for _ in 0..BATCHES {
                let (gathered, clock) = (&mut self.gathered, &self.clock);
                let more = self.sockets.receive(*socket, |aggregate| {
                    let arrival = clock.arrival(aggregate.arrived);
                    let (from, bytes) = (aggregate.from, &*aggregate.bytes);
                    gathered.push(aggregate.peer, from, arrival, bytes, aggregate.stride);
                });
                if self.gathered.is_enough() {
                    self.hand_out();
                }
                if !more {
                    return false;
                }
            }
            true
        });
        self.hand_out();
        self.ready = ready;
        let now = Instant::now();
        for number in std::mem::take(&mut self.pressed) {
            self.tick(number, now);
        }
        if self.ready.is_empty() {
            let now = Instant::now();
            self.receive_at = now + TURN;
            self.clock.rested(now, TURN);
        }
    }

    /// Gives what was gathered to its peers.
    fn hand_out(&mut self) {
        let Self {
            gathered,
            peers,
            pressed,
            ..
        } = self;
        let now = Instant::now();
        gathered.drain(|number, from, arrival, bytes, stride| {
            let Some(Some(peer)) = peers.get_mut(number) else {
                return;
            };
            peer.receive(now, arrival, from, bytes, stride);
            if peer.is_pressed() && !pressed.contains(&number) {
                pressed.push(number);
            }
        });
    }

    /// Does all that is due and says when the next thing is.
    fn advance(&mut self) -> Instant {
        let now = Instant::now();
        if now >= self.watch_at {
            self.watch_at = now + WATCH;
            self.watch();
        }
        while let Some(Reverse((at, _))) = self.due.peek() {
            if *at > now {
                return (*at).min(self.watch_at);
            }
            let Some(Reverse((_, due))) = self.due.pop() else {
                break;
            };
            match due {
                Due::Tick(number) => {
                    if let Some(next) = self.tick(number, now) {
                        self.due.push(Reverse((next, due)));
                    }
                }
                Due::Frame(number, track) => self.frame(number, track, due),
            }
        }
        self.watch_at
    }

    fn tick(&mut self, number: usize, now: Instant) -> Option<Instant> {
        let Some(Some(peer)) = self.peers.get_mut(number) else {
            return None;
        };
        let place = peer.place;
        let sockets = &self.sockets;
        if peer.is_connecting() {
            self.hurry_until = now + HURRY;
        }
        peer.tick(now, &mut self.scratch, |to, bytes, segment| {
            send(sockets, place, to, bytes, segment);
        })
    }

    fn frame(&mut self, number: usize, track: usize, due: Due) {
        let Some(Some(peer)) = self.peers.get_mut(number) else {
            return;
        };
        let place = peer.place;
        let sockets = &self.sockets;
        let now = Instant::now();
        let turn = peer.frame(now, track, &mut self.scratch, |to, bytes, segment| {
            send(sockets, place, to, bytes, segment);
        });
        if let Some(turn) = turn {
            if peer.is_on_air() {
                self.figures.lateness.record(turn.late);
            }
            self.due.push(Reverse((turn.next, due)));
        }
    }

    /// Brings the figures up to date.
    fn watch(&mut self) {
        let dropped = self.sockets.dropped().max(self.overrun);
        let cpu_us = thread_cpu_us().unwrap_or(self.cpu_us);
        let figures = &self.figures;
        figures
            .overrun
            .fetch_add(dropped - self.overrun, Ordering::Relaxed);
        figures
            .cpu_us
            .fetch_add(cpu_us.saturating_sub(self.cpu_us), Ordering::Relaxed);
        (self.overrun, self.cpu_us) = (dropped, cpu_us);
        let now = Instant::now();
        let (since, before_us) = self.stretch;
        let stretch = now.saturating_duration_since(since);
        if stretch >= STRETCH {
            let busy = u128::from(cpu_us.saturating_sub(before_us)) * 1000 / stretch.as_micros().max(1);
            let busy = u64::try_from(busy).unwrap_or(u64::MAX);
            figures.busiest.fetch_max(busy, Ordering::Relaxed);
            self.stretch = (now, cpu_us);
        }
    }
}

fn send(sockets: &Sockets, place: Option<Place>, to: SocketAddr, bytes: &[u8], segment: usize) {
    if let Some(place) = place {
        sockets.send(place, to, bytes, segment);
    }
}

/// CPU time of the calling thread in microseconds.
fn thread_cpu_us() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: u64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(nanos / 1000)
}
