//! Full media: the `webrtc` crate, real codecs, everything decrypted, decoded and compared with what was sent.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_e2ee::Codec;
use conclave_wire::client::negotiation::{Answer, Offer};
use conclave_wire::id::{OfferId, TrackId};
use conclave_wire::media::{Source, Track};
use tokio::sync::mpsc;
use tokio::time::{Interval, interval};
use webrtc::peer_connection::RTCPeerConnectionState;

use super::connection::{self, Connection};
use super::media::{Media, Steps};
use super::receiver::{Reader, Receiving};
use super::sender::{Showing, Speaking};
use super::session::SharedSession;
use super::{Config, ParticipantError};
use crate::source::clip::Clips;
use crate::source::voice::Voice;

const AUDIO_TICK: Duration = Duration::from_millis(20);
/// A tick that comes later than this is skipped: the machine is too slow, and a burst would only make it worse.
const LATEST_TICK: Duration = Duration::from_millis(200);
/// Media packets handled in a row before other inputs get a turn.
const BATCH: usize = 64;

/// What happens to full media.
pub enum Event {
    /// On the connection.
    Connection(connection::Event),
    /// It is time for sound, since then.
    Speak(tokio::time::Instant),
    /// It is time for a picture, since then.
    Show(tokio::time::Instant),
}

/// Full media.
pub struct FullMedia {
    config: Config,
    session: SharedSession,
    connection: Connection,
    events: mpsc::Receiver<connection::Event>,
    receiving: HashMap<u32, Receiving>,
    speaking: Option<Speaking>,
    showing: Option<Showing>,
    audio_tick: Interval,
    video_tick: Interval,
    connected: bool,
    muted: bool,
    steps: Steps,
}

impl FullMedia {
    /// Opens sockets; nothing is sent before the first answer.
    ///
    /// # Errors
    /// What WebRTC, the resolver or the codec say.
    pub async fn open(config: &Config, session: SharedSession) -> Result<Self, ParticipantError> {
        let local = local_addresses(config.server.resolve().await?);
        let (mut connection, events) = Connection::new(local, Arc::clone(&config.measures)).await?;
        let mut speaking = None;
        if config.part.microphone {
            let track = connection.publish(Source::Microphone, Codec::Opus).await?;
            let voice = Voice::of(config.index);
            speaking = Some(Speaking::new(track, voice, Arc::clone(&config.measures))?);
        }
        let clips = Clips::built_in();
        let clip = Arc::clone(if config.video == Codec::Vp8 {
            &clips.vp8
        } else {
            &clips.vp9
        });
        let picture = Duration::from_secs(1) / clip.fps;
        let mut showing = None;
        if config.part.camera {
            let track = connection.publish(Source::Camera, config.video).await?;
            showing = Some(Showing::new(track, clip, Arc::clone(&config.measures)));
        }
        Ok(Self {
            config: config.clone(),
            session,
            connection,
            events,
            receiving: HashMap::new(),
            speaking,
            showing,
            audio_tick: interval(AUDIO_TICK),
            video_tick: interval(picture),
            connected: false,
            muted: false,
            steps: Steps::default(),
        })
    }

