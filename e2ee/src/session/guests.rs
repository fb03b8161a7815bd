//! Whom the link has let in: until when, how many, and who comes back with another leaf key.

use std::cell::Cell;
use std::collections::BTreeSet;

use hmac::{Hmac, Mac};
use openmls::prelude::OpenMlsProvider as _;
use openmls_rust_crypto::OpenMlsRustCrypto;
use sha2::Sha256;

use super::Session;
use crate::card::{self, CardLeaf};
use crate::encoding::{Blob, ClientId};
use crate::error::SessionError;
use crate::leaf::Leaf;
use crate::moderation::{LinkTerms, Role, RulesWish, Somebody, Terms, TermsWish, Wish};
use crate::secrets::RoomKeys;

/// How long after its date a link still lets somebody in, in seconds: clocks differ.
const CLOCK_GRACE: u64 = 60;
/// How long after a host changed them the terms keep nobody out, in milliseconds: all members must judge alike.
const CHANGE_GRACE: u64 = 10_000;
/// Length of a person's mark in bytes.
const MARK: usize = 16;

/// The wall clock, as the driver last told it.
#[derive(Clone, Copy, Default)]
pub(super) struct Clock(Option<(u64, u64)>);

impl Clock {
    /// Seconds since 1970; `None` before the driver said anything.
    pub(super) fn unix(self, now_ms: u64) -> Option<u64> {
        let (at_ms, unix) = self.0?;
        Some(unix.saturating_add(now_ms.saturating_sub(at_ms) / 1_000))
    }
}

/// Whom this session saw in the group, by long-term key.
#[derive(Default)]
pub(super) struct Guests {
    seen: BTreeSet<Vec<u8>>,
    hosts: BTreeSet<Vec<u8>>,
    /// Who came before this session did, by what the host signed.
    before: u32,
    /// What the link is good for, and when that was last changed.
    changed: Option<(LinkTerms, u64)>,
}

impl Guests {
    /// How many people the link has let in.
    pub(super) fn uses(&self) -> u32 {
        let seen = self.seen.difference(&self.hosts).count();
        self.before
            .saturating_add(u32::try_from(seen).unwrap_or(u32::MAX))
    }

    pub(super) fn take_terms(&mut self, now_ms: u64, terms: &Terms) {
        let missing = terms.used.saturating_sub(self.uses());
        self.before = self.before.saturating_add(missing);
        let link = terms.link();
        if self.changed.is_none_or(|(before, _)| before != link) {
            self.changed = Some((link, now_ms));
        }
    }

    fn note(&mut self, person: Vec<u8>, role: Role) {
        if role == Role::Host {
            self.hosts.insert(person);
        } else {
            self.seen.insert(person);
        }
    }

    /// What the terms let in at this time.
    pub(super) fn door<'a>(&'a self, now_ms: u64, unix: Option<u64>, keys: &'a RoomKeys) -> Door<'a> {
        let (link, since) = self.changed.unwrap_or_default();
        let holds = now_ms.saturating_sub(since) >= CHANGE_GRACE;
        let is_over = link
            .expires
            .zip(unix)
            .is_some_and(|(expires, unix)| unix >= expires.saturating_add(CLOCK_GRACE));
        let left = link
            .max_uses
            .map_or(u32::MAX, |most| most.saturating_sub(self.uses()));
        let left = if is_over { 0 } else { left };
        Door {
            guests: self,
            keys,
            left: Cell::new(if holds { left } else { u32::MAX }),
        }
    }
}

/// Lets in as many new people as the link is still good for.
pub(super) struct Door<'a> {
    guests: &'a Guests,
    keys: &'a RoomKeys,
    left: Cell<u32>,
}

impl Door<'_> {
    pub(super) fn lets_in(&self, leaf: &Leaf<'_>, group_id: &[u8]) -> bool {
        if self.left.get() == u32::MAX {
            return true;
        }
        let card_leaf = CardLeaf {
            group_id,
            leaf_key: leaf.leaf_key,
        };
        let provider = OpenMlsRustCrypto::default();
        let card = card::open(provider.crypto(), self.keys, card_leaf, leaf.card);
        // Whoever was in the call comes back, also with another leaf key.
        if card.is_some_and(|card| self.guests.seen.contains(card.long_term_key.as_slice())) {
            return true;
        }
        let left = self.left.get().checked_sub(1);
        left.inspect(|left| self.left.set(*left)).is_some()
    }
}

