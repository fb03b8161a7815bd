use super::*;

/// Writes bits, the highest of each byte first.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    position: usize,
}

impl Writer {
    fn put(&mut self, count: u32, value: u32) -> &mut Self {
        for bit in (0..count).rev() {
            if self.position.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let set = u8::try_from(value >> bit & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= set << (7 - self.position % 8);
            self.position += 1;
        }
        self
    }

    /// The mandatory fields: a packet that starts and ends its frame.
    fn frame(template: u32, number: u32) -> Self {
        let mut writer = Self::default();
        writer.put(2, 3).put(6, template).put(16, number);
        writer
    }

    /// The extended fields' flags: structure, active targets, indications, references, chains.
    fn flags(&mut self, flags: [u32; 5]) -> &mut Self {
        for flag in flags {
            self.put(1, flag);
        }
        self
    }

    /// `-`, `D`, `S` and `R` of the specification's tables.
    fn indications(&mut self, letters: &str) -> &mut Self {
        for letter in letters.chars() {
            self.put(2, u32::try_from("-DSR".find(letter).unwrap()).unwrap());
        }
        self
    }
}

const FIRST: u32 = 60;

/// Two spatial layers of two temporal layers, the upper ones referring to the lower ones in key pictures only: six
/// templates (S0 key, S0T0, S0T1, S1 key, S1T0, S1T1), decode targets S0T0, S0T1, S1T0, S1T1, two chains. Template ids
/// wrap at 64.
fn structure(number: u32) -> Writer {
    let mut bits = Writer::frame(FIRST, number);
    bits.flags([1, 0, 0, 0, 0]).put(6, FIRST).put(5, 3);
    for next_layer in [0, 1, 2, 0, 1, 3] {
        bits.put(2, next_layer);
    }
    for template in ["SSSS", "SS--", "-D--", "--SS", "--SS", "---D"] {
        bits.indications(template);
    }
    for references in [&[][..], &[4], &[2], &[1], &[4], &[2]] {
        for distance in references {
            bits.put(1, 1).put(4, distance - 1);
        }
        bits.put(1, 0);
    }
    // Two chains of up to four, and which protects each target: numbers below 5 in 2 or 3 bits, below 2 in one.
    bits.put(2, 2);
    for chain in [0, 0, 1, 1] {
        bits.put(1, chain);
    }
    for chains in [[0, 0], [4, 3], [2, 1], [1, 1], [1, 4], [3, 2]] {
        bits.put(4, chains[0]).put(4, chains[1]);
    }
    bits.put(1, 1);
    for (width, height) in [(320, 180), (640, 360)] {
        bits.put(16, width - 1).put(16, height - 1);
    }
    bits
}

fn known() -> Descriptors {
    let mut descriptors = Descriptors::default();
    descriptors.read(&structure(7).bytes).unwrap();
    descriptors
}

const fn described(spatial: u8, temporal: u8) -> Described {
    Described {
        spatial,
        temporal,
        independent: false,
        sync: true,
        switching_up: true,
        discardable: true,
    }
}

#[test]
fn a_structure_says_which_layers_there_are_and_how_large() {
    let (frame, announced) = Descriptors::default().read(&structure(7).bytes).unwrap();
    let expected = Described {
        independent: true,
        discardable: false,
        ..described(0, 0)
    };
    assert_eq!(frame, expected);
    assert_eq!(announced.layers, Some(2));
    assert_eq!(announced.heights, Some([Some(180), Some(360), None]));
}

#[test]
fn packets_are_what_their_templates_say() {
    let mut descriptors = known();
    let rows = [
        (1, described(0, 0)),
        (
            2,
            Described {
                sync: false,
                switching_up: false,
                ..described(0, 1)
            },
        ),
        (3, described(1, 0)),
        (4, described(1, 0)),
        (
            5,
            Described {
                sync: false,
                switching_up: false,
                ..described(1, 1)
            },
        ),
    ];
    for (template, expected) in rows {
        let packet = Writer::frame((FIRST + template) % 64, 8).bytes;
        assert_eq!(packet.len(), 3);
        let read = descriptors.read(&packet);
        assert_eq!(read, Some((expected, Announced::default())), "{template}");
    }
    for unknown in [6, 7, 63] {
        let packet = Writer::frame((FIRST + unknown) % 64, 8).bytes;
        assert_eq!(descriptors.read(&packet), None);
    }
}

#[test]
fn a_frame_may_differ_from_its_template() {
    let mut descriptors = known();
    // S0T1 as a switching point that refers to nothing: distances of every size were, and are not any more.
    let mut packet = Writer::frame((FIRST + 2) % 64, 8);
    packet.flags([0, 0, 1, 1, 1]).indications("-S--");
    packet.put(2, 0).put(8, 200).put(8, 3);
    let (frame, _) = descriptors.read(&packet.bytes).unwrap();
    let expected = Described {
        independent: true,
        ..described(0, 1)
    };
    assert_eq!(frame, expected);
    let mut packet = Writer::frame(FIRST, 8);
    packet.flags([0, 0, 0, 1, 0]);
    packet.put(2, 1).put(4, 15).put(2, 2).put(8, 255).put(2, 3).put(12, 4095).put(2, 0);
    let (frame, _) = descriptors.read(&packet.bytes).unwrap();
    assert!(!frame.independent);
}

#[test]
fn active_decode_targets_say_which_layers_are_sent() {
    let mut descriptors = known();
    for (active, layers) in [(0b1111, Some(2)), (0b0011, Some(1)), (0b0100, Some(2)), (0, None)] {
        let mut packet = Writer::frame((FIRST + 1) % 64, 8);
        // The first target is the lowest bit.
        packet.flags([0, 1, 0, 0, 0]).put(4, active);
        let (_, announced) = descriptors.read(&packet.bytes).unwrap();
        assert_eq!(announced.layers, layers, "{active:04b}");
    }
}

#[test]
fn a_structure_holds_until_a_later_one_comes() {
    let mut descriptors = known();
    assert_eq!(descriptors.read(&structure(5).bytes), None, "it came late");
    assert!(descriptors.read(&structure(9).bytes).is_some());
    descriptors.clear();
    assert_eq!(descriptors.read(&Writer::frame(FIRST, 10).bytes), None);
    assert!(descriptors.read(&structure(4).bytes).is_some(), "a new stream begins anywhere");
}

#[test]
fn what_is_cut_off_or_has_too_many_layers_is_refused() {
    let whole = structure(7).bytes;
    for len in 0..whole.len() {
        assert_eq!(Descriptors::default().read(&whole[..len]), None, "{len}");
    }
    let mut deep = Writer::frame(0, 1);
    deep.flags([1, 0, 0, 0, 0]).put(6, 0).put(5, 0);
    for _ in 0..SPATIAL_LAYERS {
        deep.put(2, 2);
    }
    deep.put(2, 3).put(32, 0).put(32, 0);
    assert_eq!(Descriptors::default().read(&deep.bytes), None);
}

#[test]
fn numbers_below_a_limit_take_as_few_bits_as_they_can() {
    // Below 5: 0, 1 and 2 in two bits, 3 and 4 in three.
    for (bits, value) in [(0b000, 0), (0b010, 1), (0b100, 2), (0b110, 3), (0b111, 4)] {
        let mut reader = Bits {
            data: &[bits << 5],
            position: 0,
        };
        assert_eq!(reader.non_symmetric(5), Some(value));
        assert_eq!(reader.position, if value < 3 { 2 } else { 3 });
    }
}
