//! Following the delivery service: a commit is tentative, then final or rolled back, then encrypted with.

use openmls::prelude::StagedCommit;
use sha2::{Digest as _, Sha256};

use super::Session;
use super::app::Confirmation;
use super::entry::Entry;
use super::host::Hosting;
use crate::encoding::Blob;
use crate::error::SessionError;
use crate::group::{Mls, commit, process};
use crate::key_schedule::BaseKey;
use crate::keyring::NewEpoch;
use crate::message::{Ack, Commit, CommitCall, CommitRejected, Nack, NackReason, Outgoing};
use crate::output::{Change, FailReason, JoinedBy, Output};
use crate::policy::CommitFacts;

/// How long after Final the session waits for Go before it switches by itself, in milliseconds: a server must not be
/// able to hold senders in an old epoch.
const GO_TIMEOUT: u64 = 1_000;

/// The one epoch under vote.
pub(super) struct Tentative {
    pub(super) epoch: u64,
    kind: Kind,
}

enum Kind {
    /// This session's own commit, pending in the group.
    Own,
    /// Somebody's commit.
    Theirs {
        commit: Box<StagedCommit>,
        facts: CommitFacts,
        bytes: Vec<u8>,
    },
    /// A group this session was added to.
    Joined(Box<Mls>),
    /// A group this session came into by its own external commit. A Final counts for it only when the server announced
    /// it: another commit of the same epoch may have been faster.
    External {
        mls: Box<Mls>,
        bytes: Vec<u8>,
        announced: bool,
    },
    /// A commit this session refused. If it is finalized all the same, the session has to come back from outside.
    Refused,
}

impl Tentative {
    pub(super) fn joined(mls: Mls) -> Self {
        Self {
            epoch: mls.epoch(),
            kind: Kind::Joined(Box::new(mls)),
        }
    }

    pub(super) fn external(mls: Mls, bytes: Vec<u8>) -> Self {
        Self {
            epoch: mls.epoch(),
            kind: Kind::External {
                mls: Box::new(mls),
                bytes,
                announced: false,
            },
        }
    }

    fn is_external(&self) -> bool {
        matches!(self.kind, Kind::External { .. })
    }
}

impl Session {
    pub(super) fn handle_commit_call(&mut self, now_ms: u64, call: CommitCall) -> Result<(), SessionError> {
        if self.epoch() == Some(call.epoch) && self.tentative.is_none() {
            self.committer.handle_call(now_ms, call);
            self.handle_timeout(now_ms);
        }
        Ok(())
    }

    pub(super) fn answer_commit_call(&mut self, now_ms: u64, call: &CommitCall) {
        let Some(mls) = self.current.as_mut().filter(|mls| mls.epoch() == call.epoch) else {
            return;
        };
        if self.tentative.is_some() {
            return;
        }
        let unix = self.clock.unix(now_ms);
        let gate = self.hosting.gate(now_ms, unix, &self.identity.keys);
        let built = commit::build(&self.identity, mls, &gate, call);
        drop(gate);
        match built {
            Ok(Some(upload)) => {
                self.committer.handle_upload(upload.epoch);
                self.send(Outgoing::Commit(upload));
            }
            Ok(None) => {}
            Err(_) => self.fail(FailReason::Internal),
        }
    }

    pub(super) fn handle_commit(&mut self, now_ms: u64, message: &Commit) -> Result<(), SessionError> {
        self.committer.cancel();
        if self.announces_own_external(message) {
            return Ok(());
        }
        if self.tentative.as_ref().is_some_and(Tentative::is_external) {
            // Another commit came first: ours is built on an epoch that is over.
            self.drop_tentative();
            self.retry_resync(now_ms);
        }
        let Some(epoch) = self.epoch() else {
            return Ok(());
        };
        if message.epoch <= epoch || self.is_repeated(message) {
            return Ok(());
        }
        if message.epoch != epoch.saturating_add(1) {
            self.lose_step(now_ms);
            return Ok(());
        }
        // A commit of the same epoch as the one under vote: that one fell.
        self.drop_tentative();
        self.judge(now_ms, message)
    }

