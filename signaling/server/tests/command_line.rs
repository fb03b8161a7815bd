//! The program from outside: options, files, errors, exit codes, start lines, logs and the end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests that fails is a test that fails"
)]

mod common;

use std::process::{Command, Output};

use common::{Folder, Running, conclave, get, greeting, hello, request};
use conclave_wire::id::RoomId;
use conclave_wire::{ErrorCode, ServerMessage};

fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn the_help_explains_every_option_and_the_ports() {
    let (code, help, _) = run(conclave().args(["serve", "--help"]));
    assert_eq!(code, 0);
    for word in [
        "--listen",
        "--media",
        "--advertise",
        "--sfu",
        "--config",
        "CONCLAVE_LISTEN",
        "0.0.0.0:8080",
        "3478",
    ] {
        assert!(help.contains(word), "{word} not in\n{help}");
    }
}

#[test]
fn the_default_file_is_printed_and_passes_the_check() {
    let (code, text, _) = run(conclave().args(["config", "print-default"]));
    assert_eq!(code, 0);
    let folder = Folder::new();
    let file = folder.file("conclave.toml", &text);
    let (code, text, errors) = run(conclave().args(["config", "check", "--config"]).arg(&file));
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("listen = \"0.0.0.0:8080\"  (default)"), "{text}");
}

#[test]
fn the_check_says_which_source_won() {
    let folder = Folder::new();
    let file = folder.file(
        "conclave.toml",
        "listen = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\nlog = \"warn\"\n",
    );
    let mut command = conclave();
    command.args(["config", "check", "--listen", "127.0.0.1:9"]);
    command
        .env("CONCLAVE_CONFIG", &file)
        .env("CONCLAVE_MEDIA", "127.0.0.1:8")
        .env("CONCLAVE_LISTEN", "127.0.0.1:7");
    let (code, text, errors) = run(&mut command);
    assert_eq!(code, 0, "{errors}");
    for line in [
        String::from("listen = \"127.0.0.1:9\"  (flag)"),
        String::from("media = \"127.0.0.1:8\"  (environment)"),
        format!("log = \"warn\"  ({}:3)", file.display()),
    ] {
        assert!(text.contains(&line), "{line} not in\n{text}");
    }
}

#[test]
fn mistakes_are_named_with_what_was_probably_meant() {
    let folder = Folder::new();
    let file = folder.file("conclave.toml", "\nlisten_on = \"127.0.0.1:1\"\n");
    let (code, _, errors) = run(conclave().args(["serve", "--config"]).arg(&file));
    assert_eq!(code, 2);
    assert!(
        errors.contains("listen_on") && errors.contains("did you mean `listen`?"),
        "{errors}"
    );

    let (code, _, errors) = run(conclave().arg("serve").env("CONCLAVE_ADVERTIZE", "1.2.3.4"));
    assert_eq!(code, 2);
    assert!(errors.contains("did you mean `CONCLAVE_ADVERTISE`?"), "{errors}");

    let (code, _, errors) = run(conclave().args(["serve", "--listne", "1"]));
    assert_eq!(code, 2);
    assert!(errors.contains("'--listen'"), "{errors}");

    let (code, _, errors) = run(conclave().args(["serve", "--listen", "somewhere"]));
    assert_eq!(code, 2);
    assert!(
        errors.contains("--listen: \"somewhere\" is not an address and port"),
        "{errors}"
    );

    let (code, _, errors) = run(conclave().args(["serve", "--config", "/does/not/exist"]));
    assert_eq!(code, 2);
    assert!(errors.contains("/does/not/exist"), "{errors}");
}

#[test]
fn a_port_in_use_is_a_friendly_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, errors) = run(conclave().args(["serve", "--listen", &address]));
    assert_eq!(code, 1);
    assert!(
        errors.contains("the port is in use") && errors.contains("--listen"),
        "{errors}"
    );

    let (code, _, errors) = run(conclave().args(["serve", "--listen", "192.0.2.1:8080"]));
    assert_eq!(code, 1);
    assert!(errors.contains("does not have that address"), "{errors}");
}

#[test]
fn a_folder_that_takes_no_files_is_a_friendly_error() {
    let folder = std::env::temp_dir().join("conclave-no-such-folder");
    let (code, _, errors) = run(conclave().args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--files-folder",
        folder.to_str().unwrap(),
    ]));
    assert_eq!(code, 1);
    assert!(
        errors.contains("cannot keep files in") && errors.contains("--files-folder"),
        "{errors}"
    );
}

#[test]
fn the_embedded_sfu_takes_a_port_and_the_start_lines_name_it() {
    let mut child = conclave()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--media",
            "127.0.0.1:0",
            "--advertise",
            "192.0.2.7",
        ])
        .spawn()
        .unwrap();
    let (text, address) = greeting(&mut child);
    assert!(
        text.contains("http://localhost:") && text.contains("UDP "),
        "{text}"
    );
    assert!(
        text.contains("192.0.2.7") && text.contains(&format!("TCP {}", address.port())),
        "{text}"
    );
    assert_eq!(get(address, "/readyz").status, 200);
    assert!(
        get(address, "/metrics")
            .text()
            .contains("conclave_rtp_packets_total")
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_stop_tells_everybody_and_ends_cleanly() {
    let server = Running::start(&[]).await;
    let mut client = server.client().await;
    client.send(&hello(RoomId::new([3; 16]), 1)).await;
    assert!(matches!(client.message().await, ServerMessage::State(_)));
    server.terminate();
    let (error, close) = client.refusal().await;
    assert_eq!(error.code, ErrorCode::ShuttingDown);
    assert_eq!(u16::from(close.code), 1012);
    drop(client);
    let (status, logs) = server.wait();
    assert!(status.success(), "{logs}");
    assert!(logs.contains("stopped"), "{logs}");
}

#[tokio::test]
async fn neither_rooms_nor_people_nor_secrets_are_logged_at_any_level() {
    // Even with everything switched on.
    let server = Running::start(&[]).await;
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I";
    let room = request(server.address, "POST", "/api/v1/rooms", &[], b"").json()["room"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut client = server.client().await;
    client.send(&hello(RoomId::parse(&room).unwrap(), 0xab)).await;
    let ServerMessage::State(state) = client.message().await else {
        panic!("no state")
    };
    // A client that leaks its secret by mistake does not leak it into our log.
    get(server.address, &format!("/r/{room}?{secret}"));
    client.send_text(&format!(r#"{{"type":"{secret}"}}"#)).await;
    assert_eq!(client.refusal().await.0.code, ErrorCode::BadMessage);
    server.terminate();
    let (_, logs) = server.wait();
    assert!(logs.contains("connection ended"), "debug lines are on: {logs}");
    let person = conclave_wire::id::ClientId::new([0xab; 16]).to_text();
    for word in [
        room.as_str(),
        secret,
        &person,
        &state.token.to_text(),
        common::TOKEN,
    ] {
        assert!(!logs.contains(word), "{word} in {logs}");
    }
}

#[tokio::test]
async fn log_lines_can_be_json() {
    let server = Running::start(&[]).await;
    drop(server);
    let folder = Folder::new();
    let token = folder.file("token", common::TOKEN);
    let mut child = conclave()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--sfu",
            "ws://127.0.0.1:1",
            "--log-format",
            "json",
        ])
        .arg("--sfu-token-file")
        .arg(token)
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stderr.take().unwrap()),
        &mut line,
    )
    .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
}
