//! One client of the relay: its own socket towards the server, and a path for each direction.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::path::Path;
use super::{MAX_DATAGRAM, Orders, Reception, Totals, bind};

pub(super) struct Client {
    address: SocketAddr,
    to: SocketAddr,
    /// Towards the client: the socket that all of them send to.
    near: Arc<UdpSocket>,
    /// Towards the server: this client's own.
    far: UdpSocket,
    arrivals: mpsc::Receiver<Bytes>,
    orders: watch::Receiver<Orders>,
    rebinds: u64,
    up: Path,
    down: Path,
    totals: Arc<Totals>,
}

impl Client {
    pub(super) async fn new(
        reception: &Reception,
        address: SocketAddr,
        arrivals: mpsc::Receiver<Bytes>,
        seed: u64,
    ) -> io::Result<Self> {
        let mut orders = reception.orders.clone();
        let Orders { up, down, rebinds } = *orders.borrow_and_update();
        let totals = Arc::clone(&reception.totals);
        Ok(Self {
            address,
            to: reception.to,
            near: Arc::clone(&reception.socket),
            far: towards(reception.to).await?,
            arrivals,
            orders,
            rebinds,
            up: Path::new(&up, seed, Arc::clone(&totals.up)),
            down: Path::new(&down, seed.wrapping_add(1), Arc::clone(&totals.down)),
            totals,
        })
    }

    /// Runs until the relay ends.
    pub(super) async fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let due = self.send().await;
            let wait = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                arrival = self.arrivals.recv() => match arrival {
                    Some(datagram) => self.up.handle_datagram(Instant::now(), datagram),
                    None => return,
                },
                received = self.far.recv(&mut buffer) => {
                    // An error is about a datagram sent before: the server is not there.
                    if let Ok(length) = received {
                        let datagram = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                        self.down.handle_datagram(Instant::now(), datagram);
                    }
                }
                changed = self.orders.changed() => match changed {
                    Ok(()) => self.obey().await,
                    Err(_) => return,
                },
                () = wait => {
                    let now = Instant::now();
                    self.up.handle_timeout(now);
                    self.down.handle_timeout(now);
                }
            }
        }
    }

    /// Sends what is due; returns when the next is.
    async fn send(&mut self) -> Option<Instant> {
        while let Some(datagram) = self.up.poll_output() {
            if self.far.send(&datagram).await.is_err() {
                self.totals.up.overrun.increment();
            }
        }
        while let Some(datagram) = self.down.poll_output() {
            if self.near.send_to(&datagram, self.address).await.is_err() {
                self.totals.down.overrun.increment();
            }
        }
        self.up
            .poll_timeout()
            .into_iter()
            .chain(self.down.poll_timeout())
            .min()
    }

    async fn obey(&mut self) {
        let Orders { up, down, rebinds } = *self.orders.borrow_and_update();
        self.up.set(&up);
        self.down.set(&down);
        if rebinds != self.rebinds {
            self.rebinds = rebinds;
            // The old socket stays when there is no other: the change of network did not happen then, and is not counted.
            if let Ok(far) = towards(self.to).await {
                self.far = far;
                self.totals.rebinds.increment();
            }
        }
    }
}

/// A new socket that talks to that address alone.
async fn towards(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}
