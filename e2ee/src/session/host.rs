//! Moderation: what hosts decide, and what this session decides when it is one.

use sha2::{Digest as _, Sha256};

use super::Session;
use super::guests::{Door, Guests};
use crate::encoding::{Blob, ClientId};
use crate::error::SessionError;
use crate::frame::Context;
use crate::group::Mls;
use crate::leaf::Leaf;
use crate::message::{Kick, KnockOf, Order, Outgoing};
use crate::moderation::{Burn, Decision, Moderation, Role, RulesWish, Somebody, Wish, signed_bytes};
use crate::orders::{GroupHosts, Orders, Taken};
use crate::output::{FailReason, HostProof, Output};
use crate::policy::Gate;
use crate::secrets::RoomKeys;

/// Most orders that wait for the group they are for.
const MAX_HELD: usize = 8;

/// How long after a host closed the lobby who was on the way in still gets in without a ticket, in milliseconds: all
/// members must judge a commit alike, and the decision reaches them at other moments than the commit.
const LOBBY_GRACE: u64 = 10_000;

/// The decisions of the group's hosts. Written by `host`, forgotten with the group.
#[derive(Default)]
pub(super) struct Hosting {
    /// The group the orders are for.
    group_id: Vec<u8>,
    host_keys: Vec<[u8; 32]>,
    pub(super) orders: Orders,
    /// Orders that came before the group.
    held: Vec<Order>,
    /// Whether the group has a lobby by its policy.
    lobby_from_the_beginning: bool,
    /// Whether it has one by a host's decision, and since when.
    lobby: Option<(bool, u64)>,
    /// Whom the link has let in.
    pub(super) guests: Guests,
    /// Who waits.
    pub(super) knocks: Vec<KnockOf>,
}

impl Hosting {
    fn hosts(&self) -> GroupHosts<'_> {
        GroupHosts {
            room_id: room_of(&self.group_id),
            group_id: &self.group_id,
            keys: &self.host_keys,
        }
    }

    /// The role of a leaf key.
    pub(super) fn role_of(&self, key: &[u8]) -> Role {
        self.orders.role_of(&self.hosts(), key)
    }

    /// Whether whoever is new needs a ticket.
    fn has_lobby(&self) -> bool {
        self.lobby
            .map_or(self.lobby_from_the_beginning, |(lobby, _)| lobby)
    }

    /// Who gets in at this time.
    pub(super) fn gate<'a>(
        &'a self,
        now_ms: u64,
        unix: Option<u64>,
        keys: &'a RoomKeys,
    ) -> impl Gate + use<'a> {
        let since = self.lobby.map(|(_, since)| since);
        let is_closed =
            self.has_lobby() && since.is_none_or(|since| now_ms.saturating_sub(since) >= LOBBY_GRACE);
        HostedGate {
            hosting: self,
            is_closed,
            door: self.guests.door(now_ms, unix, keys),
        }
    }
}

/// Lets in whoever has a ticket of somebody who moderates; without a lobby whomever the link is good for.
struct HostedGate<'a> {
    hosting: &'a Hosting,
    is_closed: bool,
    door: Door<'a>,
}

impl Gate for HostedGate<'_> {
    fn lets_in(&self, leaf: &Leaf<'_>, group_id: &[u8]) -> bool {
        let has_ticket = leaf
            .ticket(group_id)
            .is_some_and(|ticket| self.hosting.role_of(ticket.key.as_slice()).moderates());
        has_ticket || (!self.is_closed && self.door.lets_in(leaf, group_id))
    }
}

impl Session {
    /// What the hosts decided.
    pub fn moderation(&self) -> Moderation {
        let own = self.identity.leaf_public();
        let role = self.own_role();
        let terms = self.hosting.orders.terms().cloned().unwrap_or_default();
        Moderation {
            role,
            permitted: self.hosting.orders.permitted(role, &own),
            sources: self.hosting.orders.sources(),
            locked: self.hosting.orders.is_locked(),
            lobby: self.hosting.has_lobby(),
            recording: self.hosting.orders.allows_recording(),
            link: terms.link(),
            used: self.hosting.guests.uses(),
            lifetime: terms.lifetime,
            burn: terms.burn,
        }
    }

    /// Makes somebody a co-host, a member or a viewer (hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`, `NoSuchMember`.
    pub fn set_role(&mut self, client_id: &[u8; 16], role: Role) -> Result<(), SessionError> {
        if !self.has_host_key()? {
            return Err(SessionError::NotHost);
        }
        let somebody = self.somebody(ClientId(*client_id))?;
        self.hosting.orders.wish(Wish::Role(somebody.clone(), role));
        if !role.moderates() && self.hosting.orders.rules_key() == Some(&somebody.key) {
            // Newcomers check the rules by the roles of now.
            self.hosting.orders.wish(Wish::Rules(RulesWish::Again));
        }
        self.send_wishes();
        Ok(())
    }

    /// Says what members may publish (hosts and co-hosts only); they themselves may always.
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn set_sources(&mut self, sources: Vec<Context>) -> Result<(), SessionError> {
        self.wish_rules(RulesWish::Sources(sources))
    }

