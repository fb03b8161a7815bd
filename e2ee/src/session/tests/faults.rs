//! What goes wrong and who does wrong.

use openmls::schedule::PreSharedKeyId;
use serde_json::json;

use super::attacker::Attacker;
use super::world::{SECRET, World, hash_of, session};
use crate::message::{Found, Outgoing};
use crate::secrets::{self, RoomKeys};
use crate::session::tests::world::ROOM;
use crate::{Blob, Codec, Context, FailReason, Output, RoomSecret, Suite, encoding};

fn group_id(world: &World) -> Vec<u8> {
    world.clients[0].session.resume().unwrap().group_id.0
}

/// The commit goes to everybody but reaches no agreement; with `force` the server finalizes it all the same.
fn inject(world: &mut World, commit: Blob, found: Found, force: bool) {
    let nobody = world.add(session(200, "nobody", SECRET));
    world.clients[nobody].online = false;
    world.propose(nobody, world.epoch, commit, found, None);
    if force && world.is_voting() {
        world.finalize();
    }
    world.settle();
}

#[test]
fn a_ghost_from_the_servers_own_group_info_is_refused() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let epoch = world.epoch;
        let ghost = Attacker::new([66; 16]);
        let (commit, found) = ghost.external_commit(&world, None, vec![0; 16]);
        inject(&mut world, commit, found, false);
        assert_eq!(world.epoch, epoch);
        assert_eq!(
            world
                .nacks
                .iter()
                .map(|(_, reason)| reason.as_str())
                .collect::<Vec<_>>()[0],
            "policy"
        );
        for client in 0..3 {
            assert!(world.has(
                client,
                &Output::Failed {
                    reason: FailReason::CommitPolicy
                }
            ));
            assert!(
                world.clients[client]
                    .session
                    .roster()
                    .iter()
                    .all(|m| m.client_id.0 != ghost.client_id)
            );
        }
        world.heal(1);
        world.assert_agreement(&[0, 1, 2]);
        world.assert_all_hear_each_other(&[0, 1, 2]);
    }
}

#[test]
fn a_ghost_with_an_admission_but_another_psk_is_refused() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 2);
        let epoch = world.epoch;
        let ghost = Attacker::new([66; 16]);
        let admission = ghost.leaked_admission(&RoomSecret::new(SECRET), &group_id(&world));
        let (commit, found) = ghost.external_commit(&world, Some([1; 32]), admission);
        inject(&mut world, commit, found, false);
        assert_eq!(world.epoch, epoch);
        assert_eq!(world.nacks[0].1, "invalid");
        world.assert_all_hear_each_other(&[0, 1]);
    }
}

#[test]
fn an_external_commit_with_the_psk_but_no_admission_is_refused() {
    let mut world = World::with(Suite::Classic, 2);
    let keys = RoomKeys::derive(&RoomSecret::new(SECRET), &ROOM).unwrap();
    let ghost = Attacker::new([66; 16]);
    let (commit, found) = ghost.external_commit(&world, Some(*keys.psk()), vec![0; 16]);
    inject(&mut world, commit, found, false);
    assert_eq!(world.nacks[0].1, "admission");
    assert!(world.has(
        0,
        &Output::Failed {
            reason: FailReason::CommitAdmission
        }
    ));
}

#[test]
fn an_external_commit_under_a_members_pseudonym_is_refused() {
    let mut world = World::with(Suite::Classic, 2);
    let keys = RoomKeys::derive(&RoomSecret::new(SECRET), &ROOM).unwrap();
    // It has the link, and wants to be taken for client 1.
    let impostor = Attacker::new(world.id(1).0);
    let admission = impostor.leaked_admission(&RoomSecret::new(SECRET), &group_id(&world));
    let (commit, found) = impostor.external_commit(&world, Some(*keys.psk()), admission);
    inject(&mut world, commit, found, false);
    assert_eq!(world.nacks[0].1, "policy");
}

