//! What changed between two reports.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure::{Better, rounded};
use super::human::digits;
use super::model::Document;

/// A change of less than this share is noise.
const NOISE: f64 = 0.05;

/// Which way a figure went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The way it should.
    Better,
    /// The other way.
    Worse,
    /// Some way, and neither is better.
    Different,
    /// By less than 5 %.
    Same,
    /// One of both was not measured.
    Unknown,
}

/// How one figure changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What the baseline has.
    pub before: Option<f64>,
    /// What the report has.
    pub after: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// From before to after, as a share of before; null when one is missing or before is zero.
    pub share: Option<f64>,
    /// Which way it went.
    pub direction: Direction,
    /// What the figure says.
    pub about: String,
}

/// What changed, and what makes the comparison doubtful.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// When the baseline was made.
    pub baseline: String,
    /// Settings, machine or versions that are not the same.
    pub conditions: Vec<String>,
    /// Every figure that either report measured; those of targets begin with the target's name and a dot.
    pub figures: BTreeMap<String, Change>,
}

struct Value {
    value: Option<f64>,
    unit: String,
    better: Better,
    about: String,
}

/// What changed from `before` to `after`; the error says why they cannot be compared.
pub fn changes(before: &Document, after: &Document) -> Result<Changes, String> {
    if std::mem::discriminant(before) != std::mem::discriminant(after) {
        return Err("one is the report of a run, the other of a comparison".to_owned());
    }
    let (older, mut newer) = (values(before), values(after));
    let mut figures = BTreeMap::new();
    for (name, old) in older {
        let new = newer.remove(&name);
        let after = new.and_then(|new| new.value);
        if old.value.is_some() || after.is_some() {
            figures.insert(name, change(old, after));
        }
    }
    for (name, new) in newer {
        let value = new.value;
        if value.is_some() {
            figures.insert(name, change(Value { value: None, ..new }, value));
        }
    }
    Ok(Changes {
        baseline: before.context().started_at.clone(),
        conditions: conditions(before, after),
        figures,
    })
}

fn values(document: &Document) -> BTreeMap<String, Value> {
    match document {
        Document::Run(report) => report
            .figures
            .iter()
            .map(|(name, figure)| {
                let value = Value {
                    value: figure.value,
                    unit: figure.unit.clone().into_owned(),
                    better: figure.better,
                    about: figure.about.clone().into_owned(),
                };
                (name.to_owned(), value)
            })
            .collect(),
        Document::Comparison(comparison) => comparison
            .targets
            .iter()
            .flat_map(|(target, result)| {
                result.figures.iter().map(move |(name, figure)| {
                    let value = Value {
                        value: figure.spread.map(|spread| spread.median),
                        unit: figure.unit.clone(),
                        better: figure.better,
                        about: figure.about.clone(),
                    };
                    (format!("{target}.{name}"), value)
                })
            })
            .collect(),
    }
}

fn change(before: Value, after: Option<f64>) -> Change {
    let share = before
        .value
        .zip(after)
        .filter(|(before, _)| *before != 0.0)
        .map(|(before, after)| rounded((after - before) / before.abs()));
    let direction = match (before.value, after) {
        (Some(old), Some(new)) => {
            let small = share.map_or(old.to_bits() == new.to_bits() || new == 0.0, |share| {
                share.abs() < NOISE
            });
            match (small, before.better, new > old) {
                (true, _, _) => Direction::Same,
                (false, Better::Neither, _) => Direction::Different,
                (false, Better::Higher, true) | (false, Better::Lower, false) => Direction::Better,
                (false, Better::Higher, false) | (false, Better::Lower, true) => Direction::Worse,
            }
        }
        _ => Direction::Unknown,
    };
    Change {
        before: before.value,
        after,
        unit: before.unit,
        share,
        direction,
        about: before.about,
    }
}

