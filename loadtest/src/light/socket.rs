//! A light engine's sockets: one per peer, or a few for all of them where the server is on this machine.
//!
//! Linux owns all of 127.0.0.0/8. A peer of a server on loopback has an address of its own there instead of a socket of
//! its own, so that one system call receives for many peers.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::time::Duration;

use conclave_transport::address::canonical;
use conclave_transport::udp::backlog;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

/// Sockets that the peers of loopback share. Each has a receive buffer of its own, which a burst may fill.
const SHARED: usize = 8;
/// Peers in a row that share one: those of a room are neighbours and get the same packets at the same moment, which one
/// system call then receives.
const NEIGHBOURS: usize = 10;
/// What is asked of the system for each direction of a shared socket, and of a peer's own one.
const SHARED_BUFFER: usize = 4 << 20;
const OWN_BUFFER: usize = 512 << 10;
/// The largest aggregate of GRO.
const BUFFER: usize = 65_535;
/// From one buffer to the next. Were it a power of two, the beginnings of all buffers, which is all that most datagrams
/// take, would fight for the same few places in the processor's caches.
const STRIDE: usize = BUFFER + 1 + 17 * 64;
/// The first address given to a peer.
const FIRST_ADDRESS: u32 = 0x7f01_0001;

/// Where a peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    socket: usize,
    /// Its address, where the socket is shared.
    address: Option<Ipv4Addr>,
}

/// Which address a peer sends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This one.
    Address(IpAddr),
    /// The one at which the way to this server begins.
    WayTo(SocketAddr),
}

struct Socket {
    udp: UdpSocket,
    state: UdpSocketState,
    /// The peer it belongs to; `None` for one that is shared.
    owner: Option<usize>,
}

/// Datagrams of one peer, one behind the other and all as long as the stride but the last.
pub(super) struct Aggregate<'a> {
    pub(super) peer: usize,
    pub(super) from: SocketAddr,
    pub(super) bytes: &'a mut [u8],
    pub(super) stride: usize,
    /// When it came to the socket, since 1970, if the system says so.
    pub(super) arrived: Option<Duration>,
}

/// All sockets of one thread, and memory for one batch.
pub(super) struct Sockets {
    sockets: Vec<Option<Socket>>,
    shared: bool,
    /// Which peer an address of loopback belongs to: the number of the address counts from the first.
    addresses: Vec<usize>,
    buffers: Box<[u8]>,
    meta: Box<[RecvMeta; BATCH_SIZE]>,
}

impl Sockets {
    pub(super) fn new() -> Self {
        Self {
            sockets: Vec::new(),
            shared: false,
            addresses: Vec::new(),
            buffers: vec![0; STRIDE * BATCH_SIZE].into_boxed_slice(),
            meta: Box::new([RecvMeta::default(); BATCH_SIZE]),
        }
    }

    /// Finds a place for a peer; new sockets are given to `register` with their number.
    pub(super) fn place(
        &mut self,
        peer: usize,
        origin: Origin,
        mut register: impl FnMut(usize, RawFd) -> io::Result<()>,
    ) -> io::Result<Place> {
        if matches!(origin, Origin::WayTo(remote) if remote.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST)) {
            if !self.shared {
                for number in 0..SHARED {
                    let socket = open(SocketAddr::from(([0; 4], 0)), SHARED_BUFFER, None)?;
                    register(number, socket.udp.as_raw_fd())?;
                    if number < self.sockets.len() {
                        self.sockets.remove(number);
                    }
                    self.sockets.insert(number, Some(socket));
                }
                self.shared = true;
            }
            let number = self.addresses.len();
            self.addresses.push(peer);
            let address = FIRST_ADDRESS + u32::try_from(number).unwrap_or_default();
            return Ok(Place {
                socket: number / NEIGHBOURS % SHARED,
                address: Some(Ipv4Addr::from_bits(address)),
            });
        }
        if self.sockets.is_empty() {
            // The first places are kept for sockets that are shared.
            self.sockets.resize_with(SHARED, || None);
        }
        let local = match origin {
            Origin::Address(local) => local,
            Origin::WayTo(remote) => route(remote)?,
        };
        let socket = open(SocketAddr::new(local, 0), OWN_BUFFER, Some(peer))?;
        let number = self.sockets.len();
        register(number, socket.udp.as_raw_fd())?;
        self.sockets.push(Some(socket));
        Ok(Place {
            socket: number,
            address: None,
        })
    }

    /// Where a peer is reached.
    pub(super) fn local(&self, place: Place) -> Option<SocketAddr> {
        let socket = self.sockets.get(place.socket)?.as_ref()?;
        let mut local = socket.udp.local_addr().ok()?;
        if let Some(address) = place.address {
            local.set_ip(address.into());
        }
        Some(local)
    }

    /// Closes a peer's own socket.
    pub(super) fn leave(&mut self, place: Place) {
        if place.address.is_none()
            && let Some(socket) = self.sockets.get_mut(place.socket)
        {
            *socket = None;
        }
    }

    /// Receives one batch of a socket; `false` when nothing is left there.
    pub(super) fn receive(&mut self, number: usize, mut handle: impl FnMut(Aggregate<'_>)) -> bool {
        let Some(Some(socket)) = self.sockets.get(number) else {
            return false;
        };
        let mut buffers = self.buffers.chunks_exact_mut(STRIDE);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| {
            let buffer = buffers.next().and_then(|buffer| buffer.get_mut(..BUFFER));
            IoSliceMut::new(buffer.unwrap_or_default())
        });
        let received = socket
            .state
            .recv((&socket.udp).into(), &mut slices, self.meta.as_mut_slice());
        let Ok(count) = received else {
            return false;
        };
        let buffers = self.buffers.chunks_exact_mut(STRIDE);
        for (meta, buffer) in self.meta.iter().take(count).zip(buffers) {
            let peer = socket
                .owner
                .or_else(|| self.addresses.get(number_of(meta.dst_ip)?).copied());
            if let (Some(peer), Some(bytes)) = (peer, buffer.get_mut(..meta.len)) {
                handle(Aggregate {
                    peer,
                    from: canonical(meta.addr),
                    bytes,
                    stride: meta.stride.max(1),
                    arrived: meta.timestamp,
                });
            }
        }
        // A batch that is not full was the last: what comes after it is told anew.
        count == BATCH_SIZE
    }

    /// Sends datagrams from a place, one behind the other and all `segment` bytes long but the last.
    pub(super) fn send(&self, place: Place, to: SocketAddr, contents: &[u8], segment: usize) {
        let Some(Some(socket)) = self.sockets.get(place.socket) else {
            return;
        };
        for part in contents.chunks(segment.max(1) * socket.state.max_gso_segments().max(1)) {
            let transmit = Transmit {
                destination: to,
                ecn: None,
                contents: part,
                segment_size: (part.len() > segment).then_some(segment),
                src_ip: place.address.map(IpAddr::V4),
            };
            // What the system does not take is lost, as on a network.
            let _ = socket.state.try_send((&socket.udp).into(), &transmit);
        }
    }

    /// Datagrams that found no room in a receive buffer since the sockets were opened.
    pub(super) fn dropped(&self) -> u64 {
        let of =
            |socket: &Socket| backlog(socket.udp.as_fd()).map_or(0, |backlog| u64::from(backlog.dropped));
        self.sockets.iter().flatten().map(of).sum()
    }
}

