//! Getting into the group: founding it, being added to it, bringing it back to a server that lost it.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use super::Session;
use super::delivery::Tentative;
use super::resync::ANNOUNCED_TIMEOUT;
use crate::encoding::Blob;
use crate::error::SessionError;
use crate::group::Mls;
use crate::group::create;
use crate::group::join::JoinAttempt;
use crate::message::{
    Ack, Incoming, Join, Nack, NackReason, Outgoing, Policy, Standing, State, Suite, Welcome,
};
use crate::output::{FailReason, JoinedBy, Output};

/// How long to wait for a Welcome before coming in by an external commit, in milliseconds.
const WELCOME_TIMEOUT: u64 = 2_000;
/// Messages held back while the tree of a Welcome is fetched. Beyond it the attempt is given up: the session would
/// have missed a commit.
const MAX_HELD: usize = 256;

/// How a session is getting in.
#[derive(Default)]
pub(super) enum Entry {
    /// Not, or in already.
    #[default]
    Idle,
    /// Found was sent.
    Founding(Box<Mls>),
    /// Join was sent.
    Joining(Joining),
    /// A Welcome waits for its tree.
    Opening(Joining, Box<Opening>),
    /// The session was removed; only a State brings it back.
    Removed,
}

/// A Join and what is needed for the next one.
pub(super) struct Joining {
    attempt: JoinAttempt,
    suite: Suite,
    group_id: Vec<u8>,
    /// When to stop waiting for a Welcome.
    fall_back_at: Option<u64>,
}

pub(super) struct Opening {
    welcome: Welcome,
    held: VecDeque<Incoming>,
}

impl Entry {
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        match self {
            Self::Joining(joining) => joining.fall_back_at,
            _ => None,
        }
    }

    /// Whether a group is the one the session asked to be added to, if it did.
    pub(super) fn expects(&self, mls: &Mls) -> bool {
        match self {
            Self::Joining(joining) | Self::Opening(joining, _) => {
                mls.group_id() == joining.group_id && mls.group.ciphersuite() == joining.suite.ciphersuite()
            }
            Self::Idle | Self::Founding(_) | Self::Removed => true,
        }
    }
}

impl Session {
    pub(super) fn handle_state(&mut self, now_ms: u64, state: &State) -> Result<(), SessionError> {
        let group_id = state.group.as_ref().map(|group| group.group_id.as_slice());
        let entered = self.enter_by(now_ms, state, group_id);
        self.handle_orders(now_ms, &state.orders);
        entered
    }

    fn enter_by(&mut self, now_ms: u64, state: &State, group_id: Option<&[u8]>) -> Result<(), SessionError> {
        match (state.standing, group_id) {
            // Guests do not begin a call that has a lobby: nobody could let them in. They wait for a host.
            (Standing::Found | Standing::Wait, _)
                if self.current.is_none()
                    && self.identity.requires_lobby()
                    && !self.identity.is_room_host() =>
            {
                self.outputs.push_back(Output::Knocking);
                Ok(())
            }
            (Standing::Found, _) => self.found(&state.policy),
            (Standing::Knock, Some(group_id)) => {
                self.forget_group();
                self.knock(group_id)
            }
            // Whoever would add us without a ticket is not to be trusted with who else is there.
            (Standing::Join, Some(group_id))
                if self.identity.requires_lobby()
                    && !self.identity.is_room_host()
                    && self.identity.ticket_for(group_id).is_none() =>
            {
                self.forget_group();
                self.knock(group_id)
            }
            (Standing::Join, Some(group_id)) => {
                self.forget_group();
                self.sign_own_ticket(group_id);
                self.join(now_ms, state.policy.suite, group_id.to_vec())
            }
            (Standing::Resync, _) => {
                let same = self
                    .current
                    .as_ref()
                    .is_some_and(|mls| Some(mls.group_id()) == group_id);
                if !same {
                    self.forget_group();
                }
                self.drop_tentative();
                self.start_resync(now_ms.saturating_add(ANNOUNCED_TIMEOUT));
                Ok(())
            }
            (Standing::Restore, _) => {
                self.encrypt_again(now_ms);
                self.restore()
            }
            (Standing::Resume, Some(group_id)) if self.current.is_none() => {
                // The server thinks we have a state that we do not have.
                self.join(now_ms, state.policy.suite, group_id.to_vec())
            }
            (Standing::Resume, _) => {
                self.encrypt_again(now_ms);
                Ok(())
            }
            (Standing::Wait | Standing::Join | Standing::Knock, _) => Ok(()),
        }
    }

    fn found(&mut self, policy: &Policy) -> Result<(), SessionError> {
        self.forget_group();
        let mls = create::create(&self.identity, policy).inspect_err(|_| self.fail(FailReason::Internal))?;
        let found = mls.export(&self.identity)?;
        self.entry = Entry::Founding(Box::new(mls));
        self.send(Outgoing::Found(found));
        Ok(())
    }

    fn restore(&mut self) -> Result<(), SessionError> {
        self.committer.cancel();
        self.drop_tentative();
        let mls = self.current.as_mut().ok_or(SessionError::NotMember)?;
        mls.clear_pending_commit()?;
        let found = mls.export(&self.identity)?;
        self.send(Outgoing::Found(found));
        Ok(())
    }

