//! Tracks, offers, application messages: who may, and who is told.

use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::AppUpload;
use conclave_wire::client::negotiation::Offer;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{ClientId, OfferId, PeerId, TrackId};
use conclave_wire::limits::{MAX_APP, MAX_SDP};
use conclave_wire::media::{Codec, Source};
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage};

use super::has;
use crate::testing::{Desk, Member};

fn id(name: u8) -> ClientId {
    ClientId::new([name; 16])
}

fn peer_of_last_entry(desk: &Desk) -> PeerId {
    let added = desk.commands.iter().rev().find_map(|command| match command {
        ControlCommand::AddPeer { peer, .. } => Some(*peer),
        _ => None,
    });
    added.unwrap()
}

fn offer(sdp: String) -> ClientMessage {
    ClientMessage::Offer(Offer {
        offer_id: OfferId(4),
        sdp,
        sections: Vec::new(),
    })
}

#[test]
fn offers_go_to_the_sfu_and_its_answers_back() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let peer = peer_of_last_entry(&desk);
    desk.send(session, offer("v=0".to_owned()));
    assert!(matches!(desk.commands.last(), Some(ControlCommand::Negotiate { sdp, .. }) if sdp == "v=0"));
    desk.control(ControlEvent::Answered {
        peer,
        offer_id: OfferId(4),
        sdp: "answer".to_owned(),
    });
    assert!(has(
        &desk.take(session),
        |m| matches!(m, ServerMessage::Answer(a) if a.sdp == "answer")
    ));
    desk.control(ControlEvent::NegotiationFailed {
        peer,
        offer_id: OfferId(4),
        code: ErrorCode::BadSdp,
    });
    assert!(has(&desk.take(session), |m| matches!(
        m,
        ServerMessage::OfferRejected(_)
    )));
}

#[test]
fn offers_that_are_too_large_or_come_without_an_sfu_are_rejected() {
    let mut desk = Desk::new();
    let session = desk.enter(id(1));
    let rejected = |messages: &[ServerMessage], code: ErrorCode| {
        has(
            messages,
            |m| matches!(m, ServerMessage::OfferRejected(r) if r.code == code),
        )
    };
    desk.send(session, offer("x".repeat(MAX_SDP + 1)));
    assert!(rejected(&desk.take(session), ErrorCode::BadSdp));
    desk.service.handle_control_lost(desk.now);
    desk.send(session, offer("v=0".to_owned()));
    assert!(rejected(&desk.take(session), ErrorCode::MediaUnavailable));
}

#[test]
fn tracks_are_announced_to_the_others_and_to_who_comes_later() {
    let mut desk = Desk::new();
    let publisher = desk.enter(id(1));
    let peer = peer_of_last_entry(&desk);
    let other = desk.enter(id(2));
    desk.take(publisher);
    let published = |number| ControlEvent::TrackPublished {
        peer,
        track_id: TrackId(number),
        source: Source::Camera,
        codec: Codec::Vp9,
    };
    desk.control(published(7));
    let is_track =
        |m: &ServerMessage| matches!(m, ServerMessage::TrackPublished(t) if t.track.client_id == id(1));
    assert!(has(&desk.take(other), is_track) && !has(&desk.take(publisher), is_track));
    let late = desk.enter(id(3));
    assert_eq!(desk.state(late).tracks.len(), 1);
    // No more than a participant may have.
    (8..20).for_each(|number| desk.control(published(number)));
    let late = desk.enter(id(4));
    assert_eq!(desk.state(late).tracks.len(), 4);
    // The SFU closed one.
    desk.control(ControlEvent::ProducerClosed {
        peer,
        track_id: TrackId(7),
    });
    let told = desk.take(publisher);
    assert!(has(
        &told,
        |m| matches!(m, ServerMessage::Error(e) if e.code == ErrorCode::NotEndToEndEncrypted)
    ));
    assert!(has(&desk.take(other), |m| matches!(
        m,
        ServerMessage::TrackUnpublished(_)
    )));
    // Who leaves takes its tracks along.
    desk.send(publisher, ClientMessage::Bye);
    let gone = desk.take(other);
    assert_eq!(
        gone.iter()
            .filter(|m| matches!(m, ServerMessage::TrackUnpublished(_)))
            .count(),
        3
    );
}

