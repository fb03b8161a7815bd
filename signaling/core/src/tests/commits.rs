//! What a member's commit may do.

use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::{Join, RejectReason, SkipReason, Skipped};
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage};

use super::{has, refusal};
use crate::SessionKey;
use crate::testing::{Desk, Member, PSK_ID, Plan};

/// A call of two, and somebody who waits to be added.
struct Scene {
    desk: Desk,
    call: Vec<(Member, SessionKey)>,
    joiner: Member,
    joiner_session: SessionKey,
    key_package: Blob,
}

impl Scene {
    fn new() -> Self {
        let mut desk = Desk::new();
        let call = desk.call(&[1, 2]);
        let joiner = Member::new(3);
        let joiner_session = desk.enter(joiner.id);
        let key_package = joiner.key_package();
        desk.send(
            joiner_session,
            ClientMessage::Join(Join {
                key_package: key_package.clone(),
            }),
        );
        desk.pass_ms(60);
        Self {
            desk,
            call,
            joiner,
            joiner_session,
            key_package,
        }
    }

    /// What becomes of the founder's commit.
    fn refusal(&mut self, plan: Plan) -> Option<RejectReason> {
        let upload = self.call[0].0.commit(plan);
        refusal(&mut self.desk, self.call[0].1, upload)
    }
}

#[test]
fn a_commit_that_does_what_was_asked_is_taken() {
    let mut scene = Scene::new();
    let plan = Plan::add(vec![scene.key_package.clone()]);
    assert_eq!(scene.refusal(plan), None);
}

#[test]
fn an_add_that_nobody_waits_for_is_refused() {
    let mut scene = Scene::new();
    let stranger = Member::new(8).key_package();
    let plan = Plan::add(vec![scene.key_package.clone(), stranger]);
    assert_eq!(scene.refusal(plan), Some(RejectReason::Policy));
}

#[test]
fn an_add_that_is_left_out_must_be_skipped_by_name() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.refusal(Plan {
            path: true,
            ..Plan::default()
        }),
        Some(RejectReason::Policy)
    );
    let mut upload = scene.call[0].0.commit(Plan {
        path: true,
        ..Plan::default()
    });
    upload.skipped = vec![Skipped {
        client_id: scene.joiner.id,
        reason: SkipReason::Admission,
    }];
    assert_eq!(refusal(&mut scene.desk, scene.call[0].1, upload.clone()), None);
    // When that is final the joiner is told.
    assert!(scene.call[1].0.merge(&upload.commit));
    let ack = scene.call[1].0.ack();
    scene.desk.send(scene.call[1].1, ack);
    let told = scene.desk.take(scene.joiner_session);
    assert!(has(
        &told,
        |m| matches!(m, ServerMessage::Error(e) if e.code == ErrorCode::BadMls && !e.fatal)
    ));
}

#[test]
fn an_adding_commit_carries_exactly_the_room_psk() {
    for psks in [
        vec![],
        vec![&b"another"[..]],
        vec![PSK_ID, &b"conclave-room\x02"[..]],
    ] {
        let mut scene = Scene::new();
        let adds = vec![scene.key_package.clone()];
        let plan = Plan {
            adds,
            psks: psks.clone(),
            ..Plan::default()
        };
        assert_eq!(scene.refusal(plan), Some(RejectReason::Policy), "{psks:?}");
    }
}

#[test]
fn an_adding_commit_has_no_path_that_the_room_pays_for() {
    let mut scene = Scene::new();
    let plan = Plan {
        path: true,
        ..Plan::add(vec![scene.key_package.clone()])
    };
    assert_eq!(scene.refusal(plan), Some(RejectReason::Policy));
}

#[test]
fn group_context_extensions_cannot_be_changed() {
    let mut scene = Scene::new();
    let plan = Plan {
        extensions: true,
        ..Plan::add(vec![scene.key_package.clone()])
    };
    assert_eq!(scene.refusal(plan), Some(RejectReason::Policy));
}

#[test]
fn a_commit_that_nobody_asked_for_is_refused() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2]);
    let upload = call[0].0.commit(Plan {
        path: true,
        ..Plan::default()
    });
    assert_eq!(refusal(&mut desk, call[0].1, upload), Some(RejectReason::Policy));
    let leaf = call[1].0.leaf();
    let upload = call[0].0.commit(Plan::remove(vec![leaf]));
    assert_eq!(refusal(&mut desk, call[0].1, upload), Some(RejectReason::Policy));
}

#[test]
fn a_removal_cannot_be_refused() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2, 3]);
    desk.send(call[2].1, ClientMessage::Bye);
    let joiner = Member::new(4);
    let session = desk.enter(joiner.id);
    let key_package = joiner.key_package();
    desk.send(
        session,
        ClientMessage::Join(Join {
            key_package: key_package.clone(),
        }),
    );
    desk.pass_ms(60);
    let upload = call[0].0.commit(Plan::add(vec![key_package.clone()]));
    assert_eq!(refusal(&mut desk, call[0].1, upload), Some(RejectReason::Policy));
    let leaf = call[2].0.leaf();
    let plan = Plan {
        removes: vec![leaf],
        ..Plan::add(vec![key_package])
    };
    let upload = call[0].0.commit(plan);
    assert_eq!(refusal(&mut desk, call[0].1, upload), None);
}

