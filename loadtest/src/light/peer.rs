//! One light peer as its engine's thread sees it: transport, what it sends, what it receives, what it answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conclave_transport::address::TransportAddress;
use conclave_transport::classify::{DatagramKind, classify};
use conclave_transport::client::{ClientConfig, ClientEvent, ClientTransport, RemoteIce};
use conclave_transport::dtls::{Certificate, Fingerprint};
use conclave_transport::peer::Received;
use conclave_transport::route::IceCredentials;
use conclave_transport::rtcp::{RtcpEvent, RtcpWriter, events};
use conclave_transport::rtp::RtpView;
use conclave_transport::srtp::RTCP_OVERHEAD;
use tokio::sync::mpsc::UnboundedSender;

use super::arrival::Arrival;
use super::crypto::FrameCrypto;
use super::datagrams::Datagrams;
use super::feedback::Feedback;
use super::receiver::{Decrypt, Ears, Packet, ReceiveTrack, Receiver};
use super::sender::{Sender, Turn, Wire};
use super::socket::Place;
use super::stats::PeerStats;
use crate::measure::Measures;

/// Room for one compound RTCP packet.
const RTCP_ROOM: usize = 1200;
/// Between two looks at a peer that waits for something, and at one that does not.
const BUSY_TICK: Duration = Duration::from_millis(10);
const TICK: Duration = Duration::from_millis(50);
/// Between sender and receiver reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What happens to a peer, told to its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE and DTLS are done.
    Connected,
    /// The first packet of somebody's media came.
    FirstPacket,
    /// The first frame was opened.
    FirstFrame,
    /// The transport is over.
    Lost,
}

/// What a description says about the server's end.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) ice: RemoteIce,
    pub(super) fingerprint: Fingerprint,
    /// Id of the transport-wide sequence number's extension in what we receive.
    pub(super) transport_cc: Option<u8>,
    /// How each track we send goes onto the wire, in the order of the peer's; `None` for one that is not taken.
    pub(super) wires: Vec<Option<Wire>>,
    pub(super) receives: Vec<ReceiveTrack>,
}

/// What a peer is made of.
pub(super) struct PeerParts {
    pub(super) credentials: IceCredentials,
    pub(super) certificate: Certificate,
    pub(super) crypto: Box<dyn FrameCrypto>,
    pub(super) decrypt: Decrypt,
    pub(super) bind: Option<IpAddr>,
    pub(super) senders: Vec<Sender>,
    pub(super) measures: Arc<Measures>,
    pub(super) events: UnboundedSender<PeerEvent>,
    pub(super) stats: Arc<Mutex<PeerStats>>,
}

pub(super) struct Peer {
    pub(super) parts: PeerParts,
    pub(super) place: Option<Place>,
    transport: Option<ClientTransport>,
    remote: Option<Remote>,
    receivers: Vec<Receiver>,
    /// SSRC, place in `receivers`, whether it is of retransmissions; sorted.
    routes: Vec<(u32, usize, bool)>,
    feedback: Feedback,
    /// Transport-wide number of the last packet sent.
    number: u16,
    report_at: Instant,
    is_sending: bool,
    first_packet: bool,
    first_frame: bool,
    strange: u64,
    broken: u64,
    /// Packets lost on tracks that are over, and lost altogether as last told.
    past_lost: u64,
    told_lost: i64,
    plain: Vec<u8>,
    asked: Vec<u16>,
    /// Retransmissions the server asked for: track and sequence number.
    again: Vec<(usize, u16)>,
}

impl Peer {
    pub(super) fn new(parts: PeerParts, now: Instant) -> Self {
        Self {
            parts,
            place: None,
            transport: None,
            remote: None,
            receivers: Vec::new(),
            routes: Vec::new(),
            feedback: Feedback::new(now),
            number: 0,
            report_at: now + REPORT_INTERVAL,
            is_sending: false,
            first_packet: false,
            first_frame: false,
            strange: 0,
            broken: 0,
            past_lost: 0,
            told_lost: 0,
            plain: Vec::new(),
            asked: Vec::new(),
            again: Vec::new(),
        }
    }