#[test]
fn application_messages_are_for_members_only_and_of_their_group() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2]);
    let stranger = desk.enter(id(9));
    let app = |message: Blob| ClientMessage::App(AppUpload { message });
    let good = call[0].0.app(b"hello");
    let refused = |messages: &[ServerMessage], code: ErrorCode| {
        has(
            messages,
            |m| matches!(m, ServerMessage::Error(e) if e.code == code && !e.fatal),
        )
    };
    desk.send(stranger, app(good.clone()));
    assert!(refused(&desk.take(stranger), ErrorCode::NotAllowed));
    desk.send(call[0].1, app(Blob(vec![0; 100])));
    assert!(refused(&desk.take(call[0].1), ErrorCode::BadMls));
    desk.send(call[0].1, app(Blob(vec![0; MAX_APP + 1])));
    assert!(refused(&desk.take(call[0].1), ErrorCode::MessageTooLarge));
    let commit = call[1]
        .0
        .commit(crate::testing::Plan {
            path: true,
            ..Default::default()
        })
        .commit;
    desk.send(call[0].1, app(commit));
    assert!(refused(&desk.take(call[0].1), ErrorCode::BadMls));
    desk.take(call[1].1);
    desk.send(call[0].1, app(good));
    assert!(has(&desk.take(call[1].1), |m| matches!(m, ServerMessage::App(_))));
    assert!(!has(&desk.take(call[0].1), |m| matches!(
        m,
        ServerMessage::App(_)
    )));
}

#[test]
fn too_many_application_messages_are_refused_for_a_moment() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2]);
    let message = call[0].0.app(b"hello");
    for _ in 0..200 {
        desk.send(
            call[0].1,
            ClientMessage::App(AppUpload {
                message: message.clone(),
            }),
        );
    }
    let told = desk.take(call[0].1);
    let is_limited = |m: &ServerMessage| {
        matches!(m, ServerMessage::Error(e)
            if e.code == ErrorCode::RateLimited && !e.fatal && e.retry_after_ms.is_some())
    };
    assert!(has(&told, is_limited));
}

#[test]
fn a_new_sfu_is_told_of_everybody_and_tracks_of_the_old_one_are_gone() {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2]);
    let peer = peer_of_last_entry(&desk);
    let source = Source::Microphone;
    desk.control(ControlEvent::TrackPublished {
        peer,
        track_id: TrackId(1),
        source,
        codec: Codec::Opus,
    });
    desk.take(call[0].1);
    desk.commands.clear();
    desk.control(ControlEvent::Ready {
        version: String::new(),
        candidates: Vec::new(),
    });
    assert_eq!(
        desk.commands
            .iter()
            .filter(|c| matches!(c, ControlCommand::AddPeer { .. }))
            .count(),
        2
    );
    assert_eq!(
        desk.commands
            .iter()
            .filter(|c| matches!(c, ControlCommand::Admit { .. }))
            .count(),
        2
    );
    assert!(has(&desk.take(call[0].1), |m| matches!(
        m,
        ServerMessage::TrackUnpublished(_)
    )));
}

#[test]
fn a_member_is_not_waited_for_when_it_goes() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2]);
    desk.send(call[1].1, ClientMessage::Bye);
    desk.pass_ms(30);
    let leaf = call[1].0.leaf();
    let upload = call[0].0.commit(crate::testing::Plan::remove(vec![leaf]));
    desk.take(call[0].1);
    desk.send(call[0].1, ClientMessage::Commit(upload));
    assert!(
        has(&desk.take(call[0].1), |m| matches!(m, ServerMessage::Final(_))),
        "nobody else could vote"
    );
    let next = Member::new(3);
    let session = desk.enter(next.id);
    assert_eq!(desk.state(session).group.unwrap().epoch.0, 2);
}
