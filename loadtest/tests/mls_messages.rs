//! Pins the MLS messages of `conclave-e2ee` to those of `conclave-wire`: one JSON, two readers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests: a failing one is the report"
)]

use std::path::Path;

use conclave_e2ee::message::{Incoming, Outgoing};
use conclave_wire::bytes::Blob;
use conclave_wire::client::membership::Kick;
use conclave_wire::client::order::Order;
use conclave_wire::client::{lobby, mls, session};
use conclave_wire::id::{ClientId, Epoch, LeafIndex, Seq, SessionToken, TreeHash};
use conclave_wire::{ClientMessage, ServerMessage, codec};
use serde_json::Value;

fn blob(byte: u8) -> Blob {
    Blob(vec![byte; 5])
}

fn client(byte: u8) -> ClientId {
    ClientId::new([byte; 16])
}

/// Every message that goes to the session. The compiler asks for a new variant to be sorted in here.
fn is_for_session(message: &ServerMessage) -> bool {
    match message {
        ServerMessage::State(_)
        | ServerMessage::FoundOk
        | ServerMessage::FoundLost
        | ServerMessage::CommitCall(_)
        | ServerMessage::Commit(_)
        | ServerMessage::CommitRejected(_)
        | ServerMessage::Welcome(_)
        | ServerMessage::Final(_)
        | ServerMessage::Rollback(_)
        | ServerMessage::Go(_)
        | ServerMessage::App(_)
        | ServerMessage::GroupInfo(_)
        | ServerMessage::Order(_)
        | ServerMessage::Knocks(_)
        | ServerMessage::Admitted(_) => true,
        ServerMessage::Pong(_)
        | ServerMessage::Error(_)
        | ServerMessage::Presence(_)
        | ServerMessage::TrackPublished(_)
        | ServerMessage::TrackUnpublished(_)
        | ServerMessage::Answer(_)
        | ServerMessage::OfferRejected(_)
        | ServerMessage::EncodingsNeeded(_)
        | ServerMessage::PicturesPaused(_) => false,
    }
}

fn is_from_session(message: &ClientMessage) -> bool {
    match message {
        ClientMessage::Found(_)
        | ClientMessage::Join(_)
        | ClientMessage::Commit(_)
        | ClientMessage::Ack(_)
        | ClientMessage::Nack(_)
        | ClientMessage::App(_)
        | ClientMessage::GroupInfoRequest
        | ClientMessage::Kick(_)
        | ClientMessage::Order(_)
        | ClientMessage::Knock(_)
        | ClientMessage::Admit(_)
        | ClientMessage::Deny(_) => true,
        ClientMessage::Hello(_)
        | ClientMessage::Ping(_)
        | ClientMessage::Bye
        | ClientMessage::Offer(_)
        | ClientMessage::Views(_) => false,
    }
}

fn state(standing: session::Standing, suite: session::Suite) -> ServerMessage {
    ServerMessage::State(session::State {
        token: SessionToken::new([1; 32]),
        standing,
        group: (standing != session::Standing::Found).then(|| session::GroupState {
            group_id: blob(1),
            epoch: Epoch(7),
        }),
        policy: session::Policy {
            suite,
            max_participants: 50,
        },
        participants: vec![],
        tracks: vec![],
        orders: vec![order()],
        idle_timeout_ms: 15_000,
    })
}

fn server_messages() -> Vec<ServerMessage> {
    use session::{Standing, Suite};
    let standings = [
        Standing::Found,
        Standing::Wait,
        Standing::Join,
        Standing::Resume,
        Standing::Resync,
        Standing::Restore,
        Standing::Knock,
    ];
    let mut messages: Vec<ServerMessage> = standings
        .into_iter()
        .map(|standing| state(standing, Suite::PostQuantum))
        .collect();
    messages.push(state(Standing::Join, Suite::Classic));
    messages.extend([ServerMessage::FoundOk, ServerMessage::FoundLost]);
    for heal in [false, true] {
        messages.push(ServerMessage::CommitCall(mls::CommitCall {
            epoch: Epoch(7),
            adds: vec![mls::PendingAdd {
                client_id: client(2),
                key_package: blob(3),
            }],
            removes: vec![LeafIndex(4)],
            rank: 1,
            delay_ms: 200,
            heal,
        }));
    }
    messages.push(ServerMessage::Commit(mls::Commit {
        seq: Seq(9),
        epoch: Epoch(8),
        commit: blob(5),
    }));
    for reason in [
        mls::RejectReason::Lost,
        mls::RejectReason::WrongEpoch,
        mls::RejectReason::Invalid,
        mls::RejectReason::Policy,
    ] {
        messages.push(ServerMessage::CommitRejected(mls::CommitRejected {
            epoch: Epoch(8),
            reason,
        }));
    }
    let tree_hash = TreeHash::new([6; 32]);
    messages.extend([
        ServerMessage::Welcome(mls::Welcome {
            seq: Seq(9),
            epoch: Epoch(8),
            welcome: blob(7),
            tree_hash,
        }),
        ServerMessage::Final(mls::Final { epoch: Epoch(8) }),
        ServerMessage::Rollback(mls::Rollback { epoch: Epoch(8) }),
        ServerMessage::Go(mls::Go {
            epoch: Epoch(u64::from(u32::MAX) + 8),
        }),
        ServerMessage::App(mls::App {
            seq: Seq(10),
            message: blob(8),
        }),
        ServerMessage::GroupInfo(mls::GroupInfo {
            epoch: Epoch(8),
            group_info: blob(9),
            tree_hash,
        }),
        ServerMessage::Order(order()),
        ServerMessage::Knocks(lobby::Knocks {
            knocks: vec![lobby::KnockOf {
                client_id: client(3),
                leaf_key: blob(4),
                card: blob(5),
            }],
        }),
        ServerMessage::Admitted(lobby::Admitted { ticket: ticket() }),
    ]);
    messages
}

