//! Fuzz targets: everything that reads bytes from the network. Plain functions, called by the tests below with seeded
//! mutations and by a fuzzer with what it finds.

use std::cell::RefCell;

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::OpenMlsProvider as _;
use openmls_rust_crypto::OpenMlsRustCrypto;
use serde_json::json;

use crate::call_policy::CallPolicy;
use crate::card::{self, CardLeaf};
use crate::confirmation::Content;
use crate::encoding::Blob;
use crate::frame::{Codec, Context};
use crate::message::Order;
use crate::moderation::{self, RulesWish, Wish};
use crate::orders::{GroupHosts, Orders};
use crate::secrets::RoomKeys;
use crate::ticket;
use crate::{RoomSecret, Session, SessionConfig, encoding};

const ROOM: [u8; 16] = [7; 16];

thread_local! {
    /// A member of a group of its own, kept between runs because founding is slow.
    static MEMBER: RefCell<Option<Session>> = RefCell::new(founder());
}

fn session() -> Option<Session> {
    Session::new(SessionConfig {
        room_id: ROOM,
        room_secret: RoomSecret::new([9; 32]),
        client_id: [1; 16],
        display_name: "Fuzz".to_owned(),
    })
    .ok()
}

fn founder() -> Option<Session> {
    let mut session = session()?;
    let state = json!({"type": "state", "standing": "found",
        "policy": {"suite": "classic", "max_participants": 9}});
    session.handle_message(0, &state.to_string()).ok()?;
    session.handle_message(0, "{\"type\":\"found_ok\"}").ok()?;
    drain(&mut session);
    Some(session)
}

fn with_member(work: impl FnOnce(&mut Session)) {
    MEMBER.with_borrow_mut(|member| {
        if member.as_ref().is_none_or(|session| session.epoch().is_none()) {
            *member = founder();
        }
        if let Some(session) = member {
            work(session);
            drain(session);
        }
    });
}

fn drain(session: &mut Session) {
    while session.poll_output().is_some() {}
}

/// A message text, to a member and to a session that has seen nothing.
pub fn fuzz_incoming_message(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    with_member(|session| {
        let _ = session.handle_message(1, &text);
    });
    if let Some(mut session) = session() {
        let _ = session.handle_message(1, &text);
        drain(&mut session);
        session.handle_timeout(10_000);
    }
}

/// MLS bytes inside a well-formed message; the first byte says which.
pub fn fuzz_mls_message(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    let bytes = encoding::encode(bytes);
    with_member(|session| {
        let epoch = session.epoch().unwrap_or_default();
        let message = match kind % 5 {
            0 => json!({"type": "commit", "seq": 1, "epoch": epoch + 1, "commit": bytes}),
            1 => json!({"type": "app", "seq": 1, "message": bytes}),
            2 => json!({"type": "commit_call", "epoch": epoch, "removes": [], "rank": 0, "delay_ms": 0,
                "heal": false, "adds": [{"client_id": encoding::encode(&[2; 16]), "key_package": bytes}]}),
            3 => json!({"type": "group_info", "epoch": epoch, "group_info": bytes, "tree_hash": "t"}),
            _ => json!({"type": "welcome", "seq": 1, "epoch": epoch, "welcome": bytes, "tree_hash": "t"}),
        };
        let _ = session.handle_message(1, &message.to_string());
        let _ = session.handle_message(1, &json!({"type": "rollback", "epoch": epoch + 1}).to_string());
    });
}

/// A Welcome or GroupInfo and the tree that was fetched for it; the first two bytes say where one ends.
pub fn fuzz_tree(data: &[u8]) {
    let Some((&[high, low], rest)) = data.split_first_chunk() else {
        return;
    };
    let at = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
    let (message, tree) = rest.split_at(at);
    let _ = crate::group::contained(|| crate::group::join::parse_tree(tree));
    let Some(mut session) = session() else { return };
    let group_id = encoding::encode(&[ROOM, ROOM].concat());
    let policy = json!({"suite": "classic", "max_participants": 9});
    let state = json!({"type": "state", "standing": "resync", "policy": policy,
        "group": {"group_id": group_id, "epoch": 3}});
    let _ = session.handle_message(1, &state.to_string());
    let tree_hash = crate::session::tree_hash(tree);
    let info = json!({"type": "group_info", "epoch": 3, "group_info": encoding::encode(message),
        "tree_hash": tree_hash});
    let _ = session.handle_message(1, &info.to_string());
    let _ = session.handle_tree(1, &tree_hash, Some(tree));
    drain(&mut session);
}

