//! A UDP socket that receives batches with GRO into a fixed slab and sends batches of GSO runs.
//!
//! Free of any runtime: the socket is non-blocking and `AsFd`, so a reactor can wait for it.

mod backlog;
mod send_batch;
mod send_many;

pub use backlog::{Backlog, backlog};
pub use send_batch::SendBatch;

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::address::canonical;

use send_batch::MAX_RUN_LEN;
use send_many::{Message, send_many};

/// The largest UDP payload, which with GRO is also the largest aggregate.
const BUFFER_LEN: usize = 65_535;
/// From one buffer of a slab to the next. Were it a power of two or nearly, the beginnings of all buffers, which is all
/// that most datagrams take, would fight for the same few places in the processor's caches.
const STRIDE: usize = BUFFER_LEN + 1 + 17 * 64;
/// What is asked of the system for each direction: about a tenth of a second at 300 Mbit/s.
const SOCKET_BUFFER_LEN: usize = 4 << 20;

/// A bound, non-blocking media socket.
pub struct UdpSocket {
    socket: StdUdpSocket,
    state: UdpSocketState,
    /// Whether the socket is of IPv6 and so wants IPv4 destinations mapped.
    is_v6: bool,
    /// Whether it is of IPv6 and serves IPv4 too.
    is_dual: bool,
}

/// One received datagram, in place in the slab.
pub struct Datagram<'a> {
    /// Who sent it. An IPv4 sender is given as IPv4 whatever the socket's family.
    pub from: SocketAddr,
    /// The datagram.
    pub bytes: &'a mut [u8],
}

/// Fixed memory for one batch of received datagrams.
pub struct ReceiveSlab {
    bytes: Box<[u8]>,
    meta: Box<[RecvMeta; BATCH_SIZE]>,
    /// How many entries of `meta` the last batch filled.
    filled: usize,
}

impl ReceiveSlab {
    /// Allocates the slab: somewhat more than 2 MiB, once. There is no `Default`, so that none is made in passing.
    #[must_use]
    pub fn allocate() -> Self {
        Self {
            bytes: vec![0; STRIDE * BATCH_SIZE].into_boxed_slice(),
            meta: Box::new([RecvMeta::default(); BATCH_SIZE]),
            filled: 0,
        }
    }

    /// Calls `handle` for each datagram of the last batch, in arrival order.
    pub fn for_each(&mut self, mut handle: impl FnMut(Datagram<'_>)) {
        let filled = self.meta.iter().take(self.filled);
        for (meta, buffer) in filled.zip(self.bytes.chunks_exact_mut(STRIDE)) {
            let from = canonical(meta.addr);
            let Some(aggregate) = buffer.get_mut(..meta.len) else {
                continue;
            };
            for bytes in aggregate.chunks_mut(meta.stride.max(1)) {
                handle(Datagram { from, bytes });
            }
        }
    }

    /// How many datagrams the last batch has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.meta
            .iter()
            .take(self.filled)
            .map(|meta| meta.len.div_ceil(meta.stride.max(1)))
            .sum()
    }

