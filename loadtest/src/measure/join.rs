//! How long it takes to be in a call, and where the time goes.
//!
//! A join begins before the WebSocket is opened and ends with the first frame of another participant that is decrypted.
//! The stages overlap: the media connection comes up while the group admits the newcomer, so they do not add up.

use std::time::Instant;

use super::{Durations, percentile};
use crate::report::figure::{Distribution, Entry, Figures};

const NONE: &str = "nobody joined a call with others in it";
const NO_STAGE: &str = "nobody came to the end of this stage";

/// Whole, median.
pub const P50: Entry = Entry::lower(
    "join_p50_ms",
    "ms",
    "From the first connection to the first decrypted frame, median",
    NONE,
);
/// Whole, 95 of 100.
pub const P95: Entry = Entry::lower(
    "join_p95_ms",
    "ms",
    "From the first connection to the first decrypted frame, 95th percentile",
    NONE,
);
/// Whole, the slowest.
pub const MAX: Entry = Entry::lower(
    "join_max_ms",
    "ms",
    "From the first connection to the first decrypted frame, the slowest",
    NONE,
);

/// A stage of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// From the first connection to the open WebSocket.
    WebSocket,
    /// From the open WebSocket to membership in the MLS group.
    Admission,
    /// From the first offer to finished ICE and DTLS.
    Transport,
    /// From finished DTLS to the first packet of another.
    FirstPacket,
    /// From the first packet to the first decrypted frame: also the wait for the key.
    FirstFrame,
}

impl Stage {
    /// In the order in which they begin.
    pub const ALL: [Self; 5] = [
        Self::WebSocket,
        Self::Admission,
        Self::Transport,
        Self::FirstPacket,
        Self::FirstFrame,
    ];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::Admission => "MLS admission",
            Self::Transport => "ICE and DTLS",
            Self::FirstPacket => "first packet",
            Self::FirstFrame => "first decrypted frame",
        }
    }

    /// Name of its distribution in reports.
    pub fn distribution(self) -> &'static str {
        match self {
            Self::WebSocket => "join_websocket",
            Self::Admission => "join_admission",
            Self::Transport => "join_transport",
            Self::FirstPacket => "join_first_packet",
            Self::FirstFrame => "join_first_frame",
        }
    }

    const fn entries(self) -> [Entry; 2] {
        const fn pair(p50: &'static str, p95: &'static str, about: [&'static str; 2]) -> [Entry; 2] {
            let [median, tail] = about;
            [
                Entry::lower(p50, "ms", median, NO_STAGE),
                Entry::lower(p95, "ms", tail, NO_STAGE),
            ]
        }
        match self {
            Self::WebSocket => pair(
                "join_websocket_p50_ms",
                "join_websocket_p95_ms",
                [
                    "Opening the WebSocket, median",
                    "Opening the WebSocket, 95th percentile",
                ],
            ),
            Self::Admission => pair(
                "join_admission_p50_ms",
                "join_admission_p95_ms",
                [
                    "From the WebSocket to membership in the MLS group, median",
                    "From the WebSocket to membership in the MLS group, 95th percentile",
                ],
            ),
            Self::Transport => pair(
                "join_transport_p50_ms",
                "join_transport_p95_ms",
                [
                    "From the first offer to finished ICE and DTLS, median",
                    "From the first offer to finished ICE and DTLS, 95th percentile",
                ],
            ),
            Self::FirstPacket => pair(
                "join_first_packet_p50_ms",
                "join_first_packet_p95_ms",
                [
                    "From finished DTLS to the first packet, median",
                    "From finished DTLS to the first packet, 95th percentile",
                ],
            ),
            Self::FirstFrame => pair(
                "join_first_frame_p50_ms",
                "join_first_frame_p95_ms",
                [
                    "From the first packet to the first decrypted frame, median",
                    "From the first packet to the first decrypted frame, 95th percentile",
                ],
            ),
        }
    }
}

/// All figures of this measure.
pub fn entries() -> impl Iterator<Item = Entry> {
    [P50, P95, MAX]
        .into_iter()
        .chain(Stage::ALL.into_iter().flat_map(Stage::entries))
}

/// Everybody's stages.
#[derive(Debug, Default)]
pub struct Stages([Timing; 5]);

/// When a stage began after the join did, and how long it took.
#[derive(Debug, Default)]
struct Timing {
    began: Durations,
    took: Durations,
}

impl Stages {
    fn of(&self, stage: Stage) -> Option<&Timing> {
        let place = Stage::ALL.iter().position(|other| *other == stage)?;
        self.0.get(place)
    }
}

/// One participant's way into a call. Each step is noted once; later ones do not count.
#[derive(Clone, Debug)]
pub struct Trace {
    started: Instant,
    opened: Option<Instant>,
    admitted: Option<Instant>,
    offered: Option<Instant>,
    connected: Option<Instant>,
    packet: Option<Instant>,
    frame: Option<Instant>,
}

/// A step on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The WebSocket is open.
    Opened,
    /// The group has the newcomer as a member.
    Admitted,
    /// The first offer was sent.
    Offered,
    /// ICE and DTLS are finished.
    Connected,
    /// The first media packet of another came.
    Packet,
    /// The first frame of another was decrypted.
    Frame,
}

impl Trace {
    /// Begins now, before anything is opened.
    pub fn new(started: Instant) -> Self {
        Self {
            started,
            opened: None,
            admitted: None,
            offered: None,
            connected: None,
            packet: None,
            frame: None,
        }
    }

    /// Notes a step.
    pub fn reach(&mut self, step: Step, now: Instant) {
        let at = match step {
            Step::Opened => &mut self.opened,
            Step::Admitted => &mut self.admitted,
            Step::Offered => &mut self.offered,
            Step::Connected => &mut self.connected,
            Step::Packet => &mut self.packet,
            Step::Frame => &mut self.frame,
        };
        at.get_or_insert(now);
    }

