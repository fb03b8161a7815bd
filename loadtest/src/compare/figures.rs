//! The figures of a comparison, and what one round says about each.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::load::{Counts, Load, float};
use crate::host;
use crate::measure::generator::{self, Observed};
use crate::report::figure::Better;
use crate::report::model::{CapacityStep, Generator};
use crate::server_usage::{self, Usage};
use crate::target::Server;

/// A figure of every target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name, in reports.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Which way it should go.
    pub better: Better,
    /// What it says.
    pub about: &'static str,
}

const fn figure(name: &'static str, unit: &'static str, better: Better, about: &'static str) -> Figure {
    Figure {
        name,
        unit,
        better,
        about,
    }
}

/// All of them but the capacity, in the order of the table.
pub const FIGURES: [Figure; 11] = [
    figure(
        "packets_per_cpu_second",
        "packets/s",
        Better::Higher,
        "media packets that reached a participant, per second of the server's CPU time",
    ),
    figure(
        "added_latency_p50_ms",
        "ms",
        Better::Lower,
        "how much longer a packet takes through the server than without one; median",
    ),
    figure(
        "added_latency_p99_ms",
        "ms",
        Better::Lower,
        "how much longer a packet takes through the server than without one; 99th percentile",
    ),
    figure(
        "server_memory_mb",
        "MiB",
        Better::Lower,
        "resident memory of the server under load",
    ),
    figure(
        "memory_per_participant_kb",
        "KiB",
        Better::Lower,
        "what it grew by since nobody was there, per participant",
    ),
    figure(
        "join_ms",
        "ms",
        Better::Lower,
        "from opening the signaling connection to the first media packet, of one who comes late; median",
    ),
    figure(
        "latency_p50_ms",
        "ms",
        Better::Lower,
        "age of sound when its receiver has opened it: the load tester's own time included; median",
    ),
    figure(
        "latency_p99_ms",
        "ms",
        Better::Lower,
        "age of sound when its receiver has opened it: the load tester's own time included; 99th percentile",
    ),
    figure(
        "delivered_share",
        "",
        Better::Higher,
        "packets delivered, of those to be delivered",
    ),
    figure(
        "loss",
        "",
        Better::Lower,
        "packets that never came, of those expected by their sequence numbers",
    ),
    figure(
        "server_cores",
        "cores",
        Better::Lower,
        "CPU time per second of the server",
    ),
];

/// The largest load at the threshold.
pub const CAPACITY: Figure = figure(
    "capacity_participants",
    "participants",
    Better::Higher,
    "most participants at which loss and latency stay below their limits",
);

/// A value, or why there is none.
pub type Value = Result<f64, String>;

/// One look at a server under load, and at the load tester.
pub struct Look {
    at: Instant,
    usage: Result<Usage, String>,
    own: Own,
    counts: Counts,
    latency: Option<Histogram<u64>>,
    /// From a sender's socket to a receiver's.
    through: Option<Histogram<u64>>,
}

/// What the load tester itself has used so far.
struct Own {
    usage: Result<Usage, String>,
    /// CPU time of the threads that carry media.
    media: Duration,
    /// Packets it dropped for want of time.
    overrun: u64,
    stolen_s: Option<f64>,
}

/// What lies between two looks.
pub struct Window {
    /// The earlier look.
    pub before: Look,
    /// The later one.
    pub after: Look,
    /// The server's memory before anybody came.
    pub idle: Result<Usage, String>,
    /// Participants there.
    pub people: usize,
    /// Copies of each packet to be delivered.
    pub fan_out: u64,
    /// Times of late joins.
    pub joins: Vec<Duration>,
    /// What a packet takes from one socket straight to another, in microseconds; or why that is not known.
    pub bare_us: Result<u64, String>,
    /// Cores the load tester may use, and threads that carry its media.
    pub generator: (f64, f64),
    /// How the server was started.
    pub command: Option<String>,
}

