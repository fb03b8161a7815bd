//! Connections of the clients that reach the SFU over TCP (RFC 6544), each packet behind its length (RFC 4571).

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Instant;

use conclave_transport::framing::{Deframer, prefix};

use super::sockets::Aggregate;

/// What is read of one connection at once.
const BUFFER: usize = 64 << 10;

struct Connection {
    stream: TcpStream,
    to: SocketAddr,
    deframer: Deframer,
}

/// One connection at most per client.
pub(crate) struct Streams {
    connections: BTreeMap<usize, Connection>,
    buffer: Vec<u8>,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self {
            connections: BTreeMap::new(),
            buffer: vec![0; BUFFER],
        }
    }

    /// Sends a packet of a client, over a connection made for the first. One that cannot take it is gone: a stream
    /// cannot lose a part.
    pub(crate) fn send(&mut self, client: usize, to: SocketAddr, packet: &[u8]) {
        if !self.connections.contains_key(&client)
            && let Ok(connection) = connect(to)
        {
            self.connections.insert(client, connection);
        }
        let sent = self.connections.get_mut(&client).is_some_and(|connection| {
            let framed = prefix(packet.len()).map(|prefix| [&prefix[..], packet].concat());
            framed.is_some_and(|framed| connection.stream.write_all(&framed).is_ok())
        });
        if !sent {
            self.connections.remove(&client);
        }
    }

    /// Reads what is there and calls `handle` with the client and each packet. Returns whether there was anything.
    pub(crate) fn receive(&mut self, mut handle: impl FnMut(usize, Aggregate<'_>)) -> bool {
        let Self { connections, buffer } = self;
        let mut any = false;
        connections.retain(|client, connection| {
            let read = match connection.stream.read(buffer) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            };
            any = true;
            let (from, arrived) = (connection.to, Instant::now());
            let stream = buffer.get_mut(..read).unwrap_or_default();
            let fed = connection.deframer.feed(stream, |bytes| {
                let stride = bytes.len().max(1);
                handle(
                    *client,
                    Aggregate {
                        from,
                        arrived,
                        bytes,
                        stride,
                    },
                );
            });
            fed.is_ok()
        });
        any
    }

    /// The connections, for waiting.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.connections
            .values()
            .map(|connection| connection.stream.as_fd())
    }
}

fn connect(to: SocketAddr) -> io::Result<Connection> {
    let stream = TcpStream::connect(to)?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(Connection {
        stream,
        to,
        deframer: Deframer::default(),
    })
}
