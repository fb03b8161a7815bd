//! The controlling ICE agent of a client whose server is lite: it checks, nominates and keeps consent (RFC 8445, 7675).
//!
//! In: datagrams that look like STUN, and time. Out: checks to send, and the address that was selected. The best
//! candidate that answers is nominated. A lite server never checks back; one that does, as other projects' do, is answered.
//! One that claims the controlling role for itself, as it may when the offer was its own, gets it: it nominates then, and
//! media goes to the best candidate that answers all the same.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::address::TransportAddress;
use crate::ice_lite::{CONSENT_TIMEOUT, IceDrop, IceLite};
use crate::peer::Transmit;
use crate::route::IceCredentials;
use crate::stun::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, ERROR_CODE, ICE_CONTROLLED, ICE_CONTROLLING,
    IntegrityKey, PRIORITY, StunMessage, StunWriter, USE_CANDIDATE, USERNAME,
};

/// Hundreds and rest of the error code 487.
const ROLE_CONFLICT: [u8; 2] = [4, 87];
/// Most candidates of an answer that are checked; further ones are left out.
const MAX_CANDIDATES: usize = 16;
/// Pause before an unanswered check is sent again; it doubles up to the last.
const FIRST_RESEND: Duration = Duration::from_millis(250);
const LAST_RESEND: Duration = Duration::from_secs(2);
/// The last pause for candidates that are not needed, because another answers.
const LAST_SPARE_RESEND: Duration = Duration::from_secs(16);
/// Pause between consent checks of the selected candidate (RFC 7675 §5.1).
const CONSENT_INTERVAL: Duration = Duration::from_secs(4);
/// Priority of a peer-reflexive candidate (RFC 8445 §5.1.2.1): what a check's source would get.
const PRFLX_PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;

/// What an answer says about ICE.
#[derive(Clone)]
pub struct RemoteIce {
    /// Its `a=ice-ufrag`.
    pub ufrag: String,
    /// Its `a=ice-pwd`.
    pub password: String,
    /// Its candidates.
    pub candidates: Vec<RemoteCandidate>,
}

/// One candidate of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// Where it is.
    pub address: TransportAddress,
    /// Its priority; the greatest that answers is nominated.
    pub priority: u32,
}

/// One candidate and how its checks go.
struct Pair {
    remote: RemoteCandidate,
    /// The transaction an answer must name.
    transaction: u32,
    /// When the check is sent again, or the next one begins; none is due for a spare that has answered.
    next_at: Option<Instant>,
    pause: Duration,
    /// Whether the running transaction has been answered.
    answered: bool,
}

/// All checks of one client.
pub(super) struct Checks {
    username: String,
    key: IntegrityKey,
    /// Tie breaker, and the constant part of transaction ids.
    random: [u8; 8],
    last_transaction: u32,
    /// Whether nominating is ours; until the server says that it is its own.
    controlling: bool,
    /// Best priority first.
    pairs: Vec<Pair>,
    selected: Option<TransportAddress>,
    /// When an answer last came; at first, when the checks began.
    last_answer: Instant,
    /// Answers the server's checks.
    responder: IceLite,
    outbox: VecDeque<Transmit>,
}

impl Checks {
    pub(super) fn new(now: Instant, local: &IceCredentials, remote: RemoteIce) -> Self {
        let mut random = [0u8; 8];
        // A tie breaker of zeros would do as well: a lite server never has the same role, and answers are authenticated.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let responder = IceLite::new(now, local.clone(), &remote.ufrag);
        let mut checks = Self {
            username: format!("{}:{}", remote.ufrag, local.ufrag()),
            key: IntegrityKey::new(&remote.password),
            random,
            last_transaction: 0,
            controlling: true,
            pairs: pairs(remote.candidates),
            selected: None,
            last_answer: now,
            responder,
            outbox: VecDeque::new(),
        };
        checks.recheck(now);
        checks
    }

