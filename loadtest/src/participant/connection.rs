//! One WebRTC connection: one-way transceivers, offers as tracks come and go, and the packets that arrive.
//!
//! Inputs: tracks to publish and to subscribe, answers. Outputs: offers, [`Event`]s.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_e2ee::Codec;
use conclave_wire::client::negotiation::{Answer, Offer};
use conclave_wire::id::{OfferId, TrackId};
use conclave_wire::media::{Kind, Section, SectionRole, Source, Track};
use rand::Rng as _;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::mpsc;
use webrtc::error::Result;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
    RTCSessionDescription, SettingEngineBuilder,
};
use webrtc::rtp_transceiver::RtpTransceiver;

use super::codecs;
use super::key_frame::KeyFrameWanted;
use super::runtime::BufferedRuntime;
use super::sdp;
use crate::measure::Measures;

/// Packets that may wait for the participant; beyond it they are dropped and counted as overrun.
const EVENT_CAPACITY: usize = 8192;
/// Retransmissions come late: the default window of 64 would take them for replays.
const REPLAY_WINDOW: usize = 1024;
/// Between connectivity checks, and how many of them (the default tick of 200 ms delays every join).
const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(20);
const ICE_CHECKS: u16 = 500;

/// What happens on a connection.
#[derive(Debug)]
pub enum Event {
    /// An RTP packet came.
    Packet {
        /// When.
        arrived: Instant,
        /// The packet, after SRTP and RTX.
        packet: rtc::rtp::Packet,
    },
    /// ICE and DTLS went on or back.
    State(RTCPeerConnectionState),
}

/// A track this participant sends.
#[derive(Clone)]
pub struct Sending {
    /// Where packets go.
    pub track: Arc<TrackLocalStaticRTP>,
    /// Its SSRC.
    pub ssrc: u32,
}

/// One participant's WebRTC connection.
pub struct Connection {
    peer: Arc<dyn PeerConnection>,
    wanted: KeyFrameWanted,
    slots: Vec<Slot>,
    /// Which subscribed track an SSRC belongs to; from the last answer.
    routes: HashMap<u32, Track>,
    next_offer: u32,
    in_flight: Option<OfferId>,
    /// Transceivers changed since the last offer.
    dirty: bool,
}

struct Slot {
    transceiver: Arc<dyn RtpTransceiver>,
    kind: Kind,
    role: Role,
}

#[derive(Clone, PartialEq, Eq)]
enum Role {
    Publish(Source),
    Subscribe(Track),
    Idle,
}

