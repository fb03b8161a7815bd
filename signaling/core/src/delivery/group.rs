//! The group of a running room: who is in it, who is to come and go, and what returning members missed.
//!
//! `call.rs` asks for commits, `order.rs` takes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use conclave_wire::bytes::Blob;
use conclave_wire::client::lobby::Ticket;
use conclave_wire::client::mls::{Commit, Final, Go, GroupInfo, Join};
use conclave_wire::client::order::{End, Order, Role};
use conclave_wire::client::session::Standing;
use conclave_wire::id::{ClientId, Epoch, LeafIndex, Seq};
use conclave_wire::media::Source;
use conclave_wire::{ErrorCode, ServerMessage};

use super::call::{Call, Healing};
use super::key_packages::{PendingAdd, PendingAdds};
use super::link::Link;
use super::mls::{Crypto, PublicState, Roster, application_epoch};
use super::order::{PendingGo, Tent};
use super::orders::{Facts, Orders, Taken};
use super::trees::TreeShelf;
use super::{Cx, Effect, permit, recovery};

/// Final commits that are kept for returning members; who missed more comes back by an external commit.
const MAX_LOG: usize = 256;
/// Members keep the keys of so many past epochs for application messages.
const PAST_EPOCHS: u64 = 8;
/// How long a joiner's key package waits for others before a commit is asked for.
const BATCH: Duration = Duration::from_millis(50);
/// The same when many come at once.
const BATCH_BUSY: Duration = Duration::from_millis(250);
/// More joins than this within a second are many.
const BUSY_JOINS: usize = 8;
/// The same for a removal: just long enough to take what the same cause brings.
const BATCH_REMOVE: Duration = Duration::from_millis(20);
/// How long the removal of a reloaded tab's old leaf waits for the key package of the new one. Nobody holds its keys.
const BATCH_RELOAD: Duration = Duration::from_millis(500);
/// How long members that did not come back after the server lost its memory keep their leaf.
const ORPHAN_GRACE: Duration = Duration::from_secs(10);

/// The group.
pub(crate) struct Group {
    pub(super) public: PublicState,
    pub(super) roster: Roster,
    pub(super) info: Blob,
    pub(super) tag: Vec<u8>,
    pub(super) trees: TreeShelf,
    pub(super) log: VecDeque<Logged>,
    /// Epoch and tag before the oldest commit of the log.
    pub(super) log_base: (Epoch, Vec<u8>),
    pub(super) adds: PendingAdds,
    pub(super) removes: BTreeSet<LeafIndex>,
    pub(super) flush_at: Option<Instant>,
    pub(super) call: Option<Call>,
    pub(super) tent: Option<Tent>,
    pub(super) go: Option<PendingGo>,
    pub(super) healing: Healing,
    pub(super) joined: BTreeMap<ClientId, Joined>,
    /// Who acknowledged the final epoch.
    pub(super) acked: BTreeSet<ClientId>,
    /// Bad commits per member.
    pub(super) strikes: BTreeMap<ClientId, u8>,
    /// Whose commit of the next epoch fell already.
    pub(super) failed_authors: BTreeSet<ClientId>,
    /// How often in a row a tentative epoch of the next number ended without any vote.
    pub(super) silent_rounds: u32,
    /// How often in a row a voter said nothing at all.
    pub(super) silent: BTreeMap<ClientId, u8>,
    /// Last external commit per client.
    pub(super) externals: BTreeMap<ClientId, Instant>,
    /// Members nobody has seen since the group was restored.
    pub(super) orphans: BTreeMap<LeafIndex, Instant>,
    recent_joins: VecDeque<Instant>,
    /// Members that come back from outside: they have no use of their leaf.
    pub(super) stateless: BTreeSet<ClientId>,
    /// Whose external commit came too late.
    pub(super) outrun: BTreeSet<ClientId>,
    /// The upload it began with.
    origin: Blob,
    /// What its hosts decided.
    pub(super) orders: Orders,
}

/// What a host ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The call; the room goes on.
    Call(End),
    /// The room, for good.
    Room,
}

/// How a participant went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It is gone.
    Gone,
    /// It lost its state and is here again under another pseudonym.
    Reloaded,
}

/// A final commit.
pub(crate) struct Logged {
    pub(super) seq: Seq,
    /// The epoch it led to.
    pub(super) epoch: Epoch,
    /// That epoch's confirmation tag.
    pub(super) tag: Vec<u8>,
    pub(super) commit: Blob,
}

/// When somebody became a member.
#[derive(Clone, Copy)]
pub(crate) struct Joined {
    pub(super) at: Instant,
    pub(super) epoch: Epoch,
}

