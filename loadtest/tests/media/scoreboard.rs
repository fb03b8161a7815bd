//! The committed figures of every story, and what counts as worse.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;

use crate::figures::Figures;

/// Figures of which more is better.
const MORE_IS_BETTER: [&str; 2] = ["height_lines", "frames_per_second"];
/// Part of the committed value by which a figure may be worse.
const SHARE: f64 = 0.1;
/// The same for the worst single event of a call: any change of behaviour throws other dice.
const SHARE_OF_WORST: f64 = 0.5;

/// What must hold whatever was committed: the most a figure of a story may ever be.
const PROMISES: &[(&str, &str, i64)] = &[
    // A layer nobody needed is there again when it is.
    ("nobody_looks_closely", "large_again_ms", 1_000),
    ("nobody_looks_closely", "uplink_kbits", 300),
    ("hidden_tiles", "shown_again_ms", 1_000),
    ("burst_of_joins", "requests_per_source_and_epoch", 1),
    // Round trips of 44 ms at each end, the next picture of the camera, and what the jitter buffer waits for.
    ("burst_of_joins", "longest_wait_after_go_ms", 200),
    (
        "joining_over_two_and_a_half_mbit",
        "large_after_joining_ms",
        2_000,
    ),
    (
        "step_from_four_to_one_mbit_and_back",
        "back_to_80_percent_ms",
        20_000,
    ),
    ("step_from_four_to_one_mbit_and_back", "longest_freeze_ms", 2_000),
];

type Board = BTreeMap<String, BTreeMap<String, i64>>;

/// Compares a story's figures with the scoreboard, or writes them into it.
///
/// # Panics
/// When a figure is worse, or the story is not on the scoreboard.
pub(crate) fn judge(story: &str, figures: &Figures) {
    for (of, name, most) in PROMISES.iter().filter(|(of, ..)| *of == story) {
        let now = figures.0[*name];
        assert!(
            now <= *most,
            "{of}: {name} is {now} and was promised to be {most} at most"
        );
    }
    if std::env::var_os("UPDATE_SCOREBOARD").is_some() {
        write(story, figures);
        return;
    }
    let board: Board = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    let Some(committed) = board.get(story) else {
        panic!("{story} is not on the scoreboard: run with UPDATE_SCOREBOARD=1")
    };
    let mut worse = Vec::new();
    println!("{story:<44}{:>10}{:>10}", "committed", "now");
    for (name, now) in &figures.0 {
        let before = committed.get(name).copied();
        println!(
            "  {name:<42}{:>10}{now:>10}",
            before.map_or("-".to_owned(), |before| before.to_string())
        );
        if before.is_none_or(|before| is_worse(name, before, *now)) {
            worse.push(name);
        }
    }
    assert!(
        worse.is_empty(),
        "{story} is worse in {worse:?}; if that is meant, run with UPDATE_SCOREBOARD=1 and say why in the commit"
    );
}

/// The figures that differ by more than what counts as worse.
pub(crate) fn differing<'a>(one: &'a Figures, other: &'a Figures) -> Vec<&'a str> {
    let differs = |name: &str, a: i64, b: i64| is_worse(name, a, b) || is_worse(name, b, a);
    let names = one.0.iter().filter(|(name, a)| {
        let b = other.0.get(*name);
        b.is_none_or(|b| differs(name, **a, *b))
    });
    names.map(|(name, _)| name.as_str()).collect()
}

fn is_worse(name: &str, before: i64, now: i64) -> bool {
    let worst = name.starts_with("longest_") || name.starts_with("latest_");
    let share = if worst { SHARE_OF_WORST } else { SHARE };
    let tolerance = (before.unsigned_abs() as f64 * share).max(slack(name));
    let difference = if MORE_IS_BETTER.contains(&name) {
        before - now
    } else {
        now - before
    };
    difference as f64 > tolerance
}

/// What nobody would notice.
fn slack(name: &str) -> f64 {
    match name {
        "longest_freeze_ms" | "latest_first_picture_ms" => 300.0,
        "freeze_ms" | "longest_audio_gap_ms" => 100.0,
        _ if name.ends_with("_ms") => 40.0,
        _ if name.ends_with("_kbits") => 30.0,
        "key_frame_requests" => 5.0,
        _ => 2.0,
    }
}

/// Stories run at the same time, some in other processes: the file is locked.
fn write(story: &str, figures: &Figures) {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path())
        .unwrap();
    file.lock().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    let mut board: Board = if text.is_empty() {
        Board::new()
    } else {
        serde_json::from_str(&text).unwrap()
    };
    board.insert(story.to_owned(), figures.0.clone());
    file.rewind().unwrap();
    file.set_len(0).unwrap();
    let text = serde_json::to_string_pretty(&board).unwrap() + "\n";
    file.write_all(text.as_bytes()).unwrap();
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/media/scoreboard.json")
}
