//! What a link is good for, people who load the page anew, and the end of a room.

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;

use super::world::{ROOM, SECRET, World};
use crate::message::Order;
use crate::{
    Context, FailReason, HostKey, LinkTerms, Output, Role, RoomSecret, Session, SessionConfig, SessionError,
    Suite,
};

const SEED: [u8; 32] = [5; 32];
/// A moment in seconds since 1970.
const NOON: u64 = 1_800_000_000;

fn hosted(id: u8, key: HostKey, device: u8) -> Session {
    let config = SessionConfig {
        room_id: ROOM,
        room_secret: RoomSecret::new(SECRET),
        client_id: [id; 16],
        display_name: format!("Person {id}"),
    };
    let mut session = Session::hosted(config, key).unwrap();
    let device = SigningKey::from_bytes(&[device; 32]);
    let signature = device.sign(&session.device_statement()).to_bytes();
    session
        .set_device(device.verifying_key().to_bytes(), signature)
        .unwrap();
    session
}

fn of_link() -> HostKey {
    HostKey::of_link(HostKey::own(SEED).public())
}

fn enter(world: &mut World, session: Session) -> usize {
    // What a server says that stands: the newest of each kind.
    let kinds = ["\"roles\"", "\"rules\"", "\"terms\""];
    let newest = kinds.map(|kind| world.orders.iter().rev().find(|order| order.text.contains(kind)));
    world.orders_in_state = newest.into_iter().flatten().cloned().collect();
    let client = world.add(session);
    world.clients[client].session.handle_clock(0, NOON);
    world.connect(client);
    world.settle();
    client
}

/// The host and a guest.
fn call() -> World {
    let mut world = World::new(Suite::Classic);
    enter(&mut world, hosted(1, HostKey::own(SEED), 101));
    enter(&mut world, hosted(2, of_link(), 102));
    world
}

fn decide(world: &mut World, who: usize, step: impl FnOnce(&mut Session)) {
    step(&mut world.clients[who].session);
    world.drain(who);
    world.settle();
}

fn tell_order(world: &mut World, who: usize, order: &Order) {
    let mut message = serde_json::to_value(order).unwrap();
    message["type"] = json!("order");
    world.tell(who, &message);
}

/// Somebody whom nobody adds comes from outside; the members vote.
fn comes_from_outside(world: &mut World, session: Session) {
    world.no_calls = true;
    enter(world, session);
    world.advance(3_000);
}

#[test]
fn a_co_host_who_loads_the_page_anew_is_one_again_and_a_silenced_guest_is_silent_again() {
    let mut world = call();
    let other = enter(&mut world, hosted(3, of_link(), 103));
    let (co_host, silenced) = (world.id(1).0, world.id(other).0);
    decide(&mut world, 0, |host| {
        host.set_role(&co_host, Role::CoHost).unwrap();
        host.stop_sources(&silenced, vec![Context::Microphone]).unwrap();
    });
    world.leave(1);
    world.leave(other);
    world.settle();
    let again = enter(&mut world, hosted(4, of_link(), 102));
    let other_again = enter(&mut world, hosted(5, of_link(), 103));
    let stranger = enter(&mut world, hosted(6, of_link(), 106));
    for who in [0, again, other_again, stranger] {
        let roster = world.clients[who].session.roster();
        let of = |client: usize| {
            let id = world.id(client);
            roster.iter().find(|member| member.client_id == id).unwrap()
        };
        assert_eq!(of(again).role, Role::CoHost, "as {who} sees it");
        assert_eq!(of(stranger).role, Role::Member, "as {who} sees it");
        assert!(!of(other_again).permitted.contains(&Context::Microphone));
        assert!(of(stranger).permitted.contains(&Context::Microphone));
    }
}