    fn handle_events(&mut self, first: connection::Event) -> Result<(), ParticipantError> {
        self.handle_event(first)?;
        for _ in 0..BATCH {
            match self.events.try_recv() {
                Ok(event) => self.handle_event(event)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn handle_event(&mut self, event: connection::Event) -> Result<(), ParticipantError> {
        match event {
            connection::Event::State(RTCPeerConnectionState::Connected) => {
                self.connected = true;
                self.steps.connected.get_or_insert_with(Instant::now);
                Ok(())
            }
            connection::Event::State(
                state @ (RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed),
            ) => Err(ParticipantError::MediaLost(state.to_string())),
            connection::Event::State(_) => Ok(()),
            connection::Event::Packet { arrived, packet } => self.handle_packet(arrived, &packet),
        }
    }

    fn handle_packet(&mut self, arrived: Instant, packet: &rtc::rtp::Packet) -> Result<(), ParticipantError> {
        let ssrc = packet.header.ssrc;
        let now_ms = self.session.now_ms();
        if !self.receiving.contains_key(&ssrc) {
            // Before the answer that announces it; not counted, as the first second of a stream is not.
            let Some(track) = self.connection.route(ssrc) else {
                return Ok(());
            };
            self.receiving
                .insert(ssrc, Receiving::new(track, Arc::clone(&self.config.measures))?);
        }
        let Some(receiving) = self.receiving.get_mut(&ssrc) else {
            return Ok(());
        };
        self.steps.packet.get_or_insert(arrived);
        self.session.with(|state| {
            let mut reader = Reader {
                session: &mut state.session,
                now_ms,
                first_epoch: state.first_epoch,
            };
            receiving.handle_packet(arrived, packet, &mut reader);
        });
        if receiving.decrypted() > 0 {
            self.steps.frame.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn drop_unrouted(&mut self) {
        let connection = &self.connection;
        let gone: Vec<u32> = self
            .receiving
            .keys()
            .copied()
            .filter(|ssrc| connection.route(*ssrc).is_none())
            .collect();
        for ssrc in gone {
            if let Some(receiving) = self.receiving.remove(&ssrc) {
                receiving.finish();
            }
        }
    }

    fn is_due(&self, due: tokio::time::Instant) -> bool {
        self.connected && !self.muted && due.elapsed() < LATEST_TICK
    }
}

impl Media for FullMedia {
    type Event = Event;

    const HOUSEKEEPING: Duration = Duration::from_millis(100);

    async fn subscribe(&mut self, track: Track) -> Result<(), ParticipantError> {
        Ok(self.connection.subscribe(track).await?)
    }

    async fn unsubscribe(&mut self, track_id: TrackId) -> Result<(), ParticipantError> {
        Ok(self.connection.unsubscribe(track_id).await?)
    }

    async fn poll_offer(&mut self) -> Result<Option<Offer>, ParticipantError> {
        Ok(self.connection.poll_offer().await?)
    }

    async fn handle_answer(&mut self, answer: Answer) -> Result<(), ParticipantError> {
        self.connection.handle_answer(answer).await?;
        self.drop_unrouted();
        Ok(())
    }

    fn handle_rejection(&mut self, offer_id: OfferId) {
        self.connection.handle_rejection(offer_id);
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            Some(event) = self.events.recv() => Event::Connection(event),
            due = self.audio_tick.tick() => Event::Speak(due),
            due = self.video_tick.tick() => Event::Show(due),
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), ParticipantError> {
        match event {
            Event::Connection(event) => self.handle_events(event)?,
            Event::Speak(due) if self.is_due(due) => {
                if let Some(speaking) = &mut self.speaking {
                    speaking.tick(&self.session).await?;
                }
            }
            Event::Show(due) if self.is_due(due) => {
                if let Some(showing) = &mut self.showing {
                    let wanted = self.connection.take_key_frame_request();
                    showing.tick(&self.session, wanted).await;
                }
            }
            Event::Speak(_) | Event::Show(_) => {}
        }
        Ok(())
    }

    fn keys_changed(&mut self) {
        let now_ms = self.session.now_ms();
        let receiving = &mut self.receiving;
        self.session.with(|state| {
            let mut reader = Reader {
                session: &mut state.session,
                now_ms,
                first_epoch: state.first_epoch,
            };
            for receiving in receiving.values_mut() {
                receiving.retry(&mut reader);
            }
        });
    }

    fn keep_house(&mut self) {
        let now = Instant::now();
        let first_epoch = self.session.with(|state| state.first_epoch);
        for receiving in self.receiving.values_mut() {
            receiving.expire(now, first_epoch);
        }
    }

    fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    fn steps(&self) -> Steps {
        self.steps
    }

    async fn close(self) {
        for receiving in self.receiving.into_values() {
            receiving.finish();
        }
        self.connection.close().await;
    }
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
