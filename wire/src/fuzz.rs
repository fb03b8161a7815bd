//! Fuzz targets of this crate, and a seeded smoke run of them over mutated vectors.

use crate::control::{ControlCommand, ControlEvent};
use crate::{codec, limits};

/// Any bytes as each kind of frame: no panic, and what decodes encodes to something that decodes to the same.
pub fn fuzz_message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(message) = codec::decode_client(text) {
        assert!(codec::decode_client(&codec::encode(&message)).is_ok_and(|again| again == message));
    }
    if let Ok(message) = codec::decode_server(text) {
        assert!(codec::decode_server(&codec::encode(&message)).is_ok_and(|again| again == message));
    }
    // Their outcome does not matter, only that they return.
    let _: Result<ControlCommand, _> = codec::decode(text, limits::MAX_SERVER_MESSAGE);
    let _: Result<ControlEvent, _> = codec::decode(text, limits::MAX_SERVER_MESSAGE);
}

/// Runs [`fuzz_message`] over `rounds` seeded mutations of a valid message.
pub fn smoke(rounds: u32) {
    let seeds: [&[u8]; 3] = [
        include_bytes!("../vectors/client/hello_resume.json"),
        include_bytes!("../vectors/client/offer.json"),
        include_bytes!("../vectors/server/state_join.json"),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        // xorshift64: a fixed sequence, so that a failure has an address.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (below.max(1) as u64)).unwrap_or(0)
    };
    for round in 0..rounds {
        let mut bytes = seeds
            .get(round as usize % seeds.len())
            .map(|seed| seed.to_vec())
            .unwrap_or_default();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, u8::try_from(random(256)).unwrap_or(0)),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = u8::try_from(random(256)).unwrap_or(0);
                    }
                }
            }
        }
        fuzz_message(&bytes);
    }
}
