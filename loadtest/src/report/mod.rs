//! The result of a run: figures that are null with a reason when they could not be measured, never zero.

pub mod human;
pub mod threshold;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::measure::{Durations, Measures};
use crate::memory::MemoryFigures;
use crate::server_usage::Usage;

/// What `--json` writes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// Participants at a time, as asked for.
    pub participants: u32,
    /// How long they talked, in seconds.
    pub duration_s: f64,
    /// Whether it was ended early, by Ctrl-C.
    pub interrupted: bool,
    /// Participants started; more than `participants` when they come and go.
    pub participants_started: u64,
    /// Participants that got in.
    pub participants_joined: u64,
    /// From the first connection to the first decrypted frame of another.
    pub join_ms: Option<JoinTime>,
    /// From before encryption at the sender to after decoding at the receiver; sound.
    pub latency_ms: Option<Latency>,
    /// From a commit's arrival to the switch to its epoch.
    pub rekey_ms: Option<RekeyTime>,
    /// From a participant's Bye to the switch of another to an epoch without it.
    pub removal_ms: Option<RekeyTime>,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received after each stream's first second.
    pub packets_received: u64,
    /// RTP packets that never came, after each stream's first second.
    pub packets_lost: u64,
    /// Lost of all that should have come, from 0 to 1.
    pub loss: Option<f64>,
    /// RTP packets the load tester itself dropped because it was too busy; they count as lost too.
    pub packets_overrun: u64,
    /// Frames encrypted and sent.
    pub frames_sent: u64,
    /// Whole frames received.
    pub frames_received: u64,
    /// Frames given up for want of a packet.
    pub frames_incomplete: u64,
    /// Frames decrypted.
    pub frames_decrypted: u64,
    /// Frames of epochs from before the receiver came: not for it to read, so no failure.
    pub frames_before_join: u64,
    /// Frames that could not be decrypted, by reason.
    pub decrypt_failures: BTreeMap<String, u64>,
    /// Comparison of sound and pictures with what the bots sent.
    pub compared: Compared,
    /// Key-frame requests that reached a camera.
    pub key_frame_requests: u64,
    /// What the server used.
    pub server: ServerUsage,
    /// The server's memory over the run, when it was watched.
    pub memory: Option<MemoryFigures>,
    /// Things that should not have happened: participants that could not join or were dropped.
    pub problems: u64,
    /// The first of them, in words.
    pub problem_list: Vec<String>,
    /// Why a figure is null, by its name.
    pub unmeasured: BTreeMap<String, String>,
}

/// Percentiles of the time to join, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct JoinTime {
    /// Median.
    pub p50: f64,
    /// 95 of 100 are faster.
    pub p95: f64,
    /// The slowest.
    pub max: f64,
}

/// Percentiles of latency, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 95 of 100 are faster.
    pub p95: f64,
    /// 99 of 100 are faster.
    pub p99: f64,
}

/// Percentiles of the time to change keys, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RekeyTime {
    /// Median.
    pub p50: f64,
    /// The slowest.
    pub max: f64,
}

/// Comparison with what was sent.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Compared {
    /// Opus frames decoded and compared with their bot's waveform.
    pub audio_frames: u64,
    /// Of these, those that do not sound like it.
    pub audio_different: u64,
    /// Video frames compared with the clips, bit by bit.
    pub video_frames: u64,
    /// Of these, those that differ.
    pub video_different: u64,
}

/// What the server used between the first join and the end.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerUsage {
    /// CPU time in seconds.
    pub cpu_s: Option<f64>,
    /// Resident memory at the end, in mebibytes.
    pub rss_mb: Option<f64>,
}

/// What a report is made of, besides the measures.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name of the scenario.
    pub scenario: String,
    /// Participants at a time.
    pub participants: u32,
    /// How long they talked, in seconds.
    pub duration_s: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// The server before and after.
    pub server: Result<(Usage, Usage), String>,
    /// The server's memory in between.
    pub memory: Result<MemoryFigures, String>,
}

