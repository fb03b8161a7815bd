//! Frames between sessions, and frames that nobody sent like that.

use super::world::World;
use crate::{Codec, Context, DropReason, Suite};

const OPUS: (Context, Codec) = (Context::Microphone, Codec::Opus);

#[test]
fn every_codec_comes_out_as_it_went_in() {
    let mut world = World::with(Suite::Classic, 2);
    let key_frame: Vec<u8> = (0..200).map(|n| n / 2 * 2).collect();
    let delta_frame: Vec<u8> = (0..200).map(|n| n | 1).collect();
    for (context, codec, frame, clear) in [
        (Context::Microphone, Codec::Opus, &delta_frame, 0),
        (Context::ScreenAudio, Codec::Opus, &key_frame, 0),
        (Context::Camera, Codec::Vp8, &key_frame, 10),
        (Context::Camera, Codec::Vp8, &delta_frame, 1),
        (Context::ScreenVideo, Codec::Vp9, &key_frame, 0),
    ] {
        let sealed = world.encrypt(0, context, codec, frame);
        assert_eq!(sealed[..clear], frame[..clear]);
        assert!(!sealed.windows(8).any(|window| window == &frame[20..28]));
        assert!(
            sealed.len() <= frame.len() + 7 + 16,
            "overhead of {}",
            sealed.len() - frame.len()
        );
        let (decrypted, out) = world.decrypt(1, context, codec, &sealed).unwrap();
        assert_eq!(&out, frame);
        assert_eq!((decrypted.leaf, decrypted.member), (world.leaf(0), world.id(0)));
    }
}

#[test]
fn a_replayed_frame_is_dropped_and_a_late_one_is_not() {
    let mut world = World::with(Suite::Classic, 2);
    let frames: Vec<_> = (0..1100_u16)
        .map(|n| world.encrypt(0, OPUS.0, OPUS.1, &n.to_be_bytes()))
        .collect();
    let last = frames.last().unwrap();
    world.decrypt(1, OPUS.0, OPUS.1, last).unwrap();
    assert_eq!(world.decrypt(1, OPUS.0, OPUS.1, last), Err(DropReason::Replay));
    world.decrypt(1, OPUS.0, OPUS.1, &frames[500]).unwrap();
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &frames[500]),
        Err(DropReason::Replay)
    );
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &frames[5]),
        Err(DropReason::TooOld)
    );
}

#[test]
fn a_frame_that_fails_does_not_use_up_its_counter() {
    let mut world = World::with(Suite::Classic, 2);
    let sealed = world.encrypt(0, OPUS.0, OPUS.1, b"frame");
    let mut forged = sealed.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &forged),
        Err(DropReason::AuthFail)
    );
    assert_eq!(
        world.decrypt(1, Context::Camera, OPUS.1, &sealed),
        Err(DropReason::WrongCtx)
    );
    world.decrypt(1, OPUS.0, OPUS.1, &sealed).unwrap();
}

#[test]
fn a_frame_on_a_track_of_another_kind_is_dropped() {
    let mut world = World::with(Suite::Classic, 2);
    for context in Context::ALL {
        let sealed = world.encrypt(0, context, Codec::Vp9, b"frame");
        for expected in Context::ALL.into_iter().filter(|expected| *expected != context) {
            assert_eq!(
                world.decrypt(1, expected, Codec::Vp9, &sealed),
                Err(DropReason::WrongCtx)
            );
        }
    }
}

#[test]
fn a_frame_under_the_kid_of_somebody_else_is_not_authentic() {
    let mut world = World::with(Suite::Classic, 3);
    let sealed = world.encrypt(1, Context::Camera, Codec::Vp9, b"frame");
    // Config byte, then the three bytes of the KID: context and leaf, leaf, epoch.
    assert_eq!(sealed[0] >> 4, 0b1010);
    let kid = sealed[1..4].to_vec();
    assert_eq!(kid[0] >> 4, 1);
    let mut as_another = sealed.clone();
    as_another[2] = u8::try_from(world.leaf(2)).unwrap();
    assert_eq!(
        world.decrypt(0, Context::Camera, Codec::Vp9, &as_another),
        Err(DropReason::AuthFail)
    );
    let mut as_nobody = sealed.clone();
    as_nobody[2] = 77;
    assert_eq!(
        world.decrypt(0, Context::Camera, Codec::Vp9, &as_nobody),
        Err(DropReason::WrongLeaf)
    );
    let mut as_screen = sealed.clone();
    as_screen[1] = 2 << 4;
    assert_eq!(
        world.decrypt(0, Context::Camera, Codec::Vp9, &as_screen),
        Err(DropReason::WrongCtx)
    );
    assert_eq!(
        world
            .decrypt(0, Context::Camera, Codec::Vp9, &sealed)
            .unwrap()
            .0
            .member,
        world.id(1)
    );
}

