//! `lossy-downlink`: the way from the server loses packets for a while.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::crowd::Crowd;
use super::{Scenario, Settings, light};
use crate::participant::detour::Detour;
use crate::relay::impairment::Impairment;

/// What a good way is like, and a bad one towards the participants.
const GOOD: &str = "delay=20ms";
const LOSSY: &str = "delay=20ms,loss=5%,burst=3";

/// Good, bad, good again.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "lossy-downlink",
    summary: "through a relay that, in the second third of the time, loses 5 % towards everybody in bursts of 3",
    measures: "what retransmission makes good: loss, freezes, audio gaps, latency",
    cast: light(4),
    duration: Duration::from_secs(30),
    run: |crowd, settings| Box::pin(through(crowd, settings, GOOD, LOSSY)),
};

/// Everybody talks through a relay whose downlink is `bad` in the second third of the time.
pub(super) async fn through(
    crowd: &mut Crowd,
    settings: &Settings,
    good: &str,
    bad: &str,
) -> Result<(), String> {
    let network = |list: &str| {
        Impairment::default()
            .with(list)
            .map_err(|error| error.to_string())
    };
    let (good, bad) = (network(good)?, network(bad)?);
    let detour = Detour::new(good, good, 1);
    crowd.take_detour(Some(detour.clone()));
    crowd.measures().forwarding.relayed.store(true, Ordering::Relaxed);
    crowd.bring_all(u32::MAX).await?;
    for down in [good, bad, good] {
        detour.set(good, down).await;
        sleep(settings.duration / 3).await;
    }
    Ok(())
}
