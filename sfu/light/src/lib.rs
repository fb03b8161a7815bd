//! A light client of the SFU, for tests, benchmarks and load: thousands fit into one process.
//!
//! The transport is [`conclave_transport::client`]'s; here are the session descriptions it needs, written and read
//! without a full WebRTC stack. No server carries any of this.

pub mod answer;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod offer;

pub use answer::{Answer, AnswerError, AnsweredSection};
pub use offer::{Encoding, Offer, OfferedSection, extension, payload_type};
