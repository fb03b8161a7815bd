//! The end of a link: its date, its number of guests, and a room that was burnt.

use std::cell::RefCell;
use std::rc::Rc;

use conclave_e2ee::{HostKey, LinkTerms, Output, Session};
use conclave_wire::ClientMessage;
use conclave_wire::error_code::ErrorCode;

use super::world::{Direction, NOON, Verdict, Who, World};

fn own() -> HostKey {
    HostKey::own([5; 32])
}

fn enter(world: &mut World, name: &str, key: HostKey) -> Who {
    let who = world.enter_hosted(name, key);
    world.run_for(2_000);
    who
}

fn guest(world: &mut World, name: &str) -> Who {
    enter(world, name, HostKey::of_link(own().public()))
}

fn decide(world: &mut World, who: Who, step: impl FnOnce(&mut Session)) {
    world.with_session(who, step);
    world.run_for(1_500);
}

fn limit(world: &mut World, host: Who, expires: Option<u64>, max_uses: Option<u32>) {
    decide(world, host, |session| {
        session.set_link(LinkTerms { expires, max_uses }).unwrap();
    });
}

#[test]
fn a_link_whose_date_is_over_lets_nobody_new_in_and_the_host_and_the_lost_again() {
    let mut world = World::new(500);
    let host = enter(&mut world, "host", own());
    let early = guest(&mut world, "early");
    limit(&mut world, host, Some(NOON + 30), None);
    world.run_for(30_000);
    let late = guest(&mut world, "late");
    assert_eq!(world.clients[late].last_error, Some(ErrorCode::LinkExpired));
    world.cut(early, Some(100), 20_000);
    world.run_for(30_000);
    world.assert_one_call(&[host, early]);
    world.leave(host);
    world.run_for(2_000);
    let again = enter(&mut world, "host again", own());
    world.run_for(2_000);
    world.assert_one_call(&[early, again]);
    limit(&mut world, again, None, None);
    let later = guest(&mut world, "later");
    world.assert_one_call(&[early, again, later]);
}

#[test]
fn by_a_link_whose_date_is_over_only_the_host_opens_another_call() {
    let mut world = World::new(505);
    let host = enter(&mut world, "host", own());
    limit(&mut world, host, Some(NOON + 30), None);
    world.leave(host);
    world.run_for(40_000);
    // Another host key is nobody's proof, and neither is the right one without its secret.
    for key in [HostKey::of_link(own().public()), HostKey::own([6; 32])] {
        let late = enter(&mut world, "late", key);
        assert_eq!(world.clients[late].last_error, Some(ErrorCode::LinkExpired));
    }
    let again = enter(&mut world, "host again", own());
    world.assert_one_call(&[again]);
    let late = guest(&mut world, "late");
    assert_eq!(world.clients[late].last_error, Some(ErrorCode::LinkExpired));
    let link = world.clients[again].session.moderation().link;
    assert_eq!(link.expires, Some(NOON + 30), "the host sees why");
    limit(&mut world, again, None, None);
    let later = guest(&mut world, "later");
    world.assert_one_call(&[again, later]);
}

#[test]
fn a_link_lets_in_as_many_guests_as_the_host_said() {
    let mut world = World::new(501);
    let host = enter(&mut world, "host", own());
    limit(&mut world, host, None, Some(2));
    let first = guest(&mut world, "first");
    let second = guest(&mut world, "second");
    world.assert_one_call(&[host, first, second]);
    world.leave(second);
    world.run_for(2_000);
    let third = guest(&mut world, "third");
    assert_eq!(world.clients[third].last_error, Some(ErrorCode::LinkUsedUp));
    // Also on a server that has forgotten whom it let in: the host signed it.
    world.restart_service(300);
    world.run_for(15_000);
    world.assert_one_call(&[host, first]);
    let fourth = guest(&mut world, "fourth");
    assert_eq!(world.clients[fourth].last_error, Some(ErrorCode::LinkUsedUp));
}

