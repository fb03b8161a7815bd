//! A phantom: a leaf of the group with a real key package, behind a real connection, that processes no MLS.
//!
//! It votes for every commit: what a vote says stands in the commit itself, which the phantoms of a room read once for all.
//! It cannot commit, so it hands the server's calls for a commit to a real member of this process. A thousand of them cost
//! less than one member of a group of a thousand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conclave_e2ee::Output;
use conclave_wire::bytes::Blob;
use conclave_wire::client::mls::{Ack, Commit, CommitCall};
use conclave_wire::client::session::{Hello, Ping};
use conclave_wire::id::{ClientId, Epoch};
use conclave_wire::{ClientMessage, ServerMessage, codec};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, interval, sleep_until, timeout};

use super::signaling::{Signaling, SignalingError};
use super::{Config, Order, ParticipantError};
use crate::measure::kinds::Kind;

/// How long a phantom waits to be added. Hundreds are added one batch after the other.
const PATIENCE: Duration = Duration::from_secs(240);
/// Epochs whose votes are remembered.
const REMEMBERED: usize = 64;
/// A tag as serialized: a length byte and 32 bytes.
const TAG: usize = 33;

/// What the phantoms and the real members of one room tell each other. Cheap to clone.
#[derive(Clone, Default)]
pub struct Relief(Arc<Inner>);

#[derive(Default)]
struct Inner {
    shared: Mutex<Shared>,
    /// The epoch of the commit that was read last.
    read: watch::Sender<u64>,
}

#[derive(Default)]
struct Shared {
    /// Real members, to whom calls for a commit are handed.
    members: Vec<mpsc::Sender<String>>,
    turn: usize,
    /// The vote for the commit to each epoch.
    votes: BTreeMap<Epoch, Blob>,
    /// The commit that was read last, as it came, and the epoch it leads to.
    last: Option<(String, Epoch)>,
}

impl Relief {
    /// A real member offers to commit.
    pub(super) fn enlist(&self) -> mpsc::Receiver<String> {
        let (sender, receiver) = mpsc::channel(8);
        if let Ok(mut shared) = self.0.shared.lock() {
            shared.members.push(sender);
        }
        receiver
    }

    /// Hands a call to the next real member.
    fn hand_over(&self, text: &str) {
        let Ok(mut shared) = self.0.shared.lock() else {
            return;
        };
        shared.members.retain(|member| !member.is_closed());
        shared.turn += 1;
        let turn = shared.turn % shared.members.len().max(1);
        if let Some(member) = shared.members.get(turn) {
            // A member that is busy with other calls is as one that does not answer.
            let _ = member.try_send(text.to_owned());
        }
    }

    /// Somebody read a commit: everybody knows how to vote for it.
    pub(super) fn remember(&self, text: &str, commit: &Commit) {
        let Some(vote) = vote_for(commit.commit.as_slice()) else {
            return;
        };
        let Ok(mut shared) = self.0.shared.lock() else {
            return;
        };
        if shared.last.as_ref().is_some_and(|(last, _)| last == text) {
            return;
        }
        shared.last = Some((text.to_owned(), commit.epoch));
        shared.votes.insert(commit.epoch, vote);
        if shared.votes.len() > REMEMBERED {
            shared.votes.pop_first();
        }
        drop(shared);
        self.0.read.send_replace(commit.epoch.0);
    }

    /// The epoch of a message that is the commit which somebody read before.
    fn epoch_of_commit(&self, text: &str) -> Option<Epoch> {
        let shared = self.0.shared.lock().ok()?;
        let (last, epoch) = shared.last.as_ref()?;
        (last == text).then_some(*epoch)
    }

    fn vote(&self, epoch: Epoch) -> Option<Blob> {
        self.0.shared.lock().ok()?.votes.get(&epoch).cloned()
    }
}

struct Phantom {
    config: Config,
    client_id: [u8; 16],
    relief: Relief,
    /// Commits that anybody of the room read.
    read: watch::Receiver<u64>,
    signaling: Signaling,
    pings: Interval,
    /// The State that its key package answers.
    state: String,
    /// The epoch of its Welcome.
    welcomed: Option<Epoch>,
    /// Whether that epoch is final.
    is_member: bool,
    /// A call for a commit, and when it is this phantom's turn.
    call: Option<(Instant, CommitCall)>,
}

