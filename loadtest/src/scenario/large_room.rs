//! `large-room`: a group of hundreds, most of whom are phantoms.

use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep, timeout};

use super::Scenario;
use super::crowd::Cast;

/// After the last phantom, and before and after changes.
const SETTLE: Duration = Duration::from_secs(3);

/// Phantoms fill the group, then real members come and go.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "large-room",
    summary: "a room filled with --phantoms, in which real participants talk, and one leaves and one joins at --rate",
    measures: "join and rekey time in a large group, size of its messages, server memory",
    cast: Cast {
        full: 2,
        light: 6,
        phantom: 200,
        browser: 0,
    },
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            // The first real member founds the group and adds the phantoms.
            crowd.bring_in();
            sleep(SETTLE).await;
            crowd.bring_phantoms().await;
            for _ in 1..crowd.cast().speakers() {
                crowd.bring_in();
                sleep(crowd.pause()).await;
            }
            sleep(SETTLE).await;
            let period = settings.period();
            let mut changes = interval_at(Instant::now() + period, period);
            // The time is over when the timeout says so.
            let _ = timeout(settings.duration, async {
                loop {
                    changes.tick().await;
                    crowd.exchange();
                }
            })
            .await;
            crowd.settled().await;
            sleep(SETTLE).await;
            Ok(())
        })
    },
};