#[test]
fn members_rather_fall_silent_than_share_a_group_with_a_ghost() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 2);
        let ghost = Attacker::new([66; 16]);
        let (commit, found) = ghost.external_commit(&world, None, vec![0; 16]);
        world.no_final = true;
        // The server finalizes what everybody refused.
        world.clients[1].online = false;
        let before = world.nacks.len();
        let epoch = world.epoch + 1;
        world.tell(
            0,
            &json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit}),
        );
        world.group = Some(found);
        world.epoch = epoch;
        world.tell(0, &json!({"type": "final", "epoch": epoch}));
        world.tell(0, &json!({"type": "go", "epoch": epoch}));
        world.no_calls = true;
        // The server hands out the tree of the group with the ghost in it.
        world.publish_tree();
        world.settle();
        assert!(world.nacks.len() > before);
        assert!(world.has(
            0,
            &Output::Failed {
                reason: FailReason::Desynchronized
            }
        ));
        assert!(world.has(
            0,
            &Output::Failed {
                reason: FailReason::WelcomePolicy
            }
        ));
        let mut out = Vec::new();
        let refused = world.clients[0]
            .session
            .encrypt(Context::Microphone, Codec::Opus, b"secret", &mut out);
        assert!(refused.is_err() && out.is_empty());
        world.advance(60_000);
        assert_eq!(world.clients[0].session.epoch(), Some(epoch - 1));
        assert!(!world.clients[0].session.is_secured());
    }
}

#[test]
fn a_welcome_into_a_group_of_the_servers_making_is_refused() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 1);
        world.no_calls = true;
        let newcomer = world.enter();
        let key_package = world.key_package_of(newcomer);
        let ghost = Attacker::new([66; 16]);
        let (welcome, tree) = ghost.fake_group(suite, &group_id(&world), &key_package);
        let tree_hash = hash_of(&tree);
        world.add_tree(&tree);
        world.tell(
            newcomer,
            &json!({"type": "welcome", "seq": 1, "epoch": 1, "welcome": welcome, "tree_hash": tree_hash}),
        );
        world.settle();
        assert!(world.has(
            newcomer,
            &Output::Failed {
                reason: FailReason::Welcome
            }
        ));
        assert_eq!(world.clients[newcomer].session.epoch(), None);
        assert_ne!(
            world.key_package_of(newcomer),
            key_package,
            "the used key package is replaced"
        );
    }
}

#[test]
fn a_commit_with_a_wrong_psk_falls_and_somebody_else_adds_the_newcomer() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        // Client 0 turns bad: it commits with another PSK.
        let mls = world.clients[0].session.current.as_ref().unwrap();
        PreSharedKeyId::external(secrets::psk_id(), Vec::new())
            .store(&mls.provider, &[3; 32])
            .unwrap();
        let newcomer = world.enter();
        world.assert_agreement(&[1, 2, newcomer]);
        world.assert_all_hear_each_other(&[1, 2, newcomer]);
        assert!(
            world
                .nacks
                .iter()
                .any(|(client, reason)| *client == 1 && reason == "invalid")
        );
        assert!(
            world
                .nacks
                .iter()
                .any(|(client, reason)| *client == newcomer && reason == "welcome")
        );
    }
}

#[test]
fn who_has_another_room_secret_is_not_added() {
    let mut world = World::with(Suite::Classic, 2);
    let stranger = world.add(session(3, "Stranger", [1; 32]));
    world.connect(stranger);
    world.settle();
    assert_eq!(world.rejected, [(0, "admission".to_owned())]);
    world.advance(30_000);
    assert_eq!(
        world.clients[stranger].session.epoch(),
        None,
        "nor does it get in from outside"
    );
    world.assert_all_hear_each_other(&[0, 1]);
}

#[test]
fn a_pseudonym_that_a_member_has_is_not_added_again() {
    let mut world = World::with(Suite::Classic, 2);
    let double = world.add(session(2, "Twin", SECRET));
    world.connect(double);
    // The server reports it under the pseudonym in its key package.
    world.rename_pending(double, world.id(1));
    world.settle();
    assert_eq!(world.rejected, [(0, "duplicate".to_owned())]);
}

#[test]
fn of_two_commits_at_once_one_stands_and_the_loser_can_commit_again() {
    for suite in Suite::ALL {
        for keep_voting in [false, true] {
            let mut world = World::with(suite, 3);
            world.no_final = keep_voting;
            let call = json!({"type": "commit_call", "epoch": world.epoch, "adds": [], "removes": [],
                "rank": 0, "delay_ms": 0, "heal": true});
            world.tell(1, &call);
            world.tell(2, &call);
            world.settle();
            if keep_voting {
                world.no_final = false;
                world.finalize();
            }
            assert_eq!(world.rejected, [(2, "lost".to_owned())]);
            world.assert_agreement(&[0, 1, 2]);
            world.heal(2);
            world.assert_agreement(&[0, 1, 2]);
            world.assert_all_hear_each_other(&[0, 1, 2]);
        }
    }
}

