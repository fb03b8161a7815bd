//! A certificate and its key from two PEM files, which are read again when they change.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{TlsError, provider};

/// How often the files are looked at. Whoever renews certificates does it weeks before they end.
const LOOK: Duration = Duration::from_secs(30);

/// The pair that was read last.
#[derive(Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    pair: RwLock<Arc<CertifiedKey>>,
}

impl Files {
    /// Reads both.
    pub(super) fn read(certificate: PathBuf, key: PathBuf) -> Result<Arc<Self>, TlsError> {
        let pair = RwLock::new(pair(&certificate, &key)?);
        Ok(Arc::new(Self {
            certificate,
            key,
            pair,
        }))
    }

    /// The certificate itself, without those it hangs on.
    pub(super) fn first(&self) -> CertificateDer<'static> {
        self.current()
            .cert
            .first()
            .cloned()
            .unwrap_or_else(|| Vec::new().into())
    }

    /// Reads both again; returns whether the certificate is another one now.
    pub(super) fn read_again(&self) -> Result<bool, TlsError> {
        let pair = pair(&self.certificate, &self.key)?;
        let is_new = pair.cert != self.current().cert;
        if is_new {
            *self.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
        }
        Ok(is_new)
    }

    /// Reads both again and again, until the server stops. What cannot be read leaves the old pair in its place.
    pub(super) async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            match self.read_again() {
                Ok(true) => tracing::info!("the new TLS certificate is in use"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the old TLS certificate stays in use"),
            }
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.pair.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // This certificate answers no challenge.
        (!super::acme::is_challenge(&hello)).then(|| self.current())
    }
}

fn pair(certificate: &PathBuf, key: &PathBuf) -> Result<Arc<CertifiedKey>, TlsError> {
    let unreadable = |what, path: &PathBuf| {
        let path = path.clone();
        move |error| TlsError::Pem { what, path, error }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
        .map_err(unreadable("the certificate", certificate))?
        .collect();
    let chain = chain.map_err(unreadable("the certificate", certificate))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable("the private key", key))?;
    CertifiedKey::from_der(chain, private, &provider())
        .map(Arc::new)
        .map_err(|error| TlsError::Pair {
            certificate: certificate.clone(),
            key: key.clone(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn write(folder: &Path) -> rcgen::CertifiedKey<rcgen::KeyPair> {
        let made = rcgen::generate_simple_self_signed([String::from("meet.example")]).unwrap();
        fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made
    }

    #[test]
    fn a_new_pair_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let paths = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        assert!(matches!(
            Files::read(paths.0.clone(), paths.1.clone()),
            Err(TlsError::Pem { .. })
        ));
        let first = write(folder.path());
        let files = Files::read(paths.0.clone(), paths.1.clone()).unwrap();
        assert_eq!(files.first(), *first.cert.der());
        assert!(!files.read_again().unwrap());

        let second = write(folder.path());
        assert!(files.read_again().unwrap());
        assert_eq!(files.first(), *second.cert.der());

        // Half of a change: the key of one, the certificate of the other.
        fs::write(&paths.1, first.signing_key.serialize_pem()).unwrap();
        assert!(matches!(files.read_again(), Err(TlsError::Pair { .. })));
        fs::write(&paths.0, "no PEM").unwrap();
        assert!(files.read_again().is_err());
        assert_eq!(files.first(), *second.cert.der());
    }
}
