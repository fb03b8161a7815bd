//! What waits to be written to one TCP connection, framed and bounded: what is urgent first, and video is what is dropped.
//!
//! In: packets with their [`Lane`], and how much the connection took. Out: the bytes to write next.

use std::collections::VecDeque;

use crate::framing::{PREFIX, prefix};

/// Bytes of video that wait. Further packets are dropped: their receiver asks again, or for less.
pub const VIDEO_CAPACITY: usize = 128 << 10;
/// Bytes of audio that wait: more than a second of five speakers. Further packets are dropped.
pub const AUDIO_CAPACITY: usize = 48 << 10;
/// Bytes of checks and handshake that wait. More than this means a connection that takes nothing any more.
pub const CONTROL_CAPACITY: usize = 16 << 10;

/// What a packet is, and so who goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// STUN, DTLS and RTCP.
    #[default]
    Control,
    /// Audio.
    Audio,
    /// Video and its retransmissions.
    Video,
}

/// The packet was dropped: its lane is full, or it is longer than a frame may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room in the lane of a connection")]
pub struct LaneFull;

/// The lanes of one connection.
#[derive(Default)]
pub struct SendLanes {
    control: VecDeque<u8>,
    audio: VecDeque<u8>,
    video: VecDeque<u8>,
    /// Lane and bytes still to be written of the frame that was begun: frames are never mixed.
    begun: Option<(Lane, usize)>,
    /// Where the last chunk came from.
    writing: Lane,
}

impl SendLanes {
    /// Frames a packet and puts it into its lane.
    ///
    /// # Errors
    /// [`LaneFull`] when the packet is dropped.
    pub fn push(&mut self, lane: Lane, packet: &[u8]) -> Result<(), LaneFull> {
        let capacity = match lane {
            Lane::Control => CONTROL_CAPACITY,
            Lane::Audio => AUDIO_CAPACITY,
            Lane::Video => VIDEO_CAPACITY,
        };
        let prefix = prefix(packet.len()).ok_or(LaneFull)?;
        let queue = self.queue(lane);
        if queue.len() + PREFIX + packet.len() > capacity {
            return Err(LaneFull);
        }
        queue.extend(prefix);
        queue.extend(packet);
        Ok(())
    }

    /// The bytes to write next; empty when nothing waits. What the connection has taken of them goes to
    /// [`Self::consume`].
    #[must_use]
    pub fn chunk(&mut self) -> &[u8] {
        // A frame that was begun is finished; else as many frames of the first lane as lie in one piece.
        let (lane, len) = match self.begun {
            Some(begun) => begun,
            None => match self.first() {
                Some(lane) => (lane, usize::MAX),
                None => return &[],
            },
        };
        self.writing = lane;
        let (front, _) = self.queue(lane).as_slices();
        front.get(..len.min(front.len())).unwrap_or_default()
    }

