//! The replay window of one KID: look before the frame is authentic, record after.

use sframe::frame::validation::{
    FrameValidation as _, ReplayAttackProtection, ReplayAttackProtectionError, ReplayToken, Tolerance,
    UnvalidatedFrame,
};
use sframe::header::SframeHeader;

use crate::frame::DropReason;
use crate::kid::Kid;

/// How far a counter may lag behind the newest, in frames.
const WINDOW: usize = 1024;

/// Counters seen under one KID.
pub(crate) struct ReplayWindow(ReplayAttackProtection);

impl ReplayWindow {
    pub(crate) fn new(kid: Kid) -> Self {
        Self(ReplayAttackProtection::new(kid.raw(), Tolerance::new(WINDOW)))
    }

    /// Says whether the counter may be new. Changes nothing, because the header is not authentic yet.
    pub(crate) fn peek(&self, header: &SframeHeader) -> Result<ReplayToken, DropReason> {
        self.0
            .screen(UnvalidatedFrame::new(header, &[]))
            .map_err(|error| match error {
                ReplayAttackProtectionError::DuplicatedFrame { .. } => DropReason::Replay,
                ReplayAttackProtectionError::CounterTooOld { .. } => DropReason::TooOld,
                ReplayAttackProtectionError::KeyIdMismatch { .. } => DropReason::BadHeader,
            })
    }

    /// Records the counter of an authentic frame.
    pub(crate) fn commit(&mut self, token: ReplayToken) {
        self.0.record(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Context;

    #[test]
    fn a_counter_is_accepted_once_and_up_to_1024_late() {
        let kid = Kid::new(Context::Camera, 3, 5).unwrap();
        let header = |counter| SframeHeader::new(kid.raw(), counter);
        let mut window = ReplayWindow::new(kid);
        let token = window.peek(&header(2000)).unwrap();
        assert!(window.peek(&header(2000)).is_ok(), "peeking records nothing");
        window.commit(token);
        assert_eq!(window.peek(&header(2000)).err(), Some(DropReason::Replay));
        assert!(window.peek(&header(2000 - 1023)).is_ok());
        assert_eq!(window.peek(&header(2000 - 1024)).err(), Some(DropReason::TooOld));
        let late = window.peek(&header(1500)).unwrap();
        window.commit(late);
        assert_eq!(window.peek(&header(1500)).err(), Some(DropReason::Replay));
    }
}