impl Look {
    /// Looks now.
    pub fn at(server: &Server, load: &Load) -> Self {
        let (measures, engine) = (load.measures(), load.engine().figures());
        Self {
            at: Instant::now(),
            usage: server.usage(),
            own: Own {
                usage: server_usage::of_process(std::process::id()),
                media: engine.cpu(),
                overrun: engine.overrun() + measures.packets_overrun.value(),
                stolen_s: host::stolen_s(),
            },
            counts: load.counts(),
            latency: measures.latency.snapshot(),
            through: measures.forwarding.through.snapshot(),
        }
    }
}

impl Window {
    /// The values of [`FIGURES`], in their order.
    pub fn values(&self) -> [Value; FIGURES.len()] {
        let memory = self.after.usage.clone().map(|usage| usage.rss_bytes);
        [
            self.per_cpu_second(),
            self.added_latency_ms(0.5),
            self.added_latency_ms(0.99),
            memory.clone().map(|bytes| bytes / 1_048_576.0),
            self.memory_per_participant(memory),
            self.join_ms(),
            self.latency_ms(0.5),
            self.latency_ms(0.99),
            self.delivered_share(),
            self.loss(),
            self.cores(),
        ]
    }

    /// Packets delivered per second.
    pub fn delivered_per_second(&self) -> f64 {
        self.delivered() / self.seconds().max(0.001)
    }

    /// The main values, for who watches.
    pub fn in_a_line(&self) -> String {
        let show = |value: Value| value.map_or_else(|reason| reason, |value| format!("{value:.2}"));
        let generator = self.generator();
        let bound = match generator.bound {
            Some(true) => format!("; GENERATOR-BOUND: {}", generator.reason),
            Some(false) | None => String::new(),
        };
        format!(
            "{:.0} packets/s delivered with {} of a core, added latency p50 {} ms and p99 {} ms{bound}",
            self.delivered_per_second(),
            show(self.cores()),
            show(self.added_latency_ms(0.5)),
            show(self.added_latency_ms(0.99)),
        )
    }

    /// What a search for the largest load notes.
    pub fn step(&self, met: bool) -> CapacityStep {
        CapacityStep {
            participants: u64::try_from(self.people).unwrap_or(u64::MAX),
            delivered_per_second: self.delivered_per_second(),
            delivered_per_cpu_second: self.per_cpu_second().ok(),
            loss: self.loss().ok(),
            added_latency_p99_ms: self.added_latency_ms(0.99).ok(),
            met,
            generator_bound: self.generator().bound == Some(true),
        }
    }

    fn per_cpu_second(&self) -> Value {
        ratio(self.delivered(), self.cpu_s()?, "the server used no CPU time")
    }

    fn seconds(&self) -> f64 {
        self.after
            .at
            .saturating_duration_since(self.before.at)
            .as_secs_f64()
    }

    /// Packets lost, of those expected.
    pub fn loss(&self) -> Value {
        let lost = float(self.after.counts.lost.saturating_sub(self.before.counts.lost));
        ratio(lost, lost + self.delivered(), "nothing was received")
    }

    /// Whether the load tester was the limit while the server was watched.
    pub fn generator(&self) -> Generator {
        let (before, after) = (&self.before.own, &self.after.own);
        let looks = before
            .usage
            .clone()
            .and_then(|before| Ok((before, after.usage.clone()?)));
        let (cores, threads) = self.generator;
        let media = after.media.saturating_sub(before.media).as_secs_f64();
        let sent = self.after.counts.sent.saturating_sub(self.before.counts.sent);
        let delivered = self
            .after
            .counts
            .delivered
            .saturating_sub(self.before.counts.delivered);
        let observed = Observed {
            duration: self.after.at.saturating_duration_since(self.before.at),
            packets: sent + delivered,
            overrun: after.overrun.saturating_sub(before.overrun),
            cores,
            // The server has a core of its own.
            beside_s: 0.0,
            // Participants are spread evenly, so that an average thread is as good as the busiest.
            late_p99_ms: None,
            busiest_thread: ratio(media, self.seconds() * threads, "").ok(),
            stolen_s: after
                .stolen_s
                .zip(before.stolen_s)
                .map(|(after, before)| after - before),
        };
        generator::judge(&looks, observed)
    }

