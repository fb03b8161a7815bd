//! Transport addresses: where datagrams come from and go to, with the protocol that carries them.

use std::net::SocketAddr;

/// What carries a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// As it is.
    Udp,
    /// Framed on a connection (RFC 4571, RFC 6544).
    Tcp,
}

/// Address, port and protocol (RFC 8445 §4): what ICE checks, nominates and loses. One address may be a peer's over
/// UDP and a stranger's over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportAddress {
    /// The protocol.
    pub protocol: Protocol,
    /// Address and port.
    pub socket: SocketAddr,
}

impl TransportAddress {
    /// An address over UDP.
    #[must_use]
    pub const fn udp(socket: SocketAddr) -> Self {
        Self {
            protocol: Protocol::Udp,
            socket,
        }
    }

    /// An address over TCP: the far end of a connection, or where one can be opened.
    #[must_use]
    pub const fn tcp(socket: SocketAddr) -> Self {
        Self {
            protocol: Protocol::Tcp,
            socket,
        }
    }
}
