//! One participant's presence in a call, from Hello to Bye.
//!
//! A single task owns everything; WebSocket, media and timers are its inputs. After each input the MLS session is
//! drained and an offer is sent if tracks came or went.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use conclave_e2ee::{Outgoing, Output};
use conclave_wire::client::session::{ErrorMessage, Hello, Ping, State};
use conclave_wire::id::{ClientId, TrackId};
use conclave_wire::media::Track;
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, interval, sleep_until};

use super::media::Media;
use super::phantom::Relief;
use super::session::SharedSession;
use super::signaling::{Incoming, Signaling};
use super::{Config, Order, ParticipantError};
use crate::measure::join::{Step, Trace};
use crate::measure::rekey::Cause;

/// How long to wait with the next offer after a refused one: the news that a track vanished is on its way.
const OFFER_PAUSE: Duration = Duration::from_millis(200);
/// How long the start of a call may take, from the first connection to the first decrypted frame.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
/// A member to whom nobody sends anything for so long is in the call without hearing anything.
const NOTHING_TO_HEAR: Duration = Duration::from_secs(1);
const ABSENT: Duration = Duration::from_secs(3600);

/// Says Hello, takes part until `orders` say otherwise, and leaves.
///
/// # Errors
/// Whatever ended it before.
pub(super) async fn take_part<M: Media>(
    config: &Config,
    started: Instant,
    session: SharedSession,
    media: impl Future<Output = Result<M, ParticipantError>> + Send,
    mut orders: watch::Receiver<Order>,
) -> Result<(), ParticipantError> {
    let client_id = config.client_id;
    let mut trace = Trace::new(started.into_std());
    let mut signaling = Signaling::open(&config.server).await?;
    trace.reach(Step::Opened, std::time::Instant::now());
    let hello = Hello {
        version: conclave_wire::PROTOCOL_VERSION,
        room: config.room.id,
        client_id: ClientId::new(client_id),
        token: None,
        resume: None,
        host: None,
    };
    signaling.send(&ClientMessage::Hello(hello)).await?;
    let room = *config.room.id.as_bytes();
    let rekeys = &config.measures.rekeys;
    rekeys.begin(Cause::Join, room, client_id, std::time::Instant::now());
    let mut participant = Participant {
        config: config.clone(),
        client_id,
        started,
        session,
        signaling,
        media: media.await?,
        trees: mpsc::channel(8),
        ping_tick: interval(Duration::from_secs(5)),
        housekeeping: interval(M::HOUSEKEEPING),
        company: None,
        joined: false,
        trace,
        first_epoch: None,
        admitted_at: None,
        tracks: HashSet::new(),
        commits: HashMap::new(),
        removals: Vec::new(),
        offer_not_before: started,
        calls: None,
    };
    let mut result = participant.take_part(&mut orders).await;
    let now = std::time::Instant::now();
    let order = *orders.borrow();
    if order == Order::AwaitRemoval
        && let Err(
            ParticipantError::Removed
            | ParticipantError::Refused(ErrorCode::Removed)
            // Its media may end before it is told why.
            | ParticipantError::MediaLost(_),
        ) = result
    {
        result = Ok(());
    }
    if order == Order::Leave {
        config.measures.depart(client_id);
        rekeys.begin(Cause::Leave, room, client_id, now);
    } else {
        rekeys.lost(room, client_id, now);
    }
    participant.leave().await;
    if result.is_ok() {
        config.measures.kinds.of(config.making.kind()).left.increment();
    }
    result
}

struct Participant<M> {
    config: Config,
    client_id: [u8; 16],
    started: Instant,
    session: SharedSession,
    signaling: Signaling,
    media: M,
    trees: (mpsc::Sender<Tree>, mpsc::Receiver<Tree>),
    ping_tick: Interval,
    housekeeping: Interval,
    /// Whether others were there at the first State; `None` before it.
    company: Option<bool>,
    joined: bool,
    /// Its way into the call.
    trace: Trace,
    first_epoch: Option<u64>,
    /// When it became a member.
    admitted_at: Option<Instant>,
    /// Tracks of others that it receives.
    tracks: HashSet<TrackId>,
    /// When the commit that leads to an epoch came.
    commits: HashMap<u64, Instant>,
    /// Who left by the commit to which epoch, until media switches to it.
    removals: Vec<(u64, [u8; 16])>,
    offer_not_before: Instant,
    /// Calls for a commit that phantoms hand over; nobody hands any to one who is no member yet.
    calls: Option<mpsc::Receiver<String>>,
}

