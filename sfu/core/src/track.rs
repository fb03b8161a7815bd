//! A published track: its encodings, what its layers cost and who subscribes it.

use std::time::Instant;

use conclave_wire::id::TrackId;
use conclave_wire::media::{Codec, Kind, Source};

use crate::demand::Demand;
use crate::encoding::Encoding;
use crate::forward::clock::Clocks;
use crate::forward::keyframe::KeyframeGate;
use crate::forward::live::Pulses;
use crate::forward::meter::LayerMeter;
use crate::forward::rewrite::Generation;
use crate::header_extension::dependency_descriptor::Announced;
use crate::header_extension::video_layers_allocation::Heights;
use crate::layer::{Layer, LayerTable, MAX_SPATIAL, MAX_TEMPORAL, SpatialLayer};
use crate::mirror::ShardSet;
use crate::negotiation::{Publication, clock_rate};
use crate::selector::{Facts, Live};
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
    /// Lines of each spatial layer, as far as the publisher said so.
    heights: [Option<u16>; MAX_SPATIAL],
    /// What its subscribers need.
    pub(crate) demand: Demand,
    pub(crate) gate: KeyframeGate,
    /// Whether a subscription may be waiting for a key frame.
    pub(crate) unsettled: bool,
    /// Sequence number of the last FIR, for publishers that know no PLI.
    pub(crate) fir_sequence: u8,
    /// What it sent when allocation last looked.
    pub(crate) table: LayerTable,
    /// Shards with subscribers of a mirror of it.
    pub(crate) relayed_to: ShardSet,
    /// Shards that need its layers, by layer.
    pub(crate) needed_on: [ShardSet; MAX_SPATIAL],
    /// Indices of its subscriptions in the room.
    pub(crate) subscriptions: Vec<usize>,
}

impl Track {
    /// A track with as many of `generations` as it has encodings.
    pub(crate) fn new(
        now: Instant,
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
            heights: [None; MAX_SPATIAL],
            demand: Demand::new(now),
            gate: KeyframeGate::default(),
            unsettled: false,
            fir_sequence: 0,
            table: LayerTable::default(),
            relayed_to: ShardSet::default(),
            needed_on: [ShardSet::default(); MAX_SPATIAL],
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
            self.pulses.announce(now, layers);
            self.resize(facts.heights);
        }
    }

    /// The publisher says how large its pictures are.
    pub(crate) fn resize(&mut self, heights: Heights) {
        for (known, said) in self.heights.iter_mut().zip(heights) {
            *known = said.or(*known);
        }
    }

    /// A dependency descriptor says how large the pictures of an encoding are.
    pub(crate) fn describe(&mut self, encoding: u8, announced: Announced) {
        let Some(heights) = announced.heights else { return };
        if !self.is_simulcast() {
            self.resize(heights);
        } else if let Some(height) = self.heights.get_mut(usize::from(encoding)) {
            *height = heights.into_iter().flatten().max().or(*height);
        }
    }

    /// Looks for layers that fell silent; `true` if any did since the last time.
    pub(crate) fn check_layers(&mut self, now: Instant) -> bool {
        let before = self.pulses.live();
        self.pulses.check(now);
        before != self.pulses.live()
    }

    /// What it can send now: what it sends, and what it would if anybody needed it.
    pub(crate) fn layers(&mut self, now: Instant) -> LayerTable {
        let costs = self.meter.costs(now);
        let mut table = self.ladder();
        let (count, live) = (self.spatial_count(), self.live());
        for ((spatial, row), measured) in (0u8..).zip(&mut table.spatial).zip(costs) {
            let Some(layer) = row else { continue };
            let index = usize::from(spatial);
            layer.bitrates = match self.kind() {
                Kind::Audio => measured,
                Kind::Video => self.demand.costs(index, count - 1 - index, measured),
            };
            let nothing = layer.bitrates.iter().all(Option::is_none);
            if nothing || self.demand.is_withheld(now, spatial, live) {
                *row = None;
            }
        }
        table
    }

    /// The heights of all layers it may have, whatever is sent.
    pub(crate) fn ladder(&self) -> LayerTable {
        let mut table = LayerTable::default();
        let count = self.spatial_count();
        let rows = table.spatial.iter_mut().zip(self.heights).take(count);
        for (spatial, (row, height)) in rows.enumerate() {
            *row = Some(SpatialLayer {
                height: height.unwrap_or(ASSUMED_HEIGHT >> (count - 1 - spatial)),
                bitrates: [None; MAX_TEMPORAL],
            });
        }
        table
    }

    /// Which of its layers are sent.
    pub(crate) const fn live(&self) -> Live {
        self.pulses.live()
    }

    /// How many spatial layers it may have. A publisher of a scalable camera leaves out what nobody needs, so that it
    /// may have more than it ever sent.
    pub(crate) fn spatial_count(&self) -> usize {
        let scalable =
            self.publication.source == Source::Camera && self.publication.format.codec == Codec::Vp9;
        match self.encodings.len() {
            1 if scalable => MAX_SPATIAL,
            count => count,
        }
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
}
