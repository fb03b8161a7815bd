//! Offers captured from browsers become the answers they need, and bad offers become typed errors.

use conclave_transport::route::{CREDENTIAL_RANDOM_LEN, Route};

use super::*;

const CHROMIUM: &str = include_str!("offers/chromium-156.sdp");
const FIREFOX: &str = include_str!("offers/firefox-153.sdp");
const WEBRTC_CRATE: &str = include_str!("offers/webrtc-0.21.sdp");

fn publish(mid: &str, source: Source) -> Section {
    Section {
        mid: mid.to_owned(),
        role: SectionRole::Publish { source },
    }
}

fn watch(mid: &str, track: u32) -> Section {
    Section {
        mid: mid.to_owned(),
        role: SectionRole::Subscribe {
            track_id: TrackId(track),
        },
    }
}

fn idle(mid: &str) -> Section {
    Section {
        mid: mid.to_owned(),
        role: SectionRole::Idle,
    }
}

/// Sections of the captured offers: microphone, camera, an audio and a video track of somebody.
fn sections() -> Vec<Section> {
    vec![
        publish("0", Source::Microphone),
        publish("1", Source::Camera),
        watch("2", 7),
        watch("3", 8),
    ]
}

fn tracks(id: TrackId) -> Option<Available> {
    let codec = match id.0 {
        7 => Codec::Opus,
        8 => Codec::Vp9,
        9 => Codec::Vp8,
        _ => return None,
    };
    Some(Available { codec, stream: 5 })
}

fn answer(sdp: &str, plan: &Plan) -> String {
    let random = [7; CREDENTIAL_RANDOM_LEN];
    let credentials = IceCredentialsFor(random).make();
    let candidates = [
        "192.0.2.1:3478".parse().unwrap(),
        "[2001:db8::1]:3478".parse().unwrap(),
    ];
    let context = AnswerContext {
        session_id: 42,
        version: 1,
        credentials: &credentials,
        fingerprint: Fingerprint([0xab; 32]),
        candidates: &candidates,
        ssrcs: &|line| {
            (
                1000 + 2 * u32::try_from(line).unwrap(),
                1001 + 2 * u32::try_from(line).unwrap(),
            )
        },
    };
    write_answer(sdp, plan, &context)
}

struct IceCredentialsFor([u8; CREDENTIAL_RANDOM_LEN]);

impl IceCredentialsFor {
    fn make(&self) -> conclave_transport::route::IceCredentials {
        conclave_transport::route::IceCredentials::from_random(Route { shard: 0, peer: 1 }, &self.0)
    }
}

/// The lines of the answer's section with this mid.
fn section_lines(answer: &str, mid: &str) -> Vec<String> {
    let wanted = format!("a=mid:{mid}\r\n");
    let section = answer
        .split("\r\nm=")
        .skip(1)
        .find(|section| section.contains(&wanted))
        .unwrap();
    format!("m={section}").lines().map(str::to_owned).collect()
}

fn has(lines: &[String], wanted: &str) -> bool {
    lines.iter().any(|line| line == wanted)
}

