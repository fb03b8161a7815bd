//! What the server process used: CPU time per delivered packet, memory per participant, context switches.
//!
//! CPU time is of the whole run, from before the first join to after the last packet, so joins are part of it.

use crate::report::figure::{Entry, Figures, rounded};
use crate::server_usage::Usage;

const NONE: &str = "the server process was not looked at";
const MEBIBYTE: f64 = 1_048_576.0;
const KIBIBYTE: f64 = 1024.0;

/// CPU time.
pub const CPU: Entry = Entry::lower("server_cpu_s", "s", "CPU time of the server over the run", NONE);
/// CPU time per packet.
pub const CPU_PER_PACKET: Entry = Entry::lower(
    "server_cpu_us_per_packet",
    "µs",
    "CPU time of the server per delivered packet",
    NONE,
);
/// Packets per CPU time.
pub const PACKETS_PER_CPU_SECOND: Entry = Entry::higher(
    "packets_per_cpu_second",
    "packets/s",
    "Packets delivered per second of the server's CPU time",
    NONE,
);
/// Cores kept busy.
pub const CORES: Entry = Entry::neither(
    "server_cores_used",
    "cores",
    "Cores the server kept busy on average",
    NONE,
);
/// Memory at the end.
pub const MEMORY: Entry = Entry::lower(
    "server_memory_mb",
    "MiB",
    "Resident memory of the server while all participants were there",
    NONE,
);
/// Memory per participant.
pub const MEMORY_PER_PARTICIPANT: Entry = Entry::lower(
    "server_memory_per_participant_kb",
    "KiB",
    "Growth of the server's resident memory per participant",
    NONE,
);
/// Waits.
pub const VOLUNTARY: Entry = Entry::lower(
    "server_voluntary_switches_per_s",
    "1/s",
    "Context switches in which the server waited, of all its threads, per second",
    NONE,
);
/// Preemptions.
pub const INVOLUNTARY: Entry = Entry::lower(
    "server_involuntary_switches_per_s",
    "1/s",
    "Context switches in which the server had to make way, of all its threads, per second",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 8] = [
    CPU,
    CPU_PER_PACKET,
    PACKETS_PER_CPU_SECOND,
    CORES,
    MEMORY,
    MEMORY_PER_PARTICIPANT,
    VOLUNTARY,
    INVOLUNTARY,
];

/// What the server's figures are related to.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Between both looks, in seconds.
    pub duration_s: f64,
    /// Packets delivered between both looks.
    pub packets: f64,
    /// Participants that were there at the second look and not at the first.
    pub participants: f64,
}

/// Tells the figures from two looks at the server.
pub fn tell(looks: &Result<(Usage, Usage), String>, work: Work, figures: &mut Figures) {
    let (before, after) = match looks {
        Ok(looks) => looks,
        Err(reason) => {
            for entry in ENTRIES {
                figures.lack(&entry, reason.clone());
            }
            return;
        }
    };
    let cpu = after.cpu_s - before.cpu_s;
    let grown = after.rss_bytes - before.rss_bytes;
    let per = |amount: f64, of: f64, nothing: &str| {
        if of > 0.0 {
            Ok(amount / of)
        } else {
            Err(nothing.to_owned())
        }
    };
    figures.set(&CPU, cpu);
    figures.set(&MEMORY, after.rss_bytes / MEBIBYTE);
    figures.set_or_lack(
        &CPU_PER_PACKET,
        per(cpu * 1e6, work.packets, "no packet was delivered"),
    );
    figures.set_or_lack(
        &PACKETS_PER_CPU_SECOND,
        per(
            work.packets,
            rounded(cpu),
            "the server's CPU time is below a tick",
        ),
    );
    figures.set_or_lack(&CORES, per(cpu, work.duration_s, "the run took no time"));
    let per_participant = if grown > 0.0 {
        per(grown / KIBIBYTE, work.participants, "nobody got in")
    } else {
        Err("the server's memory did not grow: it has carried as much before".to_owned())
    };
    figures.set_or_lack(&MEMORY_PER_PARTICIPANT, per_participant);
    for (entry, before, after) in [
        (VOLUNTARY, before.voluntary_switches, after.voluntary_switches),
        (
            INVOLUNTARY,
            before.involuntary_switches,
            after.involuntary_switches,
        ),
    ] {
        let rate = match (before, after) {
            (Some(before), Some(after)) => {
                per((after - before).max(0.0), work.duration_s, "the run took no time")
            }
            _ => Err("only a local server tells its context switches (--server-pid)".to_owned()),
        };
        figures.set_or_lack(&entry, rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Usage = Usage {
        cpu_s: 10.0,
        rss_bytes: 20.0 * MEBIBYTE,
        voluntary_switches: Some(100.0),
        involuntary_switches: Some(50.0),
    };
    const WORK: Work = Work {
        duration_s: 10.0,
        packets: 1_000_000.0,
        participants: 10.0,
    };

    fn told(after: Usage) -> Figures {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&Ok((BEFORE, after)), WORK, &mut figures);
        figures
    }

    #[test]
    fn what_the_server_used_more_moves_its_figure_by_as_much() {
        let figures = told(Usage {
            cpu_s: 15.0,
            rss_bytes: 30.0 * MEBIBYTE,
            voluntary_switches: Some(1_100.0),
            involuntary_switches: Some(50.0),
        });
        for (name, value) in [
            ("server_cpu_s", 5.0),
            ("server_cpu_us_per_packet", 5.0),
            ("packets_per_cpu_second", 200_000.0),
            ("server_cores_used", 0.5),
            ("server_memory_mb", 30.0),
            ("server_memory_per_participant_kb", 1024.0),
            ("server_voluntary_switches_per_s", 100.0),
            ("server_involuntary_switches_per_s", 0.0),
        ] {
            assert_eq!(figures.value(name), Some(value), "{name}");
        }
        let slower = told(Usage {
            cpu_s: 20.0,
            ..BEFORE
        });
        assert_eq!(slower.value("server_cpu_us_per_packet"), Some(10.0));
        assert_eq!(
            slower.value("server_memory_per_participant_kb"),
            None,
            "a server that has grown before says nothing of this load"
        );
    }

    #[test]
    fn a_server_that_cannot_be_looked_at_has_no_figures_but_the_reason() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&Err("no /metrics".to_owned()), WORK, &mut figures);
        for (name, figure) in figures.iter() {
            assert_eq!(
                (figure.value, figure.reason.as_deref()),
                (None, Some("no /metrics")),
                "{name}"
            );
        }
    }

    #[test]
    fn a_remote_server_has_no_context_switches() {
        let figures = told(Usage {
            voluntary_switches: None,
            ..BEFORE
        });
        assert_eq!(figures.value("server_voluntary_switches_per_s"), None);
        assert_eq!(figures.value("packets_per_cpu_second"), None);
    }
}
