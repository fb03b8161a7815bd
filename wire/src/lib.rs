//! Messages between browser, signaling and SFU: types, limits, error codes.
//!
//! Text frames of JSON over a WebSocket with the subprotocol [`SUBPROTOCOL`]; MLS bytes travel as unpadded
//! base64url. [`codec`] is the only way in and out. `docs/PROTOCOL.md` is the prose of this crate.

pub mod bytes;
pub mod client;
pub mod codec;
pub mod control;
pub mod error_code;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
pub mod id;
pub mod limits;
pub mod media;
#[cfg(feature = "typescript")]
pub mod typescript;

pub use client::{ClientMessage, ServerMessage};
pub use error_code::ErrorCode;

/// WebSocket subprotocol of the client protocol.
pub const SUBPROTOCOL: &str = "conclave.v1";
/// WebSocket subprotocol of the control link between signaling and a stand-alone SFU.
pub const CONTROL_SUBPROTOCOL: &str = "conclave.control.v1";
/// Version a client names in its Hello; a server refuses any other.
pub const PROTOCOL_VERSION: u16 = 1;
