//! The command line: arguments, exit codes, and a run from its beginning to its report.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::http::{HttpError, Server};
use crate::measure::Measures;
use crate::memory::{MemoryLog, MemoryWatch};
use crate::progress::{self, Progress};
use crate::relay::command::{self as relay, RelayArguments};
use crate::report::threshold::Threshold;
use crate::report::{Report, Run, human};
use crate::room::Room;
use crate::scenario::crowd::{Crowd, Video};
use crate::scenario::{self, Scenario, Settings};
use crate::server_usage;

/// A threshold failed.
const FAILED: u8 = 1;
/// Wrong arguments, or the server cannot be reached, or participants could not take part.
const UNUSABLE: u8 = 2;

/// Headless participants for Conclave: they speak, show a clip, and check everything they receive.
#[derive(Debug, Parser)]
#[command(name = "conclave-loadtest", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a scenario against a server and reports.
    Run(RunArguments),
    /// Lists the scenarios.
    List,
    /// Relays UDP between clients and a server, and does to it what a bad network does.
    Relay(RelayArguments),
}

#[derive(Debug, clap::Args)]
struct RunArguments {
    /// What to run (see `list`).
    #[arg(value_parser = parse_scenario)]
    scenario: ScenarioName,
    /// The server, like http://localhost:8080.
    #[arg(long)]
    url: String,
    /// Link of an existing room (quoted); without it a room is created and its link printed.
    #[arg(long)]
    room: Option<String>,
    /// Participants at a time.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    participants: u32,
    /// How long to go on once all are started: 500ms, 30s, 2m.
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    duration: Duration,
    /// churn: how many leave, and how many join, per second.
    #[arg(long, default_value_t = 0.5, value_parser = parse_rate)]
    rate: f64,
    /// Codec of the cameras.
    #[arg(long, value_enum, default_value_t = Video::Mixed)]
    video: Video,
    /// Also write the report as JSON; `-` writes it to stdout instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit with 1 when this holds, like 'decrypt_failures>0' or 'latency_ms.p95>200'; may be repeated.
    #[arg(long, value_name = "FIGURE OP NUMBER")]
    fail_if: Vec<Threshold>,
    /// Show progress even when stderr is no terminal.
    #[arg(long)]
    progress: bool,
    /// Take the server's CPU and memory from this local process instead of its /metrics.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Watch the server's memory, plot it into this SVG file, and print its growth as a line of JSON.
    #[arg(long, value_name = "FILE")]
    memory_plot: Option<PathBuf>,
}

#[derive(Clone)]
struct ScenarioName(Scenario);

impl std::fmt::Debug for ScenarioName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let scenarios = format!("Scenarios:\n{}", scenario::list());
    let command = Arguments::command().mut_subcommand("run", |run| run.after_help(scenarios));
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
            in_runtime(run(arguments))
        }
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

async fn run(arguments: RunArguments) -> ExitCode {
    let (server, room) = match prepare(&arguments).await {
        Ok(prepared) => prepared,
        Err(message) => return unusable(&message),
    };
    if arguments.room.is_none() {
        // On stderr, for stdout may be the JSON.
        tell(&format!("Join the bots at {}", room.link(&server)));
    }
    let before = server_usage::look(&server, arguments.server_pid).await;
    let measures = Arc::new(Measures::default());
    let mut crowd = Crowd::new(server.clone(), room, arguments.video, Arc::clone(&measures));
    let settings = Settings {
        participants: arguments.participants,
        duration: arguments.duration,
        rate: arguments.rate,
    };
    let mode = if arguments.progress {
        Progress::Always
    } else {
        Progress::Auto
    };
    let started = Instant::now();
    let watch = arguments
        .memory_plot
        .as_ref()
        .map(|_| MemoryWatch::start(server.clone(), arguments.server_pid));
    let interrupted = tokio::select! {
        () = (arguments.scenario.0.run)(&mut crowd, &settings) => false,
        _ = tokio::signal::ctrl_c() => true,
        () = progress::show(mode, &measures) => false,
    };
    let duration_s = started.elapsed().as_secs_f64();
    progress::end_line(mode);
    let after = server_usage::look(&server, arguments.server_pid).await;
    let everybody_leaves = async {
        crowd.end().await;
    };
    let memory = match watch {
        Some(watch) => Ok(watch.end(everybody_leaves).await),
        None => {
            everybody_leaves.await;
            Err("it was not watched (--memory-plot)".to_owned())
        }
    };
    let run = Run {
        scenario: arguments.scenario.0.name.to_owned(),
        participants: arguments.participants,
        duration_s,
        interrupted,
        server: before.and_then(|before| Ok((before, after?))),
        memory: memory
            .as_ref()
            .map_err(String::clone)
            .and_then(MemoryLog::figures),
    };
    let report = Report::new(run, &measures);
    let plotted = plot(&arguments, memory.ok().as_ref());
    if let Err(message) = plotted.and_then(|()| write(&report, arguments.json.as_ref())) {
        return unusable(&message);
    }
    verdict(&report, &arguments.fail_if)
}

