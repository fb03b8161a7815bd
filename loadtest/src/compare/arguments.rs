//! The arguments of `compare`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::document;
use super::figures::Window;
use super::outcome::Outcome;
use super::shape::{self, Shape};
use crate::cli::parse_duration;
use crate::report::context::Context;
use crate::report::model::{Document, KindCount, Kinds};
use crate::report::output::OutputArguments;
use crate::target::conclave::Conclave;
use crate::target::janus::Janus;
use crate::target::livekit::LiveKit;
use crate::target::whip::Whip;
use crate::target::{self, Target};

/// What to compare, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArguments {
    /// Who takes part, first the one that the others are compared with: conclave, janus, livekit, whip.
    #[arg(long, value_delimiter = ',', default_value = "conclave,janus,livekit")]
    targets: Vec<String>,
    /// The load (see below).
    #[arg(long, default_value = "many-rooms")]
    scenario: String,
    /// Rounds per target that count; one more comes first.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) rounds: u32,
    /// Rooms at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) rooms: u32,
    /// Participants in each room.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=200))]
    pub(super) participants: u32,
    /// How long each round is watched: 500ms, 30s, 2m.
    #[arg(long, default_value = "8s", value_parser = parse_duration)]
    pub(super) duration: Duration,
    /// What each camera sends, in kbit/s, 30 pictures a second.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..=20_000))]
    pub(super) video_kbits: u32,
    /// How many come late into each round, to see how long joining takes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(super) joins: u32,
    /// Leave out the search for the largest load within --max-loss and --max-latency-ms.
    #[arg(long)]
    pub(super) no_capacity: bool,
    /// Largest load: most packets that may get lost, of all.
    #[arg(long, default_value_t = 0.0001)]
    max_loss: f64,
    /// Largest load: 99th percentile of the age of sound at its receiver.
    #[arg(long, default_value_t = 20.0)]
    max_latency_ms: f64,
    /// Largest load: no more rooms than this are tried.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_rooms: u32,
    /// The core every server is pinned to; the participants have the others.
    #[arg(long, default_value_t = 0)]
    pub(super) server_core: usize,
    /// Use this address of this machine instead of a network namespace; no loopback address, for Janus skips those.
    #[arg(long)]
    pub(super) address: Option<IpAddr>,
    /// Conclave's server; by default the one beside this program.
    #[arg(long, value_name = "FILE")]
    conclave: Option<PathBuf>,
    /// Where LiveKit's server is kept once it is built; by default beside this program.
    #[arg(long, value_name = "FOLDER")]
    livekit_cache: Option<PathBuf>,
    /// whip: where to publish, like 'http://10.0.0.2:8889/{stream}/whip'. Needs --address.
    #[arg(long, value_name = "URL")]
    whip_url: Option<String>,
    /// whip: where to receive, like 'http://10.0.0.2:8889/{stream}/whep'.
    #[arg(long, value_name = "URL")]
    whep_url: Option<String>,
    /// whip: bearer token of both.
    #[arg(long)]
    whip_token: Option<String>,
    /// whip: the server's process, when it runs here.
    #[arg(long, value_name = "PID")]
    whip_pid: Option<u32>,
    #[command(flatten)]
    output: OutputArguments,
    /// This process runs in the network that an earlier one made.
    #[arg(long, hide = true)]
    pub(super) inside: bool,
    /// What the earlier process could not get: NAME=REASON.
    #[arg(long, hide = true)]
    unavailable: Vec<String>,
}

/// The arguments, checked.
pub(super) struct Wanted {
    pub(super) targets: Vec<Box<dyn Target>>,
    pub(super) shape: Shape,
    pub(super) limits: Limits,
    /// As `taskset` takes them.
    pub(super) generator_cores: String,
    pub(super) generator_threads: usize,
}

/// What a load has to stay within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    loss: f64,
    latency_ms: f64,
    pub(super) most_rooms: u32,
}

impl Limits {
    /// Least share of the packets that are to be delivered: a server that leaves some out carries a smaller load.
    const LEAST_DELIVERED: f64 = 0.99;

    pub(super) fn pass(&self, window: &Window) -> bool {
        let within = |value: super::figures::Value, limit: f64| value.is_ok_and(|value| value <= limit);
        within(window.loss(), self.loss)
            && within(window.latency_ms(0.99), self.latency_ms)
            && window
                .delivered_share()
                .is_ok_and(|share| share >= Self::LEAST_DELIVERED)
    }

    pub(super) fn verdict(&self, window: &Window, passed: bool) -> String {
        let show =
            |value: super::figures::Value| value.map_or_else(|reason| reason, |value| format!("{value:.5}"));
        format!(
            "  {}: loss {} (limit {}), latency p99 {} ms (limit {}), delivered {} of what was to be, {:.0} packets/s",
            if passed { "within the limits" } else { "too much" },
            show(window.loss()),
            self.loss,
            show(window.latency_ms(0.99)),
            self.latency_ms,
            show(window.delivered_share()),
            window.delivered_per_second(),
        )
    }
}

/// The command line as it was before this process started itself again.
fn as_started(command: &str) -> String {
    // What was added stands at the end.
    let (before, _) = command.split_once(" --inside").unwrap_or((command, ""));
    before.to_owned()
}

