//! What clients show, what is needed of publishers, and an SFU that can take no more.

use conclave_wire::client::session::{Hello, Resume};
use conclave_wire::client::subscription::{EncodingsNeeded, PauseCause, PicturesPaused, View, Views};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{ClientId, Epoch, PeerId, TrackId};
use conclave_wire::limits::MAX_SECTIONS;
use conclave_wire::media::{Codec, Source};
use conclave_wire::{ClientMessage, ErrorCode, PROTOCOL_VERSION, ServerMessage};

use super::has;
use crate::testing::{Desk, ROOM};

fn id(name: u8) -> ClientId {
    ClientId::new([name; 16])
}

fn view(track: u32, height: u16) -> View {
    View {
        track_id: TrackId(track),
        height,
    }
}

/// The name at the SFU of whoever entered last.
fn last_peer(desk: &Desk) -> PeerId {
    let added = desk.commands.iter().rev().find_map(|command| match command {
        ControlCommand::AddPeer { peer, .. } => Some(*peer),
        _ => None,
    });
    added.unwrap()
}

fn needed(messages: Vec<ServerMessage>) -> Vec<EncodingsNeeded> {
    let needed = messages.into_iter().filter_map(|message| match message {
        ServerMessage::EncodingsNeeded(needed) => Some(needed),
        _ => None,
    });
    needed.collect()
}

fn camera_needed(peer: PeerId, needed: [bool; 3]) -> ControlEvent {
    ControlEvent::EncodingsNeeded {
        peer,
        source: Source::Camera,
        needed: needed.to_vec(),
    }
}

fn overload(desk: &mut Desk, overloaded: bool) {
    desk.control(ControlEvent::Overloaded { overloaded });
}

#[test]
fn views_reach_the_sfu_under_the_name_of_their_client() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let peer = last_peer(&desk);
    desk.enter(id(2));
    let views = vec![view(7, 720), view(9, 0)];
    desk.send(session, ClientMessage::Views(Views { views: views.clone() }));
    assert_eq!(desk.commands.last(), Some(&ControlCommand::Views { peer, views }));
}

#[test]
fn more_views_than_there_can_be_sections_are_refused() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let before = desk.commands.len();
    let views = (0..).take(MAX_SECTIONS + 1).map(|track| view(track, 1)).collect();
    desk.send(session, ClientMessage::Views(Views { views }));
    assert!(has(&desk.take(session), |m| matches!(
        m,
        ServerMessage::Error(e) if e.code == ErrorCode::BadMessage && !e.fatal
    )));
    assert_eq!(desk.commands.len(), before);
}

#[test]
fn a_flood_of_views_is_slowed_down() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    for height in 0..100 {
        let views = vec![view(7, height)];
        desk.send(session, ClientMessage::Views(Views { views }));
    }
    assert!(has(&desk.take(session), |m| matches!(
        m,
        ServerMessage::Error(e) if e.code == ErrorCode::RateLimited && !e.fatal
    )));
    let passed = desk
        .commands
        .iter()
        .filter(|command| matches!(command, ControlCommand::Views { .. }));
    assert_eq!(passed.count(), 40);
}

#[test]
fn what_is_needed_reaches_its_publisher_and_nobody_else() {
    let mut desk = Desk::new();
    let publisher = desk.enter(id(1));
    let peer = last_peer(&desk);
    let other = desk.enter(id(2));
    desk.control(camera_needed(peer, [true, false, false]));
    assert_eq!(
        needed(desk.take(publisher)),
        [EncodingsNeeded {
            source: Source::Camera,
            needed: vec![true, false, false]
        }]
    );
    assert_eq!(needed(desk.take(other)), []);
}

#[test]
fn a_publisher_that_comes_back_hears_what_was_needed_meanwhile() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let token = desk.state(session).token;
    let peer = last_peer(&desk);
    desk.control(camera_needed(peer, [true, true, true]));
    desk.disconnect(session);
    desk.control(camera_needed(peer, [true, false, false]));
    let back = desk.connect();
    desk.hello(back, id(1), Some(token));
    assert_eq!(
        needed(desk.take(back)),
        [EncodingsNeeded {
            source: Source::Camera,
            needed: vec![true, false, false]
        }]
    );
}

