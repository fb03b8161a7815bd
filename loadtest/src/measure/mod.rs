//! What a run measures, shared by all its participants: one file per measure, which declares its figures and tells them.

pub mod audio_gap;
pub mod audio_quality;
pub mod browsers;
pub mod capacity;
pub mod cost;
pub mod decryption;
pub mod delivery;
pub mod forwarding;
pub mod freeze;
pub mod generator;
pub mod jitter;
pub mod join;
pub mod kinds;
pub mod latency;
pub mod onset;
pub mod races;
pub mod rekey;
pub mod server;
pub mod steady;
pub mod timeline;
pub mod turned_away;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use conclave_e2ee::DropReason;
use hdrhistogram::Histogram;

use self::kinds::ByKind;
use crate::report::figure::{Entry, milliseconds};

/// Problems kept in words; more are only counted.
const MAX_PROBLEMS: usize = 20;
/// Durations are kept with three digits.
const DIGITS: u8 = 3;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Reads.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A collection of durations, in microseconds.
#[derive(Debug)]
pub struct Durations(Mutex<Histogram<u64>>);

impl Default for Durations {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the number of digits is a valid constant")]
        let histogram = Histogram::new(DIGITS).expect("1 to 5 digits are valid");
        Self(Mutex::new(histogram))
    }
}

impl Durations {
    /// Takes one.
    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Ok(mut histogram) = self.0.lock() {
            // The histogram grows as needed; it cannot hold more than 2^62 µs, and nothing takes that long.
            let _ = histogram.record(micros.max(1));
        }
    }

    /// A copy to read; `None` when nothing was recorded.
    pub fn snapshot(&self) -> Option<Histogram<u64>> {
        let histogram = self.0.lock().ok()?.clone();
        (!histogram.is_empty()).then_some(histogram)
    }
}

/// Everything a run counts and times.
#[derive(Debug, Default)]
pub struct Measures {
    /// RTP packets given to the transport, without retransmissions.
    pub packets_sent: Counter,
    /// Different RTP packets received after each stream's warm-up.
    pub packets_received: Counter,
    /// RTP packets that never came, after each stream's warm-up.
    pub packets_lost: Counter,
    /// RTP packets dropped in the load tester itself because it was too busy.
    pub packets_overrun: Counter,
    /// Frames encrypted and sent.
    pub frames_sent: Counter,
    /// Whole frames received.
    pub frames_received: Counter,
    /// Frames given up because a packet of them never came.
    pub frames_incomplete: Counter,
    /// Frames decrypted.
    pub frames_decrypted: Counter,
    /// Frames of an epoch from before the receiver was a member: not for it to read.
    pub frames_before_join: Counter,
    /// Sound that was decoded and compared with the waveform of its bot.
    pub audio_compared: Counter,
    /// Of these, frames that do not sound like it.
    pub audio_different: Counter,
    /// Pictures of bots that were compared with the clips.
    pub video_compared: Counter,
    /// Of these, frames that are not of the clips.
    pub video_different: Counter,
    /// Key-frame requests that reached a camera.
    pub key_frame_requests: Counter,
    /// Comings and goings, by the kind of participant.
    pub kinds: ByKind,
    /// From the first connection to the first decrypted frame of another.
    pub join: Durations,
    /// The stages of joining.
    pub join_stages: join::Stages,
    /// From before a frame's encryption at its sender to after its decoding at a receiver; sound only.
    pub latency: Durations,
    /// From a commit's arrival to the switch of the sender's key to its epoch.
    pub rekey: Durations,
    /// From a participant's Bye to the switch of another's key to an epoch without it.
    pub removal: Durations,
    /// What headless browsers say.
    pub browsers: browsers::Browsers,
    /// Joins, leaves and removals until the last member has the key.
    pub rekeys: rekey::Rekeys,
    /// Commits made and lost.
    pub races: races::Races,
    /// Refusals of an overloaded server.
    pub turned_away: Counter,
    /// Jitter of streams.
    pub jitter: Durations,
    /// Pictures that stood still.
    pub freezes: freeze::Freezes,
    /// From the first frame after a silence to the first that is heard.
    pub onsets: Durations,
    /// Sound that was not there in time.
    pub audio_gaps: audio_gap::AudioGaps,
    /// Sound that was kept to be compared with what was said.
    pub heard: audio_quality::Heard,
    /// Packets timed through the server and without it.
    pub forwarding: forwarding::Forwarding,
    /// RTP packets that arrived so far, also during warm-ups; only for progress and charts.
    pub packets_arrived: Counter,
    missing: AtomicI64,
    failures: Mutex<BTreeMap<String, u64>>,
    problems: Mutex<Vec<String>>,
    problem_count: Counter,
    bots: Mutex<HashSet<[u8; 16]>>,
    inside: Mutex<HashSet<[u8; 16]>>,
    departures: Mutex<HashMap<[u8; 16], Instant>>,
}

