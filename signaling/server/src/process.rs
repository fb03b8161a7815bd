//! This process as the operating system sees it: signals, descriptors, CPU time and memory.

use std::future::Future;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// Resolves when the process is asked to stop (SIGTERM, or SIGINT as Ctrl-C sends it).
///
/// From here on a second signal kills as usual only once the first was taken.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Whoever asks twice does not want to wait.
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    })
}

/// Raises the soft limit of open files to the hard one: every participant is a descriptor.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(files = ?limit.maximum, "raised the limit of open files"),
        Err(error) => tracing::warn!(%error, files = ?limit.current, "cannot raise the limit of open files"),
    }
}

/// What this process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// User and system time in seconds.
    pub(crate) cpu_seconds: f64,
    /// Memory in RAM in bytes.
    pub(crate) resident_bytes: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Open file descriptors.
    pub(crate) files: u64,
}

/// Reads /proc. `None` where there is none.
pub(crate) fn usage() -> Option<Usage> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let files = std::fs::read_dir("/proc/self/fd").ok()?.count();
    let mut usage = parse_stat(
        &stat,
        rustix::param::clock_ticks_per_second(),
        rustix::param::page_size(),
    )?;
    usage.files = u64::try_from(files).ok()?;
    Some(usage)
}

/// Fields of proc_pid_stat(5), counted there from 1: 14 utime, 15 stime, 20 num_threads, 24 rss.
fn parse_stat(stat: &str, ticks_per_second: u64, page_bytes: usize) -> Option<Usage> {
    // The command name may hold spaces and brackets; the last bracket ends it. State, field 3, follows.
    let fields: Vec<&str> = stat
        .get(stat.rfind(')')? + 1..)?
        .split_ascii_whitespace()
        .collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
    let ticks_per_second = u32::try_from(ticks_per_second).ok()?;
    Some(Usage {
        cpu_seconds: (f64::from(field(14)?) + f64::from(field(15)?)) / f64::from(ticks_per_second),
        resident_bytes: u64::from(field(24)?) * u64::try_from(page_bytes).ok()?,
        threads: u64::from(field(20)?),
        files: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_is_read_past_a_hostile_command_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 1000000 300 18446744073709551615";
        let usage = parse_stat(stat, 100, 4096).unwrap();
        assert_eq!(
            usage,
            Usage {
                cpu_seconds: 3.0,
                resident_bytes: 300 * 4096,
                threads: 9,
                files: 0
            }
        );
        assert_eq!(parse_stat("7 (x) S 1", 100, 4096), None);
    }

    #[test]
    fn a_running_process_uses_memory_and_descriptors() {
        let usage = usage().unwrap();
        assert!(
            usage.resident_bytes > 1 << 20 && usage.files > 2 && usage.threads > 0,
            "{usage:?}"
        );
    }
}
