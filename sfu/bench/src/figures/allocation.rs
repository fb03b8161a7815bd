//! Allocations of the whole server path, sockets included.

use std::time::Duration;

use super::forward::{count, saturate};
use super::{Measurement, Options};
use crate::allocations;
use crate::error::BenchError;
use crate::figure::Figure;
use crate::fleet::{Fleet, Room, Stream};

pub(crate) const ALLOCATIONS: Measurement = Measurement {
    figures: &[(
        "allocations_per_packet",
        "allocations of the SFU's threads per forwarded packet, reports and timers included; 1 to 50",
    )],
    run: allocations_per_packet,
};

fn allocations_per_packet(options: Options) -> Result<Vec<Figure>, BenchError> {
    let mut fleet = Fleet::start_unpaced()?;
    let streams = [Stream::camera(6, Duration::from_millis(33))];
    let (_, members) = fleet.fill(Room {
        publishers: 1,
        streams: &streams,
        watchers: 50,
    })?;
    let publisher = [members.start];
    let length = Duration::from_millis(if options.quick { 300 } else { 2000 });
    saturate(&mut fleet, &publisher, 50, length)?;
    let before = allocations::count();
    let load = saturate(&mut fleet, &publisher, 50, length)?;
    let made = allocations::count() - before;
    Ok(vec![
        Figure::new(
            "allocations_per_packet",
            count(made) / count(load.delivered).max(1.0),
            "allocations",
        )
        .with("allocations", made)
        .with("packets", load.delivered),
    ])
}
