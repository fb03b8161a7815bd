//! `--fail-if FIGURE OP NUMBER`: conditions that make a run fail.

use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

use super::as_number;
use super::brief::Brief;
use super::model::{Document, Report, Verdict};
use crate::measure::{self, Measures};
use crate::memory::MemoryFigures;
use crate::server_usage::Usage;

/// A condition like `latency_p99_ms > 50`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    figure: String,
    comparison: Comparison,
    limit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Different,
}

/// Longer signs first, for `>` is the beginning of `>=`.
const SIGNS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::Different),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

/// Names whose end only a report knows: reasons, and targets of a comparison (ratios.janus.packets_per_cpu_second.median).
const OPEN: [&str; 2] = ["decrypt_failures.", "ratios."];

/// Why a text is no condition.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ThresholdError {
    /// No comparison sign.
    #[error("{0:?} has no comparison; write it like decrypt_failures>0 or latency_p99_ms>=50")]
    NoComparison(String),
    /// What follows the sign is no number.
    #[error("{0:?} is not a number")]
    NotANumber(String),
    /// Not a figure of the report.
    #[error("the report has no figure {figure:?}; it has {known}")]
    UnknownFigure {
        /// What was asked for.
        figure: String,
        /// All there are.
        known: String,
    },
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let at = text.find(['>', '<', '=', '!']);
        let (figure, rest) = at
            .and_then(|at| text.split_at_checked(at))
            .ok_or_else(|| ThresholdError::NoComparison(text.to_owned()))?;
        let (sign, comparison) = SIGNS
            .into_iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .ok_or_else(|| ThresholdError::NoComparison(text.to_owned()))?;
        let number = rest.get(sign.len()..).unwrap_or_default().trim();
        let limit: f64 = number
            .parse()
            .map_err(|_| ThresholdError::NotANumber(number.to_owned()))?;
        if !limit.is_finite() {
            return Err(ThresholdError::NotANumber(number.to_owned()));
        }
        let figure = figure.trim().to_owned();
        let known = known_figures();
        let open = OPEN.iter().any(|prefix| figure.starts_with(prefix));
        if !known.contains(&figure) && !open {
            return Err(ThresholdError::UnknownFigure {
                figure,
                known: known.join(", "),
            });
        }
        Ok(Self {
            figure,
            comparison,
            limit,
        })
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = SIGNS
            .iter()
            .find(|(_, comparison)| *comparison == self.comparison);
        write!(
            f,
            "{} {} {}",
            self.figure,
            sign.map_or("", |(sign, _)| sign),
            self.limit
        )
    }
}

impl Threshold {
    /// What it comes to. A figure that was not measured fails.
    pub fn judge(&self, document: &Document) -> Verdict {
        let value = match document {
            Document::Run(report) => of_run(report, &self.figure),
            Document::Comparison(comparison) => serde_json::to_value(comparison)
                .ok()
                .and_then(|json| at(&json, &self.figure)),
        };
        Verdict {
            condition: self.to_string(),
            failed: value.is_none_or(|value| self.holds(value)),
            value,
        }
    }

    fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Above => value > self.limit,
            Comparison::AtLeast => value >= self.limit,
            Comparison::Below => value < self.limit,
            Comparison::AtMost => value <= self.limit,
            Comparison::Equal => (value - self.limit).abs() < f64::EPSILON,
            Comparison::Different => (value - self.limit).abs() >= f64::EPSILON,
        }
    }
}

impl Verdict {
    /// In words, why the run failed by it.
    pub fn words(&self) -> String {
        match self.value {
            Some(value) => format!("{}: it is {value}", self.condition),
            None => format!("{}: it was not measured", self.condition),
        }
    }
}

/// A figure of the catalog, or of the short form. A reason that never occurred is 0.
fn of_run(report: &Report, name: &str) -> Option<f64> {
    if let Some(figure) = report.figures.find(name) {
        return figure.value;
    }
    if let Some(reason) = name.strip_prefix("decrypt_failures.") {
        let count = report.brief.decrypt_failures.get(reason).copied().unwrap_or(0);
        return report.figures.value("decrypt_failures").map(|_| as_number(count));
    }
    at(&serde_json::to_value(&report.brief).ok()?, name)
}

/// The number at a path with dots.
fn at(json: &Value, path: &str) -> Option<f64> {
    path.split('.')
        .try_fold(json, |value, key| value.get(key))?
        .as_f64()
}