    fn judge(&mut self, now_ms: u64, message: &Commit) -> Result<(), SessionError> {
        let Some(mls) = self.current.as_mut() else {
            return Ok(());
        };
        let unix = self.clock.unix(now_ms);
        let gate = self.hosting.gate(now_ms, unix, &self.identity.keys);
        let judged = process::commit(&self.identity, mls, &gate, message.commit.as_slice());
        drop(gate);
        match judged {
            Ok(process::Acceptable::Own) => {
                let keys = own_pending_keys(mls)?;
                self.tentative = Some(Tentative {
                    epoch: message.epoch,
                    kind: Kind::Own,
                });
                self.install(keys);
            }
            Ok(process::Acceptable::Theirs {
                commit,
                facts,
                confirmation_tag,
            }) => {
                // A commit that removes us has no key for us.
                if !commit.self_removed() {
                    let keys = NewEpoch {
                        epoch: message.epoch,
                        base_key: BaseKey::of_commit(&mls.provider, &commit)?,
                        own_leaf: mls.own_leaf(),
                        members: facts.members.clone(),
                    };
                    self.install(keys);
                }
                let bytes = message.commit.0.clone();
                self.tentative = Some(Tentative {
                    epoch: message.epoch,
                    kind: Kind::Theirs { commit, facts, bytes },
                });
                let confirmation_hash = Blob(Sha256::digest(confirmation_tag).to_vec());
                self.send(Outgoing::Ack(Ack {
                    epoch: message.epoch,
                    confirmation_hash,
                }));
            }
            Err(reason) => {
                self.tentative = Some(Tentative {
                    epoch: message.epoch,
                    kind: Kind::Refused,
                });
                self.send(Outgoing::Nack(Nack {
                    epoch: message.epoch,
                    reason,
                }));
                self.fail(match reason {
                    NackReason::Admission => FailReason::CommitAdmission,
                    NackReason::Policy => FailReason::CommitPolicy,
                    _ => FailReason::CommitInvalid,
                });
            }
        }
        Ok(())
    }

