//! Packets on a TCP connection: two bytes of length before each (RFC 4571 §2), as ICE-TCP uses them (RFC 6544 §3).

/// The longest frame that is taken, in bytes: more than any check, handshake record or media packet.
pub const MAX_FRAME: usize = 4096;
/// Bytes of length before each frame.
pub const PREFIX: usize = 2;

/// The stream does not carry frames of ours; nothing behind this point can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes is too long")]
pub struct FrameError(pub usize);

/// The length prefix of a packet; `None` when it is longer than [`MAX_FRAME`].
#[must_use]
pub fn prefix(len: usize) -> Option<[u8; PREFIX]> {
    if len > MAX_FRAME {
        return None;
    }
    u16::try_from(len).ok().map(u16::to_be_bytes)
}

/// Takes a stream apart, however its bytes arrive. Keeps at most one incomplete frame.
#[derive(Default)]
pub struct Deframer {
    partial: Vec<u8>,
}

impl Deframer {
    /// Takes the next bytes of the stream and calls `handle` for each frame that is complete, in place where it did not
    /// come in pieces. Empty frames keep a connection alive and are passed over.
    ///
    /// # Errors
    /// [`FrameError`]: close the connection.
    pub fn feed(
        &mut self,
        mut bytes: &mut [u8],
        mut handle: impl FnMut(&mut [u8]),
    ) -> Result<(), FrameError> {
        while !self.partial.is_empty() {
            let target = needed(&self.partial)?.unwrap_or(PREFIX);
            if self.partial.len() == target {
                deliver(&mut self.partial, &mut handle);
                self.partial.clear();
            } else if bytes.is_empty() {
                return Ok(());
            } else {
                let missing = (target - self.partial.len()).min(bytes.len());
                let (taken, rest) = bytes.split_at_mut(missing);
                self.partial.extend_from_slice(taken);
                bytes = rest;
            }
        }
        while let Some(needed) = needed(bytes)? {
            if bytes.len() < needed {
                break;
            }
            let (frame, rest) = bytes.split_at_mut(needed);
            deliver(frame, &mut handle);
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }
}

fn deliver(frame: &mut [u8], handle: &mut impl FnMut(&mut [u8])) {
    if let Some(packet) = frame.get_mut(PREFIX..).filter(|packet| !packet.is_empty()) {
        handle(packet);
    }
}

/// How long the frame in front of `bytes` is with its prefix, once that has come.
fn needed(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes(*prefix));
    if len > MAX_FRAME {
        Err(FrameError(len))
    } else {
        Ok(Some(PREFIX + len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(packets: &[Vec<u8>]) -> Vec<u8> {
        let framed = packets
            .iter()
            .map(|packet| [&prefix(packet.len()).unwrap()[..], packet].concat());
        framed.collect::<Vec<_>>().concat()
    }

    /// What comes out when the stream arrives in pieces of these lengths, in turn.
    fn deframed(stream: &[u8], pieces: &[usize]) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut deframer = Deframer::default();
        let mut packets = Vec::new();
        let mut rest = stream.to_vec();
        let mut pieces = pieces.iter().cycle();
        while !rest.is_empty() {
            let len = (*pieces.next().unwrap()).min(rest.len());
            let mut piece: Vec<u8> = rest.drain(..len).collect();
            deframer.feed(&mut piece, |packet| packets.push(packet.to_vec()))?;
            assert!(deframer.partial.len() <= PREFIX + MAX_FRAME);
        }
        Ok(packets)
    }

    #[test]
    fn packets_come_out_as_they_went_in_however_the_stream_is_cut() {
        let packets: Vec<Vec<u8>> = [1usize, 1200, 2, 255, 256, MAX_FRAME, 20]
            .iter()
            .zip(1u8..)
            .map(|(len, fill)| vec![fill; *len])
            .collect();
        let stream = stream(&packets);
        for pieces in [
            &[1][..],
            &[2],
            &[3],
            &[1, 2, 700],
            &[1201],
            &[4096],
            &[100_000],
            &[5, 1, 1, 1],
        ] {
            assert_eq!(deframed(&stream, pieces).unwrap(), packets, "{pieces:?}");
        }
    }

    #[test]
    fn empty_frames_are_passed_over() {
        let packets = [vec![], vec![7; 3], vec![], vec![], vec![8]];
        for piece in 1..8 {
            let expected = [vec![7; 3], vec![8]];
            assert_eq!(deframed(&stream(&packets), &[piece]).unwrap(), expected);
        }
    }

    #[test]
    fn a_frame_longer_than_any_packet_ends_the_stream() {
        let mut bytes = stream(&[vec![1; 5]]);
        bytes.extend([0x10, 0x01]);
        for piece in [1, 3, 7, 100] {
            assert_eq!(deframed(&bytes, &[piece]), Err(FrameError(MAX_FRAME + 1)));
        }
        assert_eq!(prefix(MAX_FRAME + 1), None);
    }
}
