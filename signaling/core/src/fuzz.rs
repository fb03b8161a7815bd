//! Fuzz targets: hostile MLS bytes and hostile message sequences must never panic or touch another session.

use std::cell::RefCell;

use conclave_wire::bytes::Blob;
use conclave_wire::client::lobby::{Admit, Deny, Knock, Ticket};
use conclave_wire::client::membership::Kick;
use conclave_wire::client::mls::{Ack, AppUpload, CommitUpload, Found, Join, Nack, NackReason};
use conclave_wire::client::order::Order;
use conclave_wire::client::session::{Hello, Ping, Resume};
use conclave_wire::id::{ClientId, Epoch, LeafIndex};
use conclave_wire::{ClientMessage, PROTOCOL_VERSION, codec};

use crate::SessionKey;
use crate::delivery::heal::Shape;
use crate::delivery::welcome::SplitWelcome;
use crate::testing::{Desk, Member, ROOM};

thread_local! {
    /// A call of two that goes on from input to input; each input comes from a session of its own.
    static CALL: RefCell<(Desk, Vec<(Member, SessionKey)>)> = RefCell::new(call());
}

fn call() -> (Desk, Vec<(Member, SessionKey)>) {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2]);
    (desk, call)
}

/// Bytes that claim to be a group, from the one who was asked to found it.
pub fn fuzz_found(data: &[u8]) {
    let mut desk = Desk::new();
    let session = desk.enter(ClientId::new([1; 16]));
    let (group_info, ratchet_tree) = halves(data);
    desk.send(
        session,
        ClientMessage::Found(Found {
            group_info,
            ratchet_tree,
        }),
    );
    desk.pass_ms(3_000);
}

/// Bytes that claim to be a key package.
pub fn fuzz_join(data: &[u8]) {
    as_stranger(|_| {
        ClientMessage::Join(Join {
            key_package: Blob::from(data),
        })
    });
}

/// Bytes that claim to be a commit, its Welcome and its GroupInfo.
pub fn fuzz_commit(data: &[u8]) {
    as_stranger(|epoch| {
        let (commit, rest) = halves(data);
        let (welcome, group_info) = halves(rest.as_slice());
        ClientMessage::Commit(CommitUpload {
            epoch,
            commit,
            welcome: Some(welcome),
            group_info,
            skipped: Vec::new(),
        })
    });
}

/// Bytes that claim to be an application message.
pub fn fuzz_app(data: &[u8]) {
    as_stranger(|_| {
        ClientMessage::App(AppUpload {
            message: Blob::from(data),
        })
    });
}

/// Bytes that claim to be a Welcome or a ratchet tree, for this crate's own parsers.
pub fn fuzz_parsers(data: &[u8]) {
    if let Some(welcome) = SplitWelcome::parse(data) {
        let _ = welcome.only_for(data.get(..4).unwrap_or_default());
    }
    if let Some(shape) = Shape::parse(data) {
        let _ = shape.worst_copath();
    }
}

/// Messages in any order from several sessions; the members of the call stay connected.
pub fn fuzz_messages(data: &[u8]) {
    CALL.with_borrow_mut(|(desk, call)| {
        let mut sessions = Vec::new();
        for chunk in data.chunks(8) {
            let byte = |index: usize| chunk.get(index).copied().unwrap_or_default();
            if sessions.len() < 4 && byte(0) % 4 == 0 {
                sessions.push(desk.connect());
            }
            let Some(session) = sessions
                .get(usize::from(byte(1)) % sessions.len().max(1))
                .copied()
            else {
                continue;
            };
            let message = message(byte(2), byte(3), chunk);
            desk.send(session, message);
            desk.pass_ms(u64::from(byte(4)));
        }
        for session in sessions {
            desk.disconnect(session);
        }
        keep_alive(desk, call);
    });
}

fn message(kind: u8, detail: u8, bytes: &[u8]) -> ClientMessage {
    let blob = || Blob::from(bytes);
    let epoch = Epoch(u64::from(detail % 4));
    match kind % 17 {
        0 | 1 => {
            let claim = Resume {
                group_id: Blob([*ROOM.as_bytes(), [detail; 16]].concat()),
                epoch,
                confirmation_tag: blob(),
            };
            ClientMessage::Hello(Hello {
                version: PROTOCOL_VERSION,
                room: ROOM,
                client_id: ClientId::new([100 + detail % 8; 16]),
                token: None,
                resume: kind.is_multiple_of(2).then_some(claim),
                host: None,
            })
        }
        2 => ClientMessage::Ping(Ping { id: 1 }),
        3 => ClientMessage::Bye,
        4 => ClientMessage::Found(Found {
            group_info: blob(),
            ratchet_tree: blob(),
        }),
        5 => ClientMessage::Join(Join {
            key_package: Member::new(100 + detail % 8).key_package(),
        }),
        6 => ClientMessage::Ack(Ack {
            epoch,
            confirmation_hash: blob(),
        }),
        7 => ClientMessage::Nack(Nack {
            epoch,
            reason: NackReason::Invalid,
        }),
        8 => ClientMessage::App(AppUpload { message: blob() }),
        9 => ClientMessage::GroupInfoRequest,
        10 => ClientMessage::Kick(Kick {
            leaf: LeafIndex(u32::from(detail % 3)),
            epoch,
            ban: detail & 0x80 != 0,
            signature: blob(),
        }),
        11 => ClientMessage::Order(Order {
            text: String::from_utf8_lossy(bytes).into_owned(),
            key: blob(),
            signature: blob(),
        }),
        12 => ClientMessage::Knock(Knock {
            leaf_key: Blob(vec![detail; if kind < 128 { 32 } else { bytes.len() }]),
            card: blob(),
        }),
        13 => ClientMessage::Admit(Admit {
            client_id: ClientId::new([100 + detail % 8; 16]),
            leaf_key: Blob(vec![detail; 32]),
            ticket: Ticket {
                key: blob(),
                signature: Blob(vec![detail; 64]),
            },
        }),
        14 => ClientMessage::Deny(Deny {
            client_id: ClientId::new([100 + detail % 8; 16]),
        }),
        15 => codec::decode_client(&String::from_utf8_lossy(bytes)).unwrap_or(ClientMessage::Bye),
        _ => ClientMessage::Commit(CommitUpload {
            epoch,
            commit: blob(),
            welcome: None,
            group_info: blob(),
            skipped: Vec::new(),
        }),
    }
}

