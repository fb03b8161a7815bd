//! The decisions of hosts that stand, and the wishes that are on their way. Every member checks each order by the group's
//! host keys; the server only carries it.

use std::collections::BTreeSet;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::encoding::Blob;
use crate::frame::Context;
use crate::message::Order;
use crate::moderation::{
    Burn, Decision, End, Exception, Role, RoleOf, Roles, Rules, RulesWish, Terms, TermsWish, Wish,
    signed_bytes,
};

/// Largest text of an order in bytes; the server's own limit.
const MAX_ORDER: usize = 64 << 10;

/// The group orders are for.
pub(crate) struct GroupHosts<'a> {
    pub(crate) room_id: &'a [u8],
    pub(crate) group_id: &'a [u8],
    pub(crate) keys: &'a [[u8; 32]],
}

impl GroupHosts<'_> {
    fn is_of_group(&self, group: &Blob) -> bool {
        group.as_slice() == self.group_id
    }

    fn has(&self, key: &[u8]) -> bool {
        self.keys.iter().any(|host| host == key)
    }
}

/// What came of an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Stands,
    /// This one or a newer one stood already.
    Old,
    End(End),
    Burn(Burn),
    /// Not by a host of this group.
    Refused,
}

struct Stands<T> {
    order: Order,
    content: T,
}

/// The decisions that stand, and the wishes that are on their way to become some.
#[derive(Default)]
pub(crate) struct Orders {
    roles: Option<Stands<Roles>>,
    rules: Option<Stands<Rules>>,
    terms: Option<Stands<Terms>>,
    wishes: Vec<Wish>,
    /// The text of the order that was sent and how many wishes it fulfils.
    sent: Option<(String, usize)>,
}

impl Orders {
    /// Checks an order and keeps it.
    pub(crate) fn take(&mut self, hosts: &GroupHosts<'_>, order: &Order) -> Taken {
        let Some(decision) = self.check(hosts, order) else {
            return Taken::Refused;
        };
        let taken = match decision {
            Decision::Roles(content) => keep(&mut self.roles, order, content, |roles| roles.version),
            Decision::Rules(content) => keep(&mut self.rules, order, content, |rules| rules.version),
            Decision::Terms(content) => keep(&mut self.terms, order, content, |terms| terms.version),
            Decision::End(end) => return Taken::End(end),
            Decision::Burn(burn) => return Taken::Burn(burn),
        };
        if taken == Taken::Stands {
            match self.sent.take() {
                Some((text, fulfilled)) if text == order.text => {
                    self.wishes.drain(..fulfilled.min(self.wishes.len()));
                }
                // Somebody else decided meanwhile: what we wish is said anew, on top of it.
                _ => {}
            }
        }
        taken
    }

    fn check(&self, hosts: &GroupHosts<'_>, order: &Order) -> Option<Decision> {
        if order.text.len() > MAX_ORDER {
            return None;
        }
        let decision: Decision = serde_json::from_str(&order.text).ok()?;
        let key = order.key.as_slice();
        let (is_here, may) = match &decision {
            Decision::Roles(roles) => (hosts.is_of_group(&roles.group), hosts.has(key)),
            Decision::Rules(rules) => (
                hosts.is_of_group(&rules.group),
                self.role_of(hosts, key).moderates(),
            ),
            Decision::Terms(terms) => (terms.room.as_slice() == hosts.room_id, hosts.has(key)),
            Decision::End(end) => (hosts.is_of_group(&end.group), hosts.has(key)),
            Decision::Burn(burn) => (burn.room.as_slice() == hosts.room_id, hosts.has(key)),
        };
        let signature = Signature::from_slice(order.signature.as_slice()).ok()?;
        let verifying = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        (may && is_here
            && verifying
                .verify_strict(&signed_bytes(&order.text), &signature)
                .is_ok())
        .then_some(decision)
    }

    /// The role of a leaf key.
    pub(crate) fn role_of(&self, hosts: &GroupHosts<'_>, key: &[u8]) -> Role {
        if hosts.has(key) {
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
    pub(crate) fn permitted(&self, role: Role, key: &[u8]) -> Vec<Context> {
        let rules = self.rules.as_ref().map(|rules| &rules.content);
        let is_allowed = |source: &Context| match (role, rules) {
            (Role::Viewer, _) => false,
            (Role::Host | Role::CoHost, _) | (Role::Member, None) => true,
            (Role::Member, Some(rules)) => {
                rules.sources.contains(source) && !stopped(rules, key).contains(source)
            }
        };
        Context::ALL.into_iter().filter(is_allowed).collect()
    }

    /// What members may publish.
    pub(crate) fn sources(&self) -> Vec<Context> {
        self.rules
            .as_ref()
            .map_or(Context::ALL.to_vec(), |rules| rules.content.sources.clone())
    }

    /// Whether members may record.
    pub(crate) fn allows_recording(&self) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.content.recording)
    }

