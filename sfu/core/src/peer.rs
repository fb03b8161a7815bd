//! A participant's end in the SFU: its standing, its sections and the routes of its packets.

use std::time::{Duration, Instant};

use conclave_transport::route::IceCredentials;
use conclave_transport::rtp::RtpView;
use conclave_wire::client::subscription::View;
use conclave_wire::id::{LeafIndex, PeerId, TrackId};
use conclave_wire::media::Source;

use crate::downlink::Downlink;
use crate::forward::feedback::ArrivalRecorder;
use crate::forward::table::{Route, RouteTable};
use crate::header_extension::{ExtensionIds, Known};
use crate::negotiation::{Line, Publication, RemoteTransport, Use};
use crate::sfu::PeerSlot;
use crate::subscription::Viewed;

/// How long after a rejoin frames of the former leaf are expected.
const FORMER_LEAF: Duration = Duration::from_secs(12);
/// How long after a new leaf came the switch to its epoch is waited for. It takes as long as the slowest member needs for
/// a commit; without one (the SFU is what is new) pictures come after this.
const EPOCH_SWITCH: Duration = Duration::from_secs(1);

/// What a section of a peer holds in the room.
#[derive(Clone, Copy, Default)]
pub(crate) struct LineState {
    /// Index of the track it publishes.
    pub(crate) track: Option<usize>,
    /// Index of its subscription, which stays when the section is idle.
    pub(crate) subscription: Option<usize>,
    /// Its producer was closed by the guard; it stays closed until the section is used otherwise.
    pub(crate) closed: bool,
}

/// What the last accepted offer agreed on. It lives as long as one DTLS association.
pub(crate) struct Negotiated {
    pub(crate) remote: RemoteTransport,
    pub(crate) credentials: IceCredentials,
    pub(crate) lines: Vec<Line>,
    /// One per line.
    pub(crate) states: Vec<LineState>,
    pub(crate) extensions: ExtensionIds,
}

/// A peer. Commands write its standing, offers its sections.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) slot: PeerSlot,
    /// Set by Admit.
    pub(crate) leaf: Option<LeafIndex>,
    former: Option<(LeafIndex, Instant)>,
    added: Instant,
    /// When it got its leaf, until senders switch to the epoch in which it has it.
    joined: Option<Instant>,
    /// Its transport is on another shard.
    pub(crate) is_mirror: bool,
    /// Between Suspend and Resume.
    pub(crate) suspended: bool,
    /// What it may publish, once the signaling service has said so.
    pub(crate) permitted: Option<Vec<Source>>,
    /// ICE and DTLS are done and not lost.
    pub(crate) connected: bool,
    /// The transport is over; the next offer opens another one.
    pub(crate) lost: bool,
    pub(crate) negotiated: Option<Negotiated>,
    pub(crate) routes: RouteTable,
    pub(crate) arrivals: ArrivalRecorder,
    /// What it is sent.
    pub(crate) downlink: Downlink,
    /// Index of the subscription whose retransmissions carry probes.
    pub(crate) probes_with: Option<usize>,
    /// Pictures it was told are paused.
    pub(crate) paused: Vec<TrackId>,
    /// What it shows, the most important first; set by Views.
    pub(crate) views: Vec<View>,
    /// Answers written so far.
    pub(crate) version: u64,
}

impl Peer {
    pub(crate) fn new(now: Instant, id: PeerId, slot: PeerSlot) -> Self {
        Self {
            id,
            slot,
            leaf: None,
            former: None,
            added: now,
            joined: None,
            is_mirror: false,
            suspended: false,
            permitted: None,
            connected: false,
            lost: false,
            negotiated: None,
            routes: RouteTable::default(),
            arrivals: ArrivalRecorder::new(now),
            downlink: Downlink::new(now),
            probes_with: None,
            paused: Vec::new(),
            views: Vec::new(),
            version: 0,
        }
    }

    /// It has a leaf. `switched`: when senders last switched to another epoch.
    pub(crate) fn admit(&mut self, now: Instant, leaf: LeafIndex, switched: Option<Instant>) {
        if let Some(before) = self.leaf.filter(|before| *before != leaf) {
            self.former = Some((before, now));
        }
        // Who confirms its epoch after the others have switched has nothing to wait for.
        let is_late = switched.is_some_and(|switched| switched > self.added);
        if self.leaf != Some(leaf) && !is_late {
            self.joined = Some(now);
        }
        self.leaf = Some(leaf);
    }

