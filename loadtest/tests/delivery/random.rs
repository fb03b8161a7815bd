//! Random schedules: people join, leave, crash, reload and lose their connections, and the service restarts.
//!
//! Keys are random, so the same seed gives the same schedule but not the same order of committers.
//! Whatever happened, in the end all honest members are in one epoch with one key, whoever is gone has no key of it,
//! and everybody who wants to is in. `CONCLAVE_SEEDS=1000..1100` runs other seeds.

use conclave_wire::client::session::Suite;
use rand::Rng as _;

use super::world::{Fate, Who, World};

const MOST_PEOPLE: usize = 7;

#[test]
fn after_any_schedule_all_are_in_one_epoch_with_one_key() {
    for seed in seeds(0..24) {
        run(seed, Suite::Classic, 30, false);
    }
}

#[test]
fn after_any_schedule_with_restarts_of_the_service_all_are_in_one_epoch_with_one_key() {
    for seed in seeds(100..112) {
        run(seed, Suite::Classic, 20, true);
    }
}

#[test]
fn after_any_schedule_with_the_post_quantum_suite_all_are_in_one_epoch_with_one_key() {
    for seed in seeds(200..203) {
        run(seed, Suite::PostQuantum, 15, false);
    }
}

fn seeds(usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("CONCLAVE_SEEDS") else {
        return usual;
    };
    let (from, to) = text.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

fn run(seed: u64, suite: Suite, steps: usize, restarts: bool) {
    let mut world = World::with_suite(seed, suite);
    world.weather.delay = (1, world.rng.random_range(5..120));
    world.weather.duplicate = if world.rng.random_bool(0.3) { 0.2 } else { 0.0 };
    for number in 0..world.rng.random_range(1..4) {
        world.enter(&format!("first {number}"));
    }
    for step in 0..steps {
        let pause = if world.rng.random_bool(0.5) { 300 } else { 4_000 };
        let pause = world.rng.random_range(0..pause);
        world.run_for(pause);
        act(&mut world, step, restarts);
    }
    // Whoever is cut is back, whoever is gone is noticed, whoever was removed is in again.
    world.run_for(60_000);
    let expected = wanted(&world);
    if world.clients.iter().any(|client| client.fate == Fate::PutOut) {
        world.fail("an honest participant was put out");
    }
    world.assert_one_call(&expected);
}

fn wanted(world: &World) -> Vec<Who> {
    (0..world.clients.len())
        .filter(|who| world.clients[*who].fate == Fate::Wanted)
        .collect()
}

fn act(world: &mut World, step: usize, restarts: bool) {
    let people = wanted(world);
    let notice = match world.rng.random_range(0..4) {
        0 => None,
        1 => Some(0),
        _ => Some(world.rng.random_range(0..2_000)),
    };
    let choice = world.rng.random_range(0..100);
    if people.len() < 2 || (choice < 35 && people.len() < MOST_PEOPLE) {
        world.enter(&format!("at step {step}"));
        return;
    }
    let who = people[world.rng.random_range(0..people.len())];
    match choice {
        0..50 => world.leave(who),
        50..62 => world.crash(who, notice),
        62..85 => {
            let longest = if world.rng.random_bool(0.7) { 3_000 } else { 30_000 };
            let back = world.rng.random_range(100..longest);
            world.cut(who, notice, back);
        }
        85..93 => {
            world.reload(who, notice);
        }
        93..97 if restarts => {
            let down = world.rng.random_range(0..3_000);
            world.restart_service(down);
        }
        _ => world.with_session(who, |session| {
            let _ = session.send_app(b"hello");
        }),
    }
}