/// Every figure of the catalog, and of the short form when everything was measured.
fn known_figures() -> Vec<String> {
    let measures = Measures::default();
    for durations in [
        &measures.join,
        &measures.latency,
        &measures.rekey,
        &measures.removal,
    ] {
        durations.record(std::time::Duration::ZERO);
    }
    measures.packets_received.increment();
    let usage = Usage {
        cpu_s: 0.0,
        rss_bytes: 0.0,
        voluntary_switches: None,
        involuntary_switches: None,
    };
    let brief = Brief::new(0, &Ok((usage, usage)), Ok(MemoryFigures::default()), &measures);
    let json = serde_json::to_value(brief).unwrap_or_default();
    let mut names: Vec<String> = measure::catalog().map(|entry| entry.name.to_owned()).collect();
    for (key, value) in json.as_object().into_iter().flatten() {
        match value {
            Value::Number(_) if !names.contains(key) => names.push(key.clone()),
            Value::Object(inner) => {
                names.extend(
                    inner
                        .iter()
                        .filter(|(_, value)| value.is_number())
                        .map(|(sub, _)| format!("{key}.{sub}")),
                );
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use conclave_e2ee::DropReason;

    use super::*;

    fn violation(text: &str, measures: &Measures) -> Option<String> {
        let threshold: Threshold = text.parse().unwrap();
        let report = Report::new(crate::report::tests::run(), measures);
        let verdict = threshold.judge(&Document::Run(Box::new(report)));
        verdict.failed.then(|| verdict.words())
    }

    #[test]
    fn every_comparison_does_what_its_sign_says() {
        let measures = Measures::default();
        measures.frames_sent.add(10);
        for (text, fails) in [
            ("frames_sent>9", true),
            ("frames_sent > 10", false),
            ("frames_sent>=10", true),
            ("frames_sent<10", false),
            ("frames_sent<=10", true),
            ("frames_sent==10", true),
            ("frames_sent!=10", false),
        ] {
            assert_eq!(violation(text, &measures).is_some(), fails, "{text}");
        }
    }

    #[test]
    fn a_ratio_of_a_comparison_can_be_limited() {
        let document = Document::Comparison(Box::new(crate::report::tests::comparison()));
        let judge = |text: &str| text.parse::<Threshold>().unwrap().judge(&document);
        assert!(!judge("ratios.janus.packets_per_cpu_second.median<3").failed);
        assert!(judge("ratios.janus.packets_per_cpu_second.min<3").failed);
        assert!(judge("ratios.livekit.packets_per_cpu_second.min<3").failed);
    }

    #[test]
    fn failures_can_be_limited_in_sum_and_by_reason() {
        let measures = Measures::default();
        measures.frames_decrypted.increment();
        assert_eq!(violation("decrypt_failures>0", &measures), None);
        measures.decrypt_failed(DropReason::Replay);
        measures.decrypt_failed(DropReason::AuthFail);
        assert!(
            violation("decrypt_failures>1", &measures)
                .unwrap()
                .contains("it is 2")
        );
        assert!(violation("decrypt_failures.replay>0", &measures).is_some());
        assert_eq!(violation("decrypt_failures.too_old>0", &measures), None);
    }

    #[test]
    fn a_figure_goes_by_its_own_name_or_by_that_of_the_short_form() {
        let measures = Measures::default();
        measures.latency.record(Duration::from_millis(250));
        assert!(violation("latency_p99_ms>50", &measures).is_some());
        assert_eq!(violation("latency_p99_ms>260", &measures), None);
        assert!(violation("latency_ms.p95>200", &measures).is_some());
        assert_eq!(violation("latency_ms.p95>300", &measures), None);
    }

    #[test]
    fn what_was_not_measured_cannot_pass() {
        assert!(
            violation("join_ms.p95>1000", &Measures::default())
                .unwrap()
                .contains("not measured")
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        let error = |text: &str| text.parse::<Threshold>().unwrap_err();
        assert!(matches!(
            error("decrypt_failures"),
            ThresholdError::NoComparison(_)
        ));
        assert!(matches!(error("frames_sent=3"), ThresholdError::NoComparison(_)));
        assert!(matches!(error("frames_sent>many"), ThresholdError::NotANumber(_)));
        assert!(matches!(error("frames_sent>NaN"), ThresholdError::NotANumber(_)));
        let unknown = error("frames_snet>3").to_string();
        assert!(
            unknown.contains("frames_sent") && unknown.contains("latency_ms.p95"),
            "{unknown}"
        );
    }
}
