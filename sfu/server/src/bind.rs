//! Binds the ports of a shard: one number for UDP and TCP on each address.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};

use conclave_transport::udp::UdpSocket;

use crate::{SfuConfig, StartError, candidates, socket, tcp};

/// How often a free UDP port is asked for, until its number is free for TCP too.
const PORT_ATTEMPTS: usize = 32;

/// The bound ports of a shard.
pub(crate) struct Ports {
    pub(crate) sockets: Vec<UdpSocket>,
    pub(crate) listeners: Vec<TcpListener>,
    /// What goes into answers, for UDP and TCP alike.
    pub(crate) candidates: Vec<SocketAddr>,
}

impl Ports {
    /// Binds the ports of the shard with this number.
    pub(crate) fn bind(config: &SfuConfig, number: usize, interfaces: &[IpAddr]) -> Result<Self, StartError> {
        if config.media.is_empty() {
            return Err(StartError::NoMediaAddress);
        }
        let alone = config.media.len() == 1;
        let (mut sockets, mut listeners, mut bound) = (Vec::new(), Vec::new(), Vec::new());
        for base in &config.media {
            let mut address = *base;
            if base.port() != 0 {
                let port = usize::from(base.port()) + number;
                address.set_port(u16::try_from(port).map_err(|_| StartError::NoPort(*base))?);
            }
            let (socket, listener, local) = bind_both(address, alone)?;
            sockets.push(socket);
            listeners.push(listener);
            bound.push(local);
        }
        Ok(Self {
            sockets,
            listeners,
            candidates: candidates::candidates(&bound, &config.advertise, interfaces),
        })
    }
}

fn bind_both(address: SocketAddr, alone: bool) -> Result<(UdpSocket, TcpListener, SocketAddr), StartError> {
    let mut attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        let socket = socket::bind(address, alone).map_err(|error| StartError::Bind(address, error))?;
        let local = socket
            .local_addr()
            .map_err(|error| StartError::Bind(address, error))?;
        match tcp::listen(local) {
            Ok(listener) => return Ok((socket, listener, local)),
            Err(error) if error.kind() == ErrorKind::AddrInUse && attempts > 0 => {}
            Err(error) => return Err(StartError::BindTcp(local, error)),
        }
    }
}
