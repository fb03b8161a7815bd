//! Fuzz target over the control link's messages.

/// A control message is a command or is refused; a command is what its own text says.
pub fn fuzz_control(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(command) = crate::control::parse_command(text) {
        let again = serde_json::to_string(&command)
            .ok()
            .and_then(|text| crate::control::parse_command(&text));
        assert_eq!(again.as_ref(), Some(&command));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutated_control_messages_never_panic() {
        let seeds = [
            r#"{"type":"add_peer","peer":1,"room":"AQEBAQEBAQEBAQEBAQEBAQ"}"#,
            r#"{"type":"negotiate","peer":1,"offer_id":2,"sdp":"v=0\r\n","sections":[{"mid":"0","role":"publish","source":"camera"},{"mid":"1","role":"subscribe","track_id":4},{"mid":"2","role":"idle"}]}"#,
            r#"{"type":"admit","peer":1,"leaf":3}"#,
            r#"{"type":"go","room":"AQEBAQEBAQEBAQEBAQEBAQ","epoch":18446744073709551615}"#,
        ];
        let mut state = 0x5eed_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below.max(1)
        };
        for seed in seeds {
            assert!(crate::control::parse_command(seed).is_some(), "{seed}");
        }
        for round in 0..20_000 {
            let mut bytes = seeds[round % seeds.len()].as_bytes().to_vec();
            for _ in 0..random(4) {
                let at = random(bytes.len());
                match random(3) {
                    0 => bytes[at] = u8::try_from(32 + random(95)).unwrap(),
                    1 => bytes.truncate(at + 1),
                    _ => bytes.insert(at, b"0{}[]\",:"[random(8)]),
                }
            }
            fuzz_control(&bytes);
        }
    }
}
