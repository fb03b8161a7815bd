//! `compare`: the same light participants at one server after the other, and what each of them makes of it.
//!
//! A [`round`] starts a server, fills it and watches it; rounds alternate between the targets, and the first of each does
//! not count. [`outcome`] puts the values side by side.

pub mod arguments;
pub mod document;
pub mod figures;
pub mod load;
pub mod outcome;
pub mod round;
pub mod search;
pub mod shape;

use std::io::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub use arguments::CompareArguments;
use arguments::{Limits, Wanted};
use load::Participants;
use outcome::{Outcome, TargetOutcome};
use round::Plan;
use search::Search;

use crate::light::{LightConfig, LightEngine};
use crate::measure::{Durations, forwarding};
use crate::report::model::CapacityStep;
use crate::target::{Place, Prepared, Target, network};

/// A condition of --fail-if held.
const FAILED: u8 = 1;
/// Not every round of every target gave values.
const INCOMPLETE: u8 = 3;
/// Packets that time the way without a server.
const BARE_PACKETS: u32 = 2000;
/// How long a load of the search for the largest one is watched at most.
const STEP: Duration = Duration::from_secs(5);

/// A target that can be had.
struct Contestant {
    target: Box<dyn Target>,
    prepared: Prepared,
}

/// Runs the comparison; the error says why there is none.
pub fn run(arguments: &CompareArguments) -> Result<ExitCode, String> {
    let mut wanted = arguments.check()?;
    let (contestants, mut unavailable) = prepare(std::mem::take(&mut wanted.targets));
    unavailable.extend(arguments.known_unavailable());
    if contestants.is_empty() {
        return Err("no target can be had".to_owned());
    }
    if !arguments.inside {
        let extra = arguments.inside(&unavailable);
        let own_network = arguments.address.is_none();
        let reason = network::enter(&wanted.generator_cores, own_network, &extra);
        return Err(if own_network {
            format!("{reason}; or give an address of this machine that is no loopback address (--address)")
        } else {
            reason
        });
    }
    let address = match arguments.address {
        Some(address) => address,
        None => {
            network::set_up()?;
            network::ADDRESS
        }
    };
    let comparison = Comparison {
        place: Place {
            core: arguments.server_core,
            address,
        },
        plan: plan(arguments, &wanted, address)?,
        rounds: arguments.rounds,
        limits: (!arguments.no_capacity).then_some(wanted.limits),
        contestants,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let began = Instant::now();
    let mut outcome = Outcome {
        unavailable,
        ..comparison.empty()
    };
    let interrupted = runtime.block_on(async {
        tokio::select! {
            () = comparison.run(&mut outcome) => false,
            _ = tokio::signal::ctrl_c() => true,
        }
    });
    let told = runtime.block_on(arguments.tell(&outcome, interrupted, began.elapsed()));
    // What is left of a round goes with the runtime, and with it the server.
    drop(runtime);
    let failed = told?;
    Ok(if failed {
        ExitCode::from(FAILED)
    } else if outcome.is_complete() && outcome.unavailable.is_empty() && !interrupted {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(INCOMPLETE)
    })
}

fn prepare(wanted: Vec<Box<dyn Target>>) -> (Vec<Contestant>, Vec<(String, String)>) {
    let mut contestants = Vec::new();
    let mut unavailable = Vec::new();
    for target in wanted {
        match target.prepare(&|text| tell(text)) {
            Ok(prepared) => contestants.push(Contestant { target, prepared }),
            Err(reason) => {
                tell(&format!("{} is left out: {reason}", target.name()));
                unavailable.push((target.name().to_owned(), reason));
            }
        }
    }
    (contestants, unavailable)
}

fn plan(arguments: &CompareArguments, wanted: &Wanted, address: IpAddr) -> Result<Plan, String> {
    let config = LightConfig {
        threads: wanted.generator_threads,
        cores: Vec::new(),
    };
    let engine = LightEngine::start(&config).map_err(|error| error.to_string())?;
    let bare = Durations::default();
    let timed = forwarding::time_bare_way(address, BARE_PACKETS, &bare);
    let bare_us = timed
        .map_err(|error| format!("the way without a server could not be timed: {error}"))
        .and_then(|()| {
            bare.snapshot()
                .ok_or_else(|| "no packet came on the way without a server".to_owned())
        })
        .map(|bare| bare.value_at_quantile(0.5));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = |number: usize| u32::try_from(number).map_or(1.0, f64::from);
    Ok(Plan {
        participants: Participants {
            engine,
            address,
            shape: wanted.shape,
            per_room: arguments.participants,
            picture: Participants::picture(arguments.video_kbits),
        },
        rooms: arguments.rooms,
        duration: arguments.duration,
        joins: arguments.joins,
        bare_us,
        generator: (count(cores), count(wanted.generator_threads)),
    })
}

struct Comparison {
    place: Place,
    plan: Plan,
    rounds: u32,
    limits: Option<Limits>,
    contestants: Vec<Contestant>,
}

impl Comparison {
    fn empty(&self) -> Outcome {
        let target = |contestant: &Contestant| TargetOutcome {
            name: contestant.target.name(),
            version: contestant.prepared.version.clone(),
            differs: contestant.target.differs(),
            ..TargetOutcome::default()
        };
        Outcome {
            targets: self.contestants.iter().map(target).collect(),
            ..Outcome::default()
        }
    }

    /// All rounds, then the search for the largest load. What is done stands in `outcome` at any time.
    async fn run(&self, outcome: &mut Outcome) {
        // The first round warms caches and the machine up.
        for round in 0..=self.rounds {
            let mut order: Vec<usize> = (0..self.contestants.len()).collect();
            // Whoever was last is first next time, so that a drift of the machine hits all alike.
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let Some(contestant) = self.contestants.get(index) else {
                    continue;
                };
                let name = contestant.target.name();
                let heading = match round {
                    0 => format!("{name}, round that does not count"),
                    _ => format!("{name}, round {round} of {}", self.rounds),
                };
                let values = self.round(contestant, &self.plan, &heading).await;
                if let Some(target) = outcome.targets.get_mut(index).filter(|_| round > 0) {
                    target.add(values);
                }
            }
            outcome.rounds = round;
        }
        let Some(limits) = &self.limits else { return };
        for (index, contestant) in self.contestants.iter().enumerate() {
            if let Some(target) = outcome.targets.get_mut(index) {
                target.capacity = Some(self.search(contestant, limits, &mut target.steps).await);
            }
        }
    }

    async fn round(
        &self,
        contestant: &Contestant,
        plan: &Plan,
        heading: &str,
    ) -> Result<figures::Window, String> {
        let Contestant { target, prepared } = contestant;
        let tell_step = |step: &str| tell(&format!("{heading}: {step}"));
        let window = round::run(&**target, prepared, &self.place, plan, &tell_step).await;
        let window = window.map_err(|error| {
            let reason = error.to_string();
            tell_step(&reason);
            reason
        })?;
        tell_step(&window.in_a_line());
        Ok(window)
    }

    /// The most participants within the limits.
    async fn search(
        &self,
        contestant: &Contestant,
        limits: &Limits,
        steps: &mut Vec<CapacityStep>,
    ) -> figures::Value {
        let name = contestant.target.name();
        let mut search = Search::new(self.plan.rooms, limits.most_rooms);
        while let Some(rooms) = search.next() {
            let plan = Plan {
                rooms,
                joins: 0,
                duration: self.plan.duration.min(STEP),
                ..self.plan.clone()
            };
            let people = rooms * self.plan.participants.per_room;
            let window = self
                .round(
                    contestant,
                    &plan,
                    &format!("{name}, capacity at {people} participants"),
                )
                .await;
            let passed = window.as_ref().is_ok_and(|window| limits.pass(window));
            if let Ok(window) = &window {
                tell(&limits.verdict(window, passed));
                steps.push(window.step(passed));
            }
            search.tried(rooms, passed);
        }
        match search.largest() {
            0 => Err("not even one room stays within the limits".to_owned()),
            rooms => Ok(f64::from(rooms * self.plan.participants.per_room)),
        }
    }
}

/// Says how it goes; nobody is told when stderr is closed.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
