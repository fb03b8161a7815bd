//! Rooms of ten in which everybody sees and hears everybody.

use std::time::Duration;

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

fn rooms(options: Options) -> Result<Vec<Figure>, BenchError> {
    let (rooms, time) = if options.quick { (6, 3) } else { (30, 15) };
    let mut fleet = Fleet::start()?;
    let streams = [Stream::camera(PACKETS, FRAME), Stream::microphone()];
    for _ in 0..rooms {
        fleet.fill(Room {
            publishers: PEOPLE,
            streams: &streams,
            watchers: 0,
        })?;
    }
    fleet.spread();
    fleet.play(Duration::from_secs(1))?;
    let clock = ThreadClock::find(SHARD)?;
    let (cpu, packets, stats) = (clock.read()?, fleet.totals.packets(), fleet.stats().snapshot());
    let time = Duration::from_secs(time);
    fleet.play(time)?;
    fleet.until_quiet(Duration::from_millis(20))?;
    let busy = clock.read()?.saturating_sub(cpu).as_secs_f64() / time.as_secs_f64();
    let delivered = fleet.totals.packets() - packets;
    let now = fleet.stats().snapshot();
    let sent = now.rtp_out_video + now.rtp_out_audio - stats.rtp_out_video - stats.rtp_out_audio;
    let per_core = f64::from(rooms) / busy.max(1e-9);
    Ok(vec![
        Figure::new("ten_person_rooms_per_core", per_core, "rooms")
            .with("rooms_measured", rooms)
            .with("shard_busy", rounded(busy))
            .with(
                "packets_per_second",
                rounded(count(delivered) / time.as_secs_f64()),
            )
            .with(
                "ns_per_packet",
                rounded(busy * time.as_secs_f64() * 1e9 / count(delivered).max(1.0)),
            )
            .with("loss", rounded(1.0 - count(delivered) / count(sent).max(1.0))),
    ])
}
