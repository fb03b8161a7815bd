//! The arguments of `conclave-loadtest run`, and the settings they stand for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::parse_duration;
use crate::browser::Make;
use crate::http::Server;
use crate::light::Decrypt;
use crate::packet::loss::WARM_UP;
use crate::report::context::{DECRYPTED, EVERY_FRAME, LIMITS};
use crate::report::figure::rounded;
use crate::report::output::OutputArguments;
use crate::scenario::capacity::Limits;
use crate::scenario::crowd::{Cast, Video};
use crate::scenario::{self, Scenario, Settings};

/// From this many light participants on, to decrypt every frame would make the load tester the limit on a small machine.
const MANY: u32 = 100;

/// Runs a scenario against a server and reports.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RunArguments {
    /// What to run (see `list`).
    #[arg(value_parser = parse_scenario)]
    pub(super) scenario: ScenarioName,
    /// The server alone, like http://localhost:8080.
    #[arg(long)]
    pub(super) url: String,
    /// Link of an existing room (quoted); without it a room is created and its link printed.
    #[arg(long)]
    pub(super) room: Option<String>,
    /// Full participants at a time: real codecs, everything decrypted, decoded and compared. Without any of --full,
    /// --light and --phantoms the scenario says who takes part.
    #[arg(long, alias = "participants", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(super) full: Option<u32>,
    /// Light participants at a time: real MLS and SFrame, media that was encoded before; for load.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(super) light: Option<u32>,
    /// Phantoms: leaves of the group that vote and send no media; for large groups.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=2000))]
    pub(super) phantoms: Option<u32>,
    /// Headless browsers: the real client with fake devices in the first room, measured by their own statistics.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50))]
    pub(super) browsers: u32,
    /// Which browser.
    #[arg(long, value_enum, default_value_t = Make::Chromium)]
    pub(super) browser: Make,
    /// Which frames light participants decrypt.
    #[arg(long, value_enum, default_value_t = Decryption::Auto)]
    decrypt: Decryption,
    /// Threads of the light participants.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) light_threads: u16,
    /// Cores to pin these threads to, like 1 or 2,3.
    #[arg(long, value_name = "CORES", value_delimiter = ',')]
    pub(super) light_cores: Vec<usize>,
    /// Participants of one room, in scenarios with many rooms.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) room_size: u32,
    /// How long to go on once all are started: 500ms, 30s, 2m. Each scenario has its own default.
    #[arg(long, value_parser = parse_duration)]
    pub(super) duration: Option<Duration>,
    /// How many leave and how many join per second; speaker-switch: how many turns.
    #[arg(long, default_value_t = 0.5, value_parser = parse_rate)]
    pub(super) rate: f64,
    /// capacity: the share of packets that a load must lose less of.
    #[arg(long, value_name = "SHARE", default_value_t = Limits::USUAL.loss, value_parser = parse_share)]
    pub(super) max_loss: f64,
    /// capacity: what the server may add at the 99th percentile. The bare way to a remote server is not known, so that the
    /// network counts there.
    #[arg(long, value_name = "MS", default_value_t = Limits::USUAL.added_ms, value_parser = parse_milliseconds)]
    pub(super) max_added_ms: f64,
    /// capacity: no more rooms than this are tried.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(super) max_rooms: u16,
    /// Codec of the cameras.
    #[arg(long, value_enum, default_value_t = Video::Mixed)]
    pub(super) video: Video,
    /// Show progress even when stderr is no terminal.
    #[arg(long)]
    pub(super) progress: bool,
    /// Take the server's CPU and memory from this local process instead of its /metrics.
    #[arg(long, value_name = "PID")]
    pub(super) server_pid: Option<u32>,
    /// Watch the server's memory, plot it into this SVG file, and print its growth as a line of JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) memory_plot: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl RunArguments {
    /// Who takes part.
    pub(super) fn cast(&self) -> Cast {
        if self.full.is_none() && self.light.is_none() && self.phantoms.is_none() {
            return Cast {
                browser: self.browsers,
                ..self.scenario.0.cast
            };
        }
        Cast {
            full: self.full.unwrap_or_default(),
            light: self.light.unwrap_or_default(),
            phantom: self.phantoms.unwrap_or_default(),
            browser: self.browsers,
        }
    }

    /// Which frames light participants decrypt.
    pub(super) fn decrypts(&self) -> Decrypt {
        let is_large = self.cast().light > MANY || self.scenario.0.searches();
        match self.decrypt {
            Decryption::All => Decrypt::All,
            Decryption::Auto if !is_large => Decrypt::All,
            Decryption::Auto | Decryption::Sample => Decrypt::Sample(16),
        }
    }

    /// What the scenario is told.
    pub(super) fn for_scenario(&self) -> Settings {
        Settings {
            duration: self.duration(),
            rate: self.rate,
            room_size: self.room_size,
            limits: self.limits(),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            loss: self.max_loss,
            added_ms: self.max_added_ms,
            rooms: usize::from(self.max_rooms),
        }
    }

    /// How long it goes on.
    pub(super) fn duration(&self) -> Duration {
        self.duration.unwrap_or(self.scenario.0.duration)
    }

    /// Every setting as the report tells it, also those that nobody chose.
    pub(super) fn settings(&self, server: &Server) -> BTreeMap<String, String> {
        let room = if self.room.is_some() {
            "an existing one"
        } else {
            "a new one"
        };
        let figures = match self.server_pid {
            Some(pid) => format!("/proc/{pid}"),
            None => "/metrics".to_owned(),
        };
        [
            ("server", server.authority()),
            ("room", room.to_owned()),
            ("full participants", self.cast().full.to_string()),
            ("light participants", self.cast().light.to_string()),
            ("phantoms", self.cast().phantom.to_string()),
            (
                "browsers",
                format!("{} ({:?})", self.browsers, self.browser).to_lowercase(),
            ),
            (
                DECRYPTED,
                match self.decrypts() {
                    Decrypt::All => EVERY_FRAME.to_owned(),
                    Decrypt::Sample(of) => format!("one frame of {of}"),
                },
            ),
            ("light threads", self.light_threads.to_string()),
            (
                "light cores",
                match self.light_cores.as_slice() {
                    [] => "any".to_owned(),
                    cores => format!("{cores:?}").trim_matches(['[', ']']).to_owned(),
                },
            ),
            ("room size", self.room_size.to_string()),
            ("duration", format!("{:?}", self.duration())),
            ("rate", format!("{} per second", self.rate)),
            ("video", format!("{:?}", self.video).to_lowercase()),
            ("server figures from", figures),
            ("loss warm-up per stream", format!("{WARM_UP:?}")),
            (
                LIMITS,
                format!(
                    "less than {} % loss and at most {} ms added at the 99th percentile",
                    rounded(self.max_loss * 100.0),
                    self.max_added_ms
                ),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// Which frames light participants decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Decryption {
    /// All up to 100 light participants; with more, and in the search for the capacity, a sample, so that the load
    /// tester is not the limit.
    Auto,
    /// Every one.
    All,
    /// One of 16; of the others not even SRTP is opened, but every packet is counted.
    Sample,
}

/// A scenario by its name.
#[derive(Clone)]
pub(super) struct ScenarioName(pub(super) Scenario);

impl std::fmt::Debug for ScenarioName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

fn parse_scenario(name: &str) -> Result<ScenarioName, String> {
    scenario::find(name)
        .map(ScenarioName)
        .ok_or_else(|| format!("no such scenario; there are\n{}", scenario::list()))
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("not a share above 0, at most 1; 0.01 is one in a hundred".to_owned()),
    }
}

fn parse_milliseconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(milliseconds) if milliseconds > 0.0 && milliseconds.is_finite() => Ok(milliseconds),
        _ => Err("not a number of milliseconds above 0".to_owned()),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 100.0 => Ok(rate),
        _ => Err("not a number above 0, at most 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArguments,
    }

    #[test]
    fn a_large_crowd_looks_into_a_sample_unless_told_otherwise() {
        for (line, expected) in [
            ("steady --light 100", Decrypt::All),
            ("steady --light 101", Decrypt::Sample(16)),
            ("steady --light 300 --decrypt all", Decrypt::All),
            ("steady --light 2 --decrypt sample", Decrypt::Sample(16)),
            ("capacity", Decrypt::Sample(16)),
        ] {
            let words = format!("run --url http://localhost {line}");
            let line = Line::try_parse_from(words.split(' ')).unwrap();
            assert_eq!(line.run.decrypts(), expected, "{words}");
        }
    }
}
