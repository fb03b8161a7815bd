//! `screen-share`: one shares a screen beside everybody's cameras.

use std::time::Duration;

use tokio::time::sleep;

use super::{Scenario, light};
use crate::participant::Part;

/// A screen of 1.5 Mbit/s, in large frames.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "screen-share",
    summary: "everybody talks, and the first light participant shares a screen of 1.5 Mbit/s in frames of 37 kB",
    measures: "what bursts of a large track do to latency and loss of the others",
    cast: light(8),
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            let cast = crowd.cast();
            if cast.light == 0 {
                return Err("only a light participant can share a screen: add --light 1".to_owned());
            }
            for place in 0..cast.speakers() {
                let part = Part {
                    screen: place == cast.full,
                    ..Part::SPEAKER
                };
                crowd.bring_in_as(part, 0);
                sleep(crowd.pause()).await;
            }
            sleep(settings.duration).await;
            Ok(())
        })
    },
};
