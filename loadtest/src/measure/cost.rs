//! What a packet costs the load tester, by the kind of participant: from looks once a second at its own threads.
//!
//! Only the second half of a run counts, so that joining does not. Light media has threads of its own; all else the process
//! does is counted with the full participants, and a scenario in which people come and go makes those look dearer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::interval;

use super::Measures;
use super::kinds::Kind;
use crate::light::LightEngine;
use crate::report::figure::{Entry, Figures};
use crate::server_usage;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

const LIGHT: Entry = Entry::lower(
    "light_cpu_us_per_packet",
    "µs",
    "CPU time of the threads of light media per packet light participants sent or received, in the second half of the run",
    "no light participant had packets, or the run was too short",
);
const FULL: Entry = Entry::lower(
    "full_cpu_us_per_packet",
    "µs",
    "CPU time of everything else in the load tester per packet full participants sent or received, in the second half of the run",
    "no full participant had packets, or the run was too short",
);
const RATIO: Entry = Entry::higher(
    "full_to_light_cpu_ratio",
    "ratio",
    "How many times the CPU time of a light packet one of a full participant costs",
    "there were not both kinds, or the run was too short",
);
/// All of them.
pub const ENTRIES: [Entry; 3] = [LIGHT, FULL, RATIO];

/// Everything that only grows, at one moment; times in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    process_s: f64,
    light_s: f64,
    light_packets: u64,
    full_packets: u64,
}

/// What packets cost, in microseconds; `None` where there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    light_us: Option<f64>,
    full_us: Option<f64>,
}

/// Looks until it is ended.
pub struct CostWatch {
    looks: Arc<Mutex<Vec<Look>>>,
    task: JoinHandle<()>,
}

impl CostWatch {
    /// Begins to look.
    pub fn start(measures: Arc<Measures>, engine: Option<LightEngine>) -> Self {
        let looks = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&looks);
        let task = tokio::spawn(async move {
            let mut ticks = interval(LOOK);
            loop {
                ticks.tick().await;
                let Ok(process) = server_usage::of_process(std::process::id()) else {
                    return;
                };
                let light = engine
                    .as_ref()
                    .map_or(Duration::ZERO, |engine| engine.figures().cpu());
                let look = Look {
                    process_s: process.cpu_s,
                    light_s: light.as_secs_f64(),
                    light_packets: measures.kinds.of(Kind::Light).packets.value(),
                    full_packets: measures.kinds.of(Kind::Full).packets.value(),
                };
                if let Ok(mut looks) = kept.lock() {
                    looks.push(look);
                }
            }
        });
        Self { looks, task }
    }

    /// What packets cost in the second half of the time.
    pub fn end(self) -> Costs {
        self.task.abort();
        self.looks.lock().map(|looks| costs(&looks)).unwrap_or_default()
    }
}

fn costs(looks: &[Look]) -> Costs {
    let (Some(middle), Some(last)) = (looks.get(looks.len() / 2), looks.last()) else {
        return Costs::default();
    };
    let light_s = last.light_s - middle.light_s;
    let rest_s = (last.process_s - middle.process_s - light_s).max(0.0);
    let each = |seconds: f64, before: u64, after: u64| {
        let packets = after.saturating_sub(before);
        (packets > 0).then(|| seconds * 1e6 * super::delivery::share(1, packets))
    };
    Costs {
        light_us: each(light_s, middle.light_packets, last.light_packets),
        full_us: each(rest_s, middle.full_packets, last.full_packets),
    }
}

/// Tells the figures.
pub fn tell(costs: &Costs, figures: &mut Figures) {
    if let Some(light) = costs.light_us {
        figures.set(&LIGHT, light);
    }
    if let Some(full) = costs.full_us {
        figures.set(&FULL, full);
    }
    if let (Some(light), Some(full)) = (costs.light_us, costs.full_us)
        && light > 0.0
    {
        figures.set(&RATIO, full / light);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_second_half_counts_and_each_kind_has_its_own() {
        let look = |seconds: u64, process_s, light_s| Look {
            process_s,
            light_s,
            light_packets: 1000 * seconds,
            full_packets: 100 * seconds,
        };
        // Joining cost ten seconds of CPU time; then a light packet costs 2 µs and a full one 40.
        let looks = [
            look(0, 0.0, 0.0),
            look(1, 10.0, 0.001),
            look(2, 10.006, 0.003),
            look(3, 10.012, 0.005),
        ];
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&costs(&looks), &mut figures);
        let near = |name: &str, value: f64| {
            let told = figures.value(name);
            assert!(
                told.is_some_and(|told| (told - value).abs() < 0.01),
                "{name}: {told:?}"
            );
        };
        near("light_cpu_us_per_packet", 2.0);
        near("full_cpu_us_per_packet", 40.0);
        near("full_to_light_cpu_ratio", 20.0);
    }

    #[test]
    fn a_run_of_one_kind_or_of_no_length_claims_nothing() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&costs(&[]), &mut figures);
        tell(&costs(&[Look::default()]), &mut figures);
        assert_eq!(figures.value("full_to_light_cpu_ratio"), None);
        assert_eq!(figures.value("light_cpu_us_per_packet"), None);
    }
}