    /// Whether the last batch has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl UdpSocket {
    /// Binds `address`. `[::]` is bound for IPv4 too.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        let is_dual = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        if address.is_ipv6() {
            socket.set_only_v6(!is_dual)?;
        }
        // The system may grant less; that costs loss under bursts, not correctness.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_LEN);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER_LEN);
        socket.bind(&address.into())?;
        let socket = StdUdpSocket::from(socket);
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            socket,
            state,
            is_v6: address.is_ipv6(),
            is_dual,
        })
    }

    /// The bound address.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Receives one batch into `slab` and returns how many datagrams it holds.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; the slab is empty after any error.
    pub fn receive(&self, slab: &mut ReceiveSlab) -> io::Result<usize> {
        slab.filled = 0;
        let mut chunks = slab.bytes.chunks_exact_mut(STRIDE);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| {
            let buffer = chunks.next().and_then(|chunk| chunk.get_mut(..BUFFER_LEN));
            IoSliceMut::new(buffer.unwrap_or_default())
        });
        let filled = self
            .state
            .recv((&self.socket).into(), &mut buffers, slab.meta.as_mut_slice())?;
        slab.filled = filled;
        Ok(slab.len())
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// `WouldBlock` when the send buffer is full; drop the datagram or try again when writable.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.transmit(to, datagram, None)
    }

    /// Sends a run of datagrams lying one behind the other in `run`, each `segment_len` bytes long but
    /// the last, which may be shorter: with GSO in one system call per [`Self::max_segments`] of them,
    /// else one by one. Returns how many datagrams the system took.
    ///
    /// # Errors
    /// What the system says when not even the first was taken: `WouldBlock` when the buffer is full.
    pub fn send_run(&self, to: SocketAddr, run: &[u8], segment_len: usize) -> io::Result<usize> {
        if segment_len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut rest = run;
        let mut taken = 0;
        while !rest.is_empty() {
            // Asked anew each time: a refusal by the system turns GSO off for good.
            let segments = self.max_segments().min(MAX_RUN_LEN / segment_len).max(1);
            let (part, behind) = rest.split_at(rest.len().min(segments * segment_len));
            match self.transmit(to, part, Some(segment_len)) {
                Ok(()) => {
                    taken += part.len().div_ceil(segment_len);
                    rest = behind;
                }
                Err(error) if is_refusal(&error) && segments > 1 && self.max_segments() == 1 => {}
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Sends and empties a batch: one system call for many destinations. Returns how many datagrams the system did
    /// not take: a full send buffer drops the rest of the batch, a destination that cannot be reached only its own.
    pub fn send_batch(&self, batch: &mut SendBatch) -> usize {
        let mut runs = batch.runs();
        let mut dropped = 0;
        while let Some(run) = runs.first() {
            let messages = runs.iter().map(|run| Message {
                to: self.mapped(run.to),
                bytes: batch.bytes_of(run),
                segment: u16::try_from(run.segment).ok().filter(|_| run.datagrams > 1),
            });
            let taken = match send_many(self.as_fd(), messages) {
                Ok(taken) => taken.max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    dropped += runs.iter().map(|run| run.datagrams).sum::<usize>();
                    break;
                }
                // By itself it is sent without GSO, should that be the trouble.
                Err(_) => {
                    let sent = self
                        .send_run(run.to, batch.bytes_of(run), run.segment)
                        .unwrap_or(0);
                    dropped += run.datagrams.saturating_sub(sent);
                    1
                }
            };
            runs = runs.get(taken..).unwrap_or_default();
        }
        batch.clear();
        dropped
    }

    /// What waits to be received, and what found no room.
    ///
    /// # Errors
    /// What the system says; Linux before 4.12 does not know.
    pub fn backlog(&self) -> io::Result<Backlog> {
        backlog::backlog(self.as_fd())
    }

    /// Whether this socket can send to `to`.
    #[must_use]
    pub const fn serves(&self, to: SocketAddr) -> bool {
        self.is_v6 == to.is_ipv6() || (self.is_dual && to.is_ipv4())
    }

    /// How many datagrams go into one system call now: 1 when GSO is not to be had.
    #[must_use]
    pub fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn transmit(&self, to: SocketAddr, contents: &[u8], segment_size: Option<usize>) -> io::Result<()> {
        // Nothing listens on port 0, and the system's EINVAL would be taken for a lack of GSO.
        if to.port() == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let destination = self.mapped(to);
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }

    /// An IPv6 socket reaches IPv4 by mapped addresses.
    fn mapped(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(v4) if self.is_v6 => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            _ => to,
        }
    }
}

