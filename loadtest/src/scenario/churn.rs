//! `churn`: participants come and go at a steady rate.

use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep, timeout};

use super::crowd::Crowd;
use super::{Scenario, Settings, full};

/// All participants are there for this long before the first one leaves.
const SETTLE: Duration = Duration::from_secs(2);

/// The one who has been there longest leaves and another comes, again and again.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "churn",
    summary: "one room, while participants leave and others join (--rate of each per second)",
    measures: "join time, rekey time after joins and leaves, frames that miss their key",
    cast: full(3),
    duration: Duration::from_secs(30),
    run: |crowd, settings| Box::pin(come_and_go(crowd, settings)),
};

pub(super) async fn come_and_go(crowd: &mut Crowd, settings: &Settings) -> Result<(), String> {
    crowd.bring_all(u32::MAX).await?;
    sleep(SETTLE).await;
    let period = settings.period();
    let mut changes = interval_at(Instant::now() + period, period);
    // The time is over when the timeout says so.
    let _ = timeout(settings.duration, async {
        loop {
            changes.tick().await;
            crowd.send_away();
            crowd.bring_in();
        }
    })
    .await;
    // Let the last change come to its end, so that it is measured.
    sleep(SETTLE).await;
    Ok(())
}
