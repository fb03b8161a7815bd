//! `speaker-switch`: one speaks at a time, and who it is changes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{interval, sleep, timeout};

use super::{Scenario, light};
use crate::participant::Order;

/// Everybody is heard for so long before only one is.
const SETTLE: Duration = Duration::from_secs(2);

/// The microphone goes round.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "speaker-switch",
    summary: "one participant at a time speaks and shows itself, the next after 1/--rate seconds",
    measures: "how soon a new speaker is heard (speaker_heard_*), gaps, latency",
    cast: light(8),
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            crowd.measures().freezes.on_purpose.store(true, Ordering::Relaxed);
            crowd.bring_all(u32::MAX).await?;
            sleep(SETTLE).await;
            let people = crowd.present().max(1);
            for place in 0..people {
                crowd.tell(place, Order::Hush);
            }
            let mut turns = interval(settings.period());
            // The time is over when the timeout says so.
            let _ = timeout(settings.duration, async {
                for turn in 0.. {
                    turns.tick().await;
                    crowd.tell((turn + people - 1) % people, Order::Hush);
                    crowd.tell(turn % people, Order::Stay);
                }
            })
            .await;
            Ok(())
        })
    },
};
