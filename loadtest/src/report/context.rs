//! Under which conditions a run or a comparison was made: enough to do it again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::figure::rounded;

/// Version of the report's format; it changes when a field changes its meaning or goes away.
pub const FORMAT: u32 = 1;

/// The setting that says what a search for the largest load takes for carried well.
pub const LIMITS: &str = "largest load has";
/// The setting that says which frames light participants decrypt.
pub const DECRYPTED: &str = "light participants decrypt";
/// Its value when they decrypt all.
pub const EVERY_FRAME: &str = "every frame";

/// What every report says about how it came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Context {
    /// Version of the report's format.
    pub format: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// When it began (RFC 3339, UTC).
    pub started_at: String,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Whether it ended before its time: by Ctrl-C, or because the server went away.
    pub partial: bool,
    /// Why it is partial.
    pub partial_reason: Option<String>,
    /// The command line that does it again.
    pub command: String,
    /// Every setting, also those that nobody chose.
    pub settings: BTreeMap<String, String>,
    /// Versions of what took part, by program.
    pub versions: BTreeMap<String, String>,
    /// The machine that made the load.
    pub machine: Machine,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Model of the processor.
    pub cpu_model: Option<String>,
    /// Cores that this process may use.
    pub cores: u32,
    /// Kernel and its version.
    pub kernel: Option<String>,
    /// Memory in mebibytes.
    pub memory_mb: Option<f64>,
    /// Name of the distribution.
    pub system: Option<String>,
}

impl Context {
    /// Which frames light participants decrypt, when it is a sample.
    pub fn sample(&self) -> Option<&str> {
        let share = self.settings.get(DECRYPTED)?;
        (share != EVERY_FRAME).then_some(share)
    }

    /// For a run of `scenario` that begins now, by this process' command line.
    pub fn new(scenario: &str, settings: BTreeMap<String, String>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            format: FORMAT,
            scenario: scenario.to_owned(),
            started_at: rfc3339(SystemTime::now()),
            duration_s: 0.0,
            partial: false,
            partial_reason: None,
            command: command_line(std::env::args()),
            settings,
            versions: BTreeMap::from([("conclave-loadtest".to_owned(), version)]),
            machine: Machine::this(),
        }
    }
}

impl Machine {
    /// The machine this process runs on.
    pub fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cpu_model: cpu_model(&read("/proc/cpuinfo")),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            kernel: Some(read("/proc/sys/kernel/osrelease").trim().to_owned())
                .filter(|release| !release.is_empty())
                .map(|release| format!("Linux {release}")),
            memory_mb: memory_mb(&read("/proc/meminfo")),
            system: system(&read("/etc/os-release")),
        }
    }
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

fn memory_mb(meminfo: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(rounded((kibibytes / 1024.0).round()))
}

fn system(release: &str) -> Option<String> {
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

/// A time in UTC, to the second.
pub fn rfc3339(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let at = at.replace_nanosecond(0).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_default()
}

/// Arguments as a shell reads them; the program by its name, without its folder. The link of a room holds the secret of
/// its calls, so its secret is left out.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut words = Vec::new();
    for (place, argument) in arguments.enumerate() {
        let argument = if place == 0 {
            argument.rsplit('/').next().unwrap_or_default().to_owned()
        } else {
            without_secret(argument)
        };
        words.push(quoted(argument));
    }
    words.join(" ")
}

/// The secret of a link stands behind its `#`.
fn without_secret(argument: String) -> String {
    match argument.split_once('#') {
        Some((link, _)) if link.contains("://") => format!("{link}#SECRET"),
        _ => argument,
    }
}

fn quoted(argument: String) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_=./:,@%+".contains(sign);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument;
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::this();
        assert!(
            machine.cores > 0 && machine.kernel.is_some() && machine.memory_mb.is_some(),
            "{machine:?}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_null() {
        assert_eq!(
            (cpu_model(""), memory_mb("MemTotal: x"), system("")),
            (None, None, None)
        );
    }

    #[test]
    fn the_command_can_be_pasted_and_holds_no_secret() {
        let arguments = [
            "/opt/bin/conclave-loadtest",
            "run",
            "--fail-if",
            "latency_p99_ms>50",
            "--room",
            "http://h/r/abc#k3y",
        ];
        let line = command_line(arguments.into_iter().map(str::to_owned));
        assert_eq!(
            line,
            "conclave-loadtest run --fail-if 'latency_p99_ms>50' --room 'http://h/r/abc#SECRET'"
        );
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
    }
}
