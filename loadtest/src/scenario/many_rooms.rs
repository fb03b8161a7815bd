//! `many-rooms`: many small calls at the same time.

use std::time::Duration;

use tokio::time::sleep;

use super::{Scenario, light};

/// Everybody talks, in rooms of a few.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "many-rooms",
    summary: "rooms of --room-size (10) in which everybody talks to everybody",
    measures: "packets per second of the whole server, latency, loss, CPU per delivered packet, memory",
    cast: light(98),
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            crowd.bring_all(settings.room_size).await?;
            sleep(settings.duration).await;
            Ok(())
        })
    },
};
