//! Who is at the other end of a request, told by the socket or by a reverse proxy that is trusted.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

/// The client behind a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress {
    /// Its address, as far as it can be known.
    pub(crate) ip: IpAddr,
    /// Whether it came by https.
    pub(crate) https: bool,
}

/// Reads `X-Forwarded-For` and `X-Forwarded-Proto`, but only from a trusted proxy: anybody can write them.
pub(crate) fn of(headers: &HeaderMap, peer: SocketAddr, trusted: &[IpAddr]) -> ClientAddress {
    let peer = peer.ip().to_canonical();
    if !trusted.contains(&peer) {
        return ClientAddress {
            ip: peer,
            https: false,
        };
    }
    // Each proxy appends the address it saw, so the last one that is no proxy of ours is the client.
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|item| item.trim().parse::<IpAddr>().ok())
        .map(|ip| ip.to_canonical())
        .rfind(|ip| !trusted.contains(ip));
    let https = headers
        .get("x-forwarded-proto")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"));
    ClientAddress {
        ip: forwarded.unwrap_or(peer),
        https,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(forwarded: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        headers
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        let peer = "203.0.113.9:1".parse().unwrap();
        let client = of(&headers("192.0.2.1"), peer, &["127.0.0.1".parse().unwrap()]);
        assert_eq!(
            client,
            ClientAddress {
                ip: "203.0.113.9".parse().unwrap(),
                https: false
            }
        );
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_a_client_cannot_prepend_another() {
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let peer = "[::ffff:127.0.0.1]:1".parse().unwrap();
        let client = of(&headers("6.6.6.6, 192.0.2.1, 10.0.0.1"), peer, &trusted);
        assert_eq!(
            client,
            ClientAddress {
                ip: "192.0.2.1".parse().unwrap(),
                https: true
            }
        );
    }

    #[test]
    fn nonsense_from_a_proxy_falls_back_to_the_proxy() {
        let peer = "127.0.0.1:1".parse().unwrap();
        let client = of(
            &headers("unknown, , 1.2.3"),
            peer,
            &["127.0.0.1".parse().unwrap()],
        );
        assert_eq!(client.ip, "127.0.0.1".parse::<IpAddr>().unwrap());
    }
}
