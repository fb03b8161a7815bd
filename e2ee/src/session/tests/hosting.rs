//! Roles, rules and the end of a call: signed by hosts, checked by every member, whatever the server says.

use serde_json::json;

use super::world::{ROOM, SECRET, World};
use crate::message::Order;
use crate::moderation::Rules;
use crate::{
    Context, FailReason, HostKey, Output, Role, RoomSecret, Session, SessionConfig, SessionError, Suite,
};

const SEED: [u8; 32] = [5; 32];

fn hosted(id: u8, key: HostKey) -> Session {
    let config = SessionConfig {
        room_id: ROOM,
        room_secret: RoomSecret::new(SECRET),
        client_id: [id; 16],
        display_name: format!("Person {id}"),
    };
    Session::hosted(config, key).unwrap()
}

fn public() -> [u8; 32] {
    HostKey::own(SEED).public()
}

fn decide(world: &mut World, who: usize, step: impl FnOnce(&mut Session)) {
    step(&mut world.clients[who].session);
    world.drain(who);
    world.settle();
}

fn roles(world: &World, who: usize) -> Vec<Role> {
    let roster = world.clients[who].session.roster();
    roster.into_iter().map(|member| member.role).collect()
}

fn tell_order(world: &mut World, who: usize, order: &Order) {
    let mut message = serde_json::to_value(order).unwrap();
    message["type"] = json!("order");
    world.tell(who, &message);
}

/// Two guests and then the host, who made the room; a guest was first.
fn room_with_a_late_host() -> World {
    let mut world = World::new(Suite::Classic);
    for key in [
        HostKey::of_link(public()),
        HostKey::of_link(public()),
        HostKey::own(SEED),
    ] {
        let id = u8::try_from(world.clients.len() + 1).unwrap();
        let client = world.add(hosted(id, key));
        world.connect(client);
        world.settle();
    }
    world
}

#[test]
fn who_made_the_room_is_its_host_and_not_who_came_first() {
    let mut world = room_with_a_late_host();
    let expected = [Role::Member, Role::Member, Role::Host];
    for who in 0..3 {
        assert_eq!(roles(&world, who), expected, "as {who} sees it");
    }
    assert_eq!(
        world.clients[0].session.set_locked(true),
        Err(SessionError::NotHost),
        "the founder"
    );
    world.assert_all_hear_each_other(&[0, 1, 2]);
    // The server cannot say so either: whatever nobody signed is refused.
    let mut forged = world.orders[0].clone();
    forged.text = forged.text.replace("\"version\":1", "\"version\":9");
    tell_order(&mut world, 1, &forged);
    assert!(world.has(
        1,
        &Output::Failed {
            reason: FailReason::Order
        }
    ));
    assert_eq!(roles(&world, 1), expected);
}

#[test]
fn who_has_the_key_of_the_room_is_host_to_himself_before_an_order_says_so() {
    let mut world = World::with(Suite::Classic, 0);
    let guest = world.add(hosted(1, HostKey::of_link(public())));
    world.connect(guest);
    world.settle();
    let host = world.add(hosted(2, HostKey::own(SEED)));
    world.connect(host);
    while world.clients[host].session.epoch().is_none() {
        match world.uploads.pop_front() {
            Some((from, message)) => world.serve(from, message),
            None => assert!(world.call_for_commit(false), "the host comes in"),
        }
    }
    assert!(world.orders.is_empty());
    assert_eq!(roles(&world, host), [Role::Member, Role::Host]);
    assert_eq!(world.clients[host].session.moderation().role, Role::Host);
    assert_eq!(roles(&world, guest), [Role::Member, Role::Member]);
}

#[test]
fn nobody_enters_a_group_of_other_hosts() {
    let mut world = World::with(Suite::Classic, 1);
    let guest = world.add(hosted(2, HostKey::of_link(public())));
    world.no_calls = true;
    world.connect(guest);
    world.settle();
    world.no_calls = false;
    world.step_until_nack();
    assert_eq!(world.nacks[0], (guest, "policy".to_owned()));
    assert_eq!(world.clients[guest].session.epoch(), None);
}

#[test]
fn members_may_record_until_a_host_says_otherwise_and_old_rules_say_nothing_of_it() {
    let mut world = room_with_a_late_host();
    assert_eq!(
        world.clients[1].session.set_recording(false),
        Err(SessionError::NotHost)
    );
    decide(&mut world, 2, |host| host.set_locked(true).unwrap());
    assert!((0..3).all(|who| world.clients[who].session.moderation().recording));
    decide(&mut world, 2, |host| host.set_recording(false).unwrap());
    for who in 0..3 {
        let moderation = world.clients[who].session.moderation();
        assert!(!moderation.recording && moderation.locked, "as {who} sees it");
    }
    let old = r#"{"group":"AA","version":1,"sources":[],"exceptions":[],"locked":false,"lobby":false}"#;
    assert!(serde_json::from_str::<Rules>(old).unwrap().recording);
}

