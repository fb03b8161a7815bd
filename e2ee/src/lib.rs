//! Every secret of a call: MLS group, SFrame keys and frames, verification codes.
//!
//! [`Session`] is the door: JSON messages of the MLS family, ratchet trees, frames and time go in; [`Output`]s and
//! frames come out. It owns no clock, socket or task and runs natively and in a browser's worker. `docs/E2EE.md` is
//! the protocol.

mod admission;
mod call_policy;
mod card;
mod confirmation;
pub mod encoding;
pub mod error;
pub mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod group;
mod identity;
mod key_schedule;
mod keyring;
mod kid;
mod leaf;
pub mod message;
mod moderation;
#[cfg(test)]
mod no_debug_tests;
mod orders;
pub mod output;
mod policy;
mod roster;
mod secrets;
pub mod session;
mod suite;
mod ticket;
#[cfg(test)]
mod vector_tests;
pub mod verification;

pub use encoding::{Blob, ClientId};
pub use error::SessionError;
pub use frame::{Codec, Context, Decrypted, DropReason};
pub use message::{Incoming, Outgoing, Suite};
pub use moderation::{LinkTerms, Moderation, Role};
pub use output::{Change, FailReason, HostProof, JoinedBy, Member, Output, Person, Resume};
pub use secrets::{HostKey, RoomSecret};
pub use session::{Session, SessionConfig};
pub use verification::CodeMaterial;

/// Largest payload of [`Session::send_app`], in bytes.
pub const MAX_APP_PAYLOAD: usize = 48 << 10;
