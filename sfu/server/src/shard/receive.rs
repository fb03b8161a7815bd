//! Takes datagrams and pieces of TCP streams, finds whose they are, and hands on what is inside.

use std::io::ErrorKind;
use std::time::Instant;

use conclave_sfu_core::PeerSlot;
use conclave_transport::address::TransportAddress;
use conclave_transport::classify::{DatagramKind, classify};
use conclave_transport::peer::Received;
use conclave_transport::route::{Route, route_of};
use conclave_transport::stun;
use conclave_transport::udp::ReceiveSlab;
use tokio::io::Interest;

use super::Shard;

/// Receive batches handled before other work gets a turn.
const MAX_BATCHES: usize = 8;
/// Reads from TCP connections handled before other work gets a turn.
const MAX_READS: usize = 64;

impl Shard {
    /// Takes what is there. What it leaves to send goes out together when the shard settles, so that the packets of
    /// one frame travel as one run.
    pub(super) fn receive(&mut self, slab: &mut ReceiveSlab) {
        let sockets = self.sockets.clone();
        for socket in sockets.iter() {
            for _ in 0..MAX_BATCHES {
                let mut received = Ok(0);
                // Readiness ends with WouldBlock, and the runtime wakes us for the next datagram.
                let is_more = socket.try_io(Interest::READABLE, |socket| {
                    received = socket.receive(slab);
                    match &received {
                        Ok(_) => Ok(()),
                        Err(error) => Err(error.kind().into()),
                    }
                });
                match received {
                    Ok(0) => {}
                    Ok(_) => self.batch(slab),
                    Err(error) if error.kind() != ErrorKind::WouldBlock => {
                        tracing::debug!(%error, "receiving failed");
                    }
                    Err(_) => {}
                }
                if is_more.is_err() {
                    break;
                }
            }
        }
    }

    /// Takes what has come over TCP, a piece of each connection in turn.
    pub(super) fn receive_tcp(&mut self, slab: &mut [u8]) {
        let now = Instant::now();
        self.sessions.tcp.refresh(now);
        for _ in 0..MAX_READS {
            let Some(mut arrival) = self.sessions.tcp.read(slab) else {
                break;
            };
            let from = TransportAddress::tcp(arrival.remote);
            let mut is_rude = false;
            let stream = slab.get_mut(..arrival.len).unwrap_or_default();
            let result = arrival.deframer.feed(stream, |packet| {
                // A stranger has nothing to say but who it is.
                is_rude |=
                    self.sessions.tcp.is_stranger(from.socket) && classify(packet) != DatagramKind::Stun;
                if !is_rude {
                    self.datagram(now, from, packet);
                }
            });
            self.sessions.tcp.done(arrival, result);
            if is_rude {
                self.sessions.counted.datagrams_dropped += 1;
                self.sessions.tcp.close(from.socket);
            }
        }
    }

    fn batch(&mut self, slab: &mut ReceiveSlab) {
        let now = Instant::now();
        slab.for_each(|datagram| {
            self.datagram(now, TransportAddress::udp(datagram.from), datagram.bytes);
        });
    }

    fn datagram(&mut self, now: Instant, from: TransportAddress, bytes: &mut [u8]) {
        let kind = classify(bytes);
        let peer = match kind {
            // A check names its peer, whatever peer its address belonged to; the peer verifies it.
            DatagramKind::Stun => stun::username(bytes)
                .and_then(route_of)
                .and_then(|route| self.slot_of(route)),
            DatagramKind::Dtls | DatagramKind::Rtp | DatagramKind::Rtcp => self.sessions.by_address(from),
            DatagramKind::Unknown => None,
        };
        let Some(peer) = peer else {
            self.sessions.counted.datagrams_dropped += 1;
            return;
        };
        let size = bytes.len();
        self.sessions.begin();
        match self.sessions.handle_datagram(now, peer, from, bytes) {
            Ok(Received::Rtp { len }) => {
                self.sessions.counted.rtp_bytes_in += u64::try_from(size).unwrap_or(0);
                self.core.handle_rtp(
                    now,
                    peer,
                    bytes.get(..len).unwrap_or_default(),
                    &mut self.sessions,
                );
            }
            Ok(Received::Rtcp { len }) => {
                self.core.handle_rtcp(
                    now,
                    peer,
                    bytes.get(..len).unwrap_or_default(),
                    &mut self.sessions,
                );
            }
            Ok(Received::Consumed) => self.drain_session(now, peer),
            Err(reason) => {
                tracing::trace!(%reason, "a datagram was dropped");
                self.sessions.counted.datagrams_dropped += 1;
            }
        }
    }

    fn slot_of(&self, route: Route) -> Option<PeerSlot> {
        (route.shard == self.number).then_some(PeerSlot(usize::try_from(route.peer).ok()?))
    }
}
