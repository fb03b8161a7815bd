//! The servers that can be put under the same load: one file or folder each, behind one trait.
//!
//! A [`Target`] is a kind of server; [`Target::start`] gives a running one, in which rooms are made and participants
//! take [`Seat`]s. All participants are the load tester's light ones; a target only speaks its server's signaling.

pub mod conclave;
pub mod janus;
pub mod json_socket;
pub mod livekit;
pub mod network;
pub mod process;
pub mod whip;

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::light::{Decrypt, LightEngine, LightError, LightPeer, Opaque, PeerEvent, PeerSpec, SendTrack};
use crate::measure::Measures;
use crate::server_usage::{self, Usage};
use process::ServerProcess;

/// All targets, as the command line calls them.
pub const NAMES: [&str; 4] = ["conclave", "janus", "livekit", "whip"];

/// Where a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The core it is pinned to.
    pub core: usize,
    /// The address it listens on; no loopback address, for some servers skip those.
    pub address: IpAddr,
}

/// A kind of server.
#[async_trait]
pub trait Target: Send + Sync {
    /// How it is called on the command line and in reports.
    fn name(&self) -> &'static str;

    /// Gets what is needed to start it: finds an installed server, builds one. May take minutes, and says so by `tell`.
    /// The error says in one line why it cannot be had.
    fn prepare(&self, tell: &dyn Fn(&str)) -> Result<Prepared, String>;

    /// What is not alike at it and at others, in a few sentences for the report.
    fn differs(&self) -> &'static str;

    /// Starts a prepared server.
    async fn start(&self, prepared: &Prepared, place: &Place) -> Result<Server, TargetError>;
}

/// A server that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The executable; none for a server that somebody else runs.
    pub program: Option<PathBuf>,
    /// Its version, in its own words.
    pub version: String,
}

/// A running server.
pub struct Server {
    /// Its process.
    pub host: Host,
    /// Where rooms are made.
    pub rooms: Box<dyn Rooms>,
}

/// The process of a server.
pub enum Host {
    /// Started by us, and ended by us.
    Ours(Box<ServerProcess>),
    /// Run by somebody else, with its process id if it is of this machine.
    Elsewhere {
        /// Who it is, for messages.
        name: &'static str,
        /// Its process.
        pid: Option<u32>,
    },
}

impl Server {
    /// CPU time and memory of the server's process; the error says why they cannot be told.
    pub fn usage(&self) -> Result<Usage, String> {
        match &self.host {
            Host::Ours(process) => process.usage(),
            Host::Elsewhere { pid, .. } => {
                server_usage::of_process(pid.ok_or("its process is not known (--whip-pid)")?)
            }
        }
    }

    /// How it was started; `None` for one that somebody else runs.
    pub fn command(&self) -> Option<String> {
        match &self.host {
            Host::Ours(process) => Some(process.command()),
            Host::Elsewhere { .. } => None,
        }
    }

    /// Fails when the server has ended by itself.
    pub fn check(&mut self) -> Result<(), TargetError> {
        match &mut self.host {
            Host::Ours(process) => process.check(),
            Host::Elsewhere { name, pid } => match pid.map(server_usage::of_process) {
                Some(Err(detail)) => Err(TargetError::Died { name, detail }),
                Some(Ok(_)) | None => Ok(()),
            },
        }
    }

    /// As [`Self::check`], after something failed: a server that is about to die explains it.
    pub async fn check_after_failure(&mut self) -> Result<(), TargetError> {
        match &mut self.host {
            Host::Ours(process) => process.check_after_failure().await,
            Host::Elsewhere { .. } => self.check(),
        }
    }

    /// Ends it; one of somebody else is left alone.
    pub async fn stop(self) {
        if let Host::Ours(process) = self.host {
            process.stop().await;
        }
    }
}

/// The rooms of a running server.
#[async_trait]
pub trait Rooms: Send + Sync {
    /// Makes a room; `number` is new in this server.
    async fn create_room(&self, number: u32) -> Result<Box<dyn Room>, TargetError>;
}