/// What the kernel says when a driver cannot do GSO.
fn is_refusal(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    const EINVAL: i32 = 22;
    matches!(error.raw_os_error(), Some(EIO | EINVAL))
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// Receives until `count` datagrams have come; loopback delivers at once, so the deadline is a safety net.
    fn receive(socket: &UdpSocket, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut slab = ReceiveSlab::allocate();
        let mut received = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(5);
        while received.len() < count && Instant::now() < deadline {
            match socket.receive(&mut slab) {
                Ok(_) => slab.for_each(|datagram| received.push((datagram.from, datagram.bytes.to_vec()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        received
    }

    #[test]
    fn a_run_arrives_as_its_datagrams_in_order() {
        let sender = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let run: Vec<u8> = (0..10u8)
            .flat_map(|at| vec![at; if at == 9 { 300 } else { 1000 }])
            .collect();
        let taken = sender
            .send_run(receiver.local_addr().unwrap(), &run, 1000)
            .unwrap();
        assert_eq!(taken, 10);
        let received = receive(&receiver, 10);
        assert_eq!(received.len(), 10);
        for (at, (from, bytes)) in (0..10u8).zip(&received) {
            assert_eq!(*from, sender.local_addr().unwrap());
            assert_eq!(*bytes, vec![at; if at == 9 { 300 } else { 1000 }]);
        }
    }

    #[test]
    fn a_run_longer_than_one_system_call_takes_is_split() {
        let sender = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let run: Vec<u8> = (0..150u8).flat_map(|at| [at; 100]).collect();
        assert_eq!(
            sender
                .send_run(receiver.local_addr().unwrap(), &run, 100)
                .unwrap(),
            150
        );
        let received = receive(&receiver, 150);
        assert_eq!(received.len(), 150);
        assert!(
            (0..150u8)
                .zip(&received)
                .all(|(at, (_, bytes))| *bytes == [at; 100])
        );
    }

    #[test]
    fn a_batch_reaches_all_its_destinations() {
        let sender = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let receivers: Vec<_> = (0..70)
            .map(|_| UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap())
            .collect();
        let mut batch = SendBatch::new();
        for (number, receiver) in (0u8..).zip(&receivers) {
            for len in [1000, 1000, 300, 1500, 1500] {
                let to = receiver.local_addr().unwrap();
                let write = |room: &mut [u8]| {
                    room.fill(number);
                    Some(len)
                };
                if !batch.has_room(1600) {
                    assert_eq!(sender.send_batch(&mut batch), 0);
                }
                assert_eq!(batch.push(to, sender.max_segments(), 1600, write), Some(len));
            }
        }
        // Nothing listens on port 0: the system refuses, and what is behind it is sent all the same.
        batch.push(([127, 0, 0, 1], 0).into(), 64, 10, |_| Some(10));
        let last = receivers[0].local_addr().unwrap();
        batch.push(last, 64, 10, |room| {
            room.fill(99);
            Some(10)
        });
        assert_eq!(sender.send_batch(&mut batch), 1);
        assert!(batch.is_empty());
        for (number, receiver) in (0u8..).zip(&receivers) {
            let received = receive(receiver, if number == 0 { 6 } else { 5 });
            let lengths: Vec<usize> = received.iter().map(|(_, bytes)| bytes.len()).collect();
            assert_eq!(lengths.get(..5).unwrap(), [1000, 1000, 300, 1500, 1500]);
            assert!(
                received
                    .iter()
                    .take(5)
                    .all(|(_, bytes)| bytes.iter().all(|byte| *byte == number))
            );
            if number == 0 {
                assert_eq!(received.get(5).unwrap().1, [99; 10]);
            }
        }
        assert!(
            sender.max_segments() > 1,
            "an impossible destination leaves GSO alone"
        );
    }

    #[test]
    fn the_unspecified_ipv6_address_serves_both_families() {
        // A machine without IPv6 cannot bind it; there is nothing to test then.
        let Ok(server) = UdpSocket::bind("[::]:0".parse().unwrap()) else {
            return;
        };
        let port = server.local_addr().unwrap().port();
        for loopback in ["127.0.0.1", "::1"] {
            let ip: IpAddr = loopback.parse().unwrap();
            let Ok(client) = UdpSocket::bind(SocketAddr::new(ip, 0)) else {
                continue;
            };
            if client.send(SocketAddr::new(ip, port), b"ping").is_err() {
                continue;
            }
            let received = receive(&server, 1);
            assert_eq!(received, vec![(client.local_addr().unwrap(), b"ping".to_vec())]);
            server.send(received[0].0, b"pong").unwrap();
            let answered = receive(&client, 1);
            assert_eq!(answered, vec![(SocketAddr::new(ip, port), b"pong".to_vec())]);
        }
    }

    #[test]
    fn an_impossible_destination_is_refused_and_leaves_gso_alone() {
        let sender = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let before = sender.max_segments();
        assert!(sender.send("127.0.0.1:0".parse().unwrap(), b"x").is_err());
        assert!(sender.send_run("127.0.0.1:9".parse().unwrap(), b"x", 0).is_err());
        assert_eq!(sender.max_segments(), before);
    }

    #[test]
    fn the_backlog_is_what_was_not_received_and_what_found_no_room() {
        let sender = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let before = receiver.backlog().unwrap();
        assert_eq!((before.waiting, before.dropped), (0, 0));
        let to = receiver.local_addr().unwrap();
        let flood = before.capacity as usize / 1000 * 2;
        for _ in 0..flood {
            sender.send(to, &[0; 1000]).unwrap();
        }
        let full = receiver.backlog().unwrap();
        assert!(full.waiting > full.capacity / 2 && full.dropped > 0, "{full:?}");
        receive(&receiver, flood - full.dropped as usize);
        let after = receiver.backlog().unwrap();
        assert!(after.waiting < after.capacity / 10, "{after:?}");
        assert_eq!(after.dropped, full.dropped);
    }

    #[test]
    fn nothing_to_receive_would_block() {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut slab = ReceiveSlab::allocate();
        assert_eq!(
            socket.receive(&mut slab).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        assert!(slab.is_empty());
    }
}
