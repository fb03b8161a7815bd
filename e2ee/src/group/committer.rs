//! When to answer a CommitCall: after the delay of our rank, unless somebody else was faster.

use crate::message::CommitCall;

/// At most one call waits; a newer one replaces it.
#[derive(Default)]
pub(crate) struct Committer {
    waiting: Option<(u64, CommitCall)>,
}

impl Committer {
    /// Takes a call to answer `delay_ms` from now.
    pub(crate) fn handle_call(&mut self, now_ms: u64, call: CommitCall) {
        self.waiting = Some((now_ms.saturating_add(u64::from(call.delay_ms)), call));
    }

    /// Forgets the call, because a Commit of its epoch was seen or the connection is gone.
    pub(crate) fn cancel(&mut self) {
        self.waiting = None;
    }

    /// The call to answer now.
    pub(crate) fn due(&mut self, now_ms: u64) -> Option<CommitCall> {
        self.waiting
            .take_if(|(at, _)| *at <= now_ms)
            .map(|(_, call)| call)
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.waiting.as_ref().map(|(at, _)| *at)
    }
}
