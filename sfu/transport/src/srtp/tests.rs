//! SRTP against the published vectors, and what its windows let through.

use super::*;

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80];

fn master(profile: Profile, seed: u8) -> MasterKey {
    MasterKey::new(profile, &[seed; 16], &[seed ^ 0x5A; 14][..profile.salt_len()]).unwrap()
}

fn pair(profile: Profile) -> (SrtpSender, SrtpReceiver) {
    let sender = SrtpSender::new(profile, &master(profile, 7)).unwrap();
    (sender, SrtpReceiver::new(profile, &master(profile, 7)).unwrap())
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 9]);
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn seal(sender: &mut SrtpSender, packet: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + RTP_OVERHEAD, 0);
    let len = sender.seal_rtp(&mut buffer, packet.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn seal_rtcp(sender: &mut SrtpSender, packet: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + RTCP_OVERHEAD, 0);
    let len = sender.seal_rtcp(&mut buffer, packet.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn open(receiver: &mut SrtpReceiver, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut buffer = sealed.to_vec();
    let len = receiver.open_rtp(&mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

/// RFC 7714 §16.1: keys are session keys there, so the cipher is tested below its key derivation.
mod rfc_7714 {
    use super::super::cipher::{gcm_open, gcm_seal, rtcp_nonce, rtp_nonce};
    use super::super::open::rtcp_aad;
    use super::hex;
    use aws_lc_rs::aead::{AES_128_GCM, LessSafeKey, UnboundKey};

    fn key() -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &hex("000102030405060708090a0b0c0d0e0f")).unwrap())
    }

    fn salt() -> [u8; 12] {
        hex("517569642070726f2071756f").try_into().unwrap()
    }

    #[test]
    fn an_rtp_packet_is_sealed_and_opened_as_in_section_16_1() {
        let plain = hex(
            "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669
                         736120696e207061727465732074726573",
        );
        let sealed = hex("8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd5
                          0d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce");
        let nonce = rtp_nonce(&salt(), 0x5501_a0b2, 0xf17b);
        assert_eq!(nonce.to_vec(), hex("51753c6580c2726f20718414"));
        let mut packet = plain.clone();
        let (header, text) = packet.split_at_mut(12);
        let tag = gcm_seal(&key(), nonce, header, text).ok().unwrap();
        packet.extend_from_slice(&tag);
        assert_eq!(packet, sealed);
        let (header, text) = packet.split_at_mut(12);
        gcm_open(&key(), nonce, header, text).ok().unwrap();
        assert_eq!(packet[..plain.len()], plain);
    }

    #[test]
    fn an_rtcp_packet_is_sealed_and_opened_as_in_section_17_1() {
        let plain = hex("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61
                         deadbeefdeadbeefdeadbeefdeadbeefdeadbeef");
        let sealed = hex("81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d
                          c676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf872
                          45d9eade800005d4");
        let nonce = rtcp_nonce(&salt(), 0x4d61_7273, 0x5d4);
        assert_eq!(nonce.to_vec(), hex("517524055203726f207170bb"));
        let mut packet = plain.clone();
        let aad = rtcp_aad(&packet, 0x5d4).unwrap();
        let tag = gcm_seal(&key(), nonce, &aad, &mut packet[8..]).ok().unwrap();
        packet.extend_from_slice(&tag);
        packet.extend_from_slice(&hex("800005d4"));
        assert_eq!(packet, sealed);
        let word_at = packet.len() - 4;
        gcm_open(&key(), nonce, &aad, &mut packet[8..word_at])
            .ok()
            .unwrap();
        assert_eq!(packet[..plain.len()], plain);
    }
}

/// libsrtp's well-known AES_CM_128_HMAC_SHA1_80 reference packets, from master key to tag.
#[test]
fn the_fallback_profile_matches_the_reference_packets() {
    let profile = Profile::Aes128CmHmacSha1_80;
    let key = hex("e1f97a0d3e018be0d64fa32c06de4139");
    let salt = hex("0ec675ad498afeebb6960b3aabe6");
    let mut sender = SrtpSender::new(profile, &MasterKey::new(profile, &key, &salt).unwrap()).unwrap();
    let plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let sealed = hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    assert_eq!(seal(&mut sender, &plain).unwrap(), sealed);
    let mut receiver = SrtpReceiver::new(profile, &MasterKey::new(profile, &key, &salt).unwrap()).unwrap();
    assert_eq!(open(&mut receiver, &sealed).unwrap(), plain);
    let plain = hex("81c8000bcafebabeabababababababababababababababab");
    let sealed = hex("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798");
    let mut buffer = sealed.clone();
    let len = receiver.open_rtcp(&mut buffer).unwrap();
    assert_eq!(buffer[..len], plain);
    // Our first index is 0, the reference's is 1.
    seal_rtcp(&mut sender, &plain).unwrap();
    assert_eq!(seal_rtcp(&mut sender, &plain).unwrap(), sealed);
}

#[test]
fn keys_come_out_of_the_exporter_in_the_order_of_rfc_5764() {
    let material: Vec<u8> = (0..56).collect();
    let keys = SrtpKeys::from_exported(Profile::AeadAes128Gcm, &material).unwrap();
    assert_eq!(keys.client.key.to_vec(), material[..16]);
    assert_eq!(keys.server.key.to_vec(), material[16..32]);
    assert_eq!(keys.client.salt[..12], material[32..44]);
    assert_eq!(keys.server.salt[..12], material[44..56]);
    assert_eq!(keys.server.salt[12..], [0, 0]);
    assert!(SrtpKeys::from_exported(Profile::Aes128CmHmacSha1_80, &material).is_none());
}

#[test]
fn packets_survive_several_turns_of_the_sequence_number() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for step in (0..200_000u32).step_by(7) {
            let packet = rtp((65_000 + step) as u16, 5, b"payload");
            let sealed = seal(&mut sender, &packet).unwrap();
            assert_eq!(
                open(&mut receiver, &sealed).unwrap(),
                packet,
                "{profile:?} {step}"
            );
        }
    }
}

#[test]
fn a_late_packet_from_before_the_wrap_opens_with_the_old_counter() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let before = seal(&mut sender, &rtp(65_535, 5, b"old")).unwrap();
        let first = seal(&mut sender, &rtp(65_534, 5, b"first")).unwrap();
        let after = seal(&mut sender, &rtp(2, 5, b"new")).unwrap();
        assert!(open(&mut receiver, &first).is_ok());
        assert!(open(&mut receiver, &after).is_ok());
        assert_eq!(open(&mut receiver, &before).unwrap(), rtp(65_535, 5, b"old"));
    }
}

