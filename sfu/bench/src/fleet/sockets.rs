//! The clients' sockets: a few for all, since each client has an address of its own in 127.0.0.0/8.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::BenchError;

/// Sockets the clients share. Each has a receive buffer of its own, which a burst may fill.
const SOCKETS: usize = 8;
/// What is asked of the system for each direction of each socket.
const SOCKET_BUFFER: usize = 4 << 20;
/// The largest aggregate of GRO.
const BUFFER: usize = 65_535;

/// All sockets, and memory for one batch.
pub(crate) struct Sockets {
    sockets: Vec<(UdpSocket, UdpSocketState)>,
    buffers: Vec<Vec<u8>>,
    meta: [RecvMeta; BATCH_SIZE],
}

/// Datagrams that the system handed over in one piece.
pub(crate) struct Aggregate<'a> {
    pub(crate) from: SocketAddr,
    /// When the system took it for the socket: how late the clients read it is not the SFU's doing.
    pub(crate) arrived: Instant,
    pub(crate) bytes: &'a mut [u8],
    /// Length of each datagram but the last.
    pub(crate) stride: usize,
}

/// What the system's clock called `timestamp`, by the two clocks read together.
fn arrival((now, system): (Instant, SystemTime), timestamp: Option<Duration>) -> Instant {
    let age = timestamp.and_then(|stamp| system.duration_since(SystemTime::UNIX_EPOCH + stamp).ok());
    age.and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// The address of a client.
pub(crate) fn address_of(client: usize) -> Ipv4Addr {
    let [.., b, c, d] = (u32::try_from(client).unwrap_or(u32::MAX) + 0x1_0001).to_be_bytes();
    Ipv4Addr::new(127, b, c, d)
}

fn client_of(address: Ipv4Addr) -> Option<usize> {
    let [_, b, c, d] = address.octets();
    usize::try_from(u32::from_be_bytes([0, b, c, d]).checked_sub(0x1_0001)?).ok()
}

impl Sockets {
    pub(crate) fn bind() -> Result<Self, BenchError> {
        let sockets: io::Result<Vec<_>> = (0..SOCKETS).map(|_| bind()).collect();
        Ok(Self {
            sockets: sockets.map_err(|error| BenchError::System("the clients' sockets", error))?,
            buffers: vec![vec![0; BUFFER]; BATCH_SIZE],
            meta: [RecvMeta::default(); BATCH_SIZE],
        })
    }

    /// Receives what is there and calls `handle` with the client and each aggregate. Returns whether there was
    /// anything.
    pub(crate) fn receive(&mut self, mut handle: impl FnMut(usize, Aggregate<'_>)) -> bool {
        let Self {
            sockets,
            buffers,
            meta,
        } = self;
        let mut any = false;
        for (socket, state) in sockets {
            let mut slices: Vec<IoSliceMut<'_>> =
                buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            let Ok(count) = state.recv((&*socket).into(), &mut slices, meta) else {
                continue;
            };
            drop(slices);
            any = true;
            let clocks = (Instant::now(), SystemTime::now());
            for (meta, buffer) in meta.iter().take(count).zip(&mut *buffers) {
                let client = match meta.dst_ip {
                    Some(IpAddr::V4(address)) => client_of(address),
                    _ => None,
                };
                if let (Some(client), Some(bytes)) = (client, buffer.get_mut(..meta.len)) {
                    let aggregate = Aggregate {
                        from: meta.addr,
                        arrived: arrival(clocks, meta.timestamp),
                        bytes,
                        stride: meta.stride.max(1),
                    };
                    handle(client, aggregate);
                }
            }
        }
        any
    }

    /// Sends datagrams of a client, one behind the other and all `segment` bytes long.
    pub(crate) fn send(&self, client: usize, to: SocketAddr, contents: &[u8], segment: usize) {
        let Some((socket, state)) = self.sockets.get(client % SOCKETS) else {
            return;
        };
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: (contents.len() > segment).then_some(segment),
            src_ip: Some(address_of(client).into()),
        };
        // What the system does not take is lost, as on a network.
        let _ = state.try_send(socket.into(), &transmit);
    }

    /// Where a client is reached.
    pub(crate) fn local(&self, client: usize) -> Option<SocketAddr> {
        let (socket, _) = self.sockets.get(client % SOCKETS)?;
        Some(SocketAddr::new(
            address_of(client).into(),
            socket.local_addr().ok()?.port(),
        ))
    }

    /// Sleeps until something can be received here or from one of `streams`, at most this long.
    pub(crate) fn wait<'a>(&'a self, streams: impl Iterator<Item = BorrowedFd<'a>>, at_most: Duration) {
        let sockets = self.sockets.iter().map(|(socket, _)| socket.as_fd());
        let mut polled: Vec<PollFd<'_>> = sockets
            .chain(streams)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(1),
            tv_nsec: at_most.subsec_nanos().into(),
        };
        // An interruption is as good as a datagram: the caller looks again.
        let _ = poll(&mut polled, Some(&timeout));
    }
}

fn bind() -> io::Result<(UdpSocket, UdpSocketState)> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let options = socket2::SockRef::from(&socket);
    options.set_recv_buffer_size(SOCKET_BUFFER)?;
    options.set_send_buffer_size(SOCKET_BUFFER)?;
    let state = UdpSocketState::new((&socket).into())?;
    Ok((socket, state))
}
