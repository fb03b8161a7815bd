//! What a comparison came to: every target's values round by round, and ratios between targets of the same round.

use super::figures::{CAPACITY, FIGURES, Figure, Value};
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
    /// Its values in each round that counts; the error says why the round gave none.
    pub rounds: Vec<Result<[Value; FIGURES.len()], String>>,
    /// The largest load, when it was searched for.
    pub capacity: Option<Value>,
    /// The loads that were tried for it.
    pub steps: Vec<CapacityStep>,
}

impl TargetOutcome {
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
