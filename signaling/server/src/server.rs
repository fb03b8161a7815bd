//! The server put together: starts every part, tells where it is, and stops in order.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conclave_sfu::{SfuConfig, memory};
use conclave_signaling_core::{Limits, Service, ServiceConfig};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, timeout};

use crate::app::{self, App, Shared};
use crate::config::Config;
use crate::driver::{Driver, ServiceHandle};
use crate::http::redirect;
use crate::http::tree::Trees;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::sfu_link::{self, Token};
use crate::state::{State, StateError};
use crate::tls::{Certificate, Tls, TlsError};
use crate::{assets, listener, process};

/// How long the embedded SFU may take to be ready.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(5);
/// How often shared files are looked through for those that are not needed any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How long stopping may take; connections that are not closed by then are cut.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The TCP address cannot be bound.
    #[error("cannot listen on {address}: {}", bind_help(.error, .address.port()))]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// There is no certificate for TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The embedded SFU did not start.
    #[error("the media plane did not start: {0} (--media names another address)")]
    Media(#[source] conclave_sfu::StartError),
    /// The embedded SFU started and did not come up.
    #[error("the media plane started but is not ready")]
    MediaNotReady,
    /// The folder for shared files takes none.
    #[error("cannot keep files in {path}: {error} (--files-folder names another folder)")]
    FilesFolder {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Nothing can be remembered over restarts.
    #[error(transparent)]
    State(#[from] StateError),
    /// The control link's token cannot be read.
    #[error("cannot read the token file {path}: {error}")]
    TokenFile {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The control link's token is no token.
    #[error("the token in {path} must be one line of at least 16 printable characters")]
    Token {
        /// Which file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The operating system refused a thread, a timer or a signal handler.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
}

fn bind_help(error: &io::Error, port: u16) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "the port is in use; stop the other program (`ss -ltnp sport = :{port}` names it) or choose another with --listen"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "port {port} is privileged; choose one above 1023 with --listen, or grant CAP_NET_BIND_SERVICE"
            )
        }
        io::ErrorKind::AddrNotAvailable => String::from("this host does not have that address"),
        _ => error.to_string(),
    }
}

/// A running server.
pub struct Server {
    http: SocketAddr,
    certificate: Option<Certificate>,
    media: Media,
    app: App,
    stop: watch::Sender<bool>,
    driver: JoinHandle<()>,
    state: Option<State>,
}

/// Where media goes.
enum Media {
    /// To the embedded SFU at these addresses, which go into candidates.
    Embedded(Vec<SocketAddr>),
    /// To the SFU behind this link.
    Remote(String),
}

impl Server {
    /// Starts every part. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When a port cannot be bound or a file cannot be read; nothing is left running then.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        process::raise_file_limit();
        let (listener, http) = bind(config.listen).await?;
        let (stop, stopped) = watch::channel(false);
        let tls = match &config.tls {
            Some(tls) => Some(Tls::start(tls, &own_names(config), stopped.clone())?),
            None => None,
        };
        let (tls, certificate) = tls.unzip();
        let plain = match config.http_redirect {
            Some(address) => Some(bind(address).await?.0),
            None => None,
        };

        let files = Arc::new(config.file_store());
        match (files.probe(), &config.files_folder) {
            (Ok(()), _) => {}
            (Err(error), Some(path)) => {
                let path = path.clone();
                return Err(StartError::FilesFolder { path, error });
            }
            (Err(error), None) => tracing::warn!(%error, "files cannot be shared: set files_folder"),
        }

        let mut sfu_stats = None;
        let link = match (&config.sfu, &config.sfu_token_file) {
            (Some(url), Some(path)) => sfu_link::remote(url.clone(), token(path)?),
            _ => {
                let sfu = SfuConfig {
                    media: config.media.clone(),
                    advertise: config.advertise.clone(),
                    shards: config.shards,
                    spread: config.spread,
                    ..SfuConfig::default()
                };
                let (link, stats) = sfu_link::embedded(&sfu).map_err(StartError::Media)?;
                sfu_stats = Some(stats);
                link
            }
        };

        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(StartError::Random)?;
        let trees = Arc::new(Trees::default());
        let mut core = Service::new(core_config(config), seed);
        let (state, writer) = match &config.state_folder {
            Some(folder) => {
                let (state, writer, kept) = State::open(folder)?;
                for kept in kept {
                    core.restore(Instant::now(), kept.room, kept.record, kept.left);
                }
                (Some(state), Some(writer))
            }
            None => (None, None),
        };
        let (driver, mut service) = Driver::new(core, link, Arc::clone(&trees), writer);
        let driver = tokio::spawn(driver.run());
        let media = match &config.sfu {
            Some(url) => Media::Remote(url.0.clone()),
            None => Media::Embedded(media_ready(&mut service).await?),
        };

