//! One participant's end of a call: everything that has a key.
//!
//! The driving law: after every `handle_*` (and `send_app`, `kick`) drain [`Session::poll_output`] until it is empty,
//! then sleep until [`Session::poll_timeout`]. Time comes in as monotonic milliseconds.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::SessionError;
use crate::frame::{Codec, Context, Decrypted, DropReason};
use crate::message::Suite;
use crate::output::{Member, Output, Resume};
use crate::verification::CodeMaterial;

/// The secret in the link: 32 bytes, never sent. Has no Debug.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RoomSecret([u8; 32]);

impl RoomSecret {
    /// Wraps raw bytes.
    pub fn new(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// Reads the base64url text in a link's fragment.
    pub fn parse(text: &str) -> Option<Self> {
        crate::encoding::decode_array(text).map(Self)
    }
}

/// Seed of a person's long-term Ed25519 key: 32 bytes. Has no Debug.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LongTermKey([u8; 32]);

impl LongTermKey {
    /// Wraps a seed (RFC 8032 §5.1.5).
    pub fn new(seed: [u8; 32]) -> Self {
        Self(seed)
    }
}

/// What a session is made of. Has no Debug.
pub struct SessionConfig {
    /// The room, as in the link's path.
    pub room_id: [u8; 16],
    /// The secret in the link's fragment.
    pub room_secret: RoomSecret,
    /// A fresh pseudonym, the one in Hello.
    pub client_id: [u8; 16],
    /// The name others see: 1..=128 bytes.
    pub display_name: String,
    /// The person's long-term key; a fresh one when absent.
    pub long_term_key: Option<LongTermKey>,
}

/// One participant's end of a call. Has no Debug.
pub struct Session {
    config: SessionConfig,
}

impl Session {
    /// Makes a session with a fresh leaf key; it does nothing until the first State.
    pub fn new(config: SessionConfig) -> Result<Session, SessionError> {
        Ok(Self { config })
    }

    /// Takes one [`crate::message::Incoming`] as JSON text. An error means that the message was dropped; the session
    /// goes on.
    pub fn handle_message(&mut self, _now_ms: u64, _json: &str) -> Result<(), SessionError> {
        let _ = &self.config;
        Err(SessionError::Malformed)
    }

    /// Takes the answer to [`Output::FetchTree`]; `None` when it could not be fetched.
    pub fn handle_tree(
        &mut self,
        _now_ms: u64,
        _tree_hash: &str,
        _tree: Option<&[u8]>,
    ) -> Result<(), SessionError> {
        Ok(())
    }

    /// The WebSocket is gone: pending requests are void, keys stay. Hello with [`Session::resume`] follows.
    pub fn handle_connection_lost(&mut self, _now_ms: u64) {}

    /// Does what is due at `now_ms`.
    pub fn handle_timeout(&mut self, _now_ms: u64) {}

    /// Signs the removal of a member (hosts only); the server then asks for a commit.
    pub fn kick(&mut self, _client_id: &[u8; 16]) -> Result<(), SessionError> {
        Err(SessionError::NotMember)
    }

    /// Sends an application message to all members: encrypted, signed, at most [`crate::MAX_APP_PAYLOAD`] bytes.
    pub fn send_app(&mut self, _payload: &[u8]) -> Result<(), SessionError> {
        Err(SessionError::NotMember)
    }

    /// Encrypts a frame; `out` is replaced. On an error `out` is empty and the frame must not be sent.
    pub fn encrypt(
        &mut self,
        _context: Context,
        _codec: Codec,
        _frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DropReason> {
        out.clear();
        Err(DropReason::NoKey)
    }

    /// Decrypts a frame of a track that carries `expected`; `out` is replaced. On an error `out` is empty and the
    /// frame must not be played.
    pub fn decrypt(
        &mut self,
        _now_ms: u64,
        _expected: Context,
        _codec: Codec,
        _frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Decrypted, DropReason> {
        out.clear();
        Err(DropReason::NoKey)
    }

    /// The next thing to do or show.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When [`Session::handle_timeout`] is due, in the milliseconds of `now_ms`.
    pub fn poll_timeout(&self) -> Option<u64> {
        None
    }

    /// The state to name in Hello; `None` for one that is no member.
    pub fn resume(&self) -> Option<Resume> {
        None
    }

    /// The leaves of the MLS tree of the final epoch, by leaf index.
    pub fn roster(&self) -> Vec<Member> {
        Vec::new()
    }

    /// The final epoch.
    pub fn epoch(&self) -> Option<u64> {
        None
    }

    /// The suite of the group.
    pub fn suite(&self) -> Option<Suite> {
        None
    }

    /// Whether the epoch is confirmed by somebody else (always true unless back by an external commit).
    pub fn is_secured(&self) -> bool {
        false
    }

    /// What the call code of the final epoch is made of.
    pub fn code_material(&self) -> Option<CodeMaterial> {
        None
    }
}
