//! Log lines: where they go and how they look. What may be in them is the rule of every call site:
//! nothing about a person, a room or an address at info and above.

use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, LogFormat};

/// Libraries that log the bytes they carry at debug or trace; a filter cannot raise them.
const VERBATIM: [&str; 4] = ["tungstenite", "tokio_tungstenite", "hyper", "hyper_util"];

/// Sends log lines to standard error.
pub(crate) fn start(config: &Config) {
    // The configuration was checked, so this parses; without a filter nothing would be logged.
    let filter: Targets = config
        .log
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let filter = VERBATIM
        .iter()
        .fold(filter, |filter, target| filter.with_target(*target, Level::INFO));
    // It warns about every ClientHello extension it does not know, several a handshake.
    let filter = filter.with_target("rtc_dtls", Level::ERROR);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    let lines = match config.log_format {
        LogFormat::Text => lines
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second start in one process keeps the first subscriber.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}
