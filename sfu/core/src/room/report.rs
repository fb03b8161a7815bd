//! What a room sends by itself on ticks: NACKs, key frame requests, transport-cc feedback and receiver reports to publishers.

use conclave_transport::rtcp::{ReportBlock, RtcpWriter};
use conclave_wire::media::Kind;

use super::allocate::{ALLOCATION_TICKS, TABLE_TICKS};
use super::{Room, SENDER_SSRC, heard};
use crate::forward::keyframe::Wanted;
use crate::forward::receive_log::RETRY;
use crate::forward::table::Route;
use crate::forward::{Egress, MAX_RTCP};
use crate::peer::Peer;
use crate::sfu::Context;

/// Ticks between two transport-cc reports: 50 ms.
const TWCC_TICKS: u32 = 2;
/// Sound is asked for again no sooner than this after the last time: two ticks, in which browsers answer.
const SOUND_RETRY: std::time::Duration = std::time::Duration::from_millis(40);
/// Ticks between two receiver reports: 1 s.
const REPORT_TICKS: u32 = 40;

impl Room {
    /// Sends what is due. `ticks` counts the calls.
    pub(crate) fn handle_tick<E: Egress>(&mut self, ticks: u32, context: &mut Context<'_, E>) {
        for index in 0..self.tracks.slots() {
            if self
                .tracks
                .get(index)
                .is_some_and(|track| track.kind() == Kind::Video)
            {
                self.check_layers(index, context);
                self.settle(index, context);
                self.ask_keyframes(index, context);
            }
            self.ask_again(index, context);
        }
        for (index, track) in (0u32..).zip(self.tracks.iter_mut()) {
            let (_, track) = track;
            if ticks.wrapping_add(index).is_multiple_of(TABLE_TICKS) {
                track.table = track.layers(context.now);
            }
        }
        self.downlinks(ticks, context);
        for (turn, index) in (0u32..).zip(0..self.tracks.slots()) {
            if ticks.wrapping_add(turn).is_multiple_of(TABLE_TICKS) {
                self.need(index, context);
                if let Some(track) = self.tracks.get_mut(index) {
                    // A publisher may leave a layer out of a picture that somebody is sent nothing else of.
                    track.unsettled |= track.kind() == Kind::Video;
                }
            }
        }
        let peers = &mut self.peers;
        if ticks.is_multiple_of(TWCC_TICKS) {
            for (_, peer) in peers.iter_mut() {
                report_arrivals(peer, context);
            }
        }
        if ticks.is_multiple_of(REPORT_TICKS) {
            self.receiver_reports(context);
        }
    }

    /// Looks after what each subscriber is sent.
    fn downlinks<E: Egress>(&mut self, ticks: u32, context: &mut Context<'_, E>) {
        for member in 0..self.peers.slots() {
            let Some(peer) = self.peers.get_mut(member).filter(|peer| peer.connected) else {
                continue;
            };
            let at_once = peer.downlink.handle_tick(context.now);
            let turn = u32::try_from(member).unwrap_or(0).wrapping_add(ticks);
            if at_once || turn.is_multiple_of(ALLOCATION_TICKS) {
                self.allocate(member, context);
            }
        }
        self.start_probes(context);
    }

    /// Asks the publisher of a track for the packets that are missing.
    fn ask_again<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        let Self {
            peers,
            tracks,
            missing,
            ..
        } = self;
        let Some(track) = tracks.get_mut(index) else {
            return;
        };
        let Some(owner) = peers.get(track.owner).filter(|owner| owner.may_flow()) else {
            return;
        };
        let video = track.kind() == Kind::Video;
        let retry = if video {
            RETRY
        } else {
            // A jitter buffer waits for a tenth of a second or two: the next request follows when an answer is overdue.
            owner.downlink.round_trip().clamp(SOUND_RETRY, RETRY)
        };
        for (encoding, stream) in (0u8..).zip(&mut track.encodings) {
            missing.clear();
            if stream.log.due(context.now, retry, missing) && video {
                // What refers to it cannot be decoded, and browsers wait three seconds before they say so.
                track.gate.want(Wanted::one(encoding));
            }
            let ssrc = owner.routes.ssrc_of(Route {
                line: track.line,
                encoding,
                rtx: false,
            });
            let Some(ssrc) = ssrc.filter(|_| !missing.is_empty()) else {
                continue;
            };
            context.counters.nack_out += u64::try_from(missing.len()).unwrap_or(0);
            send(owner, context, |writer| {
                writer.nack(SENDER_SSRC, ssrc, missing).is_ok()
            });
        }
    }

    /// Looks whether a track's layers fell silent, and aims anew when its layers are others.
    fn check_layers<E: Egress>(&mut self, index: usize, context: &mut Context<'_, E>) {
        if let Some(track) = self.tracks.get_mut(index)
            && track.check_layers(context.now)
        {
            track.unsettled = true;
        }
    }

    fn receiver_reports<E: Egress>(&mut self, context: &mut Context<'_, E>) {
        let Self {
            peers,
            tracks,
            subscriptions,
            ..
        } = self;
        for (_, peer) in peers.iter().filter(|(_, peer)| peer.connected) {
            let mut blocks: Vec<ReportBlock> = Vec::new();
            for index in peer.states().iter().filter_map(|state| state.track) {
                let Some(track) = tracks.get_mut(index) else {
                    continue;
                };
                let heard = match track.kind() {
                    Kind::Audio => heard::loss(track, subscriptions, peers),
                    Kind::Video => 0,
                };
                for (encoding, stream) in (0u8..).zip(&mut track.encodings) {
                    let ssrc = peer.routes.ssrc_of(Route {
                        line: track.line,
                        encoding,
                        rtx: false,
                    });
                    let report = ssrc.and_then(|ssrc| stream.log.report(context.now, ssrc));
                    if let Some((mut block, lost)) = report {
                        context.counters.lost += lost;
                        block.fraction_lost = block.fraction_lost.max(heard);
                        blocks.push(block);
                    }
                }
            }
            if !blocks.is_empty() {
                send(peer, context, |writer| {
                    writer.receiver_report(SENDER_SSRC, &blocks).is_ok()
                });
            }
        }
    }
}

fn report_arrivals<E: Egress>(peer: &mut Peer, context: &mut Context<'_, E>) {
    if !peer.connected {
        return;
    }
    let mut buffer = [0; MAX_RTCP];
    let mut writer = RtcpWriter::new(&mut buffer);
    if peer.arrivals.write(&mut writer, SENDER_SSRC) {
        let len = writer.len();
        context
            .egress
            .rtcp(peer.slot, buffer.get(..len).unwrap_or_default());
    }
}

pub(super) fn send<E: Egress>(
    to: &Peer,
    context: &mut Context<'_, E>,
    write: impl FnOnce(&mut RtcpWriter<'_>) -> bool,
) {
    let mut buffer = [0; MAX_RTCP];
    let mut writer = RtcpWriter::new(&mut buffer);
    if write(&mut writer) {
        let len = writer.len();
        context
            .egress
            .rtcp(to.slot, buffer.get(..len).unwrap_or_default());
    }
}