struct Tree {
    hash: String,
    bytes: Option<Bytes>,
}

impl<M: Media> Participant<M> {
    async fn take_part(&mut self, orders: &mut watch::Receiver<Order>) -> Result<(), ParticipantError> {
        let mut order = *orders.borrow_and_update();
        loop {
            match order {
                Order::Stay | Order::AwaitRemoval => self.media.mute(false),
                Order::Hush => self.media.mute(true),
                Order::Remove(member) => self.remove(member),
                Order::Leave | Order::End => return Ok(()),
            }
            order = self.obey_until(orders).await?;
        }
    }

    /// Takes part until there is another order.
    async fn obey_until(&mut self, orders: &mut watch::Receiver<Order>) -> Result<Order, ParticipantError> {
        loop {
            self.drain_session().await?;
            self.offer_if_due().await?;
            let session_due = self
                .session
                .with(|state| state.session.poll_timeout())
                .map_or_else(
                    || Instant::now() + ABSENT,
                    |due| self.started + Duration::from_millis(due),
                );
            tokio::select! {
                order = next_order(orders) => return Ok(order),
                message = self.signaling.receive() => self.handle_message(message?).await?,
                event = self.media.next() => {
                    self.media.handle(event).await?;
                    self.note_steps();
                }
                Some(tree) = self.trees.1.recv() => {
                    let now = self.session.now_ms();
                    self.session.with(|state| state.session.handle_tree(now, &tree.hash, tree.bytes.as_deref()))?;
                }
                Some(call) = next_call(&mut self.calls) => self.hand_to_session(&call),
                _ = self.ping_tick.tick() => self.signaling.send(&ClientMessage::Ping(Ping { id: 0 })).await?,
                _ = self.housekeeping.tick() => self.keep_house()?,
                () = sleep_until(session_due) => {
                    let now = self.session.now_ms();
                    self.session.with(|state| state.session.handle_timeout(now));
                }
            }
        }
    }

    async fn leave(mut self) {
        let found_others = self.company == Some(true);
        self.trace.record(&self.config.measures.join_stages, found_others);
        // The server notices a broken connection as well.
        let _ = self.signaling.send(&ClientMessage::Bye).await;
        self.signaling.close().await;
        self.media.close().await;
    }

    fn note_steps(&mut self) {
        let steps = self.media.steps();
        for (step, at) in [
            (Step::Connected, steps.connected),
            (Step::Packet, steps.packet),
            (Step::Frame, steps.frame),
        ] {
            if let Some(at) = at {
                self.trace.reach(step, at);
            }
        }
        if !self.joined && steps.frame.is_some() {
            if self.company == Some(true) {
                self.config.measures.join.record(self.started.elapsed());
            }
            self.mark_joined();
        }
    }

