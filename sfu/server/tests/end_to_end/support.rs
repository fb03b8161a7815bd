//! A participant on a real `webrtc` connection, and a signaling service that a test can read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conclave_sfu::{Sfu, SfuConfig, SfuHandle, Stats};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{LeafIndex, OfferId, PeerId, RoomId, TrackId};
use conclave_wire::media::{Codec, Kind, Section, SectionRole, Source};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::mpsc;
use tokio::time::timeout;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
    RTCSessionDescription, Registry, SettingEngineBuilder, configure_nack, configure_rtcp_reports,
};
use webrtc::rtp_transceiver::RtpTransceiver;

/// Longest wait for anything; a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `future`, not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// The SFU and the signaling service's end of it.
pub(crate) struct Conference {
    commands: mpsc::Sender<ControlCommand>,
    events: mpsc::Receiver<ControlEvent>,
    passed: Vec<ControlEvent>,
    pub(crate) stats: Stats,
    pub(crate) candidates: Vec<SocketAddr>,
}

impl Conference {
    pub(crate) async fn start() -> Self {
        Self::with(SfuConfig {
            media: vec!["127.0.0.1:0".parse().unwrap()],
            ..SfuConfig::default()
        })
        .await
    }

    pub(crate) async fn with(config: SfuConfig) -> Self {
        let SfuHandle {
            commands,
            events,
            stats,
            candidates,
        } = Sfu::start(&config).unwrap();
        let mut conference = Self {
            commands,
            events,
            passed: Vec::new(),
            stats,
            candidates,
        };
        conference
            .event("Ready", |event| {
                matches!(event, ControlEvent::Ready { .. }).then_some(())
            })
            .await;
        conference
    }

    pub(crate) async fn tell(&self, command: ControlCommand) {
        self.commands.send(command).await.unwrap();
    }

    /// Adds a peer and admits it to the leaf of its number.
    pub(crate) async fn join(&self, peer: PeerId, room: RoomId) {
        let leaf = LeafIndex(u32::try_from(peer.0).unwrap());
        self.tell(ControlCommand::AddPeer { peer, room }).await;
        self.tell(ControlCommand::Admit { peer, leaf }).await;
    }

    /// The first event, past or future, that `wanted` takes.
    pub(crate) async fn event<T>(&mut self, what: &str, wanted: impl Fn(&ControlEvent) -> Option<T>) -> T {
        if let Some(index) = self.passed.iter().position(|event| wanted(event).is_some()) {
            return wanted(&self.passed.remove(index)).unwrap();
        }
        loop {
            let event = soon(what, self.events.recv()).await.expect("the SFU runs");
            if let Some(found) = wanted(&event) {
                return found;
            }
            self.passed.push(event);
        }
    }

    /// Whether such an event has come and nobody has asked for it.
    pub(crate) fn has_passed(&self, wanted: impl Fn(&ControlEvent) -> bool) -> bool {
        self.passed.iter().any(wanted)
    }

