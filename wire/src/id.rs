//! Identifiers. Those that name a room, a person or a session print redacted, so that no log line can leak them.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes;

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Wraps raw bytes.
            pub const fn new(raw: [u8; $len]) -> Self {
                Self(raw)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Reads the base64url text form; `None` if it is not exactly that.
            pub fn parse(text: &str) -> Option<Self> {
                bytes::decode_array(text).map(Self)
            }

            /// The base64url text form. Not for logs.
            pub fn to_text(&self) -> String {
                bytes::encode(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| {
                    D::Error::invalid_value(
                        Unexpected::Other("other text"),
                        &concat!(stringify!($name), " as unpadded base64url of ", $len, " bytes"),
                    )
                })
            }
        }
    };
}

macro_rules! redacted_debug {
    ($($name:ident),*) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let text = self.to_text();
                write!(f, concat!(stringify!($name), "({}…)"), text.get(..4).unwrap_or_default())
            }
        })*
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $raw:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "number"))]
        #[serde(transparent)]
        pub struct $name(pub $raw);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

opaque_id!(
    /// A meeting room: 16 random bytes, known to the server.
    RoomId, 16
);
opaque_id!(
    /// A participant's pseudonym in one call: 16 random bytes, the identity of its MLS credential.
    ClientId, 16
);
opaque_id!(
    /// Proof that a connection continues an earlier session: 32 random bytes from the server. Secret, so it has no Debug.
    SessionToken, 32
);
opaque_id!(
    /// SHA-256 of a serialized ratchet tree, the name under which it is fetched.
    TreeHash, 32
);
opaque_id!(
    /// A shared file while the server holds its ciphertext: 16 random bytes from the server.
    FileId, 16
);
redacted_debug!(RoomId, ClientId, TreeHash, FileId);

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(secret)")
    }
}

number_id!(
    /// A leaf of the MLS ratchet tree (RFC 9420 §4).
    LeafIndex, u32
);
number_id!(
    /// An MLS epoch (RFC 9420 §8).
    Epoch, u64
);
number_id!(
    /// Position in a room's totally ordered log.
    Seq, u64
);
number_id!(
    /// A published track, unique within its room.
    TrackId, u32
);
number_id!(
    /// The SFU's transport end of one participant, unique within one signaling process.
    PeerId, u64
);
number_id!(
    /// Numbers a client's offers, so that an answer finds its own.
    OfferId, u32
);
