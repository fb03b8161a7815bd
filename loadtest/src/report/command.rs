//! `report`: shows a report that was written before, as HTML or against another one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::baseline::{self, Changes};
use super::context::FORMAT;
use super::html;
use super::model::Document;
use super::output::{OutputArguments, write};

/// Shows a report again, or what changed since another one.
#[derive(Debug, clap::Args)]
pub struct ReportArguments {
    /// A report that `run` or `compare` wrote with --json.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write it as one self-contained HTML file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show what changed since this report.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write JSON to stdout instead of tables: the report, or the changes.
    #[arg(long)]
    json: bool,
    /// Exit with 1 when this holds, like 'latency_p99_ms>50'; may be repeated.
    #[arg(long, value_name = "FIGURE OP NUMBER")]
    fail_if: Vec<super::threshold::Threshold>,
    /// Write the figures for Prometheus' textfile collector.
    #[arg(long, value_name = "FILE")]
    prometheus_file: Option<PathBuf>,
    /// Push the figures to the Pushgateway at this address, like http://localhost:9091.
    #[arg(long, value_name = "URL")]
    prometheus_push: Option<String>,
}

/// What is said, and by what it failed.
#[derive(Debug, Default)]
pub struct Shown {
    /// For stdout.
    pub text: String,
    /// Conditions that failed, in words.
    pub failed: Vec<String>,
}

#[derive(Serialize)]
struct WithChanges<'a> {
    report: &'a Document,
    changes: &'a Changes,
}

/// Reads, writes and shows; the error says what could not be read or written.
pub async fn show(arguments: ReportArguments) -> Result<Shown, String> {
    let mut document = read(&arguments.file)?;
    let changes = match &arguments.baseline {
        Some(path) => Some(
            baseline::changes(&read(path)?, &document)
                .map_err(|reason| format!("{} is no baseline: {reason}", path.display()))?,
        ),
        None => None,
    };
    let outputs = OutputArguments {
        fail_if: arguments.fail_if,
        prometheus_file: arguments.prometheus_file,
        prometheus_push: arguments.prometheus_push,
        ..OutputArguments::default()
    };
    outputs.judge(&mut document);
    if let Some(path) = &arguments.html {
        write(path, &html::page(&document, changes.as_ref()))?;
    }
    let text = match (&changes, arguments.json) {
        (Some(changes), true) => {
            let both = WithChanges {
                report: &document,
                changes,
            };
            serde_json::to_string_pretty(&both).map_err(|error| error.to_string())? + "\n"
        }
        (None, true) => document.to_json(),
        (Some(changes), false) => document.table() + &baseline::table(changes),
        (None, false) => document.table(),
    };
    let text = outputs.deliver(&document, text).await?;
    let failed = document.verdicts().iter().filter(|verdict| verdict.failed);
    Ok(Shown {
        text,
        failed: failed.map(super::model::Verdict::words).collect(),
    })
}

/// Reads a report.
pub fn read(path: &Path) -> Result<Document, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let document: Document = serde_json::from_str(&text)
        .map_err(|error| format!("{} is no report of conclave-loadtest: {error}", path.display()))?;
    let format = document.context().format;
    if format != FORMAT {
        return Err(format!(
            "{} has format {format}; this program reads format {FORMAT}",
            path.display()
        ));
    }
    Ok(document)
}
