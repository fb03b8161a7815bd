//! `commit-race`: several come and go in the same moment, so that commits race.

use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep, timeout};

use super::{Scenario, light};

/// All participants are there for this long before the first change, and after the last.
const SETTLE: Duration = Duration::from_secs(2);
/// How many come and how many go at once.
const AT_ONCE: u32 = 4;

/// Several leave and as many join, at the same moment.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "commit-race",
    summary: "4 participants leave and 4 others join in the same moment, --rate times per second",
    measures: "commits lost to races, rekey time, join time, frames that miss their key",
    cast: light(10),
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            crowd.bring_all(u32::MAX).await?;
            sleep(SETTLE).await;
            let at_once = AT_ONCE.min(crowd.cast().speakers() / 2).max(1);
            let period = settings.period();
            let mut changes = interval_at(Instant::now() + period, period);
            // The time is over when the timeout says so.
            let _ = timeout(settings.duration, async {
                loop {
                    changes.tick().await;
                    for _ in 0..at_once {
                        crowd.exchange();
                    }
                }
            })
            .await;
            crowd.settled().await;
            sleep(SETTLE).await;
            Ok(())
        })
    },
};
