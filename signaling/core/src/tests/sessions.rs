//! Hello and what comes before and after it: tokens, limits, timeouts.

use std::net::{IpAddr, Ipv4Addr};

use conclave_wire::client::membership::PresenceKind;
use conclave_wire::client::mls::Found;
use conclave_wire::client::session::{Hello, Ping, Policy, Standing, Suite};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::ClientId;
use conclave_wire::{ClientMessage, ErrorCode, PROTOCOL_VERSION, ServerMessage};

use super::has;
use crate::testing::{Desk, Member, ROOM};
use crate::{CreateRoomError, Limits, ServiceConfig};

fn id(name: u8) -> ClientId {
    ClientId::new([name; 16])
}

fn ping() -> ClientMessage {
    ClientMessage::Ping(Ping { id: 1 })
}

#[test]
fn hello_comes_first_and_once() {
    let mut desk = Desk::new();
    let session = desk.connect();
    desk.send(session, ping());
    assert_eq!(desk.closed[&session], ErrorCode::OutOfOrder);
    let session = desk.enter(id(1));
    desk.hello(session, id(1), None);
    assert_eq!(desk.closed[&session], ErrorCode::OutOfOrder);
}

#[test]
fn another_protocol_version_is_refused() {
    let mut desk = Desk::new();
    let session = desk.connect();
    let version = PROTOCOL_VERSION + 1;
    let hello = Hello {
        version,
        room: ROOM,
        client_id: id(1),
        token: None,
        resume: None,
        host: None,
    };
    desk.send(session, ClientMessage::Hello(hello));
    assert_eq!(desk.closed[&session], ErrorCode::UnsupportedVersion);
}

#[test]
fn the_first_one_founds_the_others_wait() {
    let mut desk = Desk::new();
    let first = desk.enter(id(1));
    let second = desk.enter(id(2));
    assert_eq!(desk.standing(first), Standing::Found);
    assert_eq!(desk.standing(second), Standing::Wait);
    desk.pass_ms(2_100);
    assert_eq!(
        desk.standing(second),
        Standing::Found,
        "the first one had its time"
    );
}

#[test]
fn the_first_group_counts_and_it_is_of_this_room() {
    let mut desk = Desk::new();
    let (mut one, mut two) = (Member::new(1), Member::new(2));
    let first = desk.enter(one.id);
    let second = desk.enter(two.id);
    desk.send(
        first,
        ClientMessage::Found(one.found(conclave_wire::id::RoomId::new([1; 16]))),
    );
    assert!(has(
        &desk.take(first),
        |m| matches!(m, ServerMessage::Error(e) if e.code == ErrorCode::BadMls)
    ));
    desk.pass_ms(10);
    assert_eq!(
        desk.standing(second),
        Standing::Found,
        "the next one is asked at once"
    );
    desk.send(second, ClientMessage::Found(two.found(ROOM)));
    assert!(has(&desk.take(second), |m| matches!(m, ServerMessage::FoundOk)));
    let late = one.found(ROOM);
    desk.send(first, ClientMessage::Found(late));
    assert!(has(&desk.take(first), |m| matches!(m, ServerMessage::FoundLost)));
}

#[test]
fn a_group_with_a_foreign_signature_is_refused() {
    let mut desk = Desk::new();
    let mut one = Member::new(1);
    let session = desk.enter(one.id);
    let found = one.found(ROOM);
    let mut info = found.group_info.clone();
    *info.0.last_mut().unwrap() ^= 1;
    desk.send(
        session,
        ClientMessage::Found(Found {
            group_info: info,
            ..found
        }),
    );
    assert!(has(
        &desk.take(session),
        |m| matches!(m, ServerMessage::Error(e) if e.code == ErrorCode::BadMls)
    ));
}

#[test]
fn a_token_continues_a_session_and_nothing_else_does() {
    let mut desk = Desk::new();
    let first = desk.enter(id(1));
    let token = desk.state(first).token;
    let thief = desk.enter(id(1));
    assert_eq!(desk.closed[&thief], ErrorCode::ClientIdTaken);
    let other = desk.enter(id(2));
    desk.take(other);
    desk.disconnect(first);
    let is_suspended =
        |m: &ServerMessage| matches!(m, ServerMessage::Presence(p) if p.presence == PresenceKind::Suspended);
    assert!(has(&desk.take(other), is_suspended));
    assert!(matches!(
        desk.commands.last(),
        Some(ControlCommand::Suspend { .. })
    ));
    let back = desk.connect();
    desk.hello(back, id(1), Some(token));
    assert!(matches!(
        desk.commands.last(),
        Some(ControlCommand::Resume { .. })
    ));
    assert!(desk.state(back).token == token);
    // While it is online, a second connection replaces the first.
    let again = desk.connect();
    desk.hello(again, id(1), Some(token));
    assert_eq!(desk.closed[&back], ErrorCode::SessionReplaced);
    assert!(!desk.closed.contains_key(&again));
}

