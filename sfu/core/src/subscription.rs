//! One section through which a peer receives: its layer, its numbers, its SSRCs and what it asks for.

use std::time::{Duration, Instant};

use conclave_transport::rtp::{Extension, RtpHeader};
use conclave_wire::limits::MAX_MID;
use conclave_wire::media::Kind;

use crate::forward::clock::Clocks;
use crate::forward::repeat::Repeats;
use crate::forward::rewrite::{Found, Generation, Original, Rewriter, Vp8Offset};
use crate::forward::ring::Kept;
use crate::forward::{Descriptor, Outgoing};
use crate::header_extension::Known;
use crate::header_extension::dependency_descriptor::Described;
use crate::layer::Layer;
use crate::negotiation::SubscriptionPlan;
use crate::selector::{Aim, CatchUp, Decision, Facts, LayeredPacket, Live, Selector};
use crate::sfu::PeerSlot;
use crate::track::Track;

/// Retransmissions one subscription may ask for in [`RESEND_WINDOW`]; more are not answered.
const MAX_RESENT: u32 = 500;
const RESEND_WINDOW: Duration = Duration::from_secs(1);

/// Padding of 224 bytes, the last of which says so (RFC 3550 §5.1).
static PADDING: [u8; 224] = {
    let mut padding = [0; 224];
    padding[223] = 224;
    padding
};

/// A publisher's packet on its way to the subscribers.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a> {
    pub(crate) generation: Generation,
    pub(crate) layered: LayeredPacket,
    /// What its dependency descriptor said.
    pub(crate) described: Option<Described>,
    pub(crate) payload: &'a [u8],
}

/// What forwarding has to know of a track.
#[derive(Clone, Copy)]
pub(crate) struct TrackView {
    pub(crate) clocks: Clocks,
    pub(crate) clock_rate: u32,
    pub(crate) kind: Kind,
    pub(crate) live: Live,
}

/// How a subscriber shows a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Viewed {
    /// Lines on its screen; 0: not shown.
    pub(crate) height: u16,
    /// Its place in the subscriber's order, 0 being the most important.
    pub(crate) rank: u16,
}

impl Viewed {
    /// Of a track the subscriber says nothing about: large, and behind all others.
    pub(crate) const UNNAMED: Self = Self {
        height: u16::MAX,
        rank: u16::MAX,
    };
}

/// A subscription. It lives as long as its section; its numbers go on when its track changes.
pub(crate) struct Subscription {
    /// Who receives.
    pub(crate) to: PeerSlot,
    /// Its index in the room.
    pub(crate) member: usize,
    /// Index of the track in the room.
    pub(crate) track: Option<usize>,
    /// Whether packets flow: the subscriber is admitted, connected and not suspended.
    pub(crate) active: bool,
    /// Until when its subscriber waits for senders to switch to the epoch it can read.
    pub(crate) fresh_until: Option<Instant>,
    /// It began to flow since senders last switched to another epoch.
    pub(crate) new: bool,
    pub(crate) viewed: Viewed,
    /// What allocation decided; `None`: nothing is sent.
    target: Option<Layer>,
    /// The loss its subscriber reports, in 1/256: the latest, or what is left of a higher one.
    pub(crate) loss: u8,
    /// When allocation last gave it less than before.
    pub(crate) downgraded_at: Option<Instant>,
    /// Since when allocation has given it nothing although it is shown and sent.
    pub(crate) unserved_since: Option<Instant>,
    selector: Selector,
    /// The encoding that was forwarded last.
    source: Option<(u8, Generation)>,
    rewriter: Rewriter,
    pub(crate) ssrc: u32,
    rtx_ssrc: u32,
    payload_type: u8,
    rtx: Option<u8>,
    rtx_sequence: u16,
    /// Of sound without RTX, from the first time on that the subscriber asks for some again.
    repeats: Option<Box<Repeats>>,
    /// The extension id of the transport-wide number, if the subscriber reports on it.
    pub(crate) transport_cc: Option<u8>,
    mid_id: Option<u8>,
    mid: [u8; MAX_MID],
    mid_len: usize,
    /// Packets sent, without retransmissions, for sender reports.
    pub(crate) packets: u32,
    /// Their payload bytes.
    pub(crate) octets: u32,
    resent: u32,
    resent_since: Option<Instant>,
}

