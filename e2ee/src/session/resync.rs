//! Coming in by an external commit: the way back after losing step, and the way in when nobody adds us.

use super::Session;
use super::delivery::Tentative;
use super::entry::is_tree;
use crate::error::SessionError;
use crate::group::Mls;
use crate::group::recover::{self, ExternalAttempt};
use crate::message::{GroupInfo, NackReason, Outgoing, Suite};
use crate::output::{FailReason, JoinedBy, Output};

/// How long to wait for a GroupInfo that the server announced, in milliseconds.
pub(super) const ANNOUNCED_TIMEOUT: u64 = 2_000;
/// Shortest time between two requests of a GroupInfo, in milliseconds.
const REQUEST_INTERVAL: u64 = 5_000;
/// How long to wait for an answer or a Final before asking again, in milliseconds.
const ANSWER_TIMEOUT: u64 = 5_000;

/// Where an external commit stands.
#[derive(Default)]
pub(super) struct Resync {
    active: bool,
    /// When to ask (again).
    ask_at: Option<u64>,
    last_asked: Option<u64>,
    /// A GroupInfo that waits for its tree.
    info: Option<GroupInfo>,
}

impl Resync {
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.ask_at
    }

    pub(super) fn wants_tree(&self, tree_hash: &str) -> bool {
        self.info.as_ref().is_some_and(|info| info.tree_hash == tree_hash)
    }

    /// Stops; the limit on requests stays.
    pub(super) fn cancel(&mut self) {
        *self = Self {
            last_asked: self.last_asked,
            ..Self::default()
        };
    }
}

impl Session {
    /// The group went on without this session. It encrypts nothing until it is back: somebody who was removed may hold
    /// the keys it has.
    pub(super) fn lose_step(&mut self, now_ms: u64) {
        if self.resync.is_active() || self.current.is_none() {
            return;
        }
        self.drop_tentative();
        self.committer.cancel();
        self.fail(FailReason::Desynchronized);
        self.retry_resync(now_ms);
    }

    /// Waits for a GroupInfo until `ask_at`, then asks for it.
    pub(super) fn start_resync(&mut self, ask_at: u64) {
        self.keyring.stop_sending();
        self.switch_at = None;
        self.resync.active = true;
        self.resync.info = None;
        if self.current.is_some() {
            self.set_secured(false);
        }
        self.resync.ask_at = Some(ask_at);
    }

    /// Asks for a (newer) GroupInfo, at most once in five seconds.
    pub(super) fn retry_resync(&mut self, now_ms: u64) {
        let earliest = self
            .resync
            .last_asked
            .map_or(now_ms, |at| at.saturating_add(REQUEST_INTERVAL));
        self.start_resync(earliest.max(now_ms));
        self.handle_resync_timeout(now_ms);
    }

    pub(super) fn handle_resync_timeout(&mut self, now_ms: u64) {
        if self.resync.ask_at.take_if(|at| *at <= now_ms).is_some() {
            self.resync.last_asked = Some(now_ms);
            self.resync.ask_at = Some(now_ms.saturating_add(ANSWER_TIMEOUT));
            self.resync.info = None;
            self.drop_tentative();
            self.send(Outgoing::GroupInfoRequest);
        }
    }

    pub(super) fn handle_group_info(&mut self, now_ms: u64, info: GroupInfo) -> Result<(), SessionError> {
        if self.resync.is_active() {
            self.resync.ask_at = Some(now_ms.saturating_add(ANSWER_TIMEOUT));
            let tree_hash = info.tree_hash.clone();
            self.resync.info = Some(info);
            self.outputs.push_back(Output::FetchTree { tree_hash });
        }
        Ok(())
    }

    pub(super) fn handle_resync_tree(
        &mut self,
        now_ms: u64,
        tree: Option<&[u8]>,
    ) -> Result<(), SessionError> {
        let Some(info) = self.resync.info.take() else {
            return Ok(());
        };
        let attempt = match tree.filter(|tree| is_tree(&info.tree_hash, tree)) {
            Some(tree) => recover::external_commit(&self.identity, info.group_info.as_slice(), tree),
            None => Err(NackReason::Tree),
        };
        match attempt.and_then(|attempt| self.expect_same_group(attempt)) {
            Ok(ExternalAttempt { mls, upload }) => {
                let bytes = upload.commit.0.clone();
                self.drop_tentative();
                self.tentative = Some(Tentative::external(mls, bytes));
                self.resync.ask_at = Some(now_ms.saturating_add(ANSWER_TIMEOUT));
                self.send(Outgoing::Commit(upload));
            }
            // Asked again when the time of the answer is over.
            Err(NackReason::Tree) => self.fail(FailReason::Tree),
            Err(_) => self.fail(FailReason::WelcomePolicy),
        }
        Ok(())
    }

    /// A GroupInfo of another group or of an older epoch would take us back in time.
    fn expect_same_group(&self, attempt: ExternalAttempt) -> Result<ExternalAttempt, NackReason> {
        let backwards = self.current.as_ref().is_some_and(|current| {
            current.group_id() != attempt.mls.group_id() || attempt.mls.epoch() <= current.epoch()
        });
        let understood = Suite::of(attempt.mls.group.ciphersuite()).is_some();
        let expected = self.entry.expects(&attempt.mls);
        if backwards || !understood || !expected {
            Err(NackReason::Policy)
        } else {
            Ok(attempt)
        }
    }

    /// The external commit is final.
    pub(super) fn come_back(&mut self, now_ms: u64, mls: Mls) -> Result<(), SessionError> {
        if self
            .current
            .as_ref()
            .is_none_or(|current| current.group_id() != mls.group_id())
        {
            self.forget_group();
        }
        self.entry = super::entry::Entry::Idle;
        self.roster.note(self.identity.client_id, JoinedBy::External);
        self.adopt(now_ms, mls)?;
        self.await_confirmation(now_ms);
        Ok(())
    }
}
