//! What publishers and subscribers send: finds out what it is and where it belongs, checks it, and hands it on.

use conclave_transport::rtcp::{RtcpEvent, events};
use conclave_transport::rtp::RtpView;
use conclave_wire::control::ControlEvent;
use conclave_wire::media::Kind;

use super::Room;
use crate::encoding::KeyFrame;
use crate::forward::Egress;
use crate::forward::keyframe::Wanted;
use crate::forward::receive_log::Arrival;
use crate::forward::table::Route;
use crate::guard::{Expected, Verdict};
use crate::header_extension::{Known, transport_cc, video_layers_allocation};
use crate::mirror::Stream;
use crate::selector::{Facts, LayeredPacket};
use crate::sfu::Context;
use crate::subscription::Packet;
use crate::track::Track;

/// A publisher's packet out of its envelope: retransmissions are unwrapped.
struct Ingress<'a> {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: &'a [u8],
    retransmitted: bool,
}

impl Room {
    /// Forwards one plaintext RTP packet.
    pub(crate) fn handle_rtp<E: Egress>(
        &mut self,
        member: usize,
        packet: &[u8],
        context: &mut Context<'_, E>,
    ) {
        let (Ok(view), Some(peer)) = (RtpView::parse(packet), self.peers.get_mut(member)) else {
            context.counters.unusable += 1;
            return;
        };
        if let Some(number) = peer
            .negotiated
            .as_ref()
            .and_then(|negotiated| negotiated.extensions.find(Known::TransportCc, &view))
            .and_then(transport_cc::read)
        {
            peer.arrivals.record(context.now, view.ssrc(), number);
        }
        if !peer.may_flow() {
            return;
        }
        match self.route(member, &view) {
            Some(route) => self.ingress(member, route, &view, context),
            None => context.counters.unusable += 1,
        }
    }

    /// Handles one plaintext compound RTCP packet.
    pub(crate) fn handle_rtcp<E: Egress>(
        &mut self,
        member: usize,
        packet: &[u8],
        context: &mut Context<'_, E>,
    ) {
        let may_flow = self.peers.get(member).is_some_and(crate::peer::Peer::may_flow);
        if !may_flow {
            return;
        }
        let mut reports = false;
        for event in events(packet) {
            match event {
                Ok(RtcpEvent::SenderReport(report)) => {
                    reports = true;
                    self.sender_report(member, &report, context);
                }
                Ok(RtcpEvent::Nack { media_ssrc, lost, .. }) => {
                    self.resend(member, media_ssrc, lost, context)
                }
                Ok(RtcpEvent::Pli { media_ssrc, .. } | RtcpEvent::Fir { media_ssrc, .. }) => {
                    self.keyframe_wanted(member, media_ssrc, context);
                }
                Ok(RtcpEvent::Twcc(feedback)) => self.feedback(member, &feedback, context),
                Ok(RtcpEvent::ReportBlock { block, .. }) => self.report_block(member, &block, context),
                Ok(_) => {}
                Err(_) => {
                    context.counters.unusable += 1;
                    return;
                }
            }
        }
        if reports {
            self.relay_reports(member, packet, context);
        }
    }

    /// The stream of a packet; an SSRC seen for the first time is learned.
    fn route(&mut self, member: usize, view: &RtpView<'_>) -> Option<Route> {
        let peer = self.peers.get_mut(member)?;
        if let Some(route) = peer.routes.find(view.ssrc()) {
            return Some(route);
        }
        let route = peer.route_of(view)?;
        self.learn(member, route, view.ssrc())
    }

    /// Notes the SSRC of a stream; a new one of media starts its encoding over.
    pub(super) fn learn(&mut self, member: usize, route: Route, ssrc: u32) -> Option<Route> {
        let peer = self.peers.get_mut(member)?;
        if peer.routes.find(ssrc) == Some(route) {
            return Some(route);
        }
        peer.routes.insert(ssrc, route);
        let track = peer.states().get(route.line)?.track?;
        if !route.rtx {
            let generation = self.next_generation();
            let track = self.tracks.get_mut(track)?;
            track.encoding_mut(route.encoding)?.restart(generation);
        }
        Some(route)
    }

