//! `overload`: half as many again come as the server is meant for.

use std::time::Duration;

use tokio::time::sleep;

use super::{Scenario, light};
use crate::participant::Part;

/// First the whole cast, then half of it again.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "overload",
    summary: "the whole cast in rooms of --room-size; after a third of the time half as many again come (150 %)",
    measures: "what gives way under overload: loss, latency, freezes and audio gaps, reconnects. Find 100 % with capacity",
    cast: light(98),
    duration: Duration::from_secs(45),
    run: |crowd, settings| {
        Box::pin(async move {
            crowd.bring_all(settings.room_size).await?;
            sleep(settings.duration / 3).await;
            let all = crowd.cast().speakers();
            for number in all..all + all / 2 {
                let room = usize::try_from(number / settings.room_size.max(1)).unwrap_or_default();
                crowd
                    .open_rooms(room + 1)
                    .await
                    .map_err(|error| error.to_string())?;
                crowd.bring_light(Part::SPEAKER, room);
                sleep(crowd.pause()).await;
            }
            sleep(settings.duration * 2 / 3).await;
            Ok(())
        })
    },
};
