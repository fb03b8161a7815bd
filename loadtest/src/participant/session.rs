//! A participant's MLS session, which its signaling task and its media use in turn.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Instant;

use conclave_e2ee::Session;

/// A session that two may use: signaling waits for its turn, media never does. Has no Debug.
#[derive(Clone)]
pub struct SharedSession(Arc<Shared>);

struct Shared {
    started: Instant,
    state: Mutex<State>,
}

/// What is shared.
pub struct State {
    /// The session.
    pub session: Session,
    /// The epoch it came in; `None` before that.
    pub first_epoch: Option<u64>,
}

impl SharedSession {
    /// Shares a session whose clock began at `started`.
    pub fn new(session: Session, started: Instant) -> Self {
        Self(Arc::new(Shared {
            started,
            state: Mutex::new(State {
                session,
                first_epoch: None,
            }),
        }))
    }

    /// Monotonic milliseconds of the session's clock.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Does something with the session, after whoever uses it now.
    pub fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = match self.0.state.lock() {
            Ok(state) => state,
            // Whoever panicked left the session between two calls: it fails closed by itself.
            Err(poisoned) => poisoned.into_inner(),
        };
        work(&mut state)
    }

    /// The session, unless somebody uses it now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.0.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        }
    }
}
