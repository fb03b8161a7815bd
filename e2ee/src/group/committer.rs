//! When to answer a CommitCall: after the delay of our rank, unless somebody else was faster.

use crate::message::CommitCall;

/// At most one call waits; a newer one replaces it.
#[derive(Default)]
pub(crate) struct Committer {
    waiting: Option<(u64, CommitCall)>,
    /// The epoch of a commit that was sent and not answered yet. The group can hold one pending commit only: another
    /// one now, and the session could not merge the first when the server takes it.
    uploaded: Option<u64>,
}

impl Committer {
    /// Takes a call to answer `delay_ms` from now.
    pub(crate) fn handle_call(&mut self, now_ms: u64, call: CommitCall) {
        self.waiting = Some((now_ms.saturating_add(u64::from(call.delay_ms)), call));
    }

    /// Forgets the call, because a Commit of its epoch was seen or the connection is gone.
    pub(crate) fn cancel(&mut self) {
        *self = Self::default();
    }

    /// A commit was sent: no other one of its epoch before the answer.
    pub(crate) fn handle_upload(&mut self, epoch: u64) {
        self.uploaded = Some(epoch);
    }

    /// The commit that was sent was not taken.
    pub(crate) fn handle_rejected(&mut self) {
        self.uploaded = None;
    }

    /// The call to answer now.
    pub(crate) fn due(&mut self, now_ms: u64) -> Option<CommitCall> {
        let uploaded = self.uploaded;
        self.waiting
            .take_if(|(at, call)| *at <= now_ms && uploaded != Some(call.epoch))
            .map(|(_, call)| call)
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.waiting
            .as_ref()
            .filter(|(_, call)| self.uploaded != Some(call.epoch))
            .map(|(at, _)| *at)
    }
}