#[test]
fn chromium_publishes_opus_and_vp8_and_gets_its_own_numbers_back() {
    let plan = plan(CHROMIUM, &sections(), &[], tracks).unwrap();
    let Use::Publish(camera) = plan.lines[1].role else {
        panic!("published")
    };
    assert_eq!(
        (camera.format.codec, camera.format.payload_type, camera.format.rtx),
        (Codec::Vp8, 96, Some(97))
    );
    assert_eq!(
        (camera.ssrc, camera.rtx_ssrc),
        (Some(874_120_653), Some(3_041_451_448))
    );
    let ids = [Known::Mid, Known::TransportCc, Known::AbsSendTime, Known::Rid];
    assert_eq!(
        ids.map(|known| camera.extensions.id(known)),
        [Some(4), Some(3), None, None]
    );
    assert_eq!(plan.remote.ufrag, "pZhn");

    let text = answer(CHROMIUM, &plan);
    assert!(text.starts_with("v=0\r\no=- 42 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3\r\n"));
    assert!(text.contains("a=ice-lite\r\n"));
    let audio = section_lines(&text, "0");
    assert_eq!(audio[0], "m=audio 3478 UDP/TLS/RTP/SAVPF 111");
    for line in [
        "a=recvonly",
        "a=setup:passive",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=0;cbr=1",
        "a=rtcp-fb:111 transport-cc",
        "a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::1 3478 typ host",
        "a=candidate:3 1 tcp 1526726143 192.0.2.1 3478 typ host tcptype passive",
        "a=candidate:4 1 tcp 1526725887 2001:db8::1 3478 typ host tcptype passive",
        "a=end-of-candidates",
    ] {
        assert!(has(&audio, line), "{line} in {audio:#?}");
    }
    let video = section_lines(&text, "1");
    assert_eq!(video[0], "m=video 3478 UDP/TLS/RTP/SAVPF 96 97");
    for line in [
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtcp-fb:96 nack pli",
    ] {
        assert!(has(&video, line), "{line} in {video:#?}");
    }
    for stripped in [
        "H264",
        "AV1",
        "red/",
        "ulpfec",
        "telephone-event",
        "CN/",
        "audio-level",
        "goog-remb",
        "rtp-stream-id",
    ] {
        assert!(!text.contains(stripped), "{stripped}");
    }
}

#[test]
fn sound_that_is_sent_again_is_not_numbered_anew() {
    let opus = "a=rtpmap:111 opus/48000/2";
    let repeating = CHROMIUM.replace(opus, &format!("{opus}\r\na=rtcp-fb:111 nack"));
    let text = answer(&repeating, &plan(&repeating, &sections(), &[], tracks).unwrap());
    let published = section_lines(&text, "0");
    assert!(has(&published, "a=rtcp-fb:111 nack"));
    for varying in ["transport-cc", "transport-wide-cc", "abs-send-time"] {
        assert!(
            !published.iter().any(|line| line.contains(varying)),
            "{published:#?}"
        );
    }
    // Our own packets are sent again with the number they had.
    let received = section_lines(&text, "2");
    assert!(has(&received, "a=rtcp-fb:111 nack") && has(&received, "a=rtcp-fb:111 transport-cc"));
    assert!(has(&section_lines(&text, "1"), "a=rtcp-fb:96 transport-cc"));
}

#[test]
fn a_subscriber_gets_the_publishers_codec_at_its_own_payload_type() {
    for (offer, vp9, rtx, opus) in [
        (CHROMIUM, 98, 99, 111),
        (FIREFOX, 121, 125, 109),
        (WEBRTC_CRATE, 98, 99, 111),
    ] {
        let plan = plan(offer, &sections(), &[], tracks).unwrap();
        let text = answer(offer, &plan);
        let video = section_lines(&text, "3");
        assert_eq!(video[0], format!("m=video 3478 UDP/TLS/RTP/SAVPF {vp9} {rtx}"));
        for line in [
            "a=sendonly",
            "a=msid:p5 t8",
            "a=ssrc-group:FID 1006 1007",
            "a=ssrc:1006 cname:p5",
            "a=ssrc:1007 cname:p5",
            &format!("a=fmtp:{rtx} apt={vp9}"),
            &format!("a=rtcp-fb:{vp9} nack"),
        ] {
            assert!(has(&video, line), "{line} in {video:#?}");
        }
        let audio = section_lines(&text, "2");
        for (lines, payload_type) in [(&video, vp9), (&audio, opus)] {
            let number = lines.iter().any(|line| line.contains("transport-wide-cc"));
            let reports = has(lines, &format!("a=rtcp-fb:{payload_type} transport-cc"));
            let offered = offer.contains("transport-wide-cc");
            assert_eq!((number, reports), (offered, offered), "{lines:#?}");
        }
        assert!(has(&audio, &format!("m=audio 3478 UDP/TLS/RTP/SAVPF {opus}")));
        assert!(has(&audio, "a=ssrc:1004 cname:p5"));
    }
}

