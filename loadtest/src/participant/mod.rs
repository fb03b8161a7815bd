//! One headless participant: signaling, MLS, media, from Hello to Bye.
//!
//! A single task owns everything; WebSocket, media and timers are its inputs. After each input the MLS session is
//! drained and an offer is sent if tracks came or went. What its media is made of, its [`Config`] says: all kinds share
//! everything else.

pub mod codecs;
pub mod connection;
pub mod detour;
pub mod full;
pub mod key_frame;
pub mod kid;
pub mod light;
pub mod listener;
pub mod media;
pub mod phantom;
pub mod receiver;
pub mod runtime;
pub mod sdp;
pub mod sender;
pub mod session;
pub mod signaling;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conclave_e2ee::{Codec, Outgoing, Output, SessionError};
use conclave_wire::client::session::{ErrorMessage, Hello, Ping, State};
use conclave_wire::id::{ClientId, TrackId};
use conclave_wire::media::Track;
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage};
use rand::random_range;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, interval, sleep_until};

use self::detour::Detour;
use self::full::FullMedia;
use self::light::LightMedia;
use self::media::Media;
use self::phantom::Relief;
use self::session::SharedSession;
use self::signaling::{Incoming, Signaling, SignalingError};
use crate::http::{HttpError, Server};
use crate::light::{Decrypt, LightEngine, LightError, SendTrack};
use crate::measure::Measures;
use crate::measure::join::{Step, Trace};
use crate::measure::kinds::Kind;
use crate::measure::rekey::Cause;
use crate::room::Room;

/// How long to wait with the next offer after a refused one: the news that a track vanished is on its way.
const OFFER_PAUSE: Duration = Duration::from_millis(200);
/// How long the start of a call may take, from the first connection to the first decrypted frame.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
/// How long somebody comes again and again to an overloaded server.
const PATIENCE: Duration = Duration::from_secs(60);
/// A member to whom nobody sends anything for so long is in the call without hearing anything.
const NOTHING_TO_HEAR: Duration = Duration::from_secs(1);
const ABSENT: Duration = Duration::from_secs(3600);

/// What a participant is made of.
#[derive(Clone)]
pub struct Config {
    /// Where.
    pub server: Server,
    /// Which room.
    pub room: Room,
    /// Its number, from 0: name and voice derive from it.
    pub index: usize,
    /// Its pseudonym.
    pub client_id: [u8; 16],
    /// What others call it.
    pub name: String,
    /// Whether it comes with the host's key of a room that was made here.
    pub is_host: bool,
    /// VP8 or VP9.
    pub video: Codec,
    /// What it sends.
    pub part: Part,
    /// What its media is made of.
    pub making: Making,
    /// Whom it helps to commit: the phantoms of its room.
    pub relief: Option<Relief>,
    /// The bad network its media takes, if it does.
    pub detour: Option<Detour>,
    /// Where its measures go.
    pub measures: Arc<Measures>,
}

/// What a participant sends; it receives everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// A voice.
    pub microphone: bool,
    /// A clip.
    pub camera: bool,
    /// A screen; light participants only.
    pub screen: bool,
}

impl Part {
    /// It speaks and shows itself.
    pub const SPEAKER: Self = Self {
        microphone: true,
        camera: true,
        screen: false,
    };
    /// It sends nothing.
    pub const LISTENER: Self = Self {
        microphone: false,
        camera: false,
        screen: false,
    };

    /// Whether it sends anything.
    pub fn is_heard(self) -> bool {
        self.microphone || self.camera || self.screen
    }
}

/// What a participant's media is made of.
#[derive(Clone)]
pub enum Making {
    /// The `webrtc` crate and real codecs.
    Full,
    /// The engine of light peers.
    Light(LightKit),
}

impl Making {
    /// The kind it is counted as.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Full => Kind::Full,
            Self::Light(_) => Kind::Light,
        }
    }
}

/// What light media needs.
#[derive(Clone)]
pub struct LightKit {
    /// The engine.
    pub engine: LightEngine,
    /// Which frames are decrypted.
    pub decrypt: Decrypt,
    /// What it sends instead of what its part says.
    pub tracks: Option<Vec<SendTrack>>,
}

