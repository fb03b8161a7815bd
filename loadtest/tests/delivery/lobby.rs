//! The lobby: who is new needs a ticket that a host signed, whatever client it has and whatever the server says.

use std::cell::RefCell;
use std::rc::Rc;

use conclave_e2ee::{HostKey, Output, Role, Session};
use conclave_wire::ClientMessage;
use conclave_wire::bytes::Blob;
use conclave_wire::client::lobby::{Admit, Ticket};
use conclave_wire::error_code::ErrorCode;
use conclave_wire::id::ClientId;

use super::world::{Direction, Fate, Verdict, Who, World};

fn own() -> HostKey {
    HostKey::own([5; 32]).with_lobby(true)
}

fn of_link() -> HostKey {
    HostKey::of_link(own().public()).with_lobby(true)
}

fn decide(world: &mut World, who: Who, step: impl FnOnce(&mut Session)) {
    world.with_session(who, step);
    world.run_for(1_500);
}

/// Who the host was last told waits.
fn waiting(world: &World, host: Who) -> Vec<(Option<String>, [u8; 16])> {
    let last = world.clients[host]
        .outputs
        .iter()
        .rev()
        .find_map(|output| match output {
            Output::Knocks { waiting } => Some(waiting.clone()),
            _ => None,
        });
    let people = last.unwrap_or_default().into_iter();
    people
        .map(|person| (person.display_name, person.client_id.0))
        .collect()
}

/// The texts of this kind that go to the service from now on.
fn catch(world: &mut World, kind: &'static str, then: Verdict) -> Rc<RefCell<Vec<String>>> {
    let texts = Rc::new(RefCell::new(Vec::new()));
    let seen = texts.clone();
    world.intercept(Rc::new(move |direction, _, of, text| {
        if direction == Direction::Up && of == kind {
            seen.borrow_mut().push(text.to_owned());
            return then.clone();
        }
        Verdict::Pass
    }));
    texts
}

fn enter(world: &mut World, name: &str, key: HostKey) -> Who {
    let who = world.enter_hosted(name, key);
    world.run_for(1_500);
    who
}

/// A host with a guest that it let in.
fn call_with_a_guest(world: &mut World) -> [Who; 2] {
    let host = enter(world, "host", own());
    let guest = enter(world, "guest", of_link());
    let id = world.clients[guest].id;
    decide(world, host, |session| session.admit(&id).unwrap());
    world.assert_one_call(&[host, guest]);
    [host, guest]
}

#[test]
fn who_is_new_waits_until_a_host_lets_it_in_by_its_name() {
    let mut world = World::new(400);
    let host = enter(&mut world, "host", own());
    let guest = enter(&mut world, "guest", of_link());
    assert_eq!(world.clients[guest].session.epoch(), None);
    assert!(world.clients[guest].outputs.contains(&Output::Knocking));
    let id = world.clients[guest].id;
    assert_eq!(waiting(&world, host), [(Some("guest".to_owned()), id)]);
    decide(&mut world, host, |session| session.admit(&id).unwrap());
    world.assert_one_call(&[host, guest]);
    assert!(waiting(&world, host).is_empty());
    assert!(world.clients[guest].session.moderation().lobby);
}

#[test]
fn who_came_before_the_host_does_not_begin_the_call() {
    let mut world = World::new(401);
    let early = enter(&mut world, "early", of_link());
    let second = enter(&mut world, "second", of_link());
    world.run_for(5_000);
    assert_eq!(world.clients[early].session.epoch(), None);
    let host = enter(&mut world, "host", own());
    world.run_for(6_000);
    assert_eq!(world.clients[host].session.roster().len(), 1);
    assert_eq!(waiting(&world, host).len(), 2);
    for who in [early, second] {
        let id = world.clients[who].id;
        decide(&mut world, host, |session| session.admit(&id).unwrap());
    }
    world.assert_one_call(&[early, second, host]);
}

#[test]
fn who_is_denied_is_out() {
    let mut world = World::new(402);
    let [host, guest] = call_with_a_guest(&mut world);
    let other = enter(&mut world, "other", of_link());
    let id = world.clients[other].id;
    decide(&mut world, host, |session| session.deny(&id).unwrap());
    assert_eq!(world.clients[other].last_error, Some(ErrorCode::Denied));
    assert_eq!(world.clients[other].fate, Fate::PutOut);
    world.assert_one_call(&[host, guest]);
}