    pub(crate) async fn published(&mut self, publisher: PeerId, wanted: Source) -> (TrackId, Codec) {
        self.event("TrackPublished", |event| match event {
            ControlEvent::TrackPublished {
                peer,
                track_id,
                source,
                codec,
            } if (*peer, *source) == (publisher, wanted) => Some((*track_id, *codec)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn connected(&mut self, wanted: PeerId) {
        self.event("PeerConnected", |event| match event {
            ControlEvent::PeerConnected { peer } => (*peer == wanted).then_some(()),
            _ => None,
        })
        .await;
    }
}

/// What a participant receives.
pub(crate) type Packet = rtc::rtp::Packet;

/// A participant.
pub(crate) struct Participant {
    pub(crate) id: PeerId,
    peer: Arc<dyn PeerConnection>,
    slots: Vec<(Arc<dyn RtpTransceiver>, SectionRole)>,
    pub(crate) packets: mpsc::Receiver<Packet>,
    offers: u32,
    pub(crate) answer: String,
}

/// A track it sends.
#[derive(Clone)]
pub(crate) struct Sending {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    payload_type: u8,
    pub(crate) sequence: u16,
    timestamp: u32,
}

impl Sending {
    /// Sends one packet that is a whole frame.
    pub(crate) async fn send(&mut self, payload: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(960);
        self.send_as(self.sequence, payload).await;
    }

    pub(crate) async fn send_as(&self, sequence_number: u16, payload: &[u8]) {
        let header = rtc::rtp::header::Header {
            version: 2,
            marker: true,
            payload_type: self.payload_type,
            sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        let packet = rtc::rtp::Packet {
            header,
            payload: Bytes::copy_from_slice(payload),
        };
        self.track.write_rtp(packet).await.unwrap();
    }
}

impl Participant {
    pub(crate) async fn new(number: u64) -> Self {
        let (engine, registry) = engine();
        let (packet_tx, packets) = mpsc::channel(4096);
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(500))
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .with_srtp_replay_protection_window(1024)
            .with_include_loopback_candidate(true)
            .build();
        let peer = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings)
            .with_runtime(Arc::new(webrtc::runtime::TokioRuntime))
            .with_handler(Arc::new(Handler { packets: packet_tx }))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .unwrap();
        Self {
            id: PeerId(number),
            peer: Arc::new(peer),
            slots: Vec::new(),
            packets,
            offers: 0,
            answer: String::new(),
        }
    }

    pub(crate) async fn publish(&mut self, source: Source) -> Sending {
        let ssrc = 0x1000 * u32::try_from(self.id.0).unwrap() + u32::from(source.context());
        let codec = match source.kind() {
            Kind::Audio => Codec::Opus,
            Kind::Video => Codec::Vp8,
        };
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                rtx: (source.kind() == Kind::Video).then_some(RTCRtpRtxParameters { ssrc: ssrc + 0x100 }),
                ..Default::default()
            },
            codec: parameters(codec),
            ..Default::default()
        };
        let name = format!("{source:?}");
        let media = MediaStreamTrack::new(
            "me".to_owned(),
            name.clone(),
            name,
            kind(source.kind()),
            vec![coding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(media));
        let local: Arc<dyn TrackLocal> = Arc::clone(&track) as Arc<dyn TrackLocal>;
        let direction = init(RTCRtpTransceiverDirection::Sendonly);
        let transceiver = self
            .peer
            .add_transceiver_from_track(local, Some(direction))
            .await
            .unwrap();
        self.slots.push((transceiver, SectionRole::Publish { source }));
        let payload_type = if codec == Codec::Opus { 111 } else { 96 };
        Sending {
            track,
            ssrc,
            payload_type,
            sequence: 65_500,
            timestamp: 7,
        }
    }

    pub(crate) async fn subscribe(&mut self, of: Source, track_id: TrackId) {
        let direction = init(RTCRtpTransceiverDirection::Recvonly);
        let transceiver = self
            .peer
            .add_transceiver_from_kind(kind(of.kind()), Some(direction))
            .await
            .unwrap();
        self.slots
            .push((transceiver, SectionRole::Subscribe { track_id }));
    }

    /// Offers what it has and takes the answer.
    pub(crate) async fn negotiate(&mut self, conference: &mut Conference) {
        let offer = self.peer.create_offer(None).await.unwrap();
        self.peer.set_local_description(offer.clone()).await.unwrap();
        let mut sections = Vec::new();
        for (transceiver, role) in &self.slots {
            let mid = transceiver.mid().await.unwrap().unwrap();
            sections.push(Section {
                mid,
                role: role.clone(),
            });
        }
        self.offers += 1;
        let offer_id = OfferId(self.offers);
        let id = self.id;
        conference
            .tell(ControlCommand::Negotiate {
                peer: id,
                offer_id,
                sdp: offer.sdp,
                sections,
            })
            .await;
        let answer = conference
            .event("an answer", |event| match event {
                ControlEvent::Answered {
                    peer,
                    offer_id: answered,
                    sdp,
                } if (*peer, *answered) == (id, offer_id) => Some(Ok(sdp.clone())),
                ControlEvent::NegotiationFailed { peer, code, .. } if *peer == id => Some(Err(*code)),
                _ => None,
            })
            .await
            .unwrap();
        self.answer.clone_from(&answer);
        self.peer
            .set_remote_description(RTCSessionDescription::answer(answer).unwrap())
            .await
            .unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Packet {
        soon("a packet", self.packets.recv()).await.unwrap()
    }
}

struct Handler {
    packets: mpsc::Sender<Packet>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, _state: RTCPeerConnectionState) {}

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let packets = self.packets.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = packets.try_send(packet);
                }
            }
        });
    }
}

fn engine() -> (MediaEngine, Registry) {
    let mut engine = MediaEngine::default();
    let with_type = |rtp_codec, payload_type| RTCRtpCodecParameters {
        rtp_codec,
        payload_type,
    };
    engine
        .register_codec(with_type(parameters(Codec::Opus), 111), RtpCodecKind::Audio)
        .unwrap();
    for (codec, payload_type) in [(Codec::Vp8, 96), (Codec::Vp9, 98)] {
        engine
            .register_codec(with_type(parameters(codec), payload_type), RtpCodecKind::Video)
            .unwrap();
        let rtx = RTCRtpCodec {
            mime_type: "video/rtx".to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: format!("apt={payload_type}"),
            rtcp_feedback: vec![],
        };
        engine
            .register_codec(with_type(rtx, payload_type + 1), RtpCodecKind::Video)
            .unwrap();
    }
    let registry = configure_nack(Registry::new(), &mut engine);
    (engine, configure_rtcp_reports(registry))
}

fn parameters(codec: Codec) -> RTCRtpCodec {
    let feedback = |kind: &str, parameter: &str| RTCPFeedback {
        typ: kind.to_owned(),
        parameter: parameter.to_owned(),
    };
    let (mime_type, clock_rate, channels, fmtp) = match codec {
        Codec::Opus => ("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1"),
        Codec::Vp8 => ("video/VP8", 90_000, 0, ""),
        Codec::Vp9 => ("video/VP9", 90_000, 0, "profile-id=0"),
    };
    let rtcp_feedback = match codec {
        Codec::Opus => vec![],
        Codec::Vp8 | Codec::Vp9 => vec![
            feedback("nack", ""),
            feedback("nack", "pli"),
            feedback("ccm", "fir"),
        ],
    };
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback,
    }
}

fn kind(kind: Kind) -> RtpCodecKind {
    match kind {
        Kind::Audio => RtpCodecKind::Audio,
        Kind::Video => RtpCodecKind::Video,
    }
}

fn init(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit {
        direction,
        ..Default::default()
    }
}

/// An SFrame frame: header with a three-byte KID, then bytes that look encrypted.
pub(crate) fn sframe(source: Source, leaf: u32, number: u32) -> Vec<u8> {
    let kid = (u32::from(source.context()) << 20 | leaf << 8 | 1).to_be_bytes();
    let mut frame = vec![0x80 | 2 << 4 | 0x08 | 3];
    frame.extend(&kid[1..]);
    frame.extend(number.to_be_bytes());
    frame.extend((0..80u8).map(|byte| byte.wrapping_mul(37)));
    frame
}

/// A VP8 payload: descriptor, one clear byte of a delta frame, SFrame.
pub(crate) fn vp8(frame: &[u8]) -> Vec<u8> {
    [&[0x10, 0x01][..], frame].concat()
}
