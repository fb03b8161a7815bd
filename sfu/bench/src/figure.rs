//! A measured figure and its JSON line.

use std::io::Write as _;

use serde_json::{Map, Value, json};

/// One measurement.
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    details: Map<String, Value>,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self {
            name,
            value,
            unit,
            details: Map::new(),
        }
    }

    /// Adds something that helps to read the value.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Prints it as one line. `quick` and so the command are those of this run.
    pub(crate) fn print(self, quick: bool) {
        let quick = if quick { " --quick" } else { "" };
        let Self {
            name,
            value,
            unit,
            details,
        } = self;
        let mut line = json!({
            "figure": name,
            "value": rounded(value),
            "unit": unit,
            "command": format!("cargo run -p conclave-bench --release -- --figure {name}{quick}"),
        });
        if let Value::Object(line) = &mut line {
            line.extend(details);
        }
        // Nobody reads any more when this fails.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

/// Four significant digits: more would pretend.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// The middle value; of an even number the lower one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0.0)
}
