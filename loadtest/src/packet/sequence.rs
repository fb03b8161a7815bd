//! RTP sequence numbers without the wrap (RFC 3550 appendix A.1).

/// Turns 16-bit sequence numbers into a line of 64-bit ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapper {
    highest: Option<i64>,
}

impl Unwrapper {
    /// The position of `sequence` on the line: the one nearest to the highest seen so far.
    pub fn unwrap(&mut self, sequence: u16) -> i64 {
        let position = match self.highest {
            None => i64::from(sequence),
            Some(highest) => {
                let step = sequence.wrapping_sub(low_bits(highest)).cast_signed();
                highest + i64::from(step)
            }
        };
        self.highest = Some(self.highest.map_or(position, |highest| highest.max(position)));
        position
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the low 16 bits are the point"
)]
fn low_bits(position: i64) -> u16 {
    position as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_after_the_wrap_in_both_directions() {
        let mut line = Unwrapper::default();
        assert_eq!(line.unwrap(65_534), 65_534);
        assert_eq!(line.unwrap(1), 65_537);
        assert_eq!(line.unwrap(65_535), 65_535);
        assert_eq!(line.unwrap(2), 65_538);
    }

    #[test]
    fn a_late_packet_from_before_the_first_is_negative_not_far_ahead() {
        let mut line = Unwrapper::default();
        assert_eq!(line.unwrap(0), 0);
        assert_eq!(line.unwrap(65_535), -1);
    }
}
