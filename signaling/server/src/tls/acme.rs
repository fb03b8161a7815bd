//! A certificate from an authority, fetched and renewed by itself (RFC 8555) by a challenge on the TLS port (RFC 8737).

use std::sync::Arc;

use futures_util::StreamExt as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig as Request, EventOk, is_tls_alpn_challenge};
use tokio::sync::watch;

use super::{TlsError, provider};
use crate::config::AcmeConfig;
use crate::private_folder;

/// The protocol of a challenge (RFC 8737 §6.2).
pub(super) const ALPN: &[u8] = b"acme-tls/1";

/// Whether an authority looks whether the name is this host's.
pub(super) fn is_challenge(hello: &ClientHello<'_>) -> bool {
    is_tls_alpn_challenge(hello)
}

/// Asks for a certificate and keeps it fresh until `stop`. A refusal is told and asked again, later each time.
pub(super) fn start(
    config: &AcmeConfig,
    mut stop: watch::Receiver<bool>,
) -> Result<Arc<dyn ResolvesServerCert>, TlsError> {
    // The library writes keys as anybody may read them; the folder keeps them to their owner.
    private_folder::make(&config.folder).map_err(|error| TlsError::Folder {
        path: config.folder.clone(),
        error,
    })?;
    let mut request = Request::new_with_provider(&config.domains, provider());
    if config.root.is_some() {
        request = request.client_tls_config(trusting(config)?);
    }
    let contact = config.contact.iter().map(|contact| format!("mailto:{contact}"));
    let mut state = request
        .contact(contact)
        .directory(&config.directory)
        .cache(DirCache::new(config.folder.clone()))
        .state();
    let resolver = state.resolver();
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                event = state.next() => event,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match event {
                Some(Ok(EventOk::DeployedNewCert)) => tracing::info!("a new TLS certificate is in use"),
                Some(Ok(EventOk::DeployedCachedCert)) => tracing::info!("the kept TLS certificate is in use"),
                Some(Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore)) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "no TLS certificate yet; it will be asked for again")
                }
                None => return,
            }
        }
    });
    Ok(resolver)
}

fn trusting(config: &AcmeConfig) -> Result<Arc<ClientConfig>, TlsError> {
    let path = config.root.clone().unwrap_or_default();
    let unreadable = |error| TlsError::Pem {
        what: "the root",
        path: path.clone(),
        error,
    };
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(&path).map_err(unreadable)? {
        roots
            .add(root.map_err(unreadable)?)
            .map_err(|error| TlsError::Root {
                path: path.clone(),
                error,
            })?;
    }
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(client))
}
