//! `large-room`: a group of hundreds, most of whom are phantoms.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::Scenario;
use super::crowd::Cast;

/// After everybody is in, and at the end.
const SETTLE: Duration = Duration::from_secs(3);
/// Long enough for the server to have the tree healed once.
const HEALING: Duration = Duration::from_millis(1_500);

/// Real members and phantoms fill the group, then real members come and go.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "large-room",
    summary: "a room filled with --phantoms, in which real participants talk, and one leaves and one joins at --rate",
    measures: "join and rekey time in a large group, server memory",
    cast: Cast {
        full: 2,
        light: 6,
        phantom: 200,
        browser: 0,
    },
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            let cast = crowd.cast();
            let mut phantoms = cast.phantom;
            let block = block(cast.speakers(), phantoms);
            for _ in 0..cast.speakers() {
                crowd.bring_in();
                crowd.until_all_are_in().await;
                let beside = phantoms.min(block - 1);
                phantoms -= beside;
                if beside > 0 {
                    crowd.bring_phantoms(beside);
                    crowd.until_all_are_in().await;
                    sleep(HEALING).await;
                }
            }
            crowd.bring_phantoms(phantoms);
            crowd.until_all_are_in().await;
            sleep(SETTLE).await;
            let period = settings.period();
            let mut changes = interval_at(Instant::now() + period, period);
            changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The time is over when the timeout says so.
            let _ = timeout(settings.duration, async {
                loop {
                    changes.tick().await;
                    crowd.exchange();
                    // One change after the other: at this size each is to be seen alone.
                    crowd.until_all_have_heard().await;
                }
            })
            .await;
            crowd.settled().await;
            sleep(SETTLE).await;
            Ok(())
        })
    },
};

/// How many leaves apart real members sit. The server has the tree healed by leaves far apart, in bit-reversed order, and
/// phantoms cannot heal: real members at multiples of a power of two are asked first.
fn block(speakers: u32, phantoms: u32) -> u32 {
    ((speakers + phantoms) / speakers.max(1)).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_members_sit_at_multiples_of_a_power_of_two() {
        assert_eq!(block(32, 968), 32);
        assert_eq!(block(8, 200), 32);
        assert_eq!(block(8, 0), 1);
        assert_eq!(block(0, 5), 8);
    }
}
