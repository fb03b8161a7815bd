//! Who is asked for commits, and how a commit becomes final or falls.

use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::{Ack, CommitCall, CommitUpload, Join};
use conclave_wire::client::session::Ping;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{Epoch, LeafIndex};
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage};

use super::has;
use crate::SessionKey;
use crate::testing::{Desk, Member, Plan, nack};

/// A call with a tentative epoch by the founder that adds somebody.
struct Vote {
    desk: Desk,
    call: Vec<(Member, SessionKey)>,
    joiner: Member,
    joiner_session: SessionKey,
    upload: CommitUpload,
    epoch: u64,
}

impl Vote {
    fn new(names: &[u8]) -> Self {
        let mut desk = Desk::new();
        let call = desk.call(names);
        Self::go_on(desk, call, Member::new(99))
    }

    fn go_on(mut desk: Desk, mut call: Vec<(Member, SessionKey)>, joiner: Member) -> Self {
        let joiner_session = desk.enter(joiner.id);
        let key_package = joiner.key_package();
        desk.send(
            joiner_session,
            ClientMessage::Join(Join {
                key_package: key_package.clone(),
            }),
        );
        desk.pass_ms(60);
        let upload = call[0].0.commit(Plan::add(vec![key_package]));
        for (_, session) in &call {
            desk.take(*session);
        }
        desk.send(call[0].1, ClientMessage::Commit(upload.clone()));
        let epoch = upload.epoch.0 + 1;
        Self {
            desk,
            call,
            joiner,
            joiner_session,
            upload,
            epoch,
        }
    }

    fn ack(&mut self, who: usize) {
        assert!(self.call[who].0.merge(&self.upload.commit));
        let ack = self.call[who].0.ack();
        self.desk.send(self.call[who].1, ack);
    }

    fn told(&mut self, who: usize) -> Vec<ServerMessage> {
        self.desk.take(self.call[who].1)
    }
}

fn is_final(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Final(_))
}

fn is_rollback(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Rollback(_))
}

fn is_go(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Go(_))
}

#[test]
fn one_ack_of_somebody_else_makes_it_final_for_all() {
    let mut vote = Vote::new(&[1, 2, 3]);
    assert!(has(
        &vote.told(2),
        |m| matches!(m, ServerMessage::Commit(c) if c.epoch == Epoch(vote.epoch))
    ));
    vote.ack(1);
    assert!(has(&vote.told(0), is_final) && has(&vote.told(2), is_final));
    assert!(has(&vote.desk.take(vote.joiner_session), is_final));
}

#[test]
fn the_authors_own_ack_and_one_for_another_commit_count_for_nothing() {
    let mut vote = Vote::new(&[1, 2, 3]);
    vote.call[0].0.merge_own();
    let ack = vote.call[0].0.ack();
    vote.desk.send(vote.call[0].1, ack);
    let other = Ack {
        epoch: Epoch(vote.epoch),
        confirmation_hash: Blob(vec![0; 32]),
    };
    vote.desk.send(vote.call[1].1, ClientMessage::Ack(other));
    assert!(!has(&vote.told(2), is_final));
}

#[test]
fn a_lone_author_needs_its_joiners_ack() {
    let mut vote = Vote::new(&[1]);
    let welcome = vote
        .desk
        .take(vote.joiner_session)
        .into_iter()
        .find_map(|message| match message {
            ServerMessage::Welcome(welcome) => Some(welcome),
            _ => None,
        });
    let welcome = welcome.unwrap();
    assert!(!has(&vote.told(0), is_final));
    let tree = vote.desk.trees[&welcome.tree_hash].clone();
    assert!(vote.joiner.welcome(&welcome.welcome, &tree));
    let ack = vote.joiner.ack();
    vote.desk.send(vote.joiner_session, ack);
    assert!(has(&vote.told(0), is_final));
}

#[test]
fn it_falls_when_all_others_refuse_and_the_next_member_is_asked() {
    let mut vote = Vote::new(&[1, 2, 3]);
    vote.desk.send(vote.call[1].1, nack(vote.epoch));
    assert!(!has(&vote.told(0), is_rollback));
    vote.desk.send(vote.call[2].1, nack(vote.epoch));
    assert!(has(&vote.told(0), is_rollback));
    assert!(has(&vote.desk.take(vote.joiner_session), is_rollback));
    // A key package is used up by a Welcome: the joiner comes with a fresh one, and the author is asked last.
    let key_package = vote.joiner.key_package();
    vote.desk
        .send(vote.joiner_session, ClientMessage::Join(Join { key_package }));
    vote.desk.pass_ms(60);
    let rank_of = |messages: Vec<ServerMessage>| {
        messages.into_iter().find_map(|message| match message {
            ServerMessage::CommitCall(call) => Some(call.rank),
            _ => None,
        })
    };
    assert_eq!(rank_of(vote.told(0)), Some(2));
}

#[test]
fn one_refusal_among_acks_changes_nothing() {
    let mut vote = Vote::new(&[1, 2, 3]);
    vote.desk.send(vote.call[1].1, nack(vote.epoch));
    vote.ack(2);
    assert!(has(&vote.told(0), is_final));
}

#[test]
fn silence_rolls_it_back_after_a_second_and_a_half() {
    let mut vote = Vote::new(&[1, 2]);
    vote.desk.pass_ms(1_400);
    assert!(!has(&vote.told(0), is_rollback));
    vote.desk.pass_ms(200);
    assert!(has(&vote.told(0), is_rollback));
}