/// A frame; the first byte chooses codec and context.
pub fn fuzz_frame(data: &[u8]) {
    let Some((choice, frame)) = data.split_first() else {
        return;
    };
    let codec = match choice % 3 {
        0 => Codec::Opus,
        1 => Codec::Vp8,
        _ => Codec::Vp9,
    };
    let context = Context::from_number(choice / 3 % 4).unwrap_or(Context::Camera);
    with_member(|session| {
        let mut out = Vec::new();
        let _ = session.decrypt(1, context, codec, frame, &mut out);
        let _ = session.encrypt(context, codec, frame, &mut out);
    });
}

/// An identity card, sealed and opened; also the other small formats of this protocol.
pub fn fuzz_card(data: &[u8]) {
    let provider = OpenMlsRustCrypto::default();
    let leaf = CardLeaf {
        group_id: b"group",
        leaf_key: &[5; 32],
    };
    if let Ok(keys) = RoomKeys::derive(&RoomSecret::new([9; 32]), &ROOM) {
        let _ = card::open(provider.crypto(), &keys, leaf, data);
    }
    let _ = card::parse(data, b"binding");
    let _ = CallPolicy::decode(data);
    let _ = Content::decode(data);
}

/// An order as a host of the group signed it: whatever its text says, it is judged and asked about.
pub fn fuzz_order(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let host = SigningKey::from_bytes(&[3; 32]);
    let key = host.verifying_key().to_bytes();
    let signature = Blob(host.sign(&moderation::signed_bytes(&text)).to_bytes().to_vec());
    let order = Order {
        text,
        key: Blob(key.to_vec()),
        signature,
    };
    let hosts = GroupHosts {
        room_id: &[0; 16],
        group_id: &[0; 32],
        keys: &[key],
    };
    let mut orders = Orders::default();
    let _ = orders.take(&hosts, &order);
    let role = orders.role_of(&hosts, data);
    let _ = orders.permitted(role, data);
    orders.wish(Wish::Rules(RulesWish::Again));
    let _ = orders.next_text(&hosts, true);
}

