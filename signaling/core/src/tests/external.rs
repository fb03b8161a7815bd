//! External commits: the way back in, and the ghost's way in.

use conclave_wire::client::mls::RejectReason;
use conclave_wire::{ClientMessage, ServerMessage};

use super::{has, refusal};
use crate::testing::{Desk, Member, PSK_ID, nack};

#[test]
fn a_ghost_with_the_servers_group_info_but_without_the_psk_is_refused() {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2]);
    let mut ghost = Member::new(66);
    let session = desk.enter(ghost.id);
    let (info, tree) = (call[0].0.group_info(), call[0].0.tree());
    let upload = ghost.external(&info, &tree, &[]);
    assert_eq!(refusal(&mut desk, session, upload), Some(RejectReason::Policy));
    let upload = ghost.external(&info, &tree, &[b"another"]);
    assert_eq!(refusal(&mut desk, session, upload), Some(RejectReason::Policy));
}

#[test]
fn a_ghost_with_a_wrong_secret_is_rolled_back_by_the_members_and_never_in_the_group() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2]);
    let mut ghost = Member::new(66);
    ghost.secret = [0; 32];
    let session = desk.enter(ghost.id);
    let upload = ghost.external(&call[0].0.group_info(), &call[0].0.tree(), &[PSK_ID]);
    let commit = upload.commit.clone();
    let epoch = upload.epoch.0 + 1;
    assert_eq!(
        refusal(&mut desk, session, upload),
        None,
        "the server cannot see it"
    );
    for (member, session) in &mut call {
        assert!(!member.merge(&commit), "the members can");
        desk.send(*session, nack(epoch));
    }
    let told = desk.take(session);
    assert!(has(&told, |m| matches!(m, ServerMessage::Rollback(_))));
    assert!(!has(&told, |m| matches!(m, ServerMessage::Final(_))));
    // Nothing that it says as a member is passed on.
    let message = ghost.app(b"boo");
    desk.take(call[0].1);
    desk.send(
        session,
        ClientMessage::App(conclave_wire::client::mls::AppUpload { message }),
    );
    assert!(!has(&desk.take(call[0].1), |m| matches!(
        m,
        ServerMessage::App(_)
    )));
}

#[test]
fn an_external_commit_that_no_member_saw_does_not_stand() {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2]);
    let (info, tree) = (call[0].0.group_info(), call[0].0.tree());
    for (_, session) in &call {
        desk.disconnect(*session);
    }
    let mut ghost = Member::new(66);
    let session = desk.enter(ghost.id);
    let upload = ghost.external(&info, &tree, &[PSK_ID]);
    assert_eq!(refusal(&mut desk, session, upload), None);
    desk.pass_ms(4_000);
    assert!(!has(&desk.take(session), |m| matches!(
        m,
        ServerMessage::Final(_)
    )));
}

#[test]
fn who_has_the_secret_comes_in_and_not_again_within_five_seconds() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2]);
    let mut late = Member::new(3);
    let session = desk.enter(late.id);
    let upload = late.external(&call[0].0.group_info(), &call[0].0.tree(), &[PSK_ID]);
    let commit = upload.commit.clone();
    assert_eq!(refusal(&mut desk, session, upload), None);
    assert!(call[0].0.merge(&commit));
    let ack = call[0].0.ack();
    desk.send(call[0].1, ack);
    assert!(has(&desk.take(session), |m| matches!(m, ServerMessage::Final(_))));
    // Back again: its old leaf goes, by the same key.
    let (info, tree) = (call[0].0.group_info(), call[0].0.tree());
    let again = late.external(&info, &tree, &[PSK_ID]);
    assert_eq!(
        refusal(&mut desk, session, again.clone()),
        Some(RejectReason::Policy)
    );
    desk.pass_ms(5_000);
    assert_eq!(refusal(&mut desk, session, again), None);
}

#[test]
fn nobody_comes_in_as_somebody_else() {
    let mut desk = Desk::new();
    let call = desk.call(&[1, 2]);
    // Another key under the second member's pseudonym, from a session of its own.
    let mut thief = Member::new(2);
    let session = desk.enter(Member::new(7).id);
    let upload = thief.external(&call[0].0.group_info(), &call[0].0.tree(), &[PSK_ID]);
    assert_eq!(
        refusal(&mut desk, session, upload.clone()),
        Some(RejectReason::Policy)
    );
    // From the member's own session: its old leaf would stay beside the new one.
    assert_eq!(refusal(&mut desk, call[1].1, upload), Some(RejectReason::Policy));
}
