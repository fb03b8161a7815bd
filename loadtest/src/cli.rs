//! The command line: arguments, exit codes, and a run from its beginning to its report.

mod join;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::join::JoinArguments;
use crate::browser::{BrowserError, Browsers, Make};
use crate::compare::{self, CompareArguments, shape};
use crate::http::{HttpError, Server};
use crate::light::{Decrypt, EngineFigures, LightConfig, LightEngine};
use crate::measure::Measures;
use crate::measure::cost::CostWatch;
use crate::measure::forwarding;
use crate::measure::generator::{self, Observed};
use crate::measure::timeline::Timeline;
use crate::memory::{MemoryLog, MemoryWatch};
use crate::packet::loss::WARM_UP;
use crate::progress::{self, Progress};
use crate::relay::command::{self as relay, RelayArguments};
use crate::report::command::ReportArguments;
use crate::report::context::Context;
use crate::report::figure::{milliseconds, rounded};
use crate::report::model::{Document, Report, Verdict};
use crate::report::output::OutputArguments;
use crate::report::{self, Run};
use crate::room::Room;
use crate::scenario::crowd::{Cast, Casting, Crowd, Video};
use crate::scenario::{self, Scenario, Settings};
use crate::server_usage::{self, Usage};

/// A threshold failed.
const FAILED: u8 = 1;
/// Wrong arguments, or the server cannot be reached, or participants could not take part.
const UNUSABLE: u8 = 2;

/// Why a run is partial that a person ended.
const BY_HAND: &str = "ended by Ctrl-C";
/// Between two looks at the server, and how many in a row must fail.
const GONE_LOOK: Duration = Duration::from_secs(1);
const GONE_LOOKS: u32 = 2;
/// Packets that time the bare way: half a second of them.
const BARE_PACKETS: u32 = 1000;
/// Places in a room for those who come before others have left.
const SPARE: u32 = 50;

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
    /// Full participants at a time: real codecs, everything decrypted, decoded and compared. Without any of --full,
    /// --light and --phantoms the scenario says who takes part.
    #[arg(long, alias = "participants", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    full: Option<u32>,
    /// Light participants at a time: real MLS and SFrame, media that was encoded before; for load.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    light: Option<u32>,
    /// Phantoms: leaves of the group that vote and send no media; for large groups.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2000))]
    phantoms: Option<u32>,
    /// Headless browsers: the real client with fake devices in the first room, measured by their own statistics.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50))]
    browsers: u32,
    /// Which browser.
    #[arg(long, value_enum, default_value_t = Make::Chromium)]
    browser: Make,
    /// Which frames light participants decrypt: all, or sample (one of 16; of the others not even SRTP is opened).
    #[arg(long, value_enum, default_value_t = Decryption::All)]
    decrypt: Decryption,
    /// Threads of the light participants.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    light_threads: u16,
    /// Cores to pin these threads to, like 1 or 2,3.
    #[arg(long, value_name = "CORES", value_delimiter = ',')]
    light_cores: Vec<usize>,
    /// Participants of one room, in scenarios with many rooms.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    room_size: u32,
    /// How long to go on once all are started: 500ms, 30s, 2m. Each scenario has its own default.
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// How many leave and how many join per second; speaker-switch: how many turns.
    #[arg(long, default_value_t = 0.5, value_parser = parse_rate)]
    rate: f64,
    /// Codec of the cameras.
    #[arg(long, value_enum, default_value_t = Video::Mixed)]
    video: Video,
    /// Show progress even when stderr is no terminal.
    #[arg(long)]
    progress: bool,
    /// Take the server's CPU and memory from this local process instead of its /metrics.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Watch the server's memory, plot it into this SVG file, and print its growth as a line of JSON.
    #[arg(long, value_name = "FILE")]
    memory_plot: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

