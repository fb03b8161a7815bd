//! `steady`: everybody joins and stays to the end.

use std::time::Duration;

use tokio::time::sleep;

use super::{Scenario, full};

/// Everybody joins and stays.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "steady",
    summary: "all participants join one room, talk for the duration and leave together",
    measures: "latency, loss, jitter, decryption, server CPU and memory of a call that goes on",
    cast: full(3),
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            crowd.bring_all(u32::MAX).await?;
            sleep(settings.duration).await;
            Ok(())
        })
    },
};
