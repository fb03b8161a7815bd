//! One fault at a time: whatever breaks, the call goes on for the others, and everybody who may comes back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use conclave_e2ee::Role;
use conclave_wire::ClientMessage;
use conclave_wire::id::LeafIndex;

use super::world::{Direction, Fate, Verdict, Who, World};

/// The first message of this kind, once it was on its way: who sent or got it.
fn catch_first(
    world: &mut World,
    direction: Direction,
    kind: &'static str,
    then: Verdict,
) -> Rc<Cell<Option<Who>>> {
    let caught = Rc::new(Cell::new(None));
    let seen = caught.clone();
    world.intercept(Rc::new(move |to, who, of, _| {
        if to == direction && of == kind && seen.get().is_none() {
            seen.set(Some(who));
            return then.clone();
        }
        Verdict::Pass
    }));
    caught
}

/// The host of a call, and the others.
fn host_first(world: &World, people: &[Who]) -> [Who; 3] {
    let is_host = |who: &Who| {
        world.clients[*who]
            .session
            .roster()
            .iter()
            .any(|m| m.is_self && m.role == Role::Host)
    };
    let mut sorted = people.to_vec();
    sorted.sort_by_key(|who| !is_host(who));
    sorted.try_into().unwrap()
}

fn count(world: &World, what: &str) -> usize {
    world.trace.iter().filter(|line| line.contains(what)).count()
}

#[test]
fn of_two_members_that_commit_at_once_one_wins_and_both_go_on() {
    let mut world = World::new(11);
    let mut people = world.call_of(4);
    // Nobody waits for its rank.
    world.intercept(Rc::new(|_, _, kind, text| {
        if kind != "commit_call" {
            return Verdict::Pass;
        }
        let mut call: serde_json::Value = serde_json::from_str(text).unwrap();
        call["delay_ms"] = 0.into();
        Verdict::Replace(vec![call.to_string()])
    }));
    for round in 0..5 {
        people.push(world.enter(&format!("late {round}")));
        world.run_for(2_000);
    }
    world.settle();
    assert!(count(&world, "commit_rejected") > 0);
    world.assert_one_call(&people);
}

#[test]
fn a_committer_that_dies_before_its_commit_is_replaced_by_the_next() {
    let mut world = World::new(12);
    let mut people = world.call_of(4);
    let committer = catch_first(&mut world, Direction::Down, "commit_call", Verdict::Drop);
    people.push(world.enter("late"));
    world.run_until(2_000, "a call", |_| committer.get().is_some());
    let dead = committer.get().unwrap();
    world.crash(dead, Some(50));
    world.settle();
    people.retain(|who| *who != dead);
    world.assert_one_call(&people);
}

#[test]
fn a_committer_that_dies_while_it_uploads_is_replaced_by_the_next() {
    let mut world = World::new(13);
    let mut people = world.call_of(4);
    let committer = catch_first(&mut world, Direction::Up, "commit", Verdict::Drop);
    people.push(world.enter("late"));
    world.run_until(2_000, "a commit", |_| committer.get().is_some());
    let dead = committer.get().unwrap();
    world.crash(dead, Some(50));
    world.settle();
    people.retain(|who| *who != dead);
    world.assert_one_call(&people);
}

#[test]
fn the_commit_of_a_committer_that_dies_right_after_it_stands() {
    let mut world = World::new(14);
    let mut people = world.call_of(4);
    let committer = catch_first(&mut world, Direction::Up, "commit", Verdict::Pass);
    people.push(world.enter("late"));
    world.run_until(2_000, "a commit", |_| committer.get().is_some());
    let dead = committer.get().unwrap();
    world.crash(dead, Some(0));
    world.settle();
    people.retain(|who| *who != dead);
    world.assert_one_call(&people);
    assert_eq!(count(&world, "rollback"), 0);
}

#[test]
fn who_never_got_a_commit_comes_back_by_an_external_commit() {
    let mut world = World::new(15);
    let mut people = world.call_of(3);
    let victim = people[1];
    let caught = Rc::new(Cell::new(false));
    let seen = caught.clone();
    world.intercept(Rc::new(move |to, who, kind, _| {
        let lost = to == Direction::Down && who == victim && kind == "commit" && !seen.replace(true);
        if lost { Verdict::Drop } else { Verdict::Pass }
    }));
    people.push(world.enter("late"));
    world.settle();
    assert!(caught.get());
    world.assert_one_call(&people);
}

