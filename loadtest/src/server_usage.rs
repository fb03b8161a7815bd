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
}

/// Looks at the server; the error says in words why there is nothing to see.
pub async fn look(server: &Server, pid: Option<u32>) -> Result<Usage, String> {
    if let Some(pid) = pid {
        return from_proc(pid);
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
    })
}

fn from_proc(pid: u32) -> Result<Usage, String> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    parse_stat(&stat).ok_or_else(|| format!("{path} has an unknown form"))
}

fn parse_stat(stat: &str) -> Option<Usage> {
    // The name of the process stands in parentheses and may hold anything; fields 14, 15 and 24 follow it.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Usage {
        cpu_s: (field(14)? + field(15)?) / TICKS_PER_SECOND,
        rss_bytes: field(24)? * PAGE_BYTES,
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
                rss_bytes: 3.1e7
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
        let usage = from_proc(std::process::id()).unwrap();
        assert!(usage.rss_bytes > 1e6, "{usage:?}");
    }
}
