//! Participants counted by their kind.

use super::Counter;
use crate::report::model::{KindCount, Kinds};

/// What a participant is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Real codecs; everything decrypted, decoded and compared.
    Full,
    /// Pre-encoded media, real MLS and SFrame.
    Light,
    /// A leaf of the group without media.
    Phantom,
    /// A headless browser.
    Browser,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Full, Self::Light, Self::Phantom, Self::Browser];

    /// Its name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Light => "light",
            Self::Phantom => "phantom",
            Self::Browser => "browser",
        }
    }
}

/// Comings and goings of one kind.
#[derive(Debug, Default)]
pub struct KindCounters {
    /// Participants started.
    pub started: Counter,
    /// Participants that became members and decrypted, or were the first.
    pub joined: Counter,
    /// Participants that left as they should.
    pub left: Counter,
    /// Packets they sent or received.
    pub packets: Counter,
}

/// Comings and goings of every kind.
#[derive(Debug, Default)]
pub struct ByKind {
    full: KindCounters,
    light: KindCounters,
    phantom: KindCounters,
    browser: KindCounters,
}

impl ByKind {
    /// Of one kind.
    pub fn of(&self, kind: Kind) -> &KindCounters {
        match kind {
            Kind::Full => &self.full,
            Kind::Light => &self.light,
            Kind::Phantom => &self.phantom,
            Kind::Browser => &self.browser,
        }
    }

    /// Participants started, of all kinds.
    pub fn started(&self) -> u64 {
        self.sum(|counters| &counters.started)
    }

    /// Participants that got in, of all kinds.
    pub fn joined(&self) -> u64 {
        self.sum(|counters| &counters.joined)
    }

    /// Participants that left, of all kinds.
    pub fn left(&self) -> u64 {
        self.sum(|counters| &counters.left)
    }

    /// As a report tells it.
    pub fn told(&self, asked: impl Fn(Kind) -> u64) -> Kinds {
        let told = |kind: Kind| {
            let counters = self.of(kind);
            KindCount {
                asked: asked(kind),
                started: counters.started.value(),
                joined: counters.joined.value(),
                left: counters.left.value(),
            }
        };
        Kinds {
            full: told(Kind::Full),
            light: told(Kind::Light),
            phantom: told(Kind::Phantom),
            browser: told(Kind::Browser),
        }
    }

    fn sum(&self, counter: impl Fn(&KindCounters) -> &Counter) -> u64 {
        Kind::ALL
            .into_iter()
            .map(|kind| counter(self.of(kind)).value())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_apart_and_summed() {
        let kinds = ByKind::default();
        kinds.of(Kind::Full).started.add(3);
        kinds.of(Kind::Phantom).started.add(1000);
        kinds.of(Kind::Phantom).joined.add(999);
        assert_eq!((kinds.started(), kinds.joined(), kinds.left()), (1003, 999, 0));
        let told = kinds.told(|kind| u64::from(kind == Kind::Full));
        assert_eq!((told.full.asked, told.full.started), (1, 3));
        assert_eq!(
            (told.phantom.joined, told.light.started, told.browser.started),
            (999, 0, 0)
        );
    }
}
