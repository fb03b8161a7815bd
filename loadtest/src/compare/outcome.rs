//! What a comparison came to: every target's values round by round, and ratios between targets of the same round.

use hdrhistogram::Histogram;

use super::figures::{CAPACITY, FIGURES, Figure, Value, Window};
use crate::report::model::CapacityStep;

/// Everything that was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The targets that could be had, the baseline first.
    pub targets: Vec<TargetOutcome>,
    /// Targets that could not be had, and why.
    pub unavailable: Vec<(String, String)>,
    /// Rounds that count and were finished or given up.
    pub rounds: u32,
}

/// One target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetOutcome {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// What is not alike at it and at others.
    pub differs: &'static str,
    /// How its server was started, the last time.
    pub command: Option<String>,
    /// Its values in each round that counts; the error says why the round gave none.
    pub rounds: Vec<Result<[Value; FIGURES.len()], String>>,
    /// What its server added to the way of packets, in microseconds, over all rounds that count.
    pub added_latency: Option<Histogram<u64>>,
    /// Rounds in which the load tester was the limit, and why.
    pub generator_bound: Vec<String>,
    /// The largest load, when it was searched for.
    pub capacity: Option<Value>,
    /// The loads that were tried for it.
    pub steps: Vec<CapacityStep>,
}

impl TargetOutcome {
    /// Takes what a round came to.
    pub fn add(&mut self, round: Result<Window, String>) {
        if let Ok(window) = &round {
            self.command = window.command.clone().or(self.command.take());
            let generator = window.generator();
            if generator.bound == Some(true) {
                let number = self.rounds.len() + 1;
                let reason = format!(
                    "round {number}: the load tester was the limit: {}",
                    generator.reason
                );
                self.generator_bound.push(reason);
            }
            match (&mut self.added_latency, window.added_latency()) {
                // Both have the same precision, and grow as they must.
                (Some(all), Some(new)) => {
                    let _ = all.add(new);
                }
                (None, new) => self.added_latency = new,
                (Some(_), None) => {}
            }
        }
        self.rounds.push(round.map(|window| window.values()));
    }

    /// The values of a figure, round by round.
    pub fn values(&self, index: usize) -> Vec<Value> {
        let of_round = |round: &Result<[Value; FIGURES.len()], String>| match round {
            Ok(values) => values.get(index).cloned().unwrap_or_else(|| Err(String::new())),
            Err(reason) => Err(reason.clone()),
        };
        self.rounds.iter().map(of_round).collect()
    }
}

impl Outcome {
    /// Whether every round of every target gave values.
    pub fn is_complete(&self) -> bool {
        let whole = |target: &TargetOutcome| {
            !target.rounds.is_empty()
                && target.rounds.iter().all(Result::is_ok)
                && target.capacity.as_ref().is_none_or(Result::is_ok)
        };
        self.targets.iter().all(whole)
    }

    /// All figures that were asked for, with each target's values.
    pub fn figures(&self) -> Vec<(Figure, Vec<Vec<Value>>)> {
        let values = |index| self.targets.iter().map(|target| target.values(index)).collect();
        let mut figures: Vec<_> = (0..FIGURES.len())
            .zip(FIGURES)
            .map(|(index, figure)| (figure, values(index)))
            .collect();
        if self.targets.iter().any(|target| target.capacity.is_some()) {
            let capacities = self
                .targets
                .iter()
                .map(|target| target.capacity.iter().cloned().collect());
            figures.push((CAPACITY, capacities.collect()));
        }
        figures
    }
}

/// The first target's values divided by another's, of the same rounds. Where one is missing or the other is zero there
/// is no ratio.
pub fn ratios(first: &[Value], other: &[Value]) -> Vec<f64> {
    let of_round = |(first, other): (&Value, &Value)| match (first, other) {
        (Ok(first), Ok(other)) => Some(first / other).filter(|ratio| ratio.is_finite()),
        (Err(_), _) | (_, Err(_)) => None,
    };
    first.iter().zip(other).filter_map(of_round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_two_values_of_the_same_round() {
        let missing = || Err("it died".to_owned());
        let first = [Ok(10.0), missing(), Ok(30.0), Ok(1.0)];
        let other = [Ok(5.0), Ok(1.0), Ok(10.0), Ok(0.0)];
        assert_eq!(ratios(&first, &other), [2.0, 3.0]);
        assert!(ratios(&first, &[]).is_empty());
    }

    #[test]
    fn a_comparison_with_a_failed_round_is_not_complete() {
        let values: [Value; FIGURES.len()] = std::array::from_fn(|_| Ok(1.0));
        let outcome = |rounds: Vec<_>| Outcome {
            targets: vec![TargetOutcome {
                rounds,
                ..TargetOutcome::default()
            }],
            ..Outcome::default()
        };
        assert!(outcome(vec![Ok(values.clone())]).is_complete());
        assert!(!outcome(vec![Ok(values), Err("it died".to_owned())]).is_complete());
        assert!(!outcome(Vec::new()).is_complete());
    }

    #[test]
    fn a_round_without_values_lends_its_reason_to_every_figure() {
        let target = TargetOutcome {
            rounds: vec![Err("it died".to_owned())],
            ..TargetOutcome::default()
        };
        assert_eq!(target.values(0), [Err("it died".to_owned())]);
        let outcome = Outcome {
            targets: vec![target],
            ..Outcome::default()
        };
        assert_eq!(outcome.figures().len(), FIGURES.len());
    }
}
