//! ICE credentials whose ufrag names the shard and the peer, so that a first check finds its way.

use zeroize::ZeroizeOnDrop;

/// Random bytes [`IceCredentials::from_random`] consumes: 6 for the ufrag, 18 for the password.
pub const CREDENTIAL_RANDOM_LEN: usize = 24;

/// Characters of the ufrag that carry the route: 9 bytes in base64.
const ROUTE_CHARS: usize = 12;
/// Characters of the whole ufrag: route plus 48 random bits, so that it cannot be guessed from the key.
const UFRAG_CHARS: usize = 20;
/// The ICE character set (RFC 8839 §5.4: ALPHA / DIGIT / "+" / "/") in base64's order.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Where a datagram's peer lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The shard (thread and port) that owns the peer.
    pub shard: u8,
    /// The peer's key inside the process.
    pub peer: u64,
}

/// Our ICE user name fragment and password (RFC 8445 §5.3). No `Debug`: the password is a secret.
#[derive(Clone, ZeroizeOnDrop)]
pub struct IceCredentials {
    #[zeroize(skip)]
    ufrag: String,
    password: String,
}

impl IceCredentials {
    /// Builds credentials for `route` from random bytes that must be fresh from a CSPRNG.
    #[must_use]
    pub fn from_random(route: Route, random: &[u8; CREDENTIAL_RANDOM_LEN]) -> Self {
        let mut prefix = [0u8; 9];
        let [shard, peer @ ..] = &mut prefix;
        *shard = route.shard;
        *peer = route.peer.to_be_bytes();
        let mut ufrag = String::with_capacity(UFRAG_CHARS);
        let (ufrag_random, password_random) = random.split_at(6);
        encode(&prefix, &mut ufrag);
        encode(ufrag_random, &mut ufrag);
        let mut password = String::with_capacity(24);
        encode(password_random, &mut password);
        Self { ufrag, password }
    }

    /// Builds credentials for `route` from the system's random source.
    ///
    /// # Errors
    /// [`RandomError`] when the system has no randomness to give.
    pub fn generate(route: Route) -> Result<Self, RandomError> {
        let mut random = [0u8; CREDENTIAL_RANDOM_LEN];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| RandomError)?;
        Ok(Self::from_random(route, &random))
    }

    /// Credentials with given words, as in a published test vector.
    #[cfg(test)]
    pub(crate) fn literal(ufrag: &str, password: &str) -> Self {
        Self {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The fragment for `a=ice-ufrag`.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password for `a=ice-pwd`. It must go nowhere but into that line.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

/// The system had no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random source failed")]
pub struct RandomError;

/// Reads the route back from a STUN USERNAME (`ours:theirs`) or from our ufrag alone.
///
/// Only a hint for finding the candidate peer: it is not authenticated until that peer has verified
/// MESSAGE-INTEGRITY.
#[must_use]
pub fn route_of(username: &[u8]) -> Option<Route> {
    let ufrag = username.split(|byte| *byte == b':').next()?;
    if ufrag.len() != UFRAG_CHARS {
        return None;
    }
    let mut decoded = [0u8; 9];
    let chars = ufrag.get(..ROUTE_CHARS)?;
    for (four, three) in chars.chunks_exact(4).zip(decoded.chunks_exact_mut(3)) {
        let mut word = 0u32;
        for char in four {
            word = (word << 6) | u32::from(value_of(*char)?);
        }
        let [_, bytes @ ..] = word.to_be_bytes();
        three.copy_from_slice(&bytes);
    }
    let [shard, peer @ ..] = decoded;
    Some(Route {
        shard,
        peer: u64::from_be_bytes(peer),
    })
}

/// Base64 of a multiple of three bytes in the ICE character set.
fn encode(bytes: &[u8], out: &mut String) {
    for three in bytes.chunks_exact(3) {
        let word = three
            .iter()
            .fold(0usize, |word, byte| (word << 8) | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            if let Some(char) = ICE_CHARS.get((word >> shift) & 63) {
                out.push(char::from(*char));
            }
        }
    }
}

const fn value_of(char: u8) -> Option<u8> {
    match char {
        b'A'..=b'Z' => Some(char - b'A'),
        b'a'..=b'z' => Some(char - b'a' + 26),
        b'0'..=b'9' => Some(char - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_survives_the_ufrag() {
        for (shard, peer) in [(0, 0), (255, u64::MAX), (7, 0x0102_0304_0506_0708), (1, 1)] {
            let route = Route { shard, peer };
            let credentials = IceCredentials::from_random(route, &[0xa5; CREDENTIAL_RANDOM_LEN]);
            assert_eq!(route_of(credentials.ufrag().as_bytes()), Some(route));
            let username = format!("{}:theirs", credentials.ufrag());
            assert_eq!(route_of(username.as_bytes()), Some(route));
        }
    }

    #[test]
    fn credentials_have_the_lengths_and_characters_ice_asks_for() {
        let made = IceCredentials::generate(Route { shard: 3, peer: 9 }).unwrap();
        assert_eq!(made.ufrag().len(), 20);
        assert_eq!(made.password().len(), 24);
        for byte in made.ufrag().bytes().chain(made.password().bytes()) {
            assert!(value_of(byte).is_some());
        }
        let again = IceCredentials::generate(Route { shard: 3, peer: 9 }).unwrap();
        assert_ne!(made.ufrag(), again.ufrag());
        assert_ne!(made.password(), again.password());
    }

    #[test]
    fn a_username_that_is_not_ours_has_no_route() {
        for username in [
            &b""[..],
            b":",
            b"abcd:efgh",
            b"AAAAAAAAAAAAAAAAAAA!:x",
            b"????????????????????",
        ] {
            let route = route_of(username);
            assert!(route.is_none() || username.len() > UFRAG_CHARS, "{username:?}");
        }
    }
}
