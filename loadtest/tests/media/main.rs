//! Calls over bad networks in a simulated world: virtual clock, one seed, no sockets.
//!
//! Each story is a test; `scoreboard.json` holds what people noticed in it, and a story that got worse fails.
//! `UPDATE_SCOREBOARD=1` writes the file again, `CONCLAVE_SEEDS=1000..1010` plays every story with other seeds, and
//! `CONCLAVE_TRACE=1` with `--nocapture` prints what happens second by second.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a panic is how a test reports, it prints what happened, and counts are small"
)]

mod figures;
mod person;
mod random;
mod scoreboard;
#[expect(dead_code, unused_imports, reason = "the delivery tests use the rest of it")]
#[path = "../delivery/world/mod.rs"]
mod signaling;
mod stories;
mod truth;
mod world;

use figures::Figures;
use stories::Played;

/// The seed of the scoreboard's figures.
const SEED: u64 = 1;
/// Seeds that found a bug once, by story: they are played in every run from then on. The random calls of `random.rs`
/// are the story `random`.
const PROMOTED: &[(&str, u64)] = &[];

macro_rules! stories {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                play(stringify!($name), stories::$name);
            }
        )*
    };
}

stories! {
    clean_call_of_four
    ten_percent_loss
    twenty_percent_loss
    burst_loss
    round_trip_of_200_ms
    round_trip_of_200_ms_and_five_percent_loss
    reordering
    jitter_of_a_mobile_network
    downlink_that_loses_ten_percent
    downlink_that_loses_twenty_percent
    downlink_of_300_kbits
    downlink_of_one_mbit
    step_from_four_to_one_mbit_and_back
    outage_of_ten_seconds
    outage_of_half_a_second
    hidden_tiles
    small_tiles
    nobody_looks_closely
    changing_speaker
    burst_of_joins
    joining_over_two_and_a_half_mbit
    one_bad_network_beside_good_ones
    uplink_that_loses_ten_percent
    uplink_of_500_kbits
    two_equal_subscribers
    two_behind_one_bottleneck
    harmful_subscribers
    coming_and_going
}

/// Keys, and so all ciphertext, are other ones in every run: whatever decides, it is not the payload.
#[test]
fn one_seed_is_one_run_whatever_the_payload() {
    let [first, second] = [(); 2].map(|()| stories::round_trip_of_200_ms_and_five_percent_loss(SEED));
    assert_eq!(first.world.decisions(), second.world.decisions());
    assert_eq!(first.figures, second.figures);
    let other = stories::round_trip_of_200_ms_and_five_percent_loss(SEED + 1);
    assert_ne!(first.world.decisions(), other.world.decisions());
}

/// What others do to the server is theirs: with and without them, a person sees and hears the same.
#[test]
fn nobody_is_frozen_or_silent_because_of_harmful_subscribers() {
    let [with, without] = [stories::harmful_subscribers, stories::harmless_subscribers]
        .map(|story| faultless("harmful_subscribers", story, SEED).figures.0);
    for noticed in [
        "freeze_ms",
        "longest_freeze_ms",
        "audio_gap_ms",
        "longest_audio_gap_ms",
    ] {
        assert_eq!((noticed, with[noticed], without[noticed]), (noticed, 0, 0));
    }
    for same in ["height_lines", "frames_per_second"] {
        assert_eq!((same, with[same]), (same, without[same]));
    }
}

/// Where in the server people are, nobody notices; a first picture waits for the same key frame. Which packets get lost depends
/// on how many were sent before, so single seeds differ.
#[test]
fn one_shard_and_two_decide_the_same() {
    let [one, two] = [1, 2].map(|shards| {
        let story = |seed| stories::on_shards(seed, shards);
        let seeds = (SEED..).take(4);
        Figures::mean(
            seeds
                .map(|seed| faultless("on_shards", story, seed).figures)
                .collect(),
        )
    });
    let mut differing = scoreboard::differing(&one, &two);
    differing.retain(|name| !name.ends_with("first_picture_ms"));
    assert!(differing.is_empty(), "{differing:?}: {one:?} {two:?}");
    for (name, most) in [("first_picture_ms", 100), ("latest_first_picture_ms", 300)] {
        assert!(two.0[name] <= one.0[name] + most, "{name}: {one:?} {two:?}");
    }
}

/// Once a call has settled, whoever has room for what they show is sent the same sizes and frame rates of everybody, seed by
/// seed. What just fits a narrow network wavers with its estimate; that is compared above, over several seeds.
#[test]
fn one_shard_and_two_send_the_same_layers() {
    for seed in seeds(SEED..SEED + 4) {
        let [one, two] = [1, 2].map(|shards| stories::settled_on_shards(seed, shards));
        for (moment, (one, two)) in one.iter().zip(&two).enumerate() {
            assert!(
                one.keys().eq(two.keys()),
                "seed {seed}, moment {moment}: {one:?} {two:?}"
            );
            for (pair, (height, rate)) in one {
                let (other_height, other_rate) = two[pair];
                let same = (*height, true) == (other_height, rate.abs_diff(other_rate) <= 1);
                assert!(same, "seed {seed}, moment {moment}, {pair:?}: {one:?} {two:?}");
            }
        }
    }
}

/// The scoreboard's seed and those that once failed; other seeds are only searched for faults.
fn play(name: &str, story: impl Fn(u64) -> Played) {
    if std::env::var_os("CONCLAVE_SEEDS").is_some() {
        for seed in seeds(0..0) {
            let played = faultless(name, &story, seed);
            println!("{name} {seed} {:?}", played.figures.0);
        }
        return;
    }
    for seed in promoted(name) {
        faultless(name, &story, seed);
    }
    scoreboard::judge(name, &faultless(name, &story, SEED).figures);
}

fn promoted(story: &str) -> impl Iterator<Item = u64> {
    let of = PROMOTED.iter().filter(move |(promoted, _)| *promoted == story);
    of.map(|(_, seed)| *seed)
}

/// The seeds the environment asks for, else the usual ones.
fn seeds(usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("CONCLAVE_SEEDS") else {
        return usual;
    };
    let (from, to) = text.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

fn faultless(name: &str, story: impl Fn(u64) -> Played, seed: u64) -> Played {
    let played = story(seed);
    let faults = figures::faults(&played.world);
    assert!(faults.is_empty(), "{name}, seed {seed}: {faults:#?}");
    played
}
