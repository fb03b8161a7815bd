//! Whole calls against the real server: both programs run as processes, as a person would start them.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failing one is the report")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const LOADTEST: &str = env!("CARGO_BIN_EXE_conclave-loadtest");

/// Builds the server beside the load tester; nothing happens when it is built already.
fn server_binary() -> PathBuf {
    let folder = Path::new(LOADTEST).parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "conclave-signaling",
        "--bin",
        "conclave",
    ]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "the server cannot be built");
    folder.join("conclave")
}

struct Server {
    process: Child,
    url: String,
    /// The folder of its certificate, if it speaks TLS.
    tls: Option<tempfile::TempDir>,
}

impl Server {
    fn start() -> Self {
        Self::start_with(None)
    }

    /// The same over TLS, with a certificate of its own.
    fn start_secure() -> Self {
        Self::start_with(Some(tempfile::tempdir().unwrap()))
    }

    fn start_with(tls: Option<tempfile::TempDir>) -> Self {
        let mut command = Command::new(server_binary());
        let scheme = match &tls {
            Some(folder) => {
                command
                    .args(["serve", "--tls", "self-signed", "--tls-folder"])
                    .arg(folder.path());
                "https"
            }
            None => {
                command.arg("serve");
                "http"
            }
        };
        let mut process = command
            // Ports that the system gives it: one that was free a moment ago is another test's by now.
            .args(["--listen", "127.0.0.1:0", "--media", "127.0.0.1:0"])
            .args(["--advertise", "127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.ok()?.split_once("://localhost:")?.1.parse::<u16>().ok());
        assert!(port.is_some(), "the server did not say where it is");
        // What else it says is read and dropped, so that it is never blocked.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            url: format!("{scheme}://127.0.0.1:{}", port.unwrap()),
            tls,
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let url = ["--url", &self.url, "--json", "-"];
        let mut command = Command::new(LOADTEST);
        if let Some(folder) = &self.tls {
            command.env("SSL_CERT_FILE", folder.path().join("self-signed.pem"));
        }
        command.arg("run").args(arguments).args(url).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout);
    assert!(report.is_ok(), "no report, but: {said}");
    report.unwrap()
}

#[test]
fn a_call_over_tls_is_a_call() {
    let server = Server::start_secure();
    let output = server.run(&["steady", "--participants", "2", "--duration", "2s"]);
    let report = report(&output);
    assert_eq!(report["participants_joined"], 2, "{report}");

    let strange = Command::new(LOADTEST)
        .args(["run", "steady", "--participants", "2", "--url", &server.url])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&strange.stderr);
    assert_eq!(strange.status.code(), Some(2), "{said}");
    assert!(said.contains("certificate"), "{said}");
}

#[test]
fn three_bots_hear_and_see_each_other_without_a_failure() {
    let server = Server::start();
    let output = server.run(&[
        "steady",
        "--participants",
        "3",
        "--duration",
        "4s",
        "--fail-if",
        "decrypt_failures>0",
        "--fail-if",
        "loss>0.001",
        "--fail-if",
        "participants_joined<3",
        "--fail-if",
        "compared.audio_different>0",
        "--fail-if",
        "compared.audio_frames<300",
        "--fail-if",
        "compared.video_different>0",
        "--fail-if",
        "compared.video_frames<100",
        "--fail-if",
        "problems>0",
    ]);
    let report = report(&output);
    assert!(
        output.status.success(),
        "{report:#}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for figure in [
        "/join_ms/p95",
        "/latency_ms/p99",
        "/rekey_ms/max",
        "/server/cpu_s",
        "/server/rss_mb",
    ] {
        assert!(
            report.pointer(figure).is_some_and(Value::is_number),
            "{figure}: {report:#}"
        );
    }
    for figure in [
        "join_websocket_p50_ms",
        "join_admission_p50_ms",
        "join_transport_p50_ms",
        "join_first_packet_p50_ms",
        "join_first_frame_p50_ms",
        "latency_p99_ms",
        "jitter_p95_ms",
        "video_freezes",
        "audio_gaps",
        "rekey_join_max_ms",
        "commits_made",
        "server_cpu_us_per_packet",
        "generator_cpu_us_per_packet",
    ] {
        let told = &report["figures"][figure];
        assert!(told["value"].is_number(), "{figure}: {told}");
    }
    let delivered = report["series"]["packets_per_second"]["points"]
        .as_array()
        .unwrap();
    assert!(
        delivered.iter().any(|point| point[1].as_f64() > Some(100.0)),
        "{delivered:?}"
    );
    assert_eq!(report["participants_by_kind"]["full"]["joined"], 3);
    assert_eq!(report["removal_ms"], Value::Null);
    assert!(report["unmeasured"]["removal_ms"].is_string());
}

#[test]
fn nobody_misses_a_frame_while_others_come_and_go() {
    let server = Server::start();
    let output = server.run(&[
        "churn",
        "--participants",
        "3",
        "--rate",
        "1",
        "--duration",
        "4s",
        "--video",
        "vp9",
        "--fail-if",
        "decrypt_failures>0",
        "--fail-if",
        "loss>0.05",
        "--fail-if",
        "participants_started<6",
        "--fail-if",
        "removal_ms.max>5000",
        "--fail-if",
        "rekey_kick_max_ms>5000",
        "--fail-if",
        "kick_key_useless_max_ms>5000",
        "--fail-if",
        "compared.video_different>0",
    ]);
    assert!(
        output.status.success(),
        "{:#}\n{}",
        report(&output),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_threshold_that_does_not_hold_makes_exit_code_1_and_a_report_all_the_same() {
    let server = Server::start();
    let output = server.run(&[
        "steady",
        "--participants",
        "1",
        "--duration",
        "1s",
        "--fail-if",
        "frames_sent>=0",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["participants_joined"], 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("failed: frames_sent >= 0"));
}

#[test]
fn browsers_that_are_not_installed_end_the_run_in_one_line() {
    let server = Server::start();
    let output = Command::new(LOADTEST)
        .args(["run", "steady", "--url", &server.url, "--browsers", "1"])
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Chromium is not installed"), "{said}");
}

#[test]
fn light_and_full_participants_and_phantoms_share_a_room() {
    let server = Server::start();
    let output = server.run(&[
        "steady",
        "--full",
        "2",
        "--light",
        "4",
        "--duration",
        "4s",
        "--fail-if",
        "decrypt_failures>0",
        "--fail-if",
        "compared.audio_different>0",
        "--fail-if",
        "compared.audio_frames<300",
        "--fail-if",
        "compared.video_different>0",
        "--fail-if",
        "problems>0",
    ]);
    let report = report(&output);
    let kinds = &report["participants_by_kind"];
    assert!(
        output.status.success() && kinds["light"]["joined"] == 4 && kinds["full"]["joined"] == 2,
        "{report:#}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for figure in ["latency_p99_ms", "added_latency_p99_ms"] {
        assert!(
            report["figures"][figure]["value"].is_number(),
            "{figure}: {report:#}"
        );
    }
}

#[test]
fn phantoms_fill_a_group_in_which_real_members_come_and_go() {
    let server = Server::start();
    let output = server.run(&[
        "large-room",
        "--light",
        "3",
        "--phantoms",
        "20",
        "--duration",
        "3s",
        "--rate",
        "1",
        "--fail-if",
        "decrypt_failures>0",
        "--fail-if",
        "problems>0",
    ]);
    let report = report(&output);
    let kinds = &report["participants_by_kind"];
    assert!(
        output.status.success() && kinds["phantom"]["joined"] == 20,
        "{report:#}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
