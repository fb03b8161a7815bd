//! The documents that `--json` writes and `report` reads: a run, or a comparison of targets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::brief::Brief;
use super::context::Context;
use super::figure::{Distribution, Figures};

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(title = "Report of conclave-loadtest")]
pub enum Document {
    /// Of one run.
    Run(Box<Report>),
    /// Of several targets under the same load.
    Comparison(Box<Comparison>),
}

/// The report of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// How it was made.
    #[serde(flatten)]
    pub context: Context,
    /// The main figures in the short form that scripts read.
    #[serde(flatten)]
    pub brief: Brief,
    /// Participants by their kind.
    pub participants_by_kind: Kinds,
    /// Every figure, with its unit, or null with the reason.
    pub figures: Figures,
    /// How durations are spread, by name.
    pub distributions: BTreeMap<String, Distribution>,
    /// How things went over time, by name.
    pub series: BTreeMap<String, Series>,
    /// What was found by a search for the largest load; empty for other scenarios.
    pub capacity: Vec<CapacityStep>,
    /// Whether the load tester itself was the limit.
    pub generator: Generator,
    /// What the conditions on the command line came to.
    pub thresholds: Vec<Verdict>,
}

/// Participants by their kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kinds {
    /// Real codecs; everything decrypted, decoded and compared.
    pub full: KindCount,
    /// Pre-encoded media, real MLS and SFrame.
    pub light: KindCount,
    /// Leaves of the group without media.
    pub phantom: KindCount,
    /// Headless browsers.
    pub browser: KindCount,
}

/// How many participants of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindCount {
    /// At a time, as asked for.
    pub asked: u64,
    /// Started; more than asked for when they come and go.
    pub started: u64,
    /// Got in.
    pub joined: u64,
    /// Left as they should.
    pub left: u64,
}

/// Something over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// What it is.
    pub about: String,
    /// Its unit.
    pub unit: String,
    /// Pairs of seconds since the beginning and value; null where it could not be measured.
    pub points: Vec<(f64, Option<f64>)>,
}

/// One load that a capacity search tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityStep {
    /// Participants.
    pub participants: u64,
    /// Packets delivered per second, counted at the receivers.
    pub delivered_per_second: f64,
    /// Packets delivered per second of the server's CPU time.
    pub delivered_per_cpu_second: Option<f64>,
    /// Lost of all that should have come, from 0 to 1.
    pub loss: Option<f64>,
    /// 99 of 100 packets took no longer through the server, beyond the bare way, in milliseconds.
    pub added_latency_p99_ms: Option<f64>,
    /// Whether it met the thresholds.
    pub met: bool,
    /// Whether the load tester was the limit.
    pub generator_bound: bool,
}

/// What the load tester itself used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Whether it was the limit: what such a run says of the server is a lower bound. Null when it cannot be told.
    pub bound: Option<bool>,
    /// Why it is thought so, in words.
    pub reason: String,
    /// Its CPU time in seconds.
    pub cpu_s: Option<f64>,
    /// Cores it kept busy on average.
    pub cores_used: Option<f64>,
    /// Cores it could use.
    pub cores_available: f64,
}

/// What a condition came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The condition that makes a run fail.
    pub condition: String,
    /// Whether the run failed by it.
    pub failed: bool,
    /// The figure it is about; null when it was not measured, which fails.
    pub value: Option<f64>,
}

/// The report of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// How it was made.
    #[serde(flatten)]
    pub context: Context,
    /// The target that the others are compared with.
    pub baseline: String,
    /// Rounds per target that count; the first of each is thrown away.
    pub rounds: u32,
    /// Participants per target and round.
    pub participants_by_kind: Kinds,
    /// Per target and figure, the baseline's figure divided by the target's, of rounds that follow each other: 20 packets per
    /// CPU second means that the baseline delivers 20 times as many.
    pub ratios: BTreeMap<String, BTreeMap<String, Spread>>,
    /// What each target did.
    pub targets: BTreeMap<String, TargetResult>,
    /// Targets that could not be had, and why, in one line.
    pub unavailable: BTreeMap<String, String>,
    /// Things that should not have happened, in words.
    pub problems: Vec<String>,
    /// What the conditions on the command line came to.
    #[serde(default)]
    pub thresholds: Vec<Verdict>,
}

