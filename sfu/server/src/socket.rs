//! The UDP sockets of a shard: receiving into one slab, sending runs of equal packets with GSO.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use conclave_transport::udp::UdpSocket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Largest run handed to the system at once, in bytes: below the IPv4 limit of a datagram.
const MAX_RUN: usize = 64_000;

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

    /// Waits until one of the sockets can be read and returns its index.
    pub(crate) async fn readable(&self) -> usize {
        std::future::poll_fn(|context| {
            for (index, socket) in self.0.iter().enumerate() {
                if socket.poll_read_ready(context).is_ready() {
                    return std::task::Poll::Ready(index);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }

    /// Sends one datagram. A full send buffer drops it: STUN and DTLS repeat themselves.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        if let Some(socket) = self.for_destination(to)
            && let Err(error) = socket.send(to, datagram)
        {
            tracing::debug!(%error, "a datagram was not sent");
        }
    }

    /// Sends packets that lie one behind the other in `bytes`, and returns how many were dropped because the send
    /// buffer was full. What is dropped is asked for again by its receiver.
    pub(crate) fn send_queue(&self, to: SocketAddr, bytes: &[u8], lengths: &[usize]) -> u64 {
        let Some(socket) = self.for_destination(to) else {
            return 0;
        };
        let (mut rest, mut lengths, mut dropped) = (bytes, lengths, 0u64);
        while let Some(segment) = lengths.first().copied() {
            let (count, total) = run(lengths, socket.max_segments());
            let (Some((packets, behind)), Some(others)) =
                (rest.split_at_checked(total), lengths.get(count..))
            else {
                break;
            };
            let sent = socket.send_run(to, packets, segment).unwrap_or(0);
            dropped += u64::try_from(count.saturating_sub(sent)).unwrap_or(0);
            (rest, lengths) = (behind, others);
        }
        dropped
    }

    fn for_destination(&self, to: SocketAddr) -> Option<&UdpSocket> {
        let same_version = |socket: &&AsyncFd<UdpSocket>| {
            socket
                .get_ref()
                .local_addr()
                .is_ok_and(|local| local.is_ipv4() == to.is_ipv4())
        };
        let socket = if self.0.len() > 1 {
            self.0.iter().find(same_version)
        } else {
            None
        };
        socket.or_else(|| self.0.first()).map(AsyncFd::get_ref)
    }
}

fn register(socket: UdpSocket) -> io::Result<AsyncFd<UdpSocket>> {
    // SAFETY: `UdpSocket` owns its descriptor and neither replaces nor closes it before it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?)
}

/// How many packets at the front make one GSO run, and their bytes: equal lengths, only the last may be shorter.
fn run(lengths: &[usize], max_segments: usize) -> (usize, usize) {
    let Some(segment) = lengths.first().copied() else {
        return (0, 0);
    };
    let (mut count, mut total) = (1, segment);
    for length in lengths.iter().skip(1) {
        if count >= max_segments || *length > segment || total + length > MAX_RUN {
            break;
        }
        count += 1;
        total += length;
        if *length < segment {
            break;
        }
    }
    (count, total)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_equal_packets_and_at_most_a_shorter_last_one() {
        assert_eq!(run(&[], 64), (0, 0));
        assert_eq!(run(&[100], 64), (1, 100));
        assert_eq!(run(&[100, 100, 50, 100], 64), (3, 250));
        assert_eq!(run(&[100, 101], 64), (1, 100));
        assert_eq!(run(&[100, 100, 100], 2), (2, 200));
        assert_eq!(run(&[100, 100], 1), (1, 100));
        assert_eq!(run(&[40_000, 40_000], 64), (1, 40_000));
    }
}
