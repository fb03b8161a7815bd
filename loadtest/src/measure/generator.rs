//! What the load tester itself used, and whether it was the limit.
//!
//! A generator that is the limit sends less, receives late and drops: the run then says of the server only that it can
//! do at least this. So it is when the host of a virtual machine gives its cores to others.

use std::time::Duration;

use crate::report::figure::{Entry, Figures, rounded};
use crate::report::model::Generator;
use crate::server_usage::Usage;

const NONE: &str = "the own process could not be looked at";

/// CPU time.
pub const CPU: Entry = Entry::lower("generator_cpu_s", "s", "CPU time of the load tester", NONE);
/// CPU time per packet.
pub const CPU_PER_PACKET: Entry = Entry::lower(
    "generator_cpu_us_per_packet",
    "µs",
    "CPU time of the load tester per packet sent or delivered",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 2] = [CPU, CPU_PER_PACKET];

/// Busier than this of all cores it may use, it is the limit.
const BUSY: f64 = 0.9;
/// Busier than this together with a server on the same cores, nobody can tell whose limit it was.
const FULL: f64 = 0.95;
/// One in a hundred frames sent later than this, and it is the limit.
pub const LATE_MS: f64 = 10.0;
/// Packets dropped for want of time, of all received: more than this and it is the limit.
const OVERRUN: f64 = 0.0001;

/// The host took more than this share of the machine's CPU time, and that is the limit.
const STOLEN: f64 = 0.05;

/// What is known of the generator at the end of a run.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// How long the run took.
    pub duration: Duration,
    /// Packets sent and delivered.
    pub packets: u64,
    /// Packets it dropped because it was too busy.
    pub overrun: u64,
    /// Cores it may use.
    pub cores: f64,
    /// CPU time that a server spent on the same cores, in seconds; 0 when it has cores of its own.
    pub beside_s: f64,
    /// How late one frame in a hundred was sent, or later, in milliseconds, where that is known.
    pub late_p99_ms: Option<f64>,
    /// The longest that its own busiest thread was busy, from 0 to 1, where that is known.
    pub busiest_thread: Option<f64>,
    /// CPU time per core that the machine's host gave to others, in seconds, where that is known.
    pub stolen_s: Option<f64>,
}

/// Judges from two looks at the own process.
pub fn judge(looks: &Result<(Usage, Usage), String>, observed: Observed) -> Generator {
    let seconds = observed.duration.as_secs_f64();
    let cpu_s = looks
        .as_ref()
        .ok()
        .map(|(before, after)| after.cpu_s - before.cpu_s);
    let cores_used = cpu_s.filter(|_| seconds > 0.0).map(|cpu| cpu / seconds);
    let dropped = super::delivery::share(observed.overrun, observed.packets.max(1));
    let stolen = observed.stolen_s.map(|stolen| stolen / seconds.max(1e-9));
    let (bound, reason) = if let Some(stolen) = stolen.filter(|stolen| *stolen > STOLEN) {
        (
            Some(true),
            format!("the host took {:.0} % of this machine's CPU time", stolen * 100.0),
        )
    } else if dropped > OVERRUN {
        (
            Some(true),
            format!("it dropped {} packets because it was too busy", observed.overrun),
        )
    } else if let Some(used) = cores_used.filter(|used| *used > BUSY * observed.cores) {
        (
            Some(true),
            format!("it kept {used:.2} of {:.0} cores busy", observed.cores),
        )
    } else if let Some(used) =
        cores_used.filter(|used| used + observed.beside_s / seconds > FULL * observed.cores)
    {
        (
            Some(true),
            format!(
                "it kept {used:.2} cores busy and the server {:.2} of the same {:.0}",
                observed.beside_s / seconds,
                observed.cores
            ),
        )
    } else if let Some(busy) = observed.busiest_thread.filter(|busy| *busy > BUSY) {
        (
            Some(true),
            format!("its busiest thread was busy {:.0} % of the time", busy * 100.0),
        )
    } else if let Some(late) = observed.late_p99_ms.filter(|late| *late > LATE_MS) {
        (
            Some(true),
            format!("it sent one frame in a hundred {late:.0} ms late or later"),
        )
    } else if let Some(used) = cores_used {
        (
            Some(false),
            format!("it kept {used:.2} of {:.0} cores busy", observed.cores),
        )
    } else {
        (None, NONE.to_owned())
    };
    Generator {
        bound,
        reason,
        cpu_s: cpu_s.map(rounded),
        cores_used: cores_used.map(rounded),
        cores_available: observed.cores,
    }
}

/// Tells the figures.
pub fn tell(generator: &Generator, packets: u64, figures: &mut Figures) {
    let Some(cpu) = generator.cpu_s else {
        return;
    };
    figures.set(&CPU, cpu);
    if packets > 0 {
        figures.set(&CPU_PER_PACKET, cpu * 1e6 * super::delivery::share(1, packets));
    } else {
        figures.lack(&CPU_PER_PACKET, "no packet was sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(cpu_s: f64) -> Result<(Usage, Usage), String> {
        let usage = |cpu_s| Usage {
            cpu_s,
            rss_bytes: 1e6,
            voluntary_switches: None,
            involuntary_switches: None,
        };
        Ok((usage(1.0), usage(1.0 + cpu_s)))
    }

    const OBSERVED: Observed = Observed {
        duration: Duration::from_secs(10),
        packets: 100_000,
        overrun: 0,
        cores: 2.0,
        beside_s: 0.0,
        late_p99_ms: Some(1.0),
        busiest_thread: None,
        stolen_s: Some(0.2),
    };

    #[test]
    fn a_busy_or_dropping_generator_is_the_limit() {
        assert_eq!(judge(&looks(10.0), OBSERVED).bound, Some(false));
        assert_eq!(judge(&looks(19.0), OBSERVED).bound, Some(true));
        let dropping = Observed {
            overrun: 50,
            ..OBSERVED
        };
        let judged = judge(&looks(1.0), dropping);
        assert_eq!(judged.bound, Some(true));
        assert!(judged.reason.contains("dropped 50 packets"), "{}", judged.reason);
        let robbed = Observed {
            stolen_s: Some(0.8),
            ..OBSERVED
        };
        let judged = judge(&looks(1.0), robbed);
        assert_eq!(judged.bound, Some(true));
        assert!(judged.reason.contains("host took 8 %"), "{}", judged.reason);
        let one_thread = Observed {
            busiest_thread: Some(0.97),
            ..OBSERVED
        };
        assert_eq!(judge(&looks(10.0), one_thread).bound, Some(true));
        let late = Observed {
            late_p99_ms: Some(30.0),
            ..OBSERVED
        };
        let judged = judge(&looks(10.0), late);
        assert!(
            judged.bound == Some(true) && judged.reason.contains("30 ms late"),
            "{}",
            judged.reason
        );
        let full_machine = Observed {
            beside_s: 9.5,
            ..OBSERVED
        };
        assert_eq!(judge(&looks(9.0), full_machine).bound, Some(false));
        assert_eq!(judge(&looks(10.0), full_machine).bound, Some(true));
        assert_eq!(judge(&Err("gone".to_owned()), OBSERVED).bound, None);
    }

    #[test]
    fn its_cpu_time_per_packet_moves_with_its_cpu_time() {
        let told = |cpu_s| {
            let mut figures = Figures::unmeasured(ENTRIES);
            tell(&judge(&looks(cpu_s), OBSERVED), OBSERVED.packets, &mut figures);
            figures.value("generator_cpu_us_per_packet")
        };
        assert_eq!((told(1.0), told(3.0)), (Some(10.0), Some(30.0)));
    }
}