    /// Adds the stages that came to their end, once the first frame was decrypted or the participant leaves. Whoever came
    /// into an empty room waited for others and not for the server: those stages are left out.
    pub fn record(&self, stages: &Stages, found_others: bool) {
        for (stage, from, to) in [
            (Stage::WebSocket, Some(self.started), self.opened),
            (Stage::Admission, self.opened, self.admitted),
            (Stage::Transport, self.offered, self.connected),
            (Stage::FirstPacket, self.connected, self.packet),
            (Stage::FirstFrame, self.packet, self.frame),
        ] {
            if !found_others && matches!(stage, Stage::FirstPacket | Stage::FirstFrame) {
                continue;
            }
            if let (Some(timing), Some(from), Some(to)) = (stages.of(stage), from, to) {
                timing.began.record(from.saturating_duration_since(self.started));
                timing.took.record(to.saturating_duration_since(from));
            }
        }
    }
}

/// Tells the figures.
pub fn tell(whole: &Durations, stages: &Stages, figures: &mut Figures) {
    if let Some(whole) = whole.snapshot() {
        for (entry, rank) in [(P50, 0.5), (P95, 0.95), (MAX, 1.0)] {
            figures.set(&entry, percentile(&whole, rank));
        }
    }
    for stage in Stage::ALL {
        let took = stages.of(stage).and_then(|timing| timing.took.snapshot());
        if let Some(took) = took {
            let [p50, p95] = stage.entries();
            figures.set(&p50, percentile(&took, 0.5));
            figures.set(&p95, percentile(&took, 0.95));
        }
    }
}

/// Two distributions per stage: when it began, under its name with `_began`, and how long it took, under its name.
pub fn distributions(stages: &Stages) -> impl Iterator<Item = (String, Distribution)> {
    Stage::ALL.into_iter().flat_map(|stage| {
        let timing = stages.of(stage);
        let told = |about: String, durations: Option<&Durations>| {
            durations
                .and_then(Durations::snapshot)
                .and_then(|histogram| Distribution::of_micros(&about, &histogram))
        };
        let label = stage.label();
        let began = told(
            format!("When the stage {label} began, after the beginning of the join"),
            timing.map(|timing| &timing.began),
        );
        let took = told(
            format!("How long the stage {label} of joining took"),
            timing.map(|timing| &timing.took),
        );
        let name = stage.distribution();
        [(format!("{name}_began"), began), (name.to_owned(), took)]
            .into_iter()
            .filter_map(|(name, told)| Some((name, told?)))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A join whose steps come 10 ms after each other, with `late` added before one of them.
    fn trace(late: Step, by: Duration) -> Trace {
        let start = Instant::now();
        let mut trace = Trace::new(start);
        let mut at = start;
        for step in [
            Step::Opened,
            Step::Offered,
            Step::Admitted,
            Step::Connected,
            Step::Packet,
            Step::Frame,
        ] {
            at += Duration::from_millis(10);
            if step == late {
                at += by;
            }
            trace.reach(step, at);
        }
        trace
    }

    fn told(trace: &Trace) -> Figures {
        let stages = Stages::default();
        trace.record(&stages, true);
        let mut figures = Figures::unmeasured(entries());
        tell(&Durations::default(), &stages, &mut figures);
        figures
    }

    #[test]
    fn a_slow_step_shows_in_its_stage_and_in_no_other() {
        let delay = Duration::from_millis(300);
        let usual = told(&trace(Step::Opened, Duration::ZERO));
        for (step, slow) in [
            (Step::Opened, &["join_websocket_p50_ms"][..]),
            // Both wait for what comes late between their beginning and their end.
            (
                Step::Admitted,
                &["join_admission_p50_ms", "join_transport_p50_ms"][..],
            ),
            (Step::Connected, &["join_transport_p50_ms"][..]),
            (Step::Packet, &["join_first_packet_p50_ms"][..]),
            (Step::Frame, &["join_first_frame_p50_ms"][..]),
        ] {
            let late = told(&trace(step, delay));
            for entry in Stage::ALL.into_iter().flat_map(Stage::entries) {
                let moved = late.value(entry.name).unwrap() - usual.value(entry.name).unwrap();
                let expected = if slow.contains(&entry.name.replace("_p95_", "_p50_").as_str()) {
                    300.0
                } else {
                    0.0
                };
                assert!((moved - expected).abs() < 0.5, "{step:?} {}: {moved}", entry.name);
            }
        }
    }

    #[test]
    fn who_waited_for_others_to_come_did_not_wait_for_the_server() {
        let stages = Stages::default();
        trace(Step::Packet, Duration::from_secs(9)).record(&stages, false);
        let mut figures = Figures::unmeasured(entries());
        tell(&Durations::default(), &stages, &mut figures);
        assert_eq!(figures.value("join_first_packet_p50_ms"), None);
        assert!(figures.value("join_transport_p50_ms").is_some());
    }

    #[test]
    fn a_stage_nobody_reached_is_not_measured() {
        let start = Instant::now();
        let mut alone = Trace::new(start);
        alone.reach(Step::Opened, start + Duration::from_millis(4));
        let figures = told(&alone);
        assert!((figures.value("join_websocket_p50_ms").unwrap() - 4.0).abs() < 0.01);
        assert_eq!(figures.value("join_first_frame_p50_ms"), None);
        let stages = Stages::default();
        alone.record(&stages, true);
        let names: Vec<String> = distributions(&stages).map(|(name, _)| name).collect();
        assert_eq!(names, ["join_websocket_began", "join_websocket"]);
    }
}