    /// A quantile of the ages within the window.
    pub fn latency_ms(&self, quantile: f64) -> Value {
        let within = within(self.before.latency.as_ref(), self.after.latency.as_ref())?;
        Ok(float(within.value_at_quantile(quantile)) / 1000.0)
    }

    /// A quantile of the ways through the server within the window, less the usual way without one.
    pub fn added_latency_ms(&self, quantile: f64) -> Value {
        let within = within(self.before.through.as_ref(), self.after.through.as_ref())?;
        let added = within
            .value_at_quantile(quantile)
            .saturating_sub(self.bare_us.clone()?);
        Ok(float(added) / 1000.0)
    }

    /// How the ways through the server within the window are spread.
    pub fn added_latency(&self) -> Option<Histogram<u64>> {
        let within = within(self.before.through.as_ref(), self.after.through.as_ref()).ok()?;
        let bare = self.bare_us.clone().ok()?;
        let mut added = Histogram::new(within.sigfig()).ok()?;
        for value in within.iter_recorded() {
            let less = value.value_iterated_to().saturating_sub(bare).max(1);
            added.record_n(less, value.count_since_last_iteration()).ok()?;
        }
        Some(added)
    }

    /// Packets delivered, of those to be delivered.
    pub fn delivered_share(&self) -> Value {
        ratio(self.delivered(), self.to_be_delivered(), "nothing was sent")
    }

    fn delivered(&self) -> f64 {
        float(
            self.after
                .counts
                .delivered
                .saturating_sub(self.before.counts.delivered),
        )
    }

    fn to_be_delivered(&self) -> f64 {
        float(self.after.counts.sent.saturating_sub(self.before.counts.sent) * self.fan_out)
    }

    fn cores(&self) -> Value {
        ratio(self.cpu_s()?, self.seconds(), "no time passed")
    }

    fn cpu_s(&self) -> Value {
        let (before, after) = (self.before.usage.clone()?, self.after.usage.clone()?);
        Ok(after.cpu_s - before.cpu_s)
    }

    fn memory_per_participant(&self, memory: Value) -> Value {
        let grown = memory? - self.idle.clone()?.rss_bytes;
        let people = float(u64::try_from(self.people).unwrap_or(u64::MAX));
        ratio(grown / 1024.0, people, "nobody was there")
    }

    fn join_ms(&self) -> Value {
        let mut joins = self.joins.clone();
        joins.sort_unstable();
        let middle = joins.get(joins.len() / 2).ok_or("nobody came late (--joins)")?;
        Ok(middle.as_secs_f64() * 1000.0)
    }
}

/// What was recorded between two looks.
fn within(before: Option<&Histogram<u64>>, after: Option<&Histogram<u64>>) -> Result<Histogram<u64>, String> {
    let none = || "no stamped sound was received".to_owned();
    let mut within = after.cloned().ok_or_else(none)?;
    if let Some(before) = before {
        within
            .subtract(before)
            .map_err(|error| format!("the latencies do not add up: {error:?}"))?;
    }
    if within.is_empty() {
        return Err(none());
    }
    Ok(within)
}

