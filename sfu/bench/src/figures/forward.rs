//! How much one core forwards, beside what the bare loop does on the same machine at the same time.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Measurement, Options};
use crate::bare_loop;
use crate::error::BenchError;
use crate::figure::{Figure, median, rounded};
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const CEILING: Measurement = Measurement {
    figures: &[
        (
            "bare_loop_pps",
            "packets per CPU second of the bare loop: 16 times 1 to 50, frames of 6 packets of 1200 bytes",
        ),
        (
            "forward_pps",
            "packets per CPU second of the SFU's shard, same shape, counted at the receivers",
        ),
        (
            "ceiling_efficiency",
            "the second over the first, in alternating rounds of one run",
        ),
    ],
    run: ceiling,
};

pub(crate) const SHAPES: Measurement = Measurement {
    figures: &[(
        "forward_pps_by_shape",
        "the same for other rooms: publishers x people, and how many packets a frame has",
    )],
    run: shapes,
};

pub(crate) const SPREAD: Measurement = Measurement {
    figures: &[
        (
            "forward_pps_of_two_shards",
            "packets per CPU second of two shards together: 16 times 1 to 50, each room on one of them",
        ),
        (
            "forward_pps_relayed",
            "the same with rooms of 1 to 100, half of them on the other shard: each packet crosses once",
        ),
        (
            "forward_pps_over_tcp",
            "packets per CPU second of one shard: 4 times 1 to 50, subscribers over TCP",
        ),
    ],
    run: spread,
};

const SUBSCRIBERS: usize = 50;
/// As many rooms, so that frames of one publisher need not follow each other.
const ROOMS: usize = 16;
const PACKETS: u16 = 6;
const DATAGRAM: usize = 1200;
/// Packets that may be under way to the clients, whose buffers hold a few times that.
const WINDOW: u64 = 4000;
/// Without a delivery for so long, what is under way counts as lost.
const STALLED: Duration = Duration::from_millis(100);

/// What a run at full speed gave.
pub(crate) struct Load {
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Load {
    /// Packets per second of CPU time.
    pub(crate) fn rate(&self) -> f64 {
        count(self.delivered) / self.cpu.as_secs_f64().max(1e-9)
    }
}

/// Rooms to be measured.
#[derive(Clone, Copy)]
struct Shape {
    rooms: usize,
    /// People who publish in each room.
    publishers: usize,
    /// People who only watch.
    watchers: usize,
    /// Packets of a frame.
    packets: u16,
}

impl Shape {
    const fn one_to(watchers: usize, rooms: usize, packets: u16) -> Self {
        Self {
            rooms,
            publishers: 1,
            watchers,
            packets,
        }
    }

    const fn all_to_all(people: usize, rooms: usize, packets: u16) -> Self {
        Self {
            rooms,
            publishers: people,
            watchers: 0,
            packets,
        }
    }

    /// To how many a packet goes.
    const fn fan_out(&self) -> usize {
        self.publishers + self.watchers - 1
    }

