//! What the SFU forwards to whom: rooms, tracks, subscriptions, negotiation. Sans-IO.
//!
//! The law: hand one input to [`Sfu`]`::handle_*` with the time, then drain [`Sfu::poll_output`], then sleep until
//! [`Sfu::poll_timeout`]. Packets to send go at once into the driver's [`Egress`]; everything else is an
//! [`Output`]. No clock, socket, task, lock or randomness lives here.
//!
//! A packet: [`Sfu::handle_rtp`] -> `room::ingress` (route by SSRC, log, SFrame guard) -> `room::egress` (`selector`
//! decides, `forward` renumbers, per subscription) -> [`Egress`]. A command: [`Sfu::handle_command`] -> `room` -> [`Output`].

mod allocator;
mod bandwidth;
mod counters;
mod demand;
mod downlink;
mod encoding;
mod forward;
mod guard;
mod header_extension;
mod layer;
mod mirror;
pub mod negotiation;

mod pacer;
mod peer;
mod room;
mod selector;
mod sfu;
mod slab;
mod subscription;
mod track;
#[cfg(any(test, feature = "fuzzing"))]
mod virtual_clock;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;

pub use counters::Counters;
pub use forward::{Descriptor, Egress, MAX_RTCP, Outgoing};
pub use guard::MAX_REFUSED;
pub use header_extension::ExtensionIds;
pub use mirror::{Mirror, ShardSet, Stream};
pub use room::Shed;
pub use sfu::{Config, MAX_PEERS, Output, PeerSlot, Sfu, TransportState};
