//! The vote on the epoch under vote: acknowledged it becomes final, refused or unanswered it falls; then senders switch.

use std::collections::BTreeSet;
use std::time::Duration;

use conclave_wire::ServerMessage;
use conclave_wire::client::mls::{Ack, Final, Go, Nack, Rollback};
use conclave_wire::client::session::Standing;
use conclave_wire::id::{ClientId, LeafIndex};

use super::call::tell_refused;
use super::group::{Group, Joined, Logged};
use super::mls::{Roster, sha256};
use super::order::{PendingGo, Tent};
use super::{Cx, Effect};

/// Senders switch this long after Final at the latest.
const GO_AFTER_ADDS: Duration = Duration::from_millis(300);
/// The same when somebody was removed.
const GO_AFTER_REMOVES: Duration = Duration::from_millis(150);
/// This many votes against, and none for, and a commit falls at once.
const ENOUGH_NACKS: usize = 3;
/// This many bad commits and a member is removed.
const MAX_STRIKES: u8 = 3;
/// This many votes in a row that a member was silent for, not even a Ping, and its connection counts as lost.
const MAX_SILENT: u8 = 2;

impl Group {
    /// A vote for the epoch under vote, or a late one for the final epoch.
    pub(super) fn handle_ack(&mut self, cx: &mut Cx<'_>, client: ClientId, ack: &Ack) {
        let fits = |tag: &[u8]| ack.confirmation_hash.as_slice() == sha256(tag);
        if let Some(tent) = &mut self.tent
            && tent.public.epoch() == ack.epoch
        {
            // Another hash is a vote for a commit that fell.
            if fits(&tent.tag) && tent.roster.has(&client) {
                tent.nacks.remove(&client);
                tent.acks.insert(client);
                self.decide(cx);
            }
            return;
        }
        if ack.epoch == self.epoch() && fits(&self.tag) && self.roster.has(&client) {
            self.acked.insert(client);
            self.stateless.remove(&client);
            self.admit(cx, client);
            // Only this vote is new: to look at all of them for each would be quadratic.
            if let Some(go) = &mut self.go {
                go.waiting.remove(&client);
                if go.waiting.is_empty() {
                    self.send_go(cx);
                }
            }
        }
    }

    /// A vote against the epoch under vote.
    pub(super) fn handle_nack(&mut self, cx: &mut Cx<'_>, client: ClientId, nack: &Nack) {
        if let Some(tent) = &mut self.tent
            && tent.public.epoch() == nack.epoch
        {
            if !tent.acks.contains(&client) && (self.roster.has(&client) || tent.joiners.contains(&client)) {
                tent.nacks.insert(client);
                self.decide(cx);
            }
            return;
        }
        // Who came by this epoch and cannot use it has a leaf without a holder.
        let came_now = self
            .joined
            .get(&client)
            .is_some_and(|joined| joined.epoch == self.epoch());
        if nack.epoch == self.epoch()
            && came_now
            && !self.acked.contains(&client)
            && let Some(leaf) = self.roster.leaf_of(&client)
        {
            self.remove(cx, leaf);
        }
    }

    /// Looks at the votes. Called whenever they, or the voters, changed.
    pub(super) fn decide(&mut self, cx: &mut Cx<'_>) {
        let Some(tent) = &self.tent else { return };
        let voters: BTreeSet<ClientId> = self.voters(cx, tent);
        let joiners: BTreeSet<ClientId> = tent
            .joiners
            .iter()
            .filter(|client| cx.people.is_online(client))
            .copied()
            .collect();
        if voters.iter().any(|client| tent.acks.contains(client)) {
            return self.finalize(cx);
        }
        if !voters.is_empty() {
            let against = voters.intersection(&tent.nacks).count();
            if against >= ENOUGH_NACKS.min(voters.len()) {
                self.roll_back(cx, true);
            }
            return;
        }
        // An external commit that no member saw must not stand: a ghost could wait for such a moment.
        if tent.external {
            return;
        }
        if joiners.is_empty() || joiners.iter().any(|client| tent.acks.contains(client)) {
            self.finalize(cx);
        } else if joiners.is_subset(&tent.nacks) {
            self.roll_back(cx, false);
        }
    }

