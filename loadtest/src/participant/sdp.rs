//! The little that a bot reads in an answer itself: which SSRC each section sends.

use std::collections::HashMap;

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

#[cfg(test)]
mod tests {
    use super::*;

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
