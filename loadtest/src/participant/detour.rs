//! A bad network between some participants and the server: the candidates of answers lead to a relay instead.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::relay::impairment::Impairment;
use crate::relay::{Relay, Settings};

/// A way around, for any number of participants. Cheap to clone.
#[derive(Clone)]
pub struct Detour(Arc<Mutex<Ways>>);

struct Ways {
    /// Whether anything is relayed; otherwise the server's addresses are only noted.
    relays_at_all: bool,
    seen: BTreeSet<SocketAddr>,
    up: Impairment,
    down: Impairment,
    seed: u64,
    /// The relay for each address of the server.
    relays: HashMap<SocketAddr, Relay>,
}

impl Detour {
    /// Nothing is relayed before the first answer.
    pub fn new(up: Impairment, down: Impairment, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Ways {
            relays_at_all: true,
            seen: BTreeSet::new(),
            up,
            down,
            seed,
            relays: HashMap::new(),
        })))
    }

    /// Relays nothing, but notes where the server's media is.
    pub fn scout() -> Self {
        Self(Arc::new(Mutex::new(Ways {
            relays_at_all: false,
            seen: BTreeSet::new(),
            up: Impairment::default(),
            down: Impairment::default(),
            seed: 0,
            relays: HashMap::new(),
        })))
    }

    /// The UDP addresses of the server that answers named.
    pub async fn seen(&self) -> Vec<SocketAddr> {
        self.0.lock().await.seen.iter().copied().collect()
    }

    /// Changes the network for everybody on it.
    pub async fn set(&self, up: Impairment, down: Impairment) {
        let mut ways = self.0.lock().await;
        (ways.up, ways.down) = (up, down);
        for relay in ways.relays.values() {
            relay.set(Some(up), Some(down));
        }
    }

    /// An answer whose UDP candidates are relays; those of TCP would be a way past the bad network and are left out.
    pub(crate) async fn redirect(&self, sdp: &str) -> io::Result<String> {
        let mut out = String::with_capacity(sdp.len());
        for line in sdp.lines() {
            let redirected = match candidate(line) {
                Some((true, address)) => {
                    let relay = self.relay(address).await?;
                    let (from, to) = (
                        format!(" {} {} ", address.ip(), address.port()),
                        format!(" {} {} ", relay.ip(), relay.port()),
                    );
                    line.replacen(&from, &to, 1)
                }
                Some((false, _)) => continue,
                None => line.to_owned(),
            };
            out.push_str(&redirected);
            out.push_str("\r\n");
        }
        Ok(out)
    }

    async fn relay(&self, to: SocketAddr) -> io::Result<SocketAddr> {
        let mut ways = self.0.lock().await;
        ways.seen.insert(to);
        if !ways.relays_at_all {
            return Ok(to);
        }
        if let Some(relay) = ways.relays.get(&to) {
            return Ok(relay.address());
        }
        let relay = Relay::start(Settings {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            to,
            up: ways.up,
            down: ways.down,
            seed: ways.seed,
        })
        .await?;
        let address = relay.address();
        ways.relays.insert(to, relay);
        Ok(address)
    }
}

/// The address in a candidate line, and whether it is of UDP.
fn candidate(line: &str) -> Option<(bool, SocketAddr)> {
    let words: Vec<&str> = line
        .strip_prefix("a=candidate:")?
        .split_ascii_whitespace()
        .collect();
    let [_, _, protocol, _, ip, port, ..] = words.as_slice() else {
        return None;
    };
    let address = SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
    Some((protocol.eq_ignore_ascii_case("udp"), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn candidates_lead_to_one_relay_per_address_and_nothing_leads_past_it() {
        let scout = Detour::scout();
        let detour = Detour::new(Impairment::default(), Impairment::default(), 1);
        let sdp = "v=0\r\na=candidate:1 1 udp 5 127.0.0.1 7000 typ host\r\n\
                   a=candidate:2 1 tcp 4 127.0.0.1 7000 typ host tcptype passive\r\na=end-of-candidates\r\n";
        let once = detour.redirect(sdp).await.unwrap();
        assert_eq!(detour.redirect(sdp).await.unwrap(), once);
        assert!(
            !once.contains("tcp") && once.ends_with("a=end-of-candidates\r\n"),
            "{once}"
        );
        assert!(scout.redirect(sdp).await.unwrap().contains(" 127.0.0.1 7000 "));
        assert_eq!(scout.seen().await, [SocketAddr::from(([127, 0, 0, 1], 7000))]);
        let (_, address) = once.lines().find_map(candidate).unwrap();
        assert!(address.port() != 7000 && once.contains("typ host"), "{once}");
    }
}
