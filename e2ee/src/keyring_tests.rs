use super::*;

const OPUS: (Context, Codec) = (Context::Microphone, Codec::Opus);

fn client(number: u8) -> ClientId {
    ClientId([number; 16])
}

/// Leaf 0 is client 1, leaf 1 is client 2.
fn epoch(epoch: u64, own_leaf: u32) -> NewEpoch {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&epoch.to_be_bytes());
    NewEpoch {
        epoch,
        base_key: BaseKey::for_test(key),
        own_leaf,
        members: HashMap::from([(0, client(1)), (1, client(2))]),
    }
}

fn pair(at: u64) -> (Keyring, Keyring) {
    let (mut sender, mut receiver) = (Keyring::default(), Keyring::default());
    sender.install(epoch(at, 0));
    receiver.install(epoch(at, 1));
    sender.send_with(0, at);
    (sender, receiver)
}

fn encrypt(sender: &mut Keyring) -> Vec<u8> {
    let mut out = Vec::new();
    sender.encrypt(OPUS.0, OPUS.1, b"frame", &mut out).unwrap();
    out
}

fn decrypt(receiver: &mut Keyring, now_ms: u64, frame: &[u8]) -> Result<Decrypted, DropReason> {
    receiver.decrypt(now_ms, OPUS.0, OPUS.1, frame, &mut Vec::new())
}

#[test]
fn without_an_epoch_nothing_is_encrypted_or_decrypted() {
    let mut keyring = Keyring::default();
    let mut out = Vec::new();
    assert_eq!(
        keyring.encrypt(OPUS.0, OPUS.1, b"frame", &mut out),
        Err(DropReason::NoKey)
    );
    let (mut sender, _) = pair(3);
    let frame = encrypt(&mut sender);
    assert_eq!(decrypt(&mut keyring, 0, &frame), Err(DropReason::NoKey));
    keyring.install(epoch(3, 1));
    assert_eq!(
        keyring.encrypt(OPUS.0, OPUS.1, b"frame", &mut out),
        Err(DropReason::NoKey),
        "receive only"
    );
    decrypt(&mut keyring, 0, &frame).unwrap();
}

#[test]
fn an_epoch_to_come_may_be_buffered_and_one_that_is_past_not() {
    let (mut sender, mut receiver) = pair(300);
    sender.install(epoch(301, 0));
    sender.send_with(0, 301);
    let ahead = encrypt(&mut sender);
    assert_eq!(decrypt(&mut receiver, 0, &ahead), Err(DropReason::NoKey));
    let (mut old, _) = pair(299);
    assert_eq!(
        decrypt(&mut receiver, 0, &encrypt(&mut old)),
        Err(DropReason::EpochRetired)
    );
    receiver.install(epoch(301, 1));
    decrypt(&mut receiver, 0, &ahead).unwrap();
}

#[test]
fn an_epoch_with_the_same_low_bits_replaces_the_old_one() {
    let (mut sender, mut receiver) = pair(5);
    let old = encrypt(&mut sender);
    receiver.install(epoch(5 + 256, 1));
    assert_eq!(decrypt(&mut receiver, 0, &old), Err(DropReason::AuthFail));
    assert_eq!(receiver.epochs.len(), 1);
}

#[test]
fn installing_an_epoch_again_keeps_counters_and_windows() {
    let (mut sender, mut receiver) = pair(5);
    let frame = encrypt(&mut sender);
    decrypt(&mut receiver, 0, &frame).unwrap();
    receiver.install(epoch(5, 1));
    sender.install(epoch(5, 0));
    assert_eq!(decrypt(&mut receiver, 0, &frame), Err(DropReason::Replay));
    assert_ne!(encrypt(&mut sender), frame, "the counter goes on");
    assert_eq!(sender.sending(), Some(5));
}

#[test]
fn a_rolled_back_epoch_cannot_be_used() {
    let (mut sender, mut receiver) = pair(5);
    sender.install(epoch(6, 0));
    receiver.install(epoch(6, 1));
    sender.send_with(0, 6);
    let frame = encrypt(&mut sender);
    receiver.remove(6);
    assert_eq!(decrypt(&mut receiver, 0, &frame), Err(DropReason::NoKey));
    sender.remove(6);
    assert_eq!(sender.sending(), None);
}

