//! The stories: each is a call somebody could have had. A new one is a function here and its name in `main.rs`.

use std::collections::BTreeMap;

use conclave_wire::media::Source;

use crate::figures::{self, Figures};
use crate::person::Setup;
use crate::person::harm::Harm;
use crate::person::sender::camera::Layout;
use crate::world::link::{Conditions, Loss};
use crate::world::{Direction, World};

/// A call that was played, and its figures.
pub(crate) struct Played {
    pub(crate) world: World,
    pub(crate) figures: Figures,
}

/// Ends a call; the figures are those of everybody.
fn end(mut world: World) -> Played {
    world.stop();
    let figures = Figures::of(&world);
    Played { world, figures }
}

/// Ends a call; the figures are those of some.
fn end_for(mut world: World, watchers: &[usize]) -> Played {
    world.stop();
    let figures = Figures::over(&world, watchers);
    Played { world, figures }
}

/// Two browsers that send simulcast, one that sends layers and one that sends a single encoding.
const FOUR: [Setup; 4] = [
    Setup::with(Layout::Simulcast),
    Setup::with(Layout::Svc),
    Setup::with(Layout::Simulcast),
    Setup::with(Layout::Single),
];

/// The first of [`FOUR`] is in a place with this network in both directions.
fn one_of_four_behind(seed: u64, network: Conditions) -> Played {
    let mut people = FOUR;
    people[0] = people[0].up(network).down(network);
    let mut world = World::new(seed);
    world.call_of(&people);
    world.run_for(20_000);
    end(world)
}

/// Two others with cameras, one of whom sends simulcast and one layers, and somebody who watches over `down`.
fn watching_two(seed: u64, down: Conditions) -> World {
    let mut world = World::new(seed);
    world.call_of(&[
        Setup::with(Layout::Simulcast).down(down),
        Setup::with(Layout::Simulcast),
        Setup::with(Layout::Svc),
    ]);
    world
}

pub(crate) fn clean_call_of_four(seed: u64) -> Played {
    one_of_four_behind(seed, Conditions::good())
}

pub(crate) fn ten_percent_loss(seed: u64) -> Played {
    one_of_four_behind(seed, Conditions::good().loses(0.1))
}

pub(crate) fn twenty_percent_loss(seed: u64) -> Played {
    one_of_four_behind(seed, Conditions::good().loses(0.2))
}

/// Every 200 packets or so, five in a row are lost.
pub(crate) fn burst_loss(seed: u64) -> Played {
    let bursts = Loss::Burst {
        enter: 0.005,
        leave: 0.2,
    };
    one_of_four_behind(seed, Conditions::good().loss(bursts))
}

pub(crate) fn round_trip_of_200_ms(seed: u64) -> Played {
    one_of_four_behind(seed, Conditions::good().delay_ms(80).jitter_ms(10))
}

/// The same with loss: what is asked for again comes late.
pub(crate) fn round_trip_of_200_ms_and_five_percent_loss(seed: u64) -> Played {
    one_of_four_behind(seed, Conditions::good().delay_ms(80).jitter_ms(10).loses(0.05))
}

pub(crate) fn reordering(seed: u64) -> Played {
    one_of_four_behind(seed, Conditions::good().reorders(0.05).duplicates(0.01))
}

pub(crate) fn jitter_of_a_mobile_network(seed: u64) -> Played {
    one_of_four_behind(seed, Conditions::good().delay_ms(40).jitter_ms(60))
}

/// Lost sound is asked for again, and comes within the round trip.
pub(crate) fn downlink_that_loses_ten_percent(seed: u64) -> Played {
    let mut world = watching_two(seed, Conditions::good().loses(0.1));
    world.run_for(20_000);
    end_for(world, &[0])
}

pub(crate) fn downlink_that_loses_twenty_percent(seed: u64) -> Played {
    let mut world = watching_two(seed, Conditions::good().loses(0.2));
    world.run_for(20_000);
    end_for(world, &[0])
}

pub(crate) fn downlink_of_300_kbits(seed: u64) -> Played {
    let mut world = watching_two(seed, Conditions::good().rate(300));
    world.run_for(25_000);
    end_for(world, &[0])
}

