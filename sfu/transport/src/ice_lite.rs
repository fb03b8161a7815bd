//! The ICE-lite agent: answers authenticated Binding requests and nobody else (RFC 8445 §2.5, §7.3).
//!
//! In: datagrams that look like STUN, and time. Out: an [`Answer`] per accepted check. A message that
//! fails any test changes nothing and is not answered. We are always the controlled agent, so the role
//! attributes of a check are never acted on.

use std::time::{Duration, Instant};

use crate::address::TransportAddress;
use crate::route::IceCredentials;
use crate::stun::{
    BINDING_REQUEST, BINDING_SUCCESS, ICE_CONTROLLED, ICE_CONTROLLING, IntegrityKey, PRIORITY, StunError,
    StunMessage, StunWriter, USE_CANDIDATE, USERNAME,
};

/// Without an authenticated check for this long the peer no longer consents (RFC 7675 §5.1).
pub const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Addresses one peer may be checked from at once; the one not heard of for the longest goes first.
pub const MAX_ADDRESSES: usize = 8;

/// Attribute types below this must be understood (RFC 8489 §14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;

/// Why a STUN message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IceDrop {
    /// Not a well-formed STUN message.
    #[error(transparent)]
    Malformed(#[from] StunError),
    /// Not a Binding request.
    #[error("not a binding request")]
    NotARequest,
    /// Not the answer to a running check of ours.
    #[error("not a response to a check")]
    NotAResponse,
    /// FINGERPRINT or another needed attribute is missing, or one that must be understood is not.
    #[error("unacceptable attributes")]
    Attributes,
    /// The user name is not ours and theirs.
    #[error("wrong user name")]
    Username,
    /// MESSAGE-INTEGRITY is missing or wrong.
    #[error("wrong integrity")]
    Integrity,
    /// The source port is 0, where nothing can be sent.
    #[error("unanswerable source")]
    Source,
}

/// What an accepted check changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The Binding success response, to be sent to where the check came from.
    pub response: Vec<u8>,
    /// The check's source is a new address of this peer.
    pub added: bool,
    /// An address that had to make room for it.
    pub removed: Option<TransportAddress>,
    /// The check's source is now nominated, and was not before.
    pub nominated: bool,
}

/// One generation of credentials.
struct Generation {
    local: IceCredentials,
    key: IntegrityKey,
    /// `ours:theirs`, what USERNAME must be.
    username: String,
}

impl Generation {
    fn new(local: IceCredentials, remote_ufrag: &str) -> Self {
        let key = IntegrityKey::new(local.password());
        let username = format!("{}:{remote_ufrag}", local.ufrag());
        Self { local, key, username }
    }
}

/// The ICE-lite agent of one peer.
pub struct IceLite {
    current: Generation,
    /// The credentials before an ICE restart, until the first check with the new ones.
    previous: Option<Generation>,
    addresses: Vec<CheckedAddress>,
    nominated: Option<TransportAddress>,
    /// When the last accepted check came; at first, when the agent was made.
    last_check: Instant,
}

/// An address from which an authenticated check has come.
struct CheckedAddress {
    address: TransportAddress,
    last_check: Instant,
}

impl IceLite {
    /// Waits for checks with `local`'s credentials from the peer whose offer carried `remote_ufrag`.
    #[must_use]
    pub fn new(now: Instant, local: IceCredentials, remote_ufrag: &str) -> Self {
        Self {
            current: Generation::new(local, remote_ufrag),
            previous: None,
            addresses: Vec::with_capacity(MAX_ADDRESSES),
            nominated: None,
            last_check: now,
        }
    }

    /// Handles a STUN message.
    ///
    /// # Errors
    /// [`IceDrop`]: nothing has changed and nothing is answered.
    pub fn handle_message(
        &mut self,
        now: Instant,
        from: TransportAddress,
        datagram: &[u8],
    ) -> Result<Answer, IceDrop> {
        let check = self.authenticate(from, datagram)?;
        if check.is_current {
            self.previous = None;
        }
        self.last_check = self.last_check.max(now);
        let (added, removed) = self.touch(now, from);
        let nominated = check.nominates && self.nominated != Some(from);
        if nominated {
            self.nominated = Some(from);
        }
        Ok(Answer {
            response: check.response,
            added,
            removed,
            nominated,
        })
    }

    /// Authenticated media came from `from`, which [`Self::is_checked`]: it counts as nominated if the nominated address was
    /// checked less lately. Browsers send on a way as soon as they have chosen it, but tell a lite agent so only with
    /// the next check of it, up to 2.5 s later. Says whether this changed anything.
    pub fn follow(&mut self, from: TransportAddress) -> bool {
        if self.nominated == Some(from) {
            return false;
        }
        let checked = |address| self.addresses.iter().find(|checked| checked.address == address);
        let Some(source) = checked(from) else {
            return false;
        };
        // What was under way when the peer moved does not bring it back.
        let is_late = self
            .nominated
            .and_then(checked)
            .is_some_and(|nominated| nominated.last_check >= source.last_check);
        if !is_late {
            self.nominated = Some(from);
        }
        !is_late
    }

    /// Replaces the credentials (RFC 8445 §9). The old ones work until the first check with the new.
    pub fn restart(&mut self, local: IceCredentials, remote_ufrag: &str) {
        let previous = std::mem::replace(&mut self.current, Generation::new(local, remote_ufrag));
        // A second restart before any check keeps the credentials that last worked.
        self.previous.get_or_insert(previous);
    }