#[test]
fn a_commit_that_comes_after_its_final_costs_one_resync() {
    let mut world = World::new(16);
    let mut people = world.call_of(3);
    let victim = people[1];
    let held = Rc::new(RefCell::new(None::<String>));
    let done = Rc::new(Cell::new(false));
    world.intercept(Rc::new(move |to, who, kind, text| {
        if to == Direction::Up || who != victim || done.get() {
            return Verdict::Pass;
        }
        match kind {
            "commit" => {
                held.borrow_mut().replace(text.to_owned());
                Verdict::Drop
            }
            "final" => {
                done.set(true);
                let commit = held.borrow_mut().take();
                Verdict::Replace([Some(text.to_owned()), commit].into_iter().flatten().collect())
            }
            _ => Verdict::Pass,
        }
    }));
    people.push(world.enter("late"));
    world.settle();
    world.assert_one_call(&people);
}

#[test]
fn every_message_twice_changes_nothing() {
    let mut world = World::new(17);
    world.weather.duplicate = 1.0;
    let mut people = world.call_of(4);
    world.leave(people.remove(2));
    people.push(world.enter("late"));
    world.settle();
    world.assert_one_call(&people);
}

#[test]
fn a_connection_that_is_back_within_the_grace_period_costs_no_epoch() {
    let mut world = World::new(18);
    let people = world.call_of(3);
    let epoch = world.clients[0].session.epoch();
    world.cut(people[1], Some(100), 3_000);
    world.settle();
    world.assert_one_call(&people);
    assert_eq!(world.clients[0].session.epoch(), epoch);
}

#[test]
fn commits_missed_during_a_short_cut_are_replayed() {
    let mut world = World::new(19);
    let mut people = world.call_of(4);
    world.cut(people[1], Some(100), 3_000);
    people.push(world.enter("late"));
    world.leave(people.remove(0));
    world.settle();
    world.assert_one_call(&people);
    // Replayed, not resynced: nobody came from outside.
    assert_eq!(count(&world, "-> group_info_request"), 0);
}

#[test]
fn a_connection_that_is_cut_for_half_a_minute_is_removed_and_joins_again() {
    let mut world = World::new(20);
    let people = world.call_of(3);
    world.cut(people[1], Some(100), 30_000);
    world.run_for(10_000);
    let frame = world.encrypt(people[0]);
    let now = world.now;
    assert!(
        !world.decrypts(people[1], now, &frame),
        "removed members hear nothing"
    );
    assert!(world.decrypts(people[2], now, &frame));
    world.run_for(25_000);
    world.settle();
    world.assert_one_call(&people);
}

#[test]
fn everybody_cut_for_half_a_minute_meets_again() {
    let mut world = World::new(21);
    let people = world.call_of(3);
    for who in people.clone() {
        world.cut(who, Some(100), 30_000 + 150 * who as u64);
    }
    world.run_for(32_000);
    world.settle();
    world.assert_one_call(&people);
}

#[test]
fn a_removed_member_does_not_bring_an_ended_call_back() {
    let mut world = World::new(33);
    let people = world.call_of(3);
    let group = world.clients[0].session.resume().unwrap().group_id;
    world.cut(people[2], Some(0), 30_000);
    world.run_for(10_000);
    world.leave(people[0]);
    world.leave(people[1]);
    world.run_for(40_000);
    world.assert_one_call(&people[2..]);
    assert_ne!(world.clients[people[2]].session.resume().unwrap().group_id, group);
}

#[test]
fn a_browser_that_dies_silently_is_removed_and_does_not_hold_up_a_joiner() {
    let mut world = World::new(22);
    let people = world.call_of(2);
    world.crash(people[1], None);
    world.run_for(1_000);
    let late = world.enter("late");
    world.run_until(9_000, "the joiner is in", |world| {
        world.clients[late].session.epoch().is_some()
    });
    world.run_for(25_000);
    world.assert_one_call(&[people[0], late]);
}

#[test]
fn a_reloaded_tab_takes_the_place_of_its_old_leaf_in_one_commit() {
    let mut world = World::new(23);
    let people = world.call_of(3);
    let epoch = world.clients[0].session.epoch().unwrap();
    let new = world.reload(people[1], Some(20));
    world.settle();
    world.assert_one_call(&[people[0], people[2], new]);
    if world.clients[0].session.epoch() != Some(epoch + 1) {
        world.fail("one commit would have done");
    }
}