    pub(super) fn restart(&mut self, now: Instant, local: &IceCredentials, remote: RemoteIce) {
        let selected = self.selected;
        self.responder.restart(local.clone(), &remote.ufrag);
        self.username = format!("{}:{}", remote.ufrag, local.ufrag());
        self.key = IntegrityKey::new(&remote.password);
        self.pairs = pairs(remote.candidates);
        // Media goes on where it went until a check with the new credentials is answered.
        self.selected = selected.filter(|selected| self.is_candidate(*selected));
        self.recheck(now);
    }

    /// Checks all candidates anew, the selected one included.
    pub(super) fn recheck(&mut self, now: Instant) {
        for index in 0..self.pairs.len() {
            self.begin(now, index);
        }
    }

    /// Handles a STUN message; returns the address that is selected from now on, if that has changed.
    pub(super) fn handle_message(
        &mut self,
        now: Instant,
        from: TransportAddress,
        datagram: &[u8],
    ) -> Result<Option<TransportAddress>, IceDrop> {
        let message = StunMessage::parse(datagram)?;
        match message.message_type() {
            BINDING_SUCCESS => {}
            BINDING_ERROR => return self.refused(now, from, &message).map(|()| None),
            _ => return self.answer(now, from, datagram).map(|()| None),
        }
        let index = self.running(from, &message)?;
        let selected = self.selected_index();
        let is_silent = self.is_silent();
        let pair = self.pairs.get_mut(index).ok_or(IceDrop::NotAResponse)?;
        self.last_answer = self.last_answer.max(now);
        pair.answered = true;
        pair.next_at = (selected == Some(index)).then(|| now + CONSENT_INTERVAL);
        // The best that answers: pairs are sorted.
        let better = selected.is_none_or(|selected| index < selected || is_silent);
        if !better || selected == Some(index) {
            return Ok(None);
        }
        self.selected = Some(from);
        // The check that was answered need not have nominated.
        self.begin(now, index);
        Ok(self.selected)
    }

    /// Sends what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let silent = self.is_silent();
        let selected = self.selected_index();
        for index in 0..self.pairs.len() {
            let Some(pair) = self.pairs.get_mut(index) else {
                continue;
            };
            if pair.answered {
                let is_due = pair.next_at.map_or(silent, |at| now >= at);
                if is_due {
                    self.begin(now, index);
                }
            } else if pair.next_at.is_some_and(|at| now >= at) {
                let is_spare = selected.is_some_and(|selected| selected != index) && !silent;
                let longest = if is_spare { LAST_SPARE_RESEND } else { LAST_RESEND };
                pair.pause = (pair.pause * 2).min(longest);
                pair.next_at = Some(now + pair.pause);
                self.send(index);
            }
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        let lost = self.last_answer + CONSENT_TIMEOUT;
        let next = self.pairs.iter().filter_map(|pair| pair.next_at).min();
        next.map_or(lost, |next| next.min(lost))
    }