    /// Takes the next address whose consent has run out at `now`, if any.
    pub fn expire_address(&mut self, now: Instant) -> Option<TransportAddress> {
        let expired =
            |checked: &CheckedAddress| now.saturating_duration_since(checked.last_check) >= CONSENT_TIMEOUT;
        let at = self.addresses.iter().position(expired)?;
        let address = self.addresses.swap_remove(at).address;
        if self.nominated == Some(address) {
            self.nominated = None;
        }
        Some(address)
    }

    /// Forgets an address; says whether it was known.
    pub fn remove_address(&mut self, address: TransportAddress) -> bool {
        let known = self.is_checked(address);
        self.addresses.retain(|checked| checked.address != address);
        if self.nominated == Some(address) {
            self.nominated = None;
        }
        known
    }

    /// Whether no authenticated check has come for [`CONSENT_TIMEOUT`].
    #[must_use]
    pub fn is_lost(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_check) >= CONSENT_TIMEOUT
    }

    /// When an address or the whole agent next expires.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let oldest = self.addresses.iter().map(|checked| checked.last_check).min();
        oldest.unwrap_or(self.last_check).min(self.last_check) + CONSENT_TIMEOUT
    }

    /// Whether an authenticated check has come from `address` lately.
    #[must_use]
    pub fn is_checked(&self, address: TransportAddress) -> bool {
        self.addresses.iter().any(|checked| checked.address == address)
    }

    /// Where to send: the nominated address, else the one checked last.
    #[must_use]
    pub fn remote_address(&self) -> Option<TransportAddress> {
        self.nominated.or_else(|| {
            self.addresses
                .iter()
                .max_by_key(|checked| checked.last_check)
                .map(|checked| checked.address)
        })
    }

    /// All checked addresses.
    pub fn addresses(&self) -> impl Iterator<Item = TransportAddress> + '_ {
        self.addresses.iter().map(|checked| checked.address)
    }

    /// Our current credentials.
    #[must_use]
    pub fn local(&self) -> &IceCredentials {
        &self.current.local
    }

    /// Everything a check must pass, with no effect on the agent.
    fn authenticate(&self, from: TransportAddress, datagram: &[u8]) -> Result<Authentic, IceDrop> {
        if from.socket.port() == 0 {
            return Err(IceDrop::Source);
        }
        let message = StunMessage::parse(datagram)?;
        if message.message_type() != BINDING_REQUEST {
            return Err(IceDrop::NotARequest);
        }
        // ICE requires FINGERPRINT in checks (RFC 8445 §7.1).
        if !message.has_fingerprint() {
            return Err(IceDrop::Attributes);
        }
        let username = message.attribute(USERNAME).ok_or(IceDrop::Attributes)?;
        let generations = [Some(&self.current), self.previous.as_ref()];
        let (is_current, generation) = generations
            .into_iter()
            .zip([true, false])
            .find_map(|(generation, is_current)| {
                Some((is_current, generation?)).filter(|(_, g)| g.username.as_bytes() == username)
            })
            .ok_or(IceDrop::Username)?;
        if !message.verify(&generation.key) {
            return Err(IceDrop::Integrity);
        }
        let understood = [USERNAME, PRIORITY, USE_CANDIDATE];
        if message
            .attributes()
            .any(|(kind, _)| kind < COMPREHENSION_OPTIONAL && !understood.contains(&kind))
        {
            return Err(IceDrop::Attributes);
        }
        // Only a controlling agent nominates; one that says it is controlled, as we are, does not.
        let controlling =
            message.attribute(ICE_CONTROLLING).is_some() && message.attribute(ICE_CONTROLLED).is_none();
        let nominates = controlling && message.attribute(USE_CANDIDATE).is_some();
        let mut writer = StunWriter::new(BINDING_SUCCESS, &message.transaction_id());
        writer.xor_mapped_address(from.socket)?;
        Ok(Authentic {
            is_current,
            nominates,
            response: writer.finish(&generation.key)?,
        })
    }

    /// Notes that a check came from `address`; says whether it is new and who made room.
    fn touch(&mut self, now: Instant, address: TransportAddress) -> (bool, Option<TransportAddress>) {
        if let Some(checked) = self
            .addresses
            .iter_mut()
            .find(|checked| checked.address == address)
        {
            checked.last_check = checked.last_check.max(now);
            return (false, None);
        }
        let removed = if self.addresses.len() < MAX_ADDRESSES {
            None
        } else {
            self.evict()
        };
        self.addresses.push(CheckedAddress {
            address,
            last_check: now,
        });
        (true, removed)
    }

    /// Removes the address not heard of for the longest, but never the nominated one.
    fn evict(&mut self) -> Option<TransportAddress> {
        let nominated = self.nominated;
        let candidates = self
            .addresses
            .iter()
            .enumerate()
            .filter(|(_, checked)| Some(checked.address) != nominated);
        let (at, _) = candidates.min_by_key(|(_, checked)| checked.last_check)?;
        Some(self.addresses.swap_remove(at).address)
    }
}

/// A check that has passed, and what it says.
struct Authentic {
    is_current: bool,
    nominates: bool,
    response: Vec<u8>,
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the values are small or meant to wrap"
)]
#[path = "ice_lite_tests.rs"]
mod tests;
