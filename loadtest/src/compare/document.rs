//! A comparison's outcome as the report's model has it.

use std::collections::BTreeMap;

use super::outcome::{Outcome, TargetOutcome, ratios};
use crate::report::context::Context;
use crate::report::figure::Distribution;
use crate::report::model::{Comparison, Kinds, Spread, TargetFigure, TargetResult};

/// The document; the context says how it was made.
pub fn comparison(outcome: &Outcome, context: Context, participants: Kinds) -> Comparison {
    let mut targets: BTreeMap<String, TargetResult> = BTreeMap::new();
    let mut all_ratios: BTreeMap<String, BTreeMap<String, Spread>> = BTreeMap::new();
    for target in &outcome.targets {
        targets.insert(target.name.to_owned(), result(target));
    }
    for (figure, values) in outcome.figures() {
        let first = values.first().map(Vec::as_slice).unwrap_or_default();
        for (index, (target, values)) in outcome.targets.iter().zip(&values).enumerate() {
            let known: Vec<f64> = values
                .iter()
                .filter_map(|value| value.as_ref().ok().copied())
                .collect();
            let spread = Spread::of(&known);
            let reason = values.iter().find_map(|value| value.as_ref().err());
            let told = TargetFigure {
                unit: figure.unit.to_owned(),
                better: figure.better,
                about: figure.about.to_owned(),
                spread,
                rounds: values.iter().map(|value| value.as_ref().ok().copied()).collect(),
                reason: spread.is_none().then(|| {
                    let none = || "no round was finished".to_owned();
                    reason.cloned().unwrap_or_else(none)
                }),
            };
            if let Some(result) = targets.get_mut(target.name) {
                result.figures.insert(figure.name.to_owned(), told);
            }
            if index > 0 {
                let of_target = all_ratios.entry(target.name.to_owned()).or_default();
                let spread = Spread::of(&ratios(first, values));
                of_target.extend(spread.map(|spread| (figure.name.to_owned(), spread)));
            }
        }
    }
    Comparison {
        context,
        baseline: outcome
            .targets
            .first()
            .map_or_else(String::new, |target| target.name.to_owned()),
        rounds: outcome.rounds,
        participants_by_kind: participants,
        ratios: all_ratios,
        targets,
        unavailable: outcome.unavailable.iter().cloned().collect(),
        problems: problems(outcome),
        thresholds: Vec::new(),
    }
}

/// What is to be known before the figures are believed.
fn problems(outcome: &Outcome) -> Vec<String> {
    let lower_bounds = outcome.targets.iter().filter_map(|target| {
        let last = target
            .steps
            .iter()
            .filter(|step| step.generator_bound && !step.met);
        let fewest = last.map(|step| step.participants).min()?;
        Some(format!(
            "{}'s largest load is a lower bound: at {fewest} participants the load tester was the limit",
            target.name
        ))
    });
    lower_bounds.collect()
}

fn result(target: &TargetOutcome) -> TargetResult {
    let added = target.added_latency.as_ref();
    let added = added.and_then(|added| Distribution::of_micros(ADDED_LATENCY, added));
    let failed = (1..)
        .zip(&target.rounds)
        .filter_map(|(number, round)| Some(format!("round {number}: {}", round.as_ref().err()?)));
    TargetResult {
        version: Some(target.version.clone()),
        command: target.command.clone(),
        differs: Some(target.differs.to_owned()),
        distributions: added
            .map(|added| ("added_latency".to_owned(), added))
            .into_iter()
            .collect(),
        capacity: target.steps.clone(),
        generator_bound_rounds: u32::try_from(target.generator_bound.len()).unwrap_or(u32::MAX),
        problems: failed.chain(target.generator_bound.iter().cloned()).collect(),
        ..TargetResult::default()
    }
}

const ADDED_LATENCY: &str = "How much longer a packet takes through the server than without one";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::{FIGURES, Value};

    fn target(name: &'static str, packets: [f64; 3]) -> TargetOutcome {
        let round = |packets: f64| {
            let mut values: [Value; FIGURES.len()] = std::array::from_fn(|_| Err("not looked at".to_owned()));
            values[0] = Ok(packets);
            Ok(values)
        };
        TargetOutcome {
            name,
            version: "1".to_owned(),
            rounds: packets.map(round).to_vec(),
            ..TargetOutcome::default()
        }
    }

    #[test]
    fn ratios_are_the_firsts_value_by_the_others_and_a_missing_figure_is_null_with_a_reason() {
        let outcome = Outcome {
            targets: vec![
                target("conclave", [4000.0, 2000.0, 3000.0]),
                target("janus", [1000.0; 3]),
            ],
            unavailable: vec![("livekit".to_owned(), "there is no Go here".to_owned())],
            rounds: 3,
        };
        let context = Context::new("compare many-rooms", BTreeMap::new());
        let document = serde_json::to_value(comparison(&outcome, context, Kinds::default())).unwrap();
        let ratio = &document["ratios"]["janus"]["packets_per_cpu_second"];
        assert_eq!(ratio, &serde_json::json!({"min": 2.0, "median": 3.0, "max": 4.0}));
        assert!(document["ratios"].get("conclave").is_none());
        let missing = &document["targets"]["janus"]["figures"]["join_ms"];
        assert!(missing["spread"].is_null() && missing["reason"] == "not looked at");
        assert_eq!(document["unavailable"]["livekit"], "there is no Go here");
        assert_eq!(document["baseline"], "conclave");
    }
}