#[test]
fn a_committer_keeps_its_signature_key() {
    let mut desk = Desk::new();
    let mut call = desk.call(&[1, 2, 3]);
    desk.send(call[2].1, ClientMessage::Bye);
    desk.pass_ms(30);
    let leaf = call[2].0.leaf();
    let upload = call[0].0.commit(Plan {
        new_key: true,
        ..Plan::remove(vec![leaf])
    });
    assert_eq!(refusal(&mut desk, call[0].1, upload), Some(RejectReason::Policy));
}

#[test]
fn nobody_uploads_the_commit_of_another() {
    let mut scene = Scene::new();
    let upload = scene.call[0].0.commit(Plan::add(vec![scene.key_package.clone()]));
    assert_eq!(
        refusal(&mut scene.desk, scene.call[1].1, upload),
        Some(RejectReason::Policy)
    );
}

#[test]
fn only_the_first_commit_of_an_epoch_is_taken_and_its_twin_is_not_refused() {
    let mut scene = Scene::new();
    let first = scene.call[0].0.commit(Plan::add(vec![scene.key_package.clone()]));
    let second = scene.call[1].0.commit(Plan::add(vec![scene.key_package.clone()]));
    assert_eq!(refusal(&mut scene.desk, scene.call[0].1, first.clone()), None);
    assert_eq!(
        refusal(&mut scene.desk, scene.call[1].1, second),
        Some(RejectReason::Lost)
    );
    assert_eq!(refusal(&mut scene.desk, scene.call[0].1, first), None);
}

#[test]
fn another_epoch_and_other_bytes_are_told_apart() {
    let mut scene = Scene::new();
    let good = scene.call[0].0.commit(Plan::add(vec![scene.key_package.clone()]));
    let session = scene.call[0].1;
    let mut old = good.clone();
    old.epoch.0 -= 1;
    assert_eq!(
        refusal(&mut scene.desk, session, old),
        Some(RejectReason::WrongEpoch)
    );
    let mut broken = good.clone();
    broken.commit.0.truncate(40);
    assert_eq!(
        refusal(&mut scene.desk, session, broken),
        Some(RejectReason::Invalid)
    );
    let mut tampered = good;
    *tampered.commit.0.last_mut().unwrap() ^= 1;
    // The membership tag is for members only; the signature before it is not.
    let middle = tampered.commit.0.len() / 2;
    tampered.commit.0[middle] ^= 1;
    assert_eq!(
        refusal(&mut scene.desk, session, tampered),
        Some(RejectReason::Invalid)
    );
}

#[test]
fn a_welcome_holds_one_secret_per_add_and_is_missing_otherwise() {
    let mut scene = Scene::new();
    let good = scene.call[0].0.commit(Plan::add(vec![scene.key_package.clone()]));
    let session = scene.call[0].1;
    let mut without = good.clone();
    without.welcome = None;
    assert_eq!(
        refusal(&mut scene.desk, session, without),
        Some(RejectReason::Invalid)
    );
    let mut foreign = good;
    foreign.welcome = Some(Blob(vec![0, 1, 0, 3, 0, 1, 0, 0]));
    assert_eq!(
        refusal(&mut scene.desk, session, foreign),
        Some(RejectReason::Invalid)
    );
}

#[test]
fn a_group_info_of_another_epoch_is_refused() {
    let mut scene = Scene::new();
    let stale = scene.call[0].0.group_info();
    let mut upload = scene.call[0].0.commit(Plan::add(vec![scene.key_package.clone()]));
    upload.group_info = stale;
    assert_eq!(
        refusal(&mut scene.desk, scene.call[0].1, upload),
        Some(RejectReason::Invalid)
    );
}

#[test]
fn each_joiner_gets_a_welcome_with_its_own_secret_only() {
    let mut scene = Scene::new();
    let mut other = Member::new(4);
    let session = scene.desk.enter(other.id);
    let other_package = other.key_package();
    // Called for together, after the first round went unanswered.
    scene.desk.send(
        session,
        ClientMessage::Join(Join {
            key_package: other_package.clone(),
        }),
    );
    scene.desk.pass_ms(2_500);
    let upload = scene.call[0]
        .0
        .commit(Plan::add(vec![scene.key_package.clone(), other_package]));
    let whole = upload.welcome.clone().unwrap();
    assert_eq!(refusal(&mut scene.desk, scene.call[0].1, upload), None);
    let mut welcome_of = |session| {
        scene
            .desk
            .take(session)
            .into_iter()
            .find_map(|message| match message {
                ServerMessage::Welcome(welcome) => Some(welcome),
                _ => None,
            })
    };
    let first = welcome_of(scene.joiner_session).unwrap();
    let second = welcome_of(session).unwrap();
    assert!(first.welcome.0.len() < whole.0.len() && second.welcome.0.len() < whole.0.len());
    let tree = scene.desk.trees[&first.tree_hash].clone();
    assert!(!Member::new(3).welcome(&second.welcome, &tree));
    assert!(scene.joiner.welcome(&first.welcome, &tree));
    assert!(other.welcome(&second.welcome, &tree));
}

#[test]
fn key_packages_of_others_of_other_suites_and_broken_ones_are_refused() {
    let mut desk = Desk::new();
    desk.call(&[1, 2]);
    let joiner = Member::new(3);
    let session = desk.enter(joiner.id);
    let mut broken = joiner.key_package();
    broken.0.truncate(30);
    for key_package in [Member::new(4).key_package(), broken, Blob(vec![0; 20_000])] {
        desk.take(session);
        desk.send(session, ClientMessage::Join(Join { key_package }));
        let told = desk.take(session);
        assert!(has(
            &told,
            |m| matches!(m, ServerMessage::Error(e) if e.code == ErrorCode::BadMls)
        ));
    }
}
