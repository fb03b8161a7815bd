//! The result of a run: figures that are null with a reason when they could not be measured, never zero.

pub mod baseline;
pub mod brief;
pub mod command;
pub mod context;
pub mod figure;
pub mod html;
pub mod human;
pub mod model;
pub mod output;
pub mod prometheus;
pub mod threshold;

use std::collections::BTreeMap;

use self::brief::Brief;
use self::context::Context;
use self::figure::{Distribution, Figures};
use self::model::{CapacityStep, Generator, Kinds, Report, Series};
use crate::measure::cost::Costs;
use crate::measure::server::Work;
use crate::measure::steady::Steady;
use crate::measure::{self, Measures};
use crate::memory::MemoryFigures;
use crate::server_usage::Usage;

/// What a report is made of, besides the measures.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it was made.
    pub context: Context,
    /// Participants at a time, of all kinds.
    pub participants: u32,
    /// Participants by kind.
    pub kinds: Kinds,
    /// The server before and after.
    pub server: Result<(Usage, Usage), String>,
    /// The server's memory in between.
    pub memory: Result<MemoryFigures, String>,
    /// How things went over time.
    pub series: BTreeMap<String, Series>,
    /// Loads that were tried.
    pub capacity: Vec<CapacityStep>,
    /// What packets cost the load tester.
    pub costs: Costs,
    /// What they cost server and load tester in the second half.
    pub steady: Steady,
    /// Whether the load tester was the limit.
    pub generator: Generator,
}

impl Report {
    /// Puts the figures together.
    pub fn new(run: Run, measures: &Measures) -> Self {
        let mut figures = Figures::unmeasured(measure::catalog());
        measure::join::tell(&measures.join, &measures.join_stages, &mut figures);
        measure::latency::tell(&measures.latency, &mut figures);
        measure::delivery::tell(measures, &mut figures);
        measure::decryption::tell(measures, &mut figures);
        let work = Work {
            duration_s: run.context.duration_s,
            // The server worked for those of the warm-ups too.
            packets: as_number(
                measures
                    .packets_arrived
                    .value()
                    .max(measures.packets_received.value()),
            ),
            // Of those who come and go, no more are there at the second look than were asked for.
            participants: as_number(measures.kinds.joined().min(u64::from(run.participants))),
        };
        measure::rekey::tell(&measures.rekeys, &mut figures);
        measure::races::tell(&measures.races, &mut figures);
        measure::turned_away::tell(&measures.turned_away, measures.kinds.started(), &mut figures);
        measure::jitter::tell(&measures.jitter, &mut figures);
        measure::freeze::tell(&measures.freezes, &mut figures);
        measure::audio_gap::tell(&measures.audio_gaps, &mut figures);
        measure::onset::tell(&measures.onsets, &mut figures);
        measure::audio_quality::tell(&measures.heard, &mut figures);
        measure::forwarding::tell(&measures.forwarding, &mut figures);
        measure::server::tell(&run.server, work, &mut figures);
        let packets = measures.packets_received.value() + measures.packets_sent.value();
        measure::generator::tell(&run.generator, packets, &mut figures);
        measure::cost::tell(&run.costs, &mut figures);
        measure::steady::tell(&run.steady, &mut figures);
        measure::browsers::tell(&measures.browsers, &mut figures);
        measure::capacity::tell(&run.capacity, &mut figures);
        Self {
            brief: Brief::new(run.participants, &run.server, run.memory, measures),
            context: run.context,
            participants_by_kind: run.kinds,
            figures,
            distributions: distributions(measures),
            series: run.series,
            capacity: run.capacity,
            generator: run.generator,
            thresholds: Vec::new(),
        }
    }
}

fn distributions(measures: &Measures) -> BTreeMap<String, Distribution> {
    let whole = [
        ("latency", "End-to-end latency of a frame", &measures.latency),
        (
            "join",
            "From the first connection to the first decrypted frame",
            &measures.join,
        ),
        (
            "rekey",
            "From a commit's arrival to the switch to its epoch",
            &measures.rekey,
        ),
    ];
    whole
        .into_iter()
        .filter_map(|(name, about, durations)| {
            let told = Distribution::of_micros(about, &durations.snapshot()?)?;
            Some((name.to_owned(), told))
        })
        .chain(measure::join::distributions(&measures.join_stages))
        .chain(measure::rekey::distributions(&measures.rekeys))
        .chain(measure::forwarding::distribution(&measures.forwarding))
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run counts far fewer than 2^53 of anything"
)]
fn as_number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub(crate) mod tests;
