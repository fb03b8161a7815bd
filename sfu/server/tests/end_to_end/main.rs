//! The SFU on real sockets, with real peers and a real control link.

mod control_link;
mod strangers;
mod support;
mod two_peers;
