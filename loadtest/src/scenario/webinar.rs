//! `webinar`: one speaks, all others listen.

use std::time::Duration;

use tokio::time::sleep;

use super::{Scenario, light};
use crate::participant::Part;

/// One to many.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "webinar",
    summary: "the first participant speaks, all others only watch and listen",
    measures: "fan-out of one source: packets per second, latency, server CPU per delivered packet",
    cast: light(98),
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            crowd.bring_in();
            for _ in 1..crowd.cast().speakers() {
                sleep(crowd.pause()).await;
                crowd.bring_in_as(Part::LISTENER, 0);
            }
            sleep(settings.duration).await;
            Ok(())
        })
    },
};
