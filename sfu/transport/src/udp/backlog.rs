//! How far the owner of a socket lags behind what arrives (SO_MEMINFO).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What waits in a socket to be received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Memory the waiting datagrams take, in bytes.
    pub waiting: u32,
    /// What they may take, in bytes.
    pub capacity: u32,
    /// Datagrams that found no room since the socket was opened; it wraps.
    pub dropped: u32,
}

/// Indices into the array of SO_MEMINFO (linux/sock_diag.h).
const RMEM_ALLOC: usize = 0;
const RCVBUF: usize = 1;
const DROPS: usize = 8;
const VARIABLES: usize = 9;

/// Asks the system about any UDP socket.
///
/// # Errors
/// What the system says; Linux before 4.12 does not know.
pub fn backlog(socket: BorrowedFd<'_>) -> io::Result<Backlog> {
    let mut values = [0u32; VARIABLES];
    let mut len = libc::socklen_t::try_from(std::mem::size_of_val(&values)).unwrap_or(0);
    // SAFETY: the system writes at most `len` bytes to `values` and the length it wrote to `len`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Backlog {
        waiting: values[RMEM_ALLOC],
        capacity: values[RCVBUF],
        dropped: values[DROPS],
    })
}
