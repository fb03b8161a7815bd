//! One headless participant: what it is made of, and how it comes, again if need be.
//!
//! What its media is made of, its [`Config`] says: all kinds share everything else.

mod attendance;
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

use std::sync::Arc;
use std::time::Duration;

use conclave_e2ee::{Codec, SessionError};
use conclave_wire::ErrorCode;
use rand::random_range;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use self::attendance::take_part;
use self::detour::Detour;
use self::full::FullMedia;
use self::light::LightMedia;
use self::phantom::Relief;
use self::session::SharedSession;
use self::signaling::SignalingError;
use crate::http::{HttpError, Server};
use crate::light::{Decrypt, LightEngine, LightError, SendTrack};
use crate::measure::Measures;
use crate::measure::kinds::Kind;
use crate::room::Room;

/// How long somebody comes again and again to an overloaded server.
const PATIENCE: Duration = Duration::from_secs(60);

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
    #[error("the server refused: {}", words(.0))]
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

/// An error code as a person reads it: RoomFull is "room full".
fn words(code: &ErrorCode) -> String {
    let mut words = String::new();
    for sign in format!("{code:?}").chars() {
        if sign.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(sign.to_lowercase());
    }
    words
}

async fn attempt(config: &Config, orders: watch::Receiver<Order>) -> Result<(), ParticipantError> {
    let tracks = match &config.making {
        Making::Light(kit) => light::tracks(config, kit)?,
        Making::Full => Vec::new(),
    };
    // From here on it is joining.
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
            let media = std::future::ready(LightMedia::open(config, kit, tracks, session.clone()));
            take_part(config, started, session, media, orders).await
        }
    }
}

/// Waits for an order not to come at all.
async fn called_off(orders: &mut watch::Receiver<Order>) {
    // A dropped sender means that the run is over, too.
    let _ = orders
        .wait_for(|order| matches!(order, Order::Leave | Order::End))
        .await;
}

#[cfg(test)]
mod turned_away_tests;
