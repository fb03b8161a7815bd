//! Numbers continue over drops, switches and pauses, and lead back to where they came from.

use std::time::Duration;

use super::super::clock::SenderClock;
use super::*;

const A: Generation = Generation(1);
const B: Generation = Generation(2);

fn packet(generation: Generation, sequence: u64, timestamp: u32) -> Original {
    Original {
        generation,
        sequence,
        timestamp,
        vp8: None,
        top: None,
        anew: false,
    }
}

/// A VP8 packet with these numbers, in 15 bits.
fn vp8(generation: Generation, sequence: u64, picture_id: u16, tl0: u8) -> Original {
    let [high, low] = picture_id.to_be_bytes();
    let descriptor = Vp8Descriptor::parse(&[0x90, 0xE0, high | 0x80, low, tl0, 0, 1]).unwrap();
    Original {
        vp8: Some(descriptor),
        ..packet(generation, sequence, 0)
    }
}

struct Numbers {
    now: Instant,
    clocks: Clocks,
    rewriter: Rewriter,
}

impl Numbers {
    fn new() -> Self {
        Self {
            now: crate::virtual_clock::epoch(),
            clocks: Clocks::default(),
            rewriter: Rewriter::new(),
        }
    }

    fn send(&mut self, packet: Original) -> Option<Rewritten> {
        self.rewriter.rewrite(self.now, &self.clocks, 90_000, &packet)
    }

    /// Sequence number, counted from the first, and timestamp.
    fn plain(&mut self, generation: Generation, sequence: u64, timestamp: u32) -> Option<(u64, u32)> {
        let rewritten = self.send(packet(generation, sequence, timestamp))?;
        Some((rewritten.sequence - FIRST_SEQUENCE, rewritten.timestamp))
    }

    /// Picture id and TL0PICIDX as the subscriber sees them.
    fn vp8(&mut self, original: Original) -> (u16, u8) {
        let offset = self.send(original).unwrap().vp8;
        let descriptor = original.vp8.unwrap();
        (
            descriptor
                .picture_id
                .unwrap()
                .value
                .wrapping_sub(offset.picture_id)
                & 0x7FFF,
            descriptor
                .tl0_picture_index
                .unwrap()
                .wrapping_sub(offset.tl0_picture_index),
        )
    }

    fn original(&self, number: u64) -> Option<(Generation, u64)> {
        let ours = u16::try_from((FIRST_SEQUENCE + number) % (1 << 16)).unwrap();
        let found = self.rewriter.original(ours)?;
        Some((found.generation, found.sequence))
    }
}

#[test]
fn another_stream_continues_numbers_and_clock() {
    let mut numbers = Numbers::new();
    assert_eq!(numbers.plain(A, 70_000, 1000), Some((0, 1000)));
    assert_eq!(numbers.plain(A, 70_003, 4000), Some((3, 4000)));
    numbers.now += Duration::from_millis(100);
    assert_eq!(numbers.plain(B, 100_000, 77), Some((4, 13_000)));
    assert_eq!(numbers.plain(B, 100_001, 3077), Some((5, 16_000)));
}

#[test]
fn sender_reports_align_the_clocks_of_encodings() {
    let mut numbers = Numbers::new();
    let clock = |seconds: u64, rtp| SenderClock {
        ntp: seconds << 32,
        rtp,
    };
    numbers.clocks = Clocks([Some((A, clock(100, 0))), Some((B, clock(100, 500_000))), None]);
    assert_eq!(numbers.plain(A, 70_000, 9000), Some((0, 9000)));
    // It took 40 ms more to come than the time between the pictures.
    numbers.now += Duration::from_millis(73);
    assert_eq!(numbers.plain(B, 80_000, 512_000), Some((1, 12_000)));
    // Back to a picture that is older than what was sent: later all the same.
    assert_eq!(numbers.plain(A, 70_005, 11_500), Some((2, 12_001)));
}

#[test]
fn a_report_that_cannot_be_is_not_believed() {
    let mut numbers = Numbers::new();
    let clock = |seconds: u64| SenderClock {
        ntp: seconds << 32,
        rtp: 0,
    };
    numbers.clocks = Clocks([Some((A, clock(100))), Some((B, clock(500))), None]);
    numbers.plain(A, 70_000, 9000);
    numbers.now += Duration::from_millis(100);
    assert_eq!(numbers.plain(B, 80_000, 9000), Some((1, 18_000)));
}

#[test]
fn a_pause_leaves_no_gap_in_the_numbers_and_keeps_the_clock() {
    let mut numbers = Numbers::new();
    numbers.plain(A, 70_000, 0);
    numbers.rewriter.resume();
    assert_eq!(numbers.plain(A, 70_500, 480_000), Some((1, 480_000)));
    assert_eq!(numbers.plain(A, 70_499, 479_040), None, "its number is taken");
}

#[test]
fn what_is_dropped_takes_no_number() {
    let mut numbers = Numbers::new();
    assert_eq!(numbers.plain(A, 70_000, 0), Some((0, 0)));
    for dropped in [70_001, 70_002] {
        numbers.rewriter.skip(A, dropped, false);
    }
    assert_eq!(numbers.plain(A, 70_003, 0), Some((1, 0)));
    assert_eq!(numbers.plain(A, 70_002, 0), None, "dropped is dropped");
    assert_eq!(numbers.original(0), Some((A, 70_000)));
    assert_eq!(numbers.original(1), Some((A, 70_003)));
    assert_eq!(numbers.original(2), None);
}

