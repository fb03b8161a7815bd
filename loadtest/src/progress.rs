//! One status line per second on stderr while a run goes on.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::measure::Measures;
use crate::server_usage;

/// When to show progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// When stderr is a terminal.
    Auto,
    /// Always.
    Always,
}

impl Progress {
    fn is_shown(self) -> bool {
        self == Self::Always || std::io::stderr().is_terminal()
    }
}

/// Shows progress until it is dropped (by `select!`).
pub async fn show(progress: Progress, measures: &Measures) {
    if !progress.is_shown() {
        return std::future::pending().await;
    }
    let terminal = std::io::stderr().is_terminal();
    let started = Instant::now();
    let mut ticks = interval(Duration::from_secs(1));
    let mut before = Seen::now(measures);
    loop {
        ticks.tick().await;
        let now = Seen::now(measures);
        let failures: u64 = measures.decrypt_failures().values().sum();
        let line = format!(
            "{:>4} s  joined {}/{}  left {}  {} packets/s  lost {}  CPU {:.0} %  failures {}  problems {}",
            started.elapsed().as_secs(),
            measures.kinds.joined(),
            measures.kinds.started(),
            measures.kinds.left(),
            now.packets - before.packets,
            measures.missing_now(),
            100.0 * (now.cpu_s - before.cpu_s),
            failures,
            measures.problem_count(),
        );
        before = now;
        let mut out = std::io::stderr().lock();
        // Nobody to tell when stderr is closed.
        let _ = if terminal {
            write!(out, "\r\x1b[K{line}")
        } else {
            writeln!(out, "{line}")
        };
        let _ = out.flush();
    }
}

/// What only grows.
struct Seen {
    packets: u64,
    /// CPU time of this process in seconds; it stands still where it cannot be told.
    cpu_s: f64,
}

impl Seen {
    fn now(measures: &Measures) -> Self {
        let own = server_usage::of_process(std::process::id());
        Self {
            packets: measures.packets_arrived.value(),
            cpu_s: own.map_or(0.0, |usage| usage.cpu_s),
        }
    }
}

/// Ends the status line, so that what follows begins on a line of its own.
pub fn end_line(progress: Progress) {
    if progress.is_shown() && std::io::stderr().is_terminal() {
        let _ = writeln!(std::io::stderr());
    }
}
