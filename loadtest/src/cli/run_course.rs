//! The course of a run: the scenario is played, and everything is watched that is no participant's to measure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::run_arguments::RunArguments;
use crate::browser::Browsers;
use crate::host;
use crate::http::{HttpError, Server};
use crate::light::{EngineFigures, LightEngine};
use crate::measure::Measures;
use crate::measure::cost::CostWatch;
use crate::measure::generator::{self, Observed};
use crate::measure::timeline::Timeline;
use crate::memory::{MemoryLog, MemoryWatch};
use crate::progress::{self, Progress};
use crate::report::Run;
use crate::report::context::Context;
use crate::report::figure::{milliseconds, rounded};
use crate::report::model::Generator;
use crate::scenario::crowd::Crowd;
use crate::server_usage::{self, Usage};

/// Why a run is partial that a person ended.
pub(super) const BY_HAND: &str = "ended by Ctrl-C";
/// Between two looks at the server, and how many in a row must fail.
const GONE_LOOK: Duration = Duration::from_secs(1);
const GONE_LOOKS: u32 = 2;

/// A run before it is played.
pub(super) struct Course {
    pub(super) arguments: RunArguments,
    pub(super) server: Server,
    pub(super) context: Context,
    pub(super) measures: Arc<Measures>,
    pub(super) crowd: Crowd,
    pub(super) browsers: Option<Browsers>,
    /// The server and this process before anybody came.
    pub(super) before: Looks,
}

/// A look at the server and one at this process.
pub(super) struct Looks {
    server: Result<Usage, String>,
    own: Result<Usage, String>,
    stolen_s: Option<f64>,
}

impl Looks {
    /// Looks now.
    pub(super) async fn take(arguments: &RunArguments, server: &Server) -> Self {
        Self {
            server: server_usage::look(server, arguments.server_pid).await,
            own: server_usage::of_process(std::process::id()),
            stolen_s: host::stolen_s(),
        }
    }
}

impl Course {
    /// Plays the scenario to its end, or to Ctrl-C, or until the server is gone, and sends everybody home. Also what was seen
    /// of the server's memory, if it was watched.
    pub(super) async fn play(mut self) -> (Run, Option<MemoryLog>) {
        let mode = if self.arguments.progress {
            Progress::Always
        } else {
            Progress::Auto
        };
        let pid = self.arguments.server_pid;
        let started = Instant::now();
        let timeline = Timeline::start(self.server.clone(), pid, Arc::clone(&self.measures));
        let costs = CostWatch::start(Arc::clone(&self.measures), self.crowd.engine().cloned());
        let watched = self.arguments.memory_plot.is_some();
        let watch = watched.then(|| MemoryWatch::start(self.server.clone(), pid));
        let settings = self.arguments.for_scenario();
        let scenario = self.arguments.scenario.0;
        let ended = tokio::select! {
            played = (scenario.run)(&mut self.crowd, &settings) => played.err(),
            _ = tokio::signal::ctrl_c() => Some(BY_HAND.to_owned()),
            reason = server_is_gone(&self.server) => Some(reason),
            () = progress::show(mode, &self.measures) => None,
        };
        self.context.partial = ended.is_some();
        self.context.partial_reason = ended;
        self.context.duration_s = rounded(started.elapsed().as_secs_f64());
        let ((series, steady), costs) = (timeline.end(), costs.end());
        progress::end_line(mode);
        let after = Looks::take(&self.arguments, &self.server).await;
        let (server, generator) = self.judge(after, started);
        let most = u32::try_from(self.crowd.most()).unwrap_or(u32::MAX);
        let memory = self.everybody_leaves(watch).await;
        let cast = self.arguments.cast();
        let run = Run {
            participants: most.max(cast.speakers()) + cast.phantom + cast.browser,
            kinds: self.measures.kinds.told(|kind| u64::from(cast.of(kind))),
            server,
            memory: match &memory {
                Some(memory) => memory.figures(),
                None => Err("it was not watched (--memory-plot)".to_owned()),
            },
            series,
            capacity: std::mem::take(&mut self.crowd.steps),
            costs,
            steady,
            generator,
            context: self.context,
        };
        (run, memory)
    }

    /// What the server used, and whether the load tester was the limit.
    fn judge(&self, after: Looks, started: Instant) -> (Result<(Usage, Usage), String>, Generator) {
        let engine = self.crowd.engine().map(LightEngine::figures);
        let measures = &self.measures;
        measures
            .packets_overrun
            .add(engine.map_or(0, EngineFigures::overrun));
        let both = |before: &Result<Usage, String>, after: Result<Usage, String>| {
            before.clone().and_then(|before| Ok((before, after?)))
        };
        let server = both(&self.before.server, after.server);
        let beside = self.arguments.server_pid.is_some_and(server_usage::shares_cores);
        let observed = Observed {
            beside_s: server
                .as_ref()
                .ok()
                .filter(|_| beside)
                .map_or(0.0, |(before, after)| after.cpu_s - before.cpu_s),
            duration: started.elapsed(),
            packets: measures.packets_sent.value() + measures.packets_received.value(),
            overrun: measures.packets_overrun.value(),
            cores: f64::from(self.context.machine.cores),
            late_p99_ms: engine
                .and_then(|figures| figures.lateness.snapshot())
                .map(|lateness| milliseconds(lateness.value_at_quantile(0.99))),
            busiest_thread: engine.and_then(EngineFigures::busiest),
            stolen_s: after
                .stolen_s
                .zip(self.before.stolen_s)
                .map(|(after, before)| after - before),
        };
        let generator = generator::judge(&both(&self.before.own, after.own), observed);
        (server, generator)
    }

    async fn everybody_leaves(&mut self, watch: Option<MemoryWatch>) -> Option<MemoryLog> {
        let browsers = self.browsers.take();
        let leaving = async {
            if let Some(browsers) = browsers {
                browsers.end().await;
            }
            self.crowd.end().await;
        };
        match watch {
            Some(watch) => Some(watch.end(leaving).await),
            None => {
                leaving.await;
                None
            }
        }
    }
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
