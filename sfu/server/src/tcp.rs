//! The TCP connections of a shard: accepting, limits on strangers, frames in, bounded lanes out (RFC 6544, passive).
//!
//! A connection is a stranger until an authenticated check has come over it. Everything is polled from one epoll
//! descriptor, so that the shard waits for one thing however many connections there are.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use conclave_transport::address::canonical;
use conclave_transport::framing::{Deframer, FrameError};
use conclave_transport::send_lanes::{Lane, SendLanes};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::unix::AsyncFd;

/// Most connections of a shard. A further one is closed at once.
const MAX_CONNECTIONS: usize = 4096;
/// Most connections over which no authenticated check has come. A further one closes the oldest of them.
const MAX_STRANGERS: usize = 256;
/// Most of these from one address, as behind the NAT of an office where all come at once.
const MAX_STRANGERS_PER_ADDRESS: usize = 32;
/// How long a stranger may stay one.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes read from one connection at a time.
pub(crate) const READ_LEN: usize = 16 << 10;
/// Bytes the kernel may hold unsent: what waits should wait in our lanes, where audio overtakes video.
const UNSENT_LEN: u32 = 16 << 10;
const BACKLOG: i32 = 128;
/// Readiness events taken at a time.
const MAX_EVENTS: usize = 256;
/// Tokens from here on are listeners.
const FIRST_LISTENER: usize = usize::MAX / 2;

/// All connections of a shard.
pub(crate) struct Tcp {
    poll: AsyncFd<Poll>,
    events: Events,
    listeners: Vec<TcpListener>,
    slots: Vec<Option<Connection>>,
    vacant: Vec<usize>,
    by_remote: HashMap<SocketAddr, usize>,
    /// Connections that may have something to read.
    ready: VecDeque<usize>,
    /// Strangers in the order they came; entries of those that are none any more are passed over.
    strangers: VecDeque<(Instant, SocketAddr)>,
    stranger_count: usize,
    /// Connections with something to write that the kernel may take.
    dirty: Vec<usize>,
    /// Checked addresses whose connections have ended.
    closed: Vec<SocketAddr>,
    /// Connections taken since they were last counted.
    pub(crate) accepted: u64,
}

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    deframer: Deframer,
    lanes: SendLanes,
    is_writable: bool,
    is_dirty: bool,
    /// Whether `ready` names it.
    is_ready: bool,
    /// When it was accepted, as long as it is a stranger.
    stranger_since: Option<Instant>,
}

/// Bytes that have come over a connection.
pub(crate) struct Arrival {
    slot: usize,
    pub(crate) remote: SocketAddr,
    pub(crate) len: usize,
    pub(crate) deframer: Deframer,
}

impl Tcp {
    /// Registers bound listeners with the runtime of this thread.
    pub(crate) fn register(bound: Vec<std::net::TcpListener>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listeners = Vec::with_capacity(bound.len());
        for (number, listener) in bound.into_iter().enumerate() {
            let mut listener = TcpListener::from_std(listener);
            let token = Token(FIRST_LISTENER + number);
            poll.registry()
                .register(&mut listener, token, Interest::READABLE)?;
            listeners.push(listener);
        }
        // SAFETY: a `Poll` owns its descriptor and neither replaces nor closes it before it is dropped.
        let poll = unsafe { AsyncFd::register_with_interest(poll, tokio::io::Interest::READABLE) }?;
        Ok(Self {
            poll,
            events: Events::with_capacity(MAX_EVENTS),
            listeners,
            slots: Vec::new(),
            vacant: Vec::new(),
            by_remote: HashMap::new(),
            ready: VecDeque::new(),
            strangers: VecDeque::new(),
            stranger_count: 0,
            dirty: Vec::new(),
            closed: Vec::new(),
            accepted: 0,
        })
    }

    /// Waits until a connection wants something.
    pub(crate) async fn readable(&self) {
        if self.ready.is_empty() {
            // The guard is dropped without clearing: `refresh` clears when it has taken everything.
            let _ = self.poll.readable().await;
        }
    }

