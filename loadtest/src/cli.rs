//! The command line: subcommands, exit codes, and what is said on stdout and stderr.

mod join;
mod run;
mod run_arguments;
mod run_course;
mod run_setup;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::join::JoinArguments;
use self::run_arguments::RunArguments;
use crate::compare::{self, CompareArguments, shape};
use crate::relay::command::{self as relay, RelayArguments};
use crate::report;
use crate::report::command::ReportArguments;
use crate::scenario;

/// A threshold failed.
const FAILED: u8 = 1;
/// Wrong arguments, or the server cannot be reached, or participants could not take part.
const UNUSABLE: u8 = 2;

const COURSE: &str = "\
A first run, against a server on this machine (conclave serve):
  conclave-loadtest run steady --url http://localhost:8080 --duration 10s
How many people that server carries, and the report as a page:
  conclave-loadtest run capacity --url http://localhost:8080 --server-pid \"$(pidof conclave)\" --html capacity.html
In CI, as an exit code:
  conclave-loadtest run many-rooms --url http://localhost:8080 --light 50 --fail-if 'loss>0.001' --fail-if 'latency_p99_ms>50'
Beside other servers, on this machine:
  conclave-loadtest compare --targets conclave,janus,livekit

Exit codes: 0 all is well; 1 a condition of --fail-if holds, or its figure was not measured; 2 it was not possible: wrong
arguments, no server there, somebody did not get in, the server went away; 3 a comparison has not all its values.
All about participants, scenarios and figures: docs/LOADTEST.md.";

const RUNS: &str = "\
Examples:
  conclave-loadtest run steady --url http://localhost:8080 --full 2 --light 8 --duration 20s --html report.html
  conclave-loadtest run join-storm --url https://meet.example
  conclave-loadtest run large-room --url http://localhost:8080 --phantoms 500 --light 8
  conclave-loadtest run capacity --url http://localhost:8080 --max-added-ms 20 --room-size 6
  conclave-loadtest run soak --url http://localhost:8080 --duration 30m --memory-plot memory.svg
Ctrl-C ends a run with a report of what was measured until then.";

const COMPARISONS: &str = "\
Examples:
  conclave-loadtest compare --html compare.html --json compare.json
  conclave-loadtest compare --targets conclave,janus --rooms 8 --participants 4 --rounds 5 --no-capacity
  conclave-loadtest compare --fail-if 'ratios.janus.packets_per_cpu_second.median<1.5'";

const REPORTS: &str = "\
Examples:
  conclave-loadtest report today.json --html today.html
  conclave-loadtest report today.json --baseline yesterday.json
  conclave-loadtest report today.json --fail-if 'loss>0'";

/// Headless participants for Conclave: they speak, show a clip, and check everything they receive.
#[derive(Debug, Parser)]
#[command(name = "conclave-loadtest", version, after_help = COURSE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a scenario against a server and reports.
    Run(RunArguments),
    /// Compares servers under the same load, on the same core, round by round.
    Compare(Box<CompareArguments>),
    /// Lists the scenarios, and what each measures.
    List,
    /// Shows a report again, as HTML or against another one.
    Report(ReportArguments),
    /// Sends one bot into a room; it stays until Ctrl-C.
    Join(JoinArguments),
    /// Relays UDP between clients and a server, and does to it what a bad network does.
    Relay(RelayArguments),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let scenarios = format!("{RUNS}\n\nScenarios:\n{}", scenario::list());
    let loads = format!("{COMPARISONS}\n\nLoads:\n{}", shape::list());
    let command = Arguments::command()
        .mut_subcommand("run", |run| run.after_help(scenarios))
        .mut_subcommand("report", |report| report.after_help(REPORTS))
        .mut_subcommand("compare", |compare| compare.after_help(loads));
    let arguments = match Arguments::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    match arguments.command {
        Command::List => {
            print(&scenario::list());
            ExitCode::SUCCESS
        }
        Command::Run(arguments) => {
            // The libraries tell what they think of the weather only when asked to (RUST_LOG=webrtc=info).
            let quiet = tracing_subscriber::EnvFilter::builder()
                .with_default_directive(tracing_subscriber::filter::LevelFilter::OFF.into())
                .from_env_lossy();
            tracing_subscriber::fmt()
                .with_env_filter(quiet)
                .with_writer(std::io::stderr)
                .init();
            in_runtime(run::run(arguments))
        }
        Command::Report(arguments) => in_runtime(async {
            match report::command::show(arguments).await {
                Ok(shown) => {
                    print(&shown.text);
                    verdict(shown.failed)
                }
                Err(message) => unusable(&message),
            }
        }),
        Command::Join(arguments) => in_runtime(async {
            match join::run(arguments, tell).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(message) => unusable(&message),
            }
        }),
        Command::Compare(arguments) => compare::run(&arguments).unwrap_or_else(|message| unusable(&message)),
        Command::Relay(arguments) => in_runtime(async {
            match relay::run(arguments, print).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(message) => unusable(&message),
            }
        }),
    }
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => unusable(&error.to_string()),
    }
}

/// The exit code, and why it is not zero.
fn verdict(failed: Vec<String>) -> ExitCode {
    for condition in &failed {
        tell(&format!("failed: {condition}"));
    }
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn unusable(message: &str) -> ExitCode {
    tell(&format!("conclave-loadtest: {message}"));
    ExitCode::from(UNUSABLE)
}

fn print(text: &str) {
    // Nobody to tell when stdout is closed.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Parses `500ms`, `30s` or `2m`; the error says what is wrong.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; write it like 500ms, 30s or 2m");
    let digits = text
        .find(|sign: char| !sign.is_ascii_digit() && sign != '.')
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        for text in ["30", "s", "1h", "-1s", ""] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_arguments_of_the_help_are_accepted() {
        let arguments = Arguments::try_parse_from([
            "conclave-loadtest",
            "run",
            "churn",
            "--url",
            "http://localhost:1",
            "--participants",
            "10",
            "--duration",
            "20s",
            "--rate",
            "2",
            "--video",
            "vp9",
            "--json",
            "-",
            "--fail-if",
            "decrypt_failures>0",
            "--fail-if",
            "loss>0.001",
        ]);
        assert!(matches!(arguments.unwrap().command, Command::Run(run) if run.output.fail_if.len() == 2));
        assert!(Arguments::try_parse_from(["conclave-loadtest", "run", "nap", "--url", "http://x"]).is_err());
        let unknown = [
            "conclave-loadtest",
            "run",
            "steady",
            "--url",
            "http://x",
            "--fail-if",
            "nothing>1",
        ];
        assert!(Arguments::try_parse_from(unknown).is_err());
    }
}
