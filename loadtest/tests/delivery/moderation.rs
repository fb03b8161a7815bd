//! What hosts decide, enforced by the server that carries it, against clients that do not care.

use conclave_e2ee::{Context, HostKey, Output, Role, Session};
use conclave_wire::ClientMessage;
use conclave_wire::control::ControlCommand;
use conclave_wire::error_code::ErrorCode;
use conclave_wire::id::PeerId;
use conclave_wire::media::Source;

use super::world::{Fate, Who, World};

/// Whoever made the room; it comes when others are there already.
fn call_with_a_late_host(world: &mut World) -> [Who; 3] {
    let key = || HostKey::own([5; 32]);
    let guest = world.enter_hosted("guest", HostKey::of_link(key().public()));
    world.run_for(1_000);
    let other = world.enter_hosted("other", HostKey::of_link(key().public()));
    world.run_for(2_000);
    let host = world.enter_hosted("host", key());
    world.run_for(2_000);
    world.assert_one_call(&[guest, other, host]);
    [guest, other, host]
}

fn decide(world: &mut World, who: Who, step: impl FnOnce(&mut Session)) {
    world.with_session(who, step);
    world.run_for(500);
}

/// What the SFU forwards of somebody.
fn permitted(world: &World, who: Who) -> Vec<Source> {
    let peer = peer_of(world, who);
    let last = world.commands.iter().rev().find_map(|command| match command {
        ControlCommand::Permit { peer: of, sources } if *of == peer => Some(sources.clone()),
        _ => None,
    });
    last.unwrap_or_else(|| {
        vec![
            Source::Microphone,
            Source::Camera,
            Source::ScreenVideo,
            Source::ScreenAudio,
        ]
    })
}

/// The peer that the SFU was told of for somebody: peers are added in the order in which people enter.
fn peer_of(world: &World, who: Who) -> PeerId {
    let mut added = world.commands.iter().filter_map(|command| match command {
        ControlCommand::AddPeer { peer, .. } => Some(*peer),
        _ => None,
    });
    added.nth(who).unwrap()
}

#[test]
fn the_sfu_is_told_whom_to_silence_and_the_muted_client_is_not_asked() {
    let mut world = World::new(300);
    let [guest, other, host] = call_with_a_late_host(&mut world);
    let id = world.clients[guest].id;
    decide(&mut world, host, |session| {
        session.stop_sources(&id, vec![Context::Microphone]).unwrap();
    });
    assert_eq!(
        permitted(&world, guest),
        [Source::Camera, Source::ScreenVideo, Source::ScreenAudio]
    );
    assert_eq!(permitted(&world, other).len(), 4);
    decide(&mut world, host, |session| {
        session.set_sources(vec![Context::Camera]).unwrap();
    });
    assert_eq!(permitted(&world, guest), [Source::Camera]);
    assert_eq!(permitted(&world, other), [Source::Camera]);
    assert_eq!(permitted(&world, host).len(), 4, "a host is not bound");
    let id = world.clients[other].id;
    decide(&mut world, host, |session| {
        session.set_role(&id, Role::Viewer).unwrap()
    });
    assert!(permitted(&world, other).is_empty());
    // Who comes in later is bound from the first packet on: the SFU hears it before it hears that there is a member.
    let late = world.enter_hosted("late", HostKey::of_link(HostKey::own([5; 32]).public()));
    world.run_for(2_000);
    let peer = peer_of(&world, late);
    let position = |wanted: &dyn Fn(&ControlCommand) -> bool| world.commands.iter().position(wanted).unwrap();
    let bound = position(&|c| matches!(c, ControlCommand::Permit { peer: of, .. } if *of == peer));
    let member = position(&|c| matches!(c, ControlCommand::Admit { peer: of, .. } if *of == peer));
    assert!(bound < member);
    assert_eq!(permitted(&world, late), [Source::Camera]);
    assert!(
        !world.clients[late]
            .session
            .moderation()
            .permitted
            .contains(&Context::Microphone)
    );
}

#[test]
fn orders_that_no_host_signed_change_nothing() {
    let mut world = World::new(301);
    let [guest, other, host] = call_with_a_late_host(&mut world);
    decide(&mut world, host, |session| {
        session.set_sources(vec![Context::Camera]).unwrap();
    });
    let order = world.clients[host].orders().last().unwrap().clone();
    let mut forged = order.clone();
    forged.text = forged
        .text
        .replace("\"version\":1", "\"version\":7")
        .replace("[\"camera\"]", "[\"camera\",\"microphone\"]");
    assert_ne!(forged.text, order.text);
    world.forge(guest, &ClientMessage::Order(forged));
    world.run_for(500);
    assert_eq!(world.clients[guest].last_error, Some(ErrorCode::NotAllowed));
    assert_eq!(permitted(&world, guest), [Source::Camera]);
    assert_eq!(
        world.clients[other].session.moderation().sources,
        [Context::Camera]
    );
    // The same once more, and by somebody else: it stands already.
    world.forge(other, &ClientMessage::Order(order));
    world.run_for(500);
    world.assert_one_call(&[guest, other, host]);
}