#[test]
fn firefox_has_its_fingerprint_in_the_session_and_no_reduced_size_rtcp_for_audio() {
    let plan = plan(FIREFOX, &sections(), &[], tracks).unwrap();
    assert_eq!(plan.remote.ufrag, "85685b89");
    assert_eq!(plan.remote.fingerprint.0[0], 0xA7);
    let text = answer(FIREFOX, &plan);
    assert!(!has(&section_lines(&text, "0"), "a=rtcp-rsize"));
    assert!(has(&section_lines(&text, "1"), "a=rtcp-rsize"));
    assert!(
        has(&section_lines(&text, "1"), "a=recvonly"),
        "a bundle-only section with port 0 is not rejected"
    );
}

#[test]
fn the_first_of_vp9_and_vp8_is_published_and_never_another_vp9_profile() {
    let table = [
        ("96 97 98 99", Some((Codec::Vp8, 96, Some(97)))),
        ("98 99 96 97", Some((Codec::Vp9, 98, Some(99)))),
        ("100 101 102 103 96", Some((Codec::Vp8, 96, None))),
        ("100 101 102 45", None),
    ];
    for (formats, expected) in table {
        let old = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 45 46 98 99 100 101 118 119 120";
        let offer = CHROMIUM.replace(old, &format!("m=video 9 UDP/TLS/RTP/SAVPF {formats}"));
        let planned = plan(&offer, &[publish("1", Source::Camera)], &[], tracks);
        match (expected, planned) {
            (Some(expected), Ok(plan)) => {
                let Use::Publish(camera) = plan.lines[1].role else {
                    panic!("published")
                };
                assert_eq!(
                    (camera.format.codec, camera.format.payload_type, camera.format.rtx),
                    expected
                );
            }
            (None, Err(error)) => assert_eq!(error, NegotiationError::UnsupportedMedia),
            (expected, planned) => panic!("{expected:?}, accepted: {}", planned.is_ok()),
        }
    }
}

#[test]
fn a_track_keeps_its_codec_when_the_offers_order_changes() {
    let first = plan(CHROMIUM, &sections(), &[], tracks).unwrap();
    let reordered = CHROMIUM.replace("SAVPF 96 97 102", "SAVPF 98 99 96 97 102");
    let second = plan(&reordered, &sections(), &first.lines, tracks).unwrap();
    let Use::Publish(camera) = second.lines[1].role else {
        panic!("published")
    };
    assert_eq!(camera.format.codec, Codec::Vp8);
}

#[test]
fn vanished_tracks_and_unused_sections_are_idle_and_keep_their_place() {
    let given = [publish("0", Source::Microphone), idle("1"), watch("2", 99)];
    let plan = plan(CHROMIUM, &given, &[], tracks).unwrap();
    let text = answer(CHROMIUM, &plan);
    for mid in ["1", "2", "3"] {
        let lines = section_lines(&text, mid);
        assert!(has(&lines, "a=inactive"), "{lines:#?}");
        assert!(
            !lines.iter().any(|line| line.starts_with("a=ssrc")),
            "nothing is sent there"
        );
    }
    assert!(
        text.contains("a=group:BUNDLE 0 1 2 3\r\n"),
        "an idle section stays in the bundle"
    );
}

#[test]
fn a_stopped_section_and_a_data_channel_are_rejected() {
    let stopped = CHROMIUM
        .replacen("m=audio 9 ", "m=audio 0 ", 1)
        .replace("BUNDLE 0 1 2 3", "BUNDLE 1 2 3 d")
        + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=sctp-port:5000\r\n";
    let plan = plan(&stopped, &[publish("1", Source::Camera)], &[], tracks).unwrap();
    let text = answer(&stopped, &plan);
    assert!(has(&section_lines(&text, "0"), "m=audio 0 UDP/TLS/RTP/SAVPF 111"));
    assert!(has(
        &section_lines(&text, "d"),
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
    ));
    assert!(text.contains("a=group:BUNDLE 1 2 3\r\n"));
    assert!(
        has(&section_lines(&text, "1"), "a=end-of-candidates"),
        "the first accepted section carries the transport"
    );
}

#[test]
fn a_publisher_that_does_not_send_publishes_nothing() {
    let paused = CHROMIUM.replace("a=sendonly", "a=inactive");
    let plan = plan(&paused, &sections(), &[], tracks).unwrap();
    assert!(matches!(plan.lines[0].role, Use::Idle(_)));
}

