//! Tests of the report as a whole: nothing is zero that was not measured, and the schema describes it.

use std::time::Duration;

use serde_json::Value;

use super::model::{Comparison, Document, Spread, TargetFigure, TargetResult};
use super::*;

pub(crate) fn run() -> Run {
    Run {
        context: Context::new("steady", BTreeMap::new()),
        participants: 3,
        kinds: Kinds::default(),
        server: Err("no /metrics".to_owned()),
        memory: Err("it was not watched".to_owned()),
        series: BTreeMap::new(),
        capacity: Vec::new(),
        costs: Costs::default(),
        steady: Steady::default(),
        generator: Generator::default(),
    }
}

/// The report of `run` with every measure filled.
pub(crate) fn full() -> Report {
    let measures = Measures::default();
    for milliseconds in 1..=100 {
        for durations in [
            &measures.join,
            &measures.latency,
            &measures.rekey,
            &measures.removal,
        ] {
            durations.record(Duration::from_millis(milliseconds));
        }
    }
    measures.packets_received.add(1000);
    measures.frames_decrypted.add(1000);
    Report::new(run(), &measures)
}

fn json(report: Report) -> Value {
    serde_json::from_str(&Document::Run(Box::new(report)).to_json()).unwrap()
}

#[test]
fn percentiles_are_of_what_was_recorded() {
    let report = full();
    let latency = report.brief.latency_ms.unwrap();
    assert!(
        (latency.p50 - 50.0).abs() < 0.1 && (latency.p99 - 99.0).abs() < 0.1,
        "{latency:?}"
    );
    let join = report.brief.join_ms.unwrap();
    assert!(
        (join.p95 - 95.0).abs() < 0.1 && (join.max - 100.0).abs() < 0.1,
        "{join:?}"
    );
    assert_eq!(report.figures.value("latency_p99_ms"), Some(latency.p99));
}

#[test]
fn what_was_not_measured_is_null_with_a_reason() {
    let json = json(Report::new(run(), &Measures::default()));
    for (pointer, name) in [
        ("/join_ms", "join_ms"),
        ("/latency_ms", "latency_ms"),
        ("/rekey_ms", "rekey_ms"),
        ("/removal_ms", "removal_ms"),
        ("/loss", "loss"),
        ("/server/cpu_s", "server.cpu_s"),
        ("/server/rss_mb", "server.rss_mb"),
        ("/memory", "memory"),
    ] {
        assert_eq!(json.pointer(pointer), Some(&Value::Null), "{pointer}");
        assert!(
            json["unmeasured"][name]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{name}"
        );
    }
}

#[test]
fn a_figure_has_a_number_or_a_reason_and_always_a_unit() {
    for report in [full(), Report::new(run(), &Measures::default())] {
        let told = json(report);
        let figures = told["figures"].as_object().unwrap();
        assert_eq!(
            figures.len(),
            measure::catalog().count(),
            "two figures share a name"
        );
        for (name, figure) in figures {
            assert_eq!(figure["value"].is_null(), figure["reason"].is_string(), "{name}");
            let unit = figure["unit"].as_str().unwrap();
            let about = figure["about"].as_str().unwrap();
            assert!(!unit.is_empty() && !about.is_empty(), "{name}");
            if name.ends_with("_ms") {
                assert_eq!(unit, "ms", "{name}");
            }
        }
    }
}

#[test]
fn the_json_has_every_figure_it_promises() {
    let json = json(full());
    for pointer in [
        "/kind",
        "/scenario",
        "/participants",
        "/duration_s",
        "/join_ms/p50",
        "/join_ms/p95",
        "/join_ms/max",
        "/latency_ms/p50",
        "/latency_ms/p95",
        "/latency_ms/p99",
        "/rekey_ms/p50",
        "/rekey_ms/max",
        "/packets_sent",
        "/packets_received",
        "/packets_lost",
        "/frames_sent",
        "/frames_received",
        "/frames_decrypted",
        "/decrypt_failures",
        "/server/cpu_s",
        "/server/rss_mb",
        "/command",
        "/machine/cores",
        "/versions/conclave-loadtest",
        "/participants_by_kind/light/joined",
        "/distributions/latency/quantiles",
        "/generator/bound",
    ] {
        assert!(json.pointer(pointer).is_some(), "{pointer}");
    }
}

pub(crate) fn comparison() -> Comparison {
    let spread = Spread {
        min: 2.5,
        median: 3.0,
        max: 3.5,
    };
    let figure = TargetFigure {
        unit: "packets/s".to_owned(),
        better: figure::Better::Higher,
        about: "Packets delivered per second of the server's CPU time".to_owned(),
        spread: Some(spread),
        rounds: vec![Some(2.5), None, Some(3.5)],
        reason: None,
    };
    let target = TargetResult {
        figures: BTreeMap::from([("packets_per_cpu_second".to_owned(), figure)]),
        ..TargetResult::default()
    };
    Comparison {
        context: Context::new("many-rooms", BTreeMap::new()),
        baseline: "conclave".to_owned(),
        rounds: 3,
        participants_by_kind: Kinds::default(),
        ratios: BTreeMap::from([(
            "janus".to_owned(),
            BTreeMap::from([("packets_per_cpu_second".to_owned(), spread)]),
        )]),
        targets: BTreeMap::from([("janus".to_owned(), target)]),
        unavailable: BTreeMap::from([("livekit".to_owned(), "Go is not installed".to_owned())]),
        problems: Vec::new(),
        thresholds: Vec::new(),
    }
}

#[test]
fn documents_come_back_as_they_were() {
    for document in [
        Document::Run(Box::new(full())),
        Document::Run(Box::new(Report::new(run(), &Measures::default()))),
        Document::Comparison(Box::new(comparison())),
    ] {
        let again: Document = serde_json::from_str(&document.to_json()).unwrap();
        assert_eq!(again, document);
    }
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/loadtest-report.schema.json");
    let schema = Document::schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == schema,
        "docs/loadtest-report.schema.json is stale: run this test with UPDATE_SCHEMA=1"
    );
}

#[test]
fn the_schema_accepts_real_documents_and_refuses_broken_ones() {
    let schema: Value = serde_json::from_str(&Document::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let report = json(full());
    let comparison = serde_json::from_str(&Document::Comparison(Box::new(comparison())).to_json()).unwrap();
    for document in [
        &report,
        &comparison,
        &json(Report::new(run(), &Measures::default())),
    ] {
        let errors: Vec<String> = validator
            .iter_errors(document)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for (pointer, wrong) in [
        ("/figures/loss/value", Value::from("none")),
        ("/machine", Value::Null),
        ("/kind", Value::from("walk")),
        ("/packets_sent", Value::from(-1)),
    ] {
        let mut broken = report.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&broken), "{pointer}");
    }
}