#[test]
fn what_a_link_is_good_for_outlives_the_room_and_the_server() {
    const TWO_HOURS: u64 = 2 * 3_600_000;
    let mut world = World::new(506);
    let host = enter(&mut world, "host", own());
    limit(&mut world, host, None, Some(2));
    let first = guest(&mut world, "first");
    world.assert_one_call(&[host, first]);
    for who in [first, host] {
        world.leave(who);
    }
    world.run_for(TWO_HOURS);
    assert_eq!(world.service.stats().rooms, 0, "the room itself is forgotten");
    let second = guest(&mut world, "second");
    world.assert_one_call(&[second]);
    world.leave(second);
    world.run_for(TWO_HOURS);
    world.restart_service_with_records(300);
    let third = guest(&mut world, "third");
    assert_eq!(world.clients[third].last_error, Some(ErrorCode::LinkUsedUp));
    let again = enter(&mut world, "host again", own());
    world.assert_one_call(&[again]);
}

#[test]
fn members_keep_out_who_comes_after_the_date_even_when_the_server_does_not() {
    let mut world = World::new(502);
    let host = enter(&mut world, "host", own());
    let member = guest(&mut world, "member");
    // A server that does not care: the host's order reaches the members only.
    let orders = Rc::new(RefCell::new(Vec::new()));
    let seen = orders.clone();
    world.intercept(Rc::new(move |direction, _, kind, text| {
        if direction == Direction::Up && kind == "order" {
            seen.borrow_mut().push(text.to_owned());
            return Verdict::Drop;
        }
        Verdict::Pass
    }));
    limit(&mut world, host, Some(NOON + 10), None);
    let text = orders.borrow()[0].clone();
    let now = world.now;
    for who in [host, member] {
        world.with_session(who, |session| session.handle_message(now, &text).unwrap());
    }
    world.stop_intercepting();
    world.run_for(80_000);
    let late = world.enter_hosted("late", HostKey::of_link(own().public()));
    for _ in 0..15 {
        world.run_for(1_000);
        for who in [host, member] {
            assert_eq!(world.clients[who].session.roster().len(), 2, "as {who} sees it");
        }
        let frame = world.encrypt(host);
        let now = world.now;
        assert!(!world.decrypts(late, now, &frame));
        assert!(world.decrypts(member, now, &frame), "the call goes on");
    }
}

#[test]
fn a_burnt_room_is_gone_for_everybody_and_for_ever() {
    let mut world = World::new(503);
    let host = enter(&mut world, "host", own());
    let member = guest(&mut world, "member");
    let away = guest(&mut world, "away");
    world.cut(away, Some(100), 10_000);
    world.run_for(1_000);
    decide(&mut world, host, |session| session.burn().unwrap());
    world.run_for(20_000);
    let receipt = |world: &World, who: Who| {
        let mut outputs = world.clients[who].outputs.iter();
        outputs.find_map(|output| match output {
            Output::Burnt { receipt } => Some(receipt.clone()),
            _ => None,
        })
    };
    assert!(receipt(&world, host).is_some());
    assert_eq!(receipt(&world, host), receipt(&world, member));
    for who in [host, member] {
        assert_eq!(world.clients[who].session.epoch(), None, "no key is left");
    }
    // Who was away, who has the link, and the host itself hear that it is gone.
    let new = guest(&mut world, "new");
    let again = enter(&mut world, "host again", own());
    for who in [away, new, again] {
        assert_eq!(world.clients[who].last_error, Some(ErrorCode::RoomBurnt));
    }
    world.restart_service_with_records(300);
    let late = guest(&mut world, "late");
    assert_eq!(world.clients[late].last_error, Some(ErrorCode::RoomBurnt));
}

#[test]
fn a_guest_cannot_burn_a_room_or_change_the_terms() {
    let mut world = World::new(504);
    let host = enter(&mut world, "host", own());
    let member = guest(&mut world, "member");
    limit(&mut world, host, None, Some(7));
    let order = world.clients[host].orders().last().unwrap().clone();
    let mut forged = order.clone();
    forged.text = forged.text.replace("\"max_uses\":7", "\"max_uses\":0");
    assert_ne!(forged.text, order.text);
    world.forge(member, &ClientMessage::Order(forged));
    world.run_for(500);
    assert_eq!(world.clients[member].last_error, Some(ErrorCode::NotAllowed));
    assert!(world.clients[member].session.burn().is_err());
    let new = guest(&mut world, "new");
    world.assert_one_call(&[host, member, new]);
}
