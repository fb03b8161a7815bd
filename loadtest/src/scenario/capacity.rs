//! `capacity`: searches for the largest load that is still carried well.
//!
//! Rooms are added until the limits are passed, doubling first, and halved towards the limit then. A load is carried well
//! when, unless told otherwise, fewer than one in ten thousand packets is lost and 99 of 100 take at most a millisecond longer
//! than on the bare way without a server. A load that fails is measured once more before it is believed: something else on the machine may have
//! been in the way.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::time::sleep;

use super::crowd::{Cast, Crowd};
use super::{Scenario, Settings};
use crate::measure::generator::LATE_MS;
use crate::participant::Part;
use crate::report::model::CapacityStep;
use crate::server_usage;

/// What is still carried well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// A load must lose less than this share.
    pub loss: f64,
    /// What the server may add at the 99th percentile, in milliseconds.
    pub added_ms: f64,
    /// Rooms at most.
    pub rooms: usize,
}

impl Limits {
    /// Unless the command line says otherwise.
    pub const USUAL: Self = Self {
        loss: 0.0001,
        added_ms: 1.0,
        rooms: 512,
    };

    fn allow(&self, loss: Option<f64>, added_ms: f64) -> bool {
        loss.is_some_and(|loss| loss < self.loss) && added_ms <= self.added_ms
    }
}
/// The search ends when the limit is known to this share.
const PRECISION: f64 = 0.1;
/// After the last join of a step, until it is measured: streams are not counted in their first second.
const SETTLE: Duration = Duration::from_secs(3);

/// Finds the limit.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "capacity",
    summary: "adds rooms of --room-size until loss reaches --max-loss (0.01 %) or added p99 latency --max-added-ms (1 ms), up to --max-rooms; --duration is per step",
    measures: "the largest load that is carried well, packets per second and per CPU-second at each step",
    cast: Cast {
        full: 0,
        light: 1,
        phantom: 0,
        browser: 0,
    },
    duration: Duration::from_secs(5),
    run: |crowd, settings| Box::pin(search(crowd, settings)),
};

async fn search(crowd: &mut Crowd, settings: &Settings) -> Result<(), String> {
    let (mut carried, mut rooms) = (0, 1);
    let mut failed = None;
    let mut there = 0;
    loop {
        let mut step = self::step(crowd, settings, &mut there, rooms).await?;
        if !step.met {
            crowd.steps.push(step);
            step = self::step(crowd, settings, &mut there, rooms).await?;
        }
        let met = step.met;
        let is_bound = step.generator_bound;
        crowd.steps.push(step);
        if met {
            carried = rooms;
        } else {
            failed = Some(rooms);
        }
        // A load tester at its own limit can say no more.
        if is_bound || carried == settings.limits.rooms {
            return Ok(());
        }
        rooms = match failed {
            None => (rooms * 2).min(settings.limits.rooms),
            Some(failed) if failed - carried <= 1 || is_close(carried, failed) => return Ok(()),
            Some(failed) => carried.midpoint(failed),
        };
    }
}

fn is_close(carried: usize, failed: usize) -> bool {
    let share = |rooms: usize| f64::from(u32::try_from(rooms).unwrap_or(u32::MAX));
    share(failed - carried) <= PRECISION * share(failed)
}

/// Brings the number of rooms to `rooms` and measures for the duration.
async fn step(
    crowd: &mut Crowd,
    settings: &Settings,
    there: &mut usize,
    rooms: usize,
) -> Result<CapacityStep, String> {
    crowd.open_rooms(rooms).await.map_err(|error| error.to_string())?;
    for room in *there..rooms {
        for _ in 0..settings.room_size {
            crowd.bring_light(Part::SPEAKER, room);
            sleep(crowd.pause()).await;
        }
    }
    for room in rooms..*there {
        crowd.empty_room(room);
    }
    *there = rooms;
    sleep(SETTLE).await;
    let before = Look::take(crowd).await;
    let started = Instant::now();
    sleep(settings.duration).await;
    let seconds = started.elapsed().as_secs_f64();
    let after = Look::take(crowd).await;
    let window = Window::between(&before, &after);
    let added = window.p99_ms - bare_ms(crowd);
    let carried = settings.limits.allow(window.loss, added);
    Ok(CapacityStep {
        participants: u64::try_from(crowd.present()).unwrap_or(u64::MAX),
        delivered_per_second: window.delivered / seconds,
        delivered_per_cpu_second: window
            .server_cpu_s
            .filter(|cpu| *cpu > 0.0)
            .map(|cpu| window.delivered / cpu),
        loss: window.loss,
        added_latency_p99_ms: Some(added),
        met: carried,
        generator_bound: window.overrun > 0 || window.late,
    })
}

