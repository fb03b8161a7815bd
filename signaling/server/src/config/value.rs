//! The types of values and how they are read. Each error says what the setting takes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::str::FromStr;

use conclave_sfu::config::MAX_SHARDS;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// A TCP address; a port alone means all IPv4 addresses.
pub(super) struct ListenAddress(pub(super) SocketAddr);

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "an address and port such as 0.0.0.0:8080, [::]:8080 or 8080";
        if let Some(port) = port_alone(text) {
            return Ok(Self(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)));
        }
        socket_address(text).map(Self).ok_or(EXPECTED)
    }
}

/// UDP addresses, at most one per IP version; a port alone means all addresses of both.
pub(super) struct MediaAddresses(pub(super) Vec<SocketAddr>);

impl FromStr for MediaAddresses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "an address and port such as 0.0.0.0:3478, one IPv4 and one IPv6, or a port";
        if let Some(port) = port_alone(text) {
            // The SFU takes IPv6 as well behind this address, where the host has it.
            return Ok(Self(vec![SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)]));
        }
        let addresses: Option<Vec<SocketAddr>> = items(text).map(socket_address).collect();
        let mut addresses = addresses.ok_or(EXPECTED)?;
        let v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
        if addresses.is_empty() || v4 > 1 || addresses.len() - v4 > 1 {
            return Err(EXPECTED);
        }
        if addresses.iter().all(|address| address.ip().is_unspecified()) && addresses.len() == 2 {
            // Said in two words what 0.0.0.0 means already.
            addresses.retain(SocketAddr::is_ipv4);
        }
        Ok(Self(addresses))
    }
}

/// IP addresses; none is fine.
pub(super) struct Addresses(pub(super) Vec<IpAddr>);

impl FromStr for Addresses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let addresses: Result<_, _> = items(text).map(IpAddr::from_str).collect();
        addresses
            .map(Self)
            .map_err(|_| "a list of IP addresses such as 192.0.2.7,2001:db8::7")
    }
}

/// Origins of web pages (RFC 6454), in lower case and without a default port; none is fine.
pub(super) struct Origins(pub(super) Vec<String>);

impl FromStr for Origins {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origins: Option<Vec<String>> = items(text).map(origin).collect();
        origins
            .map(Self)
            .ok_or("a list of origins such as https://app.example,http://localhost:3000")
    }
}

/// Only what browsers send as an origin: the text goes into headers, and is compared with theirs byte for byte.
fn origin(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/').to_ascii_lowercase();
    let (scheme, host) = text.split_once("://")?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let uri: hyper::Uri = format!("{scheme}://{host}").parse().ok()?;
    let authority = uri.authority()?;
    let named = !authority.host().is_empty() && host.chars().all(plain);
    // A port that is none is no error of the parser.
    let whole = authority.as_str() == authority.host() || authority.port_u16().is_some();
    (named && whole).then(|| format!("{scheme}://{host}"))
}

/// Names of the DNS (RFC 1123 §2.1), in lower case; none is fine.
pub(super) struct Domains(pub(super) Vec<String>);

impl FromStr for Domains {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let domain = |text: &str| {
            let label = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            let is_address = text.parse::<IpAddr>().is_ok();
            (text.contains('.') && text.len() <= 253 && !is_address && text.split('.').all(label))
                .then(|| text.to_ascii_lowercase())
        };
        let domains: Option<Vec<String>> = items(text).map(domain).collect();
        domains
            .map(Self)
            .ok_or("a list of host names such as meet.example,call.example")
    }
}

/// An e-mail address, as far as a typing error shows.
pub(super) struct Email(pub(super) String);

impl FromStr for Email {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('@');
        let fine = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@' || c == ':')
        };
        match parts {
            Some((name, host)) if fine(name) && fine(host) => Ok(Self(text.to_owned())),
            _ => Err("an e-mail address such as admin@meet.example"),
        }
    }
}

/// A URL that begins with `https://`.
pub(super) struct HttpsUrl(pub(super) String);

impl FromStr for HttpsUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a URL such as https://acme.example/directory";
        let uri: hyper::Uri = text.parse().map_err(|_| EXPECTED)?;
        if uri.scheme_str() != Some("https") || uri.host().is_none_or(str::is_empty) {
            return Err(EXPECTED);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The path of conclave-sfu's control link.
const CONTROL_PATH: &str = "/control";

/// Where a stand-alone SFU takes commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SfuUrl(pub String);

impl FromStr for SfuUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a URL such as ws://10.0.0.2:7000 (for TLS put a tunnel in between)";
        let uri: hyper::Uri = text.parse().map_err(|_| EXPECTED)?;
        if uri.scheme_str() != Some("ws") || uri.host().is_none_or(str::is_empty) || uri.port().is_none() {
            return Err(EXPECTED);
        }
        // Where conclave-sfu takes commands; another path is for a proxy in between.
        let path = if matches!(uri.path(), "" | "/") {
            CONTROL_PATH
        } else {
            ""
        };
        Ok(Self(format!("{}{path}", text.trim_end_matches('/'))))
    }
}

/// A number from 1 to a million.
pub(super) struct Count(pub(super) u32);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.replace('_', "").parse() {
            Ok(count @ 1..=1_000_000) => Ok(Self(count)),
            _ => Err("a whole number from 1 to 1000000"),
        }
    }
}

/// A number of MiB; none is one, too.
pub(super) struct Size(pub(super) u32);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.replace('_', "").parse() {
            Ok(size @ 0..=1_000_000) => Ok(Self(size)),
            _ => Err("a whole number of MiB from 0 to 1000000"),
        }
    }
}

/// A number of shards.
pub(super) struct Shards(pub(super) NonZeroUsize);

impl FromStr for Shards {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shards = text
            .parse()
            .ok()
            .filter(|shards: &NonZeroUsize| shards.get() <= MAX_SHARDS);
        shards.map(Self).ok_or("a whole number from 1 to 64")
    }
}
const _: () = assert!(MAX_SHARDS == 64, "the text says so");

/// A number of participants.
pub(super) struct Spread(pub(super) NonZeroUsize);

impl FromStr for Spread {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "a whole number from 1 on")
    }
}

/// Any text.
pub(super) struct Text(pub(super) String);

impl FromStr for Text {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A filter of `tracing`.
pub(super) struct LogFilter(pub(super) String);

impl FromStr for LogFilter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "error, warn, info, debug, trace or a filter such as info,conclave_signaling=debug";
        // A word alone must be a level: `tracing` takes any other for a module and would log nothing else.
        let word_is_level = |item: &str| item.contains('=') || item.parse::<LevelFilter>().is_ok();
        if text.is_empty() || !items(text).all(word_is_level) || text.parse::<Targets>().is_err() {
            return Err(EXPECTED);
        }
        Ok(Self(text.to_owned()))
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("text or json"),
        }
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn port_alone(text: &str) -> Option<u16> {
    text.strip_prefix(':').unwrap_or(text).parse().ok()
}

/// An address and port, or `localhost` and port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.parse().ok()?)),
        None => text.parse().ok(),
    }
}
