//! A published track: its incoming stream, its guard and who subscribes it.

use std::time::Instant;

use conclave_wire::id::TrackId;
use conclave_wire::media::Kind;

use crate::forward::keyframe::KeyframeGate;
use crate::forward::meter::LayerMeter;
use crate::forward::receive_log::ReceiveLog;
use crate::forward::rewrite::Generation;
use crate::forward::ring::Ring;
use crate::guard::Guard;
use crate::layer::{LayerTable, MAX_TEMPORAL, SpatialLayer};
use crate::negotiation::{Publication, clock_rate};

/// Lines of a picture whose publisher does not say how large it is.
const ASSUMED_HEIGHT: u16 = 720;

/// The packets of one SSRC, as they come in. Another SSRC is another stream.
pub(crate) struct Stream {
    pub(crate) generation: Generation,
    pub(crate) log: ReceiveLog,
    pub(crate) ring: Ring,
}

/// A published track. Its room owns it, its publisher's negotiation shapes it.
pub(crate) struct Track {
    pub(crate) id: TrackId,
    /// Index of its publisher in the room.
    pub(crate) owner: usize,
    pub(crate) publication: Publication,
    /// Whether the signaling service was told of it.
    pub(crate) announced: bool,
    pub(crate) stream: Stream,
    pub(crate) guard: Guard,
    /// What its layers cost.
    pub(crate) meter: LayerMeter,
    pub(crate) gate: KeyframeGate,
    /// Sequence number of the last FIR, for publishers that know no PLI.
    pub(crate) fir_sequence: u8,
    /// When a sender report was last passed on.
    pub(crate) reported_at: Option<Instant>,
    /// The middle of its NTP time, by which receivers name it.
    pub(crate) reported: u32,
    /// What it sent when allocation last looked.
    pub(crate) table: LayerTable,
    /// Indices of its subscriptions in the room.
    pub(crate) subscriptions: Vec<usize>,
}

impl Track {
    pub(crate) fn new(id: TrackId, owner: usize, publication: Publication, generation: Generation) -> Self {
        Self {
            id,
            owner,
            publication,
            announced: false,
            stream: Self::stream(publication.source.kind(), generation),
            guard: Guard::default(),
            meter: LayerMeter::new(),
            gate: KeyframeGate::new(),
            fir_sequence: 0,
            reported_at: None,
            reported: 0,
            table: LayerTable::default(),
            subscriptions: Vec::new(),
        }
    }

    /// Starts over: the next packet is the first of a new stream.
    pub(crate) fn restart(&mut self, generation: Generation) {
        self.stream = Self::stream(self.kind(), generation);
    }

    /// What it can send now.
    pub(crate) fn layers(&mut self, now: Instant) -> LayerTable {
        let mut table = LayerTable::default();
        let rates = self.meter.bitrates(now);
        for (row, rates) in table.spatial.iter_mut().zip(rates) {
            let mut sum = 0u32;
            let bitrates: [Option<u32>; MAX_TEMPORAL] = rates.map(|rate| {
                sum = sum.saturating_add(rate?);
                Some(sum)
            });
            *row = bitrates.iter().any(Option::is_some).then_some(SpatialLayer {
                height: ASSUMED_HEIGHT,
                bitrates,
            });
        }
        table
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.publication.source.kind()
    }

    /// The RTP clock in Hz.
    pub(crate) const fn clock_rate(&self) -> u32 {
        clock_rate(self.publication.format.codec)
    }

    /// Whether missing packets are asked for.
    pub(crate) const fn nacks(&self) -> bool {
        self.publication.format.feedback.nack
    }

    fn stream(kind: Kind, generation: Generation) -> Stream {
        Stream {
            generation,
            log: ReceiveLog::new(),
            ring: Ring::new(kind),
        }
    }
}