    pub(super) fn handle_commit_rejected(
        &mut self,
        now_ms: u64,
        rejected: &CommitRejected,
    ) -> Result<(), SessionError> {
        if let Some(tentative) = self.tentative.take_if(|tentative| tentative.is_external()) {
            self.keyring.remove(tentative.epoch);
            self.retry_resync(now_ms);
            return Ok(());
        }
        // Not the one under vote: that one was taken.
        let under_vote = matches!(&self.tentative, Some(Tentative { kind: Kind::Own, .. }));
        match self.current.as_mut() {
            Some(mls) if !under_vote && mls.epoch().saturating_add(1) == rejected.epoch => {
                mls.clear_pending_commit()?;
                self.committer.handle_rejected();
                self.handle_timeout(now_ms);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn handle_final(&mut self, now_ms: u64, epoch: u64) -> Result<(), SessionError> {
        if self.epoch().is_some_and(|current| epoch <= current) {
            return Ok(());
        }
        match self.tentative.take_if(|tentative| tentative.epoch == epoch) {
            Some(Tentative { kind: Kind::Own, .. }) => self.merge_own(now_ms),
            Some(Tentative {
                kind: Kind::Theirs { commit, facts, .. },
                ..
            }) => self.merge_theirs(now_ms, *commit, &facts),
            Some(Tentative {
                kind: Kind::Joined(mls),
                ..
            }) => {
                self.entry = Entry::Idle;
                self.adopt(now_ms, *mls)?;
                self.set_secured(true);
                Ok(())
            }
            Some(Tentative {
                kind: Kind::External {
                    mls, announced: true, ..
                },
                ..
            }) => self.come_back(now_ms, *mls),
            Some(Tentative {
                kind: Kind::External { .. },
                ..
            }) => {
                self.keyring.remove(epoch);
                self.retry_resync(now_ms);
                Ok(())
            }
            Some(Tentative {
                kind: Kind::Refused, ..
            })
            | None => {
                self.lose_step(now_ms);
                Ok(())
            }
        }
    }

    pub(super) fn handle_rollback(&mut self, now_ms: u64, epoch: u64) -> Result<(), SessionError> {
        if self
            .tentative
            .as_ref()
            .is_some_and(|tentative| tentative.epoch == epoch)
        {
            let fallen = self.drop_tentative();
            match fallen.map(|tentative| tentative.kind) {
                Some(Kind::External { .. }) => self.retry_resync(now_ms),
                Some(Kind::Joined(mls)) => {
                    // The key package is used up: the next commit needs a new one.
                    self.join_again(now_ms, &mls)?;
                }
                _ => {}
            }
        }
        match self.current.as_mut() {
            Some(mls) if mls.epoch().saturating_add(1) == epoch => mls.clear_pending_commit(),
            _ => Ok(()),
        }
    }

    pub(super) fn handle_go(&mut self, now_ms: u64, epoch: u64) -> Result<(), SessionError> {
        if self.epoch().is_some_and(|current| epoch <= current) && !self.resync.is_active() {
            self.switch(now_ms, epoch);
        }
        Ok(())
    }

    /// Encrypts with `epoch` from now on, unless a later one is in use.
    pub(super) fn switch(&mut self, now_ms: u64, epoch: u64) {
        if self.switch_at.is_some_and(|(_, waiting)| waiting <= epoch) {
            self.switch_at = None;
        }
        if self.keyring.sending().is_some_and(|sending| sending >= epoch) {
            return;
        }
        self.keyring.send_with(now_ms, epoch);
        if self.keyring.sending() == Some(epoch) {
            self.outputs.push_back(Output::EpochChanged { epoch });
        }
    }

    /// After standing still: encrypts with the final epoch unless a Go or a commit comes first.
    pub(super) fn encrypt_again(&mut self, now_ms: u64) {
        if let (Some(epoch), None) = (self.epoch(), self.keyring.sending()) {
            self.switch_at = Some((now_ms.saturating_add(GO_TIMEOUT), epoch));
        }
    }

    /// Forgets the epoch under vote and its key.
    pub(super) fn drop_tentative(&mut self) -> Option<Tentative> {
        let tentative = self.tentative.take()?;
        self.keyring.remove(tentative.epoch);
        Some(tentative)
    }

    /// Forgets the group: the session is not a member of the room's group any more.
    pub(super) fn forget_group(&mut self) {
        if self.current.take().is_some() {
            self.outputs.push_back(Output::RosterChanged);
        }
        self.tentative = None;
        self.entry = Entry::Idle;
        self.resync.cancel();
        self.committer.cancel();
        self.switch_at = None;
        self.confirmation = Confirmation::default();
        self.keyring.clear();
        self.roster.clear();
        self.hosting = Hosting::default();
    }

    /// Makes a group whose epoch is final the current one.
    pub(super) fn adopt(&mut self, now_ms: u64, mls: Mls) -> Result<(), SessionError> {
        let epoch = mls.epoch();
        let keys = mls.frame_keys()?;
        self.enter_hosting(&mls);
        self.current = Some(mls);
        self.install(keys);
        self.resync.cancel();
        self.enter_epoch(now_ms, epoch);
        self.outputs.push_back(Output::Admitted { epoch });
        self.settle_hosting(now_ms);
        Ok(())
    }

    fn merge_own(&mut self, now_ms: u64) -> Result<(), SessionError> {
        let mls = self.current.as_mut().ok_or(SessionError::NotMember)?;
        let before: Vec<u32> = mls.leaves().map(|(leaf, _)| leaf).collect();
        let pending = mls.group.pending_commit().ok_or(SessionError::Crypto)?;
        let removed: Vec<u32> = pending
            .remove_proposals()
            .map(|remove| remove.remove_proposal().removed().u32())
            .collect();
        let left = self.roster.people(&removed);
        mls.group
            .merge_pending_commit(&mls.provider)
            .map_err(|_| SessionError::Crypto)?;
        let joined = mls
            .members()
            .into_iter()
            .filter(|(leaf, _)| !before.contains(leaf) || removed.contains(leaf))
            .map(|(_, client_id)| client_id)
            .collect::<Vec<_>>();
        let epoch = mls.epoch();
        let keys = mls.frame_keys()?;
        self.install(keys);
        for client_id in &joined {
            self.roster.note(*client_id, JoinedBy::Added);
        }
        self.enter_epoch(now_ms, epoch);
        let committer = Some(self.identity.client_id);
        let joined = joined
            .iter()
            .map(|client_id| self.roster.person(*client_id))
            .collect();
        self.outputs.push_back(Output::Log(Change {
            epoch,
            committer,
            external: false,
            joined,
            left,
        }));
        Ok(())
    }

    fn merge_theirs(
        &mut self,
        now_ms: u64,
        commit: StagedCommit,
        facts: &CommitFacts,
    ) -> Result<(), SessionError> {
        if commit.self_removed() {
            self.forget_group();
            self.entry = Entry::Removed;
            self.outputs.push_back(Output::Removed);
            return Ok(());
        }
        let left = self.roster.people(&facts.removed);
        let mls = self.current.as_mut().ok_or(SessionError::NotMember)?;
        mls.group
            .merge_staged_commit(&mls.provider, commit)
            .map_err(|_| SessionError::Crypto)?;
        let epoch = mls.epoch();
        let keys = mls.frame_keys()?;
        self.install(keys);
        let came = if facts.external {
            JoinedBy::External
        } else {
            JoinedBy::Added
        };
        for client_id in &facts.joined {
            self.roster.note(*client_id, came);
        }
        self.enter_epoch(now_ms, epoch);
        let joined = facts
            .joined
            .iter()
            .map(|client_id| self.roster.person(*client_id))
            .collect();
        let committer = Some(facts.committer);
        self.outputs.push_back(Output::Log(Change {
            epoch,
            committer,
            external: facts.external,
            joined,
            left,
        }));
        if facts.external {
            self.confirm_to(facts.committer, 0);
        }
        Ok(())
    }

    /// What every new final epoch brings.
    fn enter_epoch(&mut self, now_ms: u64, epoch: u64) {
        if let Some(mls) = &self.current {
            self.roster.refresh(&self.identity, mls);
        }
        self.note_guests();
        self.switch_at = Some((now_ms.saturating_add(GO_TIMEOUT), epoch));
        self.outputs.push_back(Output::RosterChanged);
    }

    fn install(&mut self, keys: NewEpoch) {
        self.keyring.install(keys);
        self.outputs.push_back(Output::KeysChanged);
    }

    fn announces_own_external(&mut self, message: &Commit) -> bool {
        match &mut self.tentative {
            Some(Tentative {
                epoch,
                kind: Kind::External { bytes, announced, .. },
            }) if *epoch == message.epoch && *bytes == message.commit.0 => {
                *announced = true;
                true
            }
            _ => false,
        }
    }

    fn is_repeated(&self, message: &Commit) -> bool {
        matches!(&self.tentative, Some(Tentative { epoch, kind: Kind::Theirs { bytes, .. } })
            if *epoch == message.epoch && *bytes == message.commit.0)
    }
}

fn own_pending_keys(mls: &Mls) -> Result<NewEpoch, SessionError> {
    let commit = mls.group.pending_commit().ok_or(SessionError::Crypto)?;
    Ok(NewEpoch {
        epoch: commit.epoch().as_u64(),
        base_key: BaseKey::of_commit(&mls.provider, commit)?,
        own_leaf: mls.own_leaf(),
        members: crate::policy::members_after(commit, mls),
    })
}

#[cfg(test)]
impl Session {
    /// The group held aside by an own external commit.
    pub(super) fn external_for_test(&self) -> Option<&Mls> {
        match &self.tentative {
            Some(Tentative {
                kind: Kind::External { mls, .. },
                ..
            }) => Some(mls),
            _ => None,
        }
    }
}