#[test]
fn offers_that_cannot_be_answered_are_refused_with_a_reason() {
    let good = sections();
    let no_fingerprint = CHROMIUM.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1");
    let table: Vec<(String, Vec<Section>, NegotiationError)> = vec![
        (String::new(), vec![], NegotiationError::Malformed),
        ("hello".to_owned(), vec![], NegotiationError::Malformed),
        ("v=0\r\n".to_owned(), vec![], NegotiationError::UnsupportedMedia),
        (
            CHROMIUM.replace("a=mid:1", "a=mid:0"),
            good.clone(),
            NegotiationError::Malformed,
        ),
        (
            CHROMIUM.replace("a=mid:1\r\n", ""),
            good.clone(),
            NegotiationError::Malformed,
        ),
        (
            CHROMIUM.replace("a=group:BUNDLE 0 1 2 3", "a=group:BUNDLE 0"),
            good.clone(),
            NegotiationError::NotBundled,
        ),
        (
            CHROMIUM.replace("a=group:BUNDLE 0 1 2 3\r\n", ""),
            good.clone(),
            NegotiationError::NotBundled,
        ),
        (
            CHROMIUM.replace("a=rtcp-mux\r\n", ""),
            good.clone(),
            NegotiationError::NotBundled,
        ),
        (no_fingerprint, good.clone(), NegotiationError::Transport),
        (
            CHROMIUM.replace("a=setup:actpass", "a=setup:passive"),
            good.clone(),
            NegotiationError::Transport,
        ),
        (
            CHROMIUM.replace("a=ice-ufrag:pZhn", "a=ice-ufrag:p n"),
            good.clone(),
            NegotiationError::Transport,
        ),
        (
            CHROMIUM.to_owned(),
            vec![watch("nowhere", 7)],
            NegotiationError::Sections,
        ),
        (
            CHROMIUM.to_owned(),
            vec![watch("2", 7), watch("2", 7)],
            NegotiationError::Sections,
        ),
        (
            CHROMIUM.to_owned(),
            vec![publish("0", Source::Camera)],
            NegotiationError::UnsupportedMedia,
        ),
        (
            CHROMIUM.replace("a=recvonly", "a=sendonly"),
            vec![publish("0", Source::Microphone), publish("2", Source::Microphone)],
            NegotiationError::Sections,
        ),
        (
            CHROMIUM.replace("m=audio 9 ", "m=audio 99999 "),
            good.clone(),
            NegotiationError::Malformed,
        ),
        (
            format!("{CHROMIUM}{}", "m=audio 9 RTP 0\r\n".repeat(600)),
            good.clone(),
            NegotiationError::TooLarge,
        ),
        (
            format!("{CHROMIUM}{}", "a=x\r\n".repeat(2000)),
            good.clone(),
            NegotiationError::TooLarge,
        ),
        (
            format!("{CHROMIUM}a={}\r\n", "x".repeat(300 << 10)),
            good,
            NegotiationError::TooLarge,
        ),
    ];
    for (number, (offer, sections, expected)) in table.into_iter().enumerate() {
        assert_eq!(
            plan(&offer, &sections, &[], tracks).err(),
            Some(expected),
            "row {number}"
        );
    }
}

#[test]
fn a_later_offer_must_keep_the_sections_in_place() {
    let first = plan(FIREFOX, &sections(), &[], tracks).unwrap();
    assert!(plan(FIREFOX, &sections(), &first.lines, tracks).is_ok());
    let (kept, _) = FIREFOX.split_at(FIREFOX.rfind("m=video").unwrap());
    let shorter = kept.replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2");
    assert_eq!(
        plan(&shorter, &sections()[..3], &first.lines, tracks).err(),
        Some(NegotiationError::Discontinuous)
    );
    let renamed = FIREFOX
        .replace("a=mid:3", "a=mid:9")
        .replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2 9");
    assert_eq!(
        plan(&renamed, &sections()[..3], &first.lines, tracks).err(),
        Some(NegotiationError::Discontinuous)
    );
}
