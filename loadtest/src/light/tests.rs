//! A peer that offers and a peer that answers, with the smallest of SFUs between them, over real sockets.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conclave_e2ee::Codec;
use conclave_transport::address::TransportAddress;
use conclave_transport::dtls::Certificate;
use conclave_transport::peer::{PeerConfig, PeerTransport, Received};
use conclave_transport::route::{IceCredentials, Route};
use conclave_transport::rtcp::{RtcpEvent, events};
use conclave_transport::rtp::RtpView;
use conclave_transport::srtp::RTP_OVERHEAD;

use super::*;
use crate::measure::Measures;

/// One packet of so many video packets is dropped.
const DROPPED: u16 = 40;

/// The server's end of one peer.
struct End {
    socket: UdpSocket,
    transport: PeerTransport,
}

impl End {
    fn new(certificate: &Certificate, credentials: IceCredentials, theirs: &str) -> Self {
        let description = description::RemoteDescription::parse(theirs).unwrap();
        let config = PeerConfig {
            local: credentials,
            remote_ufrag: description.ice.ufrag,
            remote_fingerprint: description.fingerprint,
            certificate: certificate.clone(),
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        Self {
            socket,
            transport: PeerTransport::new(Instant::now(), config),
        }
    }

    /// Receives one datagram; gives back what is inside.
    fn receive(&mut self) -> Option<(bool, Vec<u8>)> {
        let mut buffer = [0; 2048];
        let now = Instant::now();
        let mut inside = None;
        if let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            let from = TransportAddress::udp(from);
            inside = match self.transport.handle_datagram(now, from, &mut buffer[..len]) {
                Ok(Received::Rtp { len }) => Some((true, buffer[..len].to_vec())),
                Ok(Received::Rtcp { len }) => Some((false, buffer[..len].to_vec())),
                _ => None,
            };
        }
        self.transport.handle_timeout(now);
        while let Some(transmit) = self.transport.poll_transmit() {
            self.socket.send_to(&transmit.bytes, transmit.to.socket).unwrap();
        }
        while self.transport.poll_event().is_some() {}
        inside
    }

    fn forward(&mut self, packet: &[u8]) {
        let Some(to) = self.transport.remote_address() else {
            return;
        };
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + RTP_OVERHEAD, 0);
        if let Ok(len) = self.transport.seal_rtp(&mut buffer, packet.len()) {
            self.socket.send_to(&buffer[..len], to.socket).unwrap();
        }
    }
}

fn credentials(peer: u64) -> IceCredentials {
    IceCredentials::generate(Route { shard: 0, peer }).unwrap()
}

fn spec(sends: Vec<SendTrack>, measures: &Arc<Measures>, decrypt: Decrypt) -> PeerSpec {
    PeerSpec {
        sends,
        crypto: Box::new(Opaque),
        decrypt,
        bind: None,
        measures: Arc::clone(measures),
    }
}

/// The text of an offer as the server's: its own transport, and a direction from its end.
fn as_server(sdp: &str, credentials: &IceCredentials, certificate: &Certificate, at: SocketAddr) -> String {
    let mut out = String::new();
    for line in sdp.lines() {
        let key = line.split(':').next().unwrap_or_default();
        match key {
            "a=ice-ufrag" => out += &format!("a=ice-ufrag:{}\r\n", credentials.ufrag()),
            "a=ice-pwd" => {
                out += &format!("a=ice-pwd:{}\r\n", credentials.password());
                out += &format!(
                    "a=candidate:1 1 udp 2130706431 {} {} typ host\r\n",
                    at.ip(),
                    at.port()
                );
            }
            "a=fingerprint" => out += &format!("a=fingerprint:{}\r\n", certificate.fingerprint()),
            _ => {
                out += line;
                out += "\r\n";
            }
        }
    }
    out
}

struct Outcome {
    asked: u64,
    dropped: u64,
    measures: Arc<Measures>,
    stats: PeerStats,
}

