//! The command line from outside: exit codes and what is said with them.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failing one is the report")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

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
            output.status.success() && text.contains("steady") && text.contains("churn"),
            "{text}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
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
        (vec!["run", "steady", "--url", "https://localhost"], "plain HTTP"),
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
            vec!["run", "steady", "--url", url, "--participants", "0"],
            "0 is not in 1..=1000",
        ),
        (
            vec!["run", "steady", "--url", url, "--fail-if", "los>0"],
            "no figure",
        ),
        (vec!["run", "churn", "--url", url, "--rate", "0"], "above 0"),
    ] {
        let output = loadtest(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains(reason), "{arguments:?}: {}", said(&output));
    }
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