    pub(super) fn ingress<E: Egress>(
        &mut self,
        member: usize,
        route: Route,
        view: &RtpView<'_>,
        context: &mut Context<'_, E>,
    ) {
        let owner = self.peers.get(member);
        let state = owner.and_then(|owner| owner.states().get(route.line));
        let found = state.and_then(|state| state.track).and_then(|index| {
            let track = self.tracks.get_mut(index)?;
            Some((index, owner?, track))
        });
        let Some((index, owner, track)) = found else {
            context.counters.unusable += 1;
            return;
        };
        match track.kind() {
            // The shard it came to has counted it.
            _ if owner.is_mirror => {}
            Kind::Audio => context.counters.audio_in += 1,
            Kind::Video => context.counters.video_in += 1,
        }
        if !owner.may_publish(track.publication.source) {
            context.counters.refused += 1;
            return;
        }
        let negotiated = owner.negotiated.as_ref();
        let said = |known| negotiated.and_then(|negotiated| negotiated.extensions.find(known, view));
        let allocation = said(Known::VideoLayersAllocation);
        if let Some(heights) = allocation.and_then(video_layers_allocation::heights) {
            track.resize(heights);
        }
        let dependencies = said(Known::DependencyDescriptor);
        let Some(packet) = unwrap(track, route, view) else {
            // An empty retransmission is padding with which the publisher probes its bandwidth.
            context.counters.unusable += u64::from(!route.rtx);
            return;
        };
        let (clock_rate, nacks, format) = (track.clock_rate(), track.nacks(), track.publication.format);
        let source = track.publication.source;
        let Some(encoding) = track.encoding_mut(route.encoding) else {
            return;
        };
        if !packet.retransmitted {
            encoding.log.time(context.now, packet.timestamp, clock_rate);
        }
        let (sequence, broken) = match encoding.log.record(context.now, packet.sequence, nacks) {
            Arrival::New(sequence) => (sequence, false),
            Arrival::AfterBreak(sequence) => (sequence, true),
            Arrival::Duplicate => return,
        };
        let verdict = owner.leaf.map(|leaf| {
            let expected = Expected {
                codec: format.codec,
                source,
                leaf,
                former: owner.former_leaf(context.now),
            };
            encoding.guard.judge(expected, packet.timestamp, packet.payload)
        });
        match verdict {
            Some(Verdict::Pass) => {}
            Some(Verdict::Close) => {
                context.counters.refused += 1;
                self.close_producer(index, context);
                return;
            }
            Some(Verdict::Drop) | None => {
                context.counters.refused += 1;
                return;
            }
        }
        let (generation, epoch) = (encoding.generation, encoding.guard.epoch());
        let dependencies = dependencies.and_then(|data| encoding.descriptors.read(data));
        let described = dependencies.map(|(described, _)| described);
        let Some(mut facts) = Facts::read(format.codec, packet.payload, packet.marker, described) else {
            // No descriptor and nothing behind it: padding.
            return;
        };
        if let Some((_, announced)) = dependencies {
            facts.announced = facts.announced.or(announced.layers);
            track.describe(route.encoding, announced);
        }
        track.count(context.now, route.encoding, &facts, packet.payload.len());
        if track.kind() == Kind::Video {
            if facts.key && facts.starts_frame && facts.spatial == 0 {
                track.gate.arrived(route.encoding, epoch);
                if let Some(encoding) = track.encoding_mut(route.encoding) {
                    let key_frame = KeyFrame {
                        sequence,
                        epoch,
                        at: context.now,
                    };
                    encoding.key_frame = Some(key_frame);
                }
            }
            if broken {
                track.gate.want(Wanted::one(route.encoding));
            }
        }
        self.relay(index, Stream(route), view, context);
        let packet = Packet {
            generation,
            layered: LayeredPacket {
                encoding: route.encoding,
                sequence,
                timestamp: packet.timestamp,
                marker: packet.marker,
                facts,
            },
            described,
            payload: packet.payload,
        };
        self.forward(index, &packet, context);
    }

    /// The publisher does not encrypt end to end, or not as itself: nothing of this track is forwarded any more.
    fn close_producer<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        let Some(track) = self.tracks.get(index) else {
            return;
        };
        let track_id = track.id;
        let Some(owner) = self.peers.get_mut(track.owner) else {
            return;
        };
        for state in owner
            .states_mut()
            .iter_mut()
            .filter(|state| state.track == Some(index))
        {
            state.closed = true;
        }
        context.event(ControlEvent::ProducerClosed {
            peer: owner.id,
            track_id,
        });
        self.remove_track(index, context);
    }
}

fn plain<'a>(view: &RtpView<'a>) -> Ingress<'a> {
    Ingress {
        sequence: view.sequence_number(),
        timestamp: view.timestamp(),
        marker: view.marker(),
        payload: view.payload(),
        retransmitted: false,
    }
}

/// The packet inside, if it is of the format that was negotiated.
fn unwrap<'a>(track: &Track, route: Route, view: &RtpView<'a>) -> Option<Ingress<'a>> {
    let format = track.publication.format;
    if route.rtx {
        (format.rtx == Some(view.payload_type()))
            .then(|| unwrap_rtx(view))
            .flatten()
    } else {
        (format.payload_type == view.payload_type()).then(|| plain(view))
    }
}

/// Takes the original packet out of a retransmission (RFC 4588 §4).
fn unwrap_rtx<'a>(view: &RtpView<'a>) -> Option<Ingress<'a>> {
    let (original, payload) = view.payload().split_first_chunk::<2>()?;
    let sequence = u16::from_be_bytes(*original);
    (!payload.is_empty()).then_some(Ingress {
        sequence,
        payload,
        retransmitted: true,
        ..plain(view)
    })
}
