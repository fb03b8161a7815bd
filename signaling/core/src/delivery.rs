//! The MLS delivery service of one room: it orders commits, lets members vote on each, and never has a key.
//!
//! Inputs: uploads of participants, their coming and going, time. Outputs: [`Effect`]s, which the room carries out.
//! A room's group is founded by its first participant, or restored by a member after the server lost its memory
//! (docs/E2EE.md, "Delivery service").

pub(crate) mod call;
pub(crate) mod group;
pub(crate) mod group_info;
pub(crate) mod heal;
pub(crate) mod key_packages;
pub(crate) mod link;
pub(crate) mod mls;
pub(crate) mod order;
pub(crate) mod orders;
pub(crate) mod permit;
pub(crate) mod rank;
pub(crate) mod recovery;
pub(crate) mod tls;
pub(crate) mod trees;
pub(crate) mod validate;
pub(crate) mod vote;
pub(crate) mod welcome;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_wire::bytes::Blob;
use conclave_wire::client::lobby::Ticket;
use conclave_wire::client::membership::Kick;
use conclave_wire::client::mls::{Ack, App, CommitUpload, Found, Join, Nack};
use conclave_wire::client::order::Order;
use conclave_wire::client::session::{GroupState, Standing};
use conclave_wire::id::{ClientId, Epoch, LeafIndex, RoomId, Seq, TreeHash};
use conclave_wire::limits::{MAX_APP, MAX_TREE};
use conclave_wire::media::Source;
use conclave_wire::{ErrorCode, ServerMessage};

use crate::people::People;
use crate::records::KeptTerms;
use group::Group;
pub(crate) use group::{Departure, Over};
use link::Link;
use mls::{Crypto, PublicState};
use recovery::Claim;

/// How long a participant may take to found or restore a group before another one is asked.
const FOUND_TIMEOUT: Duration = Duration::from_secs(2);
/// How long claims are collected after the server lost its memory.
const COLLECT: Duration = Duration::from_secs(1);
/// Ended groups a room remembers.
const MAX_ENDED: usize = 8;

/// What the room has to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Send to these, if they are online.
    Tell(Vec<ClientId>, ServerMessage),
    /// Send a State: the standing of this one changed.
    Restate(ClientId, Standing),
    /// Serve a tree.
    Store(TreeHash, Arc<[u8]>),
    /// Serve it no longer.
    Drop(TreeHash),
    /// It is a member with this leaf: forward its media.
    Admit(ClientId, LeafIndex),
    /// It may publish these.
    Permit(ClientId, Vec<Source>),
    /// Senders switch.
    Go(Epoch),
    /// Its commits are bad: out of the room.
    Expel(ClientId),
    /// It answers nothing: treat its connection as lost.
    Unresponsive(ClientId),
    /// There is a group now: whether it has a lobby is known.
    Founded,
    /// An epoch became final.
    Finalized,
    /// An epoch was rolled back.
    RolledBack,
}

/// What a step may look at and write to.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) room: &'a mls::Room,
    pub(crate) crypto: &'a Crypto,
    pub(crate) people: &'a People,
    pub(crate) out: &'a mut Vec<Effect>,
}

impl Cx<'_> {
    pub(crate) fn tell(&mut self, client: ClientId, message: ServerMessage) {
        self.out.push(Effect::Tell(vec![client], message));
    }

    pub(crate) fn tell_all(&mut self, clients: Vec<ClientId>, message: ServerMessage) {
        if !clients.is_empty() {
            self.out.push(Effect::Tell(clients, message));
        }
    }
}

/// The delivery service of one room.
#[derive(Default)]
pub(crate) struct Delivery {
    phase: Phase,
    last_seq: u64,
    /// Groups that ended while this process watched. Nobody brings them back: whoever comes with such a state was
    /// removed from them, or left.
    ended: VecDeque<Blob>,
    /// Those of them that a host ended: nobody comes back to them at all.
    ended_by_host: VecDeque<Blob>,
    /// What the link is good for, whatever group there is.
    link: Link,
}