/// Is in the group until told otherwise.
pub async fn run(
    config: Config,
    relief: Relief,
    mut orders: watch::Receiver<Order>,
) -> Result<(), ParticipantError> {
    let counters = config.measures.kinds.of(Kind::Phantom);
    counters.started.increment();
    let client_id = config.client_id;
    let mut signaling = Signaling::open(&config.server).await?;
    let hello = Hello {
        version: conclave_wire::PROTOCOL_VERSION,
        room: config.room.id,
        client_id: ClientId::new(client_id),
        token: None,
        resume: None,
        host: None,
    };
    signaling.send(&ClientMessage::Hello(hello)).await?;
    let mut phantom = Phantom {
        config: config.clone(),
        client_id,
        read: relief.0.read.subscribe(),
        relief,
        signaling,
        pings: interval(Duration::from_secs(4)),
        state: String::new(),
        welcomed: None,
        is_member: false,
        call: None,
    };
    let added = timeout(PATIENCE, phantom.take_part(&mut orders, true)).await;
    if !added.map_err(|_| ParticipantError::NotJoined("nobody added it to the group"))?? {
        return phantom.leave().await;
    }
    counters.joined.increment();
    phantom.take_part(&mut orders, false).await?;
    phantom.leave().await?;
    counters.left.increment();
    Ok(())
}

