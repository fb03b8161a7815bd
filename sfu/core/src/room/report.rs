//! What a room sends by itself: NACKs, key frame requests, transport-cc feedback and receiver reports to publishers.

use conclave_transport::rtcp::{ReportBlock, RtcpWriter};
use conclave_wire::media::Kind;

use super::allocate::{ALLOCATION_TICKS, TABLE_TICKS};
use super::{Room, SENDER_SSRC, heard};
use crate::forward::table::Route;
use crate::forward::{Egress, MAX_RTCP};
use crate::peer::Peer;
use crate::sfu::Context;
use crate::slab::Slab;
use crate::track::Track;

/// Ticks between two transport-cc reports: 50 ms.
const TWCC_TICKS: u32 = 2;
/// Ticks between two receiver reports: 1 s.
const REPORT_TICKS: u32 = 40;

impl Room {
    /// Sends what is due. `ticks` counts the calls.
    pub(crate) fn handle_tick<E: Egress>(&mut self, ticks: u32, context: &mut Context<'_, E>) {
        let Self {
            peers,
            tracks,
            missing,
            ..
        } = self;
        for (index, track) in tracks.iter_mut() {
            if track.kind() == Kind::Video && track.gate.due(context.now) {
                ask_keyframe(peers, index, track, context);
            }
            ask_again(peers, index, track, missing, context);
        }
        for (index, track) in (0u32..).zip(tracks.iter_mut()) {
            let (_, track) = track;
            if ticks.wrapping_add(index).is_multiple_of(TABLE_TICKS) {
                track.table = track.layers(context.now);
            }
        }
        self.downlinks(ticks, context);
        let Self { peers, .. } = self;
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
                let ssrc = peer.routes.ssrc_of(Route {
                    track: index,
                    rtx: false,
                });
                let (Some(ssrc), Some(track)) = (ssrc, tracks.get_mut(index)) else {
                    continue;
                };
                if let Some((mut block, lost)) = track.stream.log.report(context.now, ssrc) {
                    context.counters.lost += lost;
                    if track.kind() == Kind::Audio {
                        block.fraction_lost = block.fraction_lost.max(heard::loss(track, subscriptions));
                    }
                    blocks.push(block);
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

/// Asks the publisher of a track for a key frame.
pub(super) fn ask_keyframe<E: Egress>(
    peers: &Slab<Peer>,
    index: usize,
    track: &mut Track,
    context: &mut Context<'_, E>,
) {
    let Some((owner, ssrc)) = publisher(peers, index, track) else {
        return;
    };
    context.counters.keyframe_out += 1;
    let feedback = track.publication.format.feedback;
    if feedback.fir && !feedback.pli {
        track.fir_sequence = track.fir_sequence.wrapping_add(1);
        send(owner, context, |writer| {
            writer.fir(SENDER_SSRC, ssrc, track.fir_sequence).is_ok()
        });
    } else {
        send(owner, context, |writer| writer.pli(SENDER_SSRC, ssrc).is_ok());
    }
}

/// Asks the publisher of a track for the packets that are missing.
fn ask_again<E: Egress>(
    peers: &Slab<Peer>,
    index: usize,
    track: &mut Track,
    missing: &mut Vec<u16>,
    context: &mut Context<'_, E>,
) {
    missing.clear();
    track.stream.log.due(context.now, missing);
    if missing.is_empty() {
        return;
    }
    let Some((owner, ssrc)) = publisher(peers, index, track) else {
        return;
    };
    context.counters.nack_out += u64::try_from(missing.len()).unwrap_or(0);
    send(owner, context, |writer| {
        writer.nack(SENDER_SSRC, ssrc, missing).is_ok()
    });
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

/// The publisher of a track and the SSRC it sends with, if it can be asked for anything.
fn publisher<'a>(peers: &'a Slab<Peer>, index: usize, track: &Track) -> Option<(&'a Peer, u32)> {
    let owner = peers.get(track.owner).filter(|owner| owner.may_flow())?;
    Some((
        owner,
        owner.routes.ssrc_of(Route {
            track: index,
            rtx: false,
        })?,
    ))
}

fn send<E: Egress>(to: &Peer, context: &mut Context<'_, E>, write: impl FnOnce(&mut RtcpWriter<'_>) -> bool) {
    let mut buffer = [0; MAX_RTCP];
    let mut writer = RtcpWriter::new(&mut buffer);
    if write(&mut writer) {
        let len = writer.len();
        context
            .egress
            .rtcp(to.slot, buffer.get(..len).unwrap_or_default());
    }
}