impl Group {
    /// A founded or restored group.
    pub(crate) fn new(cx: &Cx<'_>, public: PublicState, roster: Roster, tag: Vec<u8>, info: Blob) -> Self {
        let epoch = public.epoch();
        let joined = roster
            .clients()
            .map(|client| (client, Joined { at: cx.now, epoch }))
            .collect();
        let orphans = roster
            .iter()
            .filter(|(_, leaf)| !cx.people.has(&leaf.client))
            .map(|(leaf, _)| (leaf, cx.now + ORPHAN_GRACE))
            .collect();
        Self {
            public,
            roster,
            info: info.clone(),
            log_base: (epoch, tag.clone()),
            tag,
            trees: TreeShelf::default(),
            log: VecDeque::new(),
            adds: PendingAdds::default(),
            removes: BTreeSet::new(),
            flush_at: None,
            call: None,
            tent: None,
            go: None,
            healing: Healing::new(cx.now),
            joined,
            acked: BTreeSet::new(),
            strikes: BTreeMap::new(),
            failed_authors: BTreeSet::new(),
            silent_rounds: 0,
            silent: BTreeMap::new(),
            externals: BTreeMap::new(),
            orphans,
            recent_joins: VecDeque::new(),
            stateless: BTreeSet::new(),
            outrun: BTreeSet::new(),
            origin: info,
            orders: Orders::default(),
        }
    }

    /// Whether this upload is the one the group began with, come twice.
    pub(crate) fn began_with(&self, group_info: &Blob) -> bool {
        self.origin == *group_info
    }

    /// A participant is there (again): where it stands and what must follow its State.
    pub(crate) fn handle_online(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
    ) -> (Standing, Vec<ServerMessage>) {
        self.ask_again(cx);
        let Some(leaf) = self.roster.leaf_of(&client) else {
            return (Standing::Join, Vec::new());
        };
        self.orphans.remove(&leaf);
        // Who is to be removed cannot stay by coming back: it joins anew, and its old leaf goes in the same commit.
        if self.removes.contains(&leaf) {
            return (Standing::Join, Vec::new());
        }
        let Some(claim) = recovery::claim_of(cx, &client) else {
            return (Standing::Join, Vec::new());
        };
        let missed = self.missed_since(claim.epoch, claim.tag.as_slice());
        match missed {
            Some(missed) if claim.group_id == self.group_id() => {
                if cx
                    .people
                    .get(&client)
                    .is_some_and(|participant| participant.admitted != Some(leaf))
                {
                    cx.out.push(Effect::Admit(client, leaf));
                }
                self.stateless.remove(&client);
                (Standing::Resume, missed)
            }
            None if claim.group_id == self.group_id() && claim.epoch < self.epoch() => {
                (Standing::Resync, self.group_info(cx).into_iter().collect())
            }
            // A client never goes back to an earlier epoch. After the server lost its memory its state may be ahead of
            // ours, or beside it: then it starts afresh.
            _ => (Standing::Join, Vec::new()),
        }
    }

    /// What a member in this state missed; `None` if the state is not in the log.
    fn missed_since(&self, epoch: Epoch, tag: &[u8]) -> Option<Vec<ServerMessage>> {
        let (base_epoch, base_tag) = &self.log_base;
        let skip = if *base_epoch == epoch && base_tag == tag {
            0
        } else {
            1 + self
                .log
                .iter()
                .position(|logged| logged.epoch == epoch && logged.tag == tag)?
        };
        let mut messages = Vec::new();
        for logged in self.log.iter().skip(skip) {
            let Logged {
                seq,
                epoch,
                ref commit,
                ..
            } = *logged;
            messages.push(ServerMessage::Commit(Commit {
                seq,
                epoch,
                commit: commit.clone(),
            }));
            messages.push(ServerMessage::Final(Final { epoch }));
            if self.has_gone(epoch) {
                messages.push(ServerMessage::Go(Go { epoch }));
            }
        }
        if messages.is_empty() && self.has_gone(epoch) {
            // It may have merged the epoch and lost the connection before Go.
            messages.push(ServerMessage::Go(Go { epoch }));
        }
        if let Some(tent) = &self.tent {
            messages.push(tent.announcement());
        }
        Some(messages)
    }

    fn has_gone(&self, epoch: Epoch) -> bool {
        self.go.as_ref().is_none_or(|go| epoch < go.epoch)
    }

    /// A participant's connection was lost: nobody waits for its vote any more.
    pub(crate) fn handle_offline(&mut self, cx: &mut Cx<'_>, client: &ClientId) {
        self.silent.remove(client);
        self.decide(cx);
        self.check_go(cx);
    }