/// What a participant is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Take part.
    Stay,
    /// Take part, but send nothing for now.
    Hush,
    /// Take part until the host has removed it.
    AwaitRemoval,
    /// Take part, and remove the participant with this pseudonym; for hosts.
    Remove([u8; 16]),
    /// Say Bye; the others go on.
    Leave,
    /// The run is over.
    End,
}

/// Why a participant could not take part.
#[derive(Debug, Error)]
pub enum ParticipantError {
    /// The signaling service cannot be reached or broke off.
    #[error(transparent)]
    Signaling(#[from] SignalingError),
    /// The server's name cannot be resolved.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server refused.
    #[error("the server refused: {0:?}")]
    Refused(ErrorCode),
    /// The server is overloaded, and asks to come again after this time.
    #[error("the server is overloaded")]
    TurnedAway(Duration),
    /// WebRTC failed.
    #[error("WebRTC: {0}")]
    WebRtc(#[from] webrtc::error::Error),
    /// The MLS session failed.
    #[error("MLS session: {0}")]
    Session(#[from] SessionError),
    /// The codec failed.
    #[error("Opus: {0}")]
    Opus(#[from] opus::Error),
    /// ICE or DTLS failed, or consent was lost.
    #[error("the media connection is {0}")]
    MediaLost(String),
    /// The relay of a bad network could not be started.
    #[error("the bad network cannot be made: {0}")]
    Detour(#[from] std::io::Error),
    /// The engine of light media failed.
    #[error(transparent)]
    Light(#[from] LightError),
    /// It was removed from the group.
    #[error("it was removed from the call")]
    Removed,
    /// It took too long.
    #[error("it could not join within 30 s: {0}")]
    NotJoined(&'static str),
}

/// Takes part until told otherwise. Whom an overloaded server turns away comes again, as other clients do.
pub async fn run(config: Config, mut orders: watch::Receiver<Order>) -> Result<(), ParticipantError> {
    let started = Instant::now();
    config.measures.kinds.of(config.making.kind()).started.increment();
    config.measures.register_bot(config.client_id);
    loop {
        let result = attempt(&config, orders.clone()).await;
        let Err(ParticipantError::TurnedAway(pause)) = result else {
            return result;
        };
        config.measures.turned_away.increment();
        // Not all of those who were turned away together come again together.
        let pause = pause.mul_f64(random_range(1.0..1.5));
        if started.elapsed() + pause > PATIENCE {
            return result;
        }
        tokio::select! {
            () = sleep_until(Instant::now() + pause) => {}
            () = called_off(&mut orders) => return Ok(()),
        }
    }
}

async fn attempt(config: &Config, orders: watch::Receiver<Order>) -> Result<(), ParticipantError> {
    let started = Instant::now();
    let client_id = config.client_id;
    let session = if config.is_host {
        config.room.host_session(client_id, config.name.clone())?
    } else {
        config.room.session(client_id, config.name.clone())?
    };
    let session = SharedSession::new(session, started.into_std());
    match &config.making {
        Making::Full => {
            let media = FullMedia::open(config, session.clone());
            take_part(config, started, session, media, orders).await
        }
        Making::Light(kit) => {
            let media = std::future::ready(LightMedia::open(config, kit, session.clone()));
            take_part(config, started, session, media, orders).await
        }
    }
}

async fn take_part<M: Media>(
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
        self.trace.record(&self.config.measures.join_stages);
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
            ServerMessage::Pong(_) | ServerMessage::Presence(_) | ServerMessage::EncodingsNeeded(_) => {}
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

/// Waits for an order not to come at all.
async fn called_off(orders: &mut watch::Receiver<Order>) {
    // A dropped sender means that the run is over, too.
    let _ = orders
        .wait_for(|order| matches!(order, Order::Leave | Order::End))
        .await;
}

/// Waits for another order.
async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        // A dropped sender means that the run is over, too.
        Err(_) => Order::End,
    }
}

#[cfg(test)]
mod turned_away_tests;