#[test]
fn rules_bind_members_and_viewers_and_nobody_who_moderates() {
    let mut world = room_with_a_late_host();
    let (co_host, viewer) = (world.id(0).0, world.id(1).0);
    decide(&mut world, 2, |host| {
        host.set_role(&co_host, Role::CoHost).unwrap()
    });
    decide(&mut world, 0, |session| {
        session.set_sources(vec![Context::Camera]).unwrap();
    });
    let permitted = |world: &World, who: usize| world.clients[who].session.moderation().permitted;
    assert_eq!(permitted(&world, 0), Context::ALL);
    assert_eq!(permitted(&world, 2), Context::ALL);
    assert_eq!(permitted(&world, 1), [Context::Camera]);
    decide(&mut world, 0, |session| {
        session.stop_sources(&viewer, vec![Context::Camera]).unwrap();
        session.set_sources(Context::ALL.to_vec()).unwrap();
        session.set_locked(true).unwrap();
    });
    let moderation = world.clients[1].session.moderation();
    assert!(!moderation.permitted.contains(&Context::Camera) && moderation.permitted.len() == 3);
    assert!(moderation.locked, "three wishes at once all come true");
    decide(&mut world, 2, |host| {
        host.set_role(&viewer, Role::Viewer).unwrap()
    });
    assert!(permitted(&world, 1).is_empty());
    let as_host_sees = world.clients[2].session.roster();
    assert_eq!(as_host_sees[1].role, Role::Viewer);
    assert!(as_host_sees[1].permitted.is_empty());
    assert_eq!(
        world.clients[0].session.set_role(&viewer, Role::CoHost),
        Err(SessionError::NotHost),
        "roles are the host's"
    );
    assert_eq!(world.clients[0].session.end(), Err(SessionError::NotHost));
}

#[test]
fn what_a_former_co_host_decided_stands_and_newcomers_believe_it() {
    let mut world = room_with_a_late_host();
    let co_host = world.id(0).0;
    decide(&mut world, 2, |host| {
        host.set_role(&co_host, Role::CoHost).unwrap()
    });
    decide(&mut world, 0, |session| session.set_locked(true).unwrap());
    decide(&mut world, 2, |host| {
        host.set_role(&co_host, Role::Member).unwrap()
    });
    let orders = world.orders.clone();
    let newest = |kind: &str| {
        orders
            .iter()
            .rev()
            .find(|order| order.text.contains(kind))
            .cloned()
            .unwrap()
    };
    let newcomer = world.add(hosted(4, HostKey::of_link(public())));
    world.orders_in_state = vec![newest("\"roles\""), newest("\"rules\"")];
    world.connect(newcomer);
    world.settle();
    assert!(world.clients[newcomer].session.moderation().locked);
    assert_eq!(
        roles(&world, newcomer),
        [Role::Member, Role::Member, Role::Host, Role::Member]
    );
    // An order of the one who was a co-host counts no more.
    let old = orders
        .iter()
        .find(|order| order.text.contains("\"rules\""))
        .cloned()
        .unwrap();
    tell_order(&mut world, newcomer, &old);
    assert!(world.has(
        newcomer,
        &Output::Failed {
            reason: FailReason::Order
        }
    ));
}

#[test]
fn an_older_order_does_not_bring_back_what_was_and_one_of_another_group_says_nothing() {
    let mut world = room_with_a_late_host();
    decide(&mut world, 2, |host| host.set_locked(true).unwrap());
    decide(&mut world, 2, |host| host.set_locked(false).unwrap());
    let first = world
        .orders
        .iter()
        .find(|order| order.text.contains("\"rules\""))
        .cloned()
        .unwrap();
    tell_order(&mut world, 0, &first);
    assert!(!world.clients[0].session.moderation().locked);
    let mut other = room_with_a_late_host();
    tell_order(&mut other, 0, &first);
    assert!(!other.clients[0].session.moderation().locked);
}

#[test]
fn two_hosts_at_once_both_get_what_they_wish() {
    let mut world = room_with_a_late_host();
    let co_host = world.id(0).0;
    decide(&mut world, 2, |host| {
        host.set_role(&co_host, Role::CoHost).unwrap()
    });
    world.clients[0].session.set_locked(true).unwrap();
    world.clients[2]
        .session
        .set_sources(vec![Context::Microphone])
        .unwrap();
    world.drain(0);
    world.drain(2);
    world.settle();
    for who in 0..3 {
        let moderation = world.clients[who].session.moderation();
        assert!(moderation.locked, "as {who} sees it");
        assert_eq!(moderation.sources, [Context::Microphone], "as {who} sees it");
    }
}

#[test]
fn a_server_that_forgot_the_orders_gets_them_back_from_any_member() {
    let mut world = room_with_a_late_host();
    decide(&mut world, 2, |host| host.set_locked(true).unwrap());
    world.orders.clear();
    world.state(1, "resume");
    world.settle();
    assert!(
        world
            .orders
            .iter()
            .any(|order| order.text.contains("\"locked\":true"))
    );
}

#[test]
fn only_a_host_ends_the_call() {
    let mut world = room_with_a_late_host();
    decide(&mut world, 2, |host| host.end().unwrap());
    assert!((0..3).all(|who| world.has(who, &Output::Ended)));
    let mut other = room_with_a_late_host();
    let mut end = world.orders.last().cloned().unwrap();
    tell_order(&mut other, 1, &end);
    end.text = end.text.replace("\"epoch\":", "\"epoch\":1");
    tell_order(&mut world, 1, &end);
    assert!(!other.has(1, &Output::Ended));
    let failed = Output::Failed {
        reason: FailReason::Order,
    };
    assert!(world.has(1, &failed));
}