#[derive(Default)]
enum Phase {
    /// Nobody is there.
    #[default]
    Empty,
    /// These were asked to create a group; the first upload wins.
    Founding {
        asked: BTreeSet<ClientId>,
        until: Instant,
    },
    /// Members of a group this process does not know come back: see who else does.
    Collecting { until: Instant },
    /// This one was asked to upload its group.
    Restoring {
        by: ClientId,
        claim: Claim,
        tried: BTreeSet<ClientId>,
        until: Instant,
    },
    /// There is a group.
    Running(Box<Group>),
}

impl Delivery {
    /// A participant came, or came back; returns where it stands and what must follow its State.
    pub(crate) fn handle_online(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
    ) -> (Standing, Vec<ServerMessage>) {
        let claims =
            recovery::claim_of(cx, &client).is_some_and(|claim| !self.ended.contains(&claim.group_id));
        match &mut self.phase {
            Phase::Empty if claims => {
                self.phase = Phase::Collecting {
                    until: cx.now + COLLECT,
                };
                (Standing::Wait, Vec::new())
            }
            Phase::Empty => {
                self.phase = Phase::Founding {
                    asked: BTreeSet::from([client]),
                    until: cx.now + FOUND_TIMEOUT,
                };
                (Standing::Found, Vec::new())
            }
            Phase::Founding { asked, .. } if claims && !asked.contains(&client) => {
                // A newcomer was faster than the members of a call that outlived the server: theirs goes on.
                let asked = std::mem::take(asked);
                self.phase = Phase::Collecting {
                    until: cx.now + COLLECT,
                };
                for other in asked.into_iter().filter(|other| *other != client) {
                    cx.out.push(Effect::Restate(other, Standing::Wait));
                }
                (Standing::Wait, Vec::new())
            }
            Phase::Founding { asked, .. } if asked.contains(&client) => (Standing::Found, Vec::new()),
            Phase::Restoring { by, .. } if *by == client => (Standing::Restore, Vec::new()),
            Phase::Founding { .. } | Phase::Collecting { .. } | Phase::Restoring { .. } => {
                (Standing::Wait, Vec::new())
            }
            Phase::Running(group) => group.handle_online(cx, client),
        }
    }

    /// A participant's connection was lost; it may come back.
    pub(crate) fn handle_offline(&mut self, cx: &mut Cx<'_>, client: &ClientId) {
        match &mut self.phase {
            Phase::Running(group) => group.handle_offline(cx, client),
            Phase::Founding { until, asked } if asked.contains(client) => *until = cx.now,
            Phase::Restoring { until, by, .. } if by == client => *until = cx.now,
            _ => {}
        }
    }

    /// A participant is gone for good; `cx.people` knows it no longer.
    pub(crate) fn handle_gone(&mut self, cx: &mut Cx<'_>, client: &ClientId, departure: Departure) {
        match &mut self.phase {
            Phase::Running(group) => {
                group.handle_gone(cx, client, departure);
                self.end_if_deserted(cx);
            }
            Phase::Founding { asked, until } => {
                if asked.remove(client) {
                    *until = cx.now;
                }
                if cx.people.is_empty() {
                    self.phase = Phase::Empty;
                }
            }
            Phase::Restoring { by, until, .. } if by == client => *until = cx.now,
            _ if cx.people.is_empty() => self.phase = Phase::Empty,
            _ => {}
        }
    }

    /// Everybody of the group is gone; whoever is left in the room founds the next one.
    fn start_over(&mut self, cx: &mut Cx<'_>) {
        self.settle_link();
        self.phase = Phase::Empty;
        self.ask_to_found(cx, BTreeSet::new());
    }

    fn ask_to_found(&mut self, cx: &mut Cx<'_>, mut asked: BTreeSet<ClientId>) {
        if cx.people.is_empty() {
            self.phase = Phase::Empty;
            return;
        }
        let next = cx
            .people
            .inside()
            .find(|client| !asked.contains(client))
            .or_else(|| {
                asked.clear();
                cx.people.inside().next()
            });
        if let Some(next) = next {
            asked.insert(next);
            cx.out.push(Effect::Restate(next, Standing::Found));
        }
        self.phase = Phase::Founding {
            asked,
            until: cx.now + FOUND_TIMEOUT,
        };
    }

