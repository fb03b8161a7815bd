//! The life of a room: found, join, leave, heal, kick, come back.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::world::{SECRET, World, session};
use crate::encoding::Blob;
use crate::{Codec, Context, DropReason, JoinedBy, Output, Role, SessionError, Suite};

#[test]
fn a_founder_alone_is_admitted_and_encrypts() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 1);
        let founder = &world.clients[0];
        assert_eq!(founder.outputs.first(), Some(&Output::KeysChanged));
        assert!(world.has(0, &Output::Admitted { epoch: 0 }));
        assert!(world.has(0, &Output::EpochChanged { epoch: 0 }));
        assert!(world.clients[0].session.is_secured());
        assert_eq!(world.clients[0].session.suite(), Some(suite));
        let roster = world.clients[0].session.roster();
        assert_eq!(roster.len(), 1);
        assert!(roster[0].is_self && roster[0].role == Role::Host && roster[0].admission_ok);
        assert_eq!(roster[0].joined, JoinedBy::Founder);
        world.encrypt(0, Context::Camera, Codec::Vp9, b"frame");
    }
}

#[test]
fn three_people_join_one_after_the_other_and_hear_each_other() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        world.assert_agreement(&[0, 1, 2]);
        world.assert_all_hear_each_other(&[0, 1, 2]);
        let names: Vec<_> = world.clients[1]
            .session
            .roster()
            .into_iter()
            .map(|member| member.display_name.unwrap())
            .collect();
        assert_eq!(names, ["Person 1", "Person 2", "Person 3"]);
        assert!(world.nacks.is_empty() && world.rejected.is_empty());
    }
}

#[test]
fn many_join_in_one_commit_without_a_path() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 2);
        world.no_calls = true;
        let newcomers: Vec<_> = (0..5).map(|_| world.enter()).collect();
        let epoch = world.epoch;
        world.no_calls = false;
        world.settle();
        assert_eq!(world.epoch, epoch + 1, "one commit for all");
        let everybody: Vec<_> = (0..2).chain(newcomers).collect();
        world.assert_agreement(&everybody);
        world.assert_all_hear_each_other(&everybody);
        let logged = world.clients[1].outputs.iter().find_map(|output| match output {
            Output::Log(change) if change.joined.len() == 5 => Some(change.clone()),
            _ => None,
        });
        assert_eq!(logged.unwrap().committer, Some(world.id(0)));
    }
}

#[test]
fn who_left_cannot_decrypt_the_next_epoch() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        world.leave(2);
        world.assert_agreement(&[0, 1]);
        world.assert_all_hear_each_other(&[0, 1]);
        let sealed = world.encrypt(0, Context::Microphone, Codec::Opus, b"after");
        // It keeps listening with all its keys, and the server even gives it every message.
        assert_eq!(
            world.decrypt(2, Context::Microphone, Codec::Opus, &sealed),
            Err(DropReason::NoKey)
        );
        world.clients[2].online = true;
        let (epoch, commit) = world.log.last().unwrap().clone();
        world.tell(
            2,
            &serde_json::json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit}),
        );
        world.tell(2, &serde_json::json!({"type": "final", "epoch": epoch}));
        assert!(world.has(2, &Output::Removed));
        assert!(
            world
                .decrypt(2, Context::Microphone, Codec::Opus, &sealed)
                .is_err()
        );
        let mut out = Vec::new();
        let refused = world.clients[2]
            .session
            .encrypt(Context::Camera, Codec::Vp9, b"frame", &mut out);
        assert_eq!(refused, Err(DropReason::NoKey));
    }
}

#[test]
fn who_comes_late_cannot_decrypt_what_was_said_before() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 2);
        let before = world.encrypt(0, Context::Microphone, Codec::Opus, b"before");
        let late = world.enter();
        let result = world.decrypt(late, Context::Microphone, Codec::Opus, &before);
        assert_eq!(result, Err(DropReason::EpochRetired));
        world.assert_all_hear_each_other(&[0, 1, late]);
    }
}

#[test]
fn a_leaf_used_again_belongs_to_the_newcomer_from_its_epoch_on() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let leaf = world.leaf(1);
        let old = world.encrypt(1, Context::Camera, Codec::Vp9, b"of the one who leaves");
        world.leave(1);
        let newcomer = world.enter();
        assert_eq!(world.leaf(newcomer), leaf);
        let new = world.encrypt(newcomer, Context::Camera, Codec::Vp9, b"of the newcomer");
        let (by_old, _) = world.decrypt(0, Context::Camera, Codec::Vp9, &old).unwrap();
        let (by_new, _) = world.decrypt(0, Context::Camera, Codec::Vp9, &new).unwrap();
        assert_eq!((by_old.leaf, by_new.leaf), (leaf, leaf));
        assert_eq!(by_old.member, world.id(1));
        assert_eq!(by_new.member, world.id(newcomer));
    }
}

