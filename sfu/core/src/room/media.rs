//! Forwards a publisher's packets and answers what subscribers ask for.

use std::time::Duration;

use conclave_transport::rtcp::{
    NackIter, ReportBlock, RtcpEvent, RtcpWriter, SenderReport, TwccFeedback, events,
};
use conclave_transport::rtp::RtpView;
use conclave_wire::control::ControlEvent;
use conclave_wire::media::Kind;

use super::{Room, report};
use crate::downlink::Waiting;
use crate::forward::receive_log::Arrival;
use crate::forward::table::Route;
use crate::forward::{Egress, MAX_RTCP};
use crate::guard::{Expected, Verdict};
use crate::layer::Layer;
use crate::sfu::Context;
use crate::subscription::{Packet, TrackView};

/// Least time between two sender reports passed on for one track.
const MIN_SENDER_REPORT: Duration = Duration::from_millis(200);

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
        if let Some(id) = peer
            .negotiated
            .as_ref()
            .and_then(|negotiated| negotiated.extensions.transport_cc)
            && let Some(&[high, low]) = view.extension(id)
        {
            peer.arrivals
                .record(context.now, view.ssrc(), u16::from_be_bytes([high, low]));
        }
        if !peer.may_flow() {
            return;
        }
        match self.route(member, &view) {
            Some(route) => self.ingress(route, &view, context),
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
        for event in events(packet) {
            match event {
                Ok(RtcpEvent::SenderReport(report)) => self.sender_report(member, &report, context),
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
    }

    /// The track of a packet; an SSRC seen for the first time is learned.
    fn route(&mut self, member: usize, view: &RtpView<'_>) -> Option<Route> {
        let peer = self.peers.get_mut(member)?;
        if let Some(route) = peer.routes.find(view.ssrc()) {
            return Some(route);
        }
        let (track, rtx) = peer.section_of(view)?;
        let route = Route { track, rtx };
        peer.routes.insert(view.ssrc(), route);
        if !rtx {
            let generation = self.next_generation();
            self.tracks.get_mut(track)?.restart(generation);
        }
        Some(route)
    }

    fn ingress<E: Egress>(&mut self, route: Route, view: &RtpView<'_>, context: &mut Context<'_, E>) {
        let Some(track) = self.tracks.get_mut(route.track) else {
            return;
        };
        match track.kind() {
            Kind::Audio => context.counters.audio_in += 1,
            Kind::Video => context.counters.video_in += 1,
        }
        let format = track.publication.format;
        let expected_type = if route.rtx {
            format.rtx
        } else {
            Some(format.payload_type)
        };
        let unwrapped = if route.rtx {
            unwrap_rtx(view)
        } else {
            Some(plain(view))
        };
        // An empty retransmission is padding with which the publisher probes its bandwidth.
        let (Some(packet), true) = (unwrapped, expected_type == Some(view.payload_type())) else {
            context.counters.unusable += u64::from(!route.rtx);
            return;
        };
        if !packet.retransmitted {
            track
                .stream
                .log
                .time(context.now, packet.timestamp, track.clock_rate());
        }
        let sequence = match track
            .stream
            .log
            .record(context.now, packet.sequence, track.nacks())
        {
            Arrival::New(sequence) => sequence,
            Arrival::AfterBreak(sequence) => {
                if track.kind() == Kind::Video && track.gate.want(context.now) {
                    report::ask_keyframe(&self.peers, route.track, track, context);
                }
                sequence
            }
            Arrival::Duplicate => return,
        };
        match self.judge(route.track, &packet, context) {
            Verdict::Pass => {}
            Verdict::Drop => {
                context.counters.refused += 1;
                return;
            }
            Verdict::Close => {
                context.counters.refused += 1;
                self.close_producer(route.track, context);
                return;
            }
        }
        let packet = Packet {
            sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload,
        };
        self.forward(route.track, &packet, context);
    }

    fn judge<E: Egress>(&mut self, index: usize, packet: &Ingress<'_>, context: &Context<'_, E>) -> Verdict {
        let Some(track) = self.tracks.get_mut(index) else {
            return Verdict::Drop;
        };
        let Some(owner) = self.peers.get(track.owner) else {
            return Verdict::Drop;
        };
        let Some(leaf) = owner.leaf else {
            return Verdict::Drop;
        };
        let expected = Expected {
            codec: track.publication.format.codec,
            source: track.publication.source,
            leaf,
            former: owner.former_leaf(context.now),
        };
        track.guard.judge(expected, packet.timestamp, packet.payload)
    }

    /// The forward path proper: it does not look at the payload.
    fn forward<E: Egress>(&mut self, index: usize, packet: &Packet<'_>, context: &mut Context<'_, E>) {
        let Some(track) = self.tracks.get_mut(index) else {
            return;
        };
        let view = TrackView {
            generation: track.stream.generation,
            clock_rate: track.clock_rate(),
            kind: track.kind(),
        };
        if track.nacks() || track.kind() == Kind::Video {
            track.stream.ring.push(
                context.now,
                packet.sequence,
                packet.timestamp,
                packet.marker,
                packet.payload,
            );
        }
        let layer = Layer {
            spatial: 0,
            temporal: 0,
        };
        track.meter.count(context.now, layer, packet.payload.len());
        let mut sent = 0;
        for index in &track.subscriptions {
            let Some(subscription) = self.subscriptions.get_mut(*index).filter(|s| s.flows()) else {
                continue;
            };
            let (to, member, id) = (subscription.to, subscription.member, subscription.transport_cc);
            let Some(mut outgoing) = subscription.rewrite(context.now, &view, packet) else {
                continue;
            };
            if let (Some(id), Some(peer)) = (id, self.peers.get_mut(member)) {
                if !peer.downlink.admit(context.now, &outgoing) {
                    let waiting = Waiting {
                        subscription: *index,
                        generation: view.generation,
                        sequence: packet.sequence,
                        header: outgoing.header,
                    };
                    let waits = peer.downlink.wait(waiting, &outgoing);
                    context.counters.paced += u64::from(waits);
                    context.counters.paced_dropped += u64::from(!waits);
                    if !std::mem::replace(&mut peer.downlink.paced, true) {
                        self.paced.push(member);
                    }
                    continue;
                }
                peer.downlink.number(context.now, id, &mut outgoing);
            }
            context.egress.rtp(to, &outgoing);
            sent += 1;
        }
        match view.kind {
            Kind::Audio => context.counters.audio_out += sent,
            Kind::Video => context.counters.video_out += sent,
        }
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

    /// A publisher's clock, for its subscribers on their clocks.
    fn sender_report<E: Egress>(
        &mut self,
        member: usize,
        report: &SenderReport,
        context: &mut Context<'_, E>,
    ) {
        let Some(peer) = self.peers.get(member) else {
            return;
        };
        let Some(route) = peer.routes.find(report.ssrc).filter(|route| !route.rtx) else {
            return;
        };
        let Some(track) = self.tracks.get_mut(route.track) else {
            return;
        };
        track.stream.log.sender_report(context.now, report.ntp_time);
        if track
            .reported_at
            .is_some_and(|at| context.now.saturating_duration_since(at) < MIN_SENDER_REPORT)
        {
            return;
        }
        track.reported_at = Some(context.now);
        track.reported = middle(report.ntp_time);
        for index in &track.subscriptions {
            let Some(subscription) = self
                .subscriptions
                .get(*index)
                .filter(|s| s.active && s.packets > 0)
            else {
                continue;
            };
            let timestamp = subscription
                .rewriter
                .timestamp(track.stream.generation, report.rtp_timestamp);
            let Some(rtp_timestamp) = timestamp else { continue };
            let report = SenderReport {
                ssrc: subscription.ssrc,
                ntp_time: report.ntp_time,
                rtp_timestamp,
                packet_count: subscription.packets,
                octet_count: subscription.octets,
            };
            let mut buffer = [0; MAX_RTCP];
            let mut writer = RtcpWriter::new(&mut buffer);
            if writer.sender_report(&report, &[]).is_ok()
                && writer.cname(subscription.ssrc, "conclave").is_ok()
            {
                let len = writer.len();
                context
                    .egress
                    .rtcp(subscription.to, buffer.get(..len).unwrap_or_default());
            }
        }
    }

    fn resend<E: Egress>(
        &mut self,
        member: usize,
        ssrc: u32,
        lost: NackIter<'_>,
        context: &mut Context<'_, E>,
    ) {
        let index = self.peers.get(member).and_then(|peer| peer.subscription_of(ssrc));
        let subscription = index.and_then(|index| self.subscriptions.get_mut(index));
        let Some(subscription) = subscription.filter(|s| s.flows() && s.ssrc == ssrc) else {
            return;
        };
        let Some(track) = subscription.track.and_then(|track| self.tracks.get(track)) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        let id = subscription.transport_cc;
        for sequence in lost {
            if !peer.downlink.may_resend(context.now, track.kind()) {
                return;
            }
            context.counters.nack_in += 1;
            if let Some(mut outgoing) = subscription.resend(context.now, track, sequence) {
                if let Some(id) = id {
                    peer.downlink.charge(&outgoing);
                    peer.downlink.number(context.now, id, &mut outgoing);
                }
                context.egress.rtp(peer.slot, &outgoing);
                match track.kind() {
                    Kind::Audio => context.counters.audio_out += 1,
                    Kind::Video => context.counters.video_out += 1,
                }
            }
        }
    }

    /// What a subscriber says of the packets it was sent.
    fn feedback<E: Egress>(
        &mut self,
        member: usize,
        feedback: &TwccFeedback<'_>,
        context: &mut Context<'_, E>,
    ) {
        if let Some(peer) = self.peers.get_mut(member)
            && peer.downlink.handle_feedback(context.now, feedback)
        {
            self.allocate(member, context);
        }
    }

    /// What a subscriber says of one stream: its loss, and by the last sender report, the round trip.
    fn report_block<E: Egress>(&mut self, member: usize, block: &ReportBlock, context: &mut Context<'_, E>) {
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        let subscription = peer
            .subscription_of(block.ssrc)
            .and_then(|index| self.subscriptions.get_mut(index));
        let Some(subscription) = subscription.filter(|s| s.active && s.ssrc == block.ssrc) else {
            return;
        };
        subscription.report(block.fraction_lost);
        let track = subscription.track.and_then(|track| self.tracks.get(track));
        if let Some(track) = track
            && let Some(reported_at) = track.reported_at.filter(|_| track.reported == block.last_sr)
        {
            let since = context.now.saturating_duration_since(reported_at);
            let held = Duration::from_micros(u64::from(block.delay_since_last_sr) * 1_000_000 / 65_536);
            if let Some(round_trip) = since.checked_sub(held) {
                peer.downlink.handle_round_trip(round_trip);
            }
        }
        if peer.downlink.handle_report(context.now, block.fraction_lost) {
            self.allocate(member, context);
        }
    }

    fn keyframe_wanted<E: Egress>(&mut self, member: usize, ssrc: u32, context: &mut Context<'_, E>) {
        let index = self.peers.get(member).and_then(|peer| peer.subscription_of(ssrc));
        let subscription = index.and_then(|index| self.subscriptions.get(index));
        let Some(subscription) = subscription.filter(|s| s.flows() && s.ssrc == ssrc) else {
            return;
        };
        let Some(index) = subscription.track else { return };
        context.counters.keyframe_in += 1;
        if let Some(track) = self
            .tracks
            .get_mut(index)
            .filter(|track| track.kind() == Kind::Video)
            && track.gate.want(context.now)
        {
            report::ask_keyframe(&self.peers, index, track, context);
        }
    }
}

/// The middle 32 bits of an NTP time (RFC 3550 §6.4.1).
#[expect(clippy::cast_possible_truncation, reason = "the middle is meant")]
const fn middle(ntp_time: u64) -> u32 {
    (ntp_time >> 16) as u32
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
