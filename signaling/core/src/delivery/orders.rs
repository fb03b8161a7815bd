//! What the hosts of a group decided: roles, rules, the end. The server obeys what is signed and can sign nothing.

use conclave_wire::ErrorCode;
use conclave_wire::client::lobby::{Ticket, ticket_bytes};
use conclave_wire::client::order::{Burn, Decision, End, Order, Role, Roles, Rules, Terms, signed_bytes};
use conclave_wire::limits::MAX_ORDER;
use conclave_wire::media::Source;

use super::mls::Crypto;
use super::permit::host_keys;

const EVERYTHING: [Source; 4] = [
    Source::Microphone,
    Source::Camera,
    Source::ScreenVideo,
    Source::ScreenAudio,
];

/// The newest decision of each kind.
#[derive(Default)]
pub(crate) struct Orders {
    roles: Option<Stands<Roles>>,
    rules: Option<Stands<Rules>>,
}

struct Stands<T> {
    order: Order,
    content: T,
}

/// What came of an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It stands now.
    Stands,
    /// One that is as new stands already.
    Old,
    /// Terms of the room's link; who keeps them knows whether they are new.
    Terms(Order, Terms),
    /// The call is over.
    End(End),
    /// The room is gone.
    Burn(Burn),
}

/// The group that orders are for.
pub(crate) struct Facts<'a> {
    pub(crate) room: &'a [u8],
    pub(crate) group_id: &'a [u8],
    pub(crate) call_policy: &'a [u8],
}

impl Orders {
    /// Checks an order and keeps it.
    pub(crate) fn take(
        &mut self,
        crypto: &Crypto,
        facts: &Facts<'_>,
        order: Order,
    ) -> Result<Taken, ErrorCode> {
        if order.text.len() > MAX_ORDER {
            return Err(ErrorCode::MessageTooLarge);
        }
        let decision = order.decision().ok_or(ErrorCode::BadMessage)?;
        let (named, place, may_be_co_host) = match &decision {
            Decision::Roles(roles) => (&roles.group, facts.group_id, false),
            Decision::Rules(rules) => (&rules.group, facts.group_id, true),
            Decision::Terms(terms) => (&terms.room, facts.room, false),
            Decision::End(end) => (&end.group, facts.group_id, false),
            Decision::Burn(burn) => (&burn.room, facts.room, false),
        };
        let key = order.key.as_slice();
        let may = is_host_key(facts.call_policy, key)
            || (may_be_co_host && self.role_of(facts.call_policy, key).moderates());
        let signed = signed_bytes(&order.text);
        if named.as_slice() != place
            || !may
            || !crypto.is_signed(order.key.as_slice(), &signed, order.signature.as_slice())
        {
            return Err(ErrorCode::NotAllowed);
        }
        Ok(match decision {
            Decision::Roles(content) => keep(&mut self.roles, order, content, |roles| roles.version),
            Decision::Rules(content) => keep(&mut self.rules, order, content, |rules| rules.version),
            Decision::Terms(terms) => Taken::Terms(order, terms),
            Decision::End(end) => Taken::End(end),
            Decision::Burn(burn) => Taken::Burn(burn),
        })
    }

    /// What stands, for a State.
    pub(crate) fn list(&self) -> Vec<Order> {
        let roles = self.roles.as_ref().map(|stands| stands.order.clone());
        let rules = self.rules.as_ref().map(|stands| stands.order.clone());
        roles.into_iter().chain(rules).collect()
    }

    /// Whether nobody new comes in.
    pub(crate) fn is_locked(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.content.locked)
    }

    /// Whether a host decided about the lobby, and how.
    pub(crate) fn lobby(&self) -> Option<bool> {
        self.rules.as_ref().map(|rules| rules.content.lobby)
    }

    /// Whether a ticket lets a leaf key into the group.
    pub(crate) fn is_ticket(
        &self,
        crypto: &Crypto,
        facts: &Facts<'_>,
        leaf_key: &[u8],
        ticket: &Ticket,
    ) -> bool {
        let key = ticket.key.as_slice();
        self.role_of(facts.call_policy, key).moderates()
            && crypto.is_signed(
                key,
                &ticket_bytes(facts.group_id, leaf_key),
                ticket.signature.as_slice(),
            )
    }

    /// The role of a leaf key.
    pub(crate) fn role_of(&self, call_policy: &[u8], key: &[u8]) -> Role {
        if is_host_key(call_policy, key) {
            return Role::Host;
        }
        let people = self.roles.iter().flat_map(|roles| &roles.content.people);
        people
            .filter(|person| person.key.as_slice() == key)
            .map(|person| person.role)
            .next()
            .unwrap_or_default()
    }

    /// What the owner of a leaf key may publish.
    pub(crate) fn permitted(&self, call_policy: &[u8], key: &[u8]) -> Vec<Source> {
        let role = self.role_of(call_policy, key);
        let rules = self.rules.as_ref().map(|rules| &rules.content);
        let is_allowed = |source: &Source| match (role, rules) {
            (Role::Viewer, _) => false,
            (Role::Host | Role::CoHost, _) | (Role::Member, None) => true,
            (Role::Member, Some(rules)) => {
                let mut stopped = rules
                    .exceptions
                    .iter()
                    .filter(|exception| exception.key.as_slice() == key)
                    .flat_map(|exception| &exception.stopped);
                rules.sources.contains(source) && !stopped.any(|stopped| stopped == source)
            }
        };
        EVERYTHING.into_iter().filter(is_allowed).collect()
    }
}

fn keep<T>(slot: &mut Option<Stands<T>>, order: Order, content: T, version: impl Fn(&T) -> u64) -> Taken {
    if slot
        .as_ref()
        .is_some_and(|stands| version(&stands.content) >= version(&content))
    {
        return Taken::Old;
    }
    *slot = Some(Stands { order, content });
    Taken::Stands
}

fn is_host_key(call_policy: &[u8], key: &[u8]) -> bool {
    host_keys(call_policy).is_some_and(|keys| keys.contains(&key))
}