#[test]
fn healing_changes_the_epoch_and_nobody() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let epoch = world.epoch;
        for client in [2, 0, 1] {
            world.heal(client);
        }
        assert_eq!(world.epoch, epoch + 3);
        world.assert_agreement(&[0, 1, 2]);
        world.assert_all_hear_each_other(&[0, 1, 2]);
    }
}

#[test]
fn a_host_kicks_with_its_leaf_key_and_nobody_else_can() {
    let mut world = World::with(Suite::Classic, 3);
    let victim = world.id(2);
    let leaf = world.leaf(2);
    let epoch = world.epoch;
    assert_eq!(
        world.clients[1].session.kick(&victim.0, false),
        Err(crate::SessionError::NotHost)
    );
    assert_eq!(
        world.clients[0].session.kick(&[99; 16], false),
        Err(crate::SessionError::NoSuchMember)
    );
    let group_id = world.clients[0].session.resume().unwrap().group_id;
    let key = VerifyingKey::from_bytes(&world.clients[0].session.identity.leaf_public()).unwrap();
    world.clients[0].session.kick(&victim.0, false).unwrap();
    world.drain(0);
    world.settle();
    let kick = &world.kicks[0];
    assert_eq!((kick.leaf, kick.epoch), (leaf, epoch));
    let signed = [
        b"conclave kick".as_slice(),
        group_id.as_slice(),
        &epoch.to_be_bytes(),
        &leaf.to_be_bytes(),
    ]
    .concat();
    let signature = Signature::from_slice(kick.signature.as_slice()).unwrap();
    key.verify_strict(&signed, &signature).unwrap();
    assert!(world.has(2, &Output::Removed));
    world.assert_agreement(&[0, 1]);
}

#[test]
fn application_messages_carry_their_sender_and_survive_an_epoch_change() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        world.clients[1].session.send_app(b"muted").unwrap();
        let late = world.clients[1].session.poll_output().unwrap();
        world.heal(0);
        let Output::Send(crate::Outgoing::App(app)) = late else {
            panic!("not an app message")
        };
        world.broadcast(&serde_json::json!({"type": "app", "seq": 9, "message": app.message}));
        let expected = Output::App {
            from: world.id(1),
            payload: crate::Blob(b"muted".to_vec()),
        };
        assert!(world.has(0, &expected) && world.has(2, &expected));
        assert!(
            !world.has(1, &expected),
            "an own message that comes back is not an event"
        );
        assert_eq!(
            world.clients[0]
                .session
                .send_app(&vec![0; crate::MAX_APP_PAYLOAD + 1]),
            Err(crate::SessionError::TooLarge)
        );
    }
}

#[test]
fn an_application_message_from_before_a_member_came_is_no_fault() {
    let mut world = World::with(Suite::Classic, 2);
    world.clients[0].session.send_app(b"early").unwrap();
    let Some(Output::Send(crate::Outgoing::App(app))) = world.clients[0].session.poll_output() else {
        panic!("not an app message")
    };
    let newcomer = world.enter();
    world.broadcast(&serde_json::json!({"type": "app", "seq": 9, "message": app.message}));
    let outputs = &world.clients[newcomer].outputs;
    assert!(
        !outputs
            .iter()
            .any(|output| matches!(output, Output::Failed { .. } | Output::App { .. }))
    );
}

#[test]
fn everybody_has_the_same_code_material_and_it_changes_with_the_epoch() {
    let mut world = World::with(Suite::Classic, 2);
    let code = |world: &World, client: usize| world.clients[client].session.code_material().unwrap().derive();
    let before = code(&world, 0);
    assert_eq!(before, code(&world, 1));
    world.enter();
    let after = code(&world, 0);
    assert_ne!(before, after);
    assert_eq!(after, code(&world, 2));
}

#[test]
fn after_a_short_cut_the_missed_commits_are_replayed() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        world.clients[2].online = false;
        let now = world.now;
        world.clients[2].session.handle_connection_lost(now);
        let resume = world.clients[2].session.resume().unwrap();
        assert_eq!(resume.epoch, world.epoch);
        assert_eq!(resume.confirmation_tag.0.len(), 33);
        let newcomer = world.enter();
        world.heal(1);
        world.clients[2].online = true;
        world.state(2, "resume");
        for (epoch, commit) in world.log.clone() {
            world.tell(
                2,
                &serde_json::json!({"type": "commit", "seq": 1, "epoch": epoch, "commit": commit}),
            );
            world.tell(2, &serde_json::json!({"type": "final", "epoch": epoch}));
            world.tell(2, &serde_json::json!({"type": "go", "epoch": epoch}));
        }
        world.assert_agreement(&[0, 1, 2, newcomer]);
        world.assert_all_hear_each_other(&[0, 1, 2, newcomer]);
    }
}