/// One message from somebody who is in the room but not in the group.
fn as_stranger(message: impl FnOnce(Epoch) -> ClientMessage) {
    CALL.with_borrow_mut(|(desk, call)| {
        let session = desk.enter(ClientId::new([77; 16]));
        let epoch = desk.state(session).group.map_or(Epoch(0), |group| group.epoch);
        desk.send(session, message(epoch));
        desk.send(session, ClientMessage::Bye);
        desk.take(session);
        keep_alive(desk, call);
    });
}

/// The members are still there and still served, whatever came.
fn keep_alive(desk: &mut Desk, call: &[(Member, SessionKey)]) {
    for (_, session) in call {
        desk.take(*session);
        desk.send(*session, ClientMessage::Ping(Ping { id: 7 }));
        let served = desk
            .take(*session)
            .iter()
            .any(|m| matches!(m, conclave_wire::ServerMessage::Pong(_)));
        assert!(served, "a hostile session disturbed another one");
    }
    desk.pass_ms(50);
}

fn halves(data: &[u8]) -> (Blob, Blob) {
    let (first, second) = data.split_at(data.len() / 2);
    (Blob::from(first), Blob::from(second))
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::testing::Plan;

    /// Runs mutations of valid inputs and random bytes.
    fn smoke(target: fn(&[u8]), valid: &[Vec<u8>], rounds: usize) {
        let mut rng = SmallRng::seed_from_u64(5);
        for round in 0..rounds {
            let mut input = match valid.get(round % (valid.len() + 1)) {
                Some(valid) => valid.clone(),
                None => (0..rng.random_range(0..200)).map(|_| rng.random()).collect(),
            };
            for _ in 0..rng.random_range(0..4) {
                if input.is_empty() {
                    break;
                }
                let at = rng.random_range(0..input.len());
                match rng.random_range(0..4) {
                    0 => input[at] = rng.random(),
                    1 => input.truncate(at),
                    2 => input[at] ^= 1 << rng.random_range(0..8),
                    _ => input.insert(at, rng.random()),
                }
            }
            target(&input);
        }
    }

    #[test]
    fn no_bytes_in_place_of_a_group_disturb_the_service() {
        let found = Member::new(1).found(ROOM);
        smoke(
            fuzz_found,
            &[[found.group_info.0, found.ratchet_tree.0].concat()],
            1_500,
        );
    }

    #[test]
    fn no_bytes_in_place_of_a_key_package_disturb_the_service() {
        smoke(fuzz_join, &[Member::new(77).key_package().0], 3_000);
    }

    #[test]
    fn no_bytes_in_place_of_a_commit_disturb_the_service() {
        let (_, mut call) = call();
        let (info, tree) = (call[0].0.group_info(), call[0].0.tree());
        let external = Member::new(77).external(&info, &tree, &[crate::testing::PSK_ID]);
        let add = call[0].0.commit(Plan::add(vec![Member::new(5).key_package()]));
        let joined = |upload: &CommitUpload| {
            let welcome = upload.welcome.clone().unwrap_or_default();
            [upload.commit.0.clone(), welcome.0, upload.group_info.0.clone()].concat()
        };
        smoke(
            fuzz_commit,
            &[joined(&external), joined(&add), external.commit.0],
            3_000,
        );
    }

    #[test]
    fn no_bytes_in_place_of_an_application_message_disturb_the_service() {
        let (_, mut call) = call();
        smoke(fuzz_app, &[call[0].0.app(b"hello").0], 3_000);
    }

    #[test]
    fn no_bytes_make_the_parsers_panic() {
        let (_, mut call) = call();
        let add = call[0].0.commit(Plan::add(vec![Member::new(5).key_package()]));
        smoke(
            fuzz_parsers,
            &[call[0].0.tree().0, add.welcome.unwrap().0],
            20_000,
        );
    }

    #[test]
    fn no_sequence_of_messages_disturbs_the_members_of_a_call() {
        smoke(fuzz_messages, &[], 2_000);
    }
}
