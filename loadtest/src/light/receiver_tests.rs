//! Tests of what a received track asks for, waits for and gives up.

use super::*;
use crate::light::crypto::{Opaque, Sealed};

fn packet(now: Instant, sequence: u16, payload: &[u8]) -> Packet<'_> {
    Packet {
        now,
        rested: Duration::ZERO,
        sequence,
        timestamp: 0,
        marker: false,
        payload,
    }
}

fn track(codec: Codec) -> ReceiveTrack {
    ReceiveTrack {
        ssrc: 7,
        rtx_ssrc: Some(8),
        context: Context::Camera,
        codec,
    }
}

#[test]
fn missing_pictures_are_asked_for_until_they_come_and_missing_sound_is_not() {
    let start = Instant::now();
    let mut asked = Vec::new();
    for (codec, expected) in [(Codec::Vp8, &[2u16, 3][..]), (Codec::Opus, &[])] {
        let measures = Measures::default();
        let mut receiver = Receiver::new(track(codec), Decrypt::All);
        receiver.count(packet(start, 1, &[]), 100, &measures);
        receiver.count(packet(start, 4, &[]), 100, &measures);
        receiver.asks(start, &mut asked);
        assert!(asked.is_empty(), "a burst may be out of order");
        receiver.asks(start + Duration::from_millis(10), &mut asked);
        assert_eq!(asked, expected);
        let later = start + Duration::from_millis(20);
        receiver.count(packet(later, 2, &[]), 100, &measures);
        receiver.asks(start + Duration::from_millis(100), &mut asked);
        assert_eq!(asked, expected.get(1..).unwrap_or_default());
    }
}

#[test]
fn a_frame_that_was_not_sealed_is_counted_as_one_that_does_not_open() {
    let measures = Measures::default();
    let mut plain = Vec::new();
    let mut ears = Ears {
        crypto: &mut Opaque,
        measures: &measures,
        plain: &mut plain,
    };
    let now = Instant::now();
    let mut receiver = Receiver::new(track(Codec::Opus), Decrypt::All);
    let packet = packet(now, 1, b"plain text");
    let position = receiver.count(packet, 100, &measures);
    receiver.handle(position, packet, &mut ears);
    assert_eq!(measures.decrypt_failures().values().sum::<u64>(), 1);
    assert_eq!((receiver.stats().frames, receiver.opened()), (1, 0));
}

/// Answers the same to whoever asks, until it is told otherwise.
struct Says(Opened);

impl FrameCrypto for Says {
    fn seal(&mut self, _: Context, _: Codec, _: &[u8], _: &mut Vec<u8>) -> Sealed {
        Sealed::NoKey
    }

    fn open(&mut self, _: Context, _: Codec, _: &[u8], _: &mut Vec<u8>) -> Opened {
        self.0
    }

    fn first_epoch(&self) -> Option<u64> {
        Some(0)
    }
}

/// Frames opened, and failures, of one whose session answers so at these times in milliseconds.
fn waited(answers: &[(u64, Opened)]) -> (u64, u64) {
    let measures = Measures::default();
    let mut plain = Vec::new();
    let start = Instant::now();
    let mut receiver = Receiver::new(track(Codec::Opus), Decrypt::All);
    for (at, (millis, answer)) in answers.iter().enumerate() {
        let now = start + Duration::from_millis(*millis);
        let mut ears = Ears {
            crypto: &mut Says(*answer),
            measures: &measures,
            plain: &mut plain,
        };
        if at == 0 {
            let packet = packet(now, 1, &[0xb0, 0, 0, 1, 0, 9, 9, 9]);
            let position = receiver.count(packet, 100, &measures);
            receiver.handle(position, packet, &mut ears);
        } else {
            receiver.tick(now, &mut ears);
        }
    }
    let failed = measures.decrypt_failures().values().sum();
    assert_eq!(receiver.is_busy(), receiver.opened() + failed == 0);
    (receiver.opened(), failed)
}

#[test]
fn a_frame_waits_a_second_for_its_key_and_as_long_as_the_session_is_at_work() {
    let none = Opened::Later(DropReason::NoKey);
    let busy = Opened::Later(DropReason::TransformNotRunning);
    assert_eq!(waited(&[(0, none), (900, none)]), (0, 0));
    assert_eq!(waited(&[(0, none), (900, Opened::Frame)]), (1, 0));
    assert_eq!(waited(&[(0, none), (1100, none)]), (0, 1));
    assert_eq!(waited(&[(0, busy), (3000, busy), (3100, Opened::Frame)]), (1, 0));
    assert_eq!(waited(&[(0, busy), (3000, none), (3900, none)]), (0, 0));
    assert_eq!(waited(&[(0, busy), (3000, none), (4100, none)]), (0, 1));
}

#[test]
fn of_too_many_frames_that_wait_the_oldest_fails_and_says_what_it_waited_for() {
    for (reason, name) in [
        (DropReason::NoKey, "no_key"),
        (DropReason::TransformNotRunning, "transform_not_running"),
    ] {
        let measures = Measures::default();
        let mut plain = Vec::new();
        let mut ears = Ears {
            crypto: &mut Says(Opened::Later(reason)),
            measures: &measures,
            plain: &mut plain,
        };
        let mut receiver = Receiver::new(track(Codec::Opus), Decrypt::All);
        for sequence in 0..=u16::try_from(MAX_WAITING).unwrap() {
            let packet = packet(Instant::now(), sequence, &[0xb0, 0, 0, 1, 0, 9, 9, 9]);
            let position = receiver.count(packet, 100, &measures);
            receiver.handle(position, packet, &mut ears);
        }
        let failures = measures.decrypt_failures();
        assert_eq!(failures.values().sum::<u64>(), 1);
        assert_eq!(failures.get(name).copied(), Some(1), "{failures:?}");
    }
}
