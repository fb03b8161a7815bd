//! The service: sessions and rooms behind one set of inputs and outputs.
//!
//! Inputs: connections, client messages, SFU events, time. Outputs: [`Output`].

use std::net::IpAddr;
use std::time::Instant;

use conclave_wire::ClientMessage;
use conclave_wire::client::session::Policy;
use conclave_wire::control::ControlEvent;
use conclave_wire::id::RoomId;
use thiserror::Error;

use crate::config::ServiceConfig;
use crate::output::Output;

/// One connection, named by the driver; never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub u64);

/// What anybody who knows a room's id may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// Its policy.
    pub policy: Policy,
    /// How many participants it holds now.
    pub participants: usize,
}

/// Why a room was not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateRoomError {
    /// As many rooms as the limits allow; wire code `rate_limited`.
    #[error("too many rooms")]
    TooManyRooms,
    /// `max_participants` is zero or above the limit.
    #[error("max_participants must be 1..={0}")]
    MaxParticipants(u32),
}

/// Counters for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Open connections.
    pub sessions: usize,
    /// Rooms remembered, empty ones too.
    pub rooms: usize,
    /// Participants in all rooms.
    pub participants: usize,
    /// Client messages handled.
    pub messages: u64,
    /// Epochs made final.
    pub finals: u64,
    /// Epochs rolled back.
    pub rollbacks: u64,
    /// Commits refused.
    pub commits_rejected: u64,
    /// Sessions refused or closed with an error.
    pub refused: u64,
}

/// Every room and session of this process.
pub struct Service {}

impl Service {
    /// A service without rooms. `seed` must come from a CSPRNG: session tokens and room ids are drawn from it.
    pub fn new(_config: ServiceConfig, _seed: [u8; 32]) -> Self {
        Self {}
    }

    /// A connection opened. It may be refused at once with an Error and a Close.
    pub fn handle_connect(&mut self, _now: Instant, _session: SessionKey, _remote: IpAddr) {}

    /// A message came. Size limits and JSON are the driver's part ([`conclave_wire::codec`]); for a frame that does not
    /// decode it calls [`Service::handle_bad_frame`].
    pub fn handle_message(&mut self, _now: Instant, _session: SessionKey, _message: ClientMessage) {}

    /// A frame came that is no message: the session is told `code` and closed.
    pub fn handle_bad_frame(&mut self, _now: Instant, _session: SessionKey, _code: conclave_wire::ErrorCode) {}

    /// A connection closed. Its participant is suspended and has the grace period to come back.
    pub fn handle_disconnect(&mut self, _now: Instant, _session: SessionKey) {}

    /// The SFU said something. `Ready` is also the sign that a new SFU is there: peers are announced to it again.
    pub fn handle_control(&mut self, _now: Instant, _event: ControlEvent) {}

    /// The link to the SFU is lost; until `Ready`, offers are refused with `media_unavailable`.
    pub fn handle_control_lost(&mut self, _now: Instant) {}

    /// The server is going down: everybody is told `shutting_down` and closed.
    pub fn handle_shutdown(&mut self, _now: Instant) {}

    /// The time of [`Service::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// Opens a room with this policy.
    pub fn create_room(&mut self, _now: Instant, _policy: Policy) -> Result<RoomId, CreateRoomError> {
        Err(CreateRoomError::TooManyRooms)
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When [`Service::handle_timeout`] is due; `None` when nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// What may be known of a room.
    pub fn room(&self, _id: &RoomId) -> Option<RoomInfo> {
        None
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}