    /// Takes what the kernel has to say: new connections, bytes to read, room to write.
    pub(crate) fn refresh(&mut self, now: Instant) {
        let mut happened: Vec<(usize, bool, bool)> = Vec::new();
        let events = &mut self.events;
        let polled = self.poll.try_io_mut(tokio::io::Interest::READABLE, |poll| {
            loop {
                poll.poll(events, Some(Duration::ZERO))?;
                if events.is_empty() {
                    // What comes from now on wakes us again.
                    return Err(io::Error::from(ErrorKind::WouldBlock)) as io::Result<()>;
                }
                happened.extend(events.iter().map(|event| {
                    let readable = event.is_readable() || event.is_read_closed() || event.is_error();
                    (event.token().0, readable, event.is_writable())
                }));
            }
        });
        if let Err(error) = polled
            && !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        {
            tracing::warn!(%error, "polling TCP connections failed");
        }
        for (token, readable, writable) in happened {
            if let Some(listener) = token.checked_sub(FIRST_LISTENER) {
                self.accept(now, listener);
                continue;
            }
            let Some(connection) = self.slots.get_mut(token).and_then(Option::as_mut) else {
                continue;
            };
            if readable && !std::mem::replace(&mut connection.is_ready, true) {
                self.ready.push_back(token);
            }
            if writable {
                connection.is_writable = true;
                self.write(token);
            }
        }
    }

