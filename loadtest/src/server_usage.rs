//! What the server uses: from its /metrics, or from /proc when it is a local process.

use crate::http::Server;

/// Ticks per second of /proc/PID/stat (`getconf CLK_TCK` is 100 on every Linux).
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: f64 = 4096.0;

/// One look at the server process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// CPU time since its start, in seconds.
    pub cpu_s: f64,
    /// Resident memory in bytes.
    pub rss_bytes: f64,
    /// Times a thread of it waited, of the threads that live; only of a local process.
    pub voluntary_switches: Option<f64>,
    /// Times a thread of it had to make way, of the threads that live; only of a local process.
    pub involuntary_switches: Option<f64>,
}

/// Looks at the server; the error says in words why there is nothing to see.
pub async fn look(server: &Server, pid: Option<u32>) -> Result<Usage, String> {
    if let Some(pid) = pid {
        return of_process(pid);
    }
    let answer = server.get("/metrics").await.map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("GET /metrics answers {}", answer.status));
    }
    parse_metrics(&String::from_utf8_lossy(&answer.body))
}

fn parse_metrics(text: &str) -> Result<Usage, String> {
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .find_map(|value| value.split_whitespace().next()?.parse::<f64>().ok())
            .ok_or_else(|| format!("/metrics has no {name}"))
    };
    Ok(Usage {
        cpu_s: value("process_cpu_seconds_total")?,
        rss_bytes: value("process_resident_memory_bytes")?,
        voluntary_switches: None,
        involuntary_switches: None,
    })
}

/// Looks at a local process.
pub fn of_process(pid: u32) -> Result<Usage, String> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let usage = parse_stat(&stat).ok_or_else(|| format!("{path} has an unknown form"))?;
    let (voluntary, involuntary) = switches(pid).unzip();
    Ok(Usage {
        voluntary_switches: voluntary,
        involuntary_switches: involuntary,
        ..usage
    })
}

/// Whether a local process may run on a core that this one may run on too; also when that cannot be told.
pub fn shares_cores(pid: u32) -> bool {
    let allowed = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed:"))?;
        // Groups of hexadecimal digits; the last one has the lowest cores.
        let groups: Option<Vec<u32>> = line
            .trim()
            .rsplit(',')
            .map(|group| u32::from_str_radix(group, 16).ok())
            .collect();
        groups
    };
    match (allowed(pid), allowed(std::process::id())) {
        (Some(server), Some(own)) => server.iter().zip(&own).any(|(server, own)| server & own != 0),
        _ => true,
    }
}

/// Voluntary and involuntary context switches, summed over all threads: /proc/PID/status has the main thread's only.
fn switches(pid: u32) -> Option<(f64, f64)> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut sum = (0.0, 0.0);
    for thread in threads.flatten() {
        // A thread may end in between; what it did is lost to /proc as well.
        let Ok(status) = std::fs::read_to_string(thread.path().join("status")) else {
            continue;
        };
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
        };
        sum.0 += field("voluntary_ctxt_switches:")?;
        sum.1 += field("nonvoluntary_ctxt_switches:")?;
    }
    Some(sum)
}

fn parse_stat(stat: &str) -> Option<Usage> {
    // The name of the process stands in parentheses and may hold anything; fields 14, 15 and 24 follow it.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Usage {
        cpu_s: (field(14)? + field(15)?) / TICKS_PER_SECOND,
        rss_bytes: field(24)? * PAGE_BYTES,
        voluntary_switches: None,
        involuntary_switches: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_figures_are_read_from_metrics() {
        let text = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.5\n\
                    process_resident_memory_bytes 3.1e7\n";
        assert_eq!(
            parse_metrics(text),
            Ok(Usage {
                cpu_s: 12.5,
                rss_bytes: 3.1e7,
                voluntary_switches: None,
                involuntary_switches: None,
            })
        );
    }

    #[test]
    fn a_missing_figure_is_named() {
        let error = parse_metrics("process_cpu_seconds_total 12.5\n").unwrap_err();
        assert!(error.contains("process_resident_memory_bytes"));
    }

    #[test]
    fn the_own_process_can_be_looked_at() {
        let usage = of_process(std::process::id()).unwrap();
        assert!(
            usage.rss_bytes > 1e6 && usage.voluntary_switches.is_some(),
            "{usage:?}"
        );
    }

    #[test]
    fn a_process_shares_its_cores_with_itself() {
        assert!(shares_cores(std::process::id()));
    }

    #[test]
    fn cpu_time_and_waits_that_were_spent_are_seen() {
        let before = of_process(std::process::id()).unwrap();
        // Until the clock of /proc has ticked three times.
        let mut spent = 0u64;
        let after = loop {
            for number in 0..1_000_000u64 {
                spent = std::hint::black_box(spent.wrapping_mul(31).wrapping_add(number));
            }
            std::thread::scope(|scope| scope.spawn(|| spent).join().unwrap());
            let after = of_process(std::process::id()).unwrap();
            if after.cpu_s - before.cpu_s > 0.025 {
                break after;
            }
        };
        assert!(
            after.voluntary_switches > before.voluntary_switches,
            "{before:?} {after:?}"
        );
    }
}
