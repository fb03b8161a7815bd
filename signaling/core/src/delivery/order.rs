//! Takes one commit per epoch, has the members vote on it, and makes it final or rolls it back.
//!
//! The server cannot verify a confirmation tag, nor whether a PSK was the right one: only members can. So a commit is
//! tentative until one of them, not its author, acknowledged it (RFC 9750 §5.3 leaves this open).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use conclave_wire::ServerMessage;
use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::{
    Ack, Commit, CommitRejected, CommitUpload, Final, Go, Nack, RejectReason, Rollback, Welcome,
};
use conclave_wire::client::session::Standing;
use conclave_wire::id::{ClientId, Epoch, LeafIndex, Seq};

use super::call::tell_refused;
use super::group::{Group, Joined, Logged};
use super::mls::{Author, ProcessError, PublicState, Roster, is_external, sha256};
use super::validate::{Lawful, Wanted, check};
use super::welcome::SplitWelcome;
use super::{Cx, Effect};

/// A commit without any vote falls after this time; it doubles with every round that nobody answers.
const VOTE: Duration = Duration::from_millis(1_500);
/// It doubles at most so often.
const MAX_DOUBLINGS: u32 = 2;
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
/// Least time between two external commits of one client.
const EXTERNAL_PAUSE: Duration = Duration::from_secs(5);

/// The epoch under vote.
pub(crate) struct Tent {
    public: PublicState,
    roster: Roster,
    info: Blob,
    tag: Vec<u8>,
    seq: Seq,
    commit: Blob,
    author: ClientId,
    /// KeyPackageRefs of those it adds.
    adds: Vec<Vec<u8>>,
    /// Those it adds, the author of an external commit too.
    joiners: BTreeSet<ClientId>,
    removes: Vec<LeafIndex>,
    skipped: Vec<ClientId>,
    external: bool,
    acks: BTreeSet<ClientId>,
    nacks: BTreeSet<ClientId>,
    since: Instant,
    pub(super) until: Instant,
}

impl Tent {
    pub(super) fn announcement(&self) -> ServerMessage {
        ServerMessage::Commit(Commit {
            seq: self.seq,
            epoch: self.public.epoch(),
            commit: self.commit.clone(),
        })
    }

    /// Whether somebody who is in the room becomes a member by it.
    pub(super) fn has_own_joiner(&self, cx: &Cx<'_>) -> bool {
        !self.external && self.joiners.iter().any(|client| cx.people.has(client))
    }
}

/// A final epoch that senders do not use yet.
pub(crate) struct PendingGo {
    pub(super) epoch: Epoch,
    pub(super) until: Instant,
    waiting: BTreeSet<ClientId>,
}

/// Why an upload is not taken.
struct Refused(RejectReason);

impl Group {
    /// A commit came; whether it is now the one under vote.
    pub(super) fn handle_commit(
        &mut self,
        cx: &mut Cx<'_>,
        author: ClientId,
        upload: CommitUpload,
        seq: Seq,
    ) -> bool {
        let leads_to = Epoch(upload.epoch.0.saturating_add(1));
        let is_repeated = |tent: &Tent| tent.author == author && tent.commit == upload.commit;
        if self.tent.as_ref().is_some_and(is_repeated) {
            // It was taken; to refuse its twin would make the author drop both.
            return false;
        }
        let commit = upload.commit.clone();
        match self.take_commit(cx, author, upload, seq) {
            Ok(()) => {
                self.decide(cx);
                true
            }
            Err(Refused(reason)) => {
                let external =
                    matches!(reason, RejectReason::Lost | RejectReason::WrongEpoch) && is_external(&commit);
                let rejected = CommitRejected {
                    epoch: leads_to,
                    reason,
                };
                cx.tell(author, ServerMessage::CommitRejected(rejected));
                if external {
                    self.outrun.insert(author);
                    self.help_outrun(cx);
                }
                false
            }
        }
    }