fn ratio(of: f64, by: f64, otherwise: &str) -> Value {
    if by > 0.0 {
        Ok(of / by)
    } else {
        Err(otherwise.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, cpu_s: f64, packets: u64, lost: u64, sent: u64, latencies: &[u64]) -> Look {
        let mut latency = Histogram::<u64>::new(3).unwrap();
        for micros in latencies {
            latency.record(*micros).unwrap();
        }
        let usage = Usage {
            cpu_s,
            rss_bytes: 30.0 * 1_048_576.0,
            voluntary_switches: None,
            involuntary_switches: None,
        };
        Look {
            at,
            usage: Ok(usage),
            own: Own {
                usage: Ok(usage),
                media: Duration::from_secs_f64(cpu_s),
                overrun: 0,
                stolen_s: None,
            },
            counts: Counts {
                sent,
                delivered: packets,
                lost,
            },
            through: Some(latency.clone()),
            latency: Some(latency),
        }
    }

    fn window() -> Window {
        let start = Instant::now();
        Window {
            before: look(start, 1.0, 1000, 5, 100, &[90_000]),
            after: look(
                start + Duration::from_secs(10),
                3.0,
                9900,
                105,
                1100,
                &[90_000, 1000, 1000, 2000],
            ),
            idle: Ok(Usage {
                cpu_s: 0.0,
                rss_bytes: 10.0 * 1_048_576.0,
                voluntary_switches: None,
                involuntary_switches: None,
            }),
            people: 20,
            fan_out: 9,
            joins: [30, 10, 20].map(Duration::from_millis).to_vec(),
            bare_us: Ok(200),
            generator: (1.0, 1.0),
            command: None,
        }
    }

    fn value(window: &Window, name: &str) -> Value {
        let values = FIGURES.iter().zip(window.values());
        let mut named = values.filter(|(figure, _)| figure.name == name);
        named.next().unwrap().1
    }

    #[test]
    fn only_what_lies_between_the_looks_counts() {
        let window = window();
        assert_eq!(value(&window, "packets_per_cpu_second"), Ok(4450.0));
        assert_eq!(value(&window, "server_cores"), Ok(0.2));
        assert_eq!(value(&window, "delivered_share"), Ok(8900.0 / 9000.0));
        assert_eq!(value(&window, "loss"), Ok(100.0 / 9000.0));
        assert_eq!(value(&window, "memory_per_participant_kb"), Ok(1024.0));
        assert_eq!(value(&window, "join_ms"), Ok(20.0));
        assert!((value(&window, "latency_p99_ms").unwrap() - 2.0).abs() < 0.01);
        assert!((value(&window, "latency_p50_ms").unwrap() - 1.0).abs() < 0.01);
        // Less the 0.2 ms that a packet takes without a server.
        assert!((value(&window, "added_latency_p50_ms").unwrap() - 0.8).abs() < 0.01);
        assert!((value(&window, "added_latency_p99_ms").unwrap() - 1.8).abs() < 0.01);
        let spread = window.added_latency().unwrap();
        assert_eq!((spread.len(), spread.max() / 100), (3, 18));
    }

    #[test]
    fn the_load_tester_is_the_limit_when_it_is_busy_or_drops_packets() {
        let mut window = window();
        assert_eq!(window.generator().bound, Some(false));
        window.after.own.overrun = 50;
        assert_eq!(window.generator().bound, Some(true));
        window.after.own.overrun = 0;
        window.after.own.media = Duration::from_millis(10_500);
        assert_eq!(window.generator().bound, Some(true));
        assert!(window.step(true).generator_bound);
    }

    #[test]
    fn what_could_not_be_measured_has_a_reason_and_no_value() {
        let mut window = window();
        window.after.usage = Err("no such process".to_owned());
        window.joins.clear();
        window.after.latency = None;
        window.bare_us = Err("the bare way was not timed".to_owned());
        for name in ["packets_per_cpu_second", "server_memory_mb", "server_cores"] {
            assert_eq!(value(&window, name), Err("no such process".to_owned()), "{name}");
        }
        assert!(value(&window, "join_ms").unwrap_err().contains("--joins"));
        assert!(value(&window, "latency_p50_ms").is_err());
        assert!(
            value(&window, "added_latency_p99_ms")
                .unwrap_err()
                .contains("bare way")
        );
        assert!(value(&window, "delivered_share").is_ok());
    }
}
