//! The little that a bot does with an answer itself: it reads which SSRC each section sends, and names both video
//! codecs to a library that would remember only one.

use std::collections::HashMap;
use std::fmt::Write as _;

use conclave_e2ee::Codec;

use super::codecs;

/// The first SSRC of each section, by mid. In a FID group the first is the media, the second its retransmission.
pub fn ssrc_by_mid(sdp: &str) -> HashMap<String, u32> {
    let mut found = HashMap::new();
    for section in sdp.split("\nm=").skip(1) {
        let attribute = |name: &str| {
            section.lines().find_map(|line| {
                line.trim_end()
                    .strip_prefix("a=")?
                    .strip_prefix(name)?
                    .strip_prefix(':')
            })
        };
        let group = attribute("ssrc-group").and_then(|group| group.strip_prefix("FID "));
        let numbers = group.or_else(|| attribute("ssrc"));
        let ssrc = numbers.and_then(|numbers| numbers.split_whitespace().next()?.parse().ok());
        if let (Some(mid), Some(ssrc)) = (attribute("mid"), ssrc) {
            found.insert(mid.to_owned(), ssrc);
        }
    }
    found
}

/// Names both video codecs in the first video section of an answer.
///
/// The library (rtc 0.21.1) takes the codecs of the first section of a kind for those of the whole connection. The
/// first video section is the camera's, which the server answers with one codec, and a camera of the other codec could
/// never be received. What the camera sends does not change: its packets carry the payload type of its own codec.
pub fn with_both_video_codecs(answer: &str) -> String {
    let Some(start) = answer.find("\r\nm=video ").map(|at| at + 2) else {
        return answer.to_owned();
    };
    let (before, rest) = answer.split_at(start);
    let end = rest.find("\r\nm=").map_or(rest.len(), |at| at + 2);
    let (section, after) = rest.split_at(end);
    let (line, attributes) = section.split_once("\r\n").unwrap_or((section, ""));
    let mut line = line.to_owned();
    let mut added = String::new();
    for codec in [Codec::Vp8, Codec::Vp9] {
        let payload_type = codecs::payload_type(codec);
        if attributes.contains(&format!("a=rtpmap:{payload_type} ")) {
            continue;
        }
        let retransmission = payload_type + 1;
        // Writing to a String cannot fail.
        let _ = write!(line, " {payload_type} {retransmission}");
        let _ = write!(added, "{}", attributes_of(codec));
    }
    format!("{before}{line}\r\n{attributes}{added}{after}")
}

fn attributes_of(codec: Codec) -> String {
    let parameters = codecs::codec_parameters(codec);
    let payload_type = codecs::payload_type(codec);
    let name = parameters.mime_type.trim_start_matches("video/");
    let mut text = format!("a=rtpmap:{payload_type} {name}/{}\r\n", parameters.clock_rate);
    if !parameters.sdp_fmtp_line.is_empty() {
        let _ = write!(text, "a=fmtp:{payload_type} {}\r\n", parameters.sdp_fmtp_line);
    }
    for feedback in ["ccm fir", "nack", "nack pli", "transport-cc"] {
        let _ = write!(text, "a=rtcp-fb:{payload_type} {feedback}\r\n");
    }
    let retransmission = payload_type + 1;
    let _ = write!(
        text,
        "a=rtpmap:{retransmission} rtx/{}\r\n",
        parameters.clock_rate
    );
    let _ = write!(text, "a=fmtp:{retransmission} apt={payload_type}\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_video_section_learns_the_codec_it_lacks() {
        let camera = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n";
        let other = "m=video 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:2\r\na=rtpmap:98 VP9/90000\r\n";
        let answer = format!("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n{camera}{other}");
        let changed = with_both_video_codecs(&answer);
        assert!(
            changed.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\na=mid:1\r\n"),
            "{changed}"
        );
        assert!(changed.contains("a=fmtp:98 profile-id=0\r\n") && changed.contains("a=fmtp:99 apt=98\r\n"));
        assert!(changed.ends_with(other), "{changed}");
        assert_eq!(with_both_video_codecs(&changed), changed);
        let without = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
        assert_eq!(with_both_video_codecs(without), without);
    }

    #[test]
    fn every_sending_section_names_its_media_ssrc() {
        let sdp = "v=0\r\na=group:BUNDLE 0 1 2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\n\
                   m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=sendonly\r\na=ssrc:7 cname:x\r\n\
                   m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:2\r\na=ssrc:9 cname:x\r\na=ssrc:8 cname:x\r\n\
                   a=ssrc-group:FID 8 9\r\n";
        let expected = HashMap::from([("1".to_owned(), 7), ("2".to_owned(), 8)]);
        assert_eq!(ssrc_by_mid(sdp), expected);
    }
}
