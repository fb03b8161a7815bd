//! What can be measured: each measurement gives one figure or several.

mod allocation;
mod forward;
mod join;
mod latency;
mod memory;
mod overload;
mod played;
mod rooms;

use crate::error::BenchError;
use crate::figure::Figure;

/// How this run measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Shorter, and so noisier.
    pub(crate) quick: bool,
    pub(crate) rooms: Option<usize>,
}

/// One measurement.
pub(crate) struct Measurement {
    /// The figures it gives, and what each says.
    pub(crate) figures: &'static [(&'static str, &'static str)],
    pub(crate) run: fn(Options) -> Result<Vec<Figure>, BenchError>,
}

/// All measurements, in the order they run.
pub(crate) const ALL: &[Measurement] = &[
    forward::CEILING,
    forward::SHAPES,
    forward::SPREAD,
    latency::LATENCY,
    rooms::ROOMS,
    memory::MEMORY,
    allocation::ALLOCATIONS,
    join::JOINS,
    overload::OVERLOAD,
];
