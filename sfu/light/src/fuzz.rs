//! The fuzz function of the answer parser: whatever a server writes, it is read or refused.
//!
//! The smoke test below runs it over mutations of valid answers, from a fixed seed.

use crate::answer::Answer;

/// An answer is read or refused, and what was read names no more sections than there are lines.
pub fn fuzz_answer(data: &[u8]) {
    let Ok(sdp) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(answer) = Answer::parse(sdp) {
        assert!(answer.sections.len() <= sdp.lines().count());
        for section in &answer.sections {
            assert!(answer.section(&section.mid).is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With everything that is looked at, once.
    const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\n\
        m=audio 3478 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=ice-ufrag:abcd\r\n\
        a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 \
        01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F:20\r\n\
        a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=ssrc:5 cname:p1\r\n\
        a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host\r\n\
        a=candidate:2 1 tcp 1518280447 2001:db8::1 3478 typ host tcptype passive\r\n\
        m=video 3478 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=rid:l recv\r\na=rid:h recv\r\n\
        a=ssrc-group:FID 7 8\r\na=extmap:4/sendonly urn:x\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:2\r\na=inactive\r\n";

    /// xorshift64*, so that a failing run has an address: its seed.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let value = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
            usize::try_from(value).unwrap() % end.max(1)
        }

        /// Damages of single characters and of whole words.
        fn mutate(&mut self, text: &str) -> Vec<u8> {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=self.below(5) {
                let at = self.below(bytes.len());
                let until = (at + self.below(30)).min(bytes.len());
                match self.below(5) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, [b' ', b':', b'\n', b'9', b'/', 0x7F][self.below(6)]),
                    2 => _ = bytes.drain(at..until),
                    3 if at < bytes.len() => bytes[at] = b' ' + u8::try_from(self.below(95)).unwrap(),
                    _ => {
                        let copy = bytes[at..until].to_vec();
                        let to = self.below(bytes.len());
                        bytes.splice(to..to, copy);
                    }
                }
            }
            bytes
        }
    }

    #[test]
    fn answers_never_panic() {
        let read = Answer::parse(ANSWER).unwrap();
        assert_eq!((read.sections.len(), read.ice.candidates.len()), (3, 2));
        let mut random = Random(0x5EED_0001);
        for len in 0..ANSWER.len() {
            fuzz_answer(&ANSWER.as_bytes()[..len]);
        }
        for _ in 0..20_000 {
            fuzz_answer(&random.mutate(ANSWER));
        }
    }
}
