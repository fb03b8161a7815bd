//! What subscribers are sent: packets as their selectors decide, retransmissions, and their publishers' clocks.

use std::time::{Duration, Instant};

use conclave_transport::rtcp::{NackIter, ReportBlock, RtcpWriter, SenderReport, TwccFeedback};
use conclave_wire::media::{Codec, Kind};

use super::Room;
use crate::downlink::{Downlink, Waiting};
use crate::encoding::Encoding;
use crate::forward::clock::SenderClock;
use crate::forward::keyframe::Wanted;
use crate::forward::ring::Kept;
use crate::forward::{Egress, MAX_RTCP};
use crate::selector::{CatchUp, Facts, LayeredPacket};
use crate::sfu::Context;
use crate::subscription::{Packet, Subscription, TrackView};
use crate::track::Track;

/// Least time between two sender reports passed on for one encoding.
const MIN_SENDER_REPORT: Duration = Duration::from_millis(200);

impl Room {
    /// The forward path proper: it does not look at the payload.
    pub(super) fn forward<E: Egress>(
        &mut self,
        index: usize,
        packet: &Packet<'_>,
        context: &mut Context<'_, E>,
    ) {
        let Some(track) = self.tracks.get_mut(index) else {
            return;
        };
        let view = track.view();
        let layered = &packet.layered;
        if let Some(encoding) = track.encoding_mut(layered.encoding) {
            let kept = Kept {
                timestamp: layered.timestamp,
                marker: layered.marker,
                described: packet.described,
                payload: packet.payload,
            };
            encoding.ring.push(context.now, layered.sequence, kept);
        }
        let Self {
            peers,
            tracks,
            subscriptions,
            paced,
            ..
        } = self;
        let Some(track) = tracks.get(index) else { return };
        for index in &track.subscriptions {
            let Some(subscription) = subscriptions.get_mut(*index).filter(|s| s.flows()) else {
                continue;
            };
            let Some(peer) = peers.get_mut(subscription.member) else {
                continue;
            };
            let mut way = Way {
                index: *index,
                subscription,
                downlink: &mut peer.downlink,
                paced,
            };
            way.send(&view, packet, context);
            if let Some(missed) = way.subscription.catch_up() {
                way.catch_up(track, &view, missed, context);
            }
        }
    }