    /// A participant is gone for good: its leaf must go.
    pub(crate) fn handle_gone(&mut self, cx: &mut Cx<'_>, client: &ClientId, departure: Departure) {
        if self.adds.remove_client(client).is_some() {
            self.ask_anew(cx);
        }
        if let Some(leaf) = self.roster.leaf_of(client) {
            match departure {
                Departure::Gone => self.remove(cx, leaf),
                Departure::Reloaded => self.remove_within(cx, leaf, BATCH_RELOAD),
            }
        }
        self.decide(cx);
        self.check_go(cx);
    }

    /// Asks for a removal as soon as may be.
    pub(super) fn remove(&mut self, cx: &Cx<'_>, leaf: LeafIndex) {
        self.remove_within(cx, leaf, BATCH_REMOVE);
    }

    fn remove_within(&mut self, cx: &Cx<'_>, leaf: LeafIndex, window: Duration) {
        self.orphans.remove(&leaf);
        if self.removes.insert(leaf) {
            self.flush_by(cx.now + window);
        }
    }

    /// A participant asks to be added. One that has a leaf lost its state: the old leaf goes in the same commit.
    pub(crate) fn handle_join(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        join: Join,
    ) -> Result<(), ErrorCode> {
        let add = PendingAdd::new(cx.crypto, self.public.suite(), client, join.key_package)
            .ok_or(ErrorCode::BadMls)?;
        // openmls refuses a commit with a signature key that is in the tree already.
        let used_in_tree = self.roster.key_is_used(&add.key) && self.roster.leaf_of(&client).is_none();
        if used_in_tree || self.adds.key_is_used_by_another(&client, &add.key) {
            return Err(ErrorCode::BadMls);
        }
        let replaced = self.adds.has(&client);
        self.adds.insert(add);
        if let Some(leaf) = self.roster.leaf_of(&client) {
            self.remove(cx, leaf);
        }
        if replaced {
            self.ask_anew(cx);
        }
        self.recent_joins.push_back(cx.now);
        while self
            .recent_joins
            .front()
            .is_some_and(|at| cx.now.saturating_duration_since(*at) > Duration::from_secs(1))
        {
            self.recent_joins.pop_front();
        }
        let window = if self.recent_joins.len() > BUSY_JOINS {
            BATCH_BUSY
        } else {
            BATCH
        };
        self.flush_by(cx.now + window);
        Ok(())
    }

    /// Who receives a member's application message.
    pub(crate) fn app_receivers(
        &self,
        cx: &Cx<'_>,
        sender: &ClientId,
        message: &Blob,
    ) -> Result<Vec<ClientId>, ErrorCode> {
        if !self.roster.has(sender) {
            return Err(ErrorCode::NotAllowed);
        }
        let epoch = application_epoch(&self.group_id(), message.as_slice()).ok_or(ErrorCode::BadMls)?;
        if epoch > self.epoch() || epoch.0 + PAST_EPOCHS < self.epoch().0 {
            return Err(ErrorCode::BadMls);
        }
        Ok(self
            .online_members(cx)
            .filter(|client| client != sender)
            .collect())
    }

    /// A decision of a host; any member may hand it on. Returns what it ends.
    pub(crate) fn handle_order(
        &mut self,
        cx: &mut Cx<'_>,
        sender: &ClientId,
        order: Order,
        link: &mut Link,
    ) -> Result<Option<Over>, ErrorCode> {
        if !self.roster.has(sender) {
            return Err(ErrorCode::NotAllowed);
        }
        let group_id = self.group_id();
        let facts = Facts {
            room: cx.room.id.as_bytes(),
            group_id: group_id.as_slice(),
            call_policy: self.public.extension(permit::CALL_POLICY).unwrap_or_default(),
        };
        let message = ServerMessage::Order(order.clone());
        match self.orders.take(cx.crypto, &facts, order)? {
            Taken::Old => return Ok(None),
            Taken::End(end) => {
                cx.tell_all(cx.people.inside().collect(), message);
                return Ok(Some(Over::Call(end)));
            }
            Taken::Burn(_) => {
                cx.tell_all(cx.people.inside().collect(), message);
                return Ok(Some(Over::Room));
            }
            Taken::Terms(order, terms) => {
                if link.take(order, terms, |key| self.is_host(key)) {
                    cx.tell_all(cx.people.inside().collect(), message);
                }
                return Ok(None);
            }
            Taken::Stands => cx.tell_all(cx.people.inside().collect(), message),
        }
        for client in self.roster.clients() {
            if cx.people.has(&client) {
                cx.out.push(Effect::Permit(client, self.permitted(&client)));
            }
        }
        Ok(None)
    }

    /// Whether who is new needs a ticket.
    pub(crate) fn has_lobby(&self) -> bool {
        let from_the_beginning = || self.call_policy().is_some_and(permit::wants_lobby);
        self.orders.lobby().unwrap_or_else(from_the_beginning)
    }