#[test]
fn a_committer_waits_its_turn_and_gives_up_when_another_is_faster() {
    let mut world = World::with(Suite::Classic, 3);
    let call = json!({"type": "commit_call", "epoch": world.epoch, "adds": [], "removes": [],
        "rank": 1, "delay_ms": 200, "heal": true});
    world.tell(2, &call);
    assert_eq!(
        world.clients[2].session.committer.poll_timeout(),
        Some(world.now + 200)
    );
    world.heal(1);
    let epoch = world.epoch;
    world.advance(1_000);
    assert_eq!(world.epoch, epoch);
    let call = json!({"type": "commit_call", "epoch": epoch, "adds": [], "removes": [],
        "rank": 1, "delay_ms": 200, "heal": true});
    world.tell(2, &call);
    world.advance(199);
    assert_eq!(world.epoch, epoch);
    world.advance(1);
    assert_eq!(world.epoch, epoch + 1, "nobody was faster");
}

#[test]
fn a_committer_cut_off_after_its_commit_merges_it_when_it_is_back() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let call = json!({"type": "commit_call", "epoch": world.epoch, "adds": [], "removes": [],
            "rank": 0, "delay_ms": 0, "heal": true});
        world.tell(1, &call);
        world.clients[1].online = false;
        world.settle_with_author_gone(1);
        let now = world.now;
        world.clients[1].session.handle_connection_lost(now);
        world.clients[1].online = true;
        world.state(1, "resume");
        let (epoch, commit) = world.log.last().unwrap().clone();
        world.tell(
            1,
            &json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit}),
        );
        world.tell(1, &json!({"type": "final", "epoch": epoch}));
        world.tell(1, &json!({"type": "go", "epoch": epoch}));
        world.assert_agreement(&[0, 1, 2]);
        world.assert_all_hear_each_other(&[0, 1, 2]);
    }
}

#[test]
fn a_rolled_back_commit_leaves_no_trace() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let epoch = world.epoch;
        world.heal_halfway(1);
        assert!(world.is_voting());
        world.rollback();
        world.settle();
        for client in 0..3 {
            assert_eq!(world.clients[client].session.epoch(), Some(epoch));
            assert!(world.clients[client].session.tentative.is_none());
        }
        world.assert_all_hear_each_other(&[0, 1, 2]);
        world.heal(2);
        world.heal(1);
        world.assert_agreement(&[0, 1, 2]);
        world.assert_all_hear_each_other(&[0, 1, 2]);
    }
}

#[test]
fn a_newcomer_whose_commit_is_rolled_back_is_added_by_the_next() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        world.no_final = true;
        let newcomer = world.enter();
        world.no_final = false;
        world.rollback();
        world.settle();
        world.assert_agreement(&[0, 1, 2, newcomer]);
        world.assert_all_hear_each_other(&[0, 1, 2, newcomer]);
    }
}

#[test]
fn after_a_welcome_that_cannot_be_opened_a_new_key_package_gets_the_newcomer_in() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 2);
        world.no_calls = true;
        let newcomer = world.enter();
        world.clients[newcomer].trees_fail = true;
        world.no_calls = false;
        world.step_until_nack();
        world.clients[newcomer].trees_fail = false;
        world.settle();
        assert!(world.has(
            newcomer,
            &Output::Failed {
                reason: FailReason::Tree
            }
        ));
        world.assert_agreement(&[0, 1, newcomer]);
        world.assert_all_hear_each_other(&[0, 1, newcomer]);
        assert_eq!(
            world.clients[0].session.roster().len(),
            3,
            "its first leaf is gone"
        );
    }
}

#[test]
fn whose_welcome_is_lost_comes_in_from_outside() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 2);
        world.no_welcome = true;
        let newcomer = world.enter();
        assert_eq!(world.clients[newcomer].session.epoch(), None);
        world.advance(2_500);
        world.assert_agreement(&[0, 1, newcomer]);
        world.assert_all_hear_each_other(&[0, 1, newcomer]);
        assert_eq!(world.clients[0].session.roster().len(), 3);
    }
}