/// A room of a running server.
#[async_trait]
pub trait Room: Send + Sync {
    /// Lets a participant in and connects what it publishes. `number` is new in this room.
    async fn join(&self, number: u32, guest: Guest) -> Result<Box<dyn Seat>, TargetError>;
}

/// What a participant brings.
pub struct Guest {
    /// The engine its media runs on.
    pub engine: LightEngine,
    /// The address its media is sent from.
    pub address: IpAddr,
    /// What it publishes; it sends as soon as it is connected.
    pub sends: Vec<SendTrack>,
    /// Of so many frames one is opened.
    pub sample: u32,
    /// Where everything it counts goes.
    pub measures: Arc<Measures>,
}

impl Guest {
    /// A connection that sends what the participant publishes.
    fn publishing_peer(&self) -> Result<LightPeer, LightError> {
        self.peer(self.sends.clone())
    }

    /// A connection that only receives.
    fn receiving_peer(&self) -> Result<LightPeer, LightError> {
        self.peer(Vec::new())
    }

    fn peer(&self, sends: Vec<SendTrack>) -> Result<LightPeer, LightError> {
        self.engine.peer(PeerSpec {
            sends,
            // The server knows no MLS: the payloads are only as long as if it did.
            crypto: Box::new(Opaque),
            decrypt: Decrypt::Sample(self.sample),
            bind: Some(self.address),
            measures: Arc::clone(&self.measures),
        })
    }
}

/// A participant in a room.
#[async_trait]
pub trait Seat: Send {
    /// Receives all that the others publish now, `publishers` in number, and returns when the first packet has come.
    async fn subscribe(&mut self, publishers: usize) -> Result<(), TargetError>;

    /// Leaves.
    async fn leave(self: Box<Self>);
}

/// Waits for the first media of a connection, which may be noticed before the connection itself.
async fn first_packet(peer: &mut LightPeer) -> Result<(), LightError> {
    loop {
        match peer.event().await {
            Some(PeerEvent::FirstPacket | PeerEvent::FirstFrame) => return Ok(()),
            Some(PeerEvent::Connected) => {}
            Some(PeerEvent::Lost) | None => return Err(LightError::Lost),
        }
    }
}

/// Why a server cannot be put under load.
#[derive(Debug, Error)]
pub enum TargetError {
    /// It does not come up.
    #[error("{name} cannot be started: {detail}")]
    Start {
        /// The server.
        name: &'static str,
        /// What it or the system says.
        detail: String,
    },
    /// It ended by itself.
    #[error("{name} has ended by itself: {detail}")]
    Died {
        /// The server.
        name: &'static str,
        /// Its exit status and last words.
        detail: String,
    },
    /// Its signaling broke, or makes no sense.
    #[error("{name}'s signaling: {detail}")]
    Signaling {
        /// The server.
        name: &'static str,
        /// What happened.
        detail: String,
    },
    /// It refuses.
    #[error("{name} refuses: {detail}")]
    Refused {
        /// The server.
        name: &'static str,
        /// Its words.
        detail: String,
    },
    /// It let something wait too long.
    #[error("{name}: {what} took longer than {} s", PATIENCE.as_secs())]
    TimedOut {
        /// The server.
        name: &'static str,
        /// What did not come.
        what: &'static str,
    },
    /// A participant's media failed.
    #[error("{name}: {source}")]
    Media {
        /// The server.
        name: &'static str,
        /// What failed.
        source: LightError,
    },
    /// No voice could be encoded.
    #[error("no voice could be encoded: {0}")]
    Voice(opus::Error),
    /// A participant's task ended early.
    #[error("a participant ended early: {0}")]
    Task(tokio::task::JoinError),
}

/// Makes what went wrong on the way to a running server into an error.
fn cannot_start<E: Display>(name: &'static str) -> impl Fn(E) -> TargetError {
    move |error| TargetError::Start {
        name,
        detail: error.to_string(),
    }
}

/// How long one step of a participant may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for one step of a participant.
async fn within<T>(
    name: &'static str,
    what: &'static str,
    step: impl Future<Output = Result<T, TargetError>>,
) -> Result<T, TargetError> {
    let waited = tokio::time::timeout(PATIENCE, step).await;
    waited.unwrap_or(Err(TargetError::TimedOut { name, what }))
}