    /// Senders have switched: it can read what comes.
    pub(crate) const fn switch_epoch(&mut self) {
        self.joined = None;
    }

    /// Until when it waits for senders to switch to the epoch it can read; `None`: they have.
    pub(crate) fn fresh_until(&self) -> Option<Instant> {
        self.joined.map(|joined| joined + EPOCH_SWITCH)
    }

    /// Whether media may flow from and to it.
    pub(crate) const fn may_flow(&self) -> bool {
        self.leaf.is_some() && !self.suspended && self.connected
    }

    /// Whether what it publishes from this source is forwarded.
    pub(crate) fn may_publish(&self, source: Source) -> bool {
        self.permitted
            .as_ref()
            .is_none_or(|permitted| permitted.contains(&source))
    }

    /// The leaf it had until a moment ago.
    pub(crate) fn former_leaf(&self, now: Instant) -> Option<LeafIndex> {
        let (leaf, since) = self.former?;
        (now.saturating_duration_since(since) < FORMER_LEAF).then_some(leaf)
    }

    /// How it shows a track.
    pub(crate) fn view_of(&self, track: TrackId) -> Viewed {
        let named = (0u16..).zip(&self.views).find(|(_, view)| view.track_id == track);
        named.map_or(Viewed::UNNAMED, |(rank, view)| Viewed {
            height: view.height,
            rank,
        })
    }

    pub(crate) fn states(&self) -> &[LineState] {
        self.negotiated
            .as_ref()
            .map_or(&[], |negotiated| &negotiated.states)
    }

    pub(crate) fn states_mut(&mut self) -> &mut [LineState] {
        self.negotiated
            .as_mut()
            .map_or(&mut [], |negotiated| &mut negotiated.states)
    }

    /// Where a packet of an unknown SSRC belongs: by its MID, else by a payload type that only one section uses; and
    /// of a simulcast by its RID, or its repaired RID when it is a retransmission.
    pub(crate) fn route_of(&self, view: &RtpView<'_>) -> Option<Route> {
        let negotiated = self.negotiated.as_ref()?;
        let ids = &negotiated.extensions;
        let mid = ids.find(Known::Mid, view);
        let mut found = None;
        for ((index, line), state) in negotiated.lines.iter().enumerate().zip(&negotiated.states) {
            let (Use::Publish(publication), Some(_)) = (&line.role, state.track) else {
                continue;
            };
            let Some(rtx) = carries(publication, view.payload_type()) else {
                continue;
            };
            match mid {
                Some(mid) if line.mid.as_bytes() == mid => {
                    found = Some((index, publication, rtx));
                    break;
                }
                Some(_) => {}
                None if found.is_some() => return None,
                None => found = Some((index, publication, rtx)),
            }
        }
        let (line, publication, rtx) = found?;
        let name = if rtx { Known::RepairedRid } else { Known::Rid };
        let encoding = if publication.rids.is_empty() {
            0
        } else {
            publication.rids.position(ids.find(name, view)?)?
        };
        Some(Route { line, encoding, rtx })
    }

    /// SSRCs the peer is sent through its section number `line`: media, retransmissions.
    pub(crate) fn ssrcs(id: PeerId, line: usize) -> (u32, u32) {
        let base = ssrc_base(id);
        let offset = u32::try_from(line).unwrap_or(0).wrapping_mul(2);
        (base.wrapping_add(offset), base.wrapping_add(offset + 1))
    }

    /// The subscription whose media or retransmissions carry `ssrc`.
    pub(crate) fn subscription_of(&self, ssrc: u32) -> Option<usize> {
        let line = usize::try_from(ssrc.wrapping_sub(ssrc_base(self.id)) / 2).ok()?;
        self.states().get(line)?.subscription
    }
}

/// Whether a payload type is a publication's media (`Some(false)`) or retransmissions (`Some(true)`).
fn carries(publication: &Publication, payload_type: u8) -> Option<bool> {
    let format = publication.format;
    match payload_type {
        media if media == format.payload_type => Some(false),
        rtx if Some(rtx) == format.rtx => Some(true),
        _ => None,
    }
}

/// The first of the SSRCs a peer is sent. They are unique per peer, which is all SRTP asks for, and spread so that
/// traces of several peers are easy to tell apart.
fn ssrc_base(id: PeerId) -> u32 {
    let [_, _, _, _, a, b, c, d] =
        id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(17)
            .to_be_bytes();
    u32::from_be_bytes([a | 0x80, b, c & 0xFC, 0]) | u32::from(d & 1) << 10
}