    /// Somebody uploads a group.
    pub(crate) fn handle_found(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        found: Found,
    ) -> Result<(), ErrorCode> {
        let claim = match &self.phase {
            Phase::Founding { asked, .. } if asked.contains(&client) => None,
            Phase::Restoring { by, claim, .. } if *by == client => Some(claim.clone()),
            Phase::Running(group) if group.began_with(&found.group_info) => {
                cx.tell(client, ServerMessage::FoundOk);
                return Ok(());
            }
            _ => {
                cx.tell(client, ServerMessage::FoundLost);
                cx.out.push(Effect::Restate(client, Standing::Wait));
                return Ok(());
            }
        };
        let Some(group) = open_group(cx, client, found, claim.as_ref()) else {
            // Ask the next one right away, if there is one.
            match &mut self.phase {
                Phase::Founding { until, asked }
                    if cx.people.inside().all(|client| asked.contains(&client)) =>
                {
                    *until = cx.now + FOUND_TIMEOUT;
                }
                Phase::Founding { until, .. } | Phase::Restoring { until, .. } => *until = cx.now,
                _ => {}
            }
            return Err(ErrorCode::BadMls);
        };
        cx.tell(client, ServerMessage::FoundOk);
        let group = Box::new(group);
        if let Some(leaf) = group.leaf_of(&client) {
            cx.out.push(Effect::Admit(client, leaf));
        }
        self.phase = Phase::Running(group);
        cx.out.push(Effect::Founded);
        for other in cx.people.inside().filter(|other| *other != client) {
            // The room asks for the standing again, and sends what must follow.
            cx.out.push(Effect::Restate(other, Standing::Wait));
        }
        Ok(())
    }

    /// Where a participant stands when its State is sent again, and what must follow it.
    pub(crate) fn restate(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        standing: Standing,
    ) -> (Standing, Vec<ServerMessage>) {
        match &mut self.phase {
            Phase::Running(group) => group.handle_online(cx, client),
            _ => (standing, Vec::new()),
        }
    }

    /// Asks to be added.
    pub(crate) fn handle_join(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        join: Join,
    ) -> Result<(), ErrorCode> {
        self.group()?.handle_join(cx, client, join)?;
        self.end_if_deserted(cx);
        Ok(())
    }

    fn end_if_deserted(&mut self, cx: &mut Cx<'_>) {
        if let Phase::Running(group) = &mut self.phase
            && group.is_deserted(cx)
        {
            group.drop_trees(cx);
            let group_id = group.group_id();
            self.note_end(group_id);
            self.start_over(cx);
        }
    }

    fn note_end(&mut self, group_id: Blob) {
        self.ended.push_back(group_id);
        if self.ended.len() > MAX_ENDED {
            self.ended.pop_front();
        }
    }

    /// A commit. Its author is told by CommitRejected, not by an error.
    pub(crate) fn handle_commit(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        upload: CommitUpload,
    ) -> Result<(), ErrorCode> {
        let seq = Seq(self.last_seq + 1);
        if self.group()?.handle_commit(cx, client, upload, seq) {
            self.last_seq = seq.0;
        }
        self.end_if_deserted(cx);
        Ok(())
    }

    /// A vote for the tentative epoch, or a late one for the final epoch.
    pub(crate) fn handle_ack(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        ack: &Ack,
    ) -> Result<(), ErrorCode> {
        self.group()?.handle_ack(cx, client, ack);
        Ok(())
    }

    /// A vote against the tentative epoch.
    pub(crate) fn handle_nack(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        nack: &Nack,
    ) -> Result<(), ErrorCode> {
        self.group()?.handle_nack(cx, client, nack);
        Ok(())
    }

    /// An application message of a member for all others.
    pub(crate) fn handle_app(
        &mut self,
        cx: &mut Cx<'_>,
        client: &ClientId,
        message: Blob,
    ) -> Result<(), ErrorCode> {
        if message.0.len() > MAX_APP {
            return Err(ErrorCode::MessageTooLarge);
        }
        let seq = Seq(self.last_seq + 1);
        let group = self.group()?;
        let receivers = group.app_receivers(cx, client, &message)?;
        self.last_seq = seq.0;
        cx.tell_all(receivers, ServerMessage::App(App { seq, message }));
        Ok(())
    }

    /// Sends the GroupInfo of the final epoch.
    pub(crate) fn handle_group_info_request(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
    ) -> Result<(), ErrorCode> {
        let message = self.group()?.group_info(cx).ok_or(ErrorCode::Internal)?;
        cx.tell(client, message);
        Ok(())
    }