impl Subscription {
    pub(crate) fn new(to: PeerSlot, member: usize, ssrcs: (u32, u32), track: &Track) -> Self {
        Self {
            to,
            member,
            track: None,
            active: false,
            fresh_until: None,
            new: false,
            viewed: Viewed::UNNAMED,
            target: Some(Layer::TOP),
            loss: 0,
            downgraded_at: None,
            unserved_since: None,
            selector: Self::selector_of(track),
            source: None,
            rewriter: Rewriter::new(),
            ssrc: ssrcs.0,
            rtx_ssrc: ssrcs.1,
            payload_type: 0,
            rtx: None,
            rtx_sequence: 0,
            repeats: None,
            transport_cc: None,
            mid_id: None,
            mid: [0; MAX_MID],
            mid_len: 0,
            packets: 0,
            octets: 0,
            resent: 0,
            resent_since: None,
        }
    }

    /// Takes over what the section's last offer says.
    pub(crate) fn negotiate(&mut self, mid: &str, plan: &SubscriptionPlan) {
        // What leaves from now on may have another header.
        self.repeats = None;
        self.payload_type = plan.format.payload_type;
        self.rtx = plan.format.rtx;
        self.transport_cc = plan.extensions.id(Known::TransportCc);
        self.mid_id = plan.extensions.id(Known::Mid);
        self.mid_len = 0;
        // A mid fits: negotiation refuses longer ones.
        for (to, from) in self.mid.iter_mut().zip(mid.bytes()) {
            *to = from;
            self.mid_len += 1;
        }
    }

    /// Receives another track, or the same one with other encodings.
    pub(crate) fn attach(&mut self, index: usize, track: &Track) {
        self.track = Some(index);
        self.selector = Self::selector_of(track);
        self.unserved_since = None;
        self.pause();
    }

    /// What was sent is no base for what comes next, which follows without a gap.
    pub(crate) fn pause(&mut self) {
        if self.packets > 0 {
            self.rewriter.resume();
            self.selector.restart();
            self.source = None;
        }
    }

    /// Sends this layer from now on, or nothing. `true`: it goes on after a pause, and needs a key frame.
    pub(crate) fn set_target(&mut self, target: Option<Layer>) -> bool {
        let resumes = self.target.is_none() && target.is_some();
        if resumes {
            self.pause();
        }
        self.target = target;
        resumes
    }

    /// Takes the loss of a report block, in 1/256.
    pub(crate) fn report(&mut self, fraction_lost: u8) {
        self.loss = fraction_lost.max(self.loss - self.loss.div_ceil(4));
    }

    /// What allocation decided.
    pub(crate) const fn target(&self) -> Option<Layer> {
        self.target
    }

    /// Whether its retransmissions' numbers can carry probes.
    pub(crate) const fn may_probe(&self) -> bool {
        self.active && self.rtx.is_some() && self.transport_cc.is_some()
    }

    /// Whether packets are to be sent now.
    pub(crate) const fn flows(&self) -> bool {
        self.active && self.target.is_some()
    }

