//! Which addresses go into candidates: what the operator advertises, else what the interfaces have.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Most candidates of one answer; further interfaces are left out.
const MAX_CANDIDATES: usize = 16;

/// The candidates of sockets bound to `bound`, best first.
///
/// `advertise` replaces everything else. A socket on one address offers that address. A socket on all addresses
/// offers those of `interfaces` that another host may reach, or the loopback address if there are none.
pub(crate) fn candidates(
    bound: &[SocketAddr],
    advertise: &[IpAddr],
    interfaces: &[IpAddr],
) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for socket in bound {
        if !advertise.is_empty() {
            push_all(
                &mut found,
                socket,
                advertise
                    .iter()
                    .copied()
                    .filter(|ip| bound.len() == 1 || serves(socket, *ip)),
            );
        } else if socket.ip().is_unspecified() {
            let reachable: Vec<IpAddr> = interfaces
                .iter()
                .copied()
                .filter(|ip| is_reachable(*ip) && serves(socket, *ip))
                .collect();
            push_all(&mut found, socket, reachable.into_iter());
        } else {
            push_all(&mut found, socket, std::iter::once(socket.ip()));
        }
    }
    if found.is_empty() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        found.extend(
            bound
                .first()
                .map(|socket| SocketAddr::new(loopback, socket.port())),
        );
    }
    // IPv4 first: it is what most networks between two people carry.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.truncate(MAX_CANDIDATES);
    found
}

/// The addresses of this host's interfaces.
pub(crate) fn interface_addresses() -> std::io::Result<Vec<IpAddr>> {
    Ok(if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| interface.ip())
        .collect())
}

fn push_all(found: &mut Vec<SocketAddr>, socket: &SocketAddr, addresses: impl Iterator<Item = IpAddr>) {
    for ip in addresses {
        let candidate = SocketAddr::new(ip, socket.port());
        if !found.contains(&candidate) {
            found.push(candidate);
        }
    }
}

/// Whether a socket receives what is sent to `ip` or to the address it stands for; one on `[::]` serves both versions.
fn serves(socket: &SocketAddr, ip: IpAddr) -> bool {
    socket.is_ipv4() == ip.is_ipv4() || (socket.is_ipv6() && socket.ip().is_unspecified())
}

/// Whether another host may reach `ip`: not loopback, and not link-local, which needs a zone that SDP cannot carry.
const fn is_reachable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn candidates_follow_the_bound_address_the_interfaces_and_the_operator() {
        let host = [
            ip("127.0.0.1"),
            ip("192.0.2.7"),
            ip("2001:db8::7"),
            ip("fe80::1"),
            ip("::1"),
        ];
        type Row<'a> = (&'a str, &'a [&'a str], &'a [IpAddr], &'a [&'a str]);
        let table: [Row<'_>; 7] = [
            ("0.0.0.0:3478", &[], &host, &["192.0.2.7:3478"]),
            ("[::]:3478", &[], &host, &["192.0.2.7:3478", "[2001:db8::7]:3478"]),
            ("127.0.0.1:9", &[], &host, &["127.0.0.1:9"]),
            ("192.0.2.7:9", &[], &host, &["192.0.2.7:9"]),
            ("0.0.0.0:3478", &["198.51.100.1"], &host, &["198.51.100.1:3478"]),
            ("0.0.0.0:3478", &[], &[ip("127.0.0.1")], &["127.0.0.1:3478"]),
            ("[::]:3478", &[], &[], &["127.0.0.1:3478"]),
        ];
        for (bound, advertise, interfaces, expected) in table {
            let advertise: Vec<IpAddr> = advertise.iter().map(|text| ip(text)).collect();
            let expected: Vec<SocketAddr> = expected.iter().map(|text| socket(text)).collect();
            assert_eq!(
                candidates(&[socket(bound)], &advertise, interfaces),
                expected,
                "{bound}"
            );
        }
    }

    #[test]
    fn each_advertised_address_goes_with_the_ports_that_serve_its_version() {
        let advertise = [ip("2001:db8::9"), ip("198.51.100.1"), ip("10.0.0.5")];
        type Row<'a> = (&'a [&'a str], &'a [&'a str]);
        let table: [Row<'_>; 4] = [
            (
                &["0.0.0.0:3478", "[2001:db8::7]:3479"],
                &["198.51.100.1:3478", "10.0.0.5:3478", "[2001:db8::9]:3479"],
            ),
            (
                &["[::]:3478"],
                &["198.51.100.1:3478", "10.0.0.5:3478", "[2001:db8::9]:3478"],
            ),
            (
                &["0.0.0.0:1", "[::]:1"],
                &["198.51.100.1:1", "10.0.0.5:1", "[2001:db8::9]:1"],
            ),
            // A lone socket may stand behind a translation of versions.
            (
                &["192.0.2.7:1"],
                &["198.51.100.1:1", "10.0.0.5:1", "[2001:db8::9]:1"],
            ),
        ];
        for (bound, expected) in table {
            let bound: Vec<SocketAddr> = bound.iter().map(|text| socket(text)).collect();
            let expected: Vec<SocketAddr> = expected.iter().map(|text| socket(text)).collect();
            assert_eq!(candidates(&bound, &advertise, &[]), expected, "{bound:?}");
        }
    }
}