#[test]
fn a_server_without_memory_gets_the_group_back() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let (epoch, found) = (world.epoch, world.group.take().unwrap());
        world.heal_halfway(1);
        for client in 0..3 {
            let now = world.now;
            world.clients[client].session.handle_connection_lost(now);
        }
        world.forget_vote();
        world.epoch = 0;
        world.state(0, "restore");
        world.settle();
        assert_eq!(world.epoch, epoch);
        assert_eq!(world.group.as_ref().unwrap().ratchet_tree, found.ratchet_tree);
        world.state(1, "resume");
        world.state(2, "resume");
        world.heal(2);
        let newcomer = world.enter();
        world.assert_agreement(&[0, 1, 2, newcomer]);
        world.assert_all_hear_each_other(&[0, 1, 2, newcomer]);
    }
}

#[test]
fn who_lost_step_comes_back_by_an_external_commit_and_is_confirmed() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let leaf = world.leaf(2);
        world.clients[2].online = false;
        world.heal(0);
        world.clients[2].online = true;
        world.heal(1);
        world.settle();
        assert!(world.has(
            2,
            &Output::Failed {
                reason: crate::FailReason::Desynchronized
            }
        ));
        world.assert_agreement(&[0, 1, 2]);
        assert_eq!(world.leaf(2), leaf);
        assert!(world.has(2, &Output::Secured { secured: false }));
        assert!(world.has(2, &Output::Secured { secured: true }));
        assert!(world.clients[2].session.is_secured());
        world.assert_all_hear_each_other(&[0, 1, 2]);
        assert!(!world.clients[2].session.roster()[0].is_self);
    }
}

#[test]
fn whom_nobody_adds_comes_in_by_an_external_commit() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 2);
        world.no_calls = true;
        let newcomer = world.enter();
        assert_eq!(world.clients[newcomer].session.epoch(), None);
        world.advance(2_500);
        world.assert_agreement(&[0, 1, newcomer]);
        assert!(world.clients[newcomer].session.is_secured());
        world.assert_all_hear_each_other(&[0, 1, newcomer]);
        let seen = world.clients[0]
            .session
            .roster()
            .into_iter()
            .find(|m| m.client_id == world.id(newcomer));
        assert_eq!(seen.unwrap().joined, JoinedBy::External);
    }
}

#[test]
fn senders_switch_without_go_one_second_after_final() {
    let mut world = World::with(Suite::Classic, 2);
    world.no_go = true;
    let epoch = world.epoch;
    world.heal(0);
    assert_eq!(world.clients[0].session.sending_epoch(), Some(epoch));
    world.advance(999);
    assert_eq!(world.clients[0].session.sending_epoch(), Some(epoch));
    world.advance(1);
    assert_eq!(world.clients[0].session.sending_epoch(), Some(epoch + 1));
    assert!(world.has(1, &Output::EpochChanged { epoch: epoch + 1 }));
}

#[test]
fn a_device_that_signed_is_known_again_by_the_others() {
    let key = SigningKey::from_bytes(&[7; 32]);
    for suite in Suite::ALL {
        let mut world = World::with(suite, 1);
        let mut newcomer = session(2, "Ada", SECRET);
        let signature = key.sign(&newcomer.device_statement()).to_bytes();
        newcomer
            .set_device(key.verifying_key().to_bytes(), signature)
            .unwrap();
        let device = world.add(newcomer);
        world.connect(device);
        world.settle();
        let stranger = world.enter();
        for observer in [0, device, stranger] {
            let roster = world.clients[observer].session.roster();
            let of = |client: usize| {
                let id = world.id(client);
                roster.iter().find(|member| member.client_id == id).unwrap()
            };
            let public = Blob(key.verifying_key().to_bytes().to_vec());
            assert_eq!(of(device).long_term_key, Some(public.clone()));
            assert!(of(device).remembered);
            assert!(!of(stranger).remembered && of(stranger).long_term_key != Some(public));
        }
    }
}

#[test]
fn a_device_cannot_speak_for_a_session_that_it_did_not_sign_for() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let mut own = session(1, "Ada", SECRET);
    let other = session(2, "Eve", SECRET);
    let signature = key.sign(&other.device_statement()).to_bytes();
    assert_eq!(
        own.set_device(key.verifying_key().to_bytes(), signature),
        Err(SessionError::BadDevice)
    );
}

#[test]
fn the_log_has_every_change_of_the_keys_with_who_made_it() {
    for suite in Suite::ALL {
        let mut world = World::with(suite, 3);
        let before = world.epoch;
        world.heal(1);
        assert_eq!(world.epoch, before + 1);
        for client in &world.clients {
            let logged = client.outputs.iter().find_map(|output| match output {
                Output::Log(change) if change.epoch == before + 1 => Some(change.clone()),
                _ => None,
            });
            let change = logged.unwrap();
            assert!(change.joined.is_empty() && change.left.is_empty());
            assert_eq!(change.committer, Some(world.id(1)));
        }
    }
}
