//! Headless participants that speak the whole protocol, scenarios, measures.
//!
//! [`scenario`] starts [`participant`]s; each speaks signaling, MLS, SFrame and WebRTC against a running server, says
//! what [`source`] gives it and compares what it hears and sees; [`measure`] collects, [`report`] tells. [`relay`] is a bad
//! network to put between them. [`compare`] puts other [`target`]s under the same load. [`cli`] is the way in.

pub mod browser;
pub mod cli;
pub mod compare;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod host;
pub mod http;
pub mod light;
pub mod measure;
pub mod memory;
pub mod packet;
pub mod participant;
pub mod progress;
pub mod relay;
pub mod report;
pub mod room;
pub mod scenario;
pub mod server_usage;
pub mod source;
pub mod target;
mod tls;
