//! Takes one commit per epoch and announces it: from then on it is under vote.
//!
//! The server cannot verify a confirmation tag, nor whether a PSK was the right one: only members can. So a commit is
//! tentative until one of them, not its author, acknowledged it (RFC 9750 §5.3 leaves this open).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use conclave_wire::ServerMessage;
use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::{Commit, CommitRejected, CommitUpload, RejectReason, Welcome};
use conclave_wire::id::{ClientId, Epoch, LeafIndex, Seq};

use super::Cx;
use super::group::Group;
use super::mls::{Author, ProcessError, PublicState, Roster, is_external};
use super::validate::{Lawful, Wanted, check};
use super::welcome::SplitWelcome;

/// A commit without any vote falls after this time; it doubles with every round that nobody answers.
const VOTE: Duration = Duration::from_millis(1_500);
/// It doubles at most so often.
const MAX_DOUBLINGS: u32 = 2;
/// Least time between two external commits of one client.
const EXTERNAL_PAUSE: Duration = Duration::from_secs(5);

/// The epoch under vote.
pub(crate) struct Tent {
    pub(super) public: PublicState,
    pub(super) roster: Roster,
    pub(super) info: Blob,
    pub(super) tag: Vec<u8>,
    pub(super) seq: Seq,
    pub(super) commit: Blob,
    pub(super) author: ClientId,
    /// KeyPackageRefs of those it adds.
    pub(super) adds: Vec<Vec<u8>>,
    /// Those it adds, the author of an external commit too.
    pub(super) joiners: BTreeSet<ClientId>,
    pub(super) removes: Vec<LeafIndex>,
    pub(super) skipped: Vec<ClientId>,
    pub(super) external: bool,
    pub(super) acks: BTreeSet<ClientId>,
    pub(super) nacks: BTreeSet<ClientId>,
    pub(super) since: Instant,
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
    pub(super) waiting: BTreeSet<ClientId>,
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
}
