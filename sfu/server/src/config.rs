//! What an SFU needs to know before it starts, and why it may fail to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

/// Default UDP port of the media plane.
pub const DEFAULT_MEDIA_PORT: u16 = 3478;

/// Most shards of an SFU.
pub const MAX_SHARDS: usize = conclave_sfu_core::ShardSet::MAX;

/// Default of [`SfuConfig::spread`]: about what one core forwards when everybody sees two dozen others.
pub const DEFAULT_SPREAD: NonZeroUsize = match NonZeroUsize::new(100) {
    Some(spread) => spread,
    None => NonZeroUsize::MIN,
};

/// How an SFU is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SfuConfig {
    /// Addresses to bind, for UDP and TCP. Shard `n` binds `port + n`; port 0 takes free ports. `0.0.0.0` alone also takes IPv6
    /// where the host has it.
    pub media: Vec<SocketAddr>,
    /// Addresses put into candidates instead of the interfaces' own.
    pub advertise: Vec<IpAddr>,
    /// Threads that forward media; each has its own port.
    pub shards: NonZeroUsize,
    /// Whether shard `n` stays on the `n`-th core this process may use. It helps when nothing else runs there.
    pub pin: bool,
    /// Peers of one room on a shard before further ones go to another; then its packets are relayed between them.
    pub spread: NonZeroUsize,
}

impl Default for SfuConfig {
    fn default() -> Self {
        Self {
            media: vec![SocketAddr::new(
                IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                DEFAULT_MEDIA_PORT,
            )],
            advertise: Vec::new(),
            shards: NonZeroUsize::MIN,
            pin: false,
            spread: DEFAULT_SPREAD,
        }
    }
}

/// Why an SFU did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No media address was given.
    #[error("no media address to bind")]
    NoMediaAddress,
    /// The address is taken or not of this host.
    #[error("cannot bind the media address {0}: {1}")]
    Bind(SocketAddr, #[source] std::io::Error),
    /// The same port of the address is taken for TCP.
    #[error("cannot listen for media on TCP {0}: {1}")]
    BindTcp(SocketAddr, #[source] std::io::Error),
    /// The interfaces' addresses could not be read.
    #[error("cannot list the network interfaces: {0}")]
    Interfaces(#[source] std::io::Error),
    /// The operating system refused a thread or a runtime.
    #[error("cannot start a shard: {0}")]
    Thread(#[source] std::io::Error),
    /// More shards than one room's packets can be passed between.
    #[error("there can be no more than {MAX_SHARDS} shards")]
    TooManyShards,
    /// The last shard's port would be beyond 65535.
    #[error("too many shards: the ports from {0} on run out")]
    NoPort(SocketAddr),
    /// The DTLS certificate could not be made.
    #[error("cannot make a DTLS certificate")]
    Certificate,
}