#[test]
fn what_was_needed_of_a_track_is_forgotten_with_it() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let token = desk.state(session).token;
    let peer = last_peer(&desk);
    let track_id = TrackId(3);
    desk.control(ControlEvent::TrackPublished {
        peer,
        track_id,
        source: Source::Camera,
        codec: Codec::Vp9,
    });
    desk.control(camera_needed(peer, [false, false, false]));
    desk.control(ControlEvent::TrackUnpublished { peer, track_id });
    desk.disconnect(session);
    let back = desk.connect();
    desk.hello(back, id(1), Some(token));
    assert_eq!(needed(desk.take(back)), []);
}

/// How many pictures are said to be paused, each time.
fn paused(messages: Vec<ServerMessage>) -> Vec<usize> {
    let paused = messages.into_iter().filter_map(|message| match message {
        ServerMessage::PicturesPaused(PicturesPaused { tracks, .. }) => Some(tracks.len()),
        _ => None,
    });
    paused.collect()
}

#[test]
fn what_is_paused_is_said_to_whom_it_concerns_and_again_when_that_client_comes_back() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let token = desk.state(session).token;
    let peer = last_peer(&desk);
    let other = desk.enter(id(2));
    let pause = |tracks: &[u32]| ControlEvent::PicturesPaused {
        peer,
        tracks: tracks.iter().copied().map(TrackId).collect(),
        cause: PauseCause::Downlink,
    };
    desk.control(pause(&[3, 4]));
    assert_eq!(paused(desk.take(session)), [2]);
    assert_eq!(paused(desk.take(other)), [0; 0]);
    desk.disconnect(session);
    desk.control(pause(&[]));
    let back = desk.connect();
    desk.hello(back, id(1), Some(token));
    assert_eq!(paused(desk.take(back)), [0]);
}

#[test]
fn an_overloaded_server_turns_newcomers_away_and_says_when_to_come_back() {
    let mut desk = Desk::new();
    desk.enter(id(1));
    overload(&mut desk, true);
    assert!(desk.service.stats().overloaded);
    let turned_away = desk.enter(id(2));
    assert_eq!(desk.closed[&turned_away], ErrorCode::Overloaded);
    assert!(has(&desk.take(turned_away), |m| matches!(
        m,
        ServerMessage::Error(e) if e.code == ErrorCode::Overloaded && e.fatal && e.retry_after_ms == Some(5_000)
    )));
    overload(&mut desk, false);
    let welcome = desk.enter(id(2));
    assert!(!desk.closed.contains_key(&welcome));
}

#[test]
fn an_overloaded_server_opens_no_room_for_somebody_it_turns_away() {
    let mut desk = Desk::new();
    overload(&mut desk, true);
    desk.enter(id(1));
    assert_eq!(desk.service.stats().rooms, 0);
}

#[test]
fn people_in_a_call_come_back_to_an_overloaded_server() {
    let mut desk = Desk::new();
    let lost = desk.enter(id(1));
    let lost_token = desk.state(lost).token;
    let reloaded = desk.enter(id(2));
    let reloaded_token = desk.state(reloaded).token;
    overload(&mut desk, true);
    desk.disconnect(lost);
    let back = desk.connect();
    desk.hello(back, id(1), Some(lost_token));
    assert!(!desk.closed.contains_key(&back), "a lost connection");
    desk.disconnect(reloaded);
    let anew = desk.connect();
    desk.hello(anew, id(3), Some(reloaded_token));
    assert!(!desk.closed.contains_key(&anew), "a reloaded tab");
    let late = desk.connect();
    let hello = Hello {
        version: PROTOCOL_VERSION,
        room: ROOM,
        client_id: id(4),
        token: None,
        resume: Some(Resume {
            group_id: vec![1; 32].into(),
            epoch: Epoch(3),
            confirmation_tag: vec![1; 33].into(),
        }),
        host: None,
    };
    desk.send(late, ClientMessage::Hello(hello));
    assert!(
        !desk.closed.contains_key(&late),
        "a member whose grace period is over"
    );
}

#[test]
fn another_sfu_is_not_overloaded_until_it_says_so() {
    let mut desk = Desk::new();
    overload(&mut desk, true);
    desk.control(ControlEvent::Ready {
        version: String::new(),
        candidates: Vec::new(),
    });
    let welcome = desk.enter(id(1));
    assert!(!desk.closed.contains_key(&welcome));
}
