//! Drops temporal layers: down at once, up where references allow it.

use super::Facts;

/// The temporal layers of one stream as one subscriber gets them.
#[derive(Default)]
pub(super) struct Temporal {
    /// The highest one that is forwarded.
    current: u8,
}

impl Temporal {
    /// From a key frame on everything can be decoded.
    pub(super) const fn begin(&mut self, target: u8) {
        self.current = target;
    }

    /// Whether a picture is forwarded; asked once for each, in order.
    pub(super) fn admits(&mut self, target: u8, facts: &Facts) -> bool {
        self.current = if facts.key {
            target
        } else {
            self.current.min(target)
        };
        if facts.temporal <= self.current {
            if facts.switching_up {
                self.current = target;
            }
            return true;
        }
        // One layer at a time: a picture of the second layer above may refer to the one between.
        let rises = facts.sync && facts.temporal == self.current + 1 && facts.temporal <= target;
        if rises {
            self.current = facts.temporal;
        }
        rises
    }

    /// Whether a picture that comes late still fits.
    pub(super) const fn admits_late(&self, facts: &Facts) -> bool {
        facts.temporal <= self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(temporal: u8, sync: bool, switching_up: bool) -> Facts {
        Facts {
            temporal,
            key: false,
            sync: sync || temporal == 0,
            switching_up,
            ..Facts::PLAIN
        }
    }

    #[test]
    fn vp8_goes_down_at_once_and_up_at_sync_frames_one_layer_at_a_time() {
        // (target, temporal, sync, forwarded): Chromium's pattern of three layers.
        let rows = [
            (2, 0, false, true),
            (2, 2, false, true),
            (0, 1, false, false),
            (0, 2, false, false),
            (2, 0, false, true),
            (2, 2, true, false),
            (2, 1, false, false),
            (2, 1, true, true),
            (2, 2, false, false),
            (2, 0, false, true),
            (2, 2, true, true),
            (2, 1, false, true),
            (1, 2, false, false),
            (1, 1, false, true),
        ];
        let mut temporal = Temporal::default();
        temporal.begin(2);
        for (index, (target, layer, sync, forwarded)) in rows.into_iter().enumerate() {
            let admitted = temporal.admits(target, &picture(layer, sync, false));
            assert_eq!(admitted, forwarded, "row {index}");
        }
    }

    #[test]
    fn vp9_goes_up_from_a_switching_point_on() {
        let mut temporal = Temporal::default();
        temporal.begin(0);
        assert!(
            !temporal.admits(2, &picture(1, false, true)),
            "a higher layer's own point says nothing"
        );
        assert!(temporal.admits(2, &picture(0, false, false)));
        assert!(!temporal.admits(2, &picture(2, false, false)));
        assert!(temporal.admits(2, &picture(0, false, true)));
        assert!(temporal.admits(2, &picture(2, false, false)));
    }

    #[test]
    fn a_key_frame_begins_all_layers() {
        let mut temporal = Temporal::default();
        temporal.begin(0);
        let key = Facts {
            key: true,
            ..picture(0, false, false)
        };
        assert!(temporal.admits(3, &key));
        assert!(temporal.admits(3, &picture(3, false, false)));
    }
}
