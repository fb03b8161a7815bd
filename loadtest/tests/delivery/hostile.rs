//! People without the link's secret, and a server that lies: neither gets into anybody's roster, or to a key.

use std::rc::Rc;

use conclave_e2ee::RoomSecret;
use conclave_wire::ClientMessage;
use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::{Ack, CommitUpload, Found, Join};
use conclave_wire::id::Epoch;

use super::world::{Direction, Verdict, World};

#[test]
fn who_has_the_room_but_not_the_secret_is_never_in_any_roster_and_never_has_a_key() {
    let mut world = World::new(41);
    let people = world.call_of(3);
    let ghost = world.enter_with("ghost", RoomSecret::new([0; 32]));
    // It is skipped, comes from outside, is voted down, and tries again and again.
    for _ in 0..30 {
        world.run_for(1_000);
        let id = world.clients[ghost].id;
        for who in people.iter().copied() {
            let seen = world.clients[who]
                .session
                .roster()
                .iter()
                .any(|member| member.client_id.0 == id);
            assert!(!seen, "the ghost is in the roster of {who}");
        }
        let frame = world.encrypt(people[0]);
        let now = world.now;
        assert!(!world.decrypts(ghost, now, &frame));
        assert!(world.decrypts(people[1], now, &frame), "the call goes on");
    }
    // Others come and go meanwhile.
    let late = world.enter("late");
    world.run_for(5_000);
    world.leave(people[2]);
    world.crash(ghost, Some(0));
    world.run_for(10_000);
    world.assert_one_call(&[people[0], people[1], late]);
}

#[test]
fn a_server_that_passes_on_a_ghosts_commit_without_a_vote_convinces_nobody() {
    let mut world = World::new(42);
    let people = world.call_of(3);
    let ghost = world.enter_with("ghost", RoomSecret::new([0; 32]));
    // The server forges the votes: whatever a member says against a commit counts as a vote for it.
    world.intercept(Rc::new(|direction, _, kind, _| {
        if direction == Direction::Up && kind == "nack" {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    }));
    world.run_for(8_000);
    let id = world.clients[ghost].id;
    for who in people.iter().copied() {
        assert!(
            world.clients[who]
                .session
                .roster()
                .iter()
                .all(|member| member.client_id.0 != id)
        );
    }
    let frame = world.encrypt(people[0]);
    let now = world.now;
    assert!(!world.decrypts(ghost, now, &frame));
    world.stop_intercepting();
    world.crash(ghost, Some(0));
    world.run_for(20_000);
    world.assert_one_call(&people);
}

#[test]
fn garbage_from_a_member_does_not_end_the_call() {
    let mut world = World::new(43);
    let people = world.call_of(3);
    let epoch = Epoch(world.clients[0].session.epoch().unwrap());
    let blob = || Blob(vec![1; 300]);
    let messages = [
        ClientMessage::Found(Found {
            group_info: blob(),
            ratchet_tree: blob(),
        }),
        ClientMessage::Join(Join { key_package: blob() }),
        ClientMessage::Commit(CommitUpload {
            epoch,
            commit: blob(),
            welcome: Some(blob()),
            group_info: blob(),
            skipped: Vec::new(),
        }),
        ClientMessage::Ack(Ack {
            epoch: Epoch(epoch.0 + 1),
            confirmation_hash: blob(),
        }),
    ];
    for message in &messages {
        world.forge(people[1], message);
        world.run_for(300);
    }
    world.settle();
    world.assert_one_call(&people);
}

#[test]
fn a_frame_from_before_a_joiner_came_does_not_open_for_it() {
    let mut world = World::new(44);
    let mut people = world.call_of(2);
    let old = world.encrypt(people[0]);
    people.push(world.enter("late"));
    world.settle();
    let now = world.now;
    assert!(!world.decrypts(people[2], now, &old));
    world.assert_one_call(&people);
}
