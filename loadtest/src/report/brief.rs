//! The main figures of a run in the short form that scripts read: null with a reason when not measured, never zero.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure::{milliseconds, rounded};
use crate::measure::{Durations, Measures};
use crate::memory::MemoryFigures;
use crate::server_usage::Usage;

/// The main figures of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Brief {
    /// Participants at a time, as asked for.
    pub participants: u32,
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JoinTime {
    /// Median.
    pub p50: f64,
    /// 95 of 100 are faster.
    pub p95: f64,
    /// The slowest.
    pub max: f64,
}

/// Percentiles of latency, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 95 of 100 are faster.
    pub p95: f64,
    /// 99 of 100 are faster.
    pub p99: f64,
}

/// Percentiles of the time to change keys, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RekeyTime {
    /// Median.
    pub p50: f64,
    /// The slowest.
    pub max: f64,
}

/// Comparison with what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerUsage {
    /// CPU time in seconds.
    pub cpu_s: Option<f64>,
    /// Resident memory at the end, in mebibytes.
    pub rss_mb: Option<f64>,
}

impl Brief {
    /// Of what was measured with `participants` at a time.
    pub fn new(
        participants: u32,
        server: &Result<(Usage, Usage), String>,
        memory: Result<MemoryFigures, String>,
        measures: &Measures,
    ) -> Self {
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
        let server = match server {
            Ok((before, after)) => ServerUsage {
                cpu_s: Some(rounded(after.cpu_s - before.cpu_s)),
                rss_mb: Some(rounded(after.rss_bytes / f64::from(1 << 20))),
            },
            Err(reason) => {
                unmeasured.insert("server.cpu_s".to_owned(), reason.clone());
                unmeasured.insert("server.rss_mb".to_owned(), reason.clone());
                ServerUsage {
                    cpu_s: None,
                    rss_mb: None,
                }
            }
        };
        let memory = memory
            .inspect_err(|reason| {
                unmeasured.insert("memory".to_owned(), reason.clone());
            })
            .ok();
        Self {
            participants,
            participants_started: measures.kinds.started(),
            participants_joined: measures.kinds.joined(),
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

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio of counts needs no more than 53 bits"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