pub(crate) fn downlink_of_one_mbit(seed: u64) -> Played {
    let mut world = watching_two(seed, Conditions::good().rate(1_000));
    world.run_for(25_000);
    end_for(world, &[0])
}

/// The downlink goes from 4 to 1 Mbit/s after 15 s and back after 15 more.
pub(crate) fn step_from_four_to_one_mbit_and_back(seed: u64) -> Played {
    let wide = Conditions::good().rate(4_000);
    let mut world = watching_two(seed, wide);
    world.run_for(15_000);
    world.conditions(0, Direction::Down, Conditions::good().rate(1_000));
    world.run_for(15_000);
    world.conditions(0, Direction::Down, wide);
    world.run_for(25_000);
    let down = world.link(0, Direction::Down);
    let before = down.kilobits(10_000, 15_000);
    let narrow = down.kilobits(20_000, 30_000);
    let back = (30_000..54_000)
        .step_by(100)
        .find(|at| 10 * down.kilobits(*at, at + 1_000) >= 8 * before)
        .unwrap_or(55_000);
    let mut played = end_for(world, &[0]);
    played
        .figures
        .add("unused_of_four_mbit_kbits", 4_000 - signed(before));
    played
        .figures
        .add("unused_of_one_mbit_kbits", 1_000 - signed(narrow));
    played.figures.add("back_to_80_percent_ms", signed(back - 30_000));
    played
}

/// Nothing passes for ten seconds.
pub(crate) fn outage_of_ten_seconds(seed: u64) -> Played {
    let mut world = watching_two(seed, Conditions::good());
    world.run_for(10_000);
    for direction in [Direction::Up, Direction::Down] {
        world.conditions(0, direction, Conditions::good().down(true));
    }
    world.run_for(10_000);
    for direction in [Direction::Up, Direction::Down] {
        world.conditions(0, direction, Conditions::good());
    }
    world.run_for(15_000);
    let back = first_pictures_after(&world, 20_000);
    let mut played = end(world);
    played.figures.add("back_after_outage_ms", back);
    played
}

/// One of two with cameras is out of reach for half a second, as when a phone changes its network.
pub(crate) fn outage_of_half_a_second(seed: u64) -> Played {
    let mut world = World::new(seed);
    world.call_of(&[Setup::with(Layout::Svc), Setup::with(Layout::Svc)]);
    world.run_for(10_000);
    for again in 0..6 {
        for direction in [Direction::Up, Direction::Down] {
            world.conditions(0, direction, Conditions::good().down(true));
        }
        world.run_for(400 + again * 70);
        for direction in [Direction::Up, Direction::Down] {
            world.conditions(0, direction, Conditions::good());
        }
        world.run_for(5_000);
    }
    end(world)
}

/// Somebody looks at one of three for a while and hides the others.
pub(crate) fn hidden_tiles(seed: u64) -> Played {
    let mut world = World::new(seed);
    world.call_of(&FOUR);
    world.run_for(8_000);
    world.show(0, &[(1, 720), (2, 0), (3, 0)]);
    world.run_for(8_000);
    world.show(0, &[(1, 0), (2, 0), (3, 0)]);
    world.run_for(8_000);
    let nothing = world.link(0, Direction::Down).kilobits(18_000, 24_000);
    world.show(0, &[]);
    world.run_for(8_000);
    let back = first_pictures_after(&world, 24_000);
    let mut played = end(world);
    // Sound only.
    played.figures.add("all_hidden_kbits", signed(nothing));
    played.figures.add("shown_again_ms", back);
    played
}

/// Somebody shows the others as large as a thumb: more than that need not come.
pub(crate) fn small_tiles(seed: u64) -> Played {
    let mut world = watching_two(seed, Conditions::good());
    world.run_for(6_000);
    world.show(0, &[(1, 180), (2, 180)]);
    world.run_for(10_000);
    let small = world.link(0, Direction::Down).kilobits(10_000, 16_000);
    let mut played = end_for(world, &[0]);
    played.figures.add("downlink_kbits", signed(small));
    if let Some(height) = played.figures.0.remove("height_lines") {
        played.figures.add("beside_wanted_lines", (height - 180).abs());
    }
    played
}