impl RunArguments {
    /// Who takes part.
    fn cast(&self) -> Cast {
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

    fn duration(&self) -> Duration {
        self.duration.unwrap_or(self.scenario.0.duration)
    }

    /// Every setting as the report tells it, also those that nobody chose.
    fn settings(&self, server: &Server) -> BTreeMap<String, String> {
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
                "light participants decrypt",
                format!("{:?}", self.decrypt).to_lowercase(),
            ),
            ("light threads", self.light_threads.to_string()),
            ("light cores", format!("{:?}", self.light_cores)),
            ("room size", self.room_size.to_string()),
            ("duration", format!("{:?}", self.duration())),
            ("rate", format!("{} per second", self.rate)),
            ("video", format!("{:?}", self.video).to_lowercase()),
            ("server figures from", figures),
            ("loss warm-up per stream", format!("{WARM_UP:?}")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// Which frames light participants decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Decryption {
    /// Every one.
    All,
    /// One of sixteen.
    Sample,
}

impl Decryption {
    fn choice(self) -> Decrypt {
        match self {
            Self::All => Decrypt::All,
            Self::Sample => Decrypt::Sample(16),
        }
    }
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
    let loads = format!("Loads:\n{}", shape::list());
    let command = Arguments::command()
        .mut_subcommand("run", |run| run.after_help(scenarios))
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
            in_runtime(run(arguments))
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

async fn run(arguments: RunArguments) -> ExitCode {
    let (server, room) = match prepare(&arguments).await {
        Ok(prepared) => prepared,
        Err(message) => return unusable(&message),
    };
    let link = room.link(&server);
    if arguments.room.is_none() {
        // On stderr, for stdout may be the JSON.
        tell(&format!("Join the bots at {}", link));
    }
    let mut context = Context::new(arguments.scenario.0.name, arguments.settings(&server));
    let own = || server_usage::of_process(std::process::id());
    let before = (server_usage::look(&server, arguments.server_pid).await, own());
    let measures = Arc::new(Measures::default());
    let cast = arguments.cast();
    let casting = Casting {
        server: server.clone(),
        cast,
        video: arguments.video,
        decrypt: arguments.decrypt.choice(),
        light: LightConfig {
            threads: usize::from(arguments.light_threads),
            cores: arguments.light_cores.clone(),
        },
        measures: Arc::clone(&measures),
    };
    let mut crowd = match Crowd::new(casting, room) {
        Ok(crowd) => crowd,
        Err(error) => return unusable(&error.to_string()),
    };
    crowd.server_pid = arguments.server_pid;
    let settings = Settings {
        duration: arguments.duration(),
        rate: arguments.rate,
        room_size: arguments.room_size,
    };
    let mode = if arguments.progress {
        Progress::Always
    } else {
        Progress::Auto
    };
    if cast.light > 0 {
        time_bare_way(&server, &measures).await;
    }
    // They are in before the others come, so that they see it all.
    let browsers = match open_browsers(&arguments, &link, &measures).await {
        Ok(browsers) => browsers,
        Err(error) => return unusable(&error.to_string()),
    };
    let started = Instant::now();
    let timeline = Timeline::start(server.clone(), arguments.server_pid, Arc::clone(&measures));
    let costs = CostWatch::start(Arc::clone(&measures), crowd.engine().cloned());
    let watch = arguments
        .memory_plot
        .as_ref()
        .map(|_| MemoryWatch::start(server.clone(), arguments.server_pid));
    tokio::select! {
        played = (arguments.scenario.0.run)(&mut crowd, &settings) => context.partial_reason = played.err(),
        _ = tokio::signal::ctrl_c() => context.partial_reason = Some(BY_HAND.to_owned()),
        reason = server_is_gone(&server) => context.partial_reason = Some(reason),
        () = progress::show(mode, &measures) => {}
    }
    let series = timeline.end();
    let costs = costs.end();
    let figures = crowd.engine().map(LightEngine::figures);
    let overrun = figures.map_or(0, EngineFigures::overrun);
    let late_p99_ms = figures
        .and_then(|figures| figures.lateness.snapshot())
        .map(|lateness| milliseconds(lateness.value_at_quantile(0.99)));
    let busiest_thread = figures.and_then(EngineFigures::busiest);
    context.partial = context.partial_reason.is_some();
    context.duration_s = rounded(started.elapsed().as_secs_f64());
    progress::end_line(mode);
    let after = (server_usage::look(&server, arguments.server_pid).await, own());
    let everybody_leaves = async {
        if let Some(browsers) = browsers {
            browsers.end().await;
        }
        crowd.end().await;
    };
    let memory = match watch {
        Some(watch) => Ok(watch.end(everybody_leaves).await),
        None => {
            everybody_leaves.await;
            Err("it was not watched (--memory-plot)".to_owned())
        }
    };
    measures.packets_overrun.add(overrun);
    let participants = cast.speakers() + cast.phantom + cast.browser;
    let looks = |before: Result<Usage, String>, after| before.and_then(|before| Ok((before, after?)));
    let server = looks(before.0, after.0);
    let beside = arguments.server_pid.is_some_and(server_usage::shares_cores);
    let observed = Observed {
        beside_s: server
            .as_ref()
            .ok()
            .filter(|_| beside)
            .map_or(0.0, |(before, after)| after.cpu_s - before.cpu_s),
        duration: started.elapsed(),
        packets: measures.packets_sent.value() + measures.packets_received.value(),
        overrun: measures.packets_overrun.value(),
        cores: f64::from(context.machine.cores),
        late_p99_ms,
        busiest_thread,
    };
    let run = Run {
        participants,
        kinds: measures.kinds.told(|kind| u64::from(cast.of(kind))),
        server,
        memory: memory
            .as_ref()
            .map_err(String::clone)
            .and_then(MemoryLog::figures),
        series,
        capacity: std::mem::take(&mut crowd.steps),
        costs,
        generator: generator::judge(&looks(before.1, after.1), observed),
        context,
    };
    let mut document = Document::Run(Box::new(Report::new(run, &measures)));
    arguments.output.judge(&mut document);
    let said = match plot(&arguments, memory.ok().as_ref()) {
        Ok(()) => arguments.output.deliver(&document, tables(&document)).await,
        Err(message) => Err(message),
    };
    match said {
        Ok(said) => print(&said),
        Err(message) => return unusable(&message),
    }
    let failed: Vec<String> = document
        .verdicts()
        .iter()
        .filter(|verdict| verdict.failed)
        .map(Verdict::words)
        .collect();
    // A scenario that could not be played is no result; one that was ended by a person is.
    if let Some(reason) = &document.context().partial_reason
        && reason != BY_HAND
    {
        return unusable(reason);
    }
    let (started, joined) = (measures.kinds.started(), measures.kinds.joined());
    let problems = measures.problems();
    // Where people go all the time, whoever was told to leave before it had got in left no problem.
    let goes_early = matches!(arguments.scenario.0.name, "churn" | "soak") && problems.is_empty();
    if failed.is_empty() && joined < started && !goes_early && !document.context().partial {
        let why = problems
            .first()
            .map_or_else(String::new, |problem| format!(" ({problem})"));
        return unusable(&format!(
            "{} of {started} participants did not get in{why}",
            started - joined
        ));
    }
    verdict(failed)
}

/// Times packets without a server, where that can be compared: for a server on this machine.
async fn time_bare_way(server: &Server, measures: &Arc<Measures>) {
    let Ok(address) = server.resolve().await else {
        return;
    };
    let measures = Arc::clone(measures);
    let timed = tokio::task::spawn_blocking(move || {
        let bare = &measures.forwarding.bare;
        address
            .ip()
            .is_loopback()
            .then(|| forwarding::time_bare_way(address.ip(), BARE_PACKETS, bare))
    });
    // Without it the figure says that it was not timed.
    let _ = timed.await;
}

/// Brings the browsers into the room, if there are to be any.
async fn open_browsers(
    arguments: &RunArguments,
    link: &str,
    measures: &Arc<Measures>,
) -> Result<Option<Browsers>, BrowserError> {
    if arguments.browsers == 0 {
        return Ok(None);
    }
    let mut browsers = Browsers::start(arguments.browser, Arc::clone(measures)).await?;
    for _ in 0..arguments.browsers {
        browsers.join(link).await?;
    }
    Ok(Some(browsers))
}

/// Waits until the server takes no connections any more.
async fn server_is_gone(server: &Server) -> String {
    let mut looks = tokio::time::interval(GONE_LOOK);
    let mut missed = 0;
    loop {
        looks.tick().await;
        missed = match server.get("/livez").await {
            Err(HttpError::Unreachable { .. }) => missed + 1,
            _ => 0,
        };
        if missed == GONE_LOOKS {
            return format!("{} does not answer any more", server.authority());
        }
    }
}

async fn prepare(arguments: &RunArguments) -> Result<(Server, Room), String> {
    let server = Server::parse(&arguments.url).map_err(|error| format!("--url: {error}"))?;
    let room = match &arguments.room {
        Some(link) => {
            let room = Room::parse(link).map_err(|error| format!("--room: {error}"))?;
            reachable(&server).await.map_err(|error| error.to_string())?;
            room
        }
        None => {
            let cast = arguments.cast();
            let everybody = (cast.phantom > 0).then(|| cast.phantom + cast.speakers() + SPARE);
            let room = Room::create_for(&server, everybody).await;
            room.map_err(|error| error.to_string())?
        }
    };
    Ok((server, room))
}

fn plot(arguments: &RunArguments, memory: Option<&MemoryLog>) -> Result<(), String> {
    let (Some(path), Some(memory)) = (&arguments.memory_plot, memory) else {
        return Ok(());
    };
    let title = format!(
        "{}, {} participants at a time",
        arguments.scenario.0.name,
        arguments.cast().speakers()
    );
    memory.plot(path, &title)
}

async fn reachable(server: &Server) -> Result<(), HttpError> {
    server.get("/livez").await.map(|_| ())
}

/// The table, and the line of JSON about memory if it was watched.
fn tables(document: &Document) -> String {
    let table = document.table();
    let Document::Run(report) = document else {
        return table;
    };
    let Some(memory) = report.brief.memory else {
        return table;
    };
    let line = serde_json::json!({
        "figure": "rss_growth",
        "value": memory.growth_mb,
        "unit": "MiB",
        "command": report.context.command,
        "duration_s": report.context.duration_s,
        "participants_started": report.brief.participants_started,
        "memory": memory,
    });
    format!("{table}{line}\n")
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
