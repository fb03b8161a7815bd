//! `steady`: everybody joins and stays to the end.

use std::time::Duration;

use tokio::time::sleep;

use super::{Scenario, Settings};

/// Between two who join.
pub(super) const ARRIVAL: Duration = Duration::from_millis(250);

/// Everybody joins and stays.
pub const SCENARIO: Scenario = Scenario {
    name: "steady",
    summary: "all participants join, talk for the duration and leave together",
    run: |crowd, settings| {
        let Settings {
            participants,
            duration,
            ..
        } = *settings;
        Box::pin(async move {
            for _ in 0..participants {
                crowd.bring_in();
                sleep(ARRIVAL).await;
            }
            sleep(duration).await;
        })
    },
};