    /// Whether nobody new comes in.
    pub(crate) fn is_locked(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.content.locked)
    }

    /// Whether a ticket is needed, once somebody decided about it.
    pub(crate) fn lobby(&self) -> Option<bool> {
        self.rules.as_ref().map(|rules| rules.content.lobby)
    }

    /// What the link is good for and how long messages stay.
    pub(crate) fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref().map(|terms| &terms.content)
    }

    /// Whoever is named with what they are, and whoever may not publish everything, without the hosts.
    pub(crate) fn named(&self) -> (&[RoleOf], &[Exception]) {
        let roles = self.roles.as_ref().map(|roles| roles.content.people.as_slice());
        let rules = self
            .rules
            .as_ref()
            .map(|rules| rules.content.exceptions.as_slice());
        (roles.unwrap_or_default(), rules.unwrap_or_default())
    }

    /// Whether this is wished already.
    pub(crate) fn wishes(&self, wish: &Wish) -> bool {
        self.wishes.contains(wish)
    }

    /// Whose key signed the rules that stand.
    pub(crate) fn rules_key(&self) -> Option<&[u8]> {
        self.rules.as_ref().map(|rules| rules.order.key.as_slice())
    }

    /// What stands, for a server that lost it.
    pub(crate) fn list(&self) -> impl Iterator<Item = &Order> {
        let roles = self.roles.iter().map(|stands| &stands.order);
        let rules = self.rules.iter().map(|stands| &stands.order);
        let terms = self.terms.iter().map(|stands| &stands.order);
        roles.chain(rules).chain(terms)
    }

    pub(crate) fn wish(&mut self, wish: Wish) {
        self.wishes.push(wish);
    }

    /// The server may not have got what was sent.
    pub(crate) fn forget_sent(&mut self) {
        self.sent = None;
    }

    /// The text that fulfils the next wishes of one kind, unless one is under way.
    pub(crate) fn next_text(&mut self, hosts: &GroupHosts<'_>, lobby: bool) -> Option<String> {
        if self.sent.is_some() {
            return None;
        }
        let kind = std::mem::discriminant(self.wishes.first()?);
        let count = self
            .wishes
            .iter()
            .take_while(|wish| std::mem::discriminant(*wish) == kind)
            .count();
        let wishes = self.wishes.get(..count)?;
        let group = Blob(hosts.group_id.to_vec());
        let decision = match wishes.first()? {
            Wish::Role(..) => Decision::Roles(self.roles_with(group, wishes)),
            Wish::Rules(_) => Decision::Rules(self.rules_with(group, lobby, wishes)),
            Wish::Terms(_) => Decision::Terms(self.terms_with(hosts.room_id, wishes)),
        };
        let text = serde_json::to_string(&decision).ok()?;
        self.sent = Some((text.clone(), count));
        Some(text)
    }

    fn roles_with(&self, group: Blob, wishes: &[Wish]) -> Roles {
        let before = self.roles.as_ref().map(|roles| &roles.content);
        let mut people = before.map_or(Vec::new(), |roles| roles.people.clone());
        for wish in wishes {
            let Wish::Role(somebody, role) = wish else {
                continue;
            };
            people.retain(|known| !somebody.is(&known.key, known.person.as_ref()));
            if *role != Role::Member {
                people.push(RoleOf {
                    key: Blob(somebody.key.clone()),
                    role: *role,
                    person: somebody.person.clone(),
                });
            }
        }
        Roles {
            group,
            version: before.map_or(0, |roles| roles.version).saturating_add(1),
            people,
        }
    }

    fn rules_with(&self, group: Blob, lobby: bool, wishes: &[Wish]) -> Rules {
        let mut rules = self.rules.as_ref().map_or_else(
            || Rules {
                group,
                version: 0,
                sources: Context::ALL.to_vec(),
                exceptions: Vec::new(),
                locked: false,
                lobby,
                recording: true,
            },
            |rules| rules.content.clone(),
        );
        rules.version = rules.version.saturating_add(1);
        for wish in wishes {
            match wish {
                Wish::Role(..) | Wish::Terms(_) | Wish::Rules(RulesWish::Again) => {}
                Wish::Rules(RulesWish::Sources(sources)) => rules.sources.clone_from(sources),
                Wish::Rules(RulesWish::Locked(locked)) => rules.locked = *locked,
                Wish::Rules(RulesWish::Lobby(lobby)) => rules.lobby = *lobby,
                Wish::Rules(RulesWish::Recording(recording)) => rules.recording = *recording,
                Wish::Rules(RulesWish::Stop(somebody, stopped)) => {
                    rules
                        .exceptions
                        .retain(|known| !somebody.is(&known.key, known.person.as_ref()));
                    if !stopped.is_empty() {
                        rules.exceptions.push(Exception {
                            key: Blob(somebody.key.clone()),
                            stopped: stopped.clone(),
                            person: somebody.person.clone(),
                        });
                    }
                }
            }
        }
        rules
    }

    fn terms_with(&self, room_id: &[u8], wishes: &[Wish]) -> Terms {
        let mut terms = self.terms().cloned().unwrap_or_default();
        terms.room = Blob(room_id.to_vec());
        terms.version = terms.version.saturating_add(1);
        for wish in wishes {
            match wish {
                Wish::Role(..) | Wish::Rules(_) => {}
                Wish::Terms(TermsWish::Link(link)) => {
                    terms.expires = link.expires;
                    terms.max_uses = link.max_uses;
                }
                Wish::Terms(TermsWish::Messages { lifetime, burn }) => {
                    terms.lifetime = *lifetime;
                    terms.burn = *burn;
                }
                Wish::Terms(TermsWish::Used(used)) => terms.used = terms.used.max(*used),
            }
        }
        terms
    }
}

fn stopped(rules: &Rules, key: &[u8]) -> BTreeSet<Context> {
    let exceptions = rules.exceptions.iter();
    exceptions
        .filter(|exception| exception.key.as_slice() == key)
        .flat_map(|exception| exception.stopped.iter().copied())
        .collect()
}

fn keep<T>(slot: &mut Option<Stands<T>>, order: &Order, content: T, version: impl Fn(&T) -> u64) -> Taken {
    if slot
        .as_ref()
        .is_some_and(|stands| version(&stands.content) >= version(&content))
    {
        return Taken::Old;
    }
    *slot = Some(Stands {
        order: order.clone(),
        content,
    });
    Taken::Stands
}