fn number_of(address: Option<IpAddr>) -> Option<usize> {
    match address? {
        IpAddr::V4(address) => usize::try_from(address.to_bits().checked_sub(FIRST_ADDRESS)?).ok(),
        IpAddr::V6(_) => None,
    }
}

fn open(local: SocketAddr, buffer: usize, owner: Option<usize>) -> io::Result<Socket> {
    let udp = UdpSocket::bind(local)?;
    let options = socket2::SockRef::from(&udp);
    // Smaller buffers work as well.
    let _ = options.set_recv_buffer_size(buffer);
    let _ = options.set_send_buffer_size(buffer);
    let state = UdpSocketState::new((&udp).into())?;
    Ok(Socket { udp, state, owner })
}

/// The address that the way to `remote` begins at.
fn route(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if remote.is_ipv4() {
        ([0u8; 4], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    // Connecting a UDP socket sends nothing; it only looks up the route.
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn receive_one(sockets: &mut Sockets, number: usize) -> Option<(usize, Vec<u8>)> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut found = None;
        while found.is_none() && Instant::now() < deadline {
            sockets.receive(number, |aggregate| {
                found = Some((aggregate.peer, aggregate.bytes.to_vec()))
            });
            std::thread::yield_now();
        }
        found
    }

    #[test]
    fn peers_of_loopback_share_a_socket_and_still_get_their_own_datagrams() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        let mut sockets = Sockets::new();
        let mut registered = 0;
        let mut register = |_, _| {
            registered += 1;
            Ok(())
        };
        let places: Vec<Place> = (0..NEIGHBOURS + 1)
            .map(|peer| sockets.place(peer, Origin::WayTo(to), &mut register).unwrap())
            .collect();
        assert_eq!(registered, SHARED);
        let mut buffer = [0; 64];
        for peer in [0, NEIGHBOURS - 1, NEIGHBOURS] {
            sockets.send(places[peer], to, b"hello", 5);
            let (_, from) = server.recv_from(&mut buffer).unwrap();
            server.send_to(&[u8::try_from(peer).unwrap()], from).unwrap();
            let expected = Some((peer, vec![u8::try_from(peer).unwrap()]));
            assert_eq!(receive_one(&mut sockets, places[peer].socket), expected);
        }
        let socket = |peer: usize| places[peer].socket;
        assert_eq!(socket(0), socket(NEIGHBOURS - 1), "one system call serves a room");
        assert_ne!(
            socket(0),
            socket(NEIGHBOURS),
            "one buffer does not have to hold everything"
        );
    }

    #[test]
    fn a_peer_with_a_socket_of_its_own_gives_it_back() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        let mut sockets = Sockets::new();
        let origin = Origin::Address(Ipv4Addr::LOCALHOST.into());
        let place = sockets.place(4, origin, |_, _| Ok(())).unwrap();
        sockets.send(place, to, b"hello", 5);
        let mut buffer = [0; 64];
        let (_, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(b"x", from).unwrap();
        assert_eq!(receive_one(&mut sockets, place.socket), Some((4, b"x".to_vec())));
        sockets.leave(place);
        assert!(!sockets.receive(place.socket, |_| panic!("closed")));
    }
}