    pub(super) fn is_lost(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_answer) >= CONSENT_TIMEOUT
    }

    pub(super) const fn selected(&self) -> Option<TransportAddress> {
        self.selected
    }

    /// Whether the selected candidate has answered its last check.
    pub(super) fn is_settled(&self) -> bool {
        self.selected_index()
            .and_then(|at| self.pairs.get(at))
            .is_some_and(|pair| pair.answered)
    }

    pub(super) fn is_candidate(&self, address: TransportAddress) -> bool {
        self.pairs.iter().any(|pair| pair.remote.address == address)
    }

    fn selected_index(&self) -> Option<usize> {
        let selected = self.selected?;
        self.pairs.iter().position(|pair| pair.remote.address == selected)
    }

    /// Whether the selected candidate has left a check unanswered for seconds: then any other will do.
    fn is_silent(&self) -> bool {
        self.selected_index()
            .and_then(|at| self.pairs.get(at))
            .is_some_and(|pair| !pair.answered && pair.pause >= LAST_RESEND)
    }

    /// Which pair an authentic response is about.
    fn running(&self, from: TransportAddress, message: &StunMessage<'_>) -> Result<usize, IceDrop> {
        let id = message.transaction_id();
        let is_it =
            |pair: &Pair| pair.remote.address == from && transaction_id(self.random, pair.transaction) == id;
        let index = self.pairs.iter().position(is_it).ok_or(IceDrop::NotAResponse)?;
        if !message.verify(&self.key) {
            return Err(IceDrop::Integrity);
        }
        Ok(index)
    }

    /// After a role conflict (RFC 8445 §7.2.5.1) the check is made again in the other role. Other refusals end nothing:
    /// the check is repeated when its time comes.
    fn refused(
        &mut self,
        now: Instant,
        from: TransportAddress,
        message: &StunMessage<'_>,
    ) -> Result<(), IceDrop> {
        let index = self.running(from, message)?;
        let code = message.attribute(ERROR_CODE).and_then(|value| value.get(2..4));
        if code == Some(&ROLE_CONFLICT) && self.controlling {
            self.controlling = false;
            self.begin(now, index);
        }
        Ok(())
    }

    /// Answers a check of the server's (RFC 8445 §7.3). It selects nothing: nominating is ours alone.
    fn answer(&mut self, now: Instant, from: TransportAddress, datagram: &[u8]) -> Result<(), IceDrop> {
        if !self.is_candidate(from) {
            return Err(IceDrop::NotAResponse);
        }
        let answer = self.responder.handle_message(now, from, datagram)?;
        self.outbox.push_back(Transmit {
            to: from,
            bytes: answer.response,
        });
        Ok(())
    }

    /// Begins a new transaction with a candidate.
    fn begin(&mut self, now: Instant, index: usize) {
        self.last_transaction = self.last_transaction.wrapping_add(1);
        if let Some(pair) = self.pairs.get_mut(index) {
            pair.transaction = self.last_transaction;
            pair.pause = FIRST_RESEND;
            pair.answered = false;
            pair.next_at = Some(now + FIRST_RESEND);
        }
        self.send(index);
    }

    /// Sends the check of the running transaction. It nominates when its candidate is the selected one, or the only one.
    fn send(&mut self, index: usize) {
        let Some(pair) = self.pairs.get(index) else { return };
        let to = pair.remote.address;
        let nominates = self.controlling && (self.selected == Some(to) || self.pairs.len() == 1);
        let id = transaction_id(self.random, pair.transaction);
        if let Ok(bytes) = self.request(&id, nominates) {
            self.outbox.push_back(Transmit { to, bytes });
        }
    }

    fn request(&self, id: &[u8; 12], nominates: bool) -> Result<Vec<u8>, IceDrop> {
        let mut writer = StunWriter::new(BINDING_REQUEST, id);
        writer.attribute(USERNAME, self.username.as_bytes())?;
        writer.attribute(PRIORITY, &PRFLX_PRIORITY.to_be_bytes())?;
        let role = if self.controlling {
            ICE_CONTROLLING
        } else {
            ICE_CONTROLLED
        };
        writer.attribute(role, &self.random)?;
        if nominates {
            writer.attribute(USE_CANDIDATE, &[])?;
        }
        Ok(writer.finish(&self.key)?)
    }
}

fn pairs(mut candidates: Vec<RemoteCandidate>) -> Vec<Pair> {
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    candidates.truncate(MAX_CANDIDATES);
    let pair = |remote| Pair {
        remote,
        transaction: 0,
        next_at: None,
        pause: FIRST_RESEND,
        answered: false,
    };
    candidates.into_iter().map(pair).collect()
}

fn transaction_id(random: [u8; 8], number: u32) -> [u8; 12] {
    let mut id = [0u8; 12];
    for (byte, from) in id.iter_mut().zip(random.into_iter().chain(number.to_be_bytes())) {
        *byte = from;
    }
    id
}
