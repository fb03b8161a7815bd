//! Fuzz targets over what servers control: their session descriptions, their candidates, their signaling.

use conclave_light::Answer;
use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::{CREDENTIAL_RANDOM_LEN, IceCredentials, Route};

use crate::light::description::{RemoteDescription, answer, candidate};
use crate::participant::detour::Detour;
use crate::target::{janus, livekit};

/// A description is read or refused; the answer to one that was read can be read again, and has no section more.
pub fn fuzz_description(data: &[u8]) {
    let Ok(sdp) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(offer) = RemoteDescription::parse(sdp) else {
        return;
    };
    let credentials = IceCredentials::from_random(Route { shard: 0, peer: 0 }, &[9; CREDENTIAL_RANDOM_LEN]);
    let written = answer(&offer, &credentials, Fingerprint([1; 32]));
    let lines = sdp.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(offer.sections.len(), lines, "a section came or went");
    let own = written.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(own, lines, "the answer has other sections than the offer");
}

/// A candidate that came by itself.
pub fn fuzz_candidate(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = candidate(text);
    }
}

/// An answer of Conclave's on a detour: every line comes out again but candidates that lead past it.
pub async fn fuzz_detour(data: &[u8]) {
    let Ok(sdp) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(redirected) = Detour::scout().redirect(sdp).await else {
        return;
    };
    assert!(redirected.lines().count() <= sdp.lines().count());
    let _ = Answer::parse(&redirected);
}

/// What LiveKit and Janus say on their WebSockets.
pub fn fuzz_messages(data: &[u8]) {
    let Ok(message) = serde_json::from_slice(data) else {
        return;
    };
    livekit::fuzz_message(&message);
    janus::fuzz_message(&message);
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 data\r\n\
        a=fingerprint:sha-256 11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\n\
        a=ice-ufrag:someufrag\r\na=ice-pwd:somepasswordofenoughlength\r\na=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=ssrc:1234 cname:x\r\na=sendrecv\r\n\
        a=candidate:1 1 udp 2130706431 10.99.0.1 7882 typ host ufrag someufrag\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        a=extmap:3/sendonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=ssrc-group:FID 77 78\r\na=ssrc:77 msid:a b\r\na=sendonly\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\na=sctp-port:5000\r\n";

    const MESSAGES: [&str; 7] = [
        r#"{"trickle":{"candidateInit":"{\"candidate\":\"candidate:1 1 udp 5 10.99.0.1 7882 typ host\"}","target":"SUBSCRIBER"}}"#,
        r#"{"trackPublished":{"cid":"camera","track":{"sid":"TR_x"}}}"#,
        r#"{"offer":{"type":"offer","sdp":"v=0"}}"#,
        r#"{"leave":{"reason":"DUPLICATE_IDENTITY"}}"#,
        r#"{"janus":"success","transaction":"t1","data":{"id":4711}}"#,
        r#"{"janus":"event","transaction":"t1","plugindata":{"data":{"participants":[{"id":5,"publisher":true}]}},"jsep":{"sdp":"v=0"}}"#,
        r#"{"janus":"error","transaction":"t1","error":{"code":458,"reason":"No such session"}}"#,
    ];

    /// A few small damages.
    fn mutate(random: &mut StdRng, seed: &str) -> Vec<u8> {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..=random.random_range(0..6) {
            let at = random.random_range(0..bytes.len().max(1));
            match random.random_range(0..5) {
                // Text mostly stays text.
                0 if !bytes.is_empty() => bytes[at] = random.random_range(9..127),
                1 => bytes.truncate(at),
                2 => bytes.insert(at, random.random_range(9..127)),
                3 if !bytes.is_empty() => {
                    let until = (at + random.random_range(0..40)).min(bytes.len());
                    bytes.drain(at..until);
                }
                _ => {
                    let from = random.random_range(0..bytes.len().max(1));
                    let until = (from + random.random_range(0..60)).min(bytes.len());
                    let piece = bytes[from..until].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    }

    #[tokio::test]
    async fn mutated_descriptions_never_panic() {
        assert_eq!(RemoteDescription::parse(OFFER).unwrap().sections.len(), 3);
        let mut random = StdRng::seed_from_u64(0x5eed_0001);
        for _ in 0..5_000 {
            let bytes = mutate(&mut random, OFFER);
            fuzz_description(&bytes);
            fuzz_candidate(&bytes);
            fuzz_detour(&bytes).await;
        }
    }

    #[test]
    fn mutated_candidates_never_panic() {
        let seed = "candidate:1 1 udp 2130706431 10.99.0.1 7882 typ host";
        assert!(candidate(seed).is_some());
        let mut random = StdRng::seed_from_u64(0x5eed_0002);
        for _ in 0..20_000 {
            fuzz_candidate(&mutate(&mut random, seed));
        }
    }

    #[test]
    fn mutated_messages_never_panic() {
        let mut random = StdRng::seed_from_u64(0x5eed_0003);
        for round in 0..20_000 {
            fuzz_messages(&mutate(&mut random, MESSAGES[round % MESSAGES.len()]));
        }
    }
}