    /// A decision of a host; returns what it ends, if it does. The room takes it from there.
    pub(crate) fn handle_order(
        &mut self,
        cx: &mut Cx<'_>,
        client: &ClientId,
        order: Order,
    ) -> Result<Option<Over>, ErrorCode> {
        let Phase::Running(group) = &mut self.phase else {
            return Err(ErrorCode::NotAllowed);
        };
        let over = group.handle_order(cx, client, order, &mut self.link)?;
        if let Some(Over::Call(end)) = &over {
            self.ended_by_host.push_back(end.group.clone());
            if self.ended_by_host.len() > MAX_ENDED {
                self.ended_by_host.pop_front();
            }
        }
        Ok(over)
    }

    /// Somebody who is new came in by the link.
    pub(crate) fn note_use(&mut self, client: &ClientId) {
        if let Phase::Running(group) = &self.phase
            && let Some(key) = group.key_of(client)
        {
            self.link.let_in(key);
        }
    }

    fn settle_link(&mut self) {
        if let Phase::Running(group) = &self.phase {
            self.link.settle(|key| group.is_host(key));
        }
    }

    /// The room was forgotten, and this was remembered of its link.
    pub(crate) fn restore_link(&mut self, kept: KeptTerms) {
        self.link = Link::restored(kept);
    }

    /// What is to be remembered of the link, if that is new since this was asked last.
    pub(crate) fn take_link_change(&mut self) -> Option<KeptTerms> {
        self.link.take_change(|key| match &self.phase {
            Phase::Running(group) => group.is_host(key),
            _ => false,
        })
    }

    /// Why the link lets nobody new in, when `coming` are on their way in already.
    pub(crate) fn link_refusal(&self, unix: Option<u64>, coming: usize) -> Option<ErrorCode> {
        self.link.refusal(unix, coming, |key| match &self.phase {
            Phase::Running(group) => group.is_host(key),
            _ => false,
        })
    }

    /// Whether the owner of this host key said what the link is good for.
    pub(crate) fn has_terms_of(&self, key: &[u8]) -> bool {
        self.link.order().is_some_and(|order| order.key.as_slice() == key)
    }

    /// Whether there is a group to come into.
    pub(crate) fn has_group(&self) -> bool {
        matches!(self.phase, Phase::Running(_))
    }

    /// Whether a host ended this group.
    pub(crate) fn was_ended_by_host(&self, group_id: &Blob) -> bool {
        self.ended_by_host.contains(group_id)
    }

    /// What the hosts decided and stands.
    pub(crate) fn orders(&self) -> Vec<Order> {
        match &self.phase {
            Phase::Running(group) => group.orders.list().into_iter().chain(self.link.order()).collect(),
            _ => self.link.order().into_iter().collect(),
        }
    }

    /// Whether a host locked the call.
    pub(crate) fn is_locked(&self) -> bool {
        matches!(&self.phase, Phase::Running(group) if group.orders.is_locked())
    }

    /// Whether who is new needs a ticket.
    pub(crate) fn has_lobby(&self) -> bool {
        matches!(&self.phase, Phase::Running(group) if group.has_lobby())
    }

    /// Whether somebody moderates.
    pub(crate) fn moderates(&self, client: &ClientId) -> bool {
        matches!(&self.phase, Phase::Running(group) if group.moderates(client))
    }

    /// Whether a ticket lets a leaf key in.
    pub(crate) fn is_ticket(&self, crypto: &Crypto, leaf_key: &[u8], ticket: &Ticket) -> bool {
        matches!(&self.phase, Phase::Running(group) if group.is_ticket(crypto, leaf_key, ticket))
    }

    /// Whether somebody has a leaf.
    pub(crate) fn is_member(&self, client: &ClientId) -> bool {
        matches!(&self.phase, Phase::Running(group) if group.leaf_of(client).is_some())
    }

    /// What a member may publish; `None` without a group.
    pub(crate) fn permitted(&self, client: &ClientId) -> Option<Vec<Source>> {
        match &self.phase {
            Phase::Running(group) => Some(group.permitted(client)),
            _ => None,
        }
    }

