//! One headless participant: signaling, MLS, media, from Hello to Bye.
//!
//! A single task owns everything; WebSocket, WebRTC and timers are its inputs. After each input the MLS session is
//! drained and an offer is sent if tracks came or went.

pub mod codecs;
pub mod connection;
pub mod key_frame;
pub mod kid;
pub mod listener;
mod media;
pub mod receiver;
pub mod runtime;
pub mod sdp;
pub mod sender;
pub mod signaling;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conclave_e2ee::{Codec, Outgoing, Output, Session, SessionConfig, SessionError};
use conclave_wire::client::session::{Hello, Ping, State};
use conclave_wire::id::ClientId;
use conclave_wire::media::{Source, Track};
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage};
use rand::Rng as _;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, interval, sleep_until};
use webrtc::peer_connection::RTCPeerConnectionState;

use self::connection::{Connection, Event};
use self::receiver::Receiving;
use self::sender::{Showing, Speaking};
use self::signaling::{Incoming, Signaling, SignalingError};
use crate::http::{HttpError, Server};
use crate::measure::Measures;
use crate::measure::join::{Step, Trace};
use crate::measure::kinds::Kind;
use crate::measure::rekey::Cause;
use crate::room::Room;
use crate::source::clip::Clips;
use crate::source::voice::Voice;

const AUDIO_TICK: Duration = Duration::from_millis(20);
/// A tick that comes later than this is skipped: the machine is too slow, and a burst would only make it worse.
const LATEST_TICK: Duration = Duration::from_millis(200);
const HOUSEKEEPING: Duration = Duration::from_millis(100);
/// How long to wait with the next offer after a refused one: the news that a track vanished is on its way.
const OFFER_PAUSE: Duration = Duration::from_millis(200);
/// How long the start of a call may take, from the first connection to the first decrypted frame.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);
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
    /// VP8 or VP9.
    pub video: Codec,
    /// Where its measures go.
    pub measures: Arc<Measures>,
}

/// What a participant is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Take part.
    Stay,
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
    MediaLost(RTCPeerConnectionState),
    /// It was removed from the group.
    #[error("it was removed from the call")]
    Removed,
    /// It took too long.
    #[error("it could not join within 30 s: {0}")]
    NotJoined(&'static str),
}

/// Takes part until told otherwise.
pub async fn run(config: Config, mut orders: watch::Receiver<Order>) -> Result<(), ParticipantError> {
    let mut participant = Participant::join(&config).await?;
    let result = participant.take_part(&mut orders).await;
    let (now, room) = (std::time::Instant::now(), participant.room());
    if *orders.borrow() == Order::Leave {
        config.measures.depart(participant.client_id);
        config
            .measures
            .rekeys
            .begin(Cause::Leave, room, participant.client_id, now);
    } else {
        config.measures.rekeys.lost(room, participant.client_id, now);
    }
    participant.leave().await;
    if result.is_ok() {
        config.measures.kinds.of(Kind::Full).left.increment();
    }
    result
}

struct Participant {
    config: Config,
    client_id: [u8; 16],
    started: Instant,
    session: Session,
    signaling: Signaling,
    connection: Connection,
    events: mpsc::Receiver<Event>,
    trees: (mpsc::Sender<Tree>, mpsc::Receiver<Tree>),
    receiving: HashMap<u32, Receiving>,
    speaking: Speaking,
    showing: Showing,
    audio_tick: Interval,
    video_tick: Interval,
    ping_tick: Interval,
    housekeeping: Interval,
    connected: bool,
    /// Whether others were there at the first State; `None` before it.
    company: Option<bool>,
    joined: bool,
    /// Its way into the call.
    trace: Trace,
    first_epoch: Option<u64>,
    /// When the commit that leads to an epoch came.
    commits: HashMap<u64, Instant>,
    /// Who left by the commit to which epoch, until media switches to it.
    removals: Vec<(u64, [u8; 16])>,
    offer_not_before: Instant,
}

struct Tree {
    hash: String,
    bytes: Option<Bytes>,
}

