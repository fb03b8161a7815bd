//! LiveKit's access token: a JWT (RFC 7519) signed with HS256 by the key the run's configuration names.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use conclave_wire::bytes;
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;

/// The key's name.
pub(super) const KEY: &str = "loadtest";
/// The key; the server listens to this run only.
pub(super) const SECRET: &str = "conclave-loadtest-conclave-loadtest";
/// How long a token is good.
const LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// A token that lets `identity` into `room`.
pub(super) fn sign(identity: &str, room: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    at(identity, room, now)
}

fn at(identity: &str, room: &str, now: Duration) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let claims = json!({
        "iss": KEY,
        "sub": identity,
        "nbf": now.as_secs().saturating_sub(60),
        "exp": (now + LIFETIME).as_secs(),
        "video": {"roomJoin": true, "room": room, "canPublish": true, "canSubscribe": true},
    });
    let signed = format!(
        "{}.{}",
        bytes::encode(header.to_string().as_bytes()),
        bytes::encode(claims.to_string().as_bytes())
    );
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", bytes::encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_signed_over_its_header_and_claims() {
        let token = at("p1", "r1", Duration::from_secs(1_000_000));
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            panic!("{token}");
        };
        let json = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&bytes::decode(part).unwrap()).unwrap()
        };
        assert_eq!(json(header)["alg"], "HS256");
        let claims_json = json(claims);
        assert_eq!(claims_json["sub"], "p1");
        assert_eq!(claims_json["video"]["room"], "r1");
        assert_eq!(claims_json["exp"], 1_000_000 + 6 * 3600);
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{header}.{claims}").as_bytes());
        mac.verify_slice(&bytes::decode(signature).unwrap()).unwrap();
    }
}
