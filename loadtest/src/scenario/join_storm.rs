//! `join-storm`: everybody joins within one second.
//!
//! Those who come only watch and listen: a hundred cameras at once would be another scenario than a hundred joins.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{Scenario, light};
use crate::participant::Part;

/// The first one is there for so long before the others come.
const ALONE: Duration = Duration::from_secs(2);
/// How long they take to come.
const STORM: Duration = Duration::from_secs(1);

/// One is there, then all others come at once.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "join-storm",
    summary: "one participant speaks in a room, then all others join it within one second, to watch and listen",
    measures: "join time by stages under a burst, rekey time",
    cast: light(98),
    duration: Duration::from_secs(20),
    run: |crowd, settings| {
        Box::pin(async move {
            crowd.bring_in();
            sleep(ALONE).await;
            let others = crowd.cast().speakers().saturating_sub(1);
            let start = Instant::now();
            for number in 0..others {
                sleep_until(start + STORM * number / others.max(1)).await;
                crowd.bring_in_as(Part::LISTENER, 0);
            }
            sleep(settings.duration).await;
            Ok(())
        })
    },
};
