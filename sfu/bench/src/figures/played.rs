//! Lets the clients play for a while: what that offers, what arrives, and how busy both sides' cores are.

use std::time::{Duration, Instant};

use super::forward::count;
use crate::clock::{SHARD, ThreadClock};
use crate::error::BenchError;
use crate::fleet::{Fleet, Room};

/// What may get lost of all that is offered.
const MAX_LOSS: f64 = 0.0001;
/// How long estimates may take until everything is sent.
const WARM_UP: Duration = Duration::from_secs(20);

/// What was offered and delivered in a while, and the share of their cores that the shard and the clients took.
pub(super) struct Played {
    pub(super) offered: u64,
    pub(super) delivered: u64,
    pub(super) shard: f64,
    pub(super) clients: f64,
}

impl Played {
    pub(super) fn loss(&self) -> f64 {
        (1.0 - count(self.delivered) / count(self.offered).max(1.0)).max(0.0)
    }

    /// Whether all that was offered arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.loss() <= MAX_LOSS
    }

    /// What was played in several whiles of the same length.
    pub(super) fn sum(whiles: &[Self]) -> Self {
        let mean = |share: fn(&Self) -> f64| whiles.iter().map(share).sum::<f64>() / size(whiles.len());
        Self {
            offered: whiles.iter().map(|played| played.offered).sum(),
            delivered: whiles.iter().map(|played| played.delivered).sum(),
            shard: mean(|played| played.shard),
            clients: mean(|played| played.clients),
        }
    }

    /// The share of its core that the shard takes for a room of which everything is forwarded. What it took for what came
    /// through counts: clients that were too slow, and load that was shed, make no room cheaper.
    pub(super) fn of_room(&self, room: Room<'_>, time: Duration) -> f64 {
        let people = size(room.publishers + room.watchers);
        let streams = room.streams.iter();
        let sent: f64 = streams
            .map(|stream| f64::from(stream.packets) / stream.interval.as_secs_f64())
            .sum();
        let forwarded = size(room.publishers) * sent * (people - 1.0) * time.as_secs_f64();
        self.shard * forwarded / count(self.delivered).max(1.0)
    }

    /// Plays for a while.
    pub(super) fn of(fleet: &mut Fleet, time: Duration) -> Result<Self, BenchError> {
        let clocks = (ThreadClock::find(SHARD)?, ThreadClock::own());
        let before = (clocks.0.read()?, clocks.1.read()?);
        let (offered, delivered) = (fleet.totals.offered, fleet.totals.packets());
        fleet.play(time)?;
        let share = |now: Duration, before| now.saturating_sub(before).as_secs_f64() / time.as_secs_f64();
        let (shard, clients) = (
            share(clocks.0.read()?, before.0),
            share(clocks.1.read()?, before.1),
        );
        Ok(Self {
            offered: fleet.totals.offered - offered,
            delivered: fleet.totals.packets() - delivered,
            shard,
            clients,
        })
    }
}

/// Plays until all that is offered arrives, and says how long that took.
pub(super) fn warm_up(fleet: &mut Fleet) -> Result<Duration, BenchError> {
    let start = Instant::now();
    loop {
        let played = Played::of(fleet, Duration::from_millis(500))?;
        // At the ends of half a second some is under way.
        if played.loss() < 0.002 || start.elapsed() > WARM_UP {
            return Ok(start.elapsed());
        }
    }
}

/// Adds rooms to those there are until the shard is as busy as `load` says, a share of its core; returns how many
/// there are then.
pub(super) fn fill_up(
    fleet: &mut Fleet,
    room: Room<'_>,
    mut rooms: usize,
    load: f64,
    most: usize,
) -> Result<usize, BenchError> {
    let time = Duration::from_secs(2);
    loop {
        fleet.spread();
        warm_up(fleet)?;
        let each = Played::of(fleet, time)?.of_room(room, time);
        let before = rooms;
        // Half of what seems to lack: what each costs is not the same under more load.
        let lacking = |rooms| (load / each.max(1e-9) - size(rooms)) / 2.0;
        while rooms < most && lacking(before) >= 0.5 && size(rooms - before) < lacking(before) {
            fleet.fill(room)?;
            rooms += 1;
        }
        if rooms == before {
            return Ok(rooms);
        }
    }
}

pub(super) fn size(number: usize) -> f64 {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}
