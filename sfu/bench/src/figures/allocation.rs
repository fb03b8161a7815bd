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
    let length = Duration::from_millis(if options.quick { 300 } else { 2000 });
    let Allocated {
        made,
        bytes,
        forwarded,
    } = measure(50, length)?;
    Ok(vec![
        Figure::new(
            "allocations_per_packet",
            count(made) / count(forwarded).max(1.0),
            "allocations",
        )
        .with("allocations", made)
        .with("bytes", bytes)
        .with("packets", forwarded),
    ])
}

/// What the SFU allocated while it forwarded so many packets.
struct Allocated {
    made: u64,
    bytes: u64,
    forwarded: u64,
}

/// One publisher at full speed, after the first packets.
fn measure(watchers: usize, length: Duration) -> Result<Allocated, BenchError> {
    let mut fleet = Fleet::start_unpaced()?;
    let streams = [Stream::camera(6, Duration::from_millis(33))];
    let (_, members) = fleet.fill(Room {
        publishers: 1,
        streams: &streams,
        watchers,
    })?;
    let publisher = [members.start];
    saturate(&mut fleet, &publisher, watchers, length)?;
    let before = (allocations::count(), allocations::bytes());
    let load = saturate(&mut fleet, &publisher, watchers, length)?;
    Ok(Allocated {
        made: allocations::count() - before.0,
        bytes: allocations::bytes() - before.1,
        forwarded: load.delivered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_way_through_the_server_allocates_nothing_per_packet() {
        let Allocated {
            made,
            bytes,
            forwarded,
        } = measure(4, Duration::from_millis(500)).unwrap();
        assert!(forwarded > 1000, "{forwarded}");
        // Reports and timers may; one allocation per packet that comes in would be a quarter of what goes out.
        assert!(
            made * 10 < forwarded,
            "{made} allocations for {forwarded} packets"
        );
        // A buffer made anew for each batch that is received is one allocation, and megabytes.
        assert!(bytes < 100 * forwarded, "{bytes} bytes for {forwarded} packets");
        let before = allocations::count();
        std::thread::spawn(|| std::hint::black_box(vec![0u8; 10]))
            .join()
            .unwrap();
        assert!(allocations::count() > before, "the counter counts");
    }
}