#[test]
fn a_replayed_packet_is_refused_and_a_late_one_within_the_window_is_not() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let sealed: Vec<_> = (0..2000)
            .map(|at| seal(&mut sender, &rtp(at, 5, b"x")).unwrap())
            .collect();
        assert!(open(&mut receiver, &sealed[0]).is_ok());
        assert!(open(&mut receiver, &sealed[1500]).is_ok());
        assert_eq!(open(&mut receiver, &sealed[1500]), Err(OpenError::Replay));
        assert!(open(&mut receiver, &sealed[1500 - 1023]).is_ok());
        assert_eq!(open(&mut receiver, &sealed[1500 - 1023]), Err(OpenError::Replay));
        assert_eq!(open(&mut receiver, &sealed[1500 - 1024]), Err(OpenError::Replay));
        let rtcp = seal_rtcp(&mut sender, &[0x80, 201, 0, 1, 0, 0, 0, 5]).unwrap();
        assert!(receiver.open_rtcp(&mut rtcp.clone()).is_ok());
        assert_eq!(receiver.open_rtcp(&mut rtcp.clone()), Err(OpenError::Replay));
    }
}

#[test]
fn an_index_is_never_sealed_for_two_packets() {
    for profile in PROFILES {
        let (mut sender, _) = pair(profile);
        seal(&mut sender, &rtp(100, 5, b"one")).unwrap();
        for other in [&b"two"[..], b"one"] {
            // Nothing of this source is remembered yet.
            let again = seal(&mut sender, &rtp(100, 5, other));
            assert_eq!(again, Err(SealError::IndexReused));
        }
        seal(&mut sender, &rtp(99, 5, b"late")).unwrap();
        let mut other = rtp(99, 5, b"lame");
        other.resize(other.len() + RTP_OVERHEAD, 0);
        assert_eq!(sender.seal_rtp(&mut other, 16), Err(SealError::IndexReused));
        assert!(
            other.iter().all(|byte| *byte == 0),
            "what it would have been is not given out"
        );
        let mut marked = rtp(99, 5, b"late");
        marked[1] |= 0x80;
        assert_eq!(
            seal(&mut sender, &marked),
            Err(SealError::IndexReused),
            "the header belongs to the packet"
        );
        seal(&mut sender, &rtp(100, 6, b"another source")).unwrap();
        seal(&mut sender, &rtp(5000, 5, b"jump")).unwrap();
        assert_eq!(
            seal(&mut sender, &rtp(101, 5, b"too old to know")),
            Err(SealError::IndexReused)
        );
    }
}

