//! Participants whom an overloaded server asked to come again later, as real clients do.

use super::Counter;
use crate::report::figure::{Entry, Figures};

/// How often.
pub const TURNED_AWAY: Entry = Entry::lower(
    "joins_turned_away",
    "count",
    "Times that the server was overloaded and asked a participant to come again later; the wait is in no other figure",
    "nobody came",
);
/// All of them.
pub const ENTRIES: [Entry; 1] = [TURNED_AWAY];

/// Tells the figure of a run in which so many participants came.
pub fn tell(turned_away: &Counter, came: u64, figures: &mut Figures) {
    if came > 0 {
        figures.count(&TURNED_AWAY, turned_away.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_one_more_and_nobody_is_not_zero() {
        let turned_away = Counter::default();
        let told = |came| {
            let mut figures = Figures::unmeasured(ENTRIES);
            tell(&turned_away, came, &mut figures);
            figures.value("joins_turned_away")
        };
        assert_eq!((told(0), told(3)), (None, Some(0.0)));
        turned_away.increment();
        turned_away.increment();
        assert_eq!(told(3), Some(2.0));
    }
}
