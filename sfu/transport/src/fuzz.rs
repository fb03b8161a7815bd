//! Fuzz functions: one per parser of network bytes, none of which may panic, whatever the bytes.
//!
//! The smoke tests below run each over mutations of valid inputs, from a fixed seed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::address::TransportAddress;
use crate::classify::classify;
#[cfg(any(test, feature = "client"))]
use crate::client::{ClientConfig, ClientEvent, ClientTransport, RemoteCandidate, RemoteIce};
use crate::dtls::{Certificate, DtlsServer, Fingerprint};
use crate::framing::Deframer;
use crate::ice_lite::IceLite;
use crate::payload_descriptor::vp8::Vp8Descriptor;
use crate::payload_descriptor::vp9::Vp9Descriptor;
use crate::peer::{PeerConfig, PeerTransport};
use crate::route::{CREDENTIAL_RANDOM_LEN, IceCredentials, Route, route_of};
use crate::rtcp::{RtcpEvent, events};
use crate::rtp::RtpView;
use crate::srtp::{MasterKey, Profile, SrtpReceiver};
use crate::stun::{IntegrityKey, StunMessage, username};

const FROM: TransportAddress =
    TransportAddress::udp(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 9));

/// The credentials every fuzzed agent has, so that a corpus can hold authentic checks.
fn credentials() -> IceCredentials {
    IceCredentials::from_random(Route { shard: 1, peer: 2 }, &[7; CREDENTIAL_RANDOM_LEN])
}

/// STUN: parsing, verification, routing and the agent behind them.
pub fn fuzz_stun(data: &[u8]) {
    let _ = username(data).and_then(route_of);
    if let Ok(message) = StunMessage::parse(data) {
        let _ = (
            message.message_type(),
            message.transaction_id(),
            message.attributes().count(),
        );
        let _ = (
            message.xor_mapped_address(),
            message.verify(&IntegrityKey::new("password")),
        );
    }
    let now = Instant::now();
    let _ = IceLite::new(now, credentials(), "them").handle_message(now, FROM, data);
}

/// RTP: header, extension elements, payload.
pub fn fuzz_rtp(data: &[u8]) {
    let _ = classify(data);
    for view in [RtpView::parse(data), RtpView::parse_header(data)]
        .into_iter()
        .flatten()
    {
        let elements = view.extensions().map(|element| element.data.len()).sum::<usize>();
        assert!(elements <= data.len() && view.payload().len() <= data.len());
        let _ = (view.extension(1), view.marker(), view.padding_len(), view.ssrc());
        fuzz_vp8_descriptor(view.payload());
        fuzz_vp9_descriptor(view.payload());
    }
}

/// RTCP: every event and every iterator in it.
pub fn fuzz_rtcp(data: &[u8]) {
    for event in events(data) {
        match event {
            Ok(RtcpEvent::Nack { lost, .. }) => assert!(lost.count() <= data.len() * 5),
            Ok(RtcpEvent::Twcc(feedback)) => {
                assert!(feedback.packets().count() <= usize::from(feedback.status_count));
            }
            _ => {}
        }
    }
}

/// VP8 payload descriptors: the length stays inside the payload.
pub fn fuzz_vp8_descriptor(data: &[u8]) {
    if let Ok(descriptor) = Vp8Descriptor::parse(data) {
        assert!(descriptor.len < data.len());
        let _ = descriptor.is_key_frame_start(data);
        let mut copy = data.to_vec();
        descriptor.rewrite(&mut copy, u16::MAX, u8::MAX);
        assert!(Vp8Descriptor::parse(&copy).is_ok_and(|again| again.len == descriptor.len));
    }
}

/// VP9 payload descriptors: the length stays inside the payload.
pub fn fuzz_vp9_descriptor(data: &[u8]) {
    if let Ok(descriptor) = Vp9Descriptor::parse(data) {
        assert!(descriptor.len < data.len());
        let _ = (descriptor.is_frame_start(), descriptor.is_key_frame_start());
    }
}