impl Measures {
    /// Counts a frame that could not be decrypted.
    pub fn decrypt_failed(&self, reason: DropReason) {
        if let Ok(mut failures) = self.failures.lock() {
            *failures.entry(decryption::name(reason)).or_default() += 1;
        }
    }

    /// Failed frames by reason.
    pub fn decrypt_failures(&self) -> BTreeMap<String, u64> {
        self.failures
            .lock()
            .map(|failures| failures.clone())
            .unwrap_or_default()
    }

    /// So many more packets are missing at some receiver, or fewer when late ones came; only for progress and charts.
    pub fn missing_changed(&self, by: i64) {
        self.missing.fetch_add(by, Ordering::Relaxed);
    }

    /// Packets that are missing now at all receivers.
    pub fn missing_now(&self) -> u64 {
        u64::try_from(self.missing.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Notes something that should not have happened.
    pub fn problem(&self, text: String) {
        self.problem_count.increment();
        if let Ok(mut problems) = self.problems.lock()
            && problems.len() < MAX_PROBLEMS
        {
            problems.push(text);
        }
    }

    /// The first problems, in words.
    pub fn problems(&self) -> Vec<String> {
        self.problems
            .lock()
            .map(|problems| problems.clone())
            .unwrap_or_default()
    }

    /// How many problems there were.
    pub fn problem_count(&self) -> u64 {
        self.problem_count.value()
    }

    /// A bot of this process has that pseudonym: what it sends is known.
    pub fn register_bot(&self, client_id: [u8; 16]) {
        if let Ok(mut bots) = self.bots.lock() {
            bots.insert(client_id);
        }
    }

    /// Whether that pseudonym is a bot of this process.
    pub fn is_bot(&self, client_id: &[u8; 16]) -> bool {
        self.bots.lock().is_ok_and(|bots| bots.contains(client_id))
    }

    /// A bot has got in: it is a member and hears others, or nobody is there to be heard.
    pub fn got_in(&self, client_id: [u8; 16]) {
        if let Ok(mut inside) = self.inside.lock() {
            inside.insert(client_id);
        }
    }

    /// Whether that bot has got in; also when it is gone again.
    pub fn is_in(&self, client_id: &[u8; 16]) -> bool {
        self.inside.lock().is_ok_and(|inside| inside.contains(client_id))
    }

    /// A bot says Bye now.
    pub fn depart(&self, client_id: [u8; 16]) {
        if let Ok(mut departures) = self.departures.lock() {
            departures.insert(client_id, Instant::now());
        }
    }

    /// When that bot said Bye, if it did.
    pub fn departure(&self, client_id: &[u8; 16]) -> Option<Instant> {
        self.departures.lock().ok()?.get(client_id).copied()
    }
}

/// Every figure there is: reports have all of them, and `--fail-if` knows them by name.
pub fn catalog() -> impl Iterator<Item = Entry> {
    join::entries()
        .chain(latency::ENTRIES)
        .chain(delivery::ENTRIES)
        .chain(decryption::ENTRIES)
        .chain(rekey::entries())
        .chain(races::ENTRIES)
        .chain(turned_away::ENTRIES)
        .chain(jitter::ENTRIES)
        .chain(freeze::ENTRIES)
        .chain(audio_gap::ENTRIES)
        .chain(onset::ENTRIES)
        .chain(audio_quality::ENTRIES)
        .chain(forwarding::ENTRIES)
        .chain(server::ENTRIES)
        .chain(generator::ENTRIES)
        .chain(cost::ENTRIES)
        .chain(steady::ENTRIES)
        .chain(browsers::ENTRIES)
        .chain(capacity::ENTRIES)
}

/// A value of a histogram of microseconds, in milliseconds.
fn percentile(histogram: &Histogram<u64>, rank: f64) -> f64 {
    milliseconds(histogram.value_at_quantile(rank))
}

/// Microseconds since the Unix epoch: comparable between processes of one machine.
pub fn unix_micros() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_their_snake_case_reason() {
        let measures = Measures::default();
        measures.decrypt_failed(DropReason::AuthFail);
        measures.decrypt_failed(DropReason::AuthFail);
        measures.decrypt_failed(DropReason::NoKey);
        let expected = BTreeMap::from([("auth_fail".to_owned(), 2), ("no_key".to_owned(), 1)]);
        assert_eq!(measures.decrypt_failures(), expected);
    }

    #[test]
    fn an_empty_collection_of_durations_has_no_snapshot() {
        let durations = Durations::default();
        assert!(durations.snapshot().is_none());
        durations.record(Duration::ZERO);
        assert_eq!(durations.snapshot().map(|histogram| histogram.len()), Some(1));
    }
}
