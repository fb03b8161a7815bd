//! A light participant on real sockets, driven by the test itself.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use conclave_light::{Answer, Encoding, Offer, OfferedSection, payload_type};
use conclave_transport::address::{Protocol, TransportAddress};
use conclave_transport::client::{ClientConfig, ClientEvent, ClientTransport};
use conclave_transport::dtls::Certificate;
use conclave_transport::framing::{Deframer, prefix};
use conclave_transport::peer::Received;
use conclave_transport::route::{IceCredentials, Route};
use conclave_transport::rtcp::{RtcpEvent, events};
use conclave_transport::rtp::RtpView;
use conclave_transport::srtp::RTP_OVERHEAD;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{OfferId, PeerId, TrackId};
use conclave_wire::media::{Codec, Kind, Source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

use crate::support::{Conference, soon};

/// A packet the participant got, opened.
pub(crate) struct Heard {
    pub(crate) ssrc: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Light {
    pub(crate) id: PeerId,
    certificate: Certificate,
    credentials: IceCredentials,
    sections: Vec<OfferedSection>,
    offers: u32,
    pub(crate) answer: Option<Answer>,
    pub(crate) transport: Option<ClientTransport>,
    socket: UdpSocket,
    /// Whether what goes over UDP is thrown away.
    pub(crate) udp_is_blocked: bool,
    connections: HashMap<SocketAddr, OwnedWriteHalf>,
    /// What came over TCP.
    arrived: mpsc::UnboundedReceiver<(SocketAddr, Vec<u8>)>,
    arrivals: mpsc::UnboundedSender<(SocketAddr, Vec<u8>)>,
    pub(crate) heard: VecDeque<Heard>,
    /// SSRCs of which a key frame was asked for.
    pub(crate) asked: Vec<u32>,
    pub(crate) events: Vec<ClientEvent>,
    sequence: u16,
}

impl Light {
    pub(crate) async fn new(number: u64, bind: &str) -> Self {
        let (arrivals, arrived) = mpsc::unbounded_channel();
        Self {
            id: PeerId(number),
            certificate: Certificate::generate().unwrap(),
            credentials: IceCredentials::generate(Route { shard: 0, peer: 0 }).unwrap(),
            sections: Vec::new(),
            offers: 0,
            answer: None,
            transport: None,
            socket: UdpSocket::bind(bind).await.unwrap(),
            udp_is_blocked: false,
            connections: HashMap::new(),
            arrived,
            arrivals,
            heard: VecDeque::new(),
            asked: Vec::new(),
            events: Vec::new(),
            sequence: 0,
        }
    }

    /// The SSRC of what it publishes from this source.
    pub(crate) fn ssrc(&self, source: Source) -> u32 {
        0x1000 * u32::try_from(self.id.0).unwrap() + u32::from(source.context())
    }

    pub(crate) fn publish(&mut self, source: Source, codec: Codec) {
        let ssrc = self.ssrc(source);
        let mid = self.sections.len().to_string();
        let encoding = Encoding::Ssrc(ssrc, ssrc + 0x100);
        self.sections
            .push(OfferedSection::publish(&mid, source, codec, vec![encoding]));
    }

    pub(crate) fn subscribe(&mut self, track_id: TrackId, kind: Kind) {
        let mid = self.sections.len().to_string();
        self.sections
            .push(OfferedSection::subscribe(&mid, track_id, kind));
    }

    /// Offers what it has and takes the answer; the first one starts the transport.
    pub(crate) async fn negotiate(&mut self, conference: &mut Conference) {
        let answer = self.exchange(conference).await;
        if self.transport.is_none() {
            let config = ClientConfig {
                local: self.credentials.clone(),
                certificate: self.certificate.clone(),
                remote: answer.ice.clone(),
                remote_fingerprint: answer.fingerprint,
            };
            self.transport = Some(ClientTransport::new(Instant::now(), config));
        }
        self.answer = Some(answer);
    }

    /// The same with new ICE credentials, from a new port.
    pub(crate) async fn restart_ice(&mut self, conference: &mut Conference, bind: &str) {
        self.credentials = IceCredentials::generate(Route { shard: 0, peer: 0 }).unwrap();
        let answer = self.exchange(conference).await;
        self.socket = UdpSocket::bind(bind).await.unwrap();
        let transport = self.transport.as_mut().unwrap();
        transport.restart_ice(Instant::now(), &self.credentials, answer.ice);
    }

    /// Goes on from another port, as after a change of network, and checks anew.
    pub(crate) async fn move_to(&mut self, bind: &str) {
        self.socket = UdpSocket::bind(bind).await.unwrap();
        self.transport.as_mut().unwrap().recheck(Instant::now());
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Sends one packet that is a whole frame.
    pub(crate) async fn send(&mut self, source: Source, codec: Codec, payload: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, 0x80 | payload_type::of(codec)];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * 960).to_be_bytes());
        packet.extend(self.ssrc(source).to_be_bytes());
        packet.extend(payload);
        let len = packet.len();
        packet.resize(len + RTP_OVERHEAD, 0);
        let transport = self.transport.as_mut().unwrap();
        let sealed = transport.seal_rtp(&mut packet, len).unwrap();
        let to = transport.remote_address().unwrap();
        self.transmit(to, &packet[..sealed]).await;
    }

    /// Sends bytes as they are to where it sends its media.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        let to = self.transport.as_ref().unwrap().remote_address().unwrap();
        self.transmit(to, bytes).await;
    }

    /// Seals and sends the compound packet in the first `len` bytes.
    pub(crate) async fn send_rtcp(&mut self, buffer: &mut [u8], len: usize) {
        let sealed = self.transport.as_mut().unwrap().seal_rtcp(buffer, len).unwrap();
        self.send_raw(&buffer[..sealed]).await;
    }

    /// Lives until `done`.
    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        soon(what, async {
            let mut buffer = vec![0; 2000];
            loop {
                self.drain().await;
                if done(self) {
                    return;
                }
                let deadline = self
                    .transport
                    .as_ref()
                    .unwrap()
                    .poll_timeout()
                    .expect("the transport lives");
                tokio::select! {
                    received = self.socket.recv_from(&mut buffer) => {
                        let (len, from) = received.unwrap();
                        self.receive(TransportAddress::udp(from), &mut buffer[..len]);
                    }
                    arrived = self.arrived.recv() => {
                        let (from, mut packet) = arrived.unwrap();
                        self.receive(TransportAddress::tcp(from), &mut packet);
                    }
                    () = tokio::time::sleep_until(deadline.into()) => {
                        self.transport.as_mut().unwrap().handle_timeout(Instant::now());
                    }
                }
            }
        })
        .await;
    }

    /// Lives until its transport is connected.
    pub(crate) async fn connected(&mut self) {
        self.until("a transport", |light| {
            light.transport.as_ref().unwrap().is_connected()
        })
        .await;
    }

    /// Says goodbye. The library's connections may end before theirs is sent.
    pub(crate) async fn close(mut self) {
        self.transport.as_mut().unwrap().close(Instant::now());
        self.drain().await;
    }

    async fn exchange(&mut self, conference: &mut Conference) -> Answer {
        let offer = Offer {
            credentials: &self.credentials,
            fingerprint: self.certificate.fingerprint(),
            sections: &self.sections,
        };
        self.offers += 1;
        let (id, offer_id) = (self.id, OfferId(self.offers));
        conference
            .tell(ControlCommand::Negotiate {
                peer: id,
                offer_id,
                sdp: offer.to_sdp(),
                sections: offer.roles(),
            })
            .await;
        let answer = conference
            .event("an answer", |event| match event {
                ControlEvent::Answered {
                    peer,
                    offer_id: answered,
                    sdp,
                } if (*peer, *answered) == (id, offer_id) => Some(Ok(sdp.clone())),
                ControlEvent::NegotiationFailed { peer, code, .. } if *peer == id => Some(Err(*code)),
                _ => None,
            })
            .await
            .unwrap();
        Answer::parse(&answer).unwrap()
    }

    fn receive(&mut self, from: TransportAddress, datagram: &mut [u8]) {
        let transport = self.transport.as_mut().unwrap();
        // What cannot be used is dropped; the tests look at what is heard.
        match transport.handle_datagram(Instant::now(), from, datagram) {
            Ok(Received::Rtp { len }) => {
                let view = RtpView::parse(&datagram[..len]).unwrap();
                self.heard.push_back(Heard {
                    ssrc: view.ssrc(),
                    payload: view.payload().to_vec(),
                });
            }
            Ok(Received::Rtcp { len }) => {
                let asked = events(&datagram[..len]).filter_map(|event| match event {
                    Ok(RtcpEvent::Pli { media_ssrc, .. }) => Some(media_ssrc),
                    _ => None,
                });
                self.asked.extend(asked);
            }
            Ok(Received::Consumed) | Err(_) => {}
        }
    }

    async fn drain(&mut self) {
        let transport = self.transport.as_mut().unwrap();
        let transmits: Vec<_> = std::iter::from_fn(|| transport.poll_transmit()).collect();
        self.events.extend(std::iter::from_fn(|| transport.poll_event()));
        for transmit in transmits {
            self.transmit(transmit.to, &transmit.bytes).await;
        }
    }

    async fn transmit(&mut self, to: TransportAddress, bytes: &[u8]) {
        match to.protocol {
            // A candidate of another family than the socket's cannot be reached.
            Protocol::Udp if self.udp_is_blocked => {}
            Protocol::Udp => drop(self.socket.send_to(bytes, to.socket).await),
            Protocol::Tcp => {
                if let Entry::Vacant(vacant) = self.connections.entry(to.socket) {
                    let Ok(stream) = TcpStream::connect(to.socket).await else {
                        return;
                    };
                    let (read, write) = stream.into_split();
                    tokio::spawn(read_frames(to.socket, read, self.arrivals.clone()));
                    vacant.insert(write);
                }
                let connection = self.connections.get_mut(&to.socket).unwrap();
                let framed = [&prefix(bytes.len()).unwrap()[..], bytes].concat();
                if connection.write_all(&framed).await.is_err() {
                    self.connections.remove(&to.socket);
                }
            }
        }
    }

    /// Ends its connections, as when the network goes.
    pub(crate) fn disconnect(&mut self) {
        self.connections.clear();
    }
}

async fn read_frames(
    from: SocketAddr,
    mut stream: OwnedReadHalf,
    arrivals: mpsc::UnboundedSender<(SocketAddr, Vec<u8>)>,
) {
    let (mut deframer, mut buffer) = (Deframer::default(), vec![0; 5000]);
    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
        let pass = |packet: &mut [u8]| drop(arrivals.send((from, packet.to_vec())));
        deframer.feed(&mut buffer[..len], pass).unwrap();
    }
}
