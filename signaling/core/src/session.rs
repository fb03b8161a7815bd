//! One connection: who it is for, where it came from, how much it may say.

use std::net::IpAddr;
use std::time::Instant;

use conclave_wire::id::{ClientId, RoomId};

use crate::rate::Rates;

/// What the service knows of a connection.
pub(crate) struct Session {
    pub(crate) origin: Origin,
    pub(crate) rates: Rates,
    pub(crate) last_heard: Instant,
    pub(crate) stage: Stage,
}

/// What is legal on a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Only Hello, until then.
    Fresh {
        /// When it is closed without one.
        until: Instant,
    },
    /// Everything but Hello.
    Joined(Place),
}

/// A participant's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) room: RoomId,
    pub(crate) client: ClientId,
}

/// Who counts as one source of connections: an IPv4 address, or an IPv6 /64, which one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin([u8; 8]);

impl Origin {
    pub(crate) fn of(address: IpAddr) -> Self {
        let mut origin = [0; 8];
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                // 0100::/64 is the discard prefix: no client has it.
                origin[0] = 1;
                origin[4..].copy_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                for (to, from) in origin.iter_mut().zip(v6.octets()) {
                    *to = from;
                }
            }
        }
        Self(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_v6_network_are_one_origin_and_v4_addresses_are_their_own() {
        let origin = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::2:3"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
        assert_eq!(origin("192.0.2.1"), origin("::ffff:192.0.2.1"));
    }
}
