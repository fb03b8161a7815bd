//! What the host of this machine, if it is a virtual one, takes of its CPU time: figures of such a time say little.

/// Ticks per second of /proc/stat (`getconf CLK_TCK` is 100 on every Linux).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time since the start of the machine that its host gave to others while there was something to do here, in seconds
/// per core; `None` where that is not told.
pub fn stolen_s() -> Option<f64> {
    parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// proc_stat(5): the line `cpu` sums those of all cores, and its eighth number is the stolen time.
fn parse(stat: &str) -> Option<f64> {
    let mut cores: f64 = 0.0;
    let mut stolen = None;
    for line in stat.lines() {
        let mut fields = line.split_ascii_whitespace();
        match fields.next() {
            Some("cpu") => stolen = fields.nth(7).and_then(|ticks| ticks.parse::<f64>().ok()),
            Some(name) if name.starts_with("cpu") => cores += 1.0,
            _ => {}
        }
    }
    stolen.map(|ticks| ticks / TICKS_PER_SECOND / cores.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stolen_time_is_that_of_a_core() {
        let stat = "cpu  10 20 30 40 50 60 70 800 0 0\ncpu0 5 10 15 20 25 30 35 300 0 0\n\
                    cpu1 5 10 15 20 25 30 35 500 0 0\nintr 123\n";
        assert_eq!(parse(stat), Some(4.0));
        assert_eq!(parse("cpu  10 20 30 40\n"), None);
        assert_eq!(parse(""), None);
    }
}
