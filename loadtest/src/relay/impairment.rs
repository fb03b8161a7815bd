//! What a network does to the datagrams of one direction, and how that is written: `delay=50ms,loss=10%`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use str0m_netem::{Bitrate, DataSize, GilbertElliot, LossModel, NetemConfig, Probability, RandomLoss};
use thiserror::Error;

use crate::cli::parse_duration;

/// What the bottleneck may hold when nothing limits its rate, in bytes; more is dropped as at a full queue.
const UNLIMITED_QUEUE_BYTES: i64 = 16 << 20;
/// Stands for no limit, in bits per second: low enough that a packet takes some time, which keeps packets in order.
const UNLIMITED_RATE: u64 = 1_000_000_000_000;
/// A queue holds at least one full packet.
const MIN_QUEUE_BYTES: i64 = 1500;
const MAX_DELAY: Duration = Duration::from_secs(10);

/// The impairments of one direction; none of them by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// How long every datagram is under way.
    pub delay: Duration,
    /// The delay varies evenly by this much up and down; datagrams stay in order, as in a queue.
    pub jitter: Duration,
    /// The share that is lost.
    pub loss: Share,
    /// Mean length of a burst of losses, in datagrams; 1 is independent losses.
    pub burst: f32,
    /// Every so many datagrams one overtakes the one before it.
    pub reorder: Option<NonZeroU32>,
    /// The share that arrives twice.
    pub duplicate: Share,
    /// What the bottleneck lets through, IP and UDP headers included.
    pub rate: Option<Rate>,
    /// How long a datagram waits at most in front of the bottleneck; what would wait longer is dropped.
    pub queue: Duration,
}

/// A share from 0 to 1, written as `10%` or `0.1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(f32);

/// Bits per second above 0, written as `300kbit` or `1.5mbit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(u64);

/// Why a text names no impairment.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ImpairmentError {
    /// A part of the list is no `name=value`.
    #[error("{0:?} is not NAME=VALUE")]
    NotAPair(String),
    /// No such name.
    #[error(
        "{0:?} is no impairment; there are delay, jitter, loss, burst, reorder, duplicate, rate and queue"
    )]
    UnknownName(String),
    /// A value that its name cannot have.
    #[error("{name}: {reason}")]
    Value {
        /// What it was for.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A combination that no network has.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Share::default(),
            burst: 1.0,
            reorder: None,
            duplicate: Share::default(),
            rate: None,
            queue: Duration::from_millis(200),
        }
    }
}