/// What a target did in the rounds that count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetResult {
    /// Its version.
    pub version: Option<String>,
    /// How its server was started.
    pub command: Option<String>,
    /// What is not alike at it and at others, in words.
    #[serde(default)]
    pub differs: Option<String>,
    /// Figures over the rounds, by name.
    pub figures: BTreeMap<String, TargetFigure>,
    /// How durations are spread over all rounds that count, by name: `added_latency`.
    pub distributions: BTreeMap<String, Distribution>,
    /// The loads that were tried when the largest one was searched for.
    pub capacity: Vec<CapacityStep>,
    /// Rounds in which the load tester was the limit.
    pub generator_bound_rounds: u32,
    /// Things that should not have happened, in words.
    pub problems: Vec<String>,
}

/// A figure of a target over the rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetFigure {
    /// Its unit.
    pub unit: String,
    /// Which way it should go.
    pub better: super::figure::Better,
    /// What it says.
    pub about: String,
    /// Smallest, middle and largest over the rounds; null when it could not be measured.
    pub spread: Option<Spread>,
    /// Every round's, in order.
    pub rounds: Vec<Option<f64>>,
    /// Why it is null.
    pub reason: Option<String>,
}

/// Smallest, middle and largest of several values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The middle one; of an even number, the mean of both.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of at least one finite value.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self {
            min,
            median: f64::midpoint(lower, upper),
            max,
        })
    }
}

/// The figures of a comparison in the order of what people ask first.
const FIRST: [&str; 7] = [
    "packets_per_cpu_second",
    "added_latency_p50_ms",
    "added_latency_p99_ms",
    "server_memory_mb",
    "memory_per_participant_kb",
    "join_ms",
    "capacity_participants",
];

impl Comparison {
    /// The names of all figures that any target has, the main ones first.
    pub fn figure_names(&self) -> Vec<&str> {
        let figures = self.targets.values().flat_map(|target| target.figures.keys());
        let mut names: Vec<&str> = figures.map(String::as_str).collect();
        names.sort_by_key(|name| {
            let place = FIRST.iter().position(|first| first == name);
            (place.unwrap_or(FIRST.len()), *name)
        });
        names.dedup();
        names
    }

    /// The names of the targets, the baseline first.
    pub fn target_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.targets.keys().map(String::as_str).collect();
        names.sort_by_key(|name| *name != self.baseline);
        names
    }

    /// What the main ratio says of each target, in a sentence.
    pub fn sentences(&self) -> Vec<String> {
        let baseline = &self.baseline;
        let targets = self.ratios.iter().filter(|(target, _)| *target != baseline);
        let said = targets.filter_map(|(target, ratios)| {
            let ratio = ratios.get("packets_per_cpu_second")?;
            Some(format!(
                "{baseline} delivers {:.2} times as many packets per CPU-second as {target} ({:.2} to {:.2})",
                ratio.median, ratio.min, ratio.max
            ))
        });
        said.collect()
    }
}

impl Document {
    /// How it was made.
    pub fn context(&self) -> &Context {
        match self {
            Self::Run(report) => &report.context,
            Self::Comparison(comparison) => &comparison.context,
        }
    }

    /// The JSON text, with a line end.
    pub fn to_json(&self) -> String {
        let text =
            serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        text + "\n"
    }

    /// The JSON schema of every document, with a line end.
    pub fn schema() -> String {
        let schema = schemars::schema_for!(Self);
        serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_both() {
        assert_eq!(
            Spread::of(&[4.0, 1.0, 2.0, 3.0]),
            Some(Spread {
                min: 1.0,
                median: 2.5,
                max: 4.0
            })
        );
        assert_eq!(Spread::of(&[f64::NAN]), None);
    }
}
