//! The signaling server: HTTP, WebSocket, embedded SFU and web client in one process.
//!
//! One task ([`driver`]) owns the sans-IO core and obeys its law; every connection is a task ([`connection`]) with
//! bounded queues to and from it; [`sfu_link`] is the way to the SFU, embedded or remote. [`server::Server`] puts
//! them together and [`cli`] starts it.

pub mod cli;
pub mod config;
pub mod server;

mod app;
mod assets;
mod client_address;
mod connection;
mod driver;
mod files;
mod headers;
mod http;
mod listener;
mod logging;
mod metrics;
mod private_folder;
mod process;
mod registry;
mod sfu_link;
mod socket;
mod state;
mod tls;
mod ws;

pub use config::Config;
pub use server::{Server, StartError};

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