impl Report {
    /// Puts the figures together.
    pub fn new(run: Run, measures: &Measures) -> Self {
        let mut unmeasured = BTreeMap::new();
        let mut percentiles = |name: &str, durations: &Durations, reason: &str| {
            let histogram = durations.snapshot();
            if histogram.is_none() {
                unmeasured.insert(name.to_owned(), reason.to_owned());
            }
            histogram
        };
        let join = percentiles(
            "join_ms",
            &measures.join,
            "nobody joined a call with others in it",
        );
        let latency = percentiles("latency_ms", &measures.latency, "no stamped sound was decoded");
        let rekey = percentiles("rekey_ms", &measures.rekey, "no epoch changed");
        let removal = percentiles("removal_ms", &measures.removal, "nobody left while others stayed");
        let expected = measures.packets_received.value() + measures.packets_lost.value();
        if expected == 0 {
            unmeasured.insert("loss".to_owned(), "no packet came after the warm-up".to_owned());
        }
        let server = match run.server {
            Ok((before, after)) => ServerUsage {
                cpu_s: Some(rounded(after.cpu_s - before.cpu_s)),
                rss_mb: Some(rounded(after.rss_bytes / f64::from(1 << 20))),
            },
            Err(reason) => {
                unmeasured.insert("server.cpu_s".to_owned(), reason.clone());
                unmeasured.insert("server.rss_mb".to_owned(), reason);
                ServerUsage {
                    cpu_s: None,
                    rss_mb: None,
                }
            }
        };
        let memory = run
            .memory
            .inspect_err(|reason| {
                unmeasured.insert("memory".to_owned(), reason.clone());
            })
            .ok();
        Self {
            scenario: run.scenario,
            participants: run.participants,
            duration_s: rounded(run.duration_s),
            interrupted: run.interrupted,
            participants_started: measures.started.value(),
            participants_joined: measures.joined.value(),
            join_ms: join.map(|times| JoinTime {
                p50: quantile(&times, 0.5),
                p95: quantile(&times, 0.95),
                max: milliseconds(times.max()),
            }),
            latency_ms: latency.map(|times| Latency {
                p50: quantile(&times, 0.5),
                p95: quantile(&times, 0.95),
                p99: quantile(&times, 0.99),
            }),
            rekey_ms: rekey.as_ref().map(rekey_time),
            removal_ms: removal.as_ref().map(rekey_time),
            packets_sent: measures.packets_sent.value(),
            packets_received: measures.packets_received.value(),
            packets_lost: measures.packets_lost.value(),
            loss: (expected > 0).then(|| ratio(measures.packets_lost.value(), expected)),
            packets_overrun: measures.packets_overrun.value(),
            frames_sent: measures.frames_sent.value(),
            frames_received: measures.frames_received.value(),
            frames_incomplete: measures.frames_incomplete.value(),
            frames_decrypted: measures.frames_decrypted.value(),
            frames_before_join: measures.frames_before_join.value(),
            decrypt_failures: measures.decrypt_failures(),
            compared: Compared {
                audio_frames: measures.audio_compared.value(),
                audio_different: measures.audio_different.value(),
                video_frames: measures.video_compared.value(),
                video_different: measures.video_different.value(),
            },
            key_frame_requests: measures.key_frame_requests.value(),
            server,
            memory,
            problems: measures.problem_count(),
            problem_list: measures.problems(),
            unmeasured,
        }
    }

    /// The JSON text, with a line end.
    pub fn to_json(&self) -> String {
        let text =
            serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        text + "\n"
    }
}

fn rekey_time(times: &Histogram<u64>) -> RekeyTime {
    RekeyTime {
        p50: quantile(times, 0.5),
        max: milliseconds(times.max()),
    }
}

fn quantile(times: &Histogram<u64>, quantile: f64) -> f64 {
    milliseconds(times.value_at_quantile(quantile))
}

#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
fn milliseconds(micros: u64) -> f64 {
    rounded(micros as f64 / 1000.0)
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio of counts needs no more than 53 bits"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    pub(crate) fn run() -> Run {
        Run {
            scenario: "steady".to_owned(),
            participants: 3,
            duration_s: 30.0,
            interrupted: false,
            server: Err("no /metrics".to_owned()),
            memory: Err("it was not watched".to_owned()),
        }
    }

    #[test]
    fn percentiles_are_of_what_was_recorded() {
        let measures = Measures::default();
        for milliseconds in 1..=100 {
            measures.latency.record(Duration::from_millis(milliseconds));
            measures.join.record(Duration::from_millis(milliseconds));
        }
        let report = Report::new(run(), &measures);
        let latency = report.latency_ms.unwrap();
        assert!(
            (latency.p50 - 50.0).abs() < 0.1 && (latency.p99 - 99.0).abs() < 0.1,
            "{latency:?}"
        );
        let join = report.join_ms.unwrap();
        assert!(
            (join.p95 - 95.0).abs() < 0.1 && (join.max - 100.0).abs() < 0.1,
            "{join:?}"
        );
    }

    #[test]
    fn what_was_not_measured_is_null_with_a_reason() {
        let json: serde_json::Value =
            serde_json::from_str(&Report::new(run(), &Measures::default()).to_json()).unwrap();
        for (pointer, name) in [
            ("/join_ms", "join_ms"),
            ("/latency_ms", "latency_ms"),
            ("/rekey_ms", "rekey_ms"),
            ("/removal_ms", "removal_ms"),
            ("/loss", "loss"),
            ("/server/cpu_s", "server.cpu_s"),
            ("/server/rss_mb", "server.rss_mb"),
            ("/memory", "memory"),
        ] {
            assert_eq!(json.pointer(pointer), Some(&serde_json::Value::Null), "{pointer}");
            assert!(
                json["unmeasured"][name]
                    .as_str()
                    .is_some_and(|reason| !reason.is_empty()),
                "{name}"
            );
        }
    }

    #[test]
    fn the_json_has_every_figure_it_promises() {
        let measures = Measures::default();
        for durations in [
            &measures.join,
            &measures.latency,
            &measures.rekey,
            &measures.removal,
        ] {
            durations.record(Duration::from_millis(5));
        }
        let json: serde_json::Value = serde_json::from_str(&Report::new(run(), &measures).to_json()).unwrap();
        for pointer in [
            "/scenario",
            "/participants",
            "/duration_s",
            "/join_ms/p50",
            "/join_ms/p95",
            "/join_ms/max",
            "/latency_ms/p50",
            "/latency_ms/p95",
            "/latency_ms/p99",
            "/rekey_ms/p50",
            "/rekey_ms/max",
            "/packets_sent",
            "/packets_received",
            "/packets_lost",
            "/frames_sent",
            "/frames_received",
            "/frames_decrypted",
            "/decrypt_failures",
            "/server/cpu_s",
            "/server/rss_mb",
        ] {
            assert!(json.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
