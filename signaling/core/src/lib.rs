//! Rooms, roster, permissions and the MLS delivery service. Sans-IO.
//!
//! The driving law: one `handle_*(now, ..)`, then [`Service::poll_output`] until it is empty, then sleep until
//! [`Service::poll_timeout`]. The core owns no clock, socket, task or lock; its randomness is the seed it was made with.

pub mod config;
pub mod output;
pub mod service;

pub use config::{Limits, ServiceConfig};
pub use output::{Frame, Output};
pub use service::{CreateRoomError, RoomInfo, Service, SessionKey, Stats};
