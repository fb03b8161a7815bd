//! Figures: a number with its unit, or null with the reason why there is none.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which way a figure should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Less is better: latency, loss.
    Lower,
    /// More is better: quality, packets per CPU second.
    Higher,
    /// It only says how much there was.
    Neither,
}

/// What a figure is, known before any run: each measure declares its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name in reports and in `--fail-if`; it ends with the unit where there is one.
    pub name: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Which way it should go.
    pub better: Better,
    /// What it says, in one line.
    pub about: &'static str,
    /// Why it is null when nothing was said of it.
    pub missing: &'static str,
}

impl Entry {
    /// A figure that should be low.
    pub const fn lower(
        name: &'static str,
        unit: &'static str,
        about: &'static str,
        missing: &'static str,
    ) -> Self {
        Self {
            name,
            unit,
            better: Better::Lower,
            about,
            missing,
        }
    }

    /// A figure that should be high.
    pub const fn higher(
        name: &'static str,
        unit: &'static str,
        about: &'static str,
        missing: &'static str,
    ) -> Self {
        Self {
            better: Better::Higher,
            ..Self::lower(name, unit, about, missing)
        }
    }

    /// A figure that only says how much there was.
    pub const fn neither(
        name: &'static str,
        unit: &'static str,
        about: &'static str,
        missing: &'static str,
    ) -> Self {
        Self {
            better: Better::Neither,
            ..Self::lower(name, unit, about, missing)
        }
    }
}

/// One figure of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// The number; null when it could not be measured.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: Cow<'static, str>,
    /// Which way it should go.
    pub better: Better,
    /// What it says.
    pub about: Cow<'static, str>,
    /// Why it is null; null when there is a number.
    pub reason: Option<String>,
}

/// All figures of a report, by name. Every figure of the catalog is there from the beginning, as null with a reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Figures(BTreeMap<String, Figure>);

impl Figures {
    /// Every figure of `catalog`, not measured yet.
    pub fn unmeasured(catalog: impl IntoIterator<Item = Entry>) -> Self {
        let figure = |entry: Entry| Figure {
            value: None,
            unit: Cow::Borrowed(entry.unit),
            better: entry.better,
            about: Cow::Borrowed(entry.about),
            reason: Some(entry.missing.to_owned()),
        };
        Self(
            catalog
                .into_iter()
                .map(|entry| (entry.name.to_owned(), figure(entry)))
                .collect(),
        )
    }

    /// Sets a figure. What is no finite number was not measured.
    pub fn set(&mut self, entry: &Entry, value: f64) {
        if !value.is_finite() {
            self.lack(entry, format!("the calculation gave {value}"));
            return;
        }
        let figure = Figure {
            value: Some(rounded(value)),
            unit: Cow::Borrowed(entry.unit),
            better: entry.better,
            about: Cow::Borrowed(entry.about),
            reason: None,
        };
        self.0.insert(entry.name.to_owned(), figure);
    }

    /// Sets a count.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a run counts far fewer than 2^53 of anything"
    )]
    pub fn count(&mut self, entry: &Entry, value: u64) {
        self.set(entry, value as f64);
    }

    /// Says why a figure could not be measured.
    pub fn lack(&mut self, entry: &Entry, reason: impl Into<String>) {
        let figure = Figure {
            value: None,
            unit: Cow::Borrowed(entry.unit),
            better: entry.better,
            about: Cow::Borrowed(entry.about),
            reason: Some(reason.into()),
        };
        self.0.insert(entry.name.to_owned(), figure);
    }

    /// Sets a figure, or says why not.
    pub fn set_or_lack(&mut self, entry: &Entry, value: Result<f64, impl Into<String>>) {
        match value {
            Ok(value) => self.set(entry, value),
            Err(reason) => self.lack(entry, reason),
        }
    }

    /// The number of a figure, if it was measured.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.value
    }

    /// A figure by its name.
    pub fn find(&self, name: &str) -> Option<&Figure> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Figure)> {
        self.0.iter().map(|(name, figure)| (name.as_str(), figure))
    }
}

/// How values are spread: enough of the curve to draw it and to read any usual percentile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// What was measured.
    pub about: String,
    /// Unit of every number but `count` and the quantiles' ranks.
    pub unit: String,
    /// How many values there were.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The largest.
    pub max: f64,
    /// Pairs of rank (0 to 1) and value, rising.
    pub quantiles: Vec<(f64, f64)>,
}

/// The ranks a distribution is told at: dense where people look.
const RANKS: [f64; 23] = [
    0.0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99,
    0.995, 0.999, 0.9999, 1.0,
];

impl Distribution {
    /// Of a histogram of microseconds, in milliseconds; `None` when it is empty.
    pub fn of_micros(about: &str, histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let quantiles = RANKS
            .iter()
            .map(|rank| (*rank, milliseconds(histogram.value_at_quantile(*rank))))
            .collect();
        Some(Self {
            about: about.to_owned(),
            unit: "ms".to_owned(),
            count: histogram.len(),
            min: milliseconds(histogram.min()),
            mean: rounded(histogram.mean() / 1000.0),
            max: milliseconds(histogram.max()),
            quantiles,
        })
    }

    /// The value at a rank that is told.
    pub fn at(&self, rank: f64) -> Option<f64> {
        self.quantiles
            .iter()
            .find(|(told, _)| (told - rank).abs() < 1e-9)
            .map(|(_, value)| *value)
    }
}

/// Microseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
pub fn milliseconds(micros: u64) -> f64 {
    rounded(micros as f64 / 1000.0)
}

/// Six digits behind the point say more than was measured.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry = Entry::lower("x_ms", "ms", "a test", "nothing came");

    #[test]
    fn a_figure_is_null_with_a_reason_until_it_is_set() {
        let mut figures = Figures::unmeasured([ENTRY]);
        let before = figures.find("x_ms").unwrap();
        assert_eq!(
            (before.value, before.reason.as_deref()),
            (None, Some("nothing came"))
        );
        figures.set(&ENTRY, 1.5);
        let after = figures.find("x_ms").unwrap();
        assert_eq!((after.value, &after.reason), (Some(1.5), &None));
    }

    #[test]
    fn what_is_no_number_is_not_measured() {
        let mut figures = Figures::unmeasured([ENTRY]);
        figures.set(&ENTRY, f64::NAN);
        assert_eq!(figures.value("x_ms"), None);
        assert!(figures.find("x_ms").unwrap().reason.is_some());
    }

    #[test]
    fn a_distribution_tells_the_percentiles_of_what_was_recorded() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in 1..=1000 {
            histogram.record(value * 1000).unwrap();
        }
        let told = Distribution::of_micros("a test", &histogram).unwrap();
        assert_eq!(told.count, 1000);
        assert!((told.at(0.99).unwrap() - 990.0).abs() < 1.0, "{told:?}");
        assert!((told.max - 1000.0).abs() < 1.0 && (told.min - 1.0).abs() < 0.01);
        assert!(told.quantiles.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }
}