    /// Takes what a description says; the first one with a candidate starts the transport.
    pub(super) fn describe(&mut self, now: Instant, remote: Remote) {
        for (sender, wire) in self.parts.senders.iter_mut().zip(&remote.wires) {
            sender.wire = *wire;
        }
        self.route(&remote.receives);
        let before = self.remote.replace(remote);
        let Some(remote) = &self.remote else { return };
        if remote.ice.candidates.is_empty() {
            return;
        }
        match &mut self.transport {
            None => {
                let config = ClientConfig {
                    local: self.parts.credentials.clone(),
                    certificate: self.parts.certificate.clone(),
                    remote: remote.ice.clone(),
                    remote_fingerprint: remote.fingerprint,
                };
                self.transport = Some(ClientTransport::new(now, config));
            }
            Some(transport) => {
                let same = before.is_some_and(|before| {
                    before.ice.ufrag == remote.ice.ufrag && before.ice.candidates == remote.ice.candidates
                });
                if !same {
                    transport.restart_ice(now, &self.parts.credentials, remote.ice.clone());
                }
            }
        }
    }

    /// The server's first address, which says where to send from.
    pub(super) fn first_candidate(&self) -> Option<SocketAddr> {
        let candidates = &self.remote.as_ref()?.ice.candidates;
        candidates
            .iter()
            .max_by_key(|candidate| candidate.priority)
            .map(|candidate| candidate.address.socket)
    }

    pub(super) fn start_sending(&mut self) {
        self.is_sending = true;
    }

    pub(super) fn mute(&mut self, track: usize, muted: bool) {
        if let Some(sender) = self.parts.senders.get_mut(track) {
            sender.key_wanted |= sender.muted && !muted;
            sender.muted = muted;
        }
    }