/// Everybody shows everybody as large as a thumb: the large pictures need not even be made. Then all look closely.
pub(crate) fn nobody_looks_closely(seed: u64) -> Played {
    let mut world = World::new(seed);
    world.call_of(&FOUR[..3]);
    world.run_for(6_000);
    for who in 0..3 {
        let others = (0..3).filter(|other| *other != who);
        world.show(who, &others.map(|other| (other, 180)).collect::<Vec<_>>());
    }
    world.run_for(10_000);
    let up = world.link(0, Direction::Up);
    let made = up.kilobits(11_000, 16_000);
    let withheld = (6_000..16_000)
        .step_by(100)
        .find(|at| up.kilobits(*at, at + 500) < 400)
        .unwrap_or(16_000);
    for who in 0..3 {
        world.show(who, &[]);
    }
    world.run_for(10_000);
    let large = first_of_height(&world, 0, 720, 16_000);
    let mut played = end(world);
    played.figures.add("uplink_kbits", signed(made));
    played.figures.add("withheld_after_ms", signed(withheld - 6_000));
    played.figures.add("large_again_ms", large);
    played
}

/// One of three is shown large, and it is another one every few seconds.
pub(crate) fn changing_speaker(seed: u64) -> Played {
    let mut world = watching_two(seed, Conditions::good());
    world.run_for(6_000);
    let mut large = 0;
    for turn in 0..6u64 {
        let (speaker, other) = if turn % 2 == 0 { (1, 2) } else { (2, 1) };
        world.show(0, &[(speaker, 720), (other, 180)]);
        world.run_for(3_000);
        let track = world.track(0, speaker, Source::Camera);
        let index = world.people[0]
            .videos
            .iter()
            .position(|video| Some(video.track) == track);
        large += index.map_or(0, |index| {
            first_of_height_in(&world, 0, index, 720, 6_000 + turn * 3_000)
        });
    }
    let mut played = end_for(world, &[0]);
    played.figures.0.remove("height_lines");
    played.figures.add("large_after_ms", large / 6);
    played
}

/// Two people talk; a hundred come within a second to watch.
pub(crate) fn burst_of_joins(seed: u64) -> Played {
    let mut world = World::new(seed);
    world.call_of(&[Setup::with(Layout::Simulcast), Setup::with(Layout::Svc)]);
    world.run_for(3_000);
    let (before, begin) = (key_requests(&world), world.now);
    for _ in 0..100 {
        world.enter(Setup::silent());
        world.run_for(10);
    }
    world.run_for(4_000);
    let newcomers: Vec<usize> = (2..world.people.len()).collect();
    let asked = key_requests(&world) - before;
    let per_switch = (0..2).map(|of| most_requests_per_switch(&world, of, begin)).max();
    let waits = newcomers
        .iter()
        .flat_map(|who| first_pictures_when_able(&world, *who));
    let longest = waits.max().unwrap_or(0);
    let mut played = end_for(world, &newcomers);
    played.figures.add("key_frame_requests", asked);
    played
        .figures
        .add("requests_per_source_and_epoch", per_switch.unwrap_or(0));
    played.figures.add("longest_wait_after_go_ms", longest);
    played
}

/// Somebody comes over a line that carries one large picture and little more: how soon that is found out.
pub(crate) fn joining_over_two_and_a_half_mbit(seed: u64) -> Played {
    let mut world = World::new(seed);
    world.call_of(&[Setup::with(Layout::Simulcast), Setup::with(Layout::Simulcast)]);
    world.run_for(5_000);
    let who = world.enter(Setup::silent().down(Conditions::good().rate(2_500)));
    world.show(who, &[]);
    world.run_for(10_000);
    let since = world.people[who].connected.unwrap_or(0) / 1000;
    let large = (0..world.people[who].videos.len())
        .map(|video| first_of_height_in(&world, who, video, 720, since))
        .min();
    let mut played = end_for(world, &[who]);
    played
        .figures
        .add("large_after_joining_ms", large.unwrap_or(10_000));
    played
}

/// One person with a terrible network among three with good ones: the figures are those of the three.
pub(crate) fn one_bad_network_beside_good_ones(seed: u64) -> Played {
    let mut world = World::new(seed);
    let bad = Conditions::good().rate(300).loses(0.1).delay_ms(100);
    let mut people = FOUR;
    people[3] = people[3].down(bad);
    world.call_of(&people);
    world.run_for(20_000);
    end_for(world, &[0, 1, 2])
}