    /// Says what one member may not publish (hosts and co-hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`, `NoSuchMember`.
    pub fn stop_sources(&mut self, client_id: &[u8; 16], stopped: Vec<Context>) -> Result<(), SessionError> {
        let somebody = self.somebody(ClientId(*client_id))?;
        self.wish_rules(RulesWish::Stop(somebody, stopped))
    }

    /// Lets nobody new in, or somebody again (hosts and co-hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn set_locked(&mut self, locked: bool) -> Result<(), SessionError> {
        self.wish_rules(RulesWish::Locked(locked))
    }

    /// Lets whoever is new in only with a ticket, or everybody with the link again (hosts and co-hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn set_lobby(&mut self, lobby: bool) -> Result<(), SessionError> {
        self.wish_rules(RulesWish::Lobby(lobby))
    }

    /// Says whether members may record (hosts and co-hosts only). Nobody can be kept from it by force: clients comply.
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn set_recording(&mut self, allowed: bool) -> Result<(), SessionError> {
        self.wish_rules(RulesWish::Recording(allowed))
    }

    /// Ends the call for everybody (hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn end(&mut self) -> Result<(), SessionError> {
        if !self.has_host_key()? {
            return Err(SessionError::NotHost);
        }
        let mls = self.current.as_ref().ok_or(SessionError::NotMember)?;
        let end = crate::moderation::End {
            group: Blob(mls.group_id().to_vec()),
            epoch: mls.epoch(),
        };
        self.send_decision(&Decision::End(end))
    }

    /// Ends the room for good: nobody opens its link again, and every client forgets what it knows (hosts only).
    ///
    /// # Errors
    /// `NotMember`, `NotHost`.
    pub fn burn(&mut self) -> Result<(), SessionError> {
        if !self.has_host_key()? {
            return Err(SessionError::NotHost);
        }
        let mls = self.current.as_ref().ok_or(SessionError::NotMember)?;
        let burn = Burn {
            room: Blob(self.identity.room_id.to_vec()),
            group: Blob(mls.group_id().to_vec()),
        };
        self.send_decision(&Decision::Burn(burn))
    }

    /// Signs the removal of a member (hosts and co-hosts only); the server then asks for a commit. With `ban` nobody
    /// from its address comes in again during this call.
    ///
    /// # Errors
    /// `NotMember`, `NotHost`, `NoSuchMember`.
    pub fn kick(&mut self, client_id: &[u8; 16], ban: bool) -> Result<(), SessionError> {
        self.require_moderator()?;
        let leaf = self
            .roster
            .leaf_of(ClientId(*client_id))
            .ok_or(SessionError::NoSuchMember)?;
        let mls = self.current.as_ref().ok_or(SessionError::NotMember)?;
        let epoch = mls.epoch();
        let label = if ban {
            b"conclave ban".as_slice()
        } else {
            b"conclave kick"
        };
        let payload = [label, mls.group_id(), &epoch.to_be_bytes(), &leaf.to_be_bytes()].concat();
        let (_, signature) = self.identity.sign_as_host(&payload);
        self.send(Outgoing::Kick(Kick {
            leaf,
            epoch,
            ban,
            signature: Blob(signature.to_vec()),
        }));
        Ok(())
    }

    pub(super) fn handle_order(&mut self, now_ms: u64, order: Order) -> Result<(), SessionError> {
        if self.current.is_none() {
            if self.hosting.held.len() < MAX_HELD {
                self.hosting.held.push(order);
            }
            return Ok(());
        }
        self.take_order(now_ms, &order);
        self.send_wishes();
        Ok(())
    }

    /// What a State says that stands. A server that lost something gets it back.
    pub(super) fn handle_orders(&mut self, now_ms: u64, orders: &[Order]) {
        self.hosting.held.clear();
        if self.current.is_none() {
            self.hosting.held = orders.iter().take(MAX_HELD).cloned().collect();
            return;
        }
        for order in orders {
            self.take_order(now_ms, order);
        }
        let lost: Vec<Order> = self
            .hosting
            .orders
            .list()
            .filter(|order| !orders.contains(order))
            .cloned()
            .collect();
        for order in lost {
            self.send(Outgoing::Order(order));
        }
        self.hosting.orders.forget_sent();
        self.send_wishes();
    }

    /// The session is in a group now: what came before it counts from here on.
    pub(super) fn enter_hosting(&mut self, mls: &Mls) {
        if self.hosting.group_id != mls.group_id() {
            self.hosting = Hosting {
                group_id: mls.group_id().to_vec(),
                lobby_from_the_beginning: mls.policy().is_some_and(|policy| policy.lobby),
                host_keys: mls.policy().map(|policy| policy.host_keys).unwrap_or_default(),
                held: std::mem::take(&mut self.hosting.held),
                ..Hosting::default()
            };
        }
    }

    /// Takes what was held back, and says who the host is when it is this session.
    pub(super) fn settle_hosting(&mut self, now_ms: u64) {
        for order in std::mem::take(&mut self.hosting.held) {
            self.take_order(now_ms, &order);
        }
        let own = self.identity.leaf_public();
        if self.has_host_key() == Ok(true) && self.hosting.role_of(&own) != Role::Host {
            // Whoever has the key of the room is its host; nobody is by being known again.
            let somebody = Somebody {
                key: own.to_vec(),
                person: None,
            };
            self.hosting.orders.wish(Wish::Role(somebody, Role::Host));
        }
        self.send_wishes();
        self.note_guests();
        self.outputs.push_back(Output::ModerationChanged);
    }

    fn take_order(&mut self, now_ms: u64, order: &Order) {
        let hosts = GroupHosts {
            room_id: room_of(&self.hosting.group_id),
            group_id: &self.hosting.group_id,
            keys: &self.hosting.host_keys,
        };
        match self.hosting.orders.take(&hosts, order) {
            Taken::Stands => {
                let lobby = self.hosting.orders.lobby();
                if lobby != self.hosting.lobby.map(|(lobby, _)| lobby) {
                    self.hosting.lobby = lobby.map(|lobby| (lobby, now_ms));
                }
                if let Some(terms) = self.hosting.orders.terms() {
                    self.hosting.guests.take_terms(now_ms, terms);
                }
                self.note_guests();
                self.outputs.push_back(Output::ModerationChanged);
                self.outputs.push_back(Output::RosterChanged);
            }
            Taken::Old => {}
            Taken::End(_) => self.outputs.push_back(Output::Ended),
            Taken::Burn(_) => self.burn_all(order),
            Taken::Refused => self.fail(FailReason::Order),
        }
    }

    /// Forgets every key; what is left is a receipt, the same for everybody.
    fn burn_all(&mut self, order: &Order) {
        let hash = Sha256::new()
            .chain_update(b"conclave receipt")
            .chain_update(&order.text)
            .chain_update(order.signature.as_slice())
            .finalize();
        self.forget_group();
        self.outputs.push_back(Output::Burnt {
            receipt: Blob(hash.to_vec()),
        });
    }

    fn wish_rules(&mut self, wish: RulesWish) -> Result<(), SessionError> {
        self.require_moderator()?;
        self.hosting.orders.wish(Wish::Rules(wish));
        self.send_wishes();
        Ok(())
    }

    pub(super) fn send_wishes(&mut self) {
        if self.current.is_none() {
            return;
        }
        let lobby = self.hosting.lobby_from_the_beginning;
        let hosts = GroupHosts {
            room_id: room_of(&self.hosting.group_id),
            group_id: &self.hosting.group_id,
            keys: &self.hosting.host_keys,
        };
        if let Some(text) = self.hosting.orders.next_text(&hosts, lobby) {
            self.send_order(text);
        }
    }

    fn send_decision(&mut self, decision: &Decision) -> Result<(), SessionError> {
        let text = serde_json::to_string(decision).map_err(|_| SessionError::Crypto)?;
        self.send_order(text);
        Ok(())
    }

    fn send_order(&mut self, text: String) {
        let (key, signature) = self.identity.sign_as_host(&signed_bytes(&text));
        self.send(Outgoing::Order(Order {
            text,
            key: Blob(key.to_vec()),
            signature: Blob(signature.to_vec()),
        }));
    }

    /// What shows the server that this is the room's host; `None` when it is not.
    pub fn host_proof(&self) -> Option<HostProof> {
        if !self.identity.is_room_host() {
            return None;
        }
        let ClientId(client_id) = self.identity.client_id;
        let signed = [b"conclave host".as_slice(), &self.identity.room_id, &client_id].concat();
        let (key, signature) = self.identity.sign_as_host(&signed);
        Some(HostProof {
            key: Blob(key.to_vec()),
            signature: Blob(signature.to_vec()),
        })
    }

    /// The role of this session. Whoever has the key of the room is its host, before an order says so to the others:
    /// in a new group none stands yet.
    pub(super) fn own_role(&self) -> Role {
        if self.hosting.host_keys.contains(&self.identity.host_public()) {
            Role::Host
        } else {
            self.hosting.role_of(&self.identity.leaf_public())
        }
    }

    /// Whether this session signs with a host key of the group.
    pub(super) fn has_host_key(&self) -> Result<bool, SessionError> {
        if self.current.is_none() {
            return Err(SessionError::NotMember);
        }
        let key = self.identity.host_public();
        Ok(self.hosting.host_keys.contains(&key))
    }

    pub(super) fn require_moderator(&self) -> Result<(), SessionError> {
        let own = self.identity.leaf_public();
        if self.has_host_key()? || self.hosting.role_of(&own).moderates() {
            Ok(())
        } else {
            Err(SessionError::NotHost)
        }
    }
}

/// The room of a group id (docs/E2EE.md, "Group parameters").
fn room_of(group_id: &[u8]) -> &[u8] {
    const ROOM: usize = 16;
    group_id.get(..ROOM).unwrap_or_default()
}