/// SRTP and SRTCP of both profiles: nobody without the key gets anything opened.
pub fn fuzz_srtp_open(data: &[u8]) {
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80] {
        let salt = [3; 14];
        let master = salt
            .get(..profile.salt_len())
            .and_then(|salt| MasterKey::new(profile, &[3; 16], salt));
        let Some(mut receiver) = master.and_then(|master| SrtpReceiver::new(profile, &master).ok()) else {
            continue;
        };
        let _ = receiver.open_rtp(&mut data.to_vec());
        let _ = receiver.open_rtcp(&mut data.to_vec());
    }
}

/// DTLS: datagrams, each behind its length in two bytes, into a fresh server; time moves on between.
pub fn fuzz_dtls_datagram(data: &[u8]) {
    let Some(certificate) = certificate() else { return };
    let mut server = DtlsServer::new(certificate, Fingerprint([0; 32]));
    let mut now = Instant::now();
    let mut rest = data;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (datagram, behind) = behind.split_at(len);
        rest = behind;
        let _ = server.handle_datagram(now, datagram);
        now += Duration::from_millis(50);
        server.handle_timeout(now);
        while server.poll_transmit().is_some() {}
    }
    server.close(now);
}

/// The frames of a TCP connection: its first byte says in which pieces the rest arrives. Cutting changes nothing.
pub fn fuzz_framing(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else {
        return;
    };
    let deframed = |piece: usize| {
        let (mut deframer, mut packets) = (Deframer::default(), Vec::new());
        let end = stream
            .chunks(piece.max(1))
            .try_for_each(|piece| deframer.feed(&mut piece.to_vec(), |packet| packets.push(packet.to_vec())));
        (packets, end)
    };
    assert!(deframed(usize::from(*piece)) == deframed(stream.len()));
}

/// A peer's transport: any datagram from anywhere, and nothing comes of it without authentication.
pub fn fuzz_peer(data: &[u8]) {
    let Some(certificate) = certificate() else { return };
    let now = Instant::now();
    let config = PeerConfig {
        local: credentials(),
        remote_ufrag: "them".to_owned(),
        remote_fingerprint: Fingerprint([0; 32]),
        certificate,
    };
    let mut peer = PeerTransport::new(now, config);
    if peer.handle_datagram(now, FROM, &mut data.to_vec()).is_err() {
        assert!(peer.poll_transmit().is_none() && peer.poll_event().is_none());
    }
}

/// A client: STUN and DTLS of a server that answers whatever it likes, datagrams each behind their length in two bytes.
/// Nothing connects without the fingerprint.
#[cfg(any(test, feature = "client"))]
pub fn fuzz_client(data: &[u8]) {
    let Some(certificate) = certificate() else { return };
    let mut now = Instant::now();
    let mut client = client(now, certificate, Fingerprint([0; 32]));
    let mut rest = data;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (datagram, behind) = behind.split_at(len);
        rest = behind;
        let _ = client.handle_datagram(now, FROM, &mut datagram.to_vec());
        now += Duration::from_millis(300);
        client.handle_timeout(now);
        while client.poll_transmit().is_some() {}
        while let Some(event) = client.poll_event() {
            assert!(!matches!(event, ClientEvent::Connected { .. }));
        }
    }
    client.close(now);
}

/// A client whose server is at [`FROM`].
#[cfg(any(test, feature = "client"))]
fn client(now: Instant, certificate: Certificate, remote_fingerprint: Fingerprint) -> ClientTransport {
    let server = credentials();
    let config = ClientConfig {
        local: credentials(),
        certificate,
        remote: RemoteIce {
            ufrag: server.ufrag().to_owned(),
            password: server.password().to_owned(),
            candidates: vec![RemoteCandidate {
                address: FROM,
                priority: 1,
            }],
        },
        remote_fingerprint,
    };
    ClientTransport::new(now, config)
}

/// One certificate for all runs: making it is slow and not what is tested.
fn certificate() -> Option<Certificate> {
    static CERTIFICATE: OnceLock<Option<Certificate>> = OnceLock::new();
    CERTIFICATE.get_or_init(|| Certificate::generate().ok()).clone()
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the values are small or meant to wrap"
)]
#[path = "fuzz_tests.rs"]
mod tests;