impl Participant {
    /// Opens everything and says Hello.
    async fn join(config: &Config) -> Result<Self, ParticipantError> {
        let started = Instant::now();
        let mut trace = Trace::new(started.into_std());
        let measures = &config.measures;
        measures.kinds.of(Kind::Full).started.increment();
        let client_id: [u8; 16] = rand::rng().random();
        measures.register_bot(client_id);
        let session = Session::new(SessionConfig {
            room_id: *config.room.id.as_bytes(),
            room_secret: config.room.secret.clone(),
            client_id,
            display_name: format!("Bot {}", config.index + 1),
            long_term_key: None,
        })?;
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
        measures.rekeys.begin(
            Cause::Join,
            *config.room.id.as_bytes(),
            client_id,
            std::time::Instant::now(),
        );
        let local = local_addresses(config.server.resolve().await?);
        let (mut connection, events) = Connection::new(local, Arc::clone(measures)).await?;
        let microphone = connection.publish(Source::Microphone, Codec::Opus).await?;
        let camera = connection.publish(Source::Camera, config.video).await?;
        let clips = Clips::built_in();
        let clip = Arc::clone(if config.video == Codec::Vp8 {
            &clips.vp8
        } else {
            &clips.vp9
        });
        let picture = Duration::from_secs(1) / clip.fps;
        Ok(Self {
            config: config.clone(),
            client_id,
            started,
            session,
            signaling,
            connection,
            events,
            trees: mpsc::channel(8),
            receiving: HashMap::new(),
            speaking: Speaking::new(microphone, Voice::of(config.index), Arc::clone(measures))?,
            showing: Showing::new(camera, clip, Arc::clone(measures)),
            audio_tick: interval(AUDIO_TICK),
            video_tick: interval(picture),
            ping_tick: interval(Duration::from_secs(5)),
            housekeeping: interval(HOUSEKEEPING),
            connected: false,
            company: None,
            joined: false,
            trace,
            first_epoch: None,
            commits: HashMap::new(),
            removals: Vec::new(),
            offer_not_before: started,
        })
    }

    async fn take_part(&mut self, orders: &mut watch::Receiver<Order>) -> Result<(), ParticipantError> {
        loop {
            self.drain_session().await?;
            self.offer_if_due().await?;
            let session_due = self.session.poll_timeout().map_or_else(
                || Instant::now() + ABSENT,
                |due| self.started + Duration::from_millis(due),
            );
            tokio::select! {
                // A dropped sender means that the run is over, too.
                () = told_to_go(orders) => return Ok(()),
                message = self.signaling.receive() => self.handle_message(message?).await?,
                Some(event) = self.events.recv() => self.handle_events(event)?,
                Some(tree) = self.trees.1.recv() => {
                    let now = self.now_ms();
                    self.session.handle_tree(now, &tree.hash, tree.bytes.as_deref())?;
                }
                due = self.audio_tick.tick() => self.speak(due).await?,
                due = self.video_tick.tick() => self.show(due).await,
                _ = self.ping_tick.tick() => self.signaling.send(&ClientMessage::Ping(Ping { id: 0 })).await?,
                _ = self.housekeeping.tick() => self.keep_house()?,
                () = sleep_until(session_due) => {
                    let now = self.now_ms();
                    self.session.handle_timeout(now);
                }
            }
        }
    }