#[test]
fn a_co_host_puts_a_member_out_but_not_the_host() {
    let mut world = World::new(302);
    let [guest, other, host] = call_with_a_late_host(&mut world);
    let (guest_id, other_id, host_id) = (
        world.clients[guest].id,
        world.clients[other].id,
        world.clients[host].id,
    );
    decide(&mut world, host, |session| {
        session.set_role(&guest_id, Role::CoHost).unwrap()
    });
    decide(&mut world, guest, |session| {
        session.kick(&host_id, false).unwrap()
    });
    assert_eq!(world.clients[guest].last_error, Some(ErrorCode::NotAllowed));
    decide(&mut world, guest, |session| {
        session.kick(&other_id, false).unwrap()
    });
    world.run_for(2_000);
    assert_eq!(world.clients[other].fate, Fate::PutOut);
    world.assert_one_call(&[guest, host]);
}

#[test]
fn a_locked_call_lets_nobody_new_in_but_whoever_lost_the_connection() {
    let mut world = World::new(303);
    let [guest, other, host] = call_with_a_late_host(&mut world);
    decide(&mut world, host, |session| session.set_locked(true).unwrap());
    let late = world.enter_hosted("late", HostKey::of_link(HostKey::own([5; 32]).public()));
    world.run_for(3_000);
    assert_eq!(world.clients[late].last_error, Some(ErrorCode::RoomLocked));
    assert_eq!(world.clients[late].session.epoch(), None);
    world.cut(guest, Some(100), 20_000);
    world.run_for(30_000);
    world.assert_one_call(&[guest, other, host]);
    decide(&mut world, host, |session| session.set_locked(false).unwrap());
    let later = world.enter_hosted("later", HostKey::of_link(HostKey::own([5; 32]).public()));
    world.run_for(3_000);
    world.assert_one_call(&[guest, other, host, later]);
}

#[test]
fn who_is_banned_does_not_come_back_under_another_name() {
    let mut world = World::new(304);
    let [guest, other, host] = call_with_a_late_host(&mut world);
    let id = world.clients[guest].id;
    decide(&mut world, host, |session| session.kick(&id, true).unwrap());
    world.run_for(2_000);
    assert_eq!(world.clients[guest].last_error, Some(ErrorCode::Banned));
    let again = world.enter_hosted("again", HostKey::of_link(HostKey::own([5; 32]).public()));
    world.run_for(2_000);
    assert_eq!(world.clients[again].last_error, Some(ErrorCode::Banned));
    world.assert_one_call(&[other, host]);
}

#[test]
fn a_host_ends_the_call_for_everybody_and_nobody_brings_it_back() {
    let mut world = World::new(305);
    let [guest, other, host] = call_with_a_late_host(&mut world);
    // One is away when it happens.
    world.cut(guest, Some(100), 4_000);
    world.run_for(1_000);
    decide(&mut world, host, |session| session.end().unwrap());
    world.run_for(8_000);
    for who in [guest, other, host] {
        assert_eq!(world.clients[who].last_error, Some(ErrorCode::Ended));
    }
    for who in [other, host] {
        let outputs = &world.clients[who].outputs;
        assert!(outputs.contains(&Output::Ended));
    }
    let new = world.enter_hosted("new", HostKey::of_link(HostKey::own([5; 32]).public()));
    world.run_for(2_000);
    assert_eq!(world.clients[new].session.roster().len(), 1, "another call");
}

#[test]
fn what_was_decided_survives_a_server_that_lost_its_memory() {
    let mut world = World::new(306);
    let [guest, other, host] = call_with_a_late_host(&mut world);
    let id = world.clients[guest].id;
    decide(&mut world, host, |session| {
        session.stop_sources(&id, vec![Context::Camera]).unwrap();
    });
    world.restart_service(300);
    world.commands.clear();
    world.run_for(15_000);
    world.assert_one_call(&[guest, other, host]);
    let restricted = world
        .commands
        .iter()
        .any(|command| matches!(command, ControlCommand::Permit { sources, .. } if !sources.contains(&Source::Camera) && sources.len() == 3));
    assert!(restricted);
}