#[test]
fn old_epochs_go_ten_seconds_after_the_switch() {
    let (mut sender, mut receiver) = pair(5);
    let frame = encrypt(&mut sender);
    receiver.install(epoch(6, 1));
    receiver.send_with(1_000, 6);
    assert_eq!(receiver.poll_timeout(), Some(11_000));
    decrypt(&mut receiver, 10_999, &frame).unwrap();
    assert_eq!(
        decrypt(&mut receiver, 11_000, &encrypt(&mut sender)),
        Err(DropReason::EpochRetired)
    );
    receiver.handle_timeout(11_000);
    assert_eq!(receiver.poll_timeout(), None);
    assert_eq!(receiver.epochs.len(), 1);
    assert_eq!(
        decrypt(&mut receiver, 11_000, &encrypt(&mut sender)),
        Err(DropReason::EpochRetired)
    );
}

#[test]
fn forged_frames_do_not_fill_the_keyring() {
    let (mut sender, mut receiver) = pair(5);
    let mut frame = encrypt(&mut sender);
    *frame.last_mut().unwrap() ^= 1;
    assert_eq!(decrypt(&mut receiver, 0, &frame), Err(DropReason::AuthFail));
    assert!(receiver.epochs.values().all(|keys| keys.receivers.is_empty()));
    assert!(receiver.heard.is_empty());
}

#[test]
fn layers_of_one_context_share_a_counter_and_contexts_do_not_share_a_key() {
    let (mut sender, mut receiver) = pair(5);
    let mut counters = Vec::new();
    let mut ciphertexts = Vec::new();
    for context in [Context::Camera, Context::Camera, Context::ScreenVideo] {
        let mut out = Vec::new();
        sender.encrypt(context, Codec::Vp9, &[0; 40], &mut out).unwrap();
        receiver
            .decrypt(0, context, Codec::Vp9, &out, &mut Vec::new())
            .unwrap();
        counters.push(sframe::header::SframeHeader::deserialize(&out).unwrap().counter());
        ciphertexts.push(out.split_off(4));
    }
    assert_eq!(counters, [0, 1, 0]);
    assert_ne!(ciphertexts[0], ciphertexts[1]);
    assert_ne!(ciphertexts[0], ciphertexts[2]);
}

/// A simulcast as the transform sees it: three encodings take turns under one key, and the SFU forwards one of them,
/// another one from a key frame on, so that the counters a receiver sees have gaps and jumps.
#[test]
fn a_receiver_that_is_switched_between_encodings_opens_every_frame_once() {
    const ENCODINGS: usize = 3;
    /// Pictures; together more frames than the replay window holds.
    const PICTURES: usize = 600;
    const CAMERA: (Context, Codec) = (Context::Camera, Codec::Vp8);
    let (mut sender, mut receiver) = pair(5);
    let mut nonces = std::collections::HashSet::new();
    let mut forwarded = Vec::new();
    for picture in 0..PICTURES {
        for encoding in 0..ENCODINGS {
            let is_key_frame = picture % 100 == 0;
            // Bit 0 of the frame tag is clear in a key frame (RFC 6386 §9.1).
            let mut frame = vec![u8::from(!is_key_frame); 60 << encoding];
            frame[20..22].copy_from_slice(&u16::try_from(picture).unwrap().to_be_bytes());
            let mut out = Vec::new();
            sender.encrypt(CAMERA.0, CAMERA.1, &frame, &mut out).unwrap();
            let clear = if is_key_frame { 10 } else { 1 };
            assert_eq!(out[..clear], frame[..clear]);
            let header = sframe::header::SframeHeader::deserialize(&out[clear..]).unwrap();
            assert!(
                nonces.insert((header.key_id(), header.counter())),
                "a nonce is used once"
            );
            // Another encoding after each hundred pictures, down and up.
            if encoding == [0, 2, 1, 0, 1, 2][picture / 100] {
                forwarded.push((frame, out));
            }
        }
    }
    // The network swaps two frames across each switch.
    for switch in (100..PICTURES).step_by(100) {
        forwarded.swap(switch - 1, switch);
    }
    for (frame, ciphertext) in &forwarded {
        let mut opened = Vec::new();
        receiver
            .decrypt(0, CAMERA.0, CAMERA.1, ciphertext, &mut opened)
            .unwrap();
        assert_eq!(&opened, frame);
    }
    let last = &forwarded[PICTURES - 1].1;
    let replayed = receiver.decrypt(0, CAMERA.0, CAMERA.1, last, &mut Vec::new());
    assert_eq!(replayed, Err(DropReason::Replay));
}
