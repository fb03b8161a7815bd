//! Rooms, roster, permissions and the MLS delivery service. Sans-IO.
//!
//! The driving law: one `handle_*(now, ..)`, then [`Service::poll_output`] until it is empty, then sleep until
//! [`Service::poll_timeout`]. The core owns no clock, socket, task or lock; its randomness is the seed it was made with.
//!
//! Every output frame is encoded once, however many receive it ([`Output::Send`], [`Frame`]).

pub mod config;
mod delivery;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod handler;
mod outbox;
pub mod output;
mod peers;
mod people;
mod rate;
pub mod records;
mod room;
pub mod service;
mod session;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the fuzz targets need a part of what the tests need")
)]
mod testing;
#[cfg(test)]
mod tests;

pub use config::{Limits, ServiceConfig};
pub use output::{Frame, Output};
pub use records::{Record, RoomHash};
pub use service::{CreateRoomError, RoomInfo, Service, SessionKey, Stats};