impl Impairment {
    /// This one with the values of a list like `delay=50ms,loss=10%` in place of its own; an empty list changes nothing.
    pub fn with(mut self, list: &str) -> Result<Self, ImpairmentError> {
        for pair in list.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| ImpairmentError::NotAPair(pair.to_owned()))?;
            self.set(name.trim(), value.trim())?;
        }
        self.checked()
    }

    /// Refuses values that contradict each other.
    pub fn checked(self) -> Result<Self, ImpairmentError> {
        if self.jitter > self.delay {
            return Err(ImpairmentError::Contradiction("jitter cannot be more than delay"));
        }
        if self.reorder.is_some() && self.delay.is_zero() {
            return Err(ImpairmentError::Contradiction(
                "reorder needs a delay: only what is under way can be overtaken",
            ));
        }
        if self.burst > 1.0 && self.loss.0 < 1.0 && self.burst_begins() > 1.0 {
            return Err(ImpairmentError::Contradiction(
                "so much loss has longer bursts than that by itself: raise burst",
            ));
        }
        Ok(self)
    }

    /// The bottleneck and the queue before it.
    pub(super) fn bottleneck(&self) -> NetemConfig {
        let (rate, queue) = self
            .rate
            .map_or((UNLIMITED_RATE, UNLIMITED_QUEUE_BYTES), |Rate(rate)| {
                let bytes = self.queue.as_millis().saturating_mul(u128::from(rate)) / 8000;
                let bytes = i64::try_from(bytes).unwrap_or(UNLIMITED_QUEUE_BYTES);
                (rate, bytes.clamp(MIN_QUEUE_BYTES, UNLIMITED_QUEUE_BYTES))
            });
        NetemConfig::new().link(Bitrate::bps(rate), DataSize::bytes(queue))
    }

    /// The line behind the bottleneck.
    pub(super) fn line(&self, seed: u64) -> NetemConfig {
        let config = NetemConfig::new()
            .latency(self.delay)
            .jitter(self.jitter)
            .loss(self.loss_model())
            .duplicate(Probability::new(self.duplicate.0))
            // A rate, however high, keeps what jitter delays in order.
            .link(
                Bitrate::bps(UNLIMITED_RATE),
                DataSize::bytes(UNLIMITED_QUEUE_BYTES),
            )
            .seed(seed);
        match self.reorder {
            Some(gap) => config.reorder_gap(gap.get()),
            None => config,
        }
    }

    fn loss_model(&self) -> LossModel {
        if self.loss.0 == 0.0 {
            LossModel::None
        } else if self.burst <= 1.0 || self.loss.0 >= 1.0 {
            RandomLoss::new(Probability::new(self.loss.0)).into()
        } else {
            GilbertElliot::new()
                .good_duration(1.0 / self.burst_begins())
                .bad_duration(self.burst)
                .into()
        }
    }

    /// The probability that a burst of losses begins at a datagram outside of one: of all datagrams the share
    /// begins / (begins + 1/burst) is lost.
    fn burst_begins(&self) -> f32 {
        self.loss.0 / (self.burst * (1.0 - self.loss.0))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), ImpairmentError> {
        let wrong = |reason: String| ImpairmentError::Value {
            name: name.to_owned(),
            reason,
        };
        match name {
            "delay" => self.delay = parse_delay(value).map_err(wrong)?,
            "jitter" => self.jitter = parse_delay(value).map_err(wrong)?,
            "loss" => self.loss = value.parse().map_err(wrong)?,
            "burst" => self.burst = parse_burst(value).map_err(wrong)?,
            "reorder" => self.reorder = Some(parse_gap(value).map_err(wrong)?),
            "duplicate" => self.duplicate = value.parse().map_err(wrong)?,
            "rate" => self.rate = Some(value.parse().map_err(wrong)?),
            "queue" => self.queue = parse_delay(value).map_err(wrong)?,
            _ => return Err(ImpairmentError::UnknownName(name.to_owned())),
        }
        Ok(())
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        match number.parse::<f32>() {
            Ok(number) if (0.0..=unit).contains(&number) => Ok(Self(number / unit)),
            _ => Err(format!("{text:?} is no share; write it like 10% or 0.1")),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no rate; write it like 300kbit or 1.5mbit");
        let (number, unit) = if let Some(number) = text.strip_suffix("kbit") {
            (number, 1e3)
        } else if let Some(number) = text.strip_suffix("mbit") {
            (number, 1e6)
        } else {
            return Err(wrong());
        };
        let bits = number.parse::<f64>().map_err(|_| wrong())? * unit;
        if !(1e3..=1e11).contains(&bits) {
            return Err(wrong());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1e3 and 1e11"
        )]
        Ok(Self(bits as u64))
    }
}

/// Parses `50ms`; at most 10 s.
pub(super) fn parse_delay(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        duration if duration <= MAX_DELAY => Ok(duration),
        _ => Err(format!("{text} is more than 10s")),
    }
}

/// Parses the mean length of a burst of losses: 1 or more.
pub(super) fn parse_burst(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(burst) if (1.0..=1000.0).contains(&burst) => Ok(burst),
        _ => Err(format!("{text:?} is no number from 1 to 1000")),
    }
}

/// Parses the distance of datagrams that overtake: 2 or more.
pub(super) fn parse_gap(text: &str) -> Result<NonZeroU32, String> {
    match text.parse::<NonZeroU32>() {
        Ok(gap) if gap.get() >= 2 => Ok(gap),
        _ => Err(format!("{text:?} is no number from 2")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_sets_what_it_names_and_nothing_else() {
        let first = Impairment::default()
            .with("delay=50ms, jitter=10ms,loss=10%,burst=3,reorder=8,duplicate=0.02,rate=300kbit,queue=1s")
            .unwrap();
        assert_eq!(first.delay, Duration::from_millis(50));
        assert_eq!(first.loss, Share(0.1));
        assert_eq!(first.duplicate, Share(0.02));
        assert_eq!(first.rate, Some(Rate(300_000)));
        let second = first.with("loss=20%").unwrap();
        assert_eq!(
            second,
            Impairment {
                loss: Share(0.2),
                ..first
            }
        );
        assert_eq!(first.with("").unwrap(), first);
    }

    #[test]
    fn what_no_network_does_is_refused_with_a_reason() {
        for (list, reason) in [
            ("loss", "NAME=VALUE"),
            ("lost=1%", "no impairment"),
            ("loss=101%", "10%"),
            ("loss=-1%", "10%"),
            ("loss=2", "10%"),
            ("rate=300", "300kbit"),
            ("rate=0kbit", "300kbit"),
            ("delay=50", "no duration"),
            ("delay=11s", "10s"),
            ("burst=0.5", "from 1"),
            ("burst=NaN", "from 1"),
            ("reorder=1,delay=5ms", "from 2"),
            ("reorder=5", "needs a delay"),
            ("delay=5ms,jitter=6ms", "more than delay"),
            ("loss=90%,burst=2", "raise burst"),
        ] {
            let error = Impairment::default().with(list).unwrap_err().to_string();
            assert!(error.contains(reason), "{list}: {error}");
        }
    }
}
