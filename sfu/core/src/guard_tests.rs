//! Which frames the guard lets pass, by codec, KID and history.

use super::*;

const LEAF: u32 = 0x123;

fn expected(codec: Codec, source: Source) -> Expected {
    Expected {
        codec,
        source,
        leaf: LeafIndex(LEAF),
        former: None,
    }
}

/// An SFrame header with a three-byte KID and a one-byte counter, and some ciphertext.
fn sframe(context: u32, leaf: u32, epoch: u32) -> Vec<u8> {
    let kid = (context << 20 | leaf << 8 | epoch).to_be_bytes();
    [&[0x80 | 2 << 4 | 0x08][..], &kid[1..], &[200], &[0xEE; 24]].concat()
}

fn vp8(start: bool, prefix: &[u8], frame: &[u8]) -> Vec<u8> {
    // X, picture id of 15 bits, then the clear bytes of the frame.
    [
        &[0x80 | if start { 0x10 } else { 0 }, 0x80, 0x81, 0x23][..],
        prefix,
        frame,
    ]
    .concat()
}

fn vp9(start: bool, frame: &[u8]) -> Vec<u8> {
    [&[0x80 | if start { 0x08 } else { 0 }, 0x81, 0x23][..], frame].concat()
}

#[test]
fn frames_with_the_right_leaf_and_context_pass_in_every_codec() {
    let key_prefix = [0x10, 2, 0, 0x9d, 1, 0x2a, 0, 1, 0, 1];
    let table = [
        (Codec::Opus, Source::Microphone, sframe(0, LEAF, 255)),
        (Codec::Opus, Source::ScreenAudio, sframe(3, LEAF, 0)),
        (Codec::Vp9, Source::Camera, vp9(true, &sframe(1, LEAF, 9))),
        (Codec::Vp9, Source::ScreenVideo, vp9(true, &sframe(2, LEAF, 9))),
        (
            Codec::Vp8,
            Source::Camera,
            vp8(true, &key_prefix, &sframe(1, LEAF, 9)),
        ),
        (
            Codec::Vp8,
            Source::Camera,
            vp8(true, &[0x31], &sframe(1, LEAF, 9)),
        ),
    ];
    for (codec, source, payload) in table {
        let mut guard = Guard::default();
        assert_eq!(
            guard.judge(expected(codec, source), 1, &payload),
            Verdict::Pass,
            "{codec:?} {source:?}"
        );
    }
}

#[test]
fn frames_of_another_leaf_another_context_or_in_the_clear_are_dropped_with_their_rest() {
    let table = [
        sframe(1, LEAF + 1, 9),
        sframe(2, LEAF, 9),
        sframe(0, LEAF, 9),
        vec![0xff, 1, 2],
        vec![0xf8],
        vec![0x49, 0x83, 0x42, 0, 1, 2, 3, 4],
    ];
    for frame in table {
        let mut guard = Guard::default();
        let camera = expected(Codec::Vp9, Source::Camera);
        assert_eq!(
            guard.judge(camera, 5, &vp9(true, &frame)),
            Verdict::Drop,
            "{frame:?}"
        );
        assert_eq!(
            guard.judge(camera, 5, &vp9(false, &[1, 2, 3])),
            Verdict::Drop,
            "the rest of the frame"
        );
        assert_eq!(
            guard.judge(camera, 6, &vp9(false, &[1, 2, 3])),
            Verdict::Pass,
            "another frame"
        );
    }
}

#[test]
fn the_producer_is_closed_after_a_row_of_bad_frames_and_a_good_one_breaks_the_row() {
    let microphone = expected(Codec::Opus, Source::Microphone);
    let (good, bad) = (sframe(0, LEAF, 1), sframe(0, LEAF ^ 1, 1));
    let mut guard = Guard::default();
    for _ in 0..3 {
        for timestamp in 1..u32::from(MAX_REFUSED) {
            assert_eq!(guard.judge(microphone, timestamp, &bad), Verdict::Drop);
        }
        assert_eq!(guard.judge(microphone, 99, &good), Verdict::Pass);
    }
    for timestamp in 1..u32::from(MAX_REFUSED) {
        assert_eq!(guard.judge(microphone, timestamp, &bad), Verdict::Drop);
    }
    assert_eq!(guard.judge(microphone, 99, &bad), Verdict::Close);
}

#[test]
fn frames_of_the_leaf_before_a_rejoin_are_dropped_and_not_held_against_the_client() {
    let microphone = Expected {
        former: Some(LeafIndex(7)),
        ..expected(Codec::Opus, Source::Microphone)
    };
    let mut guard = Guard::default();
    for timestamp in 0..100 {
        assert_eq!(
            guard.judge(microphone, timestamp, &sframe(0, 7, 1)),
            Verdict::Drop
        );
    }
    assert_eq!(guard.judge(microphone, 200, &sframe(0, LEAF, 2)), Verdict::Pass);
}

#[test]
fn empty_packets_pass_and_truncated_ones_do_not() {
    let camera = expected(Codec::Vp8, Source::Camera);
    let whole = vp8(true, &[0x31], &sframe(1, LEAF, 9));
    assert_eq!(Guard::default().judge(camera, 1, &[]), Verdict::Pass);
    for end in 1..10 {
        assert_eq!(
            Guard::default().judge(camera, 1, &whole[..end]),
            Verdict::Drop,
            "{end} bytes"
        );
    }
}

#[test]
fn kids_are_read_in_every_form_of_the_header() {
    assert_eq!(sframe_kid(&[0x35]), Some(3));
    assert_eq!(sframe_kid(&[0x80, 0xab]), Some(0xab));
    assert_eq!(
        sframe_kid(&[0xf8, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        Some(0x0102_0304_0506_0708)
    );
    assert_eq!(
        sframe_kid(&[0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        None,
        "the counter is cut off"
    );
    assert_eq!(sframe_kid(&[0x90, 1]), None);
    assert_eq!(sframe_kid(&[]), None);
}
