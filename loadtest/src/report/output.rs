//! Where a report goes: the terminal, JSON, HTML, Prometheus; and what the exit code becomes.

use std::path::{Path, PathBuf};

use super::model::{Document, Verdict};
use super::threshold::Threshold;
use super::{html, human, prometheus};

/// The options of every command that makes a report.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Report")]
pub struct OutputArguments {
    /// Also write the report as JSON; `-` writes it to stdout instead of the table.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write the report as one self-contained HTML file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Exit with 1 when this holds, like 'decrypt_failures>0' or 'latency_p99_ms>50'; may be repeated.
    #[arg(long, value_name = "FIGURE OP NUMBER")]
    pub fail_if: Vec<Threshold>,
    /// Also write the figures for Prometheus' textfile collector.
    #[arg(long, value_name = "FILE")]
    pub prometheus_file: Option<PathBuf>,
    /// Also push the figures to the Pushgateway at this address, like http://localhost:9091.
    #[arg(long, value_name = "URL")]
    pub prometheus_push: Option<String>,
}

impl OutputArguments {
    /// Notes in the report what the conditions came to.
    pub fn judge(&self, document: &mut Document) {
        let verdicts: Vec<Verdict> = self
            .fail_if
            .iter()
            .map(|threshold| threshold.judge(document))
            .collect();
        match document {
            Document::Run(report) => report.thresholds.extend(verdicts),
            Document::Comparison(comparison) => comparison.thresholds.extend(verdicts),
        }
    }

    /// Writes everything that was asked for; gives back what stdout should say. `table` is what people read there.
    pub async fn deliver(&self, document: &Document, table: String) -> Result<String, String> {
        if let Some(path) = &self.html {
            write(path, &html::page(document, None))?;
        }
        if let Some(path) = &self.prometheus_file {
            prometheus::write(document, path)?;
        }
        let said = match &self.json {
            Some(path) if path.as_os_str() == "-" => document.to_json(),
            Some(path) => {
                write(path, &document.to_json())?;
                table
            }
            None => table,
        };
        // Last, for it is the only one that others can make fail.
        if let Some(url) = &self.prometheus_push {
            prometheus::push(document, url).await?;
        }
        Ok(said)
    }
}

impl Document {
    /// What the conditions came to.
    pub fn verdicts(&self) -> &[Verdict] {
        match self {
            Self::Run(report) => &report.thresholds,
            Self::Comparison(comparison) => &comparison.thresholds,
        }
    }

    /// As a table for people.
    pub fn table(&self) -> String {
        match self {
            Self::Run(report) => human::table(report),
            Self::Comparison(comparison) => human::comparison_table(comparison),
        }
    }
}

/// Writes a file; the error names it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