    /// Reads what one connection has, in turn. Give the arrival back with [`Self::done`].
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Option<Arrival> {
        while let Some(slot) = self.ready.pop_front() {
            let Some(connection) = self.connection(slot) else {
                continue;
            };
            match connection.stream.read(buffer) {
                Ok(0) => self.close_slot(slot),
                Ok(len) => {
                    let arrival = Arrival {
                        slot,
                        remote: connection.remote,
                        len,
                        deframer: std::mem::take(&mut connection.deframer),
                    };
                    // Readiness ends with WouldBlock only; the others get their turn first.
                    self.ready.push_back(slot);
                    return Some(arrival);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => connection.is_ready = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => self.ready.push_back(slot),
                Err(_) => self.close_slot(slot),
            }
        }
        None
    }

    /// Goes on with a connection whose bytes were taken, or closes it when they were not ours.
    pub(crate) fn done(&mut self, arrival: Arrival, result: Result<(), FrameError>) {
        let connection = self.connection(arrival.slot);
        let Some(connection) = connection.filter(|connection| connection.remote == arrival.remote) else {
            return;
        };
        connection.deframer = arrival.deframer;
        if result.is_err() {
            self.close_slot(arrival.slot);
        }
    }

    /// An authenticated check has come over this connection.
    pub(crate) fn adopt(&mut self, remote: SocketAddr) {
        let slot = self.by_remote.get(&remote).copied();
        if let Some(connection) = slot.and_then(|slot| self.connection(slot))
            && connection.stranger_since.take().is_some()
        {
            self.stranger_count -= 1;
        }
    }

    /// Queues a packet for a connection, written at the next [`Self::flush`]; `false` when it was dropped.
    pub(crate) fn send(&mut self, remote: SocketAddr, lane: Lane, packet: &[u8]) -> bool {
        let Some(slot) = self.by_remote.get(&remote).copied() else {
            return false;
        };
        let Some(connection) = self.connection(slot) else {
            return false;
        };
        let taken = connection.lanes.push(lane, packet).is_ok();
        if !std::mem::replace(&mut connection.is_dirty, true) {
            self.dirty.push(slot);
        }
        taken
    }

    /// Writes what is queued, as far as the kernel takes it.
    pub(crate) fn flush(&mut self) {
        for at in (0..self.dirty.len()).rev() {
            if let Some(slot) = self.dirty.get(at).copied() {
                self.write(slot);
            }
        }
        self.dirty.clear();
    }

    /// Ends a connection, having written what can be written.
    pub(crate) fn close(&mut self, remote: SocketAddr) {
        if let Some(slot) = self.by_remote.get(&remote).copied() {
            self.write(slot);
            self.close_slot(slot);
        }
    }

    /// Ends the connections of those that stayed strangers.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((since, remote)) = self.strangers.front().copied() {
            let is_due = now.saturating_duration_since(since) >= STRANGER_TIMEOUT;
            if self.is_entry(since, remote) {
                if !is_due {
                    return;
                }
                self.close(remote);
            }
            self.strangers.pop_front();
        }
    }

    /// A checked address whose connection has ended.
    pub(crate) fn poll_closed(&mut self) -> Option<SocketAddr> {
        self.closed.pop()
    }

    /// How many connections are open.
    pub(crate) fn count(&self) -> usize {
        self.by_remote.len()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.strangers.front().map(|(since, _)| *since + STRANGER_TIMEOUT)
    }

    /// Whether no authenticated check has come over this connection.
    pub(crate) fn is_stranger(&self, remote: SocketAddr) -> bool {
        let slot = self.by_remote.get(&remote).copied();
        slot.and_then(|slot| self.slots.get(slot)?.as_ref())
            .is_none_or(|connection| connection.stranger_since.is_some())
    }

    fn accept(&mut self, now: Instant, listener: usize) {
        // Until WouldBlock: the next event is for what comes after that.
        while let Some(Ok((stream, remote))) = self.listeners.get(listener).map(TcpListener::accept) {
            self.welcome(now, stream, canonical(remote));
        }
    }

    fn welcome(&mut self, now: Instant, mut stream: TcpStream, remote: SocketAddr) {
        if self.by_remote.len() >= MAX_CONNECTIONS {
            return;
        }
        // The same address again, at another address of ours: the older connection is of no use any more.
        self.close(remote);
        self.make_room(remote.ip());
        let options = SockRef::from(&stream);
        // Without them media is late, not lost.
        let _ = options.set_tcp_nodelay(true);
        let _ = options.set_tcp_notsent_lowat(UNSENT_LEN);
        let slot = self.vacant.pop().unwrap_or(self.slots.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self
            .poll
            .get_ref()
            .registry()
            .register(&mut stream, Token(slot), interest);
        if let Err(error) = registered {
            tracing::warn!(%error, "a TCP connection could not be taken");
            self.vacant.extend((slot < self.slots.len()).then_some(slot));
            return;
        }
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        if let Some(vacant) = self.slots.get_mut(slot) {
            *vacant = Some(Connection {
                stream,
                remote,
                deframer: Deframer::default(),
                lanes: SendLanes::default(),
                is_writable: true,
                is_dirty: false,
                is_ready: false,
                stranger_since: Some(now),
            });
        }
        self.accepted += 1;
        self.by_remote.insert(remote, slot);
        self.strangers.push_back((now, remote));
        self.stranger_count += 1;
    }

    /// Closes the oldest stranger, of this address or of all, when there are too many.
    fn make_room(&mut self, ip: IpAddr) {
        if self.strangers.len() >= 2 * MAX_STRANGERS {
            let mut strangers = std::mem::take(&mut self.strangers);
            strangers.retain(|(since, remote)| self.is_entry(*since, *remote));
            self.strangers = strangers;
        }
        let strangers = || {
            let entries = self.strangers.iter();
            entries.filter(|(since, remote)| self.is_entry(*since, *remote))
        };
        let of_address = || strangers().filter(|(_, remote)| remote.ip() == ip);
        let oldest = if of_address().count() >= MAX_STRANGERS_PER_ADDRESS {
            of_address().next()
        } else if self.stranger_count >= MAX_STRANGERS {
            strangers().next()
        } else {
            None
        };
        if let Some((_, remote)) = oldest.copied() {
            self.close(remote);
        }
    }

    /// Whether an entry of `strangers` still counts.
    fn is_entry(&self, since: Instant, remote: SocketAddr) -> bool {
        let slot = self.by_remote.get(&remote).copied();
        slot.and_then(|slot| self.slots.get(slot)?.as_ref())
            .is_some_and(|connection| connection.stranger_since == Some(since))
    }

    fn write(&mut self, slot: usize) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.is_dirty = false;
        let Connection {
            stream,
            lanes,
            is_writable,
            ..
        } = connection;
        while *is_writable && !lanes.is_empty() {
            match stream.write(lanes.chunk()) {
                Ok(written) => lanes.consume(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => *is_writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close_slot(slot),
            }
        }
    }

    fn close_slot(&mut self, slot: usize) {
        let Some(connection) = self.slots.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.by_remote.remove(&connection.remote);
        self.vacant.push(slot);
        if connection.stranger_since.is_some() {
            self.stranger_count -= 1;
        } else {
            self.closed.push(connection.remote);
        }
    }

    fn connection(&mut self, slot: usize) -> Option<&mut Connection> {
        self.slots.get_mut(slot)?.as_mut()
    }
}

/// Listens on `address`; on `[::]` for IPv4 too.
pub(crate) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restarted server must not wait for the last one's connections to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