#[test]
fn who_waits_hears_nothing_of_the_call_and_reaches_nothing() {
    let mut world = World::new(403);
    let [host, guest] = call_with_a_guest(&mut world);
    let waiting = enter(&mut world, "waiting", of_link());
    world.clients[waiting].inbox.clear();
    decide(&mut world, guest, |session| session.send_app(b"hello").unwrap());
    let knocks = catch(&mut world, "knock", Verdict::Pass);
    let late = enter(&mut world, "late", of_link());
    assert!(world.clients[waiting].apps.is_empty());
    assert!(world.clients[waiting].inbox.is_empty());
    // A client that asks all the same.
    world.forge(waiting, &ClientMessage::GroupInfoRequest);
    world.run_for(500);
    assert_eq!(world.clients[waiting].last_error, Some(ErrorCode::NotAllowed));
    // And one that lets itself in without being a host, with a signature that is none.
    let text = knocks.borrow()[0].clone();
    let ClientMessage::Knock(knock) = serde_json::from_str(&text).unwrap() else {
        panic!("{text}")
    };
    let id = world.clients[late].id;
    let forged = Admit {
        client_id: ClientId::new(id),
        leaf_key: knock.leaf_key,
        ticket: Ticket {
            key: Blob(own().public().to_vec()),
            signature: Blob(vec![7; 64]),
        },
    };
    world.forge(late, &ClientMessage::Admit(forged));
    world.run_for(2_000);
    assert_eq!(world.clients[late].last_error, Some(ErrorCode::NotAllowed));
    let roster = world.clients[host].session.roster();
    assert!(roster.iter().all(|member| member.client_id.0 != id));
}

#[test]
fn members_refuse_who_has_no_ticket_even_when_the_server_lets_it_pass() {
    let mut world = World::new(404);
    let plain = || HostKey::of_link(own().public());
    let host = enter(&mut world, "host", HostKey::own([5; 32]));
    let guest = enter(&mut world, "guest", plain());
    // A server that does not care: the host's order reaches the members only.
    let orders = catch(&mut world, "order", Verdict::Drop);
    decide(&mut world, host, |session| session.set_lobby(true).unwrap());
    let text = orders.borrow()[0].clone();
    let now = world.now;
    for who in [host, guest] {
        world.with_session(who, |session| session.handle_message(now, &text).unwrap());
    }
    world.stop_intercepting();
    world.run_for(11_000);
    // It is added, skipped, comes from outside, is voted down, and tries again and again.
    let bypass = world.enter_hosted("bypass", plain());
    for _ in 0..20 {
        world.run_for(1_000);
        for who in [host, guest] {
            assert_eq!(world.clients[who].session.roster().len(), 2, "as {who} sees it");
        }
        let frame = world.encrypt(host);
        let now = world.now;
        assert!(!world.decrypts(bypass, now, &frame));
        assert!(world.decrypts(guest, now, &frame), "the call goes on");
    }
}

#[test]
fn a_co_host_lets_people_in_and_a_former_one_does_not() {
    let mut world = World::new(405);
    let [host, guest] = call_with_a_guest(&mut world);
    let id = world.clients[guest].id;
    decide(&mut world, host, |session| {
        session.set_role(&id, Role::CoHost).unwrap()
    });
    let other = enter(&mut world, "other", of_link());
    let other_id = world.clients[other].id;
    assert_eq!(waiting(&world, guest).len(), 1);
    decide(&mut world, guest, |session| session.admit(&other_id).unwrap());
    world.assert_one_call(&[host, guest, other]);
    decide(&mut world, host, |session| {
        session.set_role(&id, Role::Member).unwrap()
    });
    assert!(world.clients[guest].session.admit(&other_id).is_err());
}

#[test]
fn a_lobby_that_a_host_opens_later_holds_for_who_comes_then() {
    let mut world = World::new(406);
    let plain = || HostKey::of_link(own().public());
    let host = enter(&mut world, "host", HostKey::own([5; 32]));
    let early = enter(&mut world, "early", plain());
    world.assert_one_call(&[host, early]);
    decide(&mut world, host, |session| session.set_lobby(true).unwrap());
    let late = enter(&mut world, "late", plain());
    assert_eq!(world.clients[late].session.epoch(), None);
    let id = world.clients[late].id;
    world.run_for(15_000);
    decide(&mut world, host, |session| session.admit(&id).unwrap());
    world.assert_one_call(&[host, early, late]);
    decide(&mut world, host, |session| session.set_lobby(false).unwrap());
    let later = enter(&mut world, "later", plain());
    world.assert_one_call(&[host, early, late, later]);
}

#[test]
fn whoever_was_let_in_comes_back_after_a_cut_and_after_a_restart() {
    let mut world = World::new(407);
    let [host, guest] = call_with_a_guest(&mut world);
    world.cut(guest, Some(100), 20_000);
    world.run_for(30_000);
    world.assert_one_call(&[host, guest]);
    world.cut(host, Some(100), 20_000);
    world.run_for(30_000);
    world.assert_one_call(&[host, guest]);
    world.restart_service(300);
    world.run_for(15_000);
    world.assert_one_call(&[host, guest]);
}

#[test]
fn a_host_that_lost_its_page_comes_back_into_a_locked_call() {
    let mut world = World::new(408);
    let [host, guest] = call_with_a_guest(&mut world);
    let id = world.clients[guest].id;
    decide(&mut world, host, |session| {
        session.set_role(&id, Role::CoHost).unwrap()
    });
    decide(&mut world, host, |session| session.set_locked(true).unwrap());
    world.leave(host);
    world.run_for(2_000);
    let stranger = enter(&mut world, "stranger", of_link());
    assert_eq!(world.clients[stranger].last_error, Some(ErrorCode::RoomLocked));
    let again = enter(&mut world, "host again", own());
    world.assert_one_call(&[guest, again]);
    assert_eq!(world.clients[again].session.moderation().role, Role::Host);
}