#[test]
fn only_a_host_says_what_the_link_is_good_for_and_how_long_messages_stay() {
    let mut world = call();
    let guest = world.id(1).0;
    let link = LinkTerms {
        expires: Some(NOON + 60),
        max_uses: Some(3),
    };
    decide(&mut world, 0, |host| {
        host.set_role(&guest, Role::CoHost).unwrap();
        host.set_link(link).unwrap();
        host.set_messages(Some(300), true).unwrap();
    });
    for who in 0..2 {
        let moderation = world.clients[who].session.moderation();
        assert_eq!(moderation.link, link, "as {who} sees it");
        assert_eq!((moderation.lifetime, moderation.burn), (Some(300), true));
        assert_eq!(moderation.used, 1, "the guest");
    }
    let co_host = &mut world.clients[1].session;
    assert_eq!(co_host.set_link(link), Err(SessionError::NotHost));
    assert_eq!(co_host.set_messages(None, false), Err(SessionError::NotHost));
    assert_eq!(co_host.burn(), Err(SessionError::NotHost));
}

#[test]
fn members_refuse_who_is_new_when_the_date_is_over_and_not_who_was_there() {
    let mut world = call();
    decide(&mut world, 0, |host| {
        let link = LinkTerms {
            expires: Some(NOON + 5),
            max_uses: None,
        };
        host.set_link(link).unwrap();
    });
    world.advance(70_000);
    world.leave(1);
    world.settle();
    let again = enter(&mut world, hosted(3, of_link(), 102));
    assert!(world.clients[again].session.epoch().is_some(), "known again");
    comes_from_outside(&mut world, hosted(4, of_link(), 104));
    assert_eq!(world.nacks[0].1, "admission");
}

#[test]
fn members_refuse_one_more_than_the_link_is_good_for() {
    let mut world = call();
    decide(&mut world, 0, |host| {
        let link = LinkTerms {
            expires: None,
            max_uses: Some(2),
        };
        host.set_link(link).unwrap();
    });
    world.advance(11_000);
    let second = enter(&mut world, hosted(3, of_link(), 103));
    assert!(world.clients[second].session.epoch().is_some());
    assert_eq!(world.clients[0].session.moderation().used, 2);
    world.advance(11_000);
    comes_from_outside(&mut world, hosted(4, of_link(), 104));
    assert_eq!(world.nacks[0].1, "admission");
}

#[test]
fn a_burnt_room_leaves_nobody_a_key_and_everybody_the_same_receipt() {
    let mut world = call();
    let frame = world.encrypt(0, Context::Microphone, crate::Codec::Opus, b"sound");
    decide(&mut world, 0, |host| host.burn().unwrap());
    let receipts: Vec<_> = (0..2)
        .map(|who| {
            let outputs = &world.clients[who].outputs;
            let found = outputs.iter().find_map(|output| match output {
                Output::Burnt { receipt } => Some(receipt.clone()),
                _ => None,
            });
            found.unwrap()
        })
        .collect();
    assert_eq!(receipts[0], receipts[1]);
    assert_eq!(receipts[0].0.len(), 32);
    for who in 0..2 {
        let session = &mut world.clients[who].session;
        assert_eq!(session.epoch(), None);
        let mut out = Vec::new();
        let opened = session.decrypt(1, Context::Microphone, crate::Codec::Opus, &frame, &mut out);
        assert!(opened.is_err());
    }
}

#[test]
fn nobody_burns_a_room_in_the_name_of_a_host() {
    let mut world = call();
    let mut other = call();
    decide(&mut other, 0, |host| host.burn().unwrap());
    let burnt = other.orders.last().cloned().unwrap();
    assert!(burnt.text.contains("\"burn\""));
    let mut forged = burnt;
    forged.text = forged.text.replace("\"group\":\"", "\"group\":\"A");
    tell_order(&mut world, 1, &forged);
    let failed = Output::Failed {
        reason: FailReason::Order,
    };
    assert!(world.has(1, &failed));
    assert!(world.clients[1].session.epoch().is_some());
}