impl Phantom {
    /// Takes part until it is told to go (`false`) or, if that is asked for, until it is a member (`true`).
    async fn take_part(
        &mut self,
        orders: &mut watch::Receiver<Order>,
        until_added: bool,
    ) -> Result<bool, ParticipantError> {
        while !(until_added && self.is_member) {
            let turn = self.call.as_ref().map_or_else(Instant::now, |(at, _)| *at);
            tokio::select! {
                text = self.signaling.receive_text() => {
                    let text = text?;
                    self.handle(text.as_str()).await?;
                }
                Ok(()) = self.read.changed() => self.vote_as_joiner().await?,
                () = sleep_until(turn), if self.call.is_some() => self.hand_over(),
                _ = self.pings.tick() => self.signaling.send(&ClientMessage::Ping(Ping { id: 0 })).await?,
                () = told_to_go(orders) => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn leave(mut self) -> Result<(), ParticipantError> {
        self.signaling.send(&ClientMessage::Bye).await?;
        self.signaling.close().await;
        Ok(())
    }

    async fn handle(&mut self, text: &str) -> Result<(), ParticipantError> {
        if let Some(epoch) = self.relief.epoch_of_commit(text) {
            self.call = None;
            return self.vote(epoch).await;
        }
        match codec::decode_server(text).map_err(SignalingError::from)? {
            ServerMessage::State(_) => {
                text.clone_into(&mut self.state);
                self.ask().await?;
            }
            ServerMessage::Commit(commit) => {
                self.call = None;
                self.relief.remember(text, &commit);
                self.vote(commit.epoch).await?;
            }
            ServerMessage::Welcome(welcome) => {
                self.welcomed = Some(welcome.epoch);
                self.vote(welcome.epoch).await?;
            }
            // Whoever was added votes late, when the others have shown it how.
            ServerMessage::Final(done) if self.welcomed == Some(done.epoch) => {
                self.is_member = true;
                self.vote(done.epoch).await?;
            }
            // A key package is of use once.
            ServerMessage::Rollback(fell) if self.welcomed == Some(fell.epoch) && !self.is_member => {
                self.welcomed = None;
                self.ask().await?;
            }
            ServerMessage::CommitCall(call) if !call.adds.is_empty() || !call.removes.is_empty() => {
                let turn = Instant::now() + Duration::from_millis(u64::from(call.delay_ms));
                self.call = Some((turn, call));
            }
            ServerMessage::Error(error) if error.fatal => return Err(ParticipantError::Refused(error.code)),
            _ => {}
        }
        Ok(())
    }

    /// Nobody committed before its turn.
    fn hand_over(&mut self) {
        if let Some((_, call)) = self.call.take() {
            let now = CommitCall { delay_ms: 0, ..call };
            self.relief
                .hand_over(&codec::encode(&ServerMessage::CommitCall(now)));
        }
    }

    /// Sends a fresh key package, made by a real session that is forgotten then.
    async fn ask(&mut self) -> Result<(), ParticipantError> {
        let mut session = self
            .config
            .room
            .session(self.client_id, self.config.name.clone())?;
        session.handle_message(0, &self.state)?;
        while let Some(output) = session.poll_output() {
            if let Output::Send(message) = output {
                self.signaling.send_text(message.to_json()).await?;
            }
        }
        Ok(())
    }

    /// Its Welcome came before anybody had read the commit.
    async fn vote_as_joiner(&mut self) -> Result<(), ParticipantError> {
        match self.welcomed {
            Some(epoch) if !self.is_member => self.vote(epoch).await,
            _ => Ok(()),
        }
    }

    async fn vote(&mut self, epoch: Epoch) -> Result<(), ParticipantError> {
        let Some(confirmation_hash) = self.relief.vote(epoch) else {
            return Ok(());
        };
        let ack = Ack {
            epoch,
            confirmation_hash,
        };
        Ok(self.signaling.send(&ClientMessage::Ack(ack)).await?)
    }
}

async fn told_to_go(orders: &mut watch::Receiver<Order>) {
    // A dropped sender means that the run is over, too.
    let _ = orders.wait_for(|order| *order != Order::Stay).await;
}

/// The vote for a commit: the hash of its confirmation tag, which stands before the membership tag at the end of a
/// member's PublicMessage, and at the very end of an external commit (RFC 9420 §6.2). `None` for anything shorter.
fn vote_for(commit: &[u8]) -> Option<Blob> {
    let is_tag = |tag: &[u8]| tag.first() == Some(&32);
    let (rest, last) = commit.split_at_checked(commit.len().checked_sub(TAG)?)?;
    let before = rest.len().checked_sub(TAG).and_then(|at| rest.get(at..));
    let external = is_external(commit);
    let tag = if external { Some(last) } else { before };
    tag.filter(|tag| is_tag(tag))
        .map(|tag| Blob::from(Sha256::digest(tag).to_vec()))
}

/// Whether the sender of an MLSMessage with a PublicMessage is a joiner from outside: version, wire format, group id,
/// epoch, then the kind of sender (RFC 9420 §6), where `new_member_commit` is 4.
fn is_external(commit: &[u8]) -> bool {
    let group_id = commit.get(4).copied().map_or(0, usize::from);
    commit.get(4 + 1 + group_id + 8) == Some(&4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PublicMessage as far as the vote looks at it.
    fn commit(sender: u8, tags: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 1, 2, 7, 7];
        bytes.extend([0; 8]);
        bytes.push(sender);
        bytes.extend([9; 50]);
        for tag in tags {
            bytes.push(32);
            bytes.extend([*tag; 32]);
        }
        bytes
    }

    fn hash(tag: u8) -> Option<Blob> {
        let mut bytes = vec![32];
        bytes.extend([tag; 32]);
        Some(Blob::from(Sha256::digest(&bytes).to_vec()))
    }

    #[test]
    fn a_vote_names_the_confirmation_tag_of_members_and_of_joiners_from_outside() {
        assert_eq!(vote_for(&commit(1, &[5, 6])), hash(5));
        assert_eq!(vote_for(&commit(4, &[5])), hash(5));
    }

    #[test]
    fn what_is_cut_short_gets_no_vote() {
        let whole = commit(1, &[5, 6]);
        for len in 0..66 {
            assert_eq!(vote_for(&whole[..len]), None, "{len}");
        }
    }

    #[test]
    fn what_one_phantom_read_the_others_need_not_read() {
        let relief = Relief::default();
        let message = Commit {
            seq: conclave_wire::id::Seq(1),
            epoch: Epoch(7),
            commit: Blob::from(commit(1, &[5, 6])),
        };
        let mut read = relief.0.read.subscribe();
        assert_eq!(relief.epoch_of_commit("text"), None);
        relief.remember("text", &message);
        assert!(read.has_changed().unwrap());
        assert_eq!(relief.epoch_of_commit("text"), Some(Epoch(7)));
        assert_eq!(relief.epoch_of_commit("other"), None);
        assert_eq!(relief.vote(Epoch(7)), hash(5));
        // The same epoch once more, after a rollback.
        read.mark_unchanged();
        relief.remember("text", &message);
        assert!(!read.has_changed().unwrap());
        let next = Commit {
            commit: Blob::from(commit(1, &[8, 9])),
            ..message
        };
        relief.remember("another", &next);
        assert_eq!(relief.vote(Epoch(7)), hash(8));
        assert!(read.has_changed().unwrap());
    }

    #[test]
    fn calls_go_to_one_real_member_after_the_other_and_not_to_those_who_left() {
        let relief = Relief::default();
        relief.hand_over("nobody hears it");
        let mut one = relief.enlist();
        let mut other = relief.enlist();
        relief.hand_over("a");
        relief.hand_over("b");
        assert!(one.try_recv().is_ok() && other.try_recv().is_ok());
        drop(one);
        relief.hand_over("c");
        assert_eq!(other.try_recv().as_deref(), Ok("c"));
    }
}
