//! What a delivered packet costs the server and the load tester once people are in: the second half of a run, over the
//! same time for both.

use super::timeline::Look;
use crate::report::figure::{Entry, Figures};

const NONE: &str = "the run was too short, nothing was delivered, or the process could not be looked at";

/// CPU time of the server.
const SERVER: Entry = Entry::lower(
    "server_steady_cpu_us_per_packet",
    "µs",
    "CPU time of the server per delivered packet in the second half of the run, which most joins are not in",
    NONE,
);
/// CPU time of the load tester.
const GENERATOR: Entry = Entry::lower(
    "generator_steady_cpu_us_per_packet",
    "µs",
    "CPU time of the load tester per delivered packet in the second half of the run, all it does included",
    NONE,
);
/// One by the other.
const RATIO: Entry = Entry::lower(
    "generator_to_server_cpu_ratio",
    "ratio",
    "CPU time of the load tester divided by that of the server, both in the second half of the run",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 3] = [SERVER, GENERATOR, RATIO];

/// CPU time per delivered packet in microseconds, `None` where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steady {
    server_us: Option<f64>,
    generator_us: Option<f64>,
}

impl Steady {
    /// From looks at regular intervals over the whole run.
    pub(super) fn of(looks: &[Look]) -> Self {
        let (Some(middle), Some(last)) = (looks.get(looks.len() / 2), looks.last()) else {
            return Self::default();
        };
        let packets = last.delivered - middle.delivered;
        let each = |cpu: fn(&Look) -> Option<f64>| {
            let spent = cpu(last)? - cpu(middle)?;
            (packets > 0.0).then(|| spent * 1e6 / packets)
        };
        Self {
            server_us: each(|look| Some(look.server?.cpu_s)),
            generator_us: each(|look| Some(look.own?.cpu_s)),
        }
    }
}

/// Tells the figures.
pub fn tell(steady: &Steady, figures: &mut Figures) {
    if let Some(server) = steady.server_us {
        figures.set(&SERVER, server);
    }
    if let Some(generator) = steady.generator_us {
        figures.set(&GENERATOR, generator);
    }
    if let (Some(server), Some(generator)) = (steady.server_us, steady.generator_us)
        && server > 0.0
    {
        figures.set(&RATIO, generator / server);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_usage::Usage;

    fn look(delivered: f64, server_s: Option<f64>, own_s: f64) -> Look {
        let usage = |cpu_s| Usage {
            cpu_s,
            rss_bytes: 1e6,
            voluntary_switches: None,
            involuntary_switches: None,
        };
        Look {
            delivered,
            server: server_s.map(usage),
            own: Some(usage(own_s)),
            ..Look::default()
        }
    }

    fn told(looks: &[Look]) -> [Option<f64>; 3] {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&Steady::of(looks), &mut figures);
        ENTRIES.map(|entry| figures.value(entry.name))
    }

    #[test]
    fn joins_before_the_second_half_are_in_no_figure_and_what_comes_after_is() {
        // Joins cost the load tester nine seconds and the server one; a packet then costs 3 µs and 4 µs.
        let looks = [
            look(0.0, Some(0.0), 0.0),
            look(1e6, Some(1.0), 9.0),
            look(2e6, Some(5.0), 12.0),
            look(3e6, Some(9.0), 15.0),
        ];
        assert_eq!(told(&looks), [Some(4.0), Some(3.0), Some(0.75)]);
        let dearer = [looks[0], looks[1], looks[2], look(3e6, Some(9.0), 20.0)];
        assert_eq!(told(&dearer), [Some(4.0), Some(8.0), Some(2.0)]);
    }

    #[test]
    fn what_was_not_seen_has_no_figure() {
        assert_eq!(told(&[]), [None; 3]);
        assert_eq!(told(&[look(9.0, Some(1.0), 1.0)]), [None; 3]);
        let unseen = [look(0.0, None, 0.0), look(1e6, None, 3.0), look(2e6, None, 5.0)];
        assert_eq!(told(&unseen), [None, Some(2.0), None]);
    }
}
