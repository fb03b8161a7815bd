//! `conclave-sfu`: the SFU alone, told what to do over the control link.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use conclave_sfu::config::DEFAULT_SPREAD;
use conclave_sfu::{Sfu, SfuConfig, StartError, control, memory};
use tracing_subscriber::EnvFilter;

/// Forwards end-to-end-encrypted media between the participants of Conclave meetings.
///
/// It holds no end-to-end key. A signaling service (`conclave serve`) tells it over the control link who is in which
/// room; the media port must be reachable by the participants, the control port by the signaling service alone.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Address for media on UDP and TCP; shard N uses port + N.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "0.0.0.0:3478",
        env = "CONCLAVE_MEDIA"
    )]
    media: SocketAddr,
    /// Addresses put into candidates, separated by commas; by default those of the interfaces.
    #[arg(
        long,
        value_name = "IP[,IP]",
        value_delimiter = ',',
        env = "CONCLAVE_ADVERTISE"
    )]
    advertise: Vec<IpAddr>,
    /// Threads that forward media, at most 64.
    #[arg(long, value_name = "N", default_value = "1", env = "CONCLAVE_SHARDS")]
    shards: NonZeroUsize,
    /// Keep media thread N on the N-th core; for hosts where nothing else runs.
    #[arg(long, env = "CONCLAVE_PIN")]
    pin: bool,
    /// Peers of one room on a media thread before further ones go to another.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SPREAD, env = "CONCLAVE_SPREAD")]
    spread: NonZeroUsize,
    /// TCP address of the control link: /control, /livez, /metrics.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:8081",
        env = "CONCLAVE_CONTROL"
    )]
    control: SocketAddr,
    /// File with the bearer token that the signaling service shows.
    #[arg(long, value_name = "FILE", env = "CONCLAVE_CONTROL_TOKEN_FILE")]
    control_token_file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("cannot read the control token from {0}: {1}")]
    TokenFile(PathBuf, #[source] std::io::Error),
    #[error(transparent)]
    Token(#[from] control::TokenError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot serve the control link on {0}: {1}")]
    Control(SocketAddr, #[source] std::io::Error),
}

fn main() -> ExitCode {
    let options = Options::parse();
    // rtc-dtls warns about every ClientHello extension it does not know.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,rtc_dtls=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(options: Options) -> Result<(), RunError> {
    let path = options.control_token_file;
    let text = std::fs::read_to_string(&path).map_err(|error| RunError::TokenFile(path, error))?;
    let token = control::token_from(&text)?;
    let failed = |error| RunError::Control(options.control, error);
    let listener = tokio::net::TcpListener::bind(options.control)
        .await
        .map_err(failed)?;
    let config = SfuConfig {
        media: vec![options.media],
        advertise: options.advertise,
        shards: options.shards,
        pin: options.pin,
        spread: options.spread,
    };
    let handle = Sfu::start(&config)?;
    tracing::info!(candidates = ?handle.candidates, control = %options.control, "serving");
    tokio::spawn(memory::keep_giving_back());
    axum::serve(listener, control::router(handle, token))
        .with_graceful_shutdown(stopped())
        .await
        .map_err(failed)
}

/// Ctrl-C, or the service manager's SIGTERM.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt => {}
        () = terminate => {}
    }
}