#[test]
fn repeated_and_late_messages_change_nothing() {
    let mut world = World::with(Suite::Classic, 3);
    world.heal(0);
    let (epoch, commit) = world.log.last().unwrap().clone();
    world.heal(1);
    for message in [
        json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit}),
        json!({"type": "final", "epoch": epoch}),
        json!({"type": "rollback", "epoch": epoch}),
        json!({"type": "go", "epoch": epoch}),
        json!({"type": "go", "epoch": epoch + 100}),
        json!({"type": "found_ok"}),
        json!({"type": "rollback", "epoch": epoch + 100}),
        json!({"type": "commit_rejected", "epoch": epoch, "reason": "lost"}),
        json!({"type": "welcome", "seq": 1, "epoch": 4, "welcome": "AAAA", "tree_hash": "x"}),
        json!({"type": "group_info", "epoch": 4, "group_info": "AAAA", "tree_hash": "x"}),
    ] {
        world.broadcast(&message);
    }
    world.settle();
    world.assert_agreement(&[0, 1, 2]);
    world.assert_all_hear_each_other(&[0, 1, 2]);
}

#[test]
fn a_commit_delivered_twice_while_under_vote_is_acknowledged_once() {
    let mut world = World::with(Suite::Classic, 2);
    world.heal_halfway(0);
    let (epoch, commit) = world.log.last().unwrap().clone();
    world.tell(
        1,
        &json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit}),
    );
    world.finalize();
    world.settle();
    world.assert_agreement(&[0, 1]);
}

#[test]
fn messages_that_are_none_are_errors_and_nothing_more() {
    let mut world = World::with(Suite::Classic, 2);
    let now = world.now;
    let session = &mut world.clients[0].session;
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"type\":\"nonsense\"}",
        "{\"type\":\"commit\",\"seq\":1}",
    ] {
        assert_eq!(
            session.handle_message(now, text),
            Err(crate::SessionError::Malformed)
        );
    }
    let large = format!(
        "{{\"type\":\"app\",\"seq\":1,\"message\":\"{}\"}}",
        "A".repeat(5 << 20)
    );
    assert_eq!(
        session.handle_message(now, &large),
        Err(crate::SessionError::TooLarge)
    );
    session
        .handle_tree(now, "nobody asked", Some(&[1, 2, 3]))
        .unwrap();
    world.assert_all_hear_each_other(&[0, 1]);
}

#[test]
fn a_bad_commit_is_refused_and_the_room_goes_on() {
    let mut world = World::with(Suite::Classic, 2);
    let epoch = world.epoch + 1;
    for commit in ["AAAA".to_owned(), encoding::encode(&[1; 400]), String::new()] {
        world.tell(
            1,
            &json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit}),
        );
        world.tell(1, &json!({"type": "rollback", "epoch": epoch}));
    }
    assert_eq!(
        world.clients[1]
            .outputs
            .iter()
            .filter(|o| matches!(o, Output::Failed { .. }))
            .count(),
        3
    );
    world.settle();
    world.heal(0);
    world.assert_all_hear_each_other(&[0, 1]);
}

#[test]
fn a_forged_hello_does_not_secure_a_rejoiner() {
    let mut world = World::with(Suite::Classic, 3);
    world.clients[2].online = false;
    world.heal(0);
    world.clients[2].online = true;
    world.mute_apps = true;
    world.heal(1);
    world.settle();
    world.assert_agreement(&[0, 1, 2]);
    assert!(!world.clients[2].session.is_secured());
    // A replayed application message of the epoch before says nothing, nor does silence.
    let hello = world.held_apps.first().cloned().unwrap();
    let forged = Blob(hello.0.iter().map(|byte| byte ^ 1).collect());
    world.tell(2, &json!({"type": "app", "seq": 1, "message": forged}));
    assert!(!world.clients[2].session.is_secured());
    // It asks until somebody answers.
    world.mute_apps = false;
    world.advance(10_000);
    assert!(world.clients[2].session.is_secured());
}

#[test]
fn an_app_message_is_not_taken_twice() {
    let mut world = World::with(Suite::Classic, 2);
    world.clients[0].session.send_app(b"once").unwrap();
    let Some(Output::Send(Outgoing::App(app))) = world.clients[0].session.poll_output() else {
        panic!("not an app message");
    };
    let message = json!({"type": "app", "seq": 1, "message": app.message});
    world.tell(1, &message);
    world.tell(1, &message);
    let count = |wanted: fn(&Output) -> bool| world.clients[1].outputs.iter().filter(|o| wanted(o)).count();
    assert_eq!(count(|output| matches!(output, Output::App { .. })), 1);
    assert_eq!(
        count(|output| matches!(
            output,
            Output::Failed {
                reason: FailReason::App
            }
        )),
        1
    );
}