    /// Takes what was written out of the lanes: at most as much as the last chunk had.
    pub fn consume(&mut self, written: usize) {
        let lane = self.writing;
        let mut left = written.min(self.queue(lane).len());
        while left > 0 {
            let begun = self.begun.take().map(|(_, len)| len);
            let queue = self.queue(lane);
            let Some(frame) = begun.or_else(|| first_frame(queue)) else {
                return;
            };
            let taken = frame.min(left);
            queue.drain(..taken);
            left -= taken;
            if taken < frame {
                self.begun = Some((lane, frame - taken));
            }
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.control.is_empty() && self.audio.is_empty() && self.video.is_empty()
    }

    /// The lane whose turn it is.
    fn first(&self) -> Option<Lane> {
        let lanes = [
            (Lane::Control, &self.control),
            (Lane::Audio, &self.audio),
            (Lane::Video, &self.video),
        ];
        lanes
            .into_iter()
            .find_map(|(lane, queue)| (!queue.is_empty()).then_some(lane))
    }

    const fn queue(&mut self, lane: Lane) -> &mut VecDeque<u8> {
        match lane {
            Lane::Control => &mut self.control,
            Lane::Audio => &mut self.audio,
            Lane::Video => &mut self.video,
        }
    }
}

/// The length of the first frame with its prefix.
fn first_frame(queue: &VecDeque<u8>) -> Option<usize> {
    let (high, low) = (queue.front()?, queue.get(1)?);
    Some(PREFIX + usize::from(u16::from_be_bytes([*high, *low])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::Deframer;

    /// Writes until nothing waits, `piece` bytes at most at a time, and returns the packets at the far end.
    fn written(lanes: &mut SendLanes, piece: usize) -> Vec<Vec<u8>> {
        let (mut deframer, mut packets) = (Deframer::default(), Vec::new());
        while !lanes.is_empty() {
            let mut chunk = lanes.chunk().to_vec();
            chunk.truncate(piece);
            assert!(!chunk.is_empty());
            lanes.consume(chunk.len());
            deframer
                .feed(&mut chunk, |packet| packets.push(packet.to_vec()))
                .unwrap();
        }
        assert!(lanes.chunk().is_empty());
        packets
    }

    #[test]
    fn checks_go_before_audio_and_audio_before_video() {
        for piece in [1, 3, 7, 1000, 100_000] {
            let mut lanes = SendLanes::default();
            lanes.push(Lane::Video, &[1; 900]).unwrap();
            lanes.push(Lane::Audio, &[2; 80]).unwrap();
            lanes.push(Lane::Video, &[3; 900]).unwrap();
            lanes.push(Lane::Control, &[4; 60]).unwrap();
            let expected = [vec![4; 60], vec![2; 80], vec![1; 900], vec![3; 900]];
            assert_eq!(written(&mut lanes, piece), expected, "{piece}");
        }
    }

    #[test]
    fn a_frame_that_was_begun_is_finished_before_anything_urgent() {
        let mut lanes = SendLanes::default();
        lanes.push(Lane::Video, &[1; 900]).unwrap();
        lanes.push(Lane::Video, &[2; 900]).unwrap();
        assert_eq!(lanes.chunk().len(), 2 * 902);
        lanes.consume(100);
        lanes.push(Lane::Control, &[3; 60]).unwrap();
        assert_eq!(lanes.chunk().len(), 802, "the rest of the frame alone");
        let mut rest = lanes.chunk().to_vec();
        lanes.consume(rest.len());
        rest.retain(|byte| *byte != 1);
        assert!(rest.is_empty());
        assert_eq!(written(&mut lanes, 11), [vec![3; 60], vec![2; 900]]);
    }

    #[test]
    fn a_full_lane_drops_and_leaves_the_others_their_room() {
        let mut lanes = SendLanes::default();
        let mut kept = 0;
        while lanes.push(Lane::Video, &[1; 1200]).is_ok() {
            kept += 1;
        }
        assert_eq!(kept, VIDEO_CAPACITY / 1202);
        assert!(lanes.push(Lane::Audio, &[2; 100]).is_ok());
        assert!(lanes.push(Lane::Control, &[3; 100]).is_ok());
        assert_eq!(
            lanes.push(Lane::Control, &[0; crate::framing::MAX_FRAME + 1]),
            Err(LaneFull)
        );
        let packets = written(&mut lanes, 5000);
        assert_eq!(packets.len(), kept + 2);
        assert_eq!((packets[0][0], packets[1][0]), (3, 2));
        assert!(lanes.push(Lane::Video, &[1; 1200]).is_ok());
    }

    #[test]
    fn a_lane_that_wraps_around_keeps_its_order() {
        let mut lanes = SendLanes::default();
        let (mut deframer, mut got) = (Deframer::default(), Vec::new());
        for number in 0..2000u16 {
            let packet = [&number.to_be_bytes()[..], &[9; 300]].concat();
            lanes.push(Lane::Audio, &packet).unwrap();
            if number > 20 {
                let mut chunk = lanes.chunk().to_vec();
                chunk.truncate(307);
                lanes.consume(chunk.len());
                deframer
                    .feed(&mut chunk, |packet| {
                        got.push(u16::from_be_bytes([packet[0], packet[1]]));
                    })
                    .unwrap();
            }
        }
        assert!(got.len() > 1500);
        assert!(got.iter().copied().eq(0..u16::try_from(got.len()).unwrap()));
    }
}