#[test]
fn a_commit_with_a_wrong_psk_falls_and_the_third_costs_its_author_the_place() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2, 3]);
    let joiner = Member::new(9);
    let joiner_session = desk.enter(joiner.id);
    call[0].0.secret = [0; 32];
    for round in 1..=3 {
        let key_package = joiner.key_package();
        desk.send(
            joiner_session,
            ClientMessage::Join(Join {
                key_package: key_package.clone(),
            }),
        );
        desk.pass_ms(60);
        let upload = call[0].0.commit(Plan::add(vec![key_package]));
        let commit = upload.commit.clone();
        desk.send(call[0].1, ClientMessage::Commit(upload));
        // The server cannot see it, the members can.
        for who in [1, 2] {
            assert!(!call[who].0.merge(&commit));
            desk.send(call[who].1, nack(3));
        }
        assert_eq!(desk.closed.contains_key(&call[0].1), round == 3, "round {round}");
    }
    assert_eq!(desk.closed[&call[0].1], ErrorCode::Removed);
}

#[test]
fn senders_switch_when_all_acknowledged_or_after_a_while() {
    let mut vote = Vote::new(&[1, 2, 3]);
    vote.ack(1);
    assert!(!has(&vote.told(0), is_go));
    vote.ack(2);
    assert!(has(&vote.told(0), is_go));
    assert!(
        vote.desk.commands.iter().any(
            |command| matches!(command, ControlCommand::Go { epoch, .. } if *epoch == Epoch(vote.epoch))
        )
    );
    let mut vote = Vote::new(&[1, 2, 3]);
    vote.ack(1);
    vote.desk.pass_ms(290);
    assert!(!has(&vote.told(0), is_go));
    vote.desk.pass_ms(20);
    assert!(has(&vote.told(0), is_go));
}

#[test]
fn a_joiner_gets_media_once_it_acknowledged_a_final_epoch() {
    let mut vote = Vote::new(&[1, 2]);
    let admits = |desk: &Desk| {
        let is_admit = |command: &&ControlCommand| matches!(command, ControlCommand::Admit { leaf, .. } if *leaf == LeafIndex(2));
        desk.commands.iter().filter(is_admit).count()
    };
    let welcome = vote
        .desk
        .take(vote.joiner_session)
        .into_iter()
        .find_map(|message| match message {
            ServerMessage::Welcome(welcome) => Some(welcome),
            _ => None,
        });
    let welcome = welcome.unwrap();
    let tree = vote.desk.trees[&welcome.tree_hash].clone();
    assert!(vote.joiner.welcome(&welcome.welcome, &tree));
    let ack = vote.joiner.ack();
    vote.desk.send(vote.joiner_session, ack);
    assert_eq!(admits(&vote.desk), 0, "not before it is final");
    vote.ack(1);
    assert_eq!(admits(&vote.desk), 1);
}

/// The calls that the members got, by session.
fn calls(desk: &mut Desk, call: &[(Member, SessionKey)]) -> Vec<CommitCall> {
    let messages = call.iter().flat_map(|(_, session)| desk.take(*session));
    let mut calls: Vec<CommitCall> = messages
        .filter_map(|message| match message {
            ServerMessage::CommitCall(call) => Some(call),
            _ => None,
        })
        .collect();
    calls.sort_by_key(|call| call.rank);
    calls
}

#[test]
fn eight_members_are_asked_with_growing_delays_and_the_next_after_two_seconds() {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    desk.pass_ms(3_000);
    let joiner = Member::new(11);
    let session = desk.enter(joiner.id);
    desk.send(
        session,
        ClientMessage::Join(Join {
            key_package: joiner.key_package(),
        }),
    );
    desk.pass_ms(40);
    assert_eq!(
        calls(&mut desk, &call).len(),
        0,
        "others may come within the window"
    );
    desk.pass_ms(20);
    let asked = calls(&mut desk, &call);
    let delays: Vec<u32> = asked.iter().map(|call| call.delay_ms).collect();
    assert_eq!(delays, (0..8).map(|rank| rank * 200).collect::<Vec<_>>());
    desk.pass_ms(1_980);
    assert_eq!(calls(&mut desk, &call).len(), 0);
    desk.pass_ms(30);
    let ranks: Vec<u8> = calls(&mut desk, &call).iter().map(|call| call.rank).collect();
    assert_eq!(ranks, [8, 9]);
    // Nobody adds it: in the end it is told.
    for _ in 0..5 {
        desk.pass_ms(4_000);
        for session in call.iter().map(|(_, session)| *session).chain([session]) {
            desk.send(session, ClientMessage::Ping(Ping { id: 1 }));
        }
    }
    let told = desk.take(session);
    assert!(has(
        &told,
        |m| matches!(m, ServerMessage::Error(e) if e.code == ErrorCode::BadMls)
    ));
}

#[test]
fn a_removal_is_asked_for_within_twenty_milliseconds() {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2, 3]);
    desk.send(call[2].1, ClientMessage::Bye);
    desk.pass_ms(20);
    let asked = calls(&mut desk, &call[..2]);
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|call| call.removes == [LeafIndex(2)]));
    assert_eq!(asked[1].delay_ms, 120);
}

#[test]
fn who_is_asked_to_heal_the_tree_and_does_not_is_followed_by_the_next_leaf_at_once() {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2]);
    let mut asked = Vec::new();
    for _second in 0..130 {
        desk.pass_ms(1_000);
        for (place, (_, session)) in call.iter().enumerate() {
            desk.send(*session, ClientMessage::Ping(Ping { id: 0 }));
            let is_heal =
                |message: &ServerMessage| matches!(message, ServerMessage::CommitCall(call) if call.heal);
            if has(&desk.take(*session), is_heal) {
                asked.push(place);
            }
        }
    }
    // After two minutes the first; its time is over two seconds later, and then it is the other's turn.
    assert!(asked.starts_with(&[0, 1]), "{asked:?}");
}
