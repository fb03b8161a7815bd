//! What the TLS settings say together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::source::{ConfigError, Layer};
use super::value::{Domains, Email, HttpsUrl, ListenAddress, Text};

/// Where the certificate of the TCP address comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsConfig {
    /// From an authority, by ACME (RFC 8555, RFC 8737).
    Acme(AcmeConfig),
    /// From two PEM files.
    Files {
        /// The certificate and those it hangs on.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// From this server itself, kept in this folder.
    SelfSigned(PathBuf),
}

impl TlsConfig {
    /// Whether browsers trust the certificate. One that they were asked to overlook must not bind them to https
    /// (RFC 6797 §8.4).
    pub(crate) const fn is_trusted(&self) -> bool {
        !matches!(self, Self::SelfSigned(_))
    }
}

/// How a certificate is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The names it is for; at least one.
    pub domains: Vec<String>,
    /// An e-mail address for the account.
    pub contact: Option<String>,
    /// The authority's directory.
    pub directory: String,
    /// PEM file of the root that vouches for the directory.
    pub root: Option<PathBuf>,
    /// Keeps the account and the certificates.
    pub folder: PathBuf,
}

/// The value of `tls`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Off,
    Acme,
    Files,
    SelfSigned,
}

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "acme" => Ok(Self::Acme),
            "files" => Ok(Self::Files),
            "self-signed" => Ok(Self::SelfSigned),
            _ => Err("off, acme, files or self-signed"),
        }
    }
}

/// Settings that only one mode reads, and how that mode is written.
const OF_MODE: [(&str, &str, Mode); 5] = [
    ("acme_domains", "tls = \"acme\"", Mode::Acme),
    ("acme_contact", "tls = \"acme\"", Mode::Acme),
    ("acme_root", "tls = \"acme\"", Mode::Acme),
    ("tls_certificate", "tls = \"files\"", Mode::Files),
    ("tls_key", "tls = \"files\"", Mode::Files),
];

/// Reads the settings of TLS, and the address that sends plain HTTP on.
pub(super) fn read(settings: &Layer) -> Result<(Option<TlsConfig>, Option<SocketAddr>), ConfigError> {
    let mode: Mode = settings.parse("tls")?;
    for (key, needs, of) in OF_MODE {
        // Whoever names a certificate and forgets to turn TLS on must not serve without it.
        if mode != of && settings.parse_optional::<Text>(key)?.is_some() {
            return Err(ConfigError::Needs { key, needs });
        }
    }
    let path = |name| {
        Ok(settings
            .parse_optional::<Text>(name)?
            .map(|text| PathBuf::from(text.0)))
    };
    let needed = |name| {
        path(name)?.ok_or(ConfigError::Needs {
            key: "tls",
            needs: name,
        })
    };
    let tls = match mode {
        Mode::Off => None,
        Mode::Acme => {
            let domains = settings.parse::<Domains>("acme_domains")?.0;
            if domains.is_empty() {
                return Err(ConfigError::Needs {
                    key: "tls",
                    needs: "acme_domains",
                });
            }
            Some(TlsConfig::Acme(AcmeConfig {
                domains,
                contact: settings
                    .parse_optional::<Email>("acme_contact")?
                    .map(|email| email.0),
                directory: settings.parse::<HttpsUrl>("acme_directory")?.0,
                root: path("acme_root")?,
                folder: needed("tls_folder")?,
            }))
        }
        Mode::Files => Some(TlsConfig::Files {
            certificate: needed("tls_certificate")?,
            key: needed("tls_key")?,
        }),
        Mode::SelfSigned => Some(TlsConfig::SelfSigned(needed("tls_folder")?)),
    };
    let redirect = settings
        .parse_optional::<ListenAddress>("http_redirect")?
        .map(|address| address.0);
    if redirect.is_some() && tls.is_none() {
        return Err(ConfigError::Needs {
            key: "http_redirect",
            needs: "tls",
        });
    }
    Ok((tls, redirect))
}