    /// A publisher's clock, for its subscribers on their clocks.
    pub(super) fn sender_report<E: Egress>(
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
        let state = peer.states().get(route.line);
        let Some(track) = state
            .and_then(|state| state.track)
            .and_then(|index| self.tracks.get_mut(index))
        else {
            return;
        };
        let Some(encoding) = track.encoding_mut(route.encoding) else {
            return;
        };
        encoding.log.sender_report(context.now, report.ntp_time);
        encoding.clock = Some(SenderClock {
            ntp: report.ntp_time,
            rtp: report.rtp_timestamp,
        });
        if encoding
            .reported_at
            .is_some_and(|at| context.now.saturating_duration_since(at) < MIN_SENDER_REPORT)
        {
            return;
        }
        encoding.reported_at = Some(context.now);
        encoding.reported = middle(report.ntp_time);
        let generation = encoding.generation;
        for index in &track.subscriptions {
            let Some(subscription) = self
                .subscriptions
                .get(*index)
                .filter(|s| s.flows() && s.packets > 0)
            else {
                continue;
            };
            // Only the encoding the subscriber is sent has a place on its clock.
            let Some(rtp_timestamp) = subscription.timestamp(generation, report.rtp_timestamp) else {
                continue;
            };
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

    /// A subscriber lacks packets.
    pub(super) fn resend<E: Egress>(
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
        let Some(track) = subscription.track.and_then(|track| self.tracks.get_mut(track)) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(member) else {
            return;
        };
        let id = subscription.transport_cc;
        for sequence in lost {
            if !peer.downlink.may_resend(context.now, track.kind()) {
                if track.kind() == Kind::Video {
                    // More is lost than the path can bear again. What refers to it cannot be decoded, and browsers
                    // wait three seconds before they say so.
                    let watched = subscription.watched(track.view().live);
                    track.gate.want(Wanted::one(watched));
                }
                return;
            }
            context.counters.nack_in += 1;
            let round_trip = peer.downlink.round_trip();
            if let Some(mut outgoing) = subscription.resend(context.now, track, sequence, round_trip) {
                if let Some(id) = id {
                    peer.downlink.charge(&outgoing);
                    match outgoing.transport_cc {
                        Some((_, number)) => peer.downlink.repeat(number),
                        None => peer.downlink.number(context.now, id, &mut outgoing),
                    }
                }
                context.egress.rtp(peer.slot, &outgoing);
                count(track.kind(), context);
            }
        }
    }

    /// What a subscriber says of the packets it was sent.
    pub(super) fn feedback<E: Egress>(
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
    pub(super) fn report_block<E: Egress>(
        &mut self,
        member: usize,
        block: &ReportBlock,
        context: &mut Context<'_, E>,
    ) {
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
        let mut encodings = track.iter().flat_map(|track| &track.encodings);
        let reported_at = encodings
            .find(|encoding| encoding.reported == block.last_sr)
            .and_then(|encoding| encoding.reported_at);
        if let Some(reported_at) = reported_at {
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

    /// A subscriber cannot go on without a key frame.
    pub(super) fn keyframe_wanted<E: Egress>(
        &mut self,
        member: usize,
        ssrc: u32,
        context: &mut Context<'_, E>,
    ) {
        let index = self.peers.get(member).and_then(|peer| peer.subscription_of(ssrc));
        let subscription = index.and_then(|index| self.subscriptions.get(index));
        let Some(subscription) = subscription.filter(|s| s.flows() && s.ssrc == ssrc) else {
            return;
        };
        let Some(track_index) = subscription.track else {
            return;
        };
        context.counters.keyframe_in += 1;
        let fresh = subscription.is_fresh(context.now);
        let track = self.tracks.get_mut(track_index);
        // Who is new gets one when senders switch to the epoch it can read.
        if let Some(track) = track.filter(|track| track.kind() == Kind::Video && !fresh) {
            track
                .gate
                .want(Wanted::one(subscription.watched(track.view().live)));
            self.ask_keyframes(track_index, context);
        }
    }
}

/// The way of a packet to one subscriber.
pub(super) struct Way<'a> {
    /// Index of the subscription in the room.
    pub(super) index: usize,
    pub(super) subscription: &'a mut Subscription,
    pub(super) downlink: &'a mut Downlink,
    /// The room's list of members for whom something waits.
    pub(super) paced: &'a mut Vec<usize>,
}

impl Way<'_> {
    /// Sends a packet, or lets it wait, if the subscriber is to get it.
    fn send<E: Egress>(&mut self, view: &TrackView, packet: &Packet<'_>, context: &mut Context<'_, E>) {
        let Subscription {
            to,
            member,
            transport_cc,
            ..
        } = *self.subscription;
        let Some(mut outgoing) = self.subscription.deliver(context.now, view, packet) else {
            return;
        };
        if let Some(id) = transport_cc {
            if !self.downlink.admit(context.now, &outgoing) {
                let waiting = Waiting {
                    subscription: self.index,
                    generation: packet.generation,
                    sequence: packet.layered.sequence,
                    header: outgoing.header,
                    descriptor: outgoing.descriptor,
                };
                let waits = self.downlink.wait(waiting, &outgoing);
                context.counters.paced += u64::from(waits);
                context.counters.paced_dropped += u64::from(!waits);
                if !std::mem::replace(&mut self.downlink.paced, true) {
                    self.paced.push(member);
                }
                return;
            }
            self.downlink.number(context.now, id, &mut outgoing);
        }
        context.egress.rtp(to, &outgoing);
        count(view.kind, context);
        let (sequence, number) = (outgoing.header.sequence_number, outgoing.transport_cc);
        self.subscription.left(sequence, number);
    }

    /// Sends packets that were there before the selector wanted them.
    pub(super) fn catch_up<E: Egress>(
        &mut self,
        track: &Track,
        view: &TrackView,
        missed: CatchUp,
        context: &mut Context<'_, E>,
    ) {
        let Some(encoding) = track.encodings.get(usize::from(missed.encoding)) else {
            return;
        };
        let codec = track.publication.format.codec;
        for sequence in missed.from..=encoding.log.highest() {
            if let Some(packet) = kept(encoding, missed.encoding, codec, sequence, context.now) {
                self.send(view, &packet, context);
            }
            // Where it begins it sees that packets follow which were there before; this loop sends them anyway.
            let _ = self.subscription.catch_up();
        }
    }
}

pub(super) fn kept(
    encoding: &Encoding,
    index: u8,
    codec: Codec,
    sequence: u64,
    now: Instant,
) -> Option<Packet<'_>> {
    let kept = encoding.ring.get(now, sequence)?;
    Some(Packet {
        generation: encoding.generation,
        layered: LayeredPacket {
            encoding: index,
            sequence,
            timestamp: kept.timestamp,
            marker: kept.marker,
            facts: Facts::read(codec, kept.payload, kept.marker, kept.described)?,
        },
        described: kept.described,
        payload: kept.payload,
    })
}

/// The middle 32 bits of an NTP time (RFC 3550 §6.4.1).
#[expect(clippy::cast_possible_truncation, reason = "the middle is meant")]
const fn middle(ntp_time: u64) -> u32 {
    (ntp_time >> 16) as u32
}

fn count<E: Egress>(kind: Kind, context: &mut Context<'_, E>) {
    match kind {
        Kind::Audio => context.counters.audio_out += 1,
        Kind::Video => context.counters.video_out += 1,
    }
}
