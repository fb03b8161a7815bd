//! One light client: its sections, its transport and what it has received.

use std::time::Instant;

use conclave_light::{Answer, Encoding, Offer, OfferedSection, extension, payload_type};
use conclave_transport::address::{Protocol, TransportAddress};
use conclave_transport::classify::{DatagramKind, classify};
use conclave_transport::client::{ClientConfig, ClientEvent, ClientTransport};
use conclave_transport::dtls::Certificate;
use conclave_transport::peer::Received;
use conclave_transport::route::IceCredentials;
use conclave_transport::rtcp::{RtcpEvent, events};
use conclave_transport::rtp::RtpView;
use conclave_transport::srtp::RTCP_OVERHEAD;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{OfferId, PeerId, TrackId};
use conclave_wire::media::{Codec, Kind};

use super::Totals;
use super::feedback::Feedback;
use super::sockets::Aggregate;
use super::traffic::{Publisher, Stream, stamp_of};

/// Of so many media packets one is opened, and so proven to be whole; the rest is counted.
const OPENED: u64 = 32;

/// A light client.
pub(crate) struct Client {
    pub(crate) id: PeerId,
    credentials: IceCredentials,
    sections: Vec<OfferedSection>,
    pub(crate) offers: u32,
    pub(crate) transport: Option<ClientTransport>,
    pub(crate) publishers: Vec<Publisher>,
    /// Transport-wide number of the last packet sent.
    number: u16,
    feedback: Feedback,
    /// Media packets received.
    pub(crate) packets: u64,
    pub(crate) first_at: Option<Instant>,
    /// What it does with what it receives.
    pub(crate) conduct: Conduct,
    /// How it reaches the SFU.
    pub(crate) protocol: Protocol,
}

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// As it should.
    Good,
    /// It reads nothing that comes; its checks stop too.
    Deaf,
}

impl Client {
    pub(crate) const fn new(id: PeerId, credentials: IceCredentials) -> Self {
        Self {
            id,
            credentials,
            sections: Vec::new(),
            offers: 0,
            transport: None,
            publishers: Vec::new(),
            number: 0,
            feedback: Feedback::new(),
            packets: 0,
            first_at: None,
            conduct: Conduct::Good,
            protocol: Protocol::Udp,
        }
    }

    pub(crate) fn publish(&mut self, stream: Stream, leaf: u32, next: Instant) {
        let ssrc = 0x1000 + u32::from(stream.source.context());
        let encoding = Encoding::Ssrc(ssrc, ssrc + 0x100);
        let mid = self.sections.len().to_string();
        let section = OfferedSection::publish(&mid, stream.source, stream.codec(), vec![encoding]);
        self.sections.push(section);
        self.publishers.push(Publisher::new(stream, ssrc, leaf, next));
    }

    /// `feedback`: whether it reports arrivals, and so is paced by the bandwidth the SFU estimates.
    pub(crate) fn subscribe(&mut self, track: TrackId, kind: Kind, feedback: bool) {
        let mid = self.sections.len().to_string();
        self.sections.push(OfferedSection {
            transport_cc: feedback,
            ..OfferedSection::subscribe(&mid, track, kind)
        });
    }

    pub(crate) fn offer(&mut self, certificate: &Certificate) -> ControlCommand {
        let offer = Offer {
            credentials: &self.credentials,
            fingerprint: certificate.fingerprint(),
            sections: &self.sections,
        };
        self.offers += 1;
        ControlCommand::Negotiate {
            peer: self.id,
            offer_id: OfferId(self.offers),
            sdp: offer.to_sdp(),
            sections: offer.roles(),
        }
    }

