//! The UDP sockets of a shard: waiting for datagrams, and sending batches for many destinations.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use conclave_transport::udp::{SendBatch, UdpSocket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The sockets of a shard, shared by its receiving and its sending half on one thread.
#[derive(Clone, Default)]
pub(crate) struct Sockets(std::rc::Rc<[AsyncFd<UdpSocket>]>);

impl Sockets {
    /// Registers bound sockets with the runtime of this thread.
    pub(crate) fn register(bound: Vec<UdpSocket>) -> io::Result<Self> {
        let sockets: io::Result<Vec<AsyncFd<UdpSocket>>> = bound.into_iter().map(register).collect();
        Ok(Self(sockets?.into()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &AsyncFd<UdpSocket>> {
        self.0.iter()
    }

    /// Waits until one of the sockets can be read.
    pub(crate) async fn readable(&self) {
        std::future::poll_fn(|context| {
            let ready = |socket: &AsyncFd<UdpSocket>| socket.poll_read_ready(context).is_ready();
            // Each is asked, so that each wakes us.
            match self
                .0
                .iter()
                .map(ready)
                .fold(false, |any, is_ready| any | is_ready)
            {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }

    /// Sends one datagram. A full send buffer drops it: STUN and DTLS repeat themselves.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        if let Some(socket) = self.for_destination(to)
            && let Err(error) = socket.send(to, datagram)
        {
            tracing::debug!(%error, "a datagram was not sent");
        }
    }

    fn for_destination(&self, to: SocketAddr) -> Option<&UdpSocket> {
        let socket = self.index_for(to).and_then(|index| self.0.get(index));
        socket.map(AsyncFd::get_ref)
    }

    fn index_for(&self, to: SocketAddr) -> Option<usize> {
        let serving = self.0.iter().position(|socket| socket.get_ref().serves(to));
        serving.or_else(|| (!self.0.is_empty()).then_some(0))
    }
}

/// Sealed packets on their way to many peers. It sends by itself what does not fit, or when the next packet leaves
/// through another socket.
#[derive(Default)]
pub(crate) struct Outbox {
    batch: SendBatch,
    socket: usize,
}

impl Outbox {
    /// Appends what `write` puts into `room` bytes. Returns its length, if anything was written, and how many packets
    /// a full send buffer dropped meanwhile. What is dropped is asked for again by its receiver.
    pub(crate) fn push(
        &mut self,
        sockets: &Sockets,
        to: SocketAddr,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> (Option<usize>, u64) {
        let Some(index) = sockets.index_for(to) else {
            return (None, 0);
        };
        let mut dropped = 0;
        if self.socket != index || !self.batch.has_room(room) {
            dropped = self.send(sockets);
            self.socket = index;
        }
        let max_segments = sockets
            .0
            .get(index)
            .map_or(1, |socket| socket.get_ref().max_segments());
        (self.batch.push(to, max_segments, room, write), dropped)
    }

    /// Sends everything and returns how many packets were dropped.
    pub(crate) fn send(&mut self, sockets: &Sockets) -> u64 {
        if self.batch.is_empty() {
            return 0;
        }
        let dropped = sockets
            .0
            .get(self.socket)
            .map_or(0, |socket| socket.get_ref().send_batch(&mut self.batch));
        u64::try_from(dropped).unwrap_or(u64::MAX)
    }
}

fn register(socket: UdpSocket) -> io::Result<AsyncFd<UdpSocket>> {
    // SAFETY: `UdpSocket` owns its descriptor and neither replaces nor closes it before it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?)
}

/// Binds `address`; `0.0.0.0` means all addresses of both versions where the host has IPv6.
pub(crate) fn bind(address: SocketAddr, alone: bool) -> io::Result<UdpSocket> {
    if alone && address.is_ipv4() && address.ip().is_unspecified() {
        let both = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), address.port());
        match UdpSocket::bind(both) {
            Ok(socket) => return Ok(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => tracing::info!(%error, "no IPv6 on this host"),
        }
    }
    UdpSocket::bind(address)
}