/// By what members know a person with another leaf key: `HMAC-SHA256(card key, "conclave person" ‖ group_id ‖ long-term
/// key)`, the first 16 bytes. It tells nothing to who does not have the link.
fn mark(keys: &RoomKeys, group_id: &[u8], long_term_key: &[u8]) -> Option<Blob> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(keys.card()).ok()?;
    mac.update(b"conclave person");
    mac.update(group_id);
    mac.update(long_term_key);
    let bytes = mac.finalize().into_bytes();
    Some(Blob(bytes.iter().take(MARK).copied().collect()))
}

impl Session {
    /// Tells the time: a link may have a date. Monotonic milliseconds and seconds since 1970 of the same moment.
    pub fn handle_clock(&mut self, now_ms: u64, unix: u64) {
        self.clock = Clock(Some((now_ms, unix)));
    }

    /// Says until when and for how many people the link is good (hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn set_link(&mut self, link: LinkTerms) -> Result<(), SessionError> {
        self.wish_terms(TermsWish::Link(link))
    }

    /// Says how long messages may stay, in seconds, and whether they go when they were read (hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn set_messages(&mut self, lifetime: Option<u32>, burn: bool) -> Result<(), SessionError> {
        self.wish_terms(TermsWish::Messages { lifetime, burn })
    }

    fn wish_terms(&mut self, wish: TermsWish) -> Result<(), SessionError> {
        if !self.has_host_key()? {
            return Err(SessionError::NotHost);
        }
        self.hosting.orders.wish(Wish::Terms(wish));
        self.send_wishes();
        Ok(())
    }

    /// A member, by its leaf key and by what it is known again by.
    pub(super) fn somebody(&self, client_id: ClientId) -> Result<Somebody, SessionError> {
        let key = self.roster.key_of(client_id).ok_or(SessionError::NoSuchMember)?;
        let person = self.marks().into_iter().find(|(of, _)| *of == key);
        Ok(Somebody {
            key,
            person: person.map(|(_, mark)| mark),
        })
    }

    /// The members changed, or what they are: counts guests, and says for who loaded the page anew what it was before.
    pub(super) fn note_guests(&mut self) {
        for member in self.roster() {
            let key = self.roster.key_of(member.client_id);
            let person = member.long_term_key.map(|key| key.0).or(key);
            self.hosting.guests.note(person.unwrap_or_default(), member.role);
        }
        if self.has_host_key() != Ok(true) {
            return;
        }
        let uses = self.hosting.guests.uses();
        let mut wishes = self.wishes_for_returned();
        let is_counted = |terms: &Terms| terms.max_uses.is_some() && terms.used < uses;
        if self.hosting.orders.terms().is_some_and(is_counted) {
            wishes.push(Wish::Terms(TermsWish::Used(uses)));
        }
        for wish in wishes {
            if !self.hosting.orders.wishes(&wish) {
                self.hosting.orders.wish(wish);
            }
        }
        self.send_wishes();
    }

    /// What a host signs again: the named person is here with another leaf key, and the old one is gone.
    fn wishes_for_returned(&self) -> Vec<Wish> {
        let marks = self.marks();
        let (people, exceptions) = self.hosting.orders.named();
        let returned = |key: &Blob, person: Option<&Blob>| {
            let is_gone = marks.iter().all(|(of, _)| of.as_slice() != key.as_slice());
            let person = person.filter(|_| is_gone)?;
            let (key, _) = marks.iter().find(|(_, mark)| mark == person)?;
            Some(Somebody {
                key: key.clone(),
                person: Some(person.clone()),
            })
        };
        let roles = people.iter().filter_map(|known| {
            let somebody = returned(&known.key, known.person.as_ref())?;
            Some(Wish::Role(somebody, known.role))
        });
        let rules = exceptions.iter().filter_map(|known| {
            let somebody = returned(&known.key, known.person.as_ref())?;
            Some(Wish::Rules(RulesWish::Stop(somebody, known.stopped.clone())))
        });
        roles.chain(rules).collect()
    }

    /// Leaf keys and marks of all members whose cards can be read.
    fn marks(&self) -> Vec<(Vec<u8>, Blob)> {
        let Some(mls) = &self.current else {
            return Vec::new();
        };
        let members = self.roster.list(self.identity.client_id).into_iter();
        members
            .filter_map(|member| {
                let key = self.roster.key_of(member.client_id)?;
                let mark = mark(
                    &self.identity.keys,
                    mls.group_id(),
                    member.long_term_key?.as_slice(),
                )?;
                Some((key, mark))
            })
            .collect()
    }
}