#[test]
fn an_own_frame_sent_back_is_dropped() {
    let mut world = World::with(Suite::Classic, 2);
    let sealed = world.encrypt(0, OPUS.0, OPUS.1, b"frame");
    assert_eq!(
        world.decrypt(0, OPUS.0, OPUS.1, &sealed),
        Err(DropReason::WrongLeaf)
    );
}

#[test]
fn nothing_that_is_not_encrypted_passes() {
    let mut world = World::with(Suite::Classic, 2);
    let silence = [0xF8, 0xFF, 0xFE];
    let mut frames: Vec<Vec<u8>> = vec![silence.to_vec(), Vec::new(), vec![0], vec![0; 16], vec![0xFF; 64]];
    frames.extend((0..=255).map(|first| [&[first][..], &[0x5A; 100]].concat()));
    for frame in frames {
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9] {
            for context in Context::ALL {
                world.decrypt(1, context, codec, &frame).unwrap_err();
            }
        }
    }
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &silence),
        Err(DropReason::BadHeader)
    );
}

#[test]
fn a_changed_clear_byte_is_noticed() {
    let mut world = World::with(Suite::Classic, 2);
    let key_frame: Vec<u8> = (0..100).map(|n| n * 2).collect();
    let sealed = world.encrypt(0, Context::Camera, Codec::Vp8, &key_frame);
    for position in 0..10 {
        let mut changed = sealed.clone();
        changed[position] ^= 2;
        assert_eq!(
            world.decrypt(1, Context::Camera, Codec::Vp8, &changed),
            Err(DropReason::AuthFail)
        );
    }
    world.decrypt(1, Context::Camera, Codec::Vp8, &sealed).unwrap();
}

#[test]
fn frames_in_flight_survive_an_epoch_change_for_ten_seconds() {
    let mut world = World::with(Suite::Classic, 2);
    let early = world.encrypt(0, OPUS.0, OPUS.1, b"early");
    let late = world.encrypt(0, OPUS.0, OPUS.1, b"late");
    world.heal(1);
    world.decrypt(1, OPUS.0, OPUS.1, &early).unwrap();
    world.advance(10_001);
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &late),
        Err(DropReason::EpochRetired)
    );
}

#[test]
fn frames_of_the_old_epoch_are_taken_for_two_seconds_after_the_first_of_the_new() {
    let mut world = World::with(Suite::Classic, 2);
    let early = world.encrypt(0, OPUS.0, OPUS.1, b"early");
    let late = world.encrypt(0, OPUS.0, OPUS.1, b"late");
    world.heal(1);
    let new = world.encrypt(0, OPUS.0, OPUS.1, b"new");
    world.decrypt(1, OPUS.0, OPUS.1, &new).unwrap();
    world.advance(1_999);
    world.decrypt(1, OPUS.0, OPUS.1, &early).unwrap();
    world.advance(2);
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &late),
        Err(DropReason::EpochRetired)
    );
}

#[test]
fn a_receiver_that_is_ahead_or_behind_hears_the_others() {
    let mut world = World::with(Suite::Classic, 3);
    // The commit is under vote: who voted can decrypt the next epoch already.
    let old = world.encrypt(0, OPUS.0, OPUS.1, b"old");
    world.no_go = true;
    world.heal(1);
    let still_old = world.encrypt(0, OPUS.0, OPUS.1, b"still old");
    world.decrypt(2, OPUS.0, OPUS.1, &old).unwrap();
    world.decrypt(2, OPUS.0, OPUS.1, &still_old).unwrap();
    let epoch = world.epoch;
    world.tell(0, &serde_json::json!({"type": "go", "epoch": epoch}));
    let new = world.encrypt(0, OPUS.0, OPUS.1, b"new");
    assert_eq!(world.decrypt(2, OPUS.0, OPUS.1, &new).unwrap().0.epoch, epoch);
}

#[test]
fn after_256_epochs_a_kid_means_the_new_epoch_only() {
    let mut world = World::with(Suite::Classic, 2);
    let old = world.encrypt(0, OPUS.0, OPUS.1, b"old");
    let epoch = world.epoch;
    for round in 0..256 {
        world.heal(round % 2);
    }
    assert_eq!(world.epoch, epoch + 256);
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &old),
        Err(DropReason::AuthFail),
        "another key, same KID"
    );
    let new = world.encrypt(0, OPUS.0, OPUS.1, b"new");
    assert_eq!(new[..1], old[..1], "the same header");
    assert_eq!(
        world.decrypt(1, OPUS.0, OPUS.1, &new).unwrap().0.epoch,
        epoch + 256
    );
    world.assert_all_hear_each_other(&[0, 1]);
}
