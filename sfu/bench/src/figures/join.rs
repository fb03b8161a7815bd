//! How fast people come in, and what a crowd that comes at once asks of a publisher.

use std::time::{Duration, Instant};

use super::forward::count;
use super::{Measurement, Options};
use crate::clock::{SHARD, ThreadClock};
use crate::error::BenchError;
use crate::figure::{Figure, rounded};
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const JOINS: Measurement = Measurement {
    figures: &[
        (
            "joins_per_second",
            "people who join a running room (offer, ICE, DTLS, first packet) per second of the shard's CPU time",
        ),
        (
            "key_frame_requests_per_join_burst",
            "key frame requests one publisher gets when 100 people join within a second, Go included",
        ),
    ],
    run: joins,
};

const BURST: usize = 100;

fn joins(options: Options) -> Result<Vec<Figure>, BenchError> {
    let mut fleet = Fleet::start()?;
    let streams = [Stream::camera(3, Duration::from_millis(33)), Stream::microphone()];
    let (room, _) = fleet.fill(Room {
        publishers: 1,
        streams: &streams,
        watchers: 0,
    })?;
    fleet.play(Duration::from_secs(3))?;
    let requests = fleet.totals.key_frame_requests;
    let began = Instant::now();
    let wave = fleet.join(room, BURST)?;
    fleet.switch_epoch(room, 2)?;
    fleet.play(Duration::from_secs(1).saturating_sub(began.elapsed()))?;
    let requests = fleet.totals.key_frame_requests - requests;
    let people = if options.quick { 200 } else { 1000 };
    let clock = ThreadClock::find(SHARD)?;
    let (cpu, start) = (clock.read()?, Instant::now());
    fleet.join(room, people)?;
    let (wall, cpu) = (start.elapsed(), clock.read()?.saturating_sub(cpu));
    let people = count(u64::try_from(people).unwrap_or(0));
    Ok(vec![
        Figure::new(
            "joins_per_second",
            people / cpu.as_secs_f64().max(1e-9),
            "joins/s",
        )
        .with("cpu_ms_per_join", rounded(cpu.as_secs_f64() * 1000.0 / people))
        .with("joins_per_second_of_time", rounded(people / wall.as_secs_f64())),
        Figure::new("key_frame_requests_per_join_burst", count(requests), "requests")
            .with("joins", wave.len()),
    ])
}
