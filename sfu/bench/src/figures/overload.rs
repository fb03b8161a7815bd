//! Half as much again as a core can carry: what is lost, and how soon all is well afterwards.

use std::time::{Duration, Instant};

use conclave_wire::media::Kind;

use super::forward::count;
use super::played::{self, Played, size};
use super::{Measurement, Options};
use crate::clock::{SHARD, ThreadClock};
use crate::error::BenchError;
use crate::figure::{Figure, rounded};
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const OVERLOAD: Measurement = Measurement {
    figures: &[
        (
            "overload_audio_loss",
            "share of sound that is lost while 150 % of what a core can carry is offered",
        ),
        (
            "overload_disconnects",
            "people who lose their connection meanwhile",
        ),
        (
            "overload_recovery_seconds",
            "from the end of the overload until nothing is shed and newcomers are taken",
        ),
    ],
    run: overload,
};

const PEOPLE: usize = 10;
const PACKETS: u16 = 3;
const FRAME: Duration = Duration::from_millis(33);
/// Of what the core can carry: during the overload, and afterwards.
const OFFERED: f64 = 1.5;
const EASY: f64 = 0.4;
/// How busy the core is when it is measured what a room takes.
const NEARLY_FULL: f64 = 0.85;
/// Rooms to begin with, and the most there are.
const FIRST: usize = 6;
const MAX_ROOMS: usize = 150;
/// How long recovery may take before the figure says so.
const PATIENCE: Duration = Duration::from_secs(30);

fn overload(options: Options) -> Result<Vec<Figure>, BenchError> {
    let mut fleet = Fleet::start()?;
    let streams = [Stream::camera(PACKETS, FRAME), Stream::microphone()];
    let room = Room {
        publishers: PEOPLE,
        streams: &streams,
        watchers: 0,
    };
    for _ in 0..FIRST {
        fleet.fill(room)?;
    }
    // A packet takes less the more there is to send together: what a room takes is measured where the core is nearly full.
    let carried = played::fill_up(&mut fleet, room, FIRST, NEARLY_FULL, MAX_ROOMS)?;
    let time = Duration::from_secs(3);
    let busy = Played::of(&mut fleet, time)?.of_room(room, time);
    let enough = (carried..MAX_ROOMS).find(|rooms| size(*rooms) * busy >= OFFERED);
    let rooms = options.rooms.or(enough).unwrap_or(MAX_ROOMS);
    fleet.until_quiet(Duration::from_millis(20))?;
    for _ in carried..rooms {
        fleet.fill(room)?;
    }
    fleet.let_send(Kind::Video, 0.0);
    fleet.spread();
    fleet.play(Duration::from_secs(2))?;

    let (before, lost) = (fleet.totals.clone(), fleet.totals.lost);
    let clock = ThreadClock::find(SHARD)?;
    fleet.let_send(Kind::Video, 1.0);
    let peak = play_and_watch(
        &mut fleet,
        Duration::from_secs(if options.quick { 4 } else { 15 }),
    )?;
    // What a core can easily carry goes on.
    for kind in [Kind::Video, Kind::Audio] {
        fleet.let_send(kind, EASY / OFFERED);
    }
    let ended = Instant::now();
    let waited = clock.waited()?;
    let mut recovered = true;
    let expected = (fleet.totals.audio_sent - before.audio_sent) * u64::try_from(PEOPLE - 1).unwrap_or(0);
    while fleet.stats().snapshot().shed_level > 0 || fleet.overloaded {
        recovered = ended.elapsed() < PATIENCE;
        if !recovered {
            break;
        }
        fleet.play(Duration::from_millis(20))?;
    }
    let recovery = ended.elapsed().as_secs_f64();
    let waited = clock.waited()?.saturating_sub(waited).as_secs_f64() / recovery.max(1e-9);
    let heard = fleet.totals.audio - before.audio;
    let sent = (fleet.totals.audio_sent - before.audio_sent) * u64::try_from(PEOPLE - 1).unwrap_or(0);
    let stats = fleet.stats().snapshot();
    let detail = |figure: Figure| {
        figure
            .with("rooms", rooms)
            .with("offered_of_capacity", rounded(size(rooms) * busy))
            .with("highest_level", peak)
            .with("receive_overflow", stats.receive_overflow)
    };
    // What is still under way at the end is not lost: a hundredth of a second of sound.
    let loss = 1.0 - count(heard) / count(sent).max(1.0);
    Ok(vec![
        detail(Figure::new("overload_audio_loss", loss.max(0.0), "ratio")).with("packets", expected),
        detail(Figure::new(
            "overload_disconnects",
            count(fleet.totals.lost - lost),
            "people",
        )),
        detail(Figure::new("overload_recovery_seconds", recovery, "s"))
            .with("recovered", recovered)
            .with("level_at_the_end", stats.shed_level)
            .with("busy_permille_at_the_end", stats.busy_permille)
            .with("shard_kept_waiting", rounded(waited)),
    ])
}

/// Plays and returns the highest level of shedding.
fn play_and_watch(fleet: &mut Fleet, time: Duration) -> Result<u64, BenchError> {
    let end = Instant::now() + time;
    let mut peak = 0;
    while Instant::now() < end {
        fleet.play(Duration::from_millis(50))?;
        peak = peak.max(fleet.stats().snapshot().shed_level);
    }
    Ok(peak)
}
