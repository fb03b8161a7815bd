//! `soak`: participants come and go for a long time.

use std::time::Duration;

use super::churn::come_and_go;
use super::{Scenario, light};

/// What `churn` does, for half an hour.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "soak",
    summary: "what churn does, for half an hour unless --duration says otherwise; add --memory-plot FILE",
    measures: "growth of the server's memory, and failures that take long to appear",
    cast: light(8),
    duration: Duration::from_secs(1800),
    run: |crowd, settings| Box::pin(come_and_go(crowd, settings)),
};
