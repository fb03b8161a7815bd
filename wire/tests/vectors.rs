//! The golden vectors are the wire format: each decodes, encodes to the same JSON, and every message has one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

use std::collections::BTreeSet;
use std::path::Path;

use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::{ClientMessage, ServerMessage, codec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn vectors(folder: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(folder);
    let mut found: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

/// Returns the `type` of every vector after checking that it survives the types.
fn check<T: Serialize + DeserializeOwned>(folder: &str) -> BTreeSet<String> {
    vectors(folder)
        .into_iter()
        .map(|(name, text)| {
            let message: T =
                codec::decode(&text, 1 << 20).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"));
            let expected: Value = serde_json::from_str(&text).unwrap();
            let actual: Value = serde_json::from_str(&codec::encode(&message)).unwrap();
            assert_eq!(actual, expected, "{folder}/{name}");
            expected.get("type").and_then(Value::as_str).unwrap().to_owned()
        })
        .collect()
}

/// The variants serde knows, read from its own error message for an unknown one.
fn known<T: DeserializeOwned>() -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>(r#"{"type":"?"}"#) else {
        panic!("'?' is no message")
    };
    let text = error.to_string();
    let (_, list) = text.split_once("expected one of ").unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_client_message_has_a_vector_that_round_trips() {
    assert_eq!(check::<ClientMessage>("client"), known::<ClientMessage>());
}

#[test]
fn every_server_message_has_a_vector_that_round_trips() {
    assert_eq!(check::<ServerMessage>("server"), known::<ServerMessage>());
}

#[test]
fn every_control_message_has_a_vector_that_round_trips() {
    assert_eq!(check::<ControlCommand>("command"), known::<ControlCommand>());
    assert_eq!(check::<ControlEvent>("event"), known::<ControlEvent>());
}