/// Lets one peer send for a while and another receive it.
async fn call(decrypt: Decrypt) -> Outcome {
    let engine = LightEngine::start(&LightConfig::default()).unwrap();
    let measures = Arc::new(Measures::default());
    let tracks = vec![
        SendTrack::microphone(0).unwrap(),
        SendTrack::camera(0, Codec::Vp8),
        SendTrack::camera(1, Codec::Vp9),
    ];
    let mut speaker = engine.peer(spec(tracks, &measures, decrypt)).unwrap();
    let mut listener = engine.peer(spec(Vec::new(), &measures, decrypt)).unwrap();
    let certificate = Certificate::generate().unwrap();
    let [ours, theirs] = [credentials(1), credentials(2)];

    let offer = speaker.offer(Wanted::default());
    assert!(
        offer.contains("a=msid:light camera-1\r\n") && offer.contains("a=setup:active\r\n"),
        "{offer}"
    );
    let mut speaking = End::new(&certificate, ours.clone(), &offer);
    let answer = as_server(&offer, &ours, &certificate, speaking.socket.local_addr().unwrap());
    speaker.set_answer(&answer).unwrap();

    // The listener is told of the candidate later, as by trickling.
    let server_offer = as_server(&offer, &theirs, &certificate, ([127, 0, 0, 1], 1).into());
    let (silent, _) = server_offer.split_once("a=candidate").unwrap();
    let tail: String = server_offer
        .lines()
        .skip(silent.lines().count())
        .filter(|line| !line.starts_with("a=candidate"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let answer = listener.answer(&format!("{silent}{tail}")).unwrap();
    let mut listening = End::new(&certificate, theirs, &answer);
    let at = listening.socket.local_addr().unwrap();
    listener.add_candidate(&format!(
        "candidate:1 1 udp 2130706431 {} {} typ host",
        at.ip(),
        at.port()
    ));

    let stop = Arc::new(AtomicBool::new(false));
    let counters = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let sfu = std::thread::spawn({
        let (stop, counters) = (Arc::clone(&stop), Arc::clone(&counters));
        move || {
            let [asked, dropped] = &*counters;
            while !stop.load(Ordering::Relaxed) {
                if let Some((true, packet)) = speaking.receive() {
                    let view = RtpView::parse(&packet).unwrap();
                    if view.payload_type() == 96 && view.sequence_number().is_multiple_of(DROPPED) {
                        dropped.fetch_add(1, Ordering::Relaxed);
                    } else {
                        listening.forward(&packet);
                    }
                }
                if let Some((false, report)) = listening.receive() {
                    let nacks = events(&report)
                        .flatten()
                        .filter(|event| matches!(event, RtcpEvent::Nack { .. }));
                    asked.fetch_add(nacks.count().try_into().unwrap(), Ordering::Relaxed);
                }
            }
        }
    });
    speaker.connected().await.unwrap();
    listener.connected().await.unwrap();
    speaker.start_sending();
    // Until enough has come, however slow the machine is.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let stats = listener.stats().await;
        let enough = stats.tracks.iter().all(|track| track.counted > 100);
        let [asked, dropped] = &*counters;
        if enough && asked.load(Ordering::Relaxed) > 0 && dropped.load(Ordering::Relaxed) > 2 {
            break;
        }
        assert!(Instant::now() < deadline, "{stats:?}");
    }
    let stats = listener.stats().await;
    stop.store(true, Ordering::Relaxed);
    sfu.join().unwrap();
    let [asked, dropped] = &*counters;
    Outcome {
        asked: asked.load(Ordering::Relaxed),
        dropped: dropped.load(Ordering::Relaxed),
        measures,
        stats,
    }
}

#[tokio::test]
async fn media_goes_from_an_offering_to_an_answering_peer_and_loss_is_seen() {
    let outcome = call(Decrypt::All).await;
    assert!(outcome.asked > 0 && outcome.measures.decrypt_failures().is_empty());
    assert_eq!((outcome.stats.strange, outcome.stats.broken), (0, 0));
    for track in &outcome.stats.tracks {
        assert!(track.opened > 0 && track.opened <= track.frames, "{track:?}");
        if track.codec == Codec::Vp8 {
            // Those of the first second do not count.
            assert!(track.lost > 0 && track.lost <= outcome.dropped, "{track:?}");
            assert!(track.incomplete > 0, "{track:?}");
        } else {
            assert_eq!(track.lost, 0, "{track:?}");
        }
    }
    assert!(outcome.measures.latency.snapshot().is_some());
}

#[tokio::test]
async fn a_sample_of_the_frames_is_opened_and_all_packets_are_counted() {
    let outcome = call(Decrypt::Sample(4)).await;
    assert!(outcome.measures.decrypt_failures().is_empty());
    assert_eq!(outcome.stats.broken, 0);
    for track in &outcome.stats.tracks {
        assert!(track.opened > 0 && track.opened < track.frames / 2, "{track:?}");
        assert_eq!(track.lost > 0, track.codec == Codec::Vp8, "{track:?}");
    }
}