    /// Members whose vote counts: there, staying, and not the author.
    fn voters(&self, cx: &Cx<'_>, tent: &Tent) -> BTreeSet<ClientId> {
        let counts = |client: &ClientId| *client != tent.author && tent.roster.has(client);
        self.online_members(cx).filter(counts).collect()
    }

    pub(super) fn check_vote_timeout(&mut self, cx: &mut Cx<'_>) {
        let Some(tent) = &self.tent else { return };
        if tent.until > cx.now {
            return;
        }
        let voters = self.voters(cx, tent);
        let anybody_voted = voters.iter().any(|client| tent.nacks.contains(client));
        let since = tent.since;
        // A connection that does not even answer is lost; only the network does not know it yet.
        for client in voters {
            if cx
                .people
                .get(&client)
                .is_some_and(|participant| participant.last_heard < since)
            {
                let rounds = self.silent.entry(client).or_default();
                *rounds = rounds.saturating_add(1);
                if *rounds >= MAX_SILENT {
                    self.silent.remove(&client);
                    cx.out.push(Effect::Unresponsive(client));
                }
            } else {
                self.silent.remove(&client);
            }
        }
        self.silent_rounds = self.silent_rounds.saturating_add(1);
        // Silence is no proof against the author: only a vote is.
        self.roll_back(cx, anybody_voted);
    }

    fn finalize(&mut self, cx: &mut Cx<'_>) {
        let Some(tent) = self.tent.take() else { return };
        self.send_go(cx);
        let epoch = tent.public.epoch();
        let receivers = self.concerned(cx, &tent);
        cx.tell_all(receivers, ServerMessage::Final(Final { epoch }));
        cx.out.push(Effect::Finalized);
        let removed_any = !tent.removes.is_empty();
        let old = std::mem::replace(&mut self.roster, tent.roster);
        self.public = tent.public;
        self.info = tent.info;
        self.tag = tent.tag.clone();
        self.log_final(Logged {
            seq: tent.seq,
            epoch,
            tag: tent.tag,
            commit: tent.commit,
        });
        self.failed_authors.clear();
        self.silent_rounds = 0;
        self.acked = tent.acks;
        self.acked.insert(tent.author);
        self.settle_members(cx, &tent.joiners);
        self.removes.retain(|leaf| !tent.removes.contains(leaf));
        self.orphans.retain(|leaf, _| !tent.removes.contains(leaf));
        self.settle_adds(cx, &tent.adds, &tent.joiners, &tent.skipped);
        self.settle_removes(cx, &tent.nacks, &tent.joiners);
        for client in self.acked.clone() {
            self.admit(cx, client);
        }
        let waits = |client: &ClientId| old.has(client) && *client != tent.author;
        let waiting = self.online_members(cx).filter(waits).collect();
        let until = cx.now
            + if removed_any {
                GO_AFTER_REMOVES
            } else {
                GO_AFTER_ADDS
            };
        self.go = Some(PendingGo {
            epoch,
            until,
            waiting,
        });
        self.check_go(cx);
        self.plan_healing(cx);
        self.invite_removed(cx, &old);
        self.help_outrun(cx);
        self.ask_again(cx);
    }

    /// Who came from outside and was outrun by another commit tries again with the next epoch's GroupInfo at once, not
    /// when it may ask again: after a restart many may have to come back.
    pub(super) fn help_outrun(&mut self, cx: &mut Cx<'_>) {
        if self.tent.is_some() {
            return;
        }
        let outrun = std::mem::take(&mut self.outrun);
        let receivers: Vec<ClientId> = outrun
            .into_iter()
            .filter(|client| cx.people.is_online(client))
            .collect();
        if !receivers.is_empty()
            && let Some(message) = self.group_info(cx)
        {
            cx.tell_all(receivers, message);
        }
    }

    /// Who was removed but is here, because its state was of no use, may join anew.
    fn invite_removed(&self, cx: &mut Cx<'_>, old: &Roster) {
        let is_out = |client: &ClientId| {
            cx.people.is_online(client) && !self.roster.has(client) && !self.adds.has(client)
        };
        let out: Vec<ClientId> = old.clients().filter(is_out).collect();
        cx.out.extend(
            out.into_iter()
                .map(|client| Effect::Restate(client, Standing::Join)),
        );
    }

