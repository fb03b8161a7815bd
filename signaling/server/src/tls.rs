//! TLS on the TCP address: where its certificate comes from, and the handshake.

mod acme;
mod files;
mod self_signed;

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ResolvesServerCert;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsConfig;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/1.1 alone: a WebSocket needs it.
const HTTP: &[u8] = b"http/1.1";

/// Why there is no certificate.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A PEM file cannot be read, or holds none of what it should.
    #[error("cannot read {what} in {path}: {error}")]
    Pem {
        /// Certificate or key.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        error: rustls::pki_types::pem::Error,
    },
    /// The key is of a kind nobody knows, or another certificate's.
    #[error("the key {key} does not fit the certificate {certificate}: {error}")]
    Pair {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the key.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// A root that cannot vouch.
    #[error("the root in {path} cannot be used: {error}")]
    Root {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// The folder for keys and certificates cannot be used.
    #[error("cannot keep keys and certificates in {path}: {error} (--tls-folder names another folder)")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The cryptography lacks what TLS needs.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// Makes TLS connections of TCP connections.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

/// What a person who starts the server should know of its certificate.
pub(crate) enum Certificate {
    /// For these names, fetched by itself.
    Acme(Vec<String>),
    Files,
    /// Its SHA-256 fingerprint, as browsers show it.
    SelfSigned(String),
}

impl Tls {
    /// Reads or makes the certificate, and keeps it fresh until `stop`. `names` go into one that is made here.
    pub(crate) fn start(
        config: &TlsConfig,
        names: &[String],
        stop: watch::Receiver<bool>,
    ) -> Result<(Self, Certificate), TlsError> {
        let (resolver, certificate): (Arc<dyn ResolvesServerCert>, _) = match config {
            TlsConfig::Acme(config) => (
                acme::start(config, stop)?,
                Certificate::Acme(config.domains.clone()),
            ),
            TlsConfig::Files { certificate, key } => {
                let files = files::Files::read(certificate.clone(), key.clone())?;
                tokio::spawn(Arc::clone(&files).watch(stop));
                (files, Certificate::Files)
            }
            TlsConfig::SelfSigned(folder) => {
                let files = self_signed::kept(folder, names)?;
                let fingerprint = fingerprint(&files.first());
                (files, Certificate::SelfSigned(fingerprint))
            }
        };
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        server.alpn_protocols = vec![HTTP.to_vec(), acme::ALPN.to_vec()];
        Ok((Self(Arc::new(server).into()), certificate))
    }

    /// Shakes hands. `None` when there is nothing to serve: it failed, or an authority only looked (RFC 8737 §3).
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        match timeout(HANDSHAKE_TIMEOUT, self.0.accept(stream)).await {
            Ok(Ok(stream)) => (stream.get_ref().1.alpn_protocol() != Some(acme::ALPN)).then_some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(certificate) {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to a String does not fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}