pub(crate) fn uplink_that_loses_ten_percent(seed: u64) -> Played {
    let mut world = World::new(seed);
    let mut people = FOUR;
    people[0] = people[0].up(Conditions::good().loses(0.1));
    world.call_of(&people);
    world.run_for(20_000);
    end_for(world, &[1, 2, 3])
}

pub(crate) fn uplink_of_500_kbits(seed: u64) -> Played {
    let mut world = World::new(seed);
    let mut people = FOUR;
    people[0] = people[0].up(Conditions::good().rate(500));
    world.call_of(&people);
    world.run_for(20_000);
    end_for(world, &[1, 2, 3])
}

/// Two people with the same narrow downlink watch the same two: the difference between them is unfair.
pub(crate) fn two_equal_subscribers(seed: u64) -> Played {
    let mut world = World::new(seed);
    let narrow = Conditions::good().rate(1_000);
    world.call_of(&[
        Setup::with(Layout::Simulcast),
        Setup::with(Layout::Svc),
        Setup::silent().down(narrow),
        Setup::silent().down(narrow),
    ]);
    world.run_for(20_000);
    let rate = |who| world.link(who, Direction::Down).kilobits(10_000, 20_000);
    let difference = rate(2).abs_diff(rate(3));
    let mut played = end_for(world, &[2, 3]);
    played.figures.add("difference_kbits", signed(difference));
    played
}

/// Two people at one home share a narrow line, and the second comes later.
pub(crate) fn two_behind_one_bottleneck(seed: u64) -> Played {
    let mut world = World::new(seed);
    world.call_of(&[
        Setup::with(Layout::Simulcast),
        Setup::with(Layout::Svc),
        Setup::silent().down(Conditions::good().rate(2_000)),
    ]);
    world.run_for(8_000);
    let late = world.enter(Setup::silent());
    world.share_downlink(late, 2);
    world.run_for(22_000);
    let line = world.link(2, Direction::Down);
    let rate = |who| line.kilobits_to(who, 20_000, 30_000);
    let (first, second) = (rate(2), rate(late));
    let mut played = end_for(world, &[2, late]);
    played
        .figures
        .add("difference_kbits", signed(first.abs_diff(second)));
    played.figures.add("unused_kbits", 2_000 - signed(first + second));
    played
}

/// Four watchers who flood with requests or garbage or take nothing, beside one who just watches two.
pub(crate) fn harmful_subscribers(seed: u64) -> Played {
    let harm = [Harm::Nacks, Harm::KeyRequests, Harm::Garbage, Harm::Silence];
    watched_beside(seed, &harm.map(Setup::harmful))
}

/// The same call with four others who just watch.
pub(crate) fn harmless_subscribers(seed: u64) -> Played {
    watched_beside(seed, &[Setup::silent(); 4])
}

fn watched_beside(seed: u64, others: &[Setup]) -> Played {
    let mut world = World::new(seed);
    world.call_of(&[
        Setup::with(Layout::Simulcast),
        Setup::with(Layout::Svc),
        Setup::silent(),
    ]);
    world.call_of(others);
    world.run_for(12_000);
    end_for(world, &[0, 1, 2])
}

/// A call with a bit of everything, on this many shards.
pub(crate) fn on_shards(seed: u64, shards: usize) -> Played {
    let mut world = World::on_shards(seed, shards);
    let mut people = FOUR;
    people[3] = Setup::with(Layout::Svc);
    people[1] = people[1].down(Conditions::good().rate(1_000));
    people[2] = people[2].down(Conditions::good().loses(0.05));
    world.call_of(&people);
    world.run_for(6_000);
    world.show(0, &[(1, 180), (2, 0)]);
    world.enter(Setup::silent());
    world.run_for(5_000);
    world.show(0, &[]);
    world.leave(3);
    world.run_for(5_000);
    end_for(world, &[0, 1, 2, 4])
}

