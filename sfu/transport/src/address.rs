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

/// A mapped IPv4 address as IPv4, and an IPv6 address without flow label: one peer, one key.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => {
                let mut v6 = v6;
                v6.set_flowinfo(0);
                SocketAddr::V6(v6)
            }
        },
        SocketAddr::V4(_) => address,
    }
}
