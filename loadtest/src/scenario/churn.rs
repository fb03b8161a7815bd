//! `churn`: participants come and go at a steady rate.

use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep, timeout};

use super::crowd::Crowd;
use super::{Scenario, Settings, full};

/// All participants are there for this long before the first one leaves.
const SETTLE: Duration = Duration::from_secs(2);

/// Every third who goes is removed, but no more than one in this time: the server takes two removals a second.
const REMOVED: u32 = 3;
const REMOVAL_PAUSE: Duration = Duration::from_secs(1);

/// The one who has been there longest leaves or is removed and another comes, again and again.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "churn",
    summary: "one room, while participants go and others join (--rate of each per second); the host stays and removes every third who goes",
    measures: "join time, rekey time after joins, leaves and removals, frames that miss their key",
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
        let mut removed_at = None;
        for number in 1_u32.. {
            let now = changes.tick().await;
            let is_rested = removed_at.is_none_or(|at| now.saturating_duration_since(at) >= REMOVAL_PAUSE);
            if number.is_multiple_of(REMOVED) && is_rested && crowd.remove() {
                removed_at = Some(now);
                crowd.bring_in();
            } else {
                crowd.exchange();
            }
        }
    })
    .await;
    // Let the last change come to its end, so that it is measured.
    crowd.settled().await;
    sleep(SETTLE).await;
    Ok(())
}