/// Whose picture (second) somebody (first) sees, with how many lines and pictures per second.
pub(crate) type Seen = BTreeMap<(usize, usize), (u64, u64)>;
/// What everybody but one with a narrow network sees of everybody at four moments of a call, on this many shards.
pub(crate) fn settled_on_shards(seed: u64, shards: usize) -> Vec<Seen> {
    let mut world = World::on_shards(seed, shards);
    let [first, second, third, _] = FOUR;
    let narrow = 1;
    let seen = |world: &World| {
        let mut seen = figures::settled(world);
        seen.retain(|(who, _), _| *who != narrow);
        seen
    };
    world.call_of(&[
        first,
        second.down(Conditions::good().rate(1_000)),
        third,
        Setup::with(Layout::Svc),
    ]);
    world.run_for(10_000);
    let mut moments = vec![seen(&world)];
    world.show(0, &[(1, 180), (2, 0)]);
    let late = world.enter(Setup::silent().down(Conditions::good().rate(4_000)));
    world.run_for(1_000);
    world.show(late, &[(0, 360), (1, 360), (2, 360), (3, 360)]);
    world.run_for(9_000);
    moments.push(seen(&world));
    world.show(0, &[]);
    world.leave(3);
    world.run_for(10_000);
    moments.push(seen(&world));
    // And of everybody, when that network is wide again.
    world.conditions(narrow, Direction::Down, Conditions::good());
    world.run_for(15_000);
    moments.push(figures::settled(&world));
    moments
}

/// Somebody leaves, somebody comes, the keys change: nobody else notices.
pub(crate) fn coming_and_going(seed: u64) -> Played {
    let mut world = World::new(seed);
    world.call_of(&FOUR);
    world.run_for(6_000);
    world.leave(3);
    world.run_for(4_000);
    world.enter(Setup::with(Layout::Simulcast));
    world.run_for(6_000);
    world.leave(1);
    world.run_for(4_000);
    end_for(world, &[0, 2, 4])
}

/// How often a camera was asked for key frames between two changes of keys, at most, once somebody came.
fn most_requests_per_switch(world: &World, of: usize, since: u64) -> i64 {
    // The encodings of a camera are asked at once.
    let mut asked = world.people[of].key_requests.clone();
    asked.dedup();
    let switches = world.switches.iter().filter(|at| **at >= since);
    let begins: Vec<u64> = switches.copied().collect();
    let ends = begins.iter().skip(1).copied().chain([world.now]);
    let between = begins.iter().zip(ends).map(|(begin, end)| {
        let during = asked.iter().filter(|at| (*begin..end).contains(at));
        during.count()
    });
    signed(u64::try_from(between.max().unwrap_or(0)).unwrap())
}

/// How long somebody who could open pictures and receive them waited for the first of each camera, in milliseconds.
fn first_pictures_when_able(world: &World, who: usize) -> impl Iterator<Item = i64> {
    let person = &world.people[who];
    let admitted = person.admitted.map_or(world.now, |(at, _)| at);
    let able = admitted.max(person.connected.unwrap_or(world.now));
    person.videos.iter().map(move |video| {
        let first = video.watch.shown.first().map_or(world.now, |(at, _)| *at);
        signed(first.saturating_sub(able.max(video.watch.since)) / 1000)
    })
}

/// How long after `from` person 0 saw everybody again, in milliseconds.
fn first_pictures_after(world: &World, from: u64) -> i64 {
    let videos = world.people[0].videos.iter();
    let latest = videos
        .map(|video| {
            let mut shown = video.watch.shown.iter().map(|(at, _)| at / 1000);
            shown.find(|at| *at >= from).unwrap_or(world.now / 1000) - from
        })
        .max();
    signed(latest.unwrap_or(0))
}

/// How long after `from` person `who` saw everybody in this height, in milliseconds.
fn first_of_height(world: &World, who: usize, height: u16, from: u64) -> i64 {
    let videos = 0..world.people[who].videos.len();
    videos
        .map(|video| first_of_height_in(world, who, video, height, from))
        .max()
        .unwrap_or(0)
}

fn first_of_height_in(world: &World, who: usize, video: usize, height: u16, from: u64) -> i64 {
    let shown = world.people[who].videos[video].watch.shown.iter();
    let mut fitting = shown
        .filter(|(_, shown)| *shown == height)
        .map(|(at, _)| at / 1000);
    signed(fitting.find(|at| *at >= from).unwrap_or(world.now / 1000) - from)
}

fn key_requests(world: &World) -> i64 {
    let requests = world.people.iter().map(|person| person.key_requests.len());
    i64::try_from(requests.sum::<usize>()).unwrap()
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap()
}
