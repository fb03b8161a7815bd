//! Rooms of ten in which everybody sees and hears everybody.

use std::time::Duration;

use super::forward::count;
use super::played::{self, Played, size};
use super::{Measurement, Options};
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
    let rooms = if options.rooms.is_none() {
        played::fill_up(&mut fleet, room, sample, LOAD, MAX_ROOMS)?
    } else {
        sample
    };
    fleet.spread();
    let warm_up = played::warm_up(&mut fleet)?;
    let stats = fleet.stats().snapshot();
    fleet.totals.latest = Duration::ZERO;
    let mut played = Played::of(&mut fleet, time)?;
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
            .with("valid", played.is_whole())
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