    /// Checks a host's Kick; returns whom it removes. The room takes it from there.
    pub(crate) fn check_kick(
        &self,
        cx: &Cx<'_>,
        client: &ClientId,
        kick: &Kick,
    ) -> Result<ClientId, ErrorCode> {
        match &self.phase {
            Phase::Running(group) => {
                permit::check_kick(group, cx.crypto, client, kick).ok_or(ErrorCode::NotAllowed)
            }
            _ => Err(ErrorCode::NotAllowed),
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        match &mut self.phase {
            Phase::Empty => {}
            Phase::Founding { asked, until } if *until <= cx.now => {
                let asked = std::mem::take(asked);
                self.ask_to_found(cx, asked);
            }
            Phase::Collecting { until } if *until <= cx.now => self.ask_to_restore(cx, BTreeSet::new()),
            Phase::Restoring { until, by, tried, .. } if *until <= cx.now => {
                let mut tried = std::mem::take(tried);
                tried.insert(*by);
                self.ask_to_restore(cx, tried);
            }
            Phase::Founding { .. } | Phase::Collecting { .. } | Phase::Restoring { .. } => {}
            Phase::Running(group) => {
                group.handle_timeout(cx);
                self.end_if_deserted(cx);
            }
        }
    }

    fn ask_to_restore(&mut self, cx: &mut Cx<'_>, tried: BTreeSet<ClientId>) {
        match recovery::choose(cx, &tried, &self.ended) {
            Some((by, claim)) => {
                cx.out.push(Effect::Restate(by, Standing::Restore));
                self.phase = Phase::Restoring {
                    by,
                    claim,
                    tried,
                    until: cx.now + FOUND_TIMEOUT,
                };
            }
            None => self.ask_to_found(cx, BTreeSet::new()),
        }
    }

    /// When [`Delivery::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Empty => None,
            Phase::Founding { until, .. } | Phase::Collecting { until } | Phase::Restoring { until, .. } => {
                Some(*until)
            }
            Phase::Running(group) => group.poll_timeout(),
        }
    }

    /// The group, for a State.
    pub(crate) fn state(&self) -> Option<GroupState> {
        match &self.phase {
            Phase::Running(group) => Some(GroupState {
                group_id: group.group_id(),
                epoch: group.epoch(),
            }),
            _ => None,
        }
    }

    /// Forgets everything; used when a room ends.
    pub(crate) fn clear(&mut self, cx: &mut Cx<'_>) {
        self.settle_link();
        if let Phase::Running(group) = &mut self.phase {
            group.drop_trees(cx);
            let group_id = group.group_id();
            self.note_end(group_id);
        }
        self.phase = Phase::Empty;
    }

    fn group(&mut self) -> Result<&mut Group, ErrorCode> {
        match &mut self.phase {
            Phase::Running(group) => Ok(group),
            _ => Err(ErrorCode::NotAllowed),
        }
    }
}

/// Opens an uploaded group: a founder's has one member; a restored one is the one that was claimed.
fn open_group(cx: &mut Cx<'_>, client: ClientId, found: Found, claim: Option<&Claim>) -> Option<Group> {
    if found.ratchet_tree.0.len() > MAX_TREE {
        return None;
    }
    let (public, roster) = PublicState::open(
        cx.crypto,
        cx.room,
        found.group_info.as_slice(),
        found.ratchet_tree.as_slice(),
    )?;
    let leaf = roster.leaf_of(&client)?;
    let tag = public.tag()?;
    let fits = match claim {
        None => roster.len() == 1 && public.epoch() == Epoch(0),
        Some(claim) => {
            claim.group_id == public.group_id()
                && claim.epoch == public.epoch()
                && claim.tag.as_slice() == tag
        }
    };
    // The signer must be the uploader: openmls checked the signature only against the leaf that the upload names.
    let key = roster.leaf(leaf)?.key.clone();
    if !fits || !public.is_described_by(cx.crypto, found.group_info.as_slice(), leaf, &key) {
        return None;
    }
    Some(Group::new(cx, public, roster, tag, found.group_info))
}

/// The room of a group id.
pub(crate) fn is_group_of(room: &RoomId, group_id: &Blob) -> bool {
    group_id.0.len() == 2 * RoomId::LEN && group_id.0.starts_with(room.as_bytes())
}
