//! Random calls: people come, go, hide others, and their networks change. Whatever happened, no picture was torn, every
//! frame could be opened, and soon after all networks are good everybody sees and hears everybody.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::figures;
use crate::person::Setup;
use crate::person::sender::camera::Layout;
use crate::world::link::{Conditions, Loss};
use crate::world::{Direction, World};
use crate::{promoted, seeds};

const MOST_PEOPLE: usize = 5;
const STEPS: usize = 12;
/// How long everybody has to see everybody again, in milliseconds; a browser that is stuck asks after 3 s.
const RECOVERY: u64 = 8_000;
/// Over which time it is looked whether they do.
const LOOK: u64 = 1_000;

#[test]
fn after_any_schedule_everybody_sees_and_hears_everybody() {
    for seed in promoted("random").chain(seeds(0..8)) {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::new(seed);
    let mut there: Vec<usize> = (0..2).map(|_| world.enter(setup(&mut rng))).collect();
    for _ in 0..STEPS {
        world.run_for(rng.random_range(100..2_500));
        act(&mut world, &mut there, &mut rng);
    }
    for who in &there {
        for direction in [Direction::Up, Direction::Down] {
            world.conditions(*who, direction, Conditions::good());
        }
        world.show(*who, &[]);
    }
    world.run_for(RECOVERY);
    let frozen: Vec<_> = there
        .iter()
        .flat_map(|who| deaf_or_blind(&mut world, *who, &there))
        .collect();
    let faults = figures::faults(&world);
    assert!(
        faults.is_empty() && frozen.is_empty(),
        "seed {seed}: {faults:#?} {frozen:#?}"
    );
}

fn setup(rng: &mut StdRng) -> Setup {
    let layouts = [Layout::Single, Layout::Simulcast, Layout::Svc];
    let camera = layouts[rng.random_range(0..layouts.len())];
    Setup::with(camera).up(network(rng)).down(network(rng))
}

fn network(rng: &mut StdRng) -> Conditions {
    let good = Conditions::good().delay_ms(rng.random_range(1..120));
    match rng.random_range(0..8) {
        0 => good.rate(rng.random_range(150..4_000)),
        1 => good.loses(rng.random_range(0.0..0.25)),
        2 => good.loss(Loss::Burst {
            enter: rng.random_range(0.001..0.02),
            leave: rng.random_range(0.1..0.5),
        }),
        3 => good.reorders(0.1).duplicates(0.05),
        4 => good.jitter_ms(rng.random_range(1..100)),
        _ => good,
    }
}

fn act(world: &mut World, there: &mut Vec<usize>, rng: &mut StdRng) {
    let choice = rng.random_range(0..10);
    if there.len() < 2 || (choice < 2 && there.len() < MOST_PEOPLE) {
        there.push(world.enter(setup(rng)));
        return;
    }
    let who = there[rng.random_range(0..there.len())];
    match choice {
        0..3 => {
            there.retain(|other| *other != who);
            world.leave(who);
        }
        3..6 => {
            let heights = [0, 0, 90, 180, 360, 720];
            let tiles: Vec<(usize, u16)> = there
                .iter()
                .filter(|other| **other != who)
                .map(|other| (*other, heights[rng.random_range(0..heights.len())]))
                .collect();
            world.show(who, &tiles);
        }
        6 => {
            let direction = if rng.random() {
                Direction::Up
            } else {
                Direction::Down
            };
            world.conditions(who, direction, Conditions::good().down(true));
            world.run_for(rng.random_range(50..5_000));
            world.conditions(who, direction, network(rng));
        }
        _ => {
            world.conditions(who, Direction::Up, network(rng));
            world.conditions(who, Direction::Down, network(rng));
        }
    }
}

/// Whose pictures and sounds `who` misses now.
fn deaf_or_blind(world: &mut World, who: usize, there: &[usize]) -> Vec<String> {
    world.people[who].stop(world.now);
    let person = &world.people[who];
    let recently = world.now - LOOK * 1000;
    let mut missing = Vec::new();
    let pictures = person.videos.iter().filter(|video| !video.gone);
    let mut seen = 0;
    for video in pictures {
        seen += 1;
        let shown = video.watch.shown.iter().filter(|(at, _)| *at > recently).count();
        if shown < 5 {
            missing.push(format!("{who} sees {shown} pictures of track {}", video.track));
        }
    }
    let mut heard = 0;
    for audio in person.audios.iter().filter(|audio| !audio.gone) {
        heard += 1;
        if audio
            .listening
            .gaps
            .iter()
            .any(|(from, length)| from + length > recently)
        {
            missing.push(format!("{who} does not hear track {}", audio.track));
        }
    }
    if (seen, heard) != (there.len() - 1, there.len() - 1) {
        missing.push(format!(
            "{who} receives {seen} cameras and {heard} microphones of {}",
            there.len() - 1
        ));
    }
    missing
}
