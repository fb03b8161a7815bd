//! What the service allows: limits with their reasons, and the policy of rooms opened by link.

use std::time::Duration;

use conclave_wire::client::session::{Policy, Suite};

/// Configuration of a [`crate::Service`].
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Bounds on everything that grows.
    pub limits: Limits,
    /// Policy of a room that is opened by its link instead of [`crate::Service::create_room`].
    pub default_policy: Policy,
    /// Whether a Hello for an unknown room opens it. Links survive a restart of the server only if it does.
    pub open_by_link: bool,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            default_policy: Policy {
                suite: Suite::PostQuantum,
                max_participants: 250,
            },
            open_by_link: true,
        }
    }
}

/// Bounds. Beyond them a request is refused with a typed error code.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most connections at a time, [`conclave_wire::ErrorCode::TooManyConnections`] beyond.
    pub max_sessions: usize,
    /// Most connections at a time from one IPv4 address or IPv6 /64.
    pub max_sessions_per_ip: usize,
    /// Most rooms at a time.
    pub max_rooms: usize,
    /// Most participants any room's policy may allow (2^12 leaves is what a KID can name; blanks need room).
    pub max_participants: u32,
    /// How long an empty room is remembered.
    pub empty_room_ttl: Duration,
    /// After how long without any message a connection counts as lost.
    pub idle_timeout: Duration,
    /// How long a lost connection may take to come back before its member is removed.
    pub grace: Duration,
    /// How long a connection may take to say Hello.
    pub hello_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_sessions: 10_000,
            max_sessions_per_ip: 256,
            max_rooms: 10_000,
            max_participants: 2_000,
            empty_room_ttl: Duration::from_secs(3_600),
            idle_timeout: Duration::from_secs(15),
            grace: Duration::from_secs(5),
            hello_timeout: Duration::from_secs(10),
        }
    }
}
