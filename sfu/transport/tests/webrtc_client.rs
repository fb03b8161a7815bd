//! A real WebRTC client over loopback: its checks, its handshake and its media reach a `PeerTransport`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing test is the report"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_transport::address::TransportAddress;
use conclave_transport::dtls::Certificate;
use conclave_transport::peer::{PeerConfig, PeerEvent, PeerTransport, Received};
use conclave_transport::route::{IceCredentials, Route, route_of};
use conclave_transport::rtp::RtpView;
use conclave_transport::srtp::Profile;
use conclave_transport::stun::username;
use conclave_transport::udp::{ReceiveSlab, UdpSocket};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_VP8, MediaEngine};
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, SettingEngineBuilder,
};
use webrtc::runtime::default_runtime;

const SSRC: u32 = 0x1234_5678;
const PACKETS: usize = 200;
const ROUTE: Route = Route { shard: 3, peer: 77 };

/// What the client has come to.
#[derive(PartialEq, Debug)]
enum Milestone {
    Gathered,
    Connected,
}

struct Handler(mpsc::UnboundedSender<Milestone>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(Milestone::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _ = self.0.send(Milestone::Connected);
        }
    }
}

fn vp8_track() -> Arc<TrackLocalStaticRTP> {
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_VP8.to_owned(),
        clock_rate: 90_000,
        ..Default::default()
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(SSRC),
            ..Default::default()
        },
        codec,
        ..Default::default()
    };
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "stream".to_owned(),
        "camera".to_owned(),
        "camera".to_owned(),
        RtpCodecKind::Video,
        vec![coding],
    )))
}

/// The value of the first `a=name:` line.
fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    let prefix = format!("a={name}:");
    sdp.lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap()
        .trim()
}

/// The least answer an ICE-lite server can give to an offer of one video section.
fn answer(offer: &str, local: &IceCredentials, certificate: &Certificate, media: SocketAddr) -> String {
    let payload_type = attribute(offer, "rtpmap").split(' ').next().unwrap();
    let codec = attribute(offer, "rtpmap").split(' ').nth(1).unwrap();
    [
        "v=0".to_owned(),
        "o=- 1 1 IN IP4 127.0.0.1".to_owned(),
        "s=-".to_owned(),
        "t=0 0".to_owned(),
        "a=ice-lite".to_owned(),
        format!("a=group:BUNDLE {}", attribute(offer, "mid")),
        format!("m=video 9 UDP/TLS/RTP/SAVPF {payload_type}"),
        "c=IN IP4 0.0.0.0".to_owned(),
        format!("a=mid:{}", attribute(offer, "mid")),
        format!("a=ice-ufrag:{}", local.ufrag()),
        format!("a=ice-pwd:{}", local.password()),
        format!("a=fingerprint:{}", certificate.fingerprint()),
        "a=setup:passive".to_owned(),
        "a=rtcp-mux".to_owned(),
        "a=recvonly".to_owned(),
        format!("a=rtpmap:{payload_type} {codec}"),
        format!(
            "a=candidate:1 1 udp 2130706431 {} {} typ host",
            media.ip(),
            media.port()
        ),
        "a=end-of-candidates".to_owned(),
        String::new(),
    ]
    .join("\r\n")
}

/// The server: one socket, one peer, until `PACKETS` packets of its track have been opened.
async fn serve(socket: UdpSocket, mut peer: PeerTransport) -> (Vec<PeerEvent>, Vec<u16>) {
    // SAFETY: a `UdpSocket` keeps the one descriptor it was bound with until it is dropped.
    let socket = unsafe { AsyncFd::register(socket) }.unwrap();
    let mut slab = ReceiveSlab::allocate();
    let (mut events, mut sequences) = (Vec::new(), Vec::new());
    while sequences.len() < PACKETS {
        let deadline = peer.poll_timeout().map(tokio::time::Instant::from_std);
        tokio::select! {
            ready = socket.readable() => {
                if socket.get_ref().receive(&mut slab).is_err() {
                    ready.unwrap().clear_ready();
                    continue;
                }
                slab.for_each(|datagram| {
                    if let Some(name) = username(datagram.bytes) {
                        assert_eq!(route_of(name), Some(ROUTE));
                    }
                    let received = peer.handle_datagram(Instant::now(), TransportAddress::udp(datagram.from), datagram.bytes);
                    if let Ok(Received::Rtp { len }) = received {
                        let view = RtpView::parse(&datagram.bytes[..len]).unwrap();
                        assert_eq!((view.ssrc(), view.payload()), (SSRC, &b"payload"[..]));
                        sequences.push(view.sequence_number());
                    }
                });
            }
            () = tokio::time::sleep_until(deadline.unwrap()) => peer.handle_timeout(Instant::now()),
        }
        while let Some(transmit) = peer.poll_transmit() {
            socket
                .get_ref()
                .send(transmit.to.socket, &transmit.bytes)
                .unwrap();
        }
        events.extend(std::iter::from_fn(|| peer.poll_event()));
    }
    (events, sequences)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_client_connects_and_its_packets_are_opened() {
    let run = async {
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().unwrap();
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(500))
            .with_include_loopback_candidate(true)
            .build();
        let (milestones, mut reached) = mpsc::unbounded_channel();
        let client = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(settings)
            .with_handler(Arc::new(Handler(milestones)))
            .with_runtime(default_runtime().unwrap())
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await
            .unwrap();
        let track = vp8_track();
        client
            .add_track(Arc::clone(&track) as Arc<dyn TrackLocal>)
            .await
            .unwrap();
        let offer = client.create_offer(None).await.unwrap();
        client.set_local_description(offer).await.unwrap();
        assert_eq!(reached.recv().await, Some(Milestone::Gathered));
        let offer = client.local_description().await.unwrap().sdp;

        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let certificate = Certificate::generate().unwrap();
        let local = IceCredentials::generate(ROUTE).unwrap();
        let answer = answer(&offer, &local, &certificate, socket.local_addr().unwrap());
        let config = PeerConfig {
            local,
            remote_ufrag: attribute(&offer, "ice-ufrag").to_owned(),
            remote_fingerprint: attribute(&offer, "fingerprint").parse().unwrap(),
            certificate,
        };
        let server = tokio::spawn(serve(socket, PeerTransport::new(Instant::now(), config)));
        let answer = RTCSessionDescription::answer(answer).unwrap();
        client.set_remote_description(answer).await.unwrap();
        assert_eq!(reached.recv().await, Some(Milestone::Connected));

        let mut sequence = 65_500u16;
        let mut pace = tokio::time::interval(Duration::from_millis(1));
        while !server.is_finished() {
            pace.tick().await;
            let mut packet = Packet::default();
            packet.header.version = 2;
            packet.header.payload_type = 96;
            packet.header.ssrc = SSRC;
            packet.header.sequence_number = sequence;
            packet.payload = b"payload".to_vec().into();
            track.write_rtp(packet).await.unwrap();
            sequence = sequence.wrapping_add(1);
        }
        server.await.unwrap()
    };
    let (events, sequences) = tokio::time::timeout(Duration::from_secs(30), run).await.unwrap();
    assert!(
        events.contains(&PeerEvent::Connected {
            profile: Profile::AeadAes128Gcm
        }),
        "{events:?}"
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, PeerEvent::Nominated(_)))
    );
    // The roll-over counter was crossed on the way.
    assert!(sequences.contains(&65_535) && sequences.contains(&0));
}