/// Where the conditions differ, in words.
fn conditions(before: &Document, after: &Document) -> Vec<String> {
    let (old, new) = (before.context(), after.context());
    let mut differ = Vec::new();
    let mut compare = |what: &str, old: &str, new: &str| {
        if old != new {
            differ.push(format!("{what}: {old} before, {new} now"));
        }
    };
    compare("scenario", &old.scenario, &new.scenario);
    let unknown = String::new();
    for (what, old, new) in [
        ("", &old.settings, &new.settings),
        ("version of ", &old.versions, &new.versions),
    ] {
        let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let value = |map: &BTreeMap<String, String>| map.get(name).unwrap_or(&unknown).clone();
            compare(&format!("{what}{name}"), &value(old), &value(new));
        }
    }
    let processor = |model: &Option<String>| model.clone().unwrap_or_default();
    compare(
        "processor",
        &processor(&old.machine.cpu_model),
        &processor(&new.machine.cpu_model),
    );
    compare(
        "cores",
        &old.machine.cores.to_string(),
        &new.machine.cores.to_string(),
    );
    compare(
        "kernel",
        &processor(&old.machine.kernel),
        &processor(&new.machine.kernel),
    );
    differ
}

/// The changes as a table for people: what is worse first.
pub fn table(changes: &Changes) -> String {
    let mut text = format!("  compared with the run of {}\n", changes.baseline);
    for condition in &changes.conditions {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  not the same: {condition}");
    }
    for (direction, word) in [
        (Direction::Worse, "worse"),
        (Direction::Better, "better"),
        (Direction::Different, "different"),
        (Direction::Unknown, "not in both"),
    ] {
        for (name, change) in changes
            .figures
            .iter()
            .filter(|(_, change)| change.direction == direction)
        {
            let number = |value: Option<f64>| value.map_or_else(|| "not measured".to_owned(), digits);
            let share = change
                .share
                .map_or_else(String::new, |share| format!(" ({:+.0} %)", share * 100.0));
            let _ = writeln!(
                text,
                "  {word:<12} {name:<36} {} -> {} {}{share}",
                number(change.before),
                number(change.after),
                change.unit
            );
        }
    }
    let same = changes
        .figures
        .values()
        .filter(|change| change.direction == Direction::Same)
        .count();
    let _ = writeln!(text, "  {same} figures are the same within 5 %");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::latency;
    use crate::measure::server::PACKETS_PER_CPU_SECOND;
    use crate::report::tests::{comparison, full};

    fn run(latency_ms: f64, packets: f64) -> Document {
        let mut report = full();
        report.figures.set(&latency::P99, latency_ms);
        report.figures.set(&PACKETS_PER_CPU_SECOND, packets);
        Document::Run(Box::new(report))
    }

    #[test]
    fn more_latency_is_worse_and_more_packets_are_better() {
        let told = changes(&run(10.0, 1000.0), &run(15.0, 2000.0)).unwrap();
        let latency = &told.figures["latency_p99_ms"];
        assert_eq!((latency.direction, latency.share), (Direction::Worse, Some(0.5)));
        assert_eq!(
            told.figures["packets_per_cpu_second"].direction,
            Direction::Better
        );
        assert_eq!(told.figures["join_p50_ms"].direction, Direction::Same);
        let back = changes(&run(15.0, 2000.0), &run(10.0, 1000.0)).unwrap();
        assert_eq!(back.figures["latency_p99_ms"].direction, Direction::Better);
        let text = table(&told);
        assert!(text.contains("worse        latency_p99_ms"), "{text}");
    }

    #[test]
    fn a_figure_that_one_of_them_lacks_is_neither_better_nor_worse() {
        let mut without = full();
        without.figures.lack(&latency::P99, "no sound");
        let told = changes(&run(10.0, 1000.0), &Document::Run(Box::new(without))).unwrap();
        assert_eq!(told.figures["latency_p99_ms"].direction, Direction::Unknown);
        assert!(!told.figures.contains_key("server_cpu_s"));
    }

    #[test]
    fn other_conditions_are_told() {
        let mut other = full();
        other.context.machine.cores += 1;
        other
            .context
            .settings
            .insert("participants".to_owned(), "9".to_owned());
        let told = changes(&Document::Run(Box::new(full())), &Document::Run(Box::new(other))).unwrap();
        assert_eq!(told.conditions.len(), 2, "{:?}", told.conditions);
    }

    #[test]
    fn comparisons_are_compared_by_target_and_only_with_comparisons() {
        let one = Document::Comparison(Box::new(comparison()));
        let told = changes(&one, &one).unwrap();
        assert_eq!(
            told.figures["janus.packets_per_cpu_second"].direction,
            Direction::Same
        );
        assert!(changes(&one, &run(1.0, 1.0)).is_err());
    }
}