    async fn leave(mut self) {
        self.trace.record(&self.config.measures.join_stages);
        for receiving in self.receiving.into_values() {
            receiving.finish();
        }
        // The server notices a broken connection as well.
        let _ = self.signaling.send(&ClientMessage::Bye).await;
        self.signaling.close().await;
        self.connection.close().await;
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
            | ServerMessage::Order(_) => self.hand_to_session(&text),
            ServerMessage::TrackPublished(published) => self.subscribe(published.track).await?,
            ServerMessage::TrackUnpublished(gone) => self.connection.unsubscribe(gone.track_id).await?,
            ServerMessage::Answer(answer) => {
                self.connection.handle_answer(answer).await?;
                self.drop_unrouted();
            }
            ServerMessage::OfferRejected(rejected) => match rejected.code {
                // Tracks may vanish while an offer that names them is on its way.
                ErrorCode::TrackNotFound => {
                    self.offer_not_before = Instant::now() + OFFER_PAUSE;
                    self.connection.handle_rejection(rejected.offer_id);
                }
                code => return Err(ParticipantError::Refused(code)),
            },
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
            self.connection.subscribe(track).await?;
        }
        Ok(())
    }

    fn hand_to_session(&mut self, text: &str) {
        let now = self.now_ms();
        if let Err(error) = self.session.handle_message(now, text) {
            self.problem(&format!("the session dropped a message: {error}"));
        }
    }

    async fn drain_session(&mut self) -> Result<(), ParticipantError> {
        while let Some(output) = self.session.poll_output() {
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
                    self.trace.reach(Step::Admitted, std::time::Instant::now());
                    self.config.measures.rekeys.admitted(self.room(), self.client_id);
                    if self.company == Some(false) {
                        self.mark_joined();
                    }
                }
                Output::KeysChanged => self.retry_waiting(),
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
                Output::Ended { .. } | Output::ModerationChanged => {}
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
        if let Some(offer) = self.connection.poll_offer().await? {
            self.signaling.send(&ClientMessage::Offer(offer)).await?;
            self.trace.reach(Step::Offered, std::time::Instant::now());
        }
        Ok(())
    }

    async fn speak(&mut self, due: Instant) -> Result<(), ParticipantError> {
        if self.connected && due.elapsed() < LATEST_TICK {
            self.speaking.tick(&mut self.session).await?;
        }
        Ok(())
    }

    async fn show(&mut self, due: Instant) {
        if self.connected && due.elapsed() < LATEST_TICK {
            let wanted = self.connection.take_key_frame_request();
            self.showing.tick(&mut self.session, wanted).await;
        }
    }

    fn keep_house(&mut self) -> Result<(), ParticipantError> {
        let now = std::time::Instant::now();
        for receiving in self.receiving.values_mut() {
            receiving.expire(now, self.first_epoch);
        }
        if !self.joined && self.started.elapsed() > JOIN_PATIENCE {
            return Err(ParticipantError::NotJoined(
                match (self.company, self.first_epoch, self.connected) {
                    (None, _, _) => "the server did not answer Hello",
                    (_, None, _) => "nobody added it to the group",
                    (_, _, false) => "the media connection did not come up",
                    _ => "it decrypted nothing",
                },
            ));
        }
        Ok(())
    }

    fn mark_joined(&mut self) {
        if !self.joined {
            self.joined = true;
            self.config.measures.kinds.of(Kind::Full).joined.increment();
        }
    }

    fn room(&self) -> [u8; 16] {
        *self.config.room.id.as_bytes()
    }

    fn problem(&self, text: &str) {
        self.config
            .measures
            .problem(format!("Bot {}: {text}", self.config.index + 1));
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

async fn told_to_go(orders: &mut watch::Receiver<Order>) {
    let _ = orders.wait_for(|order| *order != Order::Stay).await;
}

/// The addresses to send from: the one that the way to the server begins at; for a server on this machine also the
/// interfaces', for its candidates may be those.
fn local_addresses(server: SocketAddr) -> Vec<SocketAddr> {
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let route = || {
        let unspecified = if server.is_ipv4() {
            any
        } else {
            SocketAddr::from(([0u16; 8], 0))
        };
        let socket = UdpSocket::bind(unspecified).ok()?;
        // Connecting a UDP socket sends nothing; it only looks up the route.
        socket.connect(server).ok()?;
        socket.local_addr().ok()
    };
    match route().map(|local| local.ip()) {
        Some(ip) if ip.is_loopback() => vec![SocketAddr::new(ip, 0), any],
        Some(ip) => vec![SocketAddr::new(ip, 0)],
        None => vec![any],
    }
}
