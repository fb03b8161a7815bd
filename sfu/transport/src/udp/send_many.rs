//! `sendmmsg` with a GSO segment size per message, which no library at hand offers safely.

use std::io;
use std::mem::zeroed;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockAddr;

/// Messages of one system call. More gain nothing measurable.
pub(super) const MAX_MESSAGES: usize = 32;

/// One message: a run of datagrams for one destination.
pub(super) struct Message<'a> {
    pub(super) to: SocketAddr,
    pub(super) bytes: &'a [u8],
    /// Length of each datagram but the last, if there are several.
    pub(super) segment: Option<u16>,
}

/// A control message that carries UDP_SEGMENT, laid out as CMSG_FIRSTHDR and CMSG_DATA find it.
#[repr(C, align(8))]
struct Segment {
    header: libc::cmsghdr,
    size: u16,
}

/// Sends up to [`MAX_MESSAGES`] of `messages` and returns how many the system took, from the first on.
///
/// # Errors
/// What the system says when it did not take the first.
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "one reason holds for all")]
pub(super) fn send_many<'a>(
    socket: BorrowedFd<'_>,
    messages: impl Iterator<Item = Message<'a>>,
) -> io::Result<usize> {
    let mut addresses: [Option<SockAddr>; MAX_MESSAGES] = [const { None }; MAX_MESSAGES];
    // SAFETY: these are plain C structures of integers and pointers, for which all bytes zero is a value.
    let (mut vectors, mut controls, mut headers): (
        [libc::iovec; MAX_MESSAGES],
        [Segment; MAX_MESSAGES],
        [libc::mmsghdr; MAX_MESSAGES],
    ) = unsafe { (zeroed(), zeroed(), zeroed()) };
    let mut count = 0;
    let places = addresses
        .iter_mut()
        .zip(&mut vectors)
        .zip(&mut controls)
        .zip(&mut headers);
    for (message, (((address, vector), control), header)) in messages.zip(places) {
        let address = address.insert(message.to.into());
        vector.iov_base = message.bytes.as_ptr().cast_mut().cast();
        vector.iov_len = message.bytes.len();
        let header = &mut header.msg_hdr;
        header.msg_name = address.as_ptr().cast_mut().cast();
        header.msg_namelen = address.len();
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        if let Some(size) = message.segment {
            control.header.cmsg_level = libc::SOL_UDP;
            control.header.cmsg_type = libc::UDP_SEGMENT;
            // SAFETY: both only compute with lengths.
            (control.header.cmsg_len, header.msg_controllen) =
                unsafe { (libc::CMSG_LEN(2) as _, libc::CMSG_SPACE(2) as _) };
            control.size = size;
            header.msg_control = std::ptr::from_mut(control).cast();
        }
        count += 1;
    }
    // SAFETY: the first `count` headers point to addresses, vectors and controls that live until after the call, and
    // those to bytes the messages borrow; the system only reads them.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

const _: () = {
    // SAFETY: both only compute with lengths.
    let (len, space) = unsafe { (libc::CMSG_LEN(2) as usize, libc::CMSG_SPACE(2) as usize) };
    assert!(std::mem::offset_of!(Segment, size) + 2 == len && std::mem::size_of::<Segment>() >= space);
};
