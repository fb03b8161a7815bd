//! Rooms of ten in which everybody sees and hears everybody.

use std::time::{Duration, Instant};

use super::forward::count;
use super::{Measurement, Options};
use crate::clock::{SHARD, ThreadClock};
use crate::error::BenchError;
use crate::figure::{Figure, rounded};
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const ROOMS: Measurement = Measurement {
    figures: &[(
        "ten_person_rooms_per_core",
        "rooms of ten, all to all, each person 0.9 Mbit/s of video (30 frames of 3 packets) and Opus, one shard's core can carry",
    )],
    run: rooms,
};

const PEOPLE: usize = 10;
const PACKETS: u16 = 3;
const FRAME: Duration = Duration::from_millis(33);
/// Rooms that say what a room costs, and how many there are at most: the clients share one core.
const SAMPLE: usize = 10;
const MAX_ROOMS: usize = 60;
/// Of the shard's core: what is measured near its limit needs to be multiplied by little.
const LOAD: f64 = 0.7;
/// What may get lost of all that is offered.
const MAX_LOSS: f64 = 0.0001;
/// How long estimates may take until everything is sent.
const WARM_UP: Duration = Duration::from_secs(20);

/// What was offered and delivered in a while, and the share of their cores that the shard and the clients took.
struct Played {
    offered: u64,
    delivered: u64,
    shard: f64,
    clients: f64,
}

impl Played {
    fn loss(&self) -> f64 {
        (1.0 - count(self.delivered) / count(self.offered).max(1.0)).max(0.0)
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
    let sample = options.rooms.unwrap_or(SAMPLE);
    for _ in 0..sample {
        fleet.fill(room)?;
    }
    let mut rooms = sample;
    if options.rooms.is_none() {
        fleet.spread();
        warm_up(&mut fleet)?;
        let each = play(&mut fleet, Duration::from_secs(2))?.shard / size(sample);
        while rooms < MAX_ROOMS && size(rooms) * each < LOAD {
            fleet.fill(room)?;
            rooms += 1;
        }
    }
    fleet.spread();
    let warm_up = warm_up(&mut fleet)?;
    let stats = fleet.stats().snapshot();
    fleet.totals.latest = Duration::ZERO;
    let mut played = play(&mut fleet, time)?;
    // What is under way at the end is not lost.
    let delivered = fleet.totals.packets();
    fleet.until_quiet(Duration::from_millis(20))?;
    played.delivered += fleet.totals.packets() - delivered;
    let now = fleet.stats().snapshot();
    let sent = now.rtp_out_video + now.rtp_out_audio - stats.rtp_out_video - stats.rtp_out_audio;
    let latest = fleet.totals.latest;
    let per_second = |packets: u64| rounded(count(packets) / time.as_secs_f64());
    let figure = Figure::new(
        "ten_person_rooms_per_core",
        size(rooms) / played.shard.max(1e-9),
        "rooms",
    );
    Ok(vec![
        figure
            .with("valid", played.loss() <= MAX_LOSS)
            .with("rooms_measured", rooms)
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
            ),
    ])
}

/// Plays until all that is offered arrives, and says how long that took.
fn warm_up(fleet: &mut Fleet) -> Result<Duration, BenchError> {
    let start = Instant::now();
    loop {
        let played = play(fleet, Duration::from_millis(500))?;
        // At the ends of half a second some is under way.
        if played.loss() < 0.002 || start.elapsed() > WARM_UP {
            return Ok(start.elapsed());
        }
    }
}

fn play(fleet: &mut Fleet, time: Duration) -> Result<Played, BenchError> {
    let clocks = (ThreadClock::find(SHARD)?, ThreadClock::own());
    let before = (clocks.0.read()?, clocks.1.read()?);
    let (offered, delivered) = (fleet.totals.offered, fleet.totals.packets());
    fleet.play(time)?;
    let share = |now: Duration, before| now.saturating_sub(before).as_secs_f64() / time.as_secs_f64();
    let (shard, clients) = (
        share(clocks.0.read()?, before.0),
        share(clocks.1.read()?, before.1),
    );
    Ok(Played {
        offered: fleet.totals.offered - offered,
        delivered: fleet.totals.packets() - delivered,
        shard,
        clients,
    })
}

fn size(rooms: usize) -> f64 {
    count(u64::try_from(rooms).unwrap_or(u64::MAX))
}