#[test]
fn a_lost_connection_is_forgotten_after_the_grace_period() {
    let mut desk = Desk::new();
    let first = desk.enter(id(1));
    let other = desk.enter(id(2));
    desk.disconnect(first);
    desk.pass_ms(4_900);
    let is_gone =
        |m: &ServerMessage| matches!(m, ServerMessage::Presence(p) if p.presence == PresenceKind::Gone);
    assert!(!has(&desk.take(other), is_gone));
    desk.pass_ms(200);
    assert!(has(&desk.take(other), is_gone));
    assert!(
        desk.commands
            .iter()
            .any(|command| matches!(command, ControlCommand::RemovePeer { .. }))
    );
}

#[test]
fn silence_closes_a_connection() {
    let mut desk = Desk::new();
    let mute = desk.connect();
    let quiet = desk.enter(id(1));
    let lively = desk.enter(id(2));
    for _ in 0..4 {
        desk.pass_ms(4_000);
        desk.send(lively, ping());
    }
    assert_eq!(desk.closed[&mute], ErrorCode::TimedOut);
    assert_eq!(desk.closed[&quiet], ErrorCode::TimedOut);
    assert!(!desk.closed.contains_key(&lively));
}

#[test]
fn connections_rooms_and_participants_are_bounded() {
    let limits = Limits {
        max_sessions: 5,
        max_sessions_per_ip: 3,
        max_rooms: 2,
        ..Limits::default()
    };
    let default_policy = Policy {
        suite: Suite::Classic,
        max_participants: 2,
    };
    let mut desk = Desk::with(ServiceConfig {
        limits,
        default_policy,
        open_by_link: true,
    });
    let sessions: Vec<_> = (0..4).map(|_| desk.connect()).collect();
    assert_eq!(desk.closed[&sessions[3]], ErrorCode::TooManyConnections);
    for (name, session) in (1..).zip(&sessions[..3]) {
        desk.hello(*session, id(name), None);
    }
    assert_eq!(desk.closed[&sessions[2]], ErrorCode::RoomFull);
    let policy = Policy {
        suite: Suite::Classic,
        max_participants: 3,
    };
    assert!(desk.service.create_room(desk.now, policy.clone()).is_ok());
    assert_eq!(
        desk.service.create_room(desk.now, policy.clone()),
        Err(CreateRoomError::TooManyRooms)
    );
    let none = Policy {
        max_participants: 0,
        ..policy
    };
    assert!(matches!(
        desk.service.create_room(desk.now, none),
        Err(CreateRoomError::MaxParticipants(_))
    ));
    let far = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    let others: Vec<_> = (0..4).map(|_| desk.connect_from(far)).collect();
    assert_eq!(desk.closed[&others[3]], ErrorCode::TooManyConnections);
}

#[test]
fn a_flood_closes_its_own_session_only() {
    let mut desk = Desk::new();
    let noisy = desk.enter(id(1));
    let other = desk.enter(id(2));
    for _ in 0..1_000 {
        desk.send(noisy, ping());
    }
    assert_eq!(desk.closed.get(&noisy), Some(&ErrorCode::RateLimited));
    desk.send(other, ping());
    assert!(has(&desk.take(other), |m| matches!(m, ServerMessage::Pong(_))));
}

#[test]
fn an_empty_room_is_remembered_for_a_while() {
    let mut desk = Desk::new();
    let policy = Policy {
        suite: Suite::PostQuantum,
        max_participants: 3,
    };
    let room = desk.service.create_room(desk.now, policy.clone()).unwrap();
    desk.pass_ms(3_599_000);
    assert_eq!(desk.service.room(&room).map(|info| info.policy), Some(policy));
    desk.pass_ms(2_000);
    assert_eq!(desk.service.room(&room), None);
}

#[test]
fn a_shutdown_tells_everybody() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    desk.service.handle_shutdown(desk.now);
    desk.pass_ms(1);
    desk.send(session, ping());
    assert_eq!(desk.closed[&session], ErrorCode::ShuttingDown);
}

#[test]
fn a_token_names_its_member_once_it_is_in_the_group_and_as_long_as_it_is_in_the_room() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let token = desk.state(session).token;
    assert_eq!(desk.service.member(&ROOM, &token), None, "not in the group yet");
    let found = Member::new(1).found(ROOM);
    desk.send(session, ClientMessage::Found(found));
    assert_eq!(desk.service.member(&ROOM, &token), Some(id(1)));
    let elsewhere = conclave_wire::id::RoomId::new([3; 16]);
    assert_eq!(desk.service.member(&elsewhere, &token), None);
    let guess = conclave_wire::id::SessionToken::new([0; 32]);
    assert_eq!(desk.service.member(&ROOM, &guess), None);
    assert_eq!(desk.service.present(&ROOM).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(desk.service.present(&elsewhere).count(), 0);
    desk.send(session, ClientMessage::Bye);
    assert_eq!(desk.service.member(&ROOM, &token), None);
    assert_eq!(desk.service.present(&ROOM).count(), 0);
}
