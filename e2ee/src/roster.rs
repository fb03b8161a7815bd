//! The member list: the MLS tree with its identity cards opened.

use std::collections::{BTreeMap, HashMap};

use openmls::prelude::OpenMlsProvider as _;

use crate::card::{self, Card, CardLeaf};
use crate::encoding::{Blob, ClientId};
use crate::group::Mls;
use crate::identity::Identity;
use crate::leaf::Leaf;
use crate::moderation::Role;
use crate::output::{JoinedBy, Member, Person};

/// Members by leaf, opened once per leaf key and card.
#[derive(Default)]
pub(crate) struct Roster {
    members: BTreeMap<u32, Entry>,
    came: HashMap<ClientId, JoinedBy>,
}

struct Entry {
    leaf_key: Vec<u8>,
    sealed: Vec<u8>,
    client_id: ClientId,
    card: Option<Card>,
    admission_ok: bool,
}

impl Roster {
    /// Remembers how somebody came.
    pub(crate) fn note(&mut self, client_id: ClientId, came: JoinedBy) {
        self.came.insert(client_id, came);
    }

    /// Reads the tree again.
    pub(crate) fn refresh(&mut self, identity: &Identity, mls: &Mls) {
        let mut old = std::mem::take(&mut self.members);
        for (index, node) in mls.leaves() {
            let Some(leaf) = Leaf::read(node) else { continue };
            let known = old
                .remove(&index)
                .filter(|entry| entry.leaf_key == leaf.leaf_key && entry.sealed == leaf.card);
            let entry = known.unwrap_or_else(|| {
                let card_leaf = CardLeaf {
                    group_id: mls.group_id(),
                    leaf_key: leaf.leaf_key,
                };
                Entry {
                    leaf_key: leaf.leaf_key.to_vec(),
                    sealed: leaf.card.to_vec(),
                    client_id: leaf.client_id,
                    card: card::open(mls.provider.crypto(), &identity.keys, card_leaf, leaf.card),
                    admission_ok: leaf.is_admitted(&identity.keys, mls.group_id()),
                }
            });
            self.members.insert(index, entry);
        }
        let present: Vec<ClientId> = self.members.values().map(|entry| entry.client_id).collect();
        self.came.retain(|client_id, _| present.contains(client_id));
    }

    /// Forgets everybody.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The list, by leaf, without roles.
    pub(crate) fn list(&self, own: ClientId) -> Vec<Member> {
        self.members
            .iter()
            .map(|(leaf, entry)| Member {
                leaf: *leaf,
                client_id: entry.client_id,
                display_name: entry.card.as_ref().map(|card| card.display_name.clone()),
                long_term_key: entry.card.as_ref().map(|card| Blob(card.long_term_key.to_vec())),
                remembered: entry.card.as_ref().is_some_and(|card| card.remembered),
                is_self: entry.client_id == own,
                role: Role::default(),
                permitted: Vec::new(),
                admission_ok: entry.admission_ok,
                joined: self
                    .came
                    .get(&entry.client_id)
                    .copied()
                    .unwrap_or(JoinedBy::Before),
            })
            .collect()
    }

    /// The leaf of a member.
    pub(crate) fn leaf_of(&self, client_id: ClientId) -> Option<u32> {
        self.members
            .iter()
            .find(|(_, entry)| entry.client_id == client_id)
            .map(|(leaf, _)| *leaf)
    }

    /// The leaf key of a member.
    pub(crate) fn key_of(&self, client_id: ClientId) -> Option<Vec<u8>> {
        self.members
            .values()
            .find(|entry| entry.client_id == client_id)
            .map(|entry| entry.leaf_key.clone())
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// A member for the log.
    pub(crate) fn person(&self, client_id: ClientId) -> Person {
        let entry = self.members.values().find(|entry| entry.client_id == client_id);
        let card = entry.and_then(|entry| entry.card.as_ref());
        Person {
            client_id,
            display_name: card.map(|card| card.display_name.clone()),
        }
    }

    /// The members on these leaves, for the log.
    pub(crate) fn people(&self, leaves: &[u32]) -> Vec<Person> {
        leaves
            .iter()
            .filter_map(|leaf| self.members.get(leaf))
            .map(|entry| self.person(entry.client_id))
            .collect()
    }
}