        let app = App::new(Shared {
            config: config.clone(),
            service,
            registry: Arc::new(Registry::new(
                config.max_connections,
                config.max_connections_per_ip,
            )),
            trees,
            files,
            chunk_turns: Arc::new(Semaphore::new(app::CHUNK_TURNS)),
            metrics: Metrics::new(),
            sfu_stats,
            draining: AtomicBool::new(false),
            next_session: AtomicU64::new(1),
        });
        if let Some(plain) = plain {
            let redirect = redirect::router(http.port());
            tokio::spawn(listener::serve(plain, None, redirect, stopped.clone()));
        }
        tokio::spawn(listener::serve(listener, tls, app::router(app.clone()), stopped));
        tokio::spawn(sweep_files(app.clone(), stop.subscribe()));
        let mut over = stop.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = memory::keep_giving_back() => {}
                _ = over.wait_for(|stop| *stop) => {}
            }
        });
        tracing::info!(address = %http, client = assets::CLIENT_BUILT, "serving");
        Ok(Self {
            http,
            certificate,
            media,
            app,
            stop,
            driver,
            state,
        })
    }

    /// The TCP address that was bound.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Where browsers send media; empty with a stand-alone SFU.
    pub fn media_addresses(&self) -> &[SocketAddr] {
        match &self.media {
            Media::Embedded(candidates) => candidates,
            Media::Remote(_) => &[],
        }
    }

    /// What a person needs to know now: what to open, and which ports others must reach.
    pub fn greeting(&self) -> String {
        let port = self.http.port();
        let host = match (&self.certificate, self.http.ip()) {
            (Some(Certificate::Acme(domains)), _) => domains.first().cloned().unwrap_or_default(),
            (_, ip) if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST => String::from("localhost"),
            (_, IpAddr::V6(ip)) => format!("[{ip}]"),
            (_, ip) => ip.to_string(),
        };
        let url = match (&self.certificate, port) {
            (None, _) => format!("http://{host}:{port}"),
            (Some(_), 443) => format!("https://{host}"),
            (Some(_), _) => format!("https://{host}:{port}"),
        };
        let media = match &self.media {
            Media::Embedded(candidates) => {
                let mut ports: Vec<u16> = candidates.iter().map(SocketAddr::port).collect();
                ports.sort_unstable();
                ports.dedup();
                let addresses: Vec<String> = candidates
                    .iter()
                    .map(|address| address.ip().to_string())
                    .collect();
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                format!("UDP {}  (media, at {})", ports.join(", "), addresses.join(", "))
            }
            Media::Remote(url) => format!("the UDP port of the SFU behind {url}"),
        };
        let mut text = format!(
            "Conclave {} is running.\n\n  Open in a browser:     {url}\n  Others must reach:     \
             TCP {port}  (pages and signaling)\n                         {media}\n\n",
            env!("CARGO_PKG_VERSION")
        );
        if !assets::CLIENT_BUILT {
            text.push_str("The web client is not in this binary: run `make build`.\n");
        }
        // Writing to a String does not fail.
        let _ = match &self.certificate {
            None => writeln!(
                text,
                "Browsers give camera and microphone only to localhost and https: for others turn TLS on (--tls), or put a \
                 proxy with it in front of TCP {port}."
            ),
            Some(Certificate::Acme(domains)) => writeln!(
                text,
                "A certificate for {} is fetched and renewed by itself; the authority must reach TCP 443.",
                domains.join(", ")
            ),
            Some(Certificate::Files) => Ok(()),
            Some(Certificate::SelfSigned(fingerprint)) => writeln!(
                text,
                "Nobody vouches for the certificate, so browsers warn of it. Its SHA-256 fingerprint is\n  {fingerprint}"
            ),
        };
        text.push_str("Stop with Ctrl-C.\n");
        text
    }

    /// Resolves when a part failed that the server cannot go on without.
    pub async fn failed(&mut self) {
        // A task that panicked has told why.
        let _ = (&mut self.driver).await;
    }

    /// Takes nothing new, tells everybody, waits for them to go, and ends.
    pub async fn stop(self) {
        tracing::info!(connections = self.app.registry.live(), "stopping");
        self.app.draining.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
        let goodbye = async {
            if self.app.service.shut_down().await.is_ok() {
                self.app.registry.drained().await;
            }
        };
        if timeout(STOP_TIMEOUT, goodbye).await.is_err() {
            tracing::warn!(connections = self.app.registry.live(), "connections were cut");
        }
        self.driver.abort();
        // Only then is it gone, and with it the way to the state's thread.
        let _ = self.driver.await;
        if let Some(state) = self.state {
            let _ = tokio::task::spawn_blocking(|| state.close()).await;
        }
        tracing::info!("stopped");
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listen_error = |error| StartError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(listen_error)?;
    let bound = listener.local_addr().map_err(listen_error)?;
    Ok((listener, bound))
}

/// What a certificate that is made here is for.
fn own_names(config: &Config) -> Vec<String> {
    let local = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    let others = config.advertise.iter().copied().chain([config.listen.ip()]);
    let mut addresses: Vec<IpAddr> = local.into_iter().chain(others).collect();
    addresses.retain(|address| !address.is_unspecified());
    addresses.sort_unstable();
    addresses.dedup();
    let names = [String::from("localhost")].into_iter();
    names.chain(addresses.iter().map(IpAddr::to_string)).collect()
}

/// Drops shared files that are not needed any more, until the server stops.
async fn sweep_files(app: App, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        for room in app.files.rooms() {
            let Ok(present) = app.service.present(room).await else {
                return;
            };
            app.files.sweep(Instant::now(), room, &present);
        }
        app.files.sweep_paces(Instant::now());
    }
}

fn token(path: &std::path::Path) -> Result<Token, StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| StartError::TokenFile {
        path: path.to_owned(),
        error,
    })?;
    Token::read(&text).ok_or_else(|| StartError::Token {
        path: path.to_owned(),
    })
}

async fn media_ready(service: &mut ServiceHandle) -> Result<Vec<SocketAddr>, StartError> {
    match timeout(MEDIA_TIMEOUT, service.media_ready()).await {
        Ok(Ok(candidates)) => Ok(candidates),
        Ok(Err(_)) | Err(_) => Err(StartError::MediaNotReady),
    }
}

/// The core's own bounds stand behind the registry's; it is told the same numbers.
fn core_config(config: &Config) -> ServiceConfig {
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    ServiceConfig {
        limits: Limits {
            max_sessions: count(config.max_connections),
            max_sessions_per_ip: count(config.max_connections_per_ip),
            ..Limits::default()
        },
        ..ServiceConfig::default()
    }
}