#[test]
fn a_packet_is_sealed_again_to_the_same_bytes_once_its_source_is_remembered() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        seal(&mut sender, &rtp(65_530, 5, b"first")).unwrap();
        assert!(seal(&mut sender, &rtp(65_530, 5, b"first")).is_err());
        let mut sealed = Vec::new();
        for step in 0..100u16 {
            let sequence = 65_531u16.wrapping_add(step);
            sealed.push(seal(&mut sender, &rtp(sequence, 5, &step.to_be_bytes())).unwrap());
        }
        for step in 0..100u16 {
            let packet = rtp(65_531u16.wrapping_add(step), 5, &step.to_be_bytes());
            let again = seal(&mut sender, &packet);
            if step < 100 - 32 {
                assert_eq!(again, Err(SealError::IndexReused), "{step}");
            } else {
                assert_eq!(again.as_ref(), Ok(&sealed[usize::from(step)]));
            }
        }
        assert!(open(&mut receiver, &sealed[0]).is_ok());
        assert!(open(&mut receiver, &sealed[99]).is_ok());
    }
}

#[test]
fn any_flipped_bit_fails_authentication_and_changes_nothing() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packet = rtp(100, 5, b"payload");
        let sealed = seal(&mut sender, &packet).unwrap();
        for at in 1..sealed.len() {
            for bit in 0..8 {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(
                    open(&mut receiver, &damaged),
                    Err(OpenError::Authentication),
                    "{at} {bit}"
                );
            }
        }
        let mut rtcp = seal_rtcp(&mut sender, &[0x81, 206, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6]).unwrap();
        rtcp[9] ^= 1;
        assert_eq!(receiver.open_rtcp(&mut rtcp), Err(OpenError::Authentication));
        assert_eq!(open(&mut receiver, &sealed).unwrap(), packet);
    }
}

#[test]
fn a_truncated_packet_is_malformed_or_unauthentic_but_never_open() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let sealed = seal(&mut sender, &rtp(100, 5, b"payload")).unwrap();
        let rtcp = seal_rtcp(&mut sender, &[0x80, 201, 0, 1, 0, 0, 0, 5]).unwrap();
        for len in 0..sealed.len() {
            assert!(open(&mut receiver, &sealed[..len]).is_err());
        }
        for len in 0..rtcp.len() {
            assert!(receiver.open_rtcp(&mut rtcp[..len].to_vec()).is_err());
        }
    }
}

#[test]
fn a_header_with_extension_and_an_empty_payload_survive() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut packet = rtp(1, 5, &[0xBE, 0xDE, 0, 1, 0x10, 7, 0, 0]);
        packet[0] |= 0x10;
        let sealed = seal(&mut sender, &packet).unwrap();
        assert_eq!(sealed[..20], packet[..20], "the header stays readable");
        assert_eq!(open(&mut receiver, &sealed).unwrap(), packet);
        let empty = rtp(2, 5, b"");
        let sealed = seal(&mut sender, &empty).unwrap();
        assert_eq!(open(&mut receiver, &sealed).unwrap(), empty);
    }
}

#[test]
fn unencrypted_rtcp_is_refused() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut rtcp = seal_rtcp(&mut sender, &[0x80, 201, 0, 1, 0, 0, 0, 5]).unwrap();
        let word_at = rtcp.len() - if profile == Profile::AeadAes128Gcm { 4 } else { 14 };
        rtcp[word_at] &= 0x7F;
        assert_eq!(receiver.open_rtcp(&mut rtcp), Err(OpenError::Unencrypted));
    }
}

#[test]
fn a_buffer_without_room_is_refused_before_the_index_is_used() {
    for profile in PROFILES {
        let (mut sender, _) = pair(profile);
        let mut packet = rtp(1, 5, b"payload");
        let len = packet.len();
        assert_eq!(sender.seal_rtp(&mut packet, len), Err(SealError::NoRoom));
        assert_eq!(sender.seal_rtp(&mut packet, 11), Err(SealError::Malformed));
        assert!(seal(&mut sender, &packet).is_ok());
    }
}

#[test]
fn sources_are_bounded_and_only_authentic_packets_make_one() {
    let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..3000 {
        assert_eq!(
            open(&mut receiver, &rtp(1, ssrc, &[0; 32])),
            Err(OpenError::Authentication)
        );
    }
    for ssrc in 0..1024 {
        let sealed = seal(&mut sender, &rtp(1, ssrc, b"x")).unwrap();
        assert!(open(&mut receiver, &sealed).is_ok());
    }
    let sealed = seal(&mut sender, &rtp(1, 5000, b"x")).unwrap();
    assert_eq!(open(&mut receiver, &sealed), Err(OpenError::TooManySources));
}