    async fn handle_message(&mut self, incoming: Incoming) -> Result<(), ParticipantError> {
        let Incoming { message, text } = incoming;
        match message {
            ServerMessage::State(state) => {
                self.handle_state(state).await?;
                self.hand_to_session(&text);
            }
            ServerMessage::Commit(commit) => {
                self.commits.insert(commit.epoch.0, Instant::now());
                if let Some(relief) = &self.config.relief {
                    relief.remember(&text, &commit);
                }
                self.hand_to_session(&text);
            }
            ServerMessage::CommitRejected(rejected) => {
                self.config.measures.races.rejected(rejected.reason);
                self.hand_to_session(&text);
            }
            ServerMessage::FoundOk
            | ServerMessage::FoundLost
            | ServerMessage::CommitCall(_)
            | ServerMessage::Welcome(_)
            | ServerMessage::Final(_)
            | ServerMessage::Rollback(_)
            | ServerMessage::Go(_)
            | ServerMessage::App(_)
            | ServerMessage::GroupInfo(_)
            | ServerMessage::Order(_)
            | ServerMessage::Knocks(_)
            | ServerMessage::Admitted(_) => self.hand_to_session(&text),
            ServerMessage::TrackPublished(published) => self.subscribe(published.track).await?,
            ServerMessage::TrackUnpublished(gone) => {
                self.tracks.remove(&gone.track_id);
                self.media.unsubscribe(gone.track_id).await?;
            }
            ServerMessage::Answer(mut answer) => {
                if let Some(detour) = &self.config.detour {
                    answer.sdp = detour.redirect(&answer.sdp).await?;
                }
                self.media.handle_answer(answer).await?;
            }
            ServerMessage::OfferRejected(rejected) => match rejected.code {
                // Tracks may vanish while an offer that names them is on its way.
                ErrorCode::TrackNotFound => {
                    self.offer_not_before = Instant::now() + OFFER_PAUSE;
                    self.media.handle_rejection(rejected.offer_id);
                }
                code => return Err(ParticipantError::Refused(code)),
            },
            ServerMessage::Error(ErrorMessage {
                code: ErrorCode::Overloaded,
                fatal: true,
                retry_after_ms: Some(pause),
            }) => return Err(ParticipantError::TurnedAway(Duration::from_millis(pause.into()))),
            ServerMessage::Error(error) if error.fatal => return Err(ParticipantError::Refused(error.code)),
            ServerMessage::Error(error) => {
                self.problem(&format!("the server refused a message: {:?}", error.code))
            }
            // A bot has one encoding.
            ServerMessage::Pong(_)
            | ServerMessage::Presence(_)
            | ServerMessage::EncodingsNeeded(_)
            | ServerMessage::PicturesPaused(_) => {}
        }
        Ok(())
    }

    async fn handle_state(&mut self, state: State) -> Result<(), ParticipantError> {
        self.company.get_or_insert(!state.participants.is_empty());
        let ping = Duration::from_millis(u64::from(state.idle_timeout_ms / 3).max(500));
        self.ping_tick = interval(ping);
        for track in state.tracks {
            self.subscribe(track).await?;
        }
        Ok(())
    }

    async fn subscribe(&mut self, track: Track) -> Result<(), ParticipantError> {
        if *track.client_id.as_bytes() != self.client_id {
            self.tracks.insert(track.track_id);
            self.media.subscribe(track).await?;
        }
        Ok(())
    }

    /// Removes a member, as a host does.
    fn remove(&mut self, member: [u8; 16]) {
        let now = std::time::Instant::now();
        match self.session.with(|state| state.session.kick(&member, false)) {
            Ok(()) => {
                let rekeys = &self.config.measures.rekeys;
                rekeys.begin(Cause::Kick, self.room(), member, now);
            }
            Err(error) => self.problem(&format!("it could not remove somebody: {error}")),
        }
    }

    fn hand_to_session(&mut self, text: &str) {
        let now = self.session.now_ms();
        if let Err(error) = self.session.with(|state| state.session.handle_message(now, text)) {
            self.problem(&format!("the session dropped a message: {error}"));
        }
    }