    /// Whether its subscriber cannot read what is sent now.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.fresh_until.is_some_and(|until| now < until)
    }

    /// The encoding whose key frame it waits for.
    pub(crate) fn awaits(&self, live: Live) -> Option<u8> {
        let aim = Aim {
            target: self.target,
            live,
        };
        self.selector.awaits(&aim).filter(|_| self.active)
    }

    /// The encoding a key frame request of the subscriber is about.
    pub(crate) fn watched(&self, live: Live) -> u8 {
        let waiting = self.awaits(live);
        waiting.or(self.source.map(|(encoding, _)| encoding)).unwrap_or(0)
    }

    /// The packet as this subscriber gets it; `None` if it is not to, or if it comes too late for it.
    pub(crate) fn deliver<'a>(
        &'a mut self,
        now: Instant,
        track: &TrackView,
        packet: &Packet<'a>,
    ) -> Option<Outgoing<'a>> {
        let layered = &packet.layered;
        if self.source.is_some_and(|(encoding, generation)| {
            encoding == layered.encoding && generation != packet.generation
        }) {
            // Its publisher began another stream.
            self.selector.restart();
            self.source = None;
        }
        let aim = Aim {
            target: self.target,
            live: track.live,
        };
        let (top, anew) = match self.selector.select(&aim, layered) {
            Decision::Forward { top, anew } => (top, anew),
            Decision::Drop { picture } => {
                self.rewriter.skip(packet.generation, layered.sequence, picture);
                return None;
            }
        };
        let original = Original {
            generation: packet.generation,
            sequence: layered.sequence,
            timestamp: layered.timestamp,
            vp8: layered.facts.vp8,
            top,
            anew,
        };
        let numbers = self
            .rewriter
            .rewrite(now, &track.clocks, track.clock_rate, &original)?;
        self.source = Some((layered.encoding, packet.generation));
        self.packets = self.packets.wrapping_add(1);
        self.octets = self
            .octets
            .wrapping_add(u32::try_from(packet.payload.len()).unwrap_or(0));
        let (descriptor, payload) = renumbered(&layered.facts, numbers.vp8, packet.payload);
        let header = RtpHeader {
            marker: layered.facts.marker(layered.marker, top),
            payload_type: self.payload_type,
            sequence_number: low_bits(numbers.sequence),
            timestamp: numbers.timestamp,
            ssrc: self.ssrc,
        };
        Some(Outgoing {
            descriptor,
            kind: track.kind,
            ..self.outgoing(header, payload)
        })
    }

    /// A packet of a picture with a header this subscription gave it.
    pub(crate) fn outgoing<'a>(&'a self, header: RtpHeader, payload: &'a [u8]) -> Outgoing<'a> {
        Outgoing {
            header,
            mid: self.mid(),
            transport_cc: None,
            original_sequence: None,
            descriptor: Descriptor::default(),
            payload,
            padding: false,
            kind: Kind::Video,
        }
    }

    /// A packet of nothing but padding among the retransmissions.
    pub(crate) fn padding(&mut self) -> Option<Outgoing<'_>> {
        let header = RtpHeader {
            marker: false,
            payload_type: self.rtx?,
            sequence_number: self.rtx_sequence,
            timestamp: 0,
            ssrc: self.rtx_ssrc,
        };
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        Some(Outgoing {
            padding: true,
            ..self.outgoing(header, &PADDING)
        })
    }

    /// What has to be delivered behind the packet before; asked until there is nothing.
    pub(crate) fn catch_up(&mut self) -> Option<CatchUp> {
        self.selector.catch_up()
    }

    /// Notes a packet that left for the first time.
    pub(crate) fn left(&mut self, sequence: u16, transport_cc: Option<(u8, u16)>) {
        if let Some(repeats) = &mut self.repeats {
            repeats.note(sequence, transport_cc.map_or(0, |(_, number)| number));
        }
    }

    /// The packet this subscriber knows as `sequence` for another time, if it can be had: as a retransmission, or of sound
    /// without RTX as it was.
    pub(crate) fn resend<'a>(
        &'a mut self,
        now: Instant,
        track: &'a Track,
        sequence: u16,
        round_trip: Duration,
    ) -> Option<Outgoing<'a>> {
        match self.rtx {
            Some(payload_type) => self.retransmit(now, track, sequence, payload_type),
            None if track.kind() == Kind::Audio => self.repeat(now, track, sequence, round_trip),
            None => None,
        }
    }

    /// The same packet once more, byte for byte.
    fn repeat<'a>(
        &'a mut self,
        now: Instant,
        track: &'a Track,
        sequence: u16,
        round_trip: Duration,
    ) -> Option<Outgoing<'a>> {
        let (found, kept) = self.kept(now, track, sequence)?;
        let repeats = self.repeats.get_or_insert_with(|| Box::new(Repeats::new(now)));
        let number = repeats.repeat(now, sequence, round_trip)?;
        if !self.may_resend(now) {
            return None;
        }
        let header = RtpHeader {
            marker: Facts::PLAIN.marker(kept.marker, found.top),
            payload_type: self.payload_type,
            sequence_number: sequence,
            timestamp: kept.timestamp.wrapping_add(found.timestamp_offset),
            ssrc: self.ssrc,
        };
        Some(Outgoing {
            transport_cc: self.transport_cc.map(|id| (id, number)),
            kind: Kind::Audio,
            ..self.outgoing(header, kept.payload)
        })
    }

    /// What was sent as `sequence`, as far as it is kept.
    fn kept<'a>(&self, now: Instant, track: &'a Track, sequence: u16) -> Option<(Found, Kept<'a>)> {
        let found = self.rewriter.original(sequence)?;
        let mut encodings = track.encodings.iter();
        let encoding = encodings.find(|encoding| encoding.generation == found.generation)?;
        Some((found, encoding.ring.get(now, found.sequence)?))
    }

    /// A retransmission (RFC 4588).
    fn retransmit<'a>(
        &'a mut self,
        now: Instant,
        track: &'a Track,
        sequence: u16,
        payload_type: u8,
    ) -> Option<Outgoing<'a>> {
        let (found, kept) = self.kept(now, track, sequence)?;
        let codec = track.publication.format.codec;
        let facts = Facts::read(codec, kept.payload, kept.marker, kept.described)?;
        if !self.may_resend(now) {
            return None;
        }
        let header = RtpHeader {
            marker: facts.marker(kept.marker, found.top),
            payload_type,
            sequence_number: self.rtx_sequence,
            timestamp: kept.timestamp.wrapping_add(found.timestamp_offset),
            ssrc: self.rtx_ssrc,
        };
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        let (descriptor, payload) = renumbered(&facts, found.vp8, kept.payload);
        Some(Outgoing {
            original_sequence: Some(sequence),
            descriptor,
            kind: track.kind(),
            ..self.outgoing(header, payload)
        })
    }

    /// The publisher's timestamp of this stream on the subscriber's clock, if that is what it is sent.
    pub(crate) fn timestamp(&self, generation: Generation, timestamp: u32) -> Option<u32> {
        self.rewriter.timestamp(generation, timestamp)
    }

    fn mid(&self) -> Option<Extension<'_>> {
        Some(Extension {
            id: self.mid_id?,
            data: self.mid.get(..self.mid_len)?,
        })
    }

    fn may_resend(&mut self, now: Instant) -> bool {
        if self
            .resent_since
            .is_none_or(|since| now.saturating_duration_since(since) >= RESEND_WINDOW)
        {
            self.resent_since = Some(now);
            self.resent = 0;
        }
        self.resent += 1;
        self.resent <= MAX_RESENT
    }

    fn selector_of(track: &Track) -> Selector {
        Selector::new(track.publication.format.codec, track.encodings.len())
    }
}

/// Takes off the payload the descriptor that has to be renumbered, if there is one: for every subscriber, so that what
/// is behind it is the same bytes for all.
fn renumbered<'a>(facts: &Facts, offset: Vp8Offset, payload: &'a [u8]) -> (Descriptor, &'a [u8]) {
    match &facts.vp8 {
        Some(descriptor) => Descriptor::renumbered(descriptor, offset, payload),
        None => (Descriptor::default(), payload),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the wire carries the low 16 bits")]
const fn low_bits(extended: u64) -> u16 {
    extended as u16
}
