//! `churn`: participants come and go at a steady rate.

use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep, timeout};

use super::steady::ARRIVAL;
use super::{Scenario, Settings};

/// All participants are there for this long before the first one leaves.
const SETTLE: Duration = Duration::from_secs(2);

/// The one who has been there longest leaves and another comes, again and again.
pub const SCENARIO: Scenario = Scenario {
    name: "churn",
    summary: "the same, while participants leave and others join (--rate of each per second)",
    run: |crowd, settings| {
        let Settings {
            participants,
            duration,
            rate,
        } = *settings;
        Box::pin(async move {
            for _ in 0..participants {
                crowd.bring_in();
                sleep(ARRIVAL).await;
            }
            sleep(SETTLE).await;
            let period = Duration::from_secs_f64(1.0 / rate);
            let mut changes = interval_at(Instant::now() + period, period);
            // The time is over when the timeout says so.
            let _ = timeout(duration, async {
                loop {
                    changes.tick().await;
                    crowd.send_away();
                    crowd.bring_in();
                }
            })
            .await;
            // Let the last change come to its end, so that it is measured.
            sleep(SETTLE).await;
        })
    },
};
