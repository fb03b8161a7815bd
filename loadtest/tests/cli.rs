//! The command line from outside: exit codes and what is said with them.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failing one is the report")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use conclave_loadtest::measure::Measures;
use conclave_loadtest::measure::cost::Costs;
use conclave_loadtest::measure::steady::Steady;
use conclave_loadtest::report::Run;
use conclave_loadtest::report::context::Context;
use conclave_loadtest::report::model::{Document, Generator, Kinds, Report};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

fn loadtest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conclave-loadtest"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn list_and_help_name_every_scenario() {
    for arguments in [&["list"][..], &["run", "--help"]] {
        let output = loadtest(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("steady") && text.contains("capacity"),
            "{text}"
        );
    }
}

#[test]
fn help_teaches_with_examples_and_exit_codes() {
    for (arguments, lesson) in [
        (&["--help"][..], "Exit codes"),
        (&["run", "--help"], "conclave-loadtest run join-storm"),
        (&["compare", "--help"], "conclave-loadtest compare --targets"),
        (&["report", "--help"], "--baseline yesterday.json"),
        (&["join", "--help"], "conclave-loadtest join LINK --tone 440"),
        (&["relay", "--help"], "Example"),
    ] {
        let output = loadtest(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains(lesson),
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn a_server_that_is_not_conclaves_is_told_apart_from_a_busy_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stranger = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        connection
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    let output = loadtest(&["run", "steady", "--url", &url]);
    stranger.join().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("it is no Conclave"), "{}", said(&output));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let address = "127.0.0.1:1";
    let output = loadtest(&["run", "steady", "--url", &format!("http://{address}")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains(&format!("cannot reach {address}")),
        "{}",
        said(&output)
    );
}

#[test]
fn wrong_arguments_are_explained_before_anything_is_tried() {
    let url = "http://127.0.0.1:1";
    for (arguments, reason) in [
        (vec!["run", "nap", "--url", url], "no such scenario"),
        (vec!["run", "steady", "--url", "localhost"], "not a URL"),
        (
            vec!["run", "steady", "--url", "ftp://localhost"],
            "neither http nor https",
        ),
        (
            vec!["run", "steady", "--url", url, "--room", "http://x/r/abc"],
            "22 characters",
        ),
        (
            vec![
                "run",
                "steady",
                "--url",
                url,
                "--room",
                "http://x/r/AAAAAAAAAAAAAAAAAAAAAA",
            ],
            "quote the link",
        ),
        (
            vec!["run", "steady", "--url", url, "--duration", "30"],
            "no duration",
        ),
        (
            vec!["run", "steady", "--url", url, "--full", "0"],
            "nobody takes part",
        ),
        (
            vec!["join", "http://127.0.0.1:1/r/AAAAAAAAAAAAAAAAAAAAAA"],
            "quote the link",
        ),
        (
            vec!["join", "x", "--listen", "--tone", "440"],
            "cannot be used with",
        ),
        (
            vec!["run", "steady", "--url", url, "--fail-if", "los>0"],
            "no figure",
        ),
        (vec!["run", "churn", "--url", url, "--rate", "0"], "above 0"),
        (
            vec!["run", "steady", "--url", "http://localhost:1/r/x"],
            "the server alone is http://localhost:1",
        ),
        (
            vec!["run", "capacity", "--url", url, "--max-loss", "2"],
            "at most 1",
        ),
    ] {
        let output = loadtest(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains(reason), "{arguments:?}: {}", said(&output));
    }
}

/// A report of a run in which `latency` was the end-to-end latency of every frame, as a file of that name.
fn report_file(name: &str, latency: Duration) -> PathBuf {
    let measures = Measures::default();
    measures.latency.record(latency);
    let run = Run {
        context: Context::new("steady", BTreeMap::new()),
        participants: 1,
        kinds: Kinds::default(),
        server: Err("none".to_owned()),
        memory: Err("none".to_owned()),
        series: BTreeMap::new(),
        capacity: Vec::new(),
        costs: Costs::default(),
        steady: Steady::default(),
        generator: Generator::default(),
    };
    let path = std::env::temp_dir().join(format!("conclave-{}-{name}", std::process::id()));
    let document = Document::Run(Box::new(Report::new(run, &measures)));
    std::fs::write(&path, document.to_json()).unwrap();
    path
}

#[test]
fn a_report_is_shown_again_compared_and_judged() {
    let before = report_file("before.json", Duration::from_millis(10));
    let after = report_file("after.json", Duration::from_millis(80));
    let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
    let (page, metrics) = (format!("{after}.html"), format!("{after}.prom"));
    let output = loadtest(&[
        "report",
        after,
        "--baseline",
        before,
        "--html",
        &page,
        "--prometheus-file",
        &metrics,
        "--fail-if",
        "latency_p99_ms>50",
    ]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("failed: latency_p99_ms > 50"),
        "{}",
        said(&output)
    );
    assert!(
        table.contains("worse        latency_p99_ms") && table.contains("+700 %"),
        "{table}"
    );
    assert!(std::fs::read_to_string(&page).unwrap().contains("What changed"));
    let metrics_text = std::fs::read_to_string(&metrics).unwrap();
    assert!(
        metrics_text.contains("conclave_loadtest_failed{scenario=\"steady\"} 1"),
        "{metrics_text}"
    );

    let output = loadtest(&["report", before, "--json", "--fail-if", "latency_p99_ms>50"]);
    assert!(output.status.success(), "{}", said(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["thresholds"][0]["failed"], false);
    for path in [before, after, &page, &metrics] {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn what_is_no_report_is_refused_by_name() {
    let output = loadtest(&["report", "/nowhere/report.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("/nowhere/report.json"),
        "{}",
        said(&output)
    );
    let path = std::env::temp_dir().join(format!("conclave-{}-broken.json", std::process::id()));
    std::fs::write(&path, "{}").unwrap();
    let output = loadtest(&["report", path.to_str().unwrap()]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("no report of conclave-loadtest"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_relay_obeys_lines_on_stdin_and_ends_with_its_counts() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = server.local_addr().unwrap().to_string();
    let mut relay = Command::new(env!("CARGO_BIN_EXE_conclave-loadtest"))
        .args(["relay", "--listen", "127.0.0.1:0", "--to", &to])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut control = relay.stdin.take().unwrap();
    let mut lines = BufReader::new(relay.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();

    let listening = next()["listening"].as_str().unwrap().to_owned();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"hello", &listening).unwrap();
    assert_eq!(server.recv(&mut [0; 16]).unwrap(), 5);
    writeln!(control, r#"{{"up": "loss=5"}}"#).unwrap();
    assert!(next()["error"].as_str().unwrap().contains("loss"));
    writeln!(control, r#"{{"both": "loss=100%"}}"#).unwrap();
    assert_eq!(next()["clients"], 1);

    let terminated = Command::new("kill").arg(relay.id().to_string()).status().unwrap();
    assert!(terminated.success());
    let summary = next();
    assert_eq!(summary["up"]["delivered"], 1, "{summary}");
    assert!(relay.wait().unwrap().success());
}
