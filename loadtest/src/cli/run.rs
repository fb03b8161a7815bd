//! `conclave-loadtest run`: a run from its beginning to its report.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::run_arguments::RunArguments;
use super::{print, tell, unusable, verdict};
use crate::browser::{BrowserError, Browsers};
use crate::http::{HttpError, Server};
use crate::light::{EngineFigures, LightConfig, LightEngine};
use crate::measure::Measures;
use crate::measure::cost::CostWatch;
use crate::measure::forwarding;
use crate::measure::generator::{self, Observed};
use crate::measure::timeline::Timeline;
use crate::memory::{MemoryLog, MemoryWatch};
use crate::progress::{self, Progress};
use crate::report::Run;
use crate::report::context::Context;
use crate::report::figure::{milliseconds, rounded};
use crate::report::model::{Document, Report, Verdict};
use crate::room::Room;
use crate::scenario::Settings;
use crate::scenario::crowd::{Casting, Crowd};
use crate::server_usage::{self, Usage};

/// Why a run is partial that a person ended.
const BY_HAND: &str = "ended by Ctrl-C";
/// Between two looks at the server, and how many in a row must fail.
const GONE_LOOK: Duration = Duration::from_secs(1);
const GONE_LOOKS: u32 = 2;
/// Packets that time the bare way: half a second of them.
const BARE_PACKETS: u32 = 1000;
/// Places in a room for those who come before others have left.
const SPARE: u32 = 50;

/// Runs a scenario, from its beginning to the exit code.
pub(super) async fn run(arguments: RunArguments) -> ExitCode {
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
    let most = u32::try_from(crowd.most()).unwrap_or(u32::MAX);
    let participants = most.max(cast.speakers()) + cast.phantom + cast.browser;
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
    if failed.is_empty() && joined < started && !document.context().partial {
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
