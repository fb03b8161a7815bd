//! A UDP relay that stands in for a bad network: seeded, without privileges, and changeable while it runs.
//!
//! Each client of the relay gets a socket of its own towards the server, so that the server sees as many addresses as
//! there are clients, as behind a symmetric NAT. [`impairment`] says what a network does, [`path`] does it to one
//! direction, [`client`] moves the datagrams of one client, [`command`] is the subcommand.

mod client;
pub mod command;
pub mod impairment;
pub mod path;
#[cfg(test)]
mod path_tests;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use self::impairment::Impairment;
use self::path::{Counts, CountsNow};
use crate::measure::Counter;

/// Clients at a time; a further one is refused and counted.
const MAX_CLIENTS: usize = 1000;
/// Datagrams of one client waiting for its task; more are dropped and counted as overrun.
const INBOX: usize = 1024;
/// Largest datagram there is.
const MAX_DATAGRAM: usize = 65_535;
/// The kernel's receive buffer asked for, in bytes, so that a burst is lost where it is meant to be lost.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What a relay does.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where clients send to; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where their datagrams go.
    pub to: SocketAddr,
    /// From clients to the server.
    pub up: Impairment,
    /// From the server to clients.
    pub down: Impairment,
    /// The same seed gives the same run.
    pub seed: u64,
}

/// What every client's task is to do now.
#[derive(Clone, Copy, Debug)]
struct Orders {
    up: Impairment,
    down: Impairment,
    /// Grows when every client is to get another address towards the server.
    rebinds: u64,
}

#[derive(Debug, Default)]
struct Totals {
    up: Arc<Counts>,
    down: Arc<Counts>,
    clients: Counter,
    refused: Counter,
    rebinds: Counter,
}

/// What a relay did so far.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// Client addresses that were relayed.
    pub clients: u64,
    /// Client addresses that were not, because there were too many.
    pub clients_refused: u64,
    /// Upstream sockets exchanged for others.
    pub rebinds: u64,
    /// From clients to the server.
    pub up: CountsNow,
    /// From the server to clients.
    pub down: CountsNow,
}

/// A running relay; it ends when it is dropped.
pub struct Relay {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    totals: Arc<Totals>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Begins to relay; fails when the address cannot be had.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let socket = bind(settings.listen).await?;
        let address = socket.local_addr()?;
        let (orders, current) = watch::channel(Orders {
            up: settings.up,
            down: settings.down,
            rebinds: 0,
        });
        let totals = Arc::new(Totals::default());
        let reception = Reception {
            socket: Arc::new(socket),
            to: settings.to,
            seed: settings.seed,
            orders: current,
            totals: Arc::clone(&totals),
        };
        Ok(Self {
            address,
            orders,
            totals,
            task: tokio::spawn(reception.run()),
        })
    }

    /// Changes the impairments; `None` leaves that direction as it is.
    pub fn set(&self, up: Option<Impairment>, down: Option<Impairment>) {
        self.orders.send_modify(|orders| {
            orders.up = up.unwrap_or(orders.up);
            orders.down = down.unwrap_or(orders.down);
        });
    }

    /// Gives every client another address towards the server, as a change of network or a forgetful NAT does. What the
    /// server sends to the old one is lost.
    pub fn rebind(&self) {
        self.orders.send_modify(|orders| orders.rebinds += 1);
    }

    /// Where clients send to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happened so far.
    pub fn summary(&self) -> Summary {
        Summary {
            clients: self.totals.clients.value(),
            clients_refused: self.totals.refused.value(),
            rebinds: self.totals.rebinds.value(),
            up: self.totals.up.now(),
            down: self.totals.down.now(),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The side of the clients.
struct Reception {
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    seed: u64,
    orders: watch::Receiver<Orders>,
    totals: Arc<Totals>,
}

impl Reception {
    async fn run(self) {
        // The tasks end with this one.
        let mut tasks = JoinSet::new();
        let mut inboxes: HashMap<SocketAddr, mpsc::Sender<Bytes>> = HashMap::new();
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            // An error is about a datagram sent before: nobody was there to take it.
            let Ok((length, from)) = self.socket.recv_from(&mut buffer).await else {
                continue;
            };
            let datagram = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
            let inbox = match inboxes.get(&from) {
                Some(inbox) => inbox,
                None if inboxes.len() >= MAX_CLIENTS => {
                    self.totals.refused.increment();
                    continue;
                }
                None => {
                    let (inbox, arrivals) = mpsc::channel(INBOX);
                    let Ok(client) = self.admit(from, arrivals).await else {
                        self.totals.refused.increment();
                        continue;
                    };
                    tasks.spawn(client.run());
                    inboxes.entry(from).or_insert(inbox)
                }
            };
            if inbox.try_send(datagram).is_err() {
                self.totals.up.overrun.increment();
            }
        }
    }

    async fn admit(
        &self,
        address: SocketAddr,
        arrivals: mpsc::Receiver<Bytes>,
    ) -> io::Result<client::Client> {
        // Directions and clients have losses of their own.
        let seed = self
            .seed
            .wrapping_add(self.totals.clients.value().wrapping_mul(2));
        self.totals.clients.increment();
        client::Client::new(self, address, arrivals, seed).await
    }
}

/// A socket on that address that can hold a burst.
async fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    // The kernel gives less where less is allowed; the relay works with that too.
    let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}
