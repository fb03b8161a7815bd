//! One participant's end of a call: everything that has a key.
//!
//! The driving law: after every `handle_*` (and `send_app`, `kick`) drain [`Session::poll_output`] until it is empty,
//! then sleep until [`Session::poll_timeout`]. Time comes in as monotonic milliseconds.
//!
//! Inputs: [`Incoming`] messages, trees, time, frames. Outputs: [`Output`], frames. One file per family of inputs:
//! `entry` (how to get into the group), `delivery` (commits and epochs), `resync` (external commits), `app`
//! (application messages), `host` (moderation),
//! `lobby` (tickets), `guests` (what the link is good for).

mod app;
mod delivery;
mod entry;
mod guests;
mod host;
mod lobby;
mod resync;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use crate::encoding::{self, Blob};
use crate::error::SessionError;
use crate::frame::{Codec, Context, Decrypted, DropReason};
use crate::group::Mls;
use crate::group::committer::Committer;
use crate::identity::Identity;
use crate::keyring::Keyring;
use crate::message::{Incoming, Outgoing, Suite};
use crate::output::{FailReason, Member, Output, Resume};
use crate::roster::Roster;
use crate::secrets::{HostKey, RoomSecret};
use crate::session::app::Confirmation;
use crate::session::delivery::Tentative;
use crate::session::entry::Entry;
use crate::session::guests::Clock;
use crate::session::host::Hosting;
use crate::session::resync::Resync;
use crate::verification::CodeMaterial;

/// Largest message text in bytes; the server's own limit.
const MAX_MESSAGE: usize = 4 << 20;

/// The name of a serialized ratchet tree: SHA-256 in base64url.
pub(crate) fn tree_hash(tree: &[u8]) -> String {
    encoding::encode(&Sha256::digest(tree))
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
}

/// One participant's end of a call. Has no Debug.
pub struct Session {
    identity: Identity,
    /// The group in its final epoch. Written by `delivery` and `entry`.
    current: Option<Mls>,
    /// How the session is getting in. Written by `entry`.
    entry: Entry,
    /// The epoch under vote. Written by `delivery`, `entry` and `resync`.
    tentative: Option<Tentative>,
    /// The way back after losing step. Written by `resync`.
    resync: Resync,
    /// Whether somebody confirmed the epoch. Written by `app`.
    confirmation: Confirmation,
    committer: Committer,
    /// When to switch without a Go, and to which epoch. Written by `delivery`.
    switch_at: Option<(u64, u64)>,
    keyring: Keyring,
    roster: Roster,
    hosting: Hosting,
    /// Written by `guests`.
    clock: Clock,
    /// The group whose lobby this session waits in. Written by `lobby`.
    knocked_at: Vec<u8>,
    outputs: VecDeque<Output>,
}

impl Session {
    /// Makes a session with a fresh leaf key; it does nothing until the first State.
    ///
    /// # Errors
    /// `BadName`, or `Crypto` when there is no randomness.
    pub fn new(config: SessionConfig) -> Result<Session, SessionError> {
        Self::with_host_key(config, None)
    }