    fn take_commit(
        &mut self,
        cx: &mut Cx<'_>,
        author: ClientId,
        upload: CommitUpload,
        seq: Seq,
    ) -> Result<(), Refused> {
        if upload.epoch != self.epoch() {
            return Err(Refused(RejectReason::WrongEpoch));
        }
        if self.tent.is_some() {
            return Err(Refused(RejectReason::Lost));
        }
        let candidate =
            self.public
                .process(cx.crypto, upload.commit.as_slice())
                .map_err(|error| match error {
                    ProcessError::WrongEpoch => Refused(RejectReason::WrongEpoch),
                    ProcessError::Invalid => Refused(RejectReason::Invalid),
                })?;
        let changes = candidate
            .changes(cx.crypto)
            .ok_or(Refused(RejectReason::Invalid))?;
        let removes: Vec<LeafIndex> = self.removes.iter().copied().collect();
        let wanted = Wanted {
            roster: &self.roster,
            pending_adds: &self.adds,
            called_adds: self.call.as_ref().map_or(&[], |call| &call.adds),
            pending_removes: &removes,
            called_removes: self.call.as_ref().map_or(&removes, |call| &call.removes),
            healer: self.call.as_ref().and_then(|call| call.healer),
        };
        let lawful = check(candidate.author, &changes, &upload.skipped, &author, &wanted)
            .map_err(|breach| Refused(breach.reason()))?;
        if lawful.external && self.is_too_soon(cx, &author) {
            return Err(Refused(RejectReason::Policy));
        }
        let welcomes = self
            .split_welcome(&upload, &lawful.adds)
            .ok_or(Refused(RejectReason::Invalid))?;
        let (Author::Member(signer) | Author::External(signer)) = candidate.author;
        let tag = candidate.tag.clone();
        let (public, roster) = self
            .public
            .after(candidate)
            .ok_or(Refused(RejectReason::Invalid))?;
        let key = roster
            .leaf(signer)
            .map(|leaf| leaf.key.clone())
            .ok_or(Refused(RejectReason::Invalid))?;
        if !public.is_described_by(cx.crypto, upload.group_info.as_slice(), signer, &key) {
            return Err(Refused(RejectReason::Invalid));
        }
        if lawful.external {
            self.externals.insert(author, cx.now);
            // It comes in by itself: nobody need add it any more.
            self.adds.remove_client(&author);
            if self.roster.has(&author) {
                self.stateless.insert(author);
            }
        }
        let joiners = if lawful.external {
            BTreeSet::from([author])
        } else {
            welcomes.iter().map(|(client, _)| *client).collect()
        };
        let Lawful {
            adds,
            removes,
            external,
        } = lawful;
        let tent = Tent {
            public,
            roster,
            info: upload.group_info,
            tag,
            seq,
            commit: upload.commit,
            author,
            adds,
            joiners,
            removes,
            skipped: upload.skipped.iter().map(|skipped| skipped.client_id).collect(),
            external,
            acks: BTreeSet::new(),
            nacks: BTreeSet::new(),
            since: cx.now,
            until: cx.now + VOTE * (1 << self.silent_rounds.min(MAX_DOUBLINGS)),
        };
        self.announce(cx, tent, welcomes);
        Ok(())
    }

    fn is_too_soon(&self, cx: &Cx<'_>, client: &ClientId) -> bool {
        self.externals
            .get(client)
            .is_some_and(|last| cx.now.saturating_duration_since(*last) < EXTERNAL_PAUSE)
    }

    /// Each joiner's own Welcome; `None` unless the upload has exactly one secret per add.
    fn split_welcome(&self, upload: &CommitUpload, adds: &[Vec<u8>]) -> Option<Vec<(ClientId, Vec<u8>)>> {
        let Some(welcome) = &upload.welcome else {
            return adds.is_empty().then(Vec::new);
        };
        let split = SplitWelcome::parse(welcome.as_slice())?;
        if adds.is_empty() || split.len() != adds.len() || split.suite() != u16::from(self.public.suite()) {
            return None;
        }
        let own = |reference: &Vec<u8>| {
            Some((
                self.adds.by_reference(reference)?.client,
                split.only_for(reference)?,
            ))
        };
        adds.iter().map(own).collect()
    }

    fn announce(&mut self, cx: &mut Cx<'_>, tent: Tent, welcomes: Vec<(ClientId, Vec<u8>)>) {
        self.call = None;
        let epoch = tent.public.epoch();
        // Who lost its state and is added again gets its Welcome only: the commit removes its old leaf.
        let comes_anew = |client: &ClientId| !tent.external && tent.joiners.contains(client);
        let mut receivers: Vec<ClientId> = self
            .online_members(cx)
            .filter(|client| !comes_anew(client))
            .collect();
        if tent.external && !receivers.contains(&tent.author) {
            receivers.push(tent.author);
        }
        cx.tell_all(receivers, tent.announcement());
        if !welcomes.is_empty()
            && let Some(tree) = tent.public.tree()
        {
            let tree_hash = self.trees.store(cx, tree);
            for (client, welcome) in welcomes {
                let welcome = Welcome {
                    seq: tent.seq,
                    epoch,
                    welcome: Blob(welcome),
                    tree_hash,
                };
                cx.tell(client, ServerMessage::Welcome(welcome));
            }
        }
        self.tent = Some(tent);
    }

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
            self.check_go(cx);
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
    fn help_outrun(&mut self, cx: &mut Cx<'_>) {
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