    /// Everybody who was told of the commit.
    fn concerned(&self, cx: &Cx<'_>, tent: &Tent) -> Vec<ClientId> {
        let mut all: BTreeSet<ClientId> = self.online_members(cx).collect();
        all.extend(tent.joiners.iter().filter(|client| cx.people.is_online(client)));
        all.into_iter().collect()
    }

    fn settle_members(&mut self, cx: &Cx<'_>, joiners: &BTreeSet<ClientId>) {
        let epoch = self.epoch();
        let roster = &self.roster;
        self.joined
            .retain(|client, _| roster.has(client) && !joiners.contains(client));
        self.stateless.retain(|client| roster.has(client));
        self.strikes.retain(|client, _| roster.has(client));
        self.silent.retain(|client, _| roster.has(client));
        self.externals.retain(|client, _| cx.people.has(client));
        for client in joiners {
            self.stateless.remove(client);
            self.joined.insert(*client, Joined { at: cx.now, epoch });
        }
    }

    fn settle_adds(
        &mut self,
        cx: &mut Cx<'_>,
        added: &[Vec<u8>],
        joiners: &BTreeSet<ClientId>,
        skipped: &[ClientId],
    ) {
        self.adds.remove_references(added);
        for client in skipped.iter().filter(|client| !joiners.contains(client)) {
            if self.adds.remove_client(client).is_some() {
                tell_refused(cx, *client);
            }
        }
    }

    /// Leaves that have nobody, or nobody who could use them, must go.
    fn settle_removes(&mut self, cx: &mut Cx<'_>, nacks: &BTreeSet<ClientId>, joiners: &BTreeSet<ClientId>) {
        let lost_state: BTreeSet<ClientId> = self.adds.clients_in(&self.roster).collect();
        let useless = |leaf: LeafIndex, client: &ClientId| {
            let absent = !cx.people.has(client) && !self.orphans.contains_key(&leaf);
            let unusable = joiners.contains(client) && nacks.contains(client);
            absent || unusable || lost_state.contains(client)
        };
        let leaves: Vec<LeafIndex> = self
            .roster
            .iter()
            .filter(|(leaf, member)| useless(*leaf, &member.client))
            .map(|(leaf, _)| leaf)
            .collect();
        for leaf in leaves {
            self.remove(cx, leaf);
        }
    }

    /// A member that acknowledged its epoch gets media.
    fn admit(&self, cx: &mut Cx<'_>, client: ClientId) {
        let Some(leaf) = self
            .roster
            .leaf_of(&client)
            .filter(|leaf| !self.removes.contains(leaf))
        else {
            return;
        };
        if cx
            .people
            .get(&client)
            .is_some_and(|participant| participant.admitted != Some(leaf))
        {
            cx.out.push(Effect::Admit(client, leaf));
        }
    }

    fn roll_back(&mut self, cx: &mut Cx<'_>, guilty: bool) {
        let Some(tent) = self.tent.take() else { return };
        let rollback = Rollback {
            epoch: tent.public.epoch(),
        };
        let receivers = self.concerned(cx, &tent);
        cx.tell_all(receivers, ServerMessage::Rollback(rollback));
        cx.out.push(Effect::RolledBack);
        // A key package that a Welcome was opened with is used up; the joiner sends a fresh one.
        self.adds.remove_references(&tent.adds);
        self.failed_authors.insert(tent.author);
        self.help_outrun(cx);
        if guilty && !tent.external {
            let strikes = self.strikes.entry(tent.author).or_default();
            *strikes = strikes.saturating_add(1);
            if *strikes >= MAX_STRIKES {
                cx.out.push(Effect::Expel(tent.author));
            }
        }
        self.ask_again(cx);
    }

    pub(super) fn check_go(&mut self, cx: &mut Cx<'_>) {
        let Some(go) = &mut self.go else { return };
        let acked = &self.acked;
        go.waiting
            .retain(|client| !acked.contains(client) && cx.people.is_online(client));
        if go.waiting.is_empty() || go.until <= cx.now {
            self.send_go(cx);
        }
    }

    /// An epoch's Go is never sent after the next epoch's Final.
    fn send_go(&mut self, cx: &mut Cx<'_>) {
        let Some(go) = self.go.take() else { return };
        let receivers = self.online_members(cx).collect();
        cx.tell_all(receivers, ServerMessage::Go(Go { epoch: go.epoch }));
        cx.out.push(Effect::Go(go.epoch));
    }
}
