//! STUN against the vectors of RFC 5769 and against damage.

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

/// RFC 5769 §2.1.
fn sample_request() -> Vec<u8> {
    hex("00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
         80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74
         00 24 00 04 6e 00 01 ff
         80 29 00 08 93 2f f9 b1 51 26 3b 36
         00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20
         00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2
         80 28 00 04 e5 7a 3b cf")
}

/// RFC 5769 §2.2.
fn sample_ipv4_response() -> Vec<u8> {
    hex("01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
         80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
         00 20 00 08 00 01 a1 47 e1 12 a6 43
         00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7
         80 28 00 04 c0 7d 4c 96")
}

/// RFC 5769 §2.3.
fn sample_ipv6_response() -> Vec<u8> {
    hex("01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
         80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
         00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9
         00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41
         80 28 00 04 c8 fb 0b 4c")
}

#[test]
fn the_sample_request_verifies_with_its_password_only() {
    let bytes = sample_request();
    let message = StunMessage::parse(&bytes).unwrap();
    assert_eq!(message.message_type(), BINDING_REQUEST);
    assert!(message.has_fingerprint());
    assert_eq!(message.attribute(USERNAME), Some(&b"evtj:h6vY"[..]));
    assert_eq!(message.attribute(PRIORITY), Some(&hex("6e0001ff")[..]));
    assert!(message.attribute(ICE_CONTROLLED).is_some());
    assert!(message.verify(&IntegrityKey::new(PASSWORD)));
    assert!(!message.verify(&IntegrityKey::new("VOkJxbRl1RmTxUk/WvJxBu")));
    assert_eq!(username(&bytes), Some(&b"evtj:h6vY"[..]));
}

#[test]
fn the_sample_responses_verify_and_tell_the_mapped_address() {
    for (bytes, address) in [
        (sample_ipv4_response(), "192.0.2.1:32853"),
        (
            sample_ipv6_response(),
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        ),
    ] {
        let message = StunMessage::parse(&bytes).unwrap();
        assert_eq!(message.message_type(), BINDING_SUCCESS);
        assert!(message.verify(&IntegrityKey::new(PASSWORD)));
        assert_eq!(message.xor_mapped_address(), Some(address.parse().unwrap()));
    }
}

#[test]
fn what_the_writer_writes_the_view_verifies() {
    let key = IntegrityKey::new("a password");
    for address in ["192.0.2.7:1", "[2001:db8::9]:65535"] {
        let address: SocketAddr = address.parse().unwrap();
        let mut writer = StunWriter::new(BINDING_SUCCESS, &[9; 12]);
        writer.xor_mapped_address(address).unwrap();
        let bytes = writer.finish(&key).unwrap();
        let message = StunMessage::parse(&bytes).unwrap();
        assert!(message.has_fingerprint());
        assert!(message.verify(&key));
        assert_eq!(message.transaction_id(), [9; 12]);
        assert_eq!(message.xor_mapped_address(), Some(address));
    }
}

#[test]
fn the_writer_agrees_with_the_sample_response_but_for_its_software_name() {
    let key = IntegrityKey::new(PASSWORD);
    let expected = sample_ipv4_response();
    let id: [u8; 12] = expected[8..20].try_into().unwrap();
    let mut writer = StunWriter::new(BINDING_SUCCESS, &id);
    // The sample pads with a space, the writer with zeroes: give it a value that needs no padding.
    writer.attribute(0x8022, b"test vector ").unwrap();
    writer
        .xor_mapped_address("192.0.2.1:32853".parse().unwrap())
        .unwrap();
    let bytes = writer.finish(&key).unwrap();
    assert_eq!(bytes.len(), expected.len());
    assert_eq!(bytes[36..48], expected[36..48]);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let key = IntegrityKey::new(PASSWORD);
    let bytes = sample_request();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let believed = StunMessage::parse(&damaged)
                .is_ok_and(|message| message.has_fingerprint() && message.verify(&key));
            assert!(!believed, "byte {at} bit {bit}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = sample_request();
    for len in 0..bytes.len() {
        assert!(StunMessage::parse(&bytes[..len]).is_err());
    }
    let mut longer = bytes;
    longer.extend_from_slice(&[0; 4]);
    assert!(StunMessage::parse(&longer).is_err());
}

#[test]
fn attributes_behind_the_integrity_are_not_read() {
    let key = IntegrityKey::new("k");
    let mut writer = StunWriter::new(BINDING_REQUEST, &[1; 12]);
    writer.attribute(USERNAME, b"a:b").unwrap();
    let length = writer.set_length(24).unwrap();
    let (header, attributes) = writer.bytes.split_first_chunk::<HEADER_LEN>().unwrap();
    let tag = key.tag(header, length, attributes);
    writer.attribute(MESSAGE_INTEGRITY, &tag).unwrap();
    writer.attribute(USE_CANDIDATE, &[]).unwrap();
    let message = StunMessage::parse(&writer.bytes).unwrap();
    assert!(message.verify(&key));
    assert_eq!(message.attribute(USE_CANDIDATE), None);
}
