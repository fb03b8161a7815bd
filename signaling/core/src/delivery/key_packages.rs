//! Participants that wait to be added, with the key package each sent last.

use conclave_wire::bytes::Blob;
use conclave_wire::id::ClientId;
use conclave_wire::limits::MAX_KEY_PACKAGE;
use openmls::prelude::Ciphersuite;

use super::mls::{Crypto, Roster, ValidKeyPackage};

/// The longest lifetime a key package may have: two hours, an hour that openmls backdates it, and some slack.
const MAX_LIFETIME_S: u64 = 4 * 3_600;
/// After so many calls that nobody answered with a commit, a joiner is dropped: nobody wants to add it.
pub(crate) const MAX_CALLS: u8 = 3;

/// One waiting participant.
#[derive(Clone, Debug)]
pub(crate) struct PendingAdd {
    pub(crate) client: ClientId,
    /// MLSMessage with the KeyPackage.
    pub(crate) key_package: Blob,
    /// Its KeyPackageRef (RFC 9420 §5.2).
    pub(crate) reference: Vec<u8>,
    /// Its leaf's signature key.
    pub(crate) key: Vec<u8>,
    /// How many rounds of calls named it.
    pub(crate) calls: u8,
}

impl PendingAdd {
    /// Checks the key package of `client`.
    pub(crate) fn new(
        crypto: &Crypto,
        suite: Ciphersuite,
        client: ClientId,
        key_package: Blob,
    ) -> Option<Self> {
        if key_package.0.len() > MAX_KEY_PACKAGE {
            return None;
        }
        let valid = ValidKeyPackage::parse(crypto, suite, key_package.as_slice())?;
        let fits = valid.client == client && valid.lifetime_s <= MAX_LIFETIME_S;
        fits.then_some(Self {
            client,
            key_package,
            reference: valid.reference,
            key: valid.key,
            calls: 0,
        })
    }
}

/// All of them, in the order they came. Bounded by the room: one per participant.
#[derive(Debug, Default)]
pub(crate) struct PendingAdds(Vec<PendingAdd>);

impl PendingAdds {
    /// Takes a new key package; it replaces the participant's older one.
    pub(crate) fn insert(&mut self, add: PendingAdd) {
        match self.0.iter_mut().find(|waiting| waiting.client == add.client) {
            Some(waiting) => *waiting = add,
            None => self.0.push(add),
        }
    }

    /// Whether somebody waits with this signature key.
    pub(crate) fn key_is_used_by_another(&self, client: &ClientId, key: &[u8]) -> bool {
        self.0
            .iter()
            .any(|waiting| waiting.key == key && waiting.client != *client)
    }

    pub(crate) fn remove_client(&mut self, client: &ClientId) -> Option<PendingAdd> {
        let index = self.0.iter().position(|waiting| waiting.client == *client)?;
        Some(self.0.remove(index))
    }

    pub(crate) fn remove_references(&mut self, references: &[Vec<u8>]) {
        self.0.retain(|waiting| !references.contains(&waiting.reference));
    }

    pub(crate) fn by_reference(&self, reference: &[u8]) -> Option<&PendingAdd> {
        self.0.iter().find(|waiting| waiting.reference == reference)
    }

    pub(crate) fn has(&self, client: &ClientId) -> bool {
        self.0.iter().any(|waiting| waiting.client == *client)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PendingAdd> {
        self.0.iter()
    }

    /// Counts a call for these; returns those that were called too often, who are dropped.
    pub(crate) fn count_call(&mut self, references: &[Vec<u8>]) -> Vec<ClientId> {
        for waiting in self
            .0
            .iter_mut()
            .filter(|waiting| references.contains(&waiting.reference))
        {
            waiting.calls = waiting.calls.saturating_add(1);
        }
        let tired = |waiting: &PendingAdd| waiting.calls > MAX_CALLS;
        let dropped = self
            .0
            .iter()
            .filter(|waiting| tired(waiting))
            .map(|waiting| waiting.client)
            .collect();
        self.0.retain(|waiting| !tired(waiting));
        dropped
    }

    /// Whether each client that has a leaf in `roster`.
    pub(crate) fn clients_in<'a>(&'a self, roster: &'a Roster) -> impl Iterator<Item = ClientId> + 'a {
        self.0
            .iter()
            .map(|waiting| waiting.client)
            .filter(|client| roster.has(client))
    }
}
