//! LiveKit's configuration, written for one run.

use std::net::IpAddr;

use super::token;

/// The ports one server needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    /// HTTP and WebSocket.
    pub(super) http: u16,
    /// All media.
    pub(super) media: u16,
}

/// The file's text.
///
/// One UDP port. The STUN server is never asked: an empty
/// list would hand public ones to clients. Congestion control stays as it is shipped, for the participants report
/// arrivals (TWCC) to every server alike.
pub(super) fn text(address: IpAddr, ports: Ports) -> String {
    format!(
        "port: {http}\n\
         bind_addresses: [\"{address}\"]\n\
         rtc:\n  udp_port: {media}\n  tcp_port: 0\n  node_ip: \"{address}\"\n  use_external_ip: false\n  \
         stun_servers: [\"127.0.0.1:3478\"]\n\
         keys:\n  {key}: {secret}\n\
         logging:\n  level: error\n",
        http = ports.http,
        media = ports.media,
        key = token::KEY,
        secret = token::SECRET,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_address_and_key_stand_in_the_file() {
        let ports = Ports {
            http: 7880,
            media: 7882,
        };
        let text = text(IpAddr::from([10, 99, 0, 1]), ports);
        for line in [
            "port: 7880",
            "bind_addresses: [\"10.99.0.1\"]",
            "  udp_port: 7882",
            "  node_ip: \"10.99.0.1\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(text.contains(token::SECRET));
    }
}