#[test]
fn a_reloaded_tab_is_recognized_before_its_old_connection_is_missed() {
    let mut world = World::new(24);
    let people = world.call_of(3);
    let new = world.reload(people[1], None);
    world.run_for(3_000);
    world.assert_one_call(&[people[0], people[2], new]);
}

#[test]
fn after_a_restart_of_the_service_three_people_are_back_in_the_same_group_within_ten_seconds() {
    let mut world = World::new(25);
    let people = world.call_of(3);
    let group = world.clients[0].session.resume().unwrap().group_id;
    world.restart_service(500);
    world.run_for(10_000);
    world.assert_one_call(&people);
    assert_eq!(world.clients[0].session.resume().unwrap().group_id, group);
}

#[test]
fn who_does_not_return_after_a_restart_is_removed_and_newcomers_get_in() {
    let mut world = World::new(26);
    let people = world.call_of(4);
    world.crash(people[3], None);
    world.restart_service(500);
    let late = world.enter("late");
    world.run_for(25_000);
    world.settle();
    world.assert_one_call(&[people[0], people[1], people[2], late]);
}

#[test]
fn a_restart_in_the_middle_of_a_vote_loses_nobody() {
    for seed in 270..276 {
        let mut world = World::new(seed);
        let mut people = world.call_of(3);
        let voted = catch_first(&mut world, Direction::Up, "ack", Verdict::Pass);
        people.push(world.enter("late"));
        world.run_until(3_000, "a vote", |_| voted.get().is_some());
        world.restart_service(300);
        world.run_for(15_000);
        world.settle();
        world.assert_one_call(&people);
    }
}

#[test]
fn the_host_puts_somebody_out() {
    let mut world = World::new(28);
    let people = world.call_of(3);
    let [host, target, other] = host_first(&world, &people);
    let id = world.clients[target].id;
    world.with_session(host, |session| session.kick(&id, false).unwrap());
    world.run_for(2_000);
    assert_eq!(world.clients[target].fate, Fate::PutOut);
    let mut stay = [host, other];
    stay.sort_unstable();
    world.assert_one_call(&stay);
}

#[test]
fn a_kick_that_is_not_by_a_host_or_is_replayed_for_another_removes_nobody() {
    let mut world = World::new(29);
    let people = world.call_of(3);
    let kicks = Rc::new(RefCell::new(Vec::<String>::new()));
    let seen = kicks.clone();
    world.intercept(Rc::new(move |_, _, kind, text| {
        if kind == "kick" {
            seen.borrow_mut().push(text.to_owned());
            return Verdict::Drop;
        }
        Verdict::Pass
    }));
    let [host, target, other] = host_first(&world, &people);
    let id = world.clients[target].id;
    world.with_session(host, |session| session.kick(&id, false).unwrap());
    world.run_for(500);
    world.stop_intercepting();
    let text = kicks.borrow()[0].clone();
    let kick: ClientMessage = serde_json::from_str(&text).unwrap();
    // By somebody who is no host.
    world.forge(other, &kick);
    // For another leaf.
    let ClientMessage::Kick(mut moved) = kick else {
        panic!("{text}")
    };
    moved.leaf = LeafIndex((moved.leaf.0 + 1) % 3);
    world.forge(host, &ClientMessage::Kick(moved));
    world.run_for(2_000);
    world.assert_one_call(&people);
}

#[test]
fn keys_are_refreshed_while_nobody_comes_or_goes() {
    let mut world = World::new(30);
    let people = world.call_of(3);
    let epoch = world.clients[0].session.epoch().unwrap();
    world.run_for(400_000);
    world.assert_one_call(&people);
    let refreshed = world.clients[0].session.epoch().unwrap() - epoch;
    assert!((2..=4).contains(&refreshed), "{refreshed} epochs");
}

#[test]
fn the_tree_of_a_grown_call_is_healed_until_a_path_is_cheap() {
    let mut world = World::new(31);
    let people = world.call_of(40);
    world.run_for(30_000);
    world.assert_one_call(&people);
    assert!(count(&world, "heal=true") >= 2, "healing was asked for");
    let asked = count(&world, "heal=true");
    world.run_for(60_000);
    assert_eq!(count(&world, "heal=true"), asked, "and then no more");
}

#[test]
fn an_sfu_that_starts_anew_is_told_of_everybody() {
    let mut world = World::new(32);
    let people = world.call_of(3);
    world.commands.clear();
    world.sfu_is_ready();
    world.assert_one_call(&people);
}
