//! The largest load that a capacity search found to be carried well.

use crate::report::figure::{Entry, Figures};
use crate::report::model::CapacityStep;

const NONE: &str = "no search for the largest load was made (scenario capacity)";

/// How many.
pub const PARTICIPANTS: Entry = Entry::higher(
    "capacity_participants",
    "participants",
    "Most participants that a capacity search found to be carried well",
    NONE,
);
/// What they receive.
pub const PACKETS: Entry = Entry::higher(
    "capacity_packets_per_s",
    "packets/s",
    "Packets delivered per second at the largest load that was carried well",
    NONE,
);
/// What a core carries.
pub const PACKETS_PER_CPU_SECOND: Entry = Entry::higher(
    "capacity_packets_per_cpu_second",
    "packets/s",
    "Packets delivered per second of the server's CPU time at the largest load that was carried well",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 3] = [PARTICIPANTS, PACKETS, PACKETS_PER_CPU_SECOND];

/// The largest load that met the thresholds.
pub fn largest(steps: &[CapacityStep]) -> Option<&CapacityStep> {
    steps
        .iter()
        .filter(|step| step.met)
        .max_by_key(|step| step.participants)
}

/// Tells the figures.
pub fn tell(steps: &[CapacityStep], figures: &mut Figures) {
    if steps.is_empty() {
        return;
    }
    let Some(step) = largest(steps) else {
        let reason = if steps.iter().any(|step| step.generator_bound) {
            "the load tester was the limit at the smallest load"
        } else {
            "not even the smallest load met the thresholds"
        };
        for entry in &ENTRIES {
            figures.lack(entry, reason);
        }
        return;
    };
    figures.count(&PARTICIPANTS, step.participants);
    figures.set(&PACKETS, step.delivered_per_second);
    figures.set_or_lack(
        &PACKETS_PER_CPU_SECOND,
        step.delivered_per_cpu_second
            .ok_or("the server's CPU time is not known"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(participants: u64, met: bool) -> CapacityStep {
        CapacityStep {
            participants,
            delivered_per_second: 1000.0 * if met { 1.0 } else { 0.5 },
            delivered_per_cpu_second: None,
            loss: Some(0.0),
            added_latency_p99_ms: Some(0.5),
            met,
            generator_bound: false,
        }
    }

    #[test]
    fn the_largest_load_that_was_carried_counts_and_not_the_largest_that_was_tried() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(
            &[step(10, true), step(40, false), step(20, true), step(30, false)],
            &mut figures,
        );
        assert_eq!(figures.value(PARTICIPANTS.name), Some(20.0));
        assert_eq!(figures.value(PACKETS.name), Some(1000.0));
        assert_eq!(figures.value(PACKETS_PER_CPU_SECOND.name), None);
    }

    #[test]
    fn a_search_that_found_nothing_is_no_capacity_of_zero() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&[step(10, false)], &mut figures);
        let found = figures.find(PARTICIPANTS.name).unwrap();
        assert_eq!(found.value, None);
        assert!(found.reason.as_ref().unwrap().contains("smallest load"));
    }
}