    async fn drain_session(&mut self) -> Result<(), ParticipantError> {
        while let Some(output) = self.session.with(|state| state.session.poll_output()) {
            match output {
                Output::Send(message) => {
                    if matches!(message, Outgoing::Commit(_)) {
                        self.config.measures.races.commit();
                    }
                    self.signaling.send_text(message.to_json()).await?;
                }
                Output::FetchTree { tree_hash } => self.fetch_tree(tree_hash),
                Output::Admitted { epoch } => {
                    self.first_epoch = Some(epoch);
                    self.admitted_at.get_or_insert_with(Instant::now);
                    if self.calls.is_none() {
                        self.calls = self.config.relief.as_ref().map(Relief::enlist);
                    }
                    self.session.with(|state| state.first_epoch = Some(epoch));
                    self.trace.reach(Step::Admitted, std::time::Instant::now());
                    self.config.measures.rekeys.admitted(self.room(), self.client_id);
                    if self.company == Some(false) {
                        self.mark_joined();
                    }
                }
                Output::KeysChanged => self.media.keys_changed(),
                Output::EpochChanged { epoch } => self.note_switch(epoch),
                Output::Log(change) => {
                    let (now, rekeys) = (std::time::Instant::now(), &self.config.measures.rekeys);
                    for person in &change.joined {
                        rekeys.heard_of_join(self.client_id, person.client_id.0, now);
                    }
                    for person in &change.left {
                        rekeys.heard_of_going(self.client_id, person.client_id.0, now);
                    }
                    let gone = change
                        .left
                        .iter()
                        .map(|person| (change.epoch, person.client_id.0));
                    self.removals.extend(gone);
                }
                Output::Removed => return Err(ParticipantError::Removed),
                Output::Failed { reason } => self.problem(&format!("MLS session: {reason:?}")),
                // The server closes the connection with the reason.
                Output::Ended | Output::Burnt { .. } | Output::ModerationChanged => {}
                Output::Knocking | Output::Knocks { .. } => {}
                Output::RosterChanged | Output::App { .. } | Output::Secured { .. } => {}
            }
        }
        Ok(())
    }

    fn fetch_tree(&self, hash: String) {
        let (server, trees) = (self.config.server.clone(), self.trees.0.clone());
        tokio::spawn(async move {
            let answer = server.get(&format!("/t/{hash}")).await;
            let bytes = answer
                .ok()
                .filter(|answer| answer.status == 200)
                .map(|answer| answer.body);
            // The receiver is gone when the participant is.
            let _ = trees.send(Tree { hash, bytes }).await;
        });
    }

    async fn offer_if_due(&mut self) -> Result<(), ParticipantError> {
        if self.company.is_none() || Instant::now() < self.offer_not_before {
            return Ok(());
        }
        if let Some(offer) = self.media.poll_offer().await? {
            self.signaling.send(&ClientMessage::Offer(offer)).await?;
            self.trace.reach(Step::Offered, std::time::Instant::now());
        }
        Ok(())
    }

    fn keep_house(&mut self) -> Result<(), ParticipantError> {
        self.media.keep_house();
        let waited = self.admitted_at.is_some_and(|at| at.elapsed() > NOTHING_TO_HEAR);
        if waited && self.tracks.is_empty() {
            self.mark_joined();
        }
        if !self.joined && self.started.elapsed() > JOIN_PATIENCE {
            return Err(ParticipantError::NotJoined(
                match (self.company, self.first_epoch, self.media.steps().connected) {
                    (None, _, _) => "the server did not answer Hello",
                    (_, None, _) => "nobody added it to the group",
                    (_, _, None) => "the media connection did not come up",
                    _ => "it decrypted nothing",
                },
            ));
        }
        Ok(())
    }

    fn mark_joined(&mut self) {
        if !self.joined {
            self.joined = true;
            let measures = &self.config.measures;
            measures.kinds.of(self.config.making.kind()).joined.increment();
            measures.got_in(self.client_id);
        }
    }

    fn room(&self) -> [u8; 16] {
        *self.config.room.id.as_bytes()
    }

    fn problem(&self, text: &str) {
        self.config
            .measures
            .problem(format!("{}: {text}", self.config.name));
    }

    fn note_switch(&mut self, epoch: u64) {
        let measures = &self.config.measures;
        if let Some(came) = self.commits.remove(&epoch) {
            measures.rekey.record(came.elapsed());
        }
        self.commits.retain(|older, _| *older > epoch);
        self.removals.retain(|(removal, client_id)| {
            if *removal > epoch {
                return true;
            }
            let now = std::time::Instant::now();
            measures.rekeys.sends_without(self.client_id, *client_id, now);
            if let Some(departure) = measures.departure(client_id) {
                measures.removal.record(departure.elapsed());
            }
            false
        });
    }
}

/// Waits for the call of a phantom.
async fn next_call(calls: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match calls {
        Some(calls) => calls.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for another order.
async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        // A dropped sender means that the run is over, too.
        Err(_) => Order::End,
    }
}