/// A ticket as it stands in a leaf.
pub fn fuzz_ticket(data: &[u8]) {
    if let Some(ticket) = ticket::decode(data) {
        let _ = ticket::is_signed(&ticket, b"group", &[5; 32]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::world::World;
    use crate::{Output, Suite};

    /// Marsaglia's xorshift: one seed, one run.
    struct Random(u64);

    impl Random {
        fn next(&mut self, below: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 11).unwrap() % below
        }

        fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
            let mut data = seed.to_vec();
            for _ in 0..=self.next(4) {
                let at = self.next(data.len() + 1);
                match self.next(5) {
                    0 => data.truncate(at),
                    1 => data.insert(at, u8::try_from(self.next(256)).unwrap()),
                    2 => data.extend((0..self.next(20)).map(|n| u8::try_from(n).unwrap())),
                    _ if at < data.len() => data[at] ^= 1 << self.next(8),
                    _ => {}
                }
            }
            data
        }
    }

    fn smoke(seed: u64, rounds: usize, corpus: &[Vec<u8>], target: fn(&[u8])) {
        let mut random = Random(seed);
        for entry in corpus {
            target(entry);
        }
        for _ in 0..rounds {
            let base = if random.next(8) == 0 {
                vec![0; random.next(64)]
            } else {
                corpus[random.next(corpus.len())].clone()
            };
            target(&random.mutate(&base));
        }
    }

    /// What a room really says: commits, key packages, GroupInfo and tree, application messages.
    fn room() -> (World, Vec<Vec<u8>>) {
        let mut world = World::with(Suite::Classic, 3);
        world.clients[0].session.send_app(b"payload").unwrap();
        let Some(Output::Send(app)) = world.clients[0].session.poll_output() else {
            panic!("no app message")
        };
        let mut texts: Vec<Vec<u8>> = vec![app.to_json().into_bytes()];
        for (epoch, commit) in world.log.clone() {
            texts.push(
                json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit})
                    .to_string()
                    .into_bytes(),
            );
        }
        (world, texts)
    }

    #[test]
    fn message_texts_never_panic() {
        let (_, mut corpus) = room();
        corpus.extend(
            [
                "{\"type\":\"found_ok\"}",
                "{\"type\":\"found_lost\"}",
                "{\"type\":\"final\",\"epoch\":1}",
                "{\"type\":\"go\",\"epoch\":18446744073709551615}",
                "{\"type\":\"rollback\",\"epoch\":1}",
                "{\"type\":\"commit_call\",\"epoch\":0,\"adds\":[],\"removes\":[4294967295],\"rank\":1,\"delay_ms\":5,\"heal\":false}",
                "{\"type\":\"state\",\"standing\":\"join\",\"group\":{\"group_id\":\"AAAA\",\"epoch\":1},\"policy\":{\"suite\":\"classic\",\"max_participants\":3}}",
                "{\"type\":\"commit_rejected\",\"epoch\":1,\"reason\":\"lost\"}",
            ]
            .map(|text| text.as_bytes().to_vec()),
        );
        smoke(1, 20_000, &corpus, fuzz_incoming_message);
    }

    #[test]
    fn mls_bytes_never_panic() {
        let (world, _) = room();
        let found = world.group.clone().unwrap();
        let mut corpus: Vec<Vec<u8>> = world
            .log
            .iter()
            .map(|(_, commit)| [&[0], commit.as_slice()].concat())
            .collect();
        for kind in 0..5 {
            corpus.push([&[kind], found.group_info.as_slice()].concat());
        }
        smoke(2, 20_000, &corpus, fuzz_mls_message);
    }

    #[test]
    fn trees_never_panic() {
        let (world, _) = room();
        let found = world.group.clone().unwrap();
        let length = u16::try_from(found.group_info.0.len()).unwrap();
        let entry = [
            length.to_be_bytes().as_slice(),
            found.group_info.as_slice(),
            found.ratchet_tree.as_slice(),
        ]
        .concat();
        smoke(3, 1_000, &[entry], fuzz_tree);
    }

    #[test]
    fn frames_never_panic() {
        let (mut world, _) = room();
        let mut corpus = Vec::new();
        for (choice, context, codec) in [
            (0, Context::Microphone, Codec::Opus),
            (4, Context::Camera, Codec::Vp8),
            (8, Context::ScreenVideo, Codec::Vp9),
        ] {
            let frame = world.encrypt(1, context, codec, &[0; 50]);
            corpus.push([&[choice], frame.as_slice()].concat());
        }
        smoke(4, 20_000, &corpus, fuzz_frame);
    }

    #[test]
    fn orders_and_tickets_never_panic() {
        let room = crate::encoding::encode(&[0; 16]);
        let group = crate::encoding::encode(&[0; 32]);
        let corpus = [
            format!(
                r#"{{"order":"roles","group":"{group}","version":1,"people":[{{"key":"AAAA","role":"viewer"}}]}}"#
            ),
            format!(
                r#"{{"order":"rules","group":"{group}","version":18446744073709551615,"sources":["camera"],"exceptions":[{{"key":"AAAA","stopped":["camera"],"person":"AA"}}],"locked":true,"lobby":false}}"#
            ),
            format!(
                r#"{{"order":"terms","room":"{room}","version":1,"expires":1,"max_uses":0,"used":4294967295,"burn":true}}"#
            ),
            format!(r#"{{"order":"end","group":"{group}","epoch":3}}"#),
            format!(r#"{{"order":"burn","room":"{room}","group":"{group}"}}"#),
        ];
        let corpus: Vec<Vec<u8>> = corpus.into_iter().map(String::into_bytes).collect();
        smoke(6, 5_000, &corpus, fuzz_order);
        smoke(7, 5_000, &[vec![7; 96]], fuzz_ticket);
    }

    #[test]
    fn cards_and_policies_never_panic() {
        let keys = RoomKeys::derive(&RoomSecret::new([9; 32]), &ROOM).unwrap();
        let provider = OpenMlsRustCrypto::default();
        let leaf = CardLeaf {
            group_id: b"group",
            leaf_key: &[5; 32],
        };
        let key = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
        let signature = ed25519_dalek::Signer::sign(&key, &card::statement(b"group", leaf.leaf_key));
        let long_term = card::LongTerm {
            public: key.verifying_key().to_bytes(),
            signature: signature.to_bytes(),
            remembered: true,
        };
        let card = card::seal(provider.crypto(), &keys, [1; 12], leaf, "Ada", &long_term).unwrap();
        let policy = CallPolicy {
            lobby: false,
            host_keys: vec![[1; 32]],
            max_members: 5,
        }
        .encode();
        let hello = Content::Hello {
            epoch: 1,
            hash: [2; 32],
        }
        .encode();
        smoke(5, 20_000, &[card, policy, hello, vec![2; 227]], fuzz_card);
    }
}