    /// Whether a ticket lets a leaf key in.
    pub(crate) fn is_ticket(&self, crypto: &Crypto, leaf_key: &[u8], ticket: &Ticket) -> bool {
        let group_id = self.group_id();
        let facts = Facts {
            room: &[],
            group_id: group_id.as_slice(),
            call_policy: self.call_policy().unwrap_or_default(),
        };
        self.orders.is_ticket(crypto, &facts, leaf_key, ticket)
    }

    /// Whether the owner of a leaf key is a host.
    pub(crate) fn is_host(&self, key: &[u8]) -> bool {
        let policy = self.call_policy().unwrap_or_default();
        self.orders.role_of(policy, key) == Role::Host
    }

    /// The leaf key of a member.
    pub(crate) fn key_of(&self, client: &ClientId) -> Option<Vec<u8>> {
        let leaf = self.roster.leaf(self.roster.leaf_of(client)?)?;
        Some(leaf.key.to_vec())
    }

    /// Whether somebody moderates.
    pub(crate) fn moderates(&self, client: &ClientId) -> bool {
        let leaf = self
            .roster
            .leaf_of(client)
            .and_then(|leaf| self.roster.leaf(leaf));
        let policy = self.call_policy().unwrap_or_default();
        leaf.is_some_and(|leaf| self.orders.role_of(policy, &leaf.key).moderates())
    }

    /// What a member may publish.
    pub(crate) fn permitted(&self, client: &ClientId) -> Vec<Source> {
        let leaf = self
            .roster
            .leaf_of(client)
            .and_then(|leaf| self.roster.leaf(leaf));
        let key = leaf.map_or(&[][..], |leaf| leaf.key.as_slice());
        self.orders.permitted(self.call_policy().unwrap_or_default(), key)
    }

    /// The GroupInfo message of the final epoch; its tree is served from now on.
    pub(crate) fn group_info(&mut self, cx: &mut Cx<'_>) -> Option<ServerMessage> {
        let tree_hash = self.trees.store(cx, self.public.tree()?);
        Some(ServerMessage::GroupInfo(GroupInfo {
            epoch: self.epoch(),
            group_info: self.info.clone(),
            tree_hash,
        }))
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        self.trees.expire(cx);
        let overdue: Vec<LeafIndex> = self
            .orphans
            .iter()
            .filter(|(_, until)| **until <= cx.now)
            .map(|(leaf, _)| *leaf)
            .collect();
        for leaf in overdue {
            self.remove(cx, leaf);
        }
        self.check_vote_timeout(cx);
        self.check_go(cx);
        self.check_calls(cx);
    }

    /// When [`Group::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let calls = self.next_call_time();
        let vote = self.tent.as_ref().map(|tent| tent.until);
        let go = self.go.as_ref().map(|go| go.until);
        let orphans = self.orphans.values().min().copied();
        [calls, vote, go, orphans].into_iter().flatten().min()
    }

    /// Nobody in the room has the group's state, and nobody may still come back with it: it is over.
    pub(crate) fn is_deserted(&self, cx: &Cx<'_>) -> bool {
        let has_member = self
            .roster
            .iter()
            .filter(|(leaf, member)| !self.removes.contains(leaf) && !self.stateless.contains(&member.client))
            .any(|(_, member)| cx.people.has(&member.client));
        let has_tentative = self.tent.as_ref().is_some_and(|tent| tent.has_own_joiner(cx));
        !has_member && !has_tentative && self.orphans.is_empty()
    }

    pub(crate) fn drop_trees(&mut self, cx: &mut Cx<'_>) {
        self.trees.clear(cx);
    }

    /// Has the members asked at `at` or earlier.
    pub(super) fn flush_by(&mut self, at: Instant) {
        self.flush_at = Some(self.flush_at.map_or(at, |planned| planned.min(at)));
    }

    pub(super) fn log_final(&mut self, logged: Logged) {
        self.log.push_back(logged);
        if self.log.len() > MAX_LOG
            && let Some(oldest) = self.log.pop_front()
        {
            self.log_base = (oldest.epoch, oldest.tag);
        }
    }

    pub(crate) fn group_id(&self) -> Blob {
        self.public.group_id()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.public.epoch()
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(crate) fn leaf_of(&self, client: &ClientId) -> Option<LeafIndex> {
        self.roster.leaf_of(client)
    }

    pub(crate) fn member_since_epoch(&self, client: &ClientId) -> Option<Epoch> {
        self.joined.get(client).map(|joined| joined.epoch)
    }

    pub(crate) fn call_policy(&self) -> Option<&[u8]> {
        self.public.extension(permit::CALL_POLICY)
    }

    pub(super) fn online_members<'a>(&'a self, cx: &'a Cx<'_>) -> impl Iterator<Item = ClientId> + 'a {
        self.roster.clients().filter(|client| cx.people.is_online(client))
    }
}
