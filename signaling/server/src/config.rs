//! What the server is told to do: every option from flag, environment or TOML file, checked once at the start.
//!
//! Precedence: flag, then `CONCLAVE_*`, then the file, then the default. A key nobody knows is an error that names
//! the nearest one.

mod keys;
mod source;
mod tls;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub use keys::{KEYS, Key, Kind};
pub use source::{ConfigError, Layer, Source, from_environment, from_toml, merge};
pub use tls::{AcmeConfig, TlsConfig};
pub use value::{LogFormat, SfuUrl};

use crate::files::{FileLimits, FileStore};
use value::{Addresses, ListenAddress, MediaAddresses, Text};

/// The checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// TCP address of pages, API and WebSocket.
    pub listen: SocketAddr,
    /// Where the certificate of that address comes from; without one it speaks plain HTTP.
    pub tls: Option<TlsConfig>,
    /// TCP address where plain HTTP is sent on to https.
    pub http_redirect: Option<SocketAddr>,
    /// UDP addresses of the embedded SFU, at most one per IP version; `0.0.0.0` alone takes IPv6 as well.
    pub media: Vec<SocketAddr>,
    /// Addresses put into candidates; empty means the interfaces' own.
    pub advertise: Vec<IpAddr>,
    /// Threads of the embedded SFU; each takes a port of its own, from `media`'s on.
    pub shards: NonZeroUsize,
    /// Participants of one room on a thread of the embedded SFU before further ones go to another.
    pub spread: NonZeroUsize,
    /// Control link to a stand-alone SFU, instead of the embedded one.
    pub sfu: Option<SfuUrl>,
    /// File with the token of that link.
    pub sfu_token_file: Option<PathBuf>,
    /// Reverse proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins of other sites whose pages may frame a meeting and use this server's API and WebSocket, in lower case.
    pub embed_origins: Vec<String>,
    /// Most WebSocket connections at a time from one IPv4 address or IPv6 /64.
    pub max_connections_per_ip: u32,
    /// Most WebSocket connections at a time.
    pub max_connections: u32,
    /// Folder of what is remembered over restarts; memory only when there is none.
    pub state_folder: Option<PathBuf>,
    /// Folder for the ciphertext of shared files; the system's temporary one when there is none.
    pub files_folder: Option<PathBuf>,
    /// Largest shared file in MiB; 0 turns files off.
    pub max_file_mib: u32,
    /// Most MiB of shared files that one room holds at a time.
    pub max_room_files_mib: u32,
    /// Most MiB of shared files in all.
    pub max_files_mib: u32,
    /// Log filter, as `tracing` takes it.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl Config {
    /// Checks merged settings.
    ///
    /// # Errors
    /// When a value is not what its key takes, or two settings contradict each other.
    pub fn from_settings(settings: &Layer) -> Result<Self, ConfigError> {
        let (tls, http_redirect) = tls::read(settings)?;
        let config = Self {
            listen: settings.parse::<ListenAddress>("listen")?.0,
            tls,
            http_redirect,
            media: settings.parse::<MediaAddresses>("media")?.0,
            advertise: settings.parse::<Addresses>("advertise")?.0,
            shards: settings.parse::<value::Shards>("shards")?.0,
            spread: settings.parse::<value::Spread>("spread")?.0,
            sfu: settings.parse_optional("sfu")?,
            sfu_token_file: settings
                .parse_optional::<Text>("sfu_token_file")?
                .map(|text| PathBuf::from(text.0)),
            trusted_proxies: settings.parse::<Addresses>("trusted_proxies")?.0,
            embed_origins: settings.parse::<value::Origins>("embed_origins")?.0,
            max_connections_per_ip: settings.parse::<value::Count>("max_connections_per_ip")?.0,
            max_connections: settings.parse::<value::Count>("max_connections")?.0,
            state_folder: settings
                .parse_optional::<Text>("state_folder")?
                .map(|text| PathBuf::from(text.0)),
            files_folder: settings
                .parse_optional::<Text>("files_folder")?
                .map(|text| PathBuf::from(text.0)),
            max_file_mib: settings.parse::<value::Size>("max_file_mib")?.0,
            max_room_files_mib: settings.parse::<value::Size>("max_room_files_mib")?.0,
            max_files_mib: settings.parse::<value::Size>("max_files_mib")?.0,
            log: settings.parse::<value::LogFilter>("log")?.0,
            log_format: settings.parse("log_format")?,
        };
        if config.sfu.is_some() && config.sfu_token_file.is_none() {
            return Err(ConfigError::Needs {
                key: "sfu",
                needs: "sfu_token_file",
            });
        }
        if config.sfu.is_none() && config.sfu_token_file.is_some() {
            return Err(ConfigError::Needs {
                key: "sfu_token_file",
                needs: "sfu",
            });
        }
        Ok(config)
    }

    /// An empty store for shared files.
    pub(crate) fn file_store(&self) -> FileStore {
        let bytes = |mib: u32| u64::from(mib) << 20;
        let folder = self.files_folder.clone().unwrap_or_else(std::env::temp_dir);
        let limits = FileLimits {
            file: bytes(self.max_file_mib),
            room: bytes(self.max_room_files_mib),
            total: bytes(self.max_files_mib),
        };
        FileStore::new(folder, limits)
    }

    /// The defaults.
    ///
    /// # Errors
    /// Never: a test holds every default to what its key takes.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::from_settings(&Layer::default())
    }
}

#[cfg(test)]
mod tests;
