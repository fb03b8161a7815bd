//! A report as Prometheus metrics: a file for the textfile collector, or pushed to a Pushgateway.

use std::path::Path;

use prometheus::core::Collector;
use prometheus::{Encoder as _, GaugeVec, Opts, Registry, TextEncoder};

use super::as_number;
use super::model::{Document, Verdict};
use crate::http::Server;

/// Every name begins with it.
const NAMESPACE: &str = "conclave_loadtest";
/// The job of pushed metrics.
const JOB: &str = "conclave_loadtest";

/// The text exposition format 0.0.4: one gauge per figure that was measured.
pub fn text(document: &Document) -> Result<String, prometheus::Error> {
    let registry = Registry::new();
    let scenario = document.context().scenario.as_str();
    let add = |name: &str, help: &str, labels: &[&str], values: &[(Vec<&str>, f64)]| {
        let gauge = GaugeVec::new(Opts::new(metric_name(name), help).namespace(NAMESPACE), labels)?;
        for (label_values, value) in values {
            gauge.with_label_values(label_values).set(*value);
        }
        if gauge
            .collect()
            .iter()
            .any(|family| !family.get_metric().is_empty())
        {
            registry.register(Box::new(gauge))?;
        }
        Ok::<(), prometheus::Error>(())
    };
    let failed = |verdicts: &[Verdict]| {
        let failed = verdicts.iter().any(|verdict| verdict.failed);
        add(
            "failed",
            "1 when a condition of --fail-if failed the run",
            &["scenario"],
            &[(vec![scenario], f64::from(u8::from(failed)))],
        )
    };
    match document {
        Document::Run(report) => {
            for (name, figure) in report.figures.iter() {
                if let Some(value) = figure.value {
                    let help = format!("{} ({})", figure.about, figure.unit);
                    add(name, &help, &["scenario"], &[(vec![scenario], value)])?;
                }
            }
            let reasons: Vec<(Vec<&str>, f64)> = report
                .brief
                .decrypt_failures
                .iter()
                .map(|(reason, count)| (vec![scenario, reason.as_str()], as_number(*count)))
                .collect();
            add(
                "decrypt_failures_by_reason",
                "Frames that could not be decrypted, by reason",
                &["scenario", "reason"],
                &reasons,
            )?;
            failed(&report.thresholds)?;
        }
        Document::Comparison(comparison) => {
            let mut names: Vec<&String> = comparison
                .ratios
                .values()
                .flat_map(|ratios| ratios.keys())
                .collect();
            names.sort();
            names.dedup();
            for name in names {
                let values: Vec<(Vec<&str>, f64)> = comparison
                    .ratios
                    .iter()
                    .filter_map(|(target, ratios)| {
                        Some((vec![scenario, target.as_str()], ratios.get(name)?.median))
                    })
                    .collect();
                let help = format!(
                    "{name} as a multiple of that of {}, median of rounds",
                    comparison.baseline
                );
                add(&format!("ratio_{name}"), &help, &["scenario", "target"], &values)?;
            }
            for name in comparison.figure_names() {
                let figures = comparison.targets.iter();
                let figures =
                    figures.filter_map(|(target, result)| Some((target, result.figures.get(name)?)));
                let values: Vec<(Vec<&str>, f64)> = figures
                    .clone()
                    .filter_map(|(target, figure)| {
                        Some((vec![scenario, target.as_str()], figure.spread?.median))
                    })
                    .collect();
                let mut about = figures
                    .map(|(_, figure)| format!("{} ({}), median of rounds", figure.about, figure.unit));
                let help = about.next_back().unwrap_or_default();
                add(name, &help, &["scenario", "target"], &values)?;
            }
            failed(&comparison.thresholds)?;
        }
    }
    let mut bytes = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes the file in one step: the collector never sees half of it.
pub fn write(document: &Document, path: &Path) -> Result<(), String> {
    let in_words = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = text(document).map_err(|error| in_words(&error))?;
    let beside = path.with_extension("prom.partial");
    std::fs::write(&beside, text).map_err(|error| in_words(&error))?;
    std::fs::rename(&beside, path).map_err(|error| in_words(&error))
}

/// Pushes to the Pushgateway at `url`; what an earlier run of the scenario pushed is replaced.
pub async fn push(document: &Document, url: &str) -> Result<(), String> {
    let gateway = Server::parse(url).map_err(|error| format!("--prometheus-push: {error}"))?;
    let text = text(document).map_err(|error| error.to_string())?;
    let scenario = document.context().scenario.replace(' ', "%20");
    let path = format!("/metrics/job/{JOB}/scenario/{scenario}");
    let answer = gateway
        .put_text(&path, text)
        .await
        .map_err(|error| error.to_string())?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    Err(format!(
        "{} answers {} to {path}: {}",
        gateway.authority(),
        answer.status,
        String::from_utf8_lossy(&answer.body).trim()
    ))
}

/// Base units have no place in a name that says its own unit; what is no letter or digit becomes an underscore.
fn metric_name(name: &str) -> String {
    name.chars()
        .map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::report::tests::{comparison, full};

    #[test]
    fn figures_are_gauges_and_what_was_not_measured_is_not_there() {
        let mut report = full();
        report.brief.decrypt_failures.insert("auth_fail".to_owned(), 3);
        let text = text(&Document::Run(Box::new(report))).unwrap();
        assert!(
            text.contains("# TYPE conclave_loadtest_latency_p99_ms gauge\nconclave_loadtest_latency_p99_ms{scenario=\"steady\"} 99"),
            "{text}"
        );
        assert!(
            text.contains("reason=\"auth_fail\"")
                && text.contains("conclave_loadtest_failed{scenario=\"steady\"} 0")
        );
        assert!(!text.contains("server_cpu_s"), "{text}");
    }

    #[test]
    fn ratios_have_their_target() {
        let text = text(&Document::Comparison(Box::new(comparison()))).unwrap();
        assert!(
            text.contains(
                "conclave_loadtest_ratio_packets_per_cpu_second{scenario=\"many-rooms\",target=\"janus\"} 3"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "conclave_loadtest_packets_per_cpu_second{scenario=\"many-rooms\",target=\"janus\"} 3"
            ),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_push_replaces_the_group_of_the_scenario_and_a_refusal_is_told() {
        for (status, accepted) in [("200 OK", true), ("400 Bad Request", false)] {
            let gateway = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", gateway.local_addr().unwrap());
            let answering = tokio::spawn(async move {
                let (mut stream, _) = gateway.accept().await.unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 65_536];
                // The last line of the body.
                while !String::from_utf8_lossy(&request).contains("conclave_loadtest_problems{") {
                    let length = stream.read(&mut buffer).await.unwrap();
                    assert!(length > 0, "the request ended early");
                    request.extend_from_slice(&buffer[..length]);
                }
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nhello");
                stream.write_all(answer.as_bytes()).await.unwrap();
                String::from_utf8_lossy(&request).into_owned()
            });
            let mut report = full();
            report.context.scenario = "compare steady".to_owned();
            let pushed = push(&Document::Run(Box::new(report)), &url).await;
            let request = answering.await.unwrap();
            assert!(
                request
                    .starts_with("PUT /metrics/job/conclave_loadtest/scenario/compare%20steady HTTP/1.1\r\n")
                    && request.contains("text/plain; version=0.0.4"),
                "{request}"
            );
            assert_eq!(pushed.is_ok(), accepted, "{pushed:?}");
            if let Err(reason) = pushed {
                assert!(
                    reason.contains("answers 400") && reason.contains("hello"),
                    "{reason}"
                );
            }
        }
    }
}