    /// The same for a room whose link names a host key: the session enters no group of other hosts.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn hosted(config: SessionConfig, host_key: HostKey) -> Result<Session, SessionError> {
        Self::with_host_key(config, Some(host_key))
    }

    fn with_host_key(config: SessionConfig, host_key: Option<HostKey>) -> Result<Session, SessionError> {
        Ok(Self {
            identity: Identity::new(config, host_key)?,
            current: None,
            entry: Entry::Idle,
            tentative: None,
            resync: Resync::default(),
            confirmation: Confirmation::default(),
            committer: Committer::default(),
            switch_at: None,
            keyring: Keyring::default(),
            roster: Roster::default(),
            hosting: Hosting::default(),
            clock: Clock::default(),
            knocked_at: Vec::new(),
            outputs: VecDeque::new(),
        })
    }

    /// What the key of a device signs (Ed25519) so that others know it again in later calls ([`Session::set_device`]).
    pub fn device_statement(&self) -> Vec<u8> {
        self.identity.device_statement()
    }

    /// Makes a device's key this session's long-term key. Before the first message: the identity card of a leaf that is
    /// there already stays as it is.
    ///
    /// # Errors
    /// `BadDevice` when `signature` is not that of `public` over [`Session::device_statement`].
    pub fn set_device(&mut self, public: [u8; 32], signature: [u8; 64]) -> Result<(), SessionError> {
        self.identity.set_device(public, signature)
    }

    /// Takes one [`Incoming`] as JSON text.
    ///
    /// # Errors
    /// The message was dropped (`TooLarge`, `Malformed`) or could not be served (`Crypto`); the session goes on.
    pub fn handle_message(&mut self, now_ms: u64, json: &str) -> Result<(), SessionError> {
        if json.len() > MAX_MESSAGE {
            return Err(SessionError::TooLarge);
        }
        let message = serde_json::from_str(json).map_err(|_| SessionError::Malformed)?;
        self.handle_incoming(now_ms, message)
    }

    /// Takes a message that was read already.
    ///
    /// # Errors
    /// `Crypto` when it could not be served; the session goes on.
    pub fn handle_incoming(&mut self, now_ms: u64, message: Incoming) -> Result<(), SessionError> {
        let Some(message) = self.hold_while_opening(message) else {
            return Ok(());
        };
        match message {
            Incoming::State(state) => self.handle_state(now_ms, &state),
            Incoming::FoundOk => self.handle_found_ok(now_ms),
            Incoming::FoundLost => self.handle_found_lost(),
            Incoming::CommitCall(call) => self.handle_commit_call(now_ms, call),
            Incoming::Commit(commit) => self.handle_commit(now_ms, &commit),
            Incoming::CommitRejected(rejected) => self.handle_commit_rejected(now_ms, &rejected),
            Incoming::Welcome(welcome) => self.handle_welcome(welcome),
            Incoming::Final(at) => self.handle_final(now_ms, at.epoch),
            Incoming::Rollback(at) => self.handle_rollback(now_ms, at.epoch),
            Incoming::Go(at) => self.handle_go(now_ms, at.epoch),
            Incoming::App(app) => self.handle_app(&app),
            Incoming::GroupInfo(info) => self.handle_group_info(now_ms, info),
            Incoming::Order(order) => self.handle_order(now_ms, order),
            Incoming::Knocks(knocks) => self.handle_knocks(knocks),
            Incoming::Admitted(admitted) => self.handle_admitted(admitted),
        }
    }

    /// Takes the answer to [`Output::FetchTree`]; `None` when it could not be fetched. A tree nobody asked for is
    /// ignored.
    ///
    /// # Errors
    /// `Crypto` when a next attempt could not be made.
    pub fn handle_tree(
        &mut self,
        now_ms: u64,
        tree_hash: &str,
        tree: Option<&[u8]>,
    ) -> Result<(), SessionError> {
        if self.resync.wants_tree(tree_hash) {
            return self.handle_resync_tree(now_ms, tree);
        }
        self.handle_welcome_tree(now_ms, tree_hash, tree)
    }

    /// The WebSocket is gone: what was under vote is void, keys stay. Hello with [`Session::resume`] follows.
    pub fn handle_connection_lost(&mut self, _now_ms: u64) {
        self.committer.cancel();
        self.drop_tentative();
        self.resync = Resync::default();
        self.entry = Entry::Idle;
    }

    /// Does what is due at `now_ms`.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        self.keyring.handle_timeout(now_ms);
        if let Some((_, epoch)) = self.switch_at.take_if(|(at, _)| *at <= now_ms) {
            self.switch(now_ms, epoch);
        }
        if let Some(call) = self.committer.due(now_ms) {
            self.answer_commit_call(now_ms, &call);
        }
        self.handle_entry_timeout(now_ms);
        self.handle_resync_timeout(now_ms);
        self.handle_confirmation_timeout(now_ms);
    }

    /// Encrypts a frame; `out` is replaced.
    ///
    /// # Errors
    /// `out` is empty and the frame must not be sent.
    pub fn encrypt(
        &mut self,
        context: Context,
        codec: Codec,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DropReason> {
        out.clear();
        self.keyring
            .encrypt(context, codec, frame, out)
            .inspect_err(|_| out.clear())
    }

    /// Decrypts a frame of a track that carries `expected`; `out` is replaced.
    ///
    /// # Errors
    /// `out` is empty and the frame must not be played; after `NoKey` it may be retried on [`Output::KeysChanged`].
    pub fn decrypt(
        &mut self,
        now_ms: u64,
        expected: Context,
        codec: Codec,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Decrypted, DropReason> {
        out.clear();
        self.keyring
            .decrypt(now_ms, expected, codec, frame, out)
            .inspect_err(|_| out.clear())
    }

    /// The next thing to do or show.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Session::handle_timeout`] is due, in the milliseconds of `now_ms`.
    pub fn poll_timeout(&self) -> Option<u64> {
        [
            self.keyring.poll_timeout(),
            self.switch_at.map(|(at, _)| at),
            self.committer.poll_timeout(),
            self.entry.poll_timeout(),
            self.resync.poll_timeout(),
            self.confirmation.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The state to name in Hello; `None` for one that is no member.
    pub fn resume(&self) -> Option<Resume> {
        let mls = self.current.as_ref()?;
        Some(Resume {
            group_id: Blob(mls.group_id().to_vec()),
            epoch: mls.epoch(),
            confirmation_tag: Blob(mls.confirmation_tag().ok()?),
        })
    }

    /// The leaves of the MLS tree of the final epoch, by leaf index.
    pub fn roster(&self) -> Vec<Member> {
        let mut members = self.roster.list(self.identity.client_id);
        for member in &mut members {
            let key = self.roster.key_of(member.client_id).unwrap_or_default();
            member.role = if member.is_self {
                self.own_role()
            } else {
                self.hosting.role_of(&key)
            };
            member.permitted = self.hosting.orders.permitted(member.role, &key);
        }
        members
    }

    /// The final epoch.
    pub fn epoch(&self) -> Option<u64> {
        self.current.as_ref().map(Mls::epoch)
    }

    /// The epoch frames are encrypted with.
    pub fn sending_epoch(&self) -> Option<u64> {
        self.keyring.sending()
    }

    /// The suite of the group.
    pub fn suite(&self) -> Option<Suite> {
        Suite::of(self.current.as_ref()?.group.ciphersuite())
    }

    /// Whether the session is a member and the epoch is confirmed by somebody else (always so unless it came by an
    /// external commit).
    pub fn is_secured(&self) -> bool {
        self.current.is_some() && self.confirmation.is_secured()
    }

    /// What the call code of the final epoch is made of.
    pub fn code_material(&self) -> Option<CodeMaterial> {
        self.current.as_ref().map(Mls::code_material)
    }

    fn send(&mut self, message: Outgoing) {
        self.outputs.push_back(Output::Send(message));
    }

    fn fail(&mut self, reason: FailReason) {
        self.outputs.push_back(Output::Failed { reason });
    }
}