async fn prepare(arguments: &RunArguments) -> Result<(Server, Room), String> {
    let server = Server::parse(&arguments.url).map_err(|error| format!("--url: {error}"))?;
    let room = match &arguments.room {
        Some(link) => {
            let room = Room::parse(link).map_err(|error| format!("--room: {error}"))?;
            reachable(&server).await.map_err(|error| error.to_string())?;
            room
        }
        None => Room::create(&server).await.map_err(|error| error.to_string())?,
    };
    Ok((server, room))
}

fn plot(arguments: &RunArguments, memory: Option<&MemoryLog>) -> Result<(), String> {
    let (Some(path), Some(memory)) = (&arguments.memory_plot, memory) else {
        return Ok(());
    };
    let title = format!(
        "{}, {} participants at a time",
        arguments.scenario.0.name, arguments.participants
    );
    memory.plot(path, &title)
}

async fn reachable(server: &Server) -> Result<(), HttpError> {
    server.get("/livez").await.map(|_| ())
}

fn write(report: &Report, json: Option<&PathBuf>) -> Result<(), String> {
    match json {
        Some(path) if path.as_os_str() == "-" => print(&report.to_json()),
        Some(path) => {
            print(&tables(report));
            std::fs::write(path, report.to_json()).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        None => print(&tables(report)),
    }
    Ok(())
}

/// The table, and the line of JSON about memory if it was watched.
fn tables(report: &Report) -> String {
    let Some(memory) = report.memory else {
        return human::table(report);
    };
    let command: Vec<String> = std::env::args().collect();
    let line = serde_json::json!({
        "figure": "rss_growth",
        "value": memory.growth_mb,
        "unit": "MiB",
        "command": command.join(" "),
        "duration_s": report.duration_s,
        "participants_started": report.participants_started,
        "memory": memory,
    });
    format!("{}{line}\n", human::table(report))
}

fn verdict(report: &Report, thresholds: &[Threshold]) -> ExitCode {
    let violations: Vec<String> = thresholds
        .iter()
        .filter_map(|threshold| threshold.violation(report))
        .collect();
    for violation in &violations {
        tell(&format!("failed: {violation}"));
    }
    if !violations.is_empty() {
        return ExitCode::from(FAILED);
    }
    if report.participants_joined < report.participants_started && !report.interrupted {
        return unusable(&format!(
            "{} of {} participants did not get in",
            report.participants_started - report.participants_joined,
            report.participants_started
        ));
    }
    ExitCode::SUCCESS
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

fn parse_scenario(name: &str) -> Result<ScenarioName, String> {
    scenario::find(name)
        .map(ScenarioName)
        .ok_or_else(|| format!("no such scenario; there are\n{}", scenario::list()))
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

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 100.0 => Ok(rate),
        _ => Err("not a number above 0, at most 100".to_owned()),
    }
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
        assert!(matches!(arguments.unwrap().command, Command::Run(run) if run.fail_if.len() == 2));
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