    /// Takes an answer; the first one starts the transport.
    pub(crate) fn answered(&mut self, now: Instant, answer: &Answer, certificate: &Certificate) {
        if self.transport.is_none() {
            let mut remote = answer.ice.clone();
            let protocol = self.protocol;
            remote
                .candidates
                .retain(|candidate| candidate.address.protocol == protocol);
            self.transport = Some(ClientTransport::new(
                now,
                ClientConfig {
                    local: self.credentials.clone(),
                    certificate: certificate.clone(),
                    remote,
                    remote_fingerprint: answer.fingerprint,
                },
            ));
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.transport.as_ref().is_some_and(ClientTransport::is_connected)
    }

    /// Takes an aggregate of datagrams; `start` is when times begin.
    pub(crate) fn receive(&mut self, start: Instant, aggregate: Aggregate<'_>, totals: &mut Totals) {
        if self.conduct == Conduct::Deaf {
            return;
        }
        let Aggregate {
            from,
            arrived,
            bytes,
            stride,
        } = aggregate;
        let from = TransportAddress {
            protocol: self.protocol,
            ..TransportAddress::udp(from)
        };
        for datagram in bytes.chunks_mut(stride) {
            if classify(datagram) == DatagramKind::Rtp {
                self.media(start, arrived, from, datagram, totals);
            } else {
                self.other(arrived, from, datagram, totals);
            }
        }
    }

    fn media(
        &mut self,
        start: Instant,
        now: Instant,
        from: TransportAddress,
        datagram: &mut [u8],
        totals: &mut Totals,
    ) {
        let Ok(view) = RtpView::parse_header(datagram) else {
            totals.broken += 1;
            return;
        };
        if let Some(&[high, low]) = view.extension(extension::TRANSPORT_CC) {
            self.feedback.record(start, now, u16::from_be_bytes([high, low]));
        }
        self.packets += 1;
        self.first_at.get_or_insert(now);
        if view.payload_type() == payload_type::of(Codec::Opus) {
            totals.audio += 1;
        } else {
            totals.video += 1;
        }
        if !self.packets.is_multiple_of(OPENED) {
            return;
        }
        let Some(transport) = &mut self.transport else {
            return;
        };
        let opened = transport.handle_datagram(now, from, datagram);
        let Ok(Received::Rtp { len }) = opened else {
            totals.broken += 1;
            return;
        };
        let stamp = datagram
            .get(..len)
            .and_then(|packet| RtpView::parse(packet).ok())
            .and_then(|view| stamp_of(view.payload()));
        if let Some(stamp) = stamp.filter(|_| totals.keep_latencies) {
            let now = u64::try_from(now.saturating_duration_since(start).as_nanos()).unwrap_or(0);
            totals.latencies.push(now.saturating_sub(stamp));
        }
    }

    fn other(&mut self, now: Instant, from: TransportAddress, datagram: &mut [u8], totals: &mut Totals) {
        let Some(transport) = &mut self.transport else {
            return;
        };
        let Ok(Received::Rtcp { len }) = transport.handle_datagram(now, from, datagram) else {
            return;
        };
        for event in events(datagram.get(..len).unwrap_or_default()).flatten() {
            if let RtcpEvent::Pli { media_ssrc, .. } | RtcpEvent::Fir { media_ssrc, .. } = event {
                totals.key_frame_requests += 1;
                for publisher in self
                    .publishers
                    .iter_mut()
                    .filter(|publisher| publisher.ssrc == media_ssrc)
                {
                    publisher.key_wanted = true;
                }
            }
        }
    }

    /// Moves time forward and calls `send` with what is to be sent: where to, the datagrams, the length of each.
    pub(crate) fn tick(
        &mut self,
        now: Instant,
        totals: &mut Totals,
        mut send: impl FnMut(TransportAddress, &[u8], usize),
    ) {
        let Some(transport) = self.transport.as_mut().filter(|_| self.conduct == Conduct::Good) else {
            return;
        };
        if transport.poll_timeout().is_some_and(|at| at <= now) {
            transport.handle_timeout(now);
        }
        while let Some(transmit) = transport.poll_transmit() {
            send(transmit.to, &transmit.bytes, transmit.bytes.len());
        }
        while let Some(event) = transport.poll_event() {
            if let ClientEvent::Lost(_) = event {
                totals.lost += 1;
            }
        }
        if let Some(to) = transport.remote_address()
            && self.feedback.is_due(now)
        {
            let mut report = [0; 1200];
            let sealed = self
                .feedback
                .write(now, report.get_mut(..1150).unwrap_or_default())
                .and_then(|len| {
                    transport
                        .seal_rtcp(report.get_mut(..len + RTCP_OVERHEAD)?, len)
                        .ok()
                });
            if let Some(sealed) = sealed.and_then(|len| report.get(..len)) {
                send(to, sealed, sealed.len());
            }
        }
    }

    /// Sends one frame of the publisher with this index.
    pub(crate) fn frame(
        &mut self,
        publisher: usize,
        stamp: u64,
        out: &mut Vec<u8>,
        send: impl FnOnce(TransportAddress, &[u8], usize),
    ) {
        let (Some(transport), Some(publisher)) = (&mut self.transport, self.publishers.get_mut(publisher))
        else {
            return;
        };
        let Some(to) = transport.remote_address() else {
            return;
        };
        let len = publisher.frame(transport, &mut self.number, stamp, out);
        send(to, out, len);
    }
}
