//! Calls in good weather: coming, talking, leaving.

use conclave_wire::client::session::Suite;

use super::world::World;

#[test]
fn three_people_meet_and_hear_each_other() {
    let mut world = World::with_suite(1, Suite::PostQuantum);
    let people = world.call_of(3);
    world.assert_one_call(&people);
    world.assert_one_code(&people);
}

#[test]
fn a_joiner_is_in_within_a_second() {
    let mut world = World::new(2);
    let mut people = world.call_of(2);
    let before = world.now;
    people.push(world.enter("late"));
    world.settle();
    world.assert_one_call(&people);
    let took = world.clients[people[2]].admitted_at.unwrap() - before;
    assert!(took < 1_000, "{took} ms");
}

#[test]
fn twelve_people_at_once_need_few_commits() {
    let mut world = World::new(3);
    let people = world.call_of(12);
    world.assert_one_call(&people);
    let epoch = world.clients[0].session.epoch().unwrap();
    assert!(epoch <= 4, "{epoch} epochs");
}

#[test]
fn who_leaves_hears_nothing_more_and_the_code_changes() {
    let mut world = World::new(4);
    let people = world.call_of(3);
    let before = world.assert_one_code(&people);
    world.leave(people[1]);
    world.run_for(1_000);
    world.assert_one_call(&[people[0], people[2]]);
    assert_ne!(world.assert_one_code(&[people[0], people[2]]), before);
}

#[test]
fn the_last_one_leaves_and_the_next_one_founds_again() {
    let mut world = World::new(5);
    let people = world.call_of(2);
    world.leave(people[0]);
    world.run_for(500);
    world.leave(people[1]);
    world.run_for(500);
    let next = [world.enter("next"), world.enter("and another")];
    world.settle();
    world.assert_one_call(&next);
}

#[test]
fn application_messages_reach_all_others() {
    let mut world = World::new(6);
    let people = world.call_of(3);
    world.with_session(people[0], |session| session.send_app(b"hello").unwrap());
    world.run_for(500);
    let got = |who: usize| world.clients[who].apps.iter().any(|app| app == b"hello");
    assert!(got(people[1]) && got(people[2]) && !got(people[0]));
}
