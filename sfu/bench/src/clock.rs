//! CPU time of this process's threads, what a host machine takes, and which core a thread runs on.

use std::fs;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::BenchError;

/// The thread that forwards.
pub(crate) const SHARD: &str = "sfu-shard-0";

/// All threads that forward, for an SFU with several shards.
const SHARDS: [&str; 2] = [SHARD, "sfu-shard-1"];
/// Shards whose clocks can be read.
pub(crate) const MAX_SHARDS: usize = SHARDS.len();

/// The clocks of an SFU's shards.
pub(crate) struct ShardClocks(Vec<ThreadClock>);

impl ShardClocks {
    pub(crate) fn find(shards: usize) -> Result<Self, BenchError> {
        let clocks: Result<_, _> = SHARDS.into_iter().take(shards).map(ThreadClock::find).collect();
        Ok(Self(clocks?))
    }

    /// CPU time of all of them.
    pub(crate) fn read(&self) -> Result<Duration, BenchError> {
        self.0.iter().map(ThreadClock::read).sum()
    }
}

/// CPU time a thread of this process has used, found by its name.
pub(crate) struct ThreadClock {
    path: std::path::PathBuf,
    name: &'static str,
}

impl ThreadClock {
    pub(crate) fn find(name: &'static str) -> Result<Self, BenchError> {
        let tasks = fs::read_dir("/proc/self/task").map_err(|_| BenchError::Clock(name))?;
        // The newest: an SFU that was stopped a moment ago may still have its thread.
        let newest = tasks
            .flatten()
            .map(|task| task.path())
            .filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name))
            .max_by_key(|task| {
                task.file_name()
                    .and_then(|name| name.to_str()?.parse::<u32>().ok())
            });
        newest
            .map(|path| Self {
                path: path.join("schedstat"),
                name,
            })
            .ok_or(BenchError::Clock(name))
    }

    /// The clock of the calling thread.
    pub(crate) fn own() -> Self {
        Self {
            path: "/proc/thread-self/schedstat".into(),
            name: "self",
        }
    }

    pub(crate) fn read(&self) -> Result<Duration, BenchError> {
        self.column(0)
    }

    /// How long it could have run, and others did on its core.
    pub(crate) fn waited(&self) -> Result<Duration, BenchError> {
        self.column(1)
    }

    fn column(&self, number: usize) -> Result<Duration, BenchError> {
        let text = fs::read_to_string(&self.path).map_err(|_| BenchError::Clock(self.name))?;
        let nanos = text
            .split_ascii_whitespace()
            .nth(number)
            .and_then(|word| word.parse().ok());
        nanos
            .map(Duration::from_nanos)
            .ok_or(BenchError::Clock(self.name))
    }
}

/// CPU time that a host machine has kept from all cores of this virtual one while they had something to do (proc_stat(5),
/// `steal`). `None` where the system does not say.
pub(crate) fn stolen() -> Option<Duration> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let ticks: u64 = text
        .lines()
        .next()?
        .split_ascii_whitespace()
        .nth(8)?
        .parse()
        .ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(
        ticks.saturating_mul(1000) / per_second.max(1),
    ))
}

/// Lets the calling thread, and those it starts, run on any core again.
pub(crate) fn unpin() {
    let mut all = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| all.set(core));
    let _ = sched_setaffinity(None, &all);
}

/// Keeps the calling thread on one core, if there is more than one.
pub(crate) fn pin(core: usize) {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > core) {
        let mut set = CpuSet::new();
        set.set(core);
        // Without it the figures are noisier, not wrong.
        let _ = sched_setaffinity(None, &set);
    }
}