#[test]
fn late_packets_find_the_numbers_kept_for_them_over_drops() {
    let mut numbers = Numbers::new();
    numbers.plain(A, 70_000, 0);
    // 70 001 is missing, 70 002 dropped, 70 003 missing.
    numbers.rewriter.skip(A, 70_002, false);
    assert_eq!(numbers.plain(A, 70_004, 0), Some((3, 0)));
    assert_eq!(numbers.plain(A, 70_001, 0), Some((1, 0)));
    assert_eq!(numbers.plain(A, 70_003, 0), Some((2, 0)));
    assert_eq!(numbers.original(2), Some((A, 70_003)));
    // Which is dropped after all leaves its number unused, and nothing moves.
    numbers.plain(A, 70_007, 0);
    numbers.rewriter.skip(A, 70_006, true);
    assert_eq!(numbers.plain(A, 70_008, 0), Some((7, 0)));
}

#[test]
fn numbers_of_packets_that_never_came_are_given_away_at_a_switch() {
    let mut numbers = Numbers::new();
    numbers.plain(A, 70_000, 0);
    numbers.rewriter.skip(A, 70_005, false);
    numbers.rewriter.skip(A, 70_007, false);
    assert_eq!(numbers.plain(B, 5, 0).unwrap().0, 1);
    assert_eq!(numbers.plain(A, 70_002, 0).unwrap().0, 2, "another run");
    assert_eq!(numbers.original(1), Some((B, 5)));
    assert_eq!(numbers.original(0), Some((A, 70_000)));
}

#[test]
fn a_beginning_ends_what_was_before_it_in_the_same_stream() {
    let mut numbers = Numbers::new();
    numbers.plain(A, 70_000, 0);
    numbers.rewriter.skip(A, 70_009, true);
    // A key frame whose first packet came late: it begins, though later ones were seen.
    let key = Original {
        anew: true,
        ..packet(A, 70_005, 7)
    };
    assert_eq!(numbers.send(key).unwrap().sequence, FIRST_SEQUENCE + 1);
    assert_eq!(numbers.plain(A, 70_006, 7), Some((2, 7)));
    assert_eq!(numbers.plain(A, 70_004, 0), None);
}

#[test]
fn nacks_lead_back_over_hundreds_of_drops_and_switches() {
    let mut numbers = Numbers::new();
    let mut sent = Vec::new();
    for step in 0..3000_u64 {
        let generation = if step / 20 % 2 == 0 { A } else { B };
        let sequence = 70_000 + step;
        if step % 3 == 0 {
            numbers.rewriter.skip(generation, sequence, true);
        } else if let Some((number, _)) = numbers.plain(generation, sequence, 0) {
            sent.push((number, (generation, sequence)));
        }
    }
    for (index, (number, _)) in sent.iter().enumerate() {
        assert_eq!(*number, u64::try_from(index).unwrap(), "no gap");
    }
    let recent = sent.iter().rev().take(RUNS);
    for (number, original) in recent {
        assert_eq!(numbers.original(*number), Some(*original));
    }
    let wrong = sent
        .iter()
        .filter(|(number, original)| numbers.original(*number).is_some_and(|found| found != *original));
    assert_eq!(wrong.count(), 0, "what is forgotten is not mistaken for another");
}

#[test]
fn vp8_numbers_continue_over_dropped_pictures_and_other_encodings() {
    let mut numbers = Numbers::new();
    assert_eq!(numbers.vp8(vp8(A, 70_000, 100, 7)), (100, 7));
    numbers.rewriter.skip(A, 70_001, true);
    numbers.rewriter.skip(A, 70_002, false);
    assert_eq!(numbers.vp8(vp8(A, 70_003, 102, 8)), (101, 8));
    assert_eq!(numbers.vp8(vp8(B, 9, 32_767, 250)), (102, 9));
    assert_eq!(numbers.vp8(vp8(B, 10, 0, 251)), (103, 10), "over the wrap");
    numbers.rewriter.resume();
    assert_eq!(numbers.vp8(vp8(B, 50, 40, 3)), (104, 11));
}

#[test]
fn a_retransmission_has_the_marker_layer_it_was_sent_with() {
    let mut numbers = Numbers::new();
    let with_top = |sequence, top| Original {
        top: Some(top),
        ..packet(A, sequence, 0)
    };
    for (sequence, top) in [(70_000, 1), (70_001, 1), (70_002, 2), (70_003, 2)] {
        numbers.send(with_top(sequence, top));
    }
    let tops = [1, 2, 3, 4].map(|number| numbers.rewriter.original(number).unwrap().top);
    assert_eq!(tops, [Some(1), Some(1), Some(2), Some(2)]);
}

#[test]
fn reordered_packets_keep_their_distance() {
    let mut numbers = Numbers::new();
    numbers.plain(A, 70_000, 0);
    let late = numbers.plain(A, 70_005, 0).unwrap().0;
    let early = numbers.plain(A, 70_002, 0).unwrap().0;
    assert_eq!(late - early, 3);
}

#[test]
fn what_came_late_and_was_dropped_cannot_be_asked_for() {
    let mut numbers = Numbers::new();
    numbers.plain(A, 100, 0);
    numbers.plain(A, 110, 0);
    for late in [103, 104, 102, 107] {
        numbers.rewriter.skip(A, late, false);
    }
    assert_eq!(
        numbers.plain(A, 105, 0),
        Some((5, 0)),
        "late ones keep their places"
    );
    let found: Vec<u64> = (0..=10)
        .filter_map(|number| Some(numbers.original(number)?.1))
        .collect();
    assert_eq!(found, [100, 101, 105, 106, 108, 109, 110]);
    assert_eq!(numbers.plain(A, 103, 0), None);
    assert_eq!(numbers.plain(A, 111, 0), Some((11, 0)));
}
