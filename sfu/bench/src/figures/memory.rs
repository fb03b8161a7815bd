//! What a subscriber costs in memory, and whether it is given back.

use super::forward::count;
use super::{Measurement, Options};
use crate::allocations;
use crate::error::BenchError;
use crate::figure::Figure;
use crate::fleet::{Fleet, Room, Stream};
use std::time::Duration;

pub(crate) const MEMORY: Measurement = Measurement {
    figures: &[
        (
            "bytes_per_subscriber",
            "heap of the SFU per subscriber of one camera and one microphone, after media has flowed",
        ),
        (
            "bytes_left_per_subscriber",
            "what of it is still there after everybody has left",
        ),
    ],
    run: memory,
};

fn memory(options: Options) -> Result<Vec<Figure>, BenchError> {
    let people = if options.quick { 200 } else { 2000 };
    let mut fleet = Fleet::start()?;
    let streams = [
        Stream::camera(4, Duration::from_millis(100)),
        Stream::microphone(),
    ];
    let room = |watchers| Room {
        publishers: 1,
        streams: &streams,
        watchers,
    };
    // What is there once, with the first of everything.
    let (_, first) = fleet.fill(room(10))?;
    fleet.play(Duration::from_secs(1))?;
    let before = allocations::live();
    let (_, members) = fleet.fill(room(people))?;
    fleet.play(Duration::from_secs(3))?;
    fleet.until_quiet(Duration::from_millis(20))?;
    let during = allocations::live();
    fleet.remove(members)?;
    fleet.until("the peers to be gone", |fleet| {
        fleet.stats().snapshot().peers == u64::try_from(first.len()).unwrap_or(0)
    })?;
    fleet.play(Duration::from_secs(2))?;
    let after = allocations::live();
    let each = |bytes: i64| bytes as f64 / count(u64::try_from(people).unwrap_or(1));
    Ok(vec![
        Figure::new("bytes_per_subscriber", each(during - before), "bytes").with("subscribers", people),
        Figure::new("bytes_left_per_subscriber", each(after - before), "bytes").with("subscribers", people),
    ])
}