fn ticket() -> lobby::Ticket {
    lobby::Ticket {
        key: blob(1),
        signature: blob(2),
    }
}

fn order() -> Order {
    Order {
        text: "{}".to_owned(),
        key: blob(1),
        signature: blob(2),
    }
}

fn client_messages() -> Vec<ClientMessage> {
    let mut messages = vec![
        ClientMessage::Found(mls::Found {
            group_info: blob(1),
            ratchet_tree: blob(2),
        }),
        ClientMessage::Join(mls::Join { key_package: blob(3) }),
        ClientMessage::Ack(mls::Ack {
            epoch: Epoch(8),
            confirmation_hash: blob(4),
        }),
        ClientMessage::App(mls::AppUpload { message: blob(5) }),
        ClientMessage::GroupInfoRequest,
        ClientMessage::Order(order()),
        ClientMessage::Knock(lobby::Knock {
            leaf_key: blob(4),
            card: blob(5),
        }),
        ClientMessage::Admit(lobby::Admit {
            client_id: client(3),
            leaf_key: blob(4),
            ticket: ticket(),
        }),
        ClientMessage::Deny(lobby::Deny { client_id: client(3) }),
        ClientMessage::Kick(Kick {
            leaf: LeafIndex(2),
            epoch: Epoch(8),
            ban: true,
            signature: blob(6),
        }),
    ];
    for reason in [
        mls::NackReason::Invalid,
        mls::NackReason::Policy,
        mls::NackReason::Admission,
        mls::NackReason::Welcome,
        mls::NackReason::Tree,
    ] {
        messages.push(ClientMessage::Nack(mls::Nack {
            epoch: Epoch(8),
            reason,
        }));
    }
    let skips = [
        mls::SkipReason::Invalid,
        mls::SkipReason::Expired,
        mls::SkipReason::Admission,
        mls::SkipReason::Duplicate,
    ];
    let skipped: Vec<mls::Skipped> = skips
        .into_iter()
        .map(|reason| mls::Skipped {
            client_id: client(7),
            reason,
        })
        .collect();
    for (welcome, skipped) in [(None, vec![]), (Some(blob(8)), skipped)] {
        messages.push(ClientMessage::Commit(mls::CommitUpload {
            epoch: Epoch(7),
            commit: blob(9),
            welcome,
            group_info: blob(10),
            skipped,
        }));
    }
    messages
}

/// What the session keeps of a message is what the message said, field by field.
fn assert_part_of(kept: &Value, said: &Value, path: &str) {
    match (kept, said) {
        (Value::Object(kept), Value::Object(said)) => {
            for (key, value) in kept {
                let said = said
                    .get(key)
                    .unwrap_or_else(|| panic!("{path}.{key} is not in the message"));
                assert_part_of(value, said, &format!("{path}.{key}"));
            }
        }
        _ => assert_eq!(kept, said, "{path}"),
    }
}

fn check_incoming(text: &str) {
    let incoming: Incoming = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let said: Value = serde_json::from_str(text).unwrap();
    assert!(Incoming::is_for_session(said["type"].as_str().unwrap()), "{text}");
    let kept = serde_json::to_value(&incoming).unwrap();
    assert_part_of(&kept, &said, "message");
    if said["type"] != "state" {
        // Only State has more than the session needs.
        assert_eq!(kept, said);
    }
}

fn check_outgoing(text: &str) {
    let outgoing: Outgoing = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let again = codec::decode_client(&outgoing.to_json()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(again, codec::decode_client(text).unwrap());
}

#[test]
fn the_session_reads_every_mls_message_of_the_server() {
    let messages = server_messages();
    assert!(messages.iter().all(is_for_session));
    for message in messages {
        check_incoming(&codec::encode(&message));
    }
}

#[test]
fn the_server_reads_every_message_of_the_session() {
    let messages = client_messages();
    assert!(messages.iter().all(is_from_session));
    for message in messages {
        check_outgoing(&codec::encode(&message));
    }
}

#[test]
fn the_golden_vectors_of_the_wire_are_read_by_the_session() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/vectors");
    let read = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(vectors.join(folder)).unwrap();
        entries
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    };
    let mut incoming = 0;
    for text in read("server") {
        if is_for_session(&codec::decode_server(&text).unwrap()) {
            check_incoming(&text);
            incoming += 1;
        }
    }
    let mut outgoing = 0;
    for text in read("client") {
        if is_from_session(&codec::decode_client(&text).unwrap()) {
            check_outgoing(&text);
            outgoing += 1;
        }
    }
    assert!(
        incoming >= 12 && outgoing >= 8,
        "{incoming} and {outgoing} vectors"
    );
}
