//! Rooms of ten in which everybody sees and hears everybody.

use std::time::Duration;

use conclave_sfu::stats::Snapshot;

use super::forward::count;
use super::played::{self, Played, size};
use super::{Measurement, Options};
use crate::error::BenchError;
use crate::figure::{Figure, rounded};
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const ROOMS: Measurement = Measurement {
    figures: &[(
        "ten_person_rooms_per_core",
        "rooms of ten, all to all, each person 0.9 Mbit/s of video (30 frames of 3 packets) and Opus: the most that one shard's core carried whole",
    )],
    run: rooms,
};

const PEOPLE: usize = 10;
const PACKETS: u16 = 3;
const FRAME: Duration = Duration::from_millis(33);
/// Rooms to begin with, how many come at a time, and how many there are at most: the clients share one core.
const FIRST: usize = 10;
const STEP: usize = 2;
const MAX_ROOMS: usize = 60;
/// How often so many rooms may fail: a host machine may take a core at any moment.
const TRIES: usize = 2;

/// So many rooms, and what came of them.
struct Carried {
    rooms: usize,
    time: Duration,
    played: Played,
    warm_up: Duration,
    before: Snapshot,
    after: Snapshot,
    /// How much too late a frame was sent at most.
    latest: Duration,
}

impl Carried {
    /// Plays with the rooms there are.
    fn of(fleet: &mut Fleet, rooms: usize, time: Duration) -> Result<Self, BenchError> {
        fleet.spread();
        let warm_up = played::warm_up(fleet)?;
        let before = fleet.stats().snapshot();
        fleet.totals.latest = Duration::ZERO;
        let mut played = Played::of(fleet, time)?;
        // What is under way at the end is not lost.
        let delivered = fleet.totals.packets();
        fleet.until_quiet(Duration::from_millis(20))?;
        played.delivered += fleet.totals.packets() - delivered;
        Ok(Self {
            rooms,
            time,
            played,
            warm_up,
            before,
            after: fleet.stats().snapshot(),
            latest: fleet.totals.latest,
        })
    }
}

fn rooms(options: Options) -> Result<Vec<Figure>, BenchError> {
    let time = Duration::from_secs(if options.quick { 4 } else { 15 });
    let mut fleet = Fleet::start()?;
    let streams = [Stream::camera(PACKETS, FRAME), Stream::microphone()];
    let room = Room {
        publishers: PEOPLE,
        streams: &streams,
        watchers: 0,
    };
    let mut rooms = options.rooms.unwrap_or(FIRST);
    for _ in 0..rooms {
        fleet.fill(room)?;
    }
    let mut carried = Carried::of(&mut fleet, rooms, time)?;
    while options.rooms.is_none() && carried.played.is_whole() && rooms < MAX_ROOMS {
        for _ in 0..STEP {
            fleet.fill(room)?;
        }
        rooms += STEP;
        let mut more = Carried::of(&mut fleet, rooms, time)?;
        for _ in 1..TRIES {
            if !more.played.is_whole() {
                more = Carried::of(&mut fleet, rooms, time)?;
            }
        }
        if !more.played.is_whole() {
            break;
        }
        carried = more;
    }
    Ok(vec![figure(&carried)])
}

fn figure(carried: &Carried) -> Figure {
    let Carried {
        rooms,
        time,
        played,
        warm_up,
        before: stats,
        after: now,
        latest,
    } = carried;
    let sent = now.rtp_out_video + now.rtp_out_audio - stats.rtp_out_video - stats.rtp_out_audio;
    let per_second = |packets: u64| rounded(count(packets) / time.as_secs_f64());
    Figure::new("ten_person_rooms_per_core", size(*rooms), "rooms")
        .with("valid", played.is_whole())
        .with("shard_busy", rounded(played.shard))
        .with("clients_busy", rounded(played.clients))
        .with("clients_late_ms", rounded(latest.as_secs_f64() * 1000.0))
        .with("offered_per_second", per_second(played.offered))
        .with("packets_per_second", per_second(played.delivered))
        .with(
            "ns_per_packet",
            rounded(played.shard * time.as_secs_f64() * 1e9 / count(played.delivered).max(1.0)),
        )
        .with("loss", rounded(played.loss()))
        .with("warm_up_seconds", rounded(warm_up.as_secs_f64()))
        .with(
            "sent_of_offered",
            rounded(count(sent) / count(played.offered).max(1.0)),
        )
        .with("shed_level", now.shed_level)
        .with("receive_overflow", now.receive_overflow - stats.receive_overflow)
        .with("paced_per_second", per_second(now.paced - stats.paced))
        .with(
            "mean_estimate_kbps",
            rounded(count(now.estimate_bps) / 1000.0 / count(now.estimates).max(1.0)),
        )
}
