//! Application messages, and the confirmation of an epoch by somebody else.

use super::Session;
use crate::MAX_APP_PAYLOAD;
use crate::confirmation::{self, Content};
use crate::encoding::{Blob, ClientId};
use crate::error::SessionError;
use crate::group::{process, serialize};
use crate::message::{App, AppUpload, Outgoing};
use crate::output::{FailReason, Output};

/// How long to wait for a confirmation before asking (more) members for one, in milliseconds.
const ASK_INTERVAL: u64 = 3_000;

/// Whether somebody else confirmed the epoch.
pub(super) struct Confirmation {
    secured: bool,
    /// When to ask next, and for which round.
    ask: Option<(u64, u8)>,
}

impl Default for Confirmation {
    fn default() -> Self {
        Self {
            secured: true,
            ask: None,
        }
    }
}

impl Confirmation {
    pub(super) fn is_secured(&self) -> bool {
        self.secured
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.ask.map(|(at, _)| at)
    }
}

impl Session {
    /// Sends an application message to all members: encrypted, signed, at most [`MAX_APP_PAYLOAD`] bytes.
    ///
    /// # Errors
    /// `TooLarge`, `NotMember`, `Crypto`.
    pub fn send_app(&mut self, payload: &[u8]) -> Result<(), SessionError> {
        if payload.len() > MAX_APP_PAYLOAD {
            return Err(SessionError::TooLarge);
        }
        self.send_content(&Content::Payload(payload.to_vec()))
    }

    pub(super) fn handle_app(&mut self, app: &App) -> Result<(), SessionError> {
        let Some(mls) = self.current.as_mut() else {
            return Ok(());
        };
        let message = match process::app(mls, app.message.as_slice()) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(process::NotReadable) => {
                self.fail(FailReason::App);
                return Ok(());
            }
        };
        match Content::decode(&message.content) {
            Some(Content::Payload(payload)) => {
                self.outputs.push_back(Output::App {
                    from: message.from,
                    payload: Blob(payload),
                });
            }
            Some(Content::Hello { epoch, hash }) => self.handle_hello(message.epoch, epoch, hash),
            Some(Content::Ask { round }) => self.confirm_to(message.from, round),
            None => self.fail(FailReason::App),
        }
        Ok(())
    }

    /// After coming in by an external commit: somebody else has to show that it is in the same epoch.
    pub(super) fn await_confirmation(&mut self, now_ms: u64) {
        let alone = self.roster.len() <= 1;
        self.confirmation.ask = (!alone).then(|| (now_ms.saturating_add(ASK_INTERVAL), 0));
        self.set_secured(alone);
    }

    pub(super) fn handle_confirmation_timeout(&mut self, now_ms: u64) {
        if let Some((_, round)) = self.confirmation.ask.take_if(|(at, _)| *at <= now_ms) {
            // Round 0 is unasked; every round asks others, and in the end the first again.
            let round = round.wrapping_add(1);
            let rounds = self.roster.len().div_ceil(3).max(1);
            let asked = u8::try_from(usize::from(round) % rounds).unwrap_or_default();
            self.confirmation.ask = Some((now_ms.saturating_add(ASK_INTERVAL), round));
            if self.current.is_some() && self.send_content(&Content::Ask { round: asked }).is_err() {
                self.fail(FailReason::Internal);
            }
        }
    }

    pub(super) fn set_secured(&mut self, secured: bool) {
        if secured {
            self.confirmation.ask = None;
        }
        if self.confirmation.secured != secured {
            self.confirmation.secured = secured;
            self.outputs.push_back(Output::Secured { secured });
        }
    }

    /// Says Hello to a member that came from outside, if it is our turn.
    pub(super) fn confirm_to(&mut self, asker: ClientId, round: u8) {
        let Some(mls) = &self.current else { return };
        let epoch = mls.epoch();
        let members = mls.members();
        let own = self.identity.client_id;
        if confirmation::answers(members.into_values(), asker, own, epoch, round) {
            let hash = confirmation::epoch_hash(mls.group.epoch_authenticator().as_slice());
            if self.send_content(&Content::Hello { epoch, hash }).is_err() {
                self.fail(FailReason::Internal);
            }
        }
    }

    fn handle_hello(&mut self, sent_in: u64, epoch: u64, hash: [u8; 32]) {
        let Some(mls) = &self.current else { return };
        // A Hello of another epoch says nothing about this one.
        if sent_in != mls.epoch() || epoch != sent_in || self.confirmation.is_secured() {
            return;
        }
        if hash == confirmation::epoch_hash(mls.group.epoch_authenticator().as_slice()) {
            self.set_secured(true);
        } else {
            self.fail(FailReason::Fork);
        }
    }

    fn send_content(&mut self, content: &Content) -> Result<(), SessionError> {
        let mls = self.current.as_mut().ok_or(SessionError::NotMember)?;
        let message = mls
            .group
            .create_message(&mls.provider, self.identity.signer(), &content.encode())
            .map_err(|_| SessionError::Crypto)?;
        let message = serialize(&message)?;
        self.send(Outgoing::App(AppUpload { message }));
        Ok(())
    }
}
