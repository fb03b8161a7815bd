//! The timestamp inside an encrypted Opus frame.
//!
//! A packet of one frame (code 0) becomes a packet of one frame with padding (code 3, RFC 6716 §3.2.5), and the padding
//! holds the stamp. Every decoder skips padding, so a browser plays the sound as if nothing were there. Decoders that
//! look for extensions in the padding find one with an id they do not know, of a length that fits:
//!
//! ```text
//! TOC | 3    0x41          22        frame ...    0xf2   "CNCL"   microseconds   frame number   voice
//! 1 byte     1 frame, pad  padding                id     4        8              8 (big endian)  1
//! ```

/// What the padding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When the frame was sent: microseconds since the Unix epoch.
    pub sent_us: u64,
    /// Number of the frame since its bot began to speak.
    pub frame: u64,
    /// The voice that speaks.
    pub voice: u8,
}

const CODE_MASK: u8 = 0x03;
const CODE_MANY: u8 = 0x03;
/// One frame of constant bitrate, with padding.
const ONE_FRAME_PADDED: u8 = 0x41;
/// A long extension with the otherwise unused id 121 that goes on to the end of the padding.
const EXTENSION: u8 = 121 << 1;
const MAGIC: &[u8; 4] = b"CNCL";
const STAMP_LENGTH: usize = 1 + 4 + 8 + 8 + 1;

/// Adds the stamp; `None` when the packet is not one of code 0.
pub fn write(packet: &[u8], stamp: Stamp) -> Option<Vec<u8>> {
    let (toc, frame) = packet.split_first()?;
    if toc & CODE_MASK != 0 || frame.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(packet.len() + 2 + STAMP_LENGTH);
    out.extend_from_slice(&[
        toc | CODE_MANY,
        ONE_FRAME_PADDED,
        u8::try_from(STAMP_LENGTH).ok()?,
    ]);
    out.extend_from_slice(frame);
    out.push(EXTENSION);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&stamp.sent_us.to_be_bytes());
    out.extend_from_slice(&stamp.frame.to_be_bytes());
    out.push(stamp.voice);
    Some(out)
}

/// Reads the stamp of a packet that [`write()`] made; `None` for every other packet.
pub fn read(packet: &[u8]) -> Option<Stamp> {
    let [toc, ONE_FRAME_PADDED, length, rest @ ..] = packet else {
        return None;
    };
    if toc & CODE_MASK != CODE_MANY || usize::from(*length) != STAMP_LENGTH {
        return None;
    }
    let (_, padding) = rest.split_at_checked(rest.len().checked_sub(STAMP_LENGTH)?)?;
    let (head, padding) = padding.split_first_chunk::<5>()?;
    let (sent_us, padding) = padding.split_first_chunk::<8>()?;
    let (frame, padding) = padding.split_first_chunk::<8>()?;
    let [voice] = padding else { return None };
    (head.first() == Some(&EXTENSION) && head.get(1..) == Some(MAGIC)).then(|| Stamp {
        sent_us: u64::from_be_bytes(*sent_us),
        frame: u64::from_be_bytes(*frame),
        voice: *voice,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::microphone::Microphone;
    use crate::source::voice::{FRAME_SAMPLES, SAMPLE_RATE, Voice};

    const STAMP: Stamp = Stamp {
        sent_us: 1_795_000_000_123_456,
        frame: 77,
        voice: 3,
    };

    #[test]
    fn a_stamp_comes_back_and_plain_packets_have_none() {
        let stamped = write(&[0x78, 1, 2, 3], STAMP).unwrap();
        assert_eq!(read(&stamped), Some(STAMP));
        assert_eq!(read(&[0x78, 1, 2, 3]), None);
        assert_eq!(write(&[0x79, 1, 2, 3], STAMP), None);
        for length in 0..stamped.len() {
            assert_eq!(read(&stamped[..length]), None);
        }
    }

    #[test]
    fn libopus_decodes_a_stamped_packet_to_the_same_samples() {
        let mut microphone = Microphone::new(Voice::of(2)).unwrap();
        let mut plain = opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).unwrap();
        let mut stamped = opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).unwrap();
        for _ in 0..20 {
            let packet = microphone.next_packet().unwrap().bytes;
            let (mut one, mut other) = ([0i16; FRAME_SAMPLES], [0i16; FRAME_SAMPLES]);
            assert_eq!(plain.decode(&packet, &mut one, false).unwrap(), FRAME_SAMPLES);
            let padded = write(&packet, STAMP).unwrap();
            assert_eq!(stamped.decode(&padded, &mut other, false).unwrap(), FRAME_SAMPLES);
            assert_eq!(one, other);
        }
    }

    #[test]
    fn random_packets_never_panic() {
        use rand::{Rng as _, SeedableRng as _};
        let mut random = rand::rngs::SmallRng::seed_from_u64(3);
        for _ in 0..20_000 {
            let mut packet = vec![0; random.random_range(0..40)];
            random.fill(packet.as_mut_slice());
            read(&packet);
            write(&packet, STAMP);
        }
    }
}