    pub(super) fn handle_found_ok(&mut self, now_ms: u64) -> Result<(), SessionError> {
        // With a group already, this is the answer to a restored one.
        if let Entry::Founding(mls) = std::mem::take(&mut self.entry) {
            let epoch = mls.epoch();
            self.roster.note(self.identity.client_id, JoinedBy::Founder);
            self.adopt(now_ms, *mls)?;
            self.switch(now_ms, epoch);
        }
        Ok(())
    }

    pub(super) fn handle_found_lost(&mut self) -> Result<(), SessionError> {
        if matches!(self.entry, Entry::Founding(_)) {
            self.entry = Entry::Idle;
        } else {
            // Somebody else restored the room; the State that follows says how to come back.
            self.keyring.stop_sending();
        }
        Ok(())
    }

    fn join(&mut self, now_ms: u64, suite: Suite, group_id: Vec<u8>) -> Result<(), SessionError> {
        let (attempt, key_package) = JoinAttempt::new(&self.identity, suite, group_id.clone())
            .inspect_err(|_| self.fail(FailReason::Internal))?;
        let fall_back_at = Some(now_ms.saturating_add(WELCOME_TIMEOUT));
        self.entry = Entry::Joining(Joining {
            attempt,
            suite,
            group_id,
            fall_back_at,
        });
        self.send(Outgoing::Join(Join { key_package }));
        Ok(())
    }

    pub(super) fn handle_entry_timeout(&mut self, now_ms: u64) {
        if let Entry::Joining(joining) = &mut self.entry
            && joining.fall_back_at.take_if(|at| *at <= now_ms).is_some()
        {
            self.retry_resync(now_ms);
        }
    }

    /// Keeps what follows a Welcome until its tree is there: it cannot be understood before.
    pub(super) fn hold_while_opening(&mut self, message: Incoming) -> Option<Incoming> {
        let Entry::Opening(_, opening) = &mut self.entry else {
            return Some(message);
        };
        match message {
            Incoming::State(_) => Some(message),
            _ => {
                if opening.held.len() < MAX_HELD {
                    opening.held.push_back(message);
                }
                None
            }
        }
    }

    pub(super) fn handle_welcome(&mut self, welcome: Welcome) -> Result<(), SessionError> {
        let Entry::Joining(joining) = std::mem::take(&mut self.entry) else {
            // A Welcome nobody waits for: its key package is gone.
            return Ok(());
        };
        // An own external commit loses against being added.
        self.drop_tentative();
        self.resync.cancel();
        let tree_hash = welcome.tree_hash.clone();
        self.entry = Entry::Opening(
            joining,
            Box::new(Opening {
                welcome,
                held: VecDeque::new(),
            }),
        );
        self.outputs.push_back(Output::FetchTree { tree_hash });
        Ok(())
    }

    pub(super) fn handle_welcome_tree(
        &mut self,
        now_ms: u64,
        tree_hash: &str,
        tree: Option<&[u8]>,
    ) -> Result<(), SessionError> {
        match &self.entry {
            Entry::Opening(_, opening) if opening.welcome.tree_hash == tree_hash => {}
            _ => return Ok(()),
        }
        let Entry::Opening(joining, opening) = std::mem::take(&mut self.entry) else {
            return Ok(());
        };
        let Joining {
            attempt,
            suite,
            group_id,
            ..
        } = joining;
        let Opening { welcome, held } = *opening;
        let overflow = held.len() >= MAX_HELD;
        let opened = match tree.filter(|tree| is_tree(tree_hash, tree) && !overflow) {
            Some(tree) => attempt.open(&self.identity, welcome.epoch, welcome.welcome.as_slice(), tree),
            None => Err(NackReason::Tree),
        };
        match opened.and_then(|mls| self.vote_for_welcome(mls)) {
            Ok(()) => {}
            Err(reason) => {
                self.send(Outgoing::Nack(Nack {
                    epoch: welcome.epoch,
                    reason,
                }));
                self.fail(match reason {
                    NackReason::Tree => FailReason::Tree,
                    NackReason::Policy | NackReason::Admission => FailReason::WelcomePolicy,
                    NackReason::Welcome | NackReason::Invalid => FailReason::Welcome,
                });
                // The key package is used up.
                self.join(now_ms, suite, group_id)?;
            }
        }
        for message in held {
            self.handle_incoming(now_ms, message)?;
        }
        Ok(())
    }

    /// The commit that added us fell, and our key package with it.
    pub(super) fn join_again(&mut self, now_ms: u64, fallen: &Mls) -> Result<(), SessionError> {
        let suite = Suite::of(fallen.group.ciphersuite()).ok_or(SessionError::Crypto)?;
        self.join(now_ms, suite, fallen.group_id().to_vec())
    }

    fn vote_for_welcome(&mut self, mls: Mls) -> Result<(), NackReason> {
        let epoch = mls.epoch();
        let keys = mls.frame_keys().map_err(|_| NackReason::Welcome)?;
        let tag = mls.confirmation_tag().map_err(|_| NackReason::Welcome)?;
        self.roster.note(self.identity.client_id, JoinedBy::Added);
        self.keyring.clear();
        self.keyring.install(keys);
        self.tentative = Some(Tentative::joined(mls));
        self.send(Outgoing::Ack(Ack {
            epoch,
            confirmation_hash: Blob(Sha256::digest(tag).to_vec()),
        }));
        self.outputs.push_back(Output::KeysChanged);
        Ok(())
    }
}

/// Whether the tree is the one with this name: SHA-256 over its serialization.
pub(super) fn is_tree(tree_hash: &str, tree: &[u8]) -> bool {
    super::tree_hash(tree) == tree_hash
}