impl CompareArguments {
    /// Checks what the parser cannot.
    pub(super) fn check(&self) -> Result<Wanted, String> {
        let shape = Shape::find(&self.scenario)
            .ok_or_else(|| format!("--scenario: no such load; there are\n{}", shape::list()))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Inside, the process has only the generator's cores left.
        if !self.inside && self.server_core >= cores {
            return Err(format!("--server-core: there are {cores} cores, counted from 0"));
        }
        let others: Vec<String> = (0..cores)
            .filter(|core| *core != self.server_core)
            .map(|core| core.to_string())
            .collect();
        let known_missing: Vec<String> = self
            .known_unavailable()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let wanted = self.targets.iter().filter(|name| !known_missing.contains(name));
        Ok(Wanted {
            targets: wanted.map(|name| self.target(name)).collect::<Result<_, _>>()?,
            shape,
            limits: Limits {
                loss: self.max_loss,
                latency_ms: self.max_latency_ms,
                most_rooms: self.max_rooms,
            },
            // On a machine with one core both share it.
            generator_cores: if others.is_empty() {
                self.server_core.to_string()
            } else {
                others.join(",")
            },
            generator_threads: if self.inside { cores } else { others.len() }.max(1),
        })
    }

    /// Arguments for the process inside the network.
    pub(super) fn inside(&self, unavailable: &[(String, String)]) -> Vec<String> {
        let mut arguments = vec!["--inside".to_owned()];
        for (name, reason) in unavailable {
            arguments.extend(["--unavailable".to_owned(), format!("{name}={reason}")]);
        }
        arguments
    }

    /// What the process outside could not get.
    pub(super) fn known_unavailable(&self) -> Vec<(String, String)> {
        let pairs = self.unavailable.iter().filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(name, reason)| (name.to_owned(), reason.to_owned()))
            .collect()
    }

    /// Writes the outcome to where it was asked for; says whether a condition of --fail-if held.
    pub(super) async fn tell(
        &self,
        outcome: &Outcome,
        interrupted: bool,
        took: Duration,
    ) -> Result<bool, String> {
        let mut context = Context::new(&format!("compare {}", self.scenario), self.settings());
        context.command = as_started(&context.command);
        context.duration_s = took.as_secs_f64();
        context.partial_reason = if interrupted {
            Some("it was interrupted".to_owned())
        } else {
            (!outcome.is_complete()).then(|| "not every round could be finished".to_owned())
        };
        context.partial = context.partial_reason.is_some();
        for target in &outcome.targets {
            context
                .versions
                .insert(target.name.to_owned(), target.version.clone());
        }
        let people = u64::from(self.rooms * self.participants);
        let participants = Kinds {
            light: KindCount {
                asked: people,
                ..KindCount::default()
            },
            ..Kinds::default()
        };
        let mut document =
            Document::Comparison(Box::new(document::comparison(outcome, context, participants)));
        self.output.judge(&mut document);
        let text = self.output.deliver(&document, document.table()).await?;
        // Nobody to tell when stdout is closed.
        let _ = std::io::stdout().write_all(text.as_bytes());
        Ok(document.verdicts().iter().any(|verdict| verdict.failed))
    }

    fn settings(&self) -> BTreeMap<String, String> {
        [
            ("targets", self.targets.join(",")),
            ("rooms", self.rooms.to_string()),
            ("participants per room", self.participants.to_string()),
            ("duration", format!("{:?}", self.duration)),
            (
                "video",
                format!("VP8, {} kbit/s, 30 frames per second", self.video_kbits),
            ),
            ("late joins per round", self.joins.to_string()),
            ("sound", "Opus of 50 frames per second".to_owned()),
            (
                "largest load",
                if self.no_capacity {
                    "not searched for".to_owned()
                } else {
                    format!(
                        "loss at most {}, 99 of 100 sound frames opened within {} ms, at least {} of the packets delivered; \
                         at most {} rooms",
                        self.max_loss,
                        self.max_latency_ms,
                        Limits::LEAST_DELIVERED,
                        self.max_rooms
                    )
                },
            ),
            ("server core", self.server_core.to_string()),
            (
                "network",
                self.address
                    .map_or("a namespace of its own".to_owned(), |address| address.to_string()),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn target(&self, name: &str) -> Result<Box<dyn Target>, String> {
        let beside = |name: &str| std::env::current_exe().unwrap_or_default().with_file_name(name);
        Ok(match name {
            "conclave" => Box::new(Conclave {
                program: self.conclave.clone().unwrap_or_else(|| beside("conclave")),
            }),
            "janus" => Box::new(Janus),
            "livekit" => Box::new(LiveKit {
                cache: self.livekit_cache.clone().unwrap_or_else(|| beside("livekit")),
            }),
            "whip" => Box::new(self.whip()?),
            _ => {
                return Err(format!(
                    "--targets: {name:?} is none of {}",
                    target::NAMES.join(", ")
                ));
            }
        })
    }

    fn whip(&self) -> Result<Whip, String> {
        let (Some(publish), Some(watch)) = (&self.whip_url, &self.whep_url) else {
            return Err("--targets: whip needs --whip-url and --whep-url".to_owned());
        };
        if self.address.is_none() {
            return Err(
                "--targets: whip needs --address, for nothing outside is reached from a network of its own"
                    .to_owned(),
            );
        }
        Ok(Whip {
            publish: publish.clone(),
            watch: watch.clone(),
            token: self.whip_token.clone(),
            pid: self.whip_pid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_does_it_again_has_nothing_of_the_second_process() {
        let second = "conclave-loadtest compare --rooms 4 --inside --unavailable 'janus=it is not installed'";
        assert_eq!(as_started(second), "conclave-loadtest compare --rooms 4");
        assert_eq!(
            as_started("conclave-loadtest compare"),
            "conclave-loadtest compare"
        );
    }
}
