//! The SFU on real sockets: shards, control link, counters. Embedded by the `conclave` server or run as `conclave-sfu`.
//!
//! [`Sfu::start`] binds the media port, starts one thread per shard and returns an [`SfuHandle`]: commands in,
//! events out, both bounded. The first event is `Ready`. Dropping every command sender stops the shards.

mod affinity;
mod bind;
mod candidates;
pub mod config;
pub mod control;
mod dispatch;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod load;
pub mod memory;
mod overload;
mod placement;
mod queue;
mod relay;
mod session;
mod shard;
mod socket;
pub mod stats;
mod tcp;

pub use config::{SfuConfig, StartError};
pub use stats::Stats;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use conclave_transport::dtls::Certificate;
use conclave_wire::control::{ControlCommand, ControlEvent};
use tokio::sync::mpsc;

use crate::bind::Ports;
use crate::dispatch::ShardLink;
use crate::shard::ShardConfig;

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
    /// The addresses that go into candidates.
    pub candidates: Vec<SocketAddr>,
}

/// The entry point.
pub struct Sfu;

impl Sfu {
    /// Binds the media addresses and starts the shards.
    ///
    /// # Errors
    /// When an address cannot be bound or a thread cannot be started.
    pub fn start(config: &SfuConfig) -> Result<SfuHandle, StartError> {
        if config.shards.get() > config::MAX_SHARDS {
            return Err(StartError::TooManyShards);
        }
        let interfaces = candidates::interface_addresses().map_err(StartError::Interfaces)?;
        let certificate = Certificate::generate().map_err(|_| StartError::Certificate)?;
        let (event_tx, events) = mpsc::channel(EVENT_QUEUE);
        let stats = Stats::default();
        let overload = overload::Overload::new(config.shards.get());
        let mut shards = Vec::with_capacity(config.shards.get());
        let mut all_candidates = Vec::new();
        let (outboxes, inboxes) = relay::connect(config.shards.get());
        for (number, inbox) in inboxes.into_iter().enumerate() {
            let (commands, command_rx) = mpsc::channel(COMMAND_QUEUE);
            let forwarded = Arc::new(AtomicU64::new(0));
            let ports = Ports::bind(config, number, &interfaces)?;
            all_candidates.extend_from_slice(&ports.candidates);
            start_shard(ShardConfig {
                number: u8::try_from(number).map_err(|_| StartError::TooManyShards)?,
                ports,
                certificate: certificate.clone(),
                commands: command_rx,
                events: event_tx.clone(),
                stats: stats.clone(),
                forwarded: Arc::clone(&forwarded),
                pin: config.pin,
                overload: overload.clone(),
                outboxes: outboxes.clone(),
                inbox,
            })?;
            shards.push(ShardLink { commands, forwarded });
        }
        let ready = ControlEvent::Ready {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            candidates: all_candidates.clone(),
        };
        // The channel is new: there is room, and its receiver is ours.
        let _ = event_tx.try_send(ready);
        let (commands, command_rx) = mpsc::channel(COMMAND_QUEUE);
        dispatch::start(command_rx, shards, config.spread, event_tx).map_err(StartError::Thread)?;
        Ok(SfuHandle {
            commands,
            events,
            stats,
            candidates: all_candidates,
        })
    }
}

fn start_shard(config: ShardConfig) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    let name = format!("sfu-shard-{}", config.number);
    let spawned = std::thread::Builder::new().name(name).spawn(move || {
        if config.pin
            && let Err(error) = affinity::pin(usize::from(config.number))
        {
            tracing::warn!(%error, "a media shard is not pinned to a core");
        }
        if let Err(error) = runtime.block_on(shard::run(config)) {
            tracing::error!(%error, "a media shard stopped");
        }
    });
    spawned.map(|_| ()).map_err(StartError::Thread)
}