/// The median of the bare way; zero when it was not timed, which is the stricter measure.
fn bare_ms(crowd: &Crowd) -> f64 {
    let bare = crowd.measures().forwarding.bare.snapshot();
    bare.map_or(0.0, |bare| {
        f64::from(u32::try_from(bare.value_at_quantile(0.5)).unwrap_or(u32::MAX)) / 1000.0
    })
}

/// Everything that only grows, at one moment.
struct Look {
    received: u64,
    lost: u64,
    overrun: u64,
    latency: Option<Histogram<u64>>,
    lateness: Option<Histogram<u64>>,
    server_cpu_s: Option<f64>,
}

impl Look {
    async fn take(crowd: &Crowd) -> Self {
        let server = server_usage::look(crowd.server(), crowd.server_pid).await;
        let measures = crowd.measures();
        let engine = crowd.engine().map(crate::light::LightEngine::figures);
        Self {
            received: measures.packets_arrived.value(),
            lost: measures.missing_now(),
            overrun: measures.packets_overrun.value() + engine.map_or(0, |figures| figures.overrun()),
            latency: measures.forwarding.through.snapshot(),
            lateness: engine.and_then(|figures| figures.lateness.snapshot()),
            server_cpu_s: server.ok().map(|usage| usage.cpu_s),
        }
    }
}

/// What happened between two looks.
struct Window {
    delivered: f64,
    loss: Option<f64>,
    p99_ms: f64,
    overrun: u64,
    /// Whether the load tester sent late.
    late: bool,
    server_cpu_s: Option<f64>,
}

impl Window {
    fn between(before: &Look, after: &Look) -> Self {
        let count = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let delivered = count(after.received - before.received);
        let lost = count(after.lost.saturating_sub(before.lost));
        let quantile = |before: &Option<Histogram<u64>>, after: &Option<Histogram<u64>>| {
            let mut grown = after.clone()?;
            if let Some(before) = before {
                // Buckets only grow.
                let _ = grown.subtract(before);
            }
            let at =
                |rank| f64::from(u32::try_from(grown.value_at_quantile(rank)).unwrap_or(u32::MAX)) / 1000.0;
            (!grown.is_empty()).then(|| at(0.99))
        };
        let p99_ms = quantile(&before.latency, &after.latency).unwrap_or(f64::INFINITY);
        let late = quantile(&before.lateness, &after.lateness).is_some_and(|p99| p99 > LATE_MS);
        Self {
            delivered,
            loss: (delivered + lost > 0.0).then(|| lost / (delivered + lost)),
            p99_ms,
            overrun: after.overrun - before.overrun,
            late,
            server_cpu_s: after
                .server_cpu_s
                .zip(before.server_cpu_s)
                .map(|(after, before)| after - before),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measure::Durations;

    fn look(received: u64, lost: u64, latency: &Durations) -> Look {
        Look {
            received,
            lost,
            overrun: 0,
            latency: latency.snapshot(),
            lateness: None,
            server_cpu_s: Some(1.0),
        }
    }

    #[test]
    fn a_window_sees_only_what_happened_in_it() {
        let latency = Durations::default();
        for _ in 0..1000 {
            latency.record(Duration::from_millis(80));
        }
        let before = look(1000, 500, &latency);
        for _ in 0..100 {
            latency.record(Duration::from_millis(2));
        }
        let window = Window::between(&before, &look(1990, 510, &latency));
        assert!((window.p99_ms - 2.0).abs() < 0.01, "{}", window.p99_ms);
        assert!((window.delivered - 990.0).abs() < 0.1);
        assert!(window.loss.is_some_and(|loss| (loss - 0.01).abs() < 1e-6));
        assert!(!window.late);
    }

    #[test]
    fn a_window_in_which_nothing_came_is_not_carried() {
        let nothing = Durations::default();
        let window = Window::between(&look(5, 0, &nothing), &look(5, 0, &nothing));
        assert_eq!(window.loss, None);
        assert!(!Limits::USUAL.allow(window.loss, window.p99_ms));
    }

    #[test]
    fn each_limit_alone_makes_a_load_too_large() {
        let limits = Limits {
            loss: 0.01,
            added_ms: 20.0,
            rooms: 4,
        };
        assert!(limits.allow(Some(0.0), 20.0));
        assert!(!limits.allow(Some(0.01), 20.0));
        assert!(!limits.allow(Some(0.0), 20.1));
        assert!(!limits.allow(None, 0.0));
    }
}
