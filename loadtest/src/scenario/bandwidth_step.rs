//! `bandwidth-step`: the way from the server becomes narrow for a while.

use std::time::Duration;

use super::lossy_downlink::through;
use super::{Scenario, light};

const WIDE: &str = "delay=20ms";
/// Enough for the sound of a few and some of the pictures.
const NARROW: &str = "delay=20ms,rate=400kbit,queue=300ms";

/// Wide, narrow, wide again.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "bandwidth-step",
    summary: "through a relay that, in the second third of the time, lets only 400 kbit/s through to each participant",
    measures: "how the server adapts and recovers: freezes, audio gaps, latency, loss",
    cast: light(4),
    duration: Duration::from_secs(45),
    run: |crowd, settings| Box::pin(through(crowd, settings, WIDE, NARROW)),
};