impl Connection {
    /// Opens sockets on `local` addresses and prepares a connection; nothing is sent before the first answer.
    pub async fn new(
        local: Vec<SocketAddr>,
        measures: Arc<Measures>,
    ) -> Result<(Self, mpsc::Receiver<Event>)> {
        let wanted = KeyFrameWanted::default();
        let (engine, registry) = codecs::engine(wanted.clone())?;
        let (events, receiver) = mpsc::channel(EVENT_CAPACITY);
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(ICE_CHECK_INTERVAL), Some(ICE_CHECKS))
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_srtp_replay_protection_window(REPLAY_WINDOW)
            .with_include_loopback_candidate(true)
            .build();
        let peer = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings)
            .with_runtime(Arc::new(BufferedRuntime))
            .with_handler(Arc::new(Handler { events, measures }))
            .with_udp_addrs(local)
            .build()
            .await?;
        let connection = Self {
            peer: Arc::new(peer),
            wanted,
            slots: Vec::new(),
            routes: HashMap::new(),
            next_offer: 1,
            in_flight: None,
            dirty: false,
        };
        Ok((connection, receiver))
    }

    /// Adds a section that sends.
    pub async fn publish(&mut self, source: Source, codec: Codec) -> Result<Sending> {
        let (ssrc, retransmission) = {
            let mut random = rand::rng();
            (random.random(), random.random())
        };
        let kind = codec_kind(source.kind());
        let name = if source.kind() == Kind::Audio {
            "microphone"
        } else {
            "camera"
        };
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                rtx: (source.kind() == Kind::Video).then_some(RTCRtpRtxParameters { ssrc: retransmission }),
                ..Default::default()
            },
            codec: codecs::codec_parameters(codec),
            ..Default::default()
        };
        let media = MediaStreamTrack::new(
            "bot".to_owned(),
            name.to_owned(),
            name.to_owned(),
            kind,
            vec![coding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(media));
        let init = direction(RTCRtpTransceiverDirection::Sendonly);
        let local: Arc<dyn TrackLocal> = Arc::clone(&track) as Arc<dyn TrackLocal>;
        let transceiver = self.peer.add_transceiver_from_track(local, Some(init)).await?;
        if source.kind() == Kind::Video {
            transceiver
                .set_codec_preferences(codecs::camera_preferences(codec))
                .await?;
        }
        self.slots.push(Slot {
            transceiver,
            kind: source.kind(),
            role: Role::Publish(source),
        });
        self.dirty = true;
        Ok(Sending { track, ssrc })
    }

    /// Uses a section to receive a track: an idle one of its kind, or a new one.
    pub async fn subscribe(&mut self, track: Track) -> Result<()> {
        let subscribed =
            |slot: &Slot| matches!(&slot.role, Role::Subscribe(other) if other.track_id == track.track_id);
        if self.slots.iter().any(subscribed) {
            return Ok(());
        }
        let kind = track.source.kind();
        self.dirty = true;
        if let Some(slot) = self
            .slots
            .iter_mut()
            .find(|slot| slot.kind == kind && slot.role == Role::Idle)
        {
            slot.transceiver
                .set_direction(RTCRtpTransceiverDirection::Recvonly)
                .await?;
            slot.role = Role::Subscribe(track);
            return Ok(());
        }
        let init = direction(RTCRtpTransceiverDirection::Recvonly);
        let transceiver = self
            .peer
            .add_transceiver_from_kind(codec_kind(kind), Some(init))
            .await?;
        self.slots.push(Slot {
            transceiver,
            kind,
            role: Role::Subscribe(track),
        });
        Ok(())
    }

    /// Stops receiving a track; its section becomes idle.
    pub async fn unsubscribe(&mut self, track_id: TrackId) -> Result<()> {
        self.routes.retain(|_, track| track.track_id != track_id);
        for slot in &mut self.slots {
            if matches!(&slot.role, Role::Subscribe(track) if track.track_id == track_id) {
                slot.transceiver
                    .set_direction(RTCRtpTransceiverDirection::Inactive)
                    .await?;
                slot.role = Role::Idle;
                self.dirty = true;
            }
        }
        Ok(())
    }

    /// The next offer to send: when something changed and no offer is on its way.
    pub async fn poll_offer(&mut self) -> Result<Option<Offer>> {
        if !self.dirty || self.in_flight.is_some() {
            return Ok(None);
        }
        let description = self.peer.create_offer(None).await?;
        self.peer.set_local_description(description.clone()).await?;
        let mut sections = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let Some(mid) = slot.transceiver.mid().await? else {
                continue;
            };
            let role = match &slot.role {
                Role::Publish(source) => SectionRole::Publish { source: *source },
                Role::Subscribe(track) => SectionRole::Subscribe {
                    track_id: track.track_id,
                },
                Role::Idle => SectionRole::Idle,
            };
            sections.push(Section { mid, role });
        }
        let offer_id = OfferId(self.next_offer);
        self.next_offer += 1;
        self.in_flight = Some(offer_id);
        self.dirty = false;
        Ok(Some(Offer {
            offer_id,
            sdp: description.sdp,
            sections,
        }))
    }

    /// Takes the answer to the offer on its way; another is ignored.
    pub async fn handle_answer(&mut self, answer: Answer) -> Result<()> {
        if self.in_flight != Some(answer.offer_id) {
            return Ok(());
        }
        self.in_flight = None;
        let ssrcs = sdp::ssrc_by_mid(&answer.sdp);
        self.peer
            .set_remote_description(RTCSessionDescription::answer(sdp::with_both_video_codecs(
                &answer.sdp,
            ))?)
            .await?;
        self.routes.clear();
        for slot in &self.slots {
            let Role::Subscribe(track) = &slot.role else {
                continue;
            };
            let Some(mid) = slot.transceiver.mid().await? else {
                continue;
            };
            if let Some(ssrc) = ssrcs.get(&mid) {
                self.routes.insert(*ssrc, track.clone());
            }
        }
        Ok(())
    }

    /// The offer on its way was refused: the next one says the same unless tracks come or go meanwhile.
    pub fn handle_rejection(&mut self, offer_id: OfferId) {
        if self.in_flight == Some(offer_id) {
            self.in_flight = None;
            self.dirty = true;
        }
    }

    /// The track an SSRC belongs to.
    pub fn route(&self, ssrc: u32) -> Option<&Track> {
        self.routes.get(&ssrc)
    }

    /// Whether a key frame was asked for since the last call.
    pub fn take_key_frame_request(&self) -> bool {
        self.wanted.take()
    }

    /// Ends it.
    pub async fn close(&self) {
        // There is nothing to do about a failure at the end.
        let _ = self.peer.close().await;
    }
}

fn direction(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit {
        direction,
        ..Default::default()
    }
}

fn codec_kind(kind: Kind) -> RtpCodecKind {
    match kind {
        Kind::Audio => RtpCodecKind::Audio,
        Kind::Video => RtpCodecKind::Video,
    }
}

struct Handler {
    events: mpsc::Sender<Event>,
    measures: Arc<Measures>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        // The receiver is gone when the participant is.
        let _ = self.events.send(Event::State(state)).await;
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let events = self.events.clone();
        let measures = Arc::clone(&self.measures);
        // The library drops packets beyond 256 per track: empty its queue from a task of its own.
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    match events.try_send(Event::Packet {
                        arrived: Instant::now(),
                        packet,
                    }) {
                        Ok(()) => {}
                        Err(mpsc::error::TrySendError::Full(_)) => measures.packets_overrun.increment(),
                        Err(mpsc::error::TrySendError::Closed(_)) => return,
                    }
                }
            }
        });
    }
}
