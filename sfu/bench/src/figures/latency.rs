//! What the SFU adds, over loopback: from the publisher's send call until the system has the packet for the subscriber.
//! How late the clients read it does not count. The time is cut into windows, and a figure is the median of the
//! windows' quantiles: what a host machine takes from a virtual one now and then is seen in `windows`, not in the figure.

use std::time::{Duration, Instant};

use super::played::{self, Played};
use super::{Measurement, Options, forward};
use crate::clock::{self, SHARD, ThreadClock};
use crate::error::BenchError;
use crate::figure::{Figure, median, rounded};
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const LATENCY: Measurement = Measurement {
    figures: &[
        (
            "added_latency_p50_us",
            "from a client's send call to the arrival at another's socket, with the core 70 % busy, median",
        ),
        ("added_latency_p99_us", "the same, 99th percentile"),
        ("added_latency_p999_us", "the same, 99.9th percentile"),
    ],
    run: latency,
};

const PACKETS: u16 = 6;
const ROOM: usize = 10;
const FRAME: Duration = Duration::from_millis(33);
/// How busy the shard's core is.
const LOAD: f64 = 0.7;
/// A figure is the median of so many windows.
const WINDOWS: u32 = 10;
/// Rooms that say what a room costs.
const SAMPLE: usize = 4;
/// So many rooms at most: each has ten clients, which must be served too.
const MAX_ROOMS: usize = 120;

fn latency(options: Options) -> Result<Vec<Figure>, BenchError> {
    let mut fleet = Fleet::start_unpaced()?;
    let streams = [Stream::camera(PACKETS, FRAME)];
    let room = Room {
        publishers: ROOM,
        streams: &streams,
        watchers: 0,
    };
    for _ in 0..SAMPLE {
        fleet.fill(room)?;
    }
    let rooms = played::fill_up(&mut fleet, room, SAMPLE, LOAD, MAX_ROOMS)?;
    fleet.spread();
    played::warm_up(&mut fleet)?;
    fleet.totals.keep_latencies = true;
    fleet.totals.latest = Duration::ZERO;
    let clock = ThreadClock::find(SHARD)?;
    let waited = clock.waited()?;
    let time = Duration::from_millis(if options.quick { 500 } else { 2000 });
    let before = (clock::stolen(), Instant::now());
    let mut windows = Vec::new();
    let mut shares = Vec::new();
    for _ in 0..WINDOWS {
        shares.push(Played::of(&mut fleet, time)?);
        let mut latencies = std::mem::take(&mut fleet.totals.latencies);
        latencies.sort_unstable();
        windows.push(latencies);
    }
    let elapsed = before.1.elapsed();
    let stolen = clock::stolen()
        .zip(before.0)
        .map(|(now, before)| now.saturating_sub(before).as_secs_f64() / elapsed.as_secs_f64());
    let mut played = Played::sum(&shares);
    let latest = fleet.totals.latest;
    let waited = clock.waited()?.saturating_sub(waited).as_secs_f64() / elapsed.as_secs_f64();
    // What is under way at the end is not lost.
    let delivered = fleet.totals.packets();
    fleet.until_quiet(Duration::from_millis(20))?;
    played.delivered += fleet.totals.packets() - delivered;
    let quantile = |name, per_mille: usize| {
        let mut values: Vec<f64> = windows
            .iter()
            .map(|latencies| {
                let place = latencies.len() * per_mille / 1000;
                let last = latencies.len().saturating_sub(1);
                forward::count(latencies.get(place.min(last)).copied().unwrap_or(0)) / 1000.0
            })
            .collect();
        let value = median(&mut values);
        Figure::new(name, value, "us")
            .with("samples", windows.iter().map(Vec::len).sum::<usize>())
            .with("windows", values)
            .with("stolen", stolen.map(rounded))
            .with("shape", format!("{rooms} rooms of {ROOM}, frames of {PACKETS}"))
            .with("valid", played.is_whole())
            .with("shard_busy", rounded(played.shard))
            .with("shard_kept_waiting", rounded(waited))
            .with("clients_busy", rounded(played.clients))
            .with("clients_late_ms", rounded(latest.as_secs_f64() * 1000.0))
            .with(
                "packets_per_second",
                rounded(forward::count(played.delivered) / elapsed.as_secs_f64()),
            )
            .with("loss", rounded(played.loss()))
    };
    Ok(vec![
        quantile("added_latency_p50_us", 500),
        quantile("added_latency_p99_us", 990),
        quantile("added_latency_p999_us", 999),
    ])
}
