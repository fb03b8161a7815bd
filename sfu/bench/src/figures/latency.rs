//! What the SFU adds, over loopback: from the publisher's send call until the system has the packet for the subscriber.
//! How late the clients read it does not count.

use std::time::Duration;

use super::{Measurement, Options, forward};
use crate::clock::{SHARD, ThreadClock};
use crate::error::BenchError;
use crate::figure::{Figure, rounded};
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const LATENCY: Measurement = Measurement {
    figures: &[
        (
            "added_latency_p50_us",
            "from a client's send call to the arrival at another's socket, at 70 % load, median",
        ),
        ("added_latency_p99_us", "the same, 99th percentile"),
        ("added_latency_p999_us", "the same, 99.9th percentile"),
    ],
    run: latency,
};

const PACKETS: u16 = 6;
const ROOM: usize = 10;
const FRAME: Duration = Duration::from_millis(33);
/// Of what the core could do.
const LOAD: f64 = 0.7;
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
    let (_, members) = fleet.fill(room)?;
    let length = Duration::from_millis(if options.quick { 300 } else { 1000 });
    let members: Vec<usize> = members.collect();
    forward::saturate(&mut fleet, &members, ROOM - 1, length)?;
    let most = forward::saturate(&mut fleet, &members, ROOM - 1, length)?.rate();
    let per_room = count(ROOM * (ROOM - 1)) * f64::from(PACKETS) / FRAME.as_secs_f64();
    let rooms = (1..=MAX_ROOMS)
        .take_while(|rooms| count(*rooms) * per_room <= LOAD * most)
        .count()
        .max(1);
    for _ in 1..rooms {
        fleet.fill(room)?;
    }
    fleet.spread();
    fleet.play(Duration::from_secs(1))?;
    fleet.totals.keep_latencies = true;
    fleet.totals.latest = Duration::ZERO;
    let (clock, own) = (ThreadClock::find(SHARD)?, ThreadClock::own());
    let (clients, waited) = (own.read()?, clock.waited()?);
    let (before, sent, packets) = (
        clock.read()?,
        fleet.stats().snapshot().rtp_out_video,
        fleet.totals.packets(),
    );
    let time = Duration::from_secs(if options.quick { 3 } else { 20 });
    fleet.play(time)?;
    let latest = fleet.totals.latest;
    let clients = own.read()?.saturating_sub(clients).as_secs_f64() / time.as_secs_f64();
    let waited = clock.waited()?.saturating_sub(waited).as_secs_f64() / time.as_secs_f64();
    let busy = (clock.read()?.saturating_sub(before)).as_secs_f64() / time.as_secs_f64();
    fleet.until_quiet(Duration::from_millis(20))?;
    let sent = fleet.stats().snapshot().rtp_out_video - sent;
    let delivered = fleet.totals.packets() - packets;
    let mut latencies = std::mem::take(&mut fleet.totals.latencies);
    latencies.sort_unstable();
    let quantile = |name, per_mille: usize| {
        let value =
            latencies.get((latencies.len() * per_mille / 1000).min(latencies.len().saturating_sub(1)));
        Figure::new(name, forward::count(value.copied().unwrap_or(0)) / 1000.0, "us")
            .with("samples", latencies.len())
            .with("shape", format!("{rooms} rooms of {ROOM}, frames of {PACKETS}"))
            .with("shard_busy", rounded(busy))
            .with("shard_kept_waiting", rounded(waited))
            .with("clients_busy", rounded(clients))
            .with("clients_late_ms", rounded(latest.as_secs_f64() * 1000.0))
            .with(
                "packets_per_second",
                rounded(forward::count(sent) / time.as_secs_f64()),
            )
            .with(
                "loss",
                rounded(1.0 - forward::count(delivered) / forward::count(sent).max(1.0)),
            )
    };
    Ok(vec![
        quantile("added_latency_p50_us", 500),
        quantile("added_latency_p99_us", 990),
        quantile("added_latency_p999_us", 999),
    ])
}

fn count(number: usize) -> f64 {
    forward::count(u64::try_from(number).unwrap_or(u64::MAX))
}
