//! A published track: its encodings, what its layers cost and who subscribes it.

use std::time::Instant;

use conclave_wire::id::TrackId;
use conclave_wire::media::Kind;

use crate::encoding::Encoding;
use crate::forward::clock::Clocks;
use crate::forward::keyframe::KeyframeGate;
use crate::forward::live::Pulses;
use crate::forward::meter::LayerMeter;
use crate::forward::rewrite::Generation;
use crate::layer::{Layer, LayerTable, MAX_SPATIAL, MAX_TEMPORAL, SpatialLayer};
use crate::negotiation::{Publication, clock_rate};
use crate::selector::Facts;
use crate::subscription::TrackView;

/// Lines of the largest picture of a publisher that does not say how large it is; each smaller one has half as many.
const ASSUMED_HEIGHT: u16 = 720;

/// A published track. Its room owns it, its publisher's negotiation shapes it.
pub(crate) struct Track {
    pub(crate) id: TrackId,
    /// Index of its publisher in the room.
    pub(crate) owner: usize,
    /// Index of its section at its publisher.
    pub(crate) line: usize,
    pub(crate) publication: Publication,
    /// Whether the signaling service was told of it.
    pub(crate) announced: bool,
    /// One, or those of a simulcast, the smallest picture first.
    pub(crate) encodings: Vec<Encoding>,
    /// What its layers cost.
    meter: LayerMeter,
    /// Which of its layers are sent.
    pulses: Pulses,
    /// Spatial layers of a scalable stream, as announced or seen.
    spatial_layers: u8,
    pub(crate) gate: KeyframeGate,
    /// Whether a subscription may be waiting for a key frame.
    pub(crate) unsettled: bool,
    /// Sequence number of the last FIR, for publishers that know no PLI.
    pub(crate) fir_sequence: u8,
    /// What it sent when allocation last looked.
    pub(crate) table: LayerTable,
    /// Indices of its subscriptions in the room.
    pub(crate) subscriptions: Vec<usize>,
}

impl Track {
    /// A track with one encoding for each of `generations`.
    pub(crate) fn new(
        id: TrackId,
        owner: usize,
        line: usize,
        publication: Publication,
        generations: impl Iterator<Item = Generation>,
    ) -> Self {
        let count = Self::encodings_of(&publication);
        let larger = (0..count).rev();
        let encodings = larger
            .zip(generations)
            .map(|(larger, generation)| Encoding::new(publication.source.kind(), larger, generation));
        Self {
            id,
            owner,
            line,
            publication,
            announced: false,
            encodings: encodings.collect(),
            meter: LayerMeter::new(),
            pulses: Pulses::default(),
            spatial_layers: 1,
            gate: KeyframeGate::default(),
            unsettled: false,
            fir_sequence: 0,
            table: LayerTable::default(),
            subscriptions: Vec::new(),
        }
    }

    /// How many encodings a publication has.
    pub(crate) fn encodings_of(publication: &Publication) -> usize {
        publication.rids.len().max(1)
    }

    /// Notes a packet that is about to be forwarded.
    pub(crate) fn count(&mut self, now: Instant, encoding: u8, facts: &Facts, bytes: usize) {
        let spatial = if self.is_simulcast() {
            encoding
        } else {
            facts.spatial
        };
        let layer = Layer {
            spatial,
            temporal: facts.temporal,
        };
        let shared = !self.is_simulcast() && !facts.discardable;
        self.meter.count(now, layer, bytes, shared);
        if facts.starts_frame {
            self.pulses.beat(now, spatial);
        }
        if let Some(layers) = facts.announced.filter(|_| !self.is_simulcast()) {
            self.pulses.announce(layers);
            self.spatial_layers = layers;
        }
    }

    /// Looks for layers that fell silent; `true` if any did since the last time.
    pub(crate) fn check_layers(&mut self, now: Instant) -> bool {
        let before = self.pulses.live();
        self.pulses.check(now);
        before != self.pulses.live()
    }

    /// What it can send now.
    pub(crate) fn layers(&mut self, now: Instant) -> LayerTable {
        let mut table = LayerTable::default();
        let costs = self.meter.costs(now);
        let count = self.spatial_count();
        for (spatial, (row, costs)) in table.spatial.iter_mut().zip(costs).enumerate() {
            let height = ASSUMED_HEIGHT >> count.saturating_sub(spatial + 1);
            let bitrates: [Option<u32>; MAX_TEMPORAL] = costs;
            let sent = bitrates.iter().any(Option::is_some);
            *row = sent.then_some(SpatialLayer { height, bitrates });
        }
        table
    }

    /// What forwarding has to know of it.
    pub(crate) fn view(&self) -> TrackView {
        let mut clocks = Clocks::default();
        for (place, encoding) in clocks.0.iter_mut().zip(&self.encodings) {
            *place = encoding.clock.map(|clock| (encoding.generation, clock));
        }
        TrackView {
            clocks,
            clock_rate: self.clock_rate(),
            kind: self.kind(),
            live: self.pulses.live(),
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.publication.source.kind()
    }

    pub(crate) fn is_simulcast(&self) -> bool {
        self.encodings.len() > 1
    }

    /// The RTP clock in Hz.
    pub(crate) const fn clock_rate(&self) -> u32 {
        clock_rate(self.publication.format.codec)
    }

    /// Whether missing packets are asked for.
    pub(crate) const fn nacks(&self) -> bool {
        self.publication.format.feedback.nack
    }

    pub(crate) fn encoding_mut(&mut self, encoding: u8) -> Option<&mut Encoding> {
        self.encodings.get_mut(usize::from(encoding))
    }

    fn spatial_count(&self) -> usize {
        if self.is_simulcast() {
            self.encodings.len()
        } else {
            usize::from(self.spatial_layers).min(MAX_SPATIAL)
        }
    }
}