    fn name(&self) -> String {
        let Self {
            rooms,
            publishers,
            watchers,
            packets,
        } = self;
        let room = if *watchers > 0 {
            format!("1 to {watchers}")
        } else {
            format!("{publishers}x{publishers}")
        };
        format!("{rooms} times {room}, frames of {packets}")
    }
}

/// What rounds of both gave; medians.
struct Comparison {
    bare: f64,
    sfu: f64,
    /// Of the SFU, per second of time.
    wall: f64,
    ratio: f64,
    loss: f64,
    rounds: usize,
}

fn ceiling(options: Options) -> Result<Vec<Figure>, BenchError> {
    let shape = Shape::one_to(SUBSCRIBERS, ROOMS, PACKETS);
    let compared = compare(options, shape)?;
    Ok(vec![
        Figure::new("bare_loop_pps", compared.bare, "packets/s").with("shape", shape.name()),
        Figure::new("forward_pps", compared.sfu, "packets/s")
            .with("shape", shape.name())
            .with("ns_per_packet", rounded(1e9 / compared.sfu))
            .with("packets_per_second_of_time", rounded(compared.wall))
            .with("loss", rounded(compared.loss)),
        Figure::new("ceiling_efficiency", compared.ratio, "ratio").with("rounds", compared.rounds),
    ])
}

fn shapes(options: Options) -> Result<Vec<Figure>, BenchError> {
    let all = [
        Shape::one_to(50, ROOMS, 1),
        Shape::one_to(50, ROOMS, 4),
        Shape::one_to(50, ROOMS, 8),
        Shape::one_to(3000, 1, 6),
        Shape::all_to_all(10, ROOMS, 6),
        Shape::all_to_all(50, 1, 6),
        Shape::all_to_all(150, 1, 4),
    ];
    let few = [Shape::one_to(50, ROOMS, 4), Shape::all_to_all(10, 4, 6)];
    let shapes = if options.quick { &few[..] } else { &all[..] };
    shapes.iter().map(|shape| by_shape(options, *shape)).collect()
}

/// What has no bare loop to be compared with: several shards, and TCP.
fn spread(options: Options) -> Result<Vec<Figure>, BenchError> {
    let (apart, whole) = (NonZeroUsize::new(SUBSCRIBERS), NonZeroUsize::MAX);
    let rooms = Shape::one_to(SUBSCRIBERS, ROOMS, PACKETS);
    let wide = Shape::one_to(2 * SUBSCRIBERS, ROOMS / 2, PACKETS);
    let streams = Shape::one_to(SUBSCRIBERS, 4, PACKETS);
    Ok(vec![
        alone(
            options,
            "forward_pps_of_two_shards",
            Fleet::start_sharded(whole)?,
            rooms,
        )?,
        alone(
            options,
            "forward_pps_relayed",
            Fleet::start_sharded(apart.unwrap_or(whole))?,
            wide,
        )?,
        alone(options, "forward_pps_over_tcp", Fleet::start_over_tcp()?, streams)?,
    ])
}

fn alone(options: Options, name: &'static str, mut fleet: Fleet, shape: Shape) -> Result<Figure, BenchError> {
    let publishers = fill(&mut fleet, shape)?;
    let (rounds, length) = rounds(options);
    let before = fleet.stats().snapshot();
    let (mut rates, mut walls, mut lost, mut delivered) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..rounds {
        let load = saturate(&mut fleet, &publishers, shape.fan_out(), length)?;
        if round > 0 {
            rates.push(load.rate());
            walls.push(count(load.delivered) / load.wall.as_secs_f64());
            lost += load.lost;
            delivered += load.delivered;
        }
    }
    let now = fleet.stats().snapshot();
    let rate = median(&mut rates);
    Ok(Figure::new(name, rate, "packets/s")
        .with("shape", shape.name())
        .with("ns_per_packet", rounded(1e9 / rate))
        .with("packets_per_second_of_time", rounded(median(&mut walls)))
        .with("relayed", now.relayed - before.relayed)
        .with("relay_dropped", now.relay_dropped - before.relay_dropped)
        .with("loss", rounded(count(lost) / count(lost + delivered).max(1.0))))
}

fn by_shape(options: Options, shape: Shape) -> Result<Figure, BenchError> {
    let compared = compare(options, shape)?;
    let figure = Figure::new("forward_pps_by_shape", compared.sfu, "packets/s")
        .with("shape", shape.name())
        .with("ns_per_packet", rounded(1e9 / compared.sfu))
        .with("loss", rounded(compared.loss));
    // Where many publish, what one person gets from several of them leaves together, which the bare loop does not do.
    Ok(if shape.publishers == 1 {
        figure.with("ceiling_efficiency", rounded(compared.ratio))
    } else {
        figure
    })
}

fn compare(options: Options, shape: Shape) -> Result<Comparison, BenchError> {
    let mut fleet = Fleet::start_unpaced()?;
    let publishers = fill(&mut fleet, shape)?;
    let (rounds, length) = rounds(options);
    let (mut bare, mut sfu, mut wall, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut lost, mut delivered) = (0, 0);
    for round in 0..rounds {
        let ceiling = bare_round(&mut fleet, shape, length)?;
        let load = saturate(&mut fleet, &publishers, shape.fan_out(), length)?;
        lost += load.lost;
        delivered += load.delivered;
        // The first round warms caches and clocks.
        if round > 0 {
            bare.push(ceiling);
            sfu.push(load.rate());
            wall.push(count(load.delivered) / load.wall.as_secs_f64());
            ratios.push(load.rate() / ceiling);
        }
    }
    Ok(Comparison {
        bare: median(&mut bare),
        sfu: median(&mut sfu),
        wall: median(&mut wall),
        rounds: ratios.len(),
        ratio: median(&mut ratios),
        loss: count(lost) / count(lost + delivered).max(1.0),
    })
}

/// Fills the rooms and returns their publishers.
fn fill(fleet: &mut Fleet, shape: Shape) -> Result<Vec<usize>, BenchError> {
    let streams = [Stream::camera(shape.packets, Duration::from_millis(33))];
    let mut publishers = Vec::new();
    for _ in 0..shape.rooms {
        let (_, members) = fleet.fill(Room {
            publishers: shape.publishers,
            streams: &streams,
            watchers: shape.watchers,
        })?;
        publishers.extend(members.take(shape.publishers));
    }
    Ok(publishers)
}

/// How many rounds there are, and how long each is.
const fn rounds(options: Options) -> (usize, Duration) {
    if options.quick {
        (3, Duration::from_millis(300))
    } else {
        (8, Duration::from_secs(1))
    }
}

/// Packets per CPU second of the bare loop, delivered to the clients' sockets.
fn bare_round(fleet: &mut Fleet, shape: Shape, length: Duration) -> Result<f64, BenchError> {
    let task = bare_loop::Task {
        destinations: fleet.strangers(shape.fan_out() * shape.rooms)?,
        fan_out: shape.fan_out(),
        packets: shape.packets,
        datagram: DATAGRAM,
        window: window(shape.rooms * shape.publishers, shape.packets, shape.fan_out()),
    };
    let (delivered, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let run = std::thread::scope(|scope| {
        let work = || {
            let run = bare_loop::run(&task, length, &delivered);
            done.store(true, Ordering::Release);
            run
        };
        let named = std::thread::Builder::new().name("bare-loop".to_owned());
        let loop_thread = named
            .spawn_scoped(scope, work)
            .map_err(|error| BenchError::System("the bare loop's thread", error))?;
        let before = fleet.totals.strange;
        while !done.load(Ordering::Acquire) {
            fleet.step(Duration::from_millis(1))?;
            delivered.store(fleet.totals.strange - before, Ordering::Relaxed);
        }
        loop_thread.join().map_err(|_| BenchError::Gone)?
    })?;
    fleet.until_quiet(STALLED)?;
    Ok(count(run.packets) / run.cpu.as_secs_f64().max(1e-9))
}

/// How many packets may be under way: one frame of each publisher, as frames of one are never sent together, and no
/// more than the clients' buffers hold.
fn window(publishers: usize, packets: u16, fan_out: usize) -> u64 {
    let frame = u64::from(packets) * u64::try_from(fan_out).unwrap_or(0);
    WINDOW
        .min(frame * u64::try_from(publishers).unwrap_or(0))
        .max(frame)
}

/// Lets publishers send as fast as the SFU delivers, one frame after the other, each to `fan_out` people.
pub(crate) fn saturate(
    fleet: &mut Fleet,
    publishers: &[usize],
    fan_out: usize,
    length: Duration,
) -> Result<Load, BenchError> {
    let clock = fleet.shard_clocks()?;
    let first = publishers.first().and_then(|client| fleet.clients.get(*client));
    let packets = first
        .and_then(|client| client.publishers.first())
        .map_or(0, |publisher| publisher.stream.packets);
    let frame = u64::from(packets) * u64::try_from(fan_out).unwrap_or(0);
    let window = window(publishers.len(), packets, fan_out);
    let mut next = publishers.iter().cycle();
    let (mut under_way, mut lost, mut moved) = (0, 0, Instant::now());
    let (start, before, cpu) = (Instant::now(), fleet.totals.packets(), clock.read()?);
    let mut seen = before;
    while start.elapsed() < length {
        while under_way + frame <= window {
            if let Some(client) = next.next() {
                fleet.frame(*client, 0);
            }
            under_way += frame;
        }
        fleet.step(Duration::from_millis(1))?;
        let now = Instant::now();
        let arrived = fleet.totals.packets() - seen;
        seen += arrived;
        under_way = under_way.saturating_sub(arrived);
        if arrived > 0 {
            moved = now;
        } else if now.saturating_duration_since(moved) > STALLED {
            lost += std::mem::take(&mut under_way);
            moved = now;
        }
    }
    let wall = start.elapsed();
    fleet.until_quiet(STALLED)?;
    Ok(Load {
        delivered: fleet.totals.packets() - before,
        lost,
        cpu: clock.read()?.saturating_sub(cpu),
        wall,
    })
}

pub(crate) fn count(number: u64) -> f64 {
    // Exact up to 2^53.
    number as f64
}
