//! How a run went over time: one look per second at the counters, the server and the own process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Measures;
use super::steady::Steady;
use crate::http::Server;
use crate::report::figure::rounded;
use crate::report::model::Series;
use crate::server_usage::{self, Usage};

const PERIOD: Duration = Duration::from_secs(1);
const MEBIBYTE: f64 = 1_048_576.0;

/// What one look sees.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Since the beginning, in seconds.
    pub at_s: f64,
    /// Participants that are there.
    pub participants: f64,
    /// Packets delivered so far.
    pub delivered: f64,
    /// Packets sent so far.
    pub sent: f64,
    /// Packets lost so far.
    pub lost: f64,
    /// The server, if it can be looked at.
    pub server: Option<Usage>,
    /// The own process.
    pub own: Option<Usage>,
}

/// Looks once per second until it is ended.
#[derive(Debug)]
pub struct Timeline {
    looks: Arc<Mutex<Vec<Look>>>,
    task: JoinHandle<()>,
}

impl Timeline {
    /// Begins to look.
    pub fn start(server: Server, pid: Option<u32>, measures: Arc<Measures>) -> Self {
        let looks = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(watch(server, pid, measures, Arc::clone(&looks)));
        Self { looks, task }
    }

    /// Ends it; all that was seen, as series, and what packets cost in the second half.
    pub fn end(self) -> (BTreeMap<String, Series>, Steady) {
        self.task.abort();
        self.looks
            .lock()
            .map(|looks| (series(&looks), Steady::of(&looks)))
            .unwrap_or_default()
    }
}

async fn watch(server: Server, pid: Option<u32>, measures: Arc<Measures>, looks: Arc<Mutex<Vec<Look>>>) {
    let started = Instant::now();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let server = server_usage::look(&server, pid).await.ok();
        let look = Look {
            at_s: started.elapsed().as_secs_f64(),
            server,
            own: server_usage::of_process(std::process::id()).ok(),
            ..of_counters(&measures)
        };
        if let Ok(mut looks) = looks.lock() {
            looks.push(look);
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run counts far fewer than 2^53 of anything"
)]
fn of_counters(measures: &Measures) -> Look {
    Look {
        participants: measures.kinds.joined().saturating_sub(measures.kinds.left()) as f64,
        delivered: measures.packets_arrived.value() as f64,
        sent: measures.packets_sent.value() as f64,
        lost: measures.missing_now() as f64,
        ..Look::default()
    }
}

/// The series that looks make. Rates are between two looks, at the time of the second.
pub fn series(looks: &[Look]) -> BTreeMap<String, Series> {
    let at = |value: fn(&Look) -> Option<f64>| -> Vec<(f64, Option<f64>)> {
        looks
            .iter()
            .map(|look| (rounded(look.at_s), value(look).map(rounded)))
            .collect()
    };
    let between = |value: fn(&Look, &Look) -> Option<f64>| -> Vec<(f64, Option<f64>)> {
        looks
            .windows(2)
            .filter_map(|pair| match pair {
                [before, after] => Some((rounded(after.at_s), value(before, after).map(rounded))),
                _ => None,
            })
            .collect()
    };
    [
        (
            "participants",
            "Participants in the call",
            "participants",
            at(|look| Some(look.participants)),
        ),
        (
            "packets_per_second",
            "Packets delivered per second, counted at the receivers",
            "packets/s",
            between(|before, after| per_second(after.delivered - before.delivered, before, after)),
        ),
        (
            "packets_sent_per_second",
            "Packets sent per second",
            "packets/s",
            between(|before, after| per_second(after.sent - before.sent, before, after)),
        ),
        (
            "loss",
            "Packets that are missing, of all that should have come in that second",
            "ratio",
            between(|before, after| {
                let lost = (after.lost - before.lost).max(0.0);
                let expected = lost + after.delivered - before.delivered;
                (expected > 0.0).then_some(lost / expected)
            }),
        ),
        (
            "server_cores",
            "Cores that the server keeps busy",
            "cores",
            between(|before, after| per_second(after.server?.cpu_s - before.server?.cpu_s, before, after)),
        ),
        (
            "generator_cores",
            "Cores that the load tester keeps busy",
            "cores",
            between(|before, after| per_second(after.own?.cpu_s - before.own?.cpu_s, before, after)),
        ),
        (
            "server_memory_mb",
            "Resident memory of the server",
            "MiB",
            at(|look| Some(look.server?.rss_bytes / MEBIBYTE)),
        ),
    ]
    .into_iter()
    .map(|(name, about, unit, points)| {
        let told = Series {
            about: about.to_owned(),
            unit: unit.to_owned(),
            points,
        };
        (name.to_owned(), told)
    })
    .collect()
}

fn per_second(amount: f64, before: &Look, after: &Look) -> Option<f64> {
    let seconds = after.at_s - before.at_s;
    (seconds > 0.0).then(|| amount.max(0.0) / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(cpu_s: f64, rss_bytes: f64) -> Option<Usage> {
        Some(Usage {
            cpu_s,
            rss_bytes,
            voluntary_switches: None,
            involuntary_switches: None,
        })
    }

    #[test]
    fn what_happens_in_a_second_shows_in_that_second() {
        let looks = [
            Look {
                server: usage(1.0, MEBIBYTE),
                ..Look::default()
            },
            Look {
                at_s: 1.0,
                participants: 3.0,
                delivered: 100.0,
                sent: 50.0,
                server: usage(1.5, MEBIBYTE),
                ..Look::default()
            },
            // A look two seconds later, after a burst of loss, when the server does not answer.
            Look {
                at_s: 3.0,
                participants: 3.0,
                delivered: 280.0,
                sent: 150.0,
                lost: 20.0,
                ..Look::default()
            },
        ];
        let told = series(&looks);
        let points = |name: &str| told.get(name).unwrap().points.clone();
        assert_eq!(
            points("packets_per_second"),
            [(1.0, Some(100.0)), (3.0, Some(90.0))]
        );
        assert_eq!(
            points("packets_sent_per_second"),
            [(1.0, Some(50.0)), (3.0, Some(50.0))]
        );
        assert_eq!(points("loss"), [(1.0, Some(0.0)), (3.0, Some(0.1))]);
        assert_eq!(points("server_cores"), [(1.0, Some(0.5)), (3.0, None)]);
        assert_eq!(points("generator_cores"), [(1.0, None), (3.0, None)]);
        assert_eq!(
            points("server_memory_mb"),
            [(0.0, Some(1.0)), (1.0, Some(1.0)), (3.0, None)]
        );
    }
}