    /// Takes an aggregate of datagrams.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        arrival: Arrival,
        from: SocketAddr,
        bytes: &mut [u8],
        stride: usize,
    ) {
        for datagram in bytes.chunks_mut(stride) {
            if classify(datagram) == DatagramKind::Rtp {
                self.media(now, arrival, from, datagram);
            } else {
                self.other(now, from, datagram);
            }
        }
    }

    fn media(&mut self, now: Instant, arrival: Arrival, from: SocketAddr, datagram: &mut [u8]) {
        let Ok(view) = RtpView::parse_header(datagram) else {
            self.broken += 1;
            return;
        };
        let transport_cc = self.remote.as_ref().and_then(|remote| remote.transport_cc);
        if let Some(&[high, low]) = transport_cc.and_then(|id| view.extension(id)) {
            self.feedback.record(arrival.at, u16::from_be_bytes([high, low]));
        }
        let ssrc = view.ssrc();
        let route = self.routes.binary_search_by_key(&ssrc, |(ssrc, ..)| *ssrc);
        let Some(&(_, place, is_rtx)) = route.ok().and_then(|at| self.routes.get(at)) else {
            self.strange += 1;
            return;
        };
        let Some(receiver) = self.receivers.get_mut(place) else {
            return;
        };
        let skipped = match self.parts.decrypt {
            Decrypt::All => false,
            Decrypt::Sample(_) if is_rtx => false,
            Decrypt::Sample(of) => !sampled(view.timestamp(), of),
        };
        if !self.first_packet {
            self.first_packet = true;
            // The handle is gone when the participant is.
            let _ = self.parts.events.send(PeerEvent::FirstPacket);
        }
        let measures = &self.parts.measures;
        let mut ears = Ears {
            crypto: &mut *self.parts.crypto,
            measures,
            plain: &mut self.plain,
        };
        let outer = Packet {
            now: arrival.at,
            rested: arrival.rested,
            sequence: view.sequence_number(),
            timestamp: view.timestamp(),
            marker: view.marker(),
            payload: &[],
        };
        if skipped {
            let position = receiver.count(outer, datagram.len(), measures);
            receiver.handle(position, outer, &mut ears);
            return;
        }
        let len = datagram.len();
        let transport = self.transport.as_mut();
        let opened = transport
            .and_then(|transport| {
                transport
                    .handle_datagram(now, TransportAddress::udp(from), datagram)
                    .ok()
            })
            .and_then(|received| match received {
                Received::Rtp { len } => datagram.get(..len),
                Received::Rtcp { .. } | Received::Consumed => None,
            })
            .and_then(|packet| RtpView::parse(packet).ok());
        let Some(view) = opened else {
            self.broken += 1;
            return;
        };
        let packet = if is_rtx {
            // RFC 4588 §4: the original's number stands before its payload. Padding that probes has neither.
            let Some((number, payload)) = view.payload().split_first_chunk::<2>() else {
                return;
            };
            Packet {
                sequence: u16::from_be_bytes(*number),
                payload,
                ..outer
            }
        } else {
            Packet {
                payload: view.payload(),
                ..outer
            }
        };
        let position = receiver.count(packet, len, measures);
        receiver.handle(position, packet, &mut ears);
        if !self.first_frame && receiver.opened() > 0 {
            self.first_frame = true;
            let _ = self.parts.events.send(PeerEvent::FirstFrame);
        }
    }

    fn other(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        let Some(transport) = &mut self.transport else {
            return;
        };
        let received = transport.handle_datagram(now, TransportAddress::udp(from), datagram);
        let Ok(Received::Rtcp { len }) = received else {
            return;
        };
        for event in events(datagram.get(..len).unwrap_or_default()).flatten() {
            let mut senders = self.parts.senders.iter_mut().enumerate();
            match event {
                RtcpEvent::Pli { media_ssrc, .. } | RtcpEvent::Fir { media_ssrc, .. } => {
                    if let Some((_, sender)) = senders.find(|(_, sender)| sender.ssrcs.media == media_ssrc) {
                        sender.key_wanted = true;
                    }
                }
                RtcpEvent::Nack { media_ssrc, lost, .. } => {
                    if let Some((track, _)) = senders.find(|(_, sender)| sender.ssrcs.media == media_ssrc) {
                        self.again.extend(lost.take(64).map(|sequence| (track, sequence)));
                    }
                }
                _ => {}
            }
        }
    }

    /// Does what is due and calls `send` with what is to be sent. Returns when to come again; `None` when it is over.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        scratch: &mut Datagrams,
        mut send: impl FnMut(SocketAddr, &[u8], usize),
    ) -> Option<Instant> {
        let Some(transport) = &mut self.transport else {
            return Some(now + TICK);
        };
        if transport.poll_timeout().is_some_and(|at| at <= now) {
            transport.handle_timeout(now);
        }
        while let Some(transmit) = transport.poll_transmit() {
            send(transmit.to.socket, &transmit.bytes, transmit.bytes.len());
        }
        while let Some(event) = transport.poll_event() {
            let event = match event {
                ClientEvent::Connected { .. } => PeerEvent::Connected,
                ClientEvent::Lost(_) => PeerEvent::Lost,
                ClientEvent::Selected(_) => continue,
            };
            // The handle is gone when the participant is.
            let _ = self.parts.events.send(event);
            if event == PeerEvent::Lost {
                return None;
            }
        }
        let to = transport.remote_address().map(|address| address.socket);
        if let Some(to) = to.filter(|_| transport.is_connected()) {
            self.answer(to, scratch, &mut send);
            self.report(now, to, &mut send);
        }
        let mut ears = Ears {
            crypto: &mut *self.parts.crypto,
            measures: &self.parts.measures,
            plain: &mut self.plain,
        };
        let mut busy = false;
        for receiver in self.receivers.iter_mut().filter(|receiver| receiver.is_busy()) {
            receiver.tick(now, &mut ears);
            busy |= receiver.is_busy();
        }
        let tick = if busy { BUSY_TICK } else { TICK };
        let timeout = self.transport.as_ref().and_then(ClientTransport::poll_timeout);
        let next = now + tick;
        Some(
            timeout
                .map_or(next, |at| at.min(next))
                .max(now + Duration::from_millis(1)),
        )
    }

    /// Whether a datagram that came wants something done at once.
    pub(super) fn is_pressed(&self) -> bool {
        !self.again.is_empty() || self.is_connecting()
    }

    /// Whether ICE and DTLS are under way.
    pub(super) fn is_connecting(&self) -> bool {
        self.transport
            .as_ref()
            .is_some_and(|transport| !transport.is_connected())
    }

    /// Whether it sends.
    pub(super) fn is_on_air(&self) -> bool {
        self.is_sending && self.transport.as_ref().is_some_and(ClientTransport::is_connected)
    }

    /// Sends the frame of a track that is due.
    pub(super) fn frame(
        &mut self,
        now: Instant,
        track: usize,
        scratch: &mut Datagrams,
        mut send: impl FnMut(SocketAddr, &[u8], usize),
    ) -> Option<Turn> {
        let sender = self.parts.senders.get_mut(track)?;
        let transport = self.transport.as_mut().filter(|_| self.is_sending);
        let Some((to, transport)) =
            transport.and_then(|transport| Some((transport.remote_address()?.socket, transport)))
        else {
            return Some(sender.rest(now));
        };
        let turn = sender.turn(
            now,
            transport,
            &mut *self.parts.crypto,
            &mut self.number,
            &self.parts.measures,
            scratch,
        );
        scratch.for_each_run(|run, segment| send(to, run, segment));
        Some(turn)
    }

    /// Frames that waited for a key may be readable now.
    pub(super) fn retry(&mut self, now: Instant) {
        let mut ears = Ears {
            crypto: &mut *self.parts.crypto,
            measures: &self.parts.measures,
            plain: &mut self.plain,
        };
        for receiver in &mut self.receivers {
            receiver.tick(now, &mut ears);
        }
        if !self.first_frame && self.receivers.iter().any(|receiver| receiver.opened() > 0) {
            self.first_frame = true;
            let _ = self.parts.events.send(PeerEvent::FirstFrame);
        }
    }

    /// Ends the transport and hands out the last datagrams.
    pub(super) fn close(&mut self, now: Instant, mut send: impl FnMut(SocketAddr, &[u8], usize)) {
        for receiver in std::mem::take(&mut self.receivers) {
            self.settle(receiver);
        }
        self.routes.clear();
        if let Some(transport) = &mut self.transport {
            transport.close(now);
            while let Some(transmit) = transport.poll_transmit() {
                send(transmit.to.socket, &transmit.bytes, transmit.bytes.len());
            }
        }
        self.transport = None;
    }

    /// Brings the figures up to date: the handle's, and those of the run.
    pub(super) fn publish_stats(&mut self) {
        let missing: u64 = self.receivers.iter().map(Receiver::lost).sum();
        let lost = i64::try_from(self.past_lost + missing).unwrap_or(i64::MAX);
        self.parts.measures.missing_changed(lost - self.told_lost);
        self.told_lost = lost;
        if let Ok(mut stats) = self.parts.stats.lock() {
            let past = stats.past;
            stats.tracks.truncate(past);
            stats.tracks.extend(self.receivers.iter().map(Receiver::stats));
            stats.strange = self.strange;
            stats.broken = self.broken;
        }
    }

    /// Replaces what is received; a track that goes on keeps its figures.
    fn route(&mut self, receives: &[ReceiveTrack]) {
        let mut before = std::mem::take(&mut self.receivers);
        for track in receives {
            let known = before.iter().position(|receiver| receiver.track == *track);
            self.receivers.push(match known {
                Some(place) => before.swap_remove(place),
                None => Receiver::new(*track, self.parts.decrypt),
            });
        }
        for receiver in before {
            self.settle(receiver);
        }
        self.routes.clear();
        for (place, receiver) in self.receivers.iter().enumerate() {
            self.routes.push((receiver.track.ssrc, place, false));
            let rtx = receiver.track.rtx_ssrc;
            self.routes.extend(rtx.map(|ssrc| (ssrc, place, true)));
        }
        self.routes.sort_unstable_by_key(|(ssrc, ..)| *ssrc);
    }

    /// Adds a track that is over to the measures.
    fn settle(&mut self, receiver: Receiver) {
        let stats = receiver.stats();
        self.past_lost += stats.lost;
        receiver.finish(&self.parts.measures);
        if let Ok(mut all) = self.parts.stats.lock() {
            let past = all.past;
            all.tracks.insert(past, stats);
            all.past += 1;
        }
    }

    /// Sends again what the server asked for.
    fn answer(
        &mut self,
        to: SocketAddr,
        scratch: &mut Datagrams,
        send: &mut impl FnMut(SocketAddr, &[u8], usize),
    ) {
        let Some(transport) = &mut self.transport else {
            return;
        };
        for (track, sequence) in self.again.drain(..) {
            scratch.clear();
            if let Some(sender) = self.parts.senders.get_mut(track) {
                sender.again(sequence, transport, &mut self.number, scratch);
            }
            scratch.for_each_run(|run, segment| send(to, run, segment));
        }
    }

    /// Sends the RTCP that is due: transport-cc, NACK, PLI, and once a second reports.
    fn report(&mut self, now: Instant, to: SocketAddr, send: &mut impl FnMut(SocketAddr, &[u8], usize)) {
        let mut buffer = [0; RTCP_ROOM + RTCP_OVERHEAD];
        let mut writer = RtcpWriter::new(buffer.get_mut(..RTCP_ROOM).unwrap_or_default());
        let reporter = self.parts.senders.first().map_or(1, |sender| sender.ssrcs.media);
        if now >= self.report_at {
            self.report_at = now + REPORT_INTERVAL;
            // What does not fit is left for the next report.
            for sender in &self.parts.senders {
                if let Some(report) = sender.report() {
                    let _ = writer.sender_report(&report, &[]);
                }
            }
            let blocks: Vec<_> = self.receivers.iter_mut().filter_map(Receiver::report).collect();
            for blocks in blocks.chunks(20) {
                let _ = writer.receiver_report(reporter, blocks);
            }
            self.publish_stats();
        }
        for receiver in self.receivers.iter_mut().filter(|receiver| receiver.is_busy()) {
            receiver.asks(now, &mut self.asked);
            if !self.asked.is_empty() {
                let _ = writer.nack(reporter, receiver.track.ssrc, &self.asked);
            }
            if receiver.wants_key(now) {
                let _ = writer.pli(reporter, receiver.track.ssrc);
            }
        }
        if self.feedback.is_due(now) {
            self.feedback.write(now, reporter, &mut writer);
        }
        let len = writer.len();
        let Some(transport) = self.transport.as_mut().filter(|_| len > 0) else {
            return;
        };
        if let Ok(sealed) = transport.seal_rtcp(&mut buffer, len)
            && let Some(bytes) = buffer.get(..sealed)
        {
            send(to, bytes, bytes.len());
        }
    }
}

/// Whether the frame with this timestamp is looked into: all its packets or none.
fn sampled(timestamp: u32, of: u32) -> bool {
    let mixed = timestamp.wrapping_mul(0x9E37_79B1) >> 8;
    mixed.is_multiple_of(of.max(1))
}
