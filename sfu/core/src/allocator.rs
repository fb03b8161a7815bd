//! Decides which layer of each track a subscriber is sent: a pure function over a table of rows.
//!
//! Sound first; then the lowest layer of every picture that is shown, then its full frame rate; then larger ones, the
//! tallest view first, screens before cameras, equals in turns. What does not fit goes the other way round, so frame
//! rates fall before sizes do.

use std::cmp::Reverse;

use crate::layer::{Layer, LayerTable, MAX_SPATIAL, MAX_TEMPORAL};

/// Upgrades leave a twentieth of the estimate free, for a picture is not sent at an even rate.
const UPGRADE: (u64, u64) = (19, 20);
/// What is being sent may take all of it: measured rates and estimates both waver.
const KEEP: (u64, u64) = (1, 1);
/// The least level of a picture that is shown is kept this far beyond it: an estimate is cut below what gets through,
/// and a picture that stops needs a key frame to go on, which fills the queue of a narrow path and stops it again.
const KEEP_SHOWN: (u64, u64) = (3, 2);
/// Bits per second that the most important picture is always given.
const LITTLE: u32 = 200_000;
/// Most levels of a row.
const MAX_LEVELS: usize = MAX_SPATIAL * MAX_TEMPORAL;
/// The whole of [`Budget::share`].
pub(crate) const WHOLE: u16 = 256;

/// What a subscriber can be sent, in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// The estimate; `None`: nothing is known that limits.
    pub(crate) now: Option<u32>,
    /// What gets through, though less may be sent while a queue empties.
    pub(crate) sustained: Option<u32>,
    /// Its least value of the last seconds.
    pub(crate) recent: Option<u32>,
    /// What the sound takes. It is sent whatever the budget.
    pub(crate) audio: u32,
    /// The server sheds load: pictures get this share of what they would get, in 1/256.
    pub(crate) share: u16,
}

/// How a video is shown and what it is being sent as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) screen: bool,
    /// Lines it is shown with; 0: hidden.
    pub(crate) height: u16,
    /// Place in the subscriber's order, 0 being the most important.
    pub(crate) rank: u16,
    /// What is being sent.
    pub(crate) current: Option<Layer>,
    /// It was downgraded a moment ago and is not upgraded yet.
    pub(crate) held: bool,
}

/// One video a subscriber could be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Whatever the caller knows the row by.
    pub(crate) key: usize,
    shown: Shown,
    /// What it could be sent as, the least first, and the whole cost of each.
    levels: [(Layer, u32); MAX_LEVELS],
    count: usize,
    /// How many of the levels are being sent, and are to be.
    current: usize,
    chosen: usize,
}

impl Row {
    /// `layers` is what the track sends; while nothing was measured of it, it is sent as `unmeasured`.
    pub(crate) fn new(key: usize, shown: Shown, layers: &LayerTable, unmeasured: Layer) -> Self {
        let mut row = Self {
            key,
            shown,
            levels: [(Layer::TOP, 0); MAX_LEVELS],
            count: 0,
            current: 0,
            chosen: 0,
        };
        if shown.height == 0 {
            return row;
        }
        let top = layers.covering(shown.height);
        for (spatial, layer) in (0..=top.spatial).zip(&layers.spatial) {
            let bitrates = layer.iter().flat_map(|layer| (0u8..).zip(layer.bitrates));
            let last = layer.iter().flat_map(|layer| layer.bitrates).flatten().count();
            let sent = bitrates.filter_map(|(temporal, cost)| Some((temporal, cost?)));
            for (nth, (temporal, cost)) in sent.enumerate() {
                // The last is all there is, and what may come to it.
                let whole = nth + 1 == last;
                let temporal = if whole { Layer::TOP.temporal } else { temporal };
                row.push(Layer { spatial, temporal }, cost);
            }
        }
        if row.count == 0 {
            row.push(unmeasured, 0);
        }
        let levels = row.levels.iter().take(row.count);
        row.current = levels.filter(|(layer, _)| Some(*layer) <= shown.current).count();
        row
    }

    /// What is to be sent; `None`: nothing.
    pub(crate) fn target(&self) -> Option<Layer> {
        let (layer, _) = self.levels.get(self.chosen.checked_sub(1)?)?;
        Some(*layer)
    }

    /// Whether less is to be sent than is being sent.
    pub(crate) const fn falls(&self) -> bool {
        self.chosen < self.current
    }

    /// Whether it is shown and sent by its publisher, and gets nothing.
    pub(crate) fn is_unserved(&self) -> bool {
        self.chosen == 0 && self.cost(1) > 0
    }

    fn push(&mut self, layer: Layer, cost: u32) {
        if let Some(level) = self.levels.get_mut(self.count) {
            *level = (layer, cost);
            self.count += 1;
        }
    }

    /// The cost of the first `levels` levels.
    fn cost(&self, levels: usize) -> u32 {
        let top = levels.checked_sub(1).and_then(|top| self.levels.get(top));
        top.map_or(0, |(_, cost)| *cost)
    }

    /// How many levels the smallest picture has.
    fn smallest(&self) -> usize {
        let levels = self.levels.iter().take(self.count);
        let spatial = self.levels.first().map(|(layer, _)| layer.spatial);
        levels.filter(|(layer, _)| Some(layer.spatial) == spatial).count()
    }
}

/// Chooses the target of each row.
pub(crate) fn allocate(rows: &mut [Row], budget: Budget) -> Spent {
    rows.sort_unstable_by_key(|row| {
        (
            !row.shown.screen,
            Reverse(row.shown.height),
            row.shown.rank,
            row.key,
        )
    });
    let wanted = rows
        .iter()
        .map(|row| row.cost(row.count))
        .fold(0u32, u32::saturating_add);
    let mut account = Account::new(budget, wanted);
    for (place, row) in rows.iter_mut().enumerate() {
        row.chosen = 0;
        if place == 0 {
            account.keep_one(row);
        }
        account.raise(row, 1);
    }
    for row in &mut *rows {
        account.raise(row, row.smallest());
    }
    let equal = |a: &Row, b: &Row| a.shown.screen == b.shown.screen && a.shown.height == b.shown.height;
    for group in rows.chunk_by_mut(equal) {
        for levels in 2..=MAX_LEVELS {
            for row in &mut *group {
                account.raise(row, levels);
            }
        }
    }
    Spent {
        wanted: wanted.saturating_add(budget.audio),
        used: u32::try_from(account.used)
            .unwrap_or(u32::MAX)
            .saturating_add(budget.audio),
    }
}

/// What an allocation takes, sound included, in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// If nothing limited.
    pub(crate) wanted: u32,
    /// As it is.
    pub(crate) used: u32,
}

/// What is spent, and what may be.
struct Account {
    used: u64,
    upgrade: u64,
    keep: u64,
    keep_shown: u64,
    begin: u64,
    /// The server has nothing left for pictures.
    shed: bool,
}

impl Account {
    fn new(budget: Budget, wanted: u32) -> Self {
        let limit = |estimate: Option<u32>, (part, whole): (u64, u64)| {
            let pictures = estimate.map_or(u64::MAX, |estimate| {
                (u64::from(estimate) * part / whole).saturating_sub(u64::from(budget.audio))
            });
            if budget.share >= WHOLE {
                pictures
            } else {
                pictures.min(u64::from(wanted)) * u64::from(budget.share) / u64::from(WHOLE)
            }
        };
        Self {
            used: 0,
            upgrade: limit(budget.recent, UPGRADE),
            keep: limit(budget.now, KEEP),
            keep_shown: limit(budget.sustained, KEEP_SHOWN),
            begin: limit(budget.recent, KEEP),
            shed: budget.share == 0,
        }
    }

    /// Gives the most important picture its least level whatever the estimate, if that is little: a frozen picture tells
    /// nothing, and an estimate may be too low for a path that only varies.
    fn keep_one(&mut self, row: &mut Row) {
        let cost = row.cost(1);
        if row.count > 0 && cost <= LITTLE && !self.shed {
            self.used += u64::from(cost);
            row.chosen = 1;
        }
    }

    /// Raises a row by one level after the other, up to `levels`, as far as that fits.
    fn raise(&mut self, row: &mut Row, levels: usize) {
        while row.chosen < levels.min(row.count) {
            let next = row.chosen + 1;
            let upgrade = next > row.current;
            let limit = match next {
                1 if upgrade => self.begin.min(self.keep),
                _ if upgrade => self.upgrade.min(self.keep),
                1 => self.keep_shown,
                _ => self.keep,
            };
            let used =
                (self.used + u64::from(row.cost(next))).saturating_sub(u64::from(row.cost(row.chosen)));
            if used > limit || (upgrade && row.shown.held) {
                return;
            }
            self.used = used;
            row.chosen = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::layer::SpatialLayer;

    use super::*;

    const TOP: Layer = Layer::TOP;
    const UNLIMITED: Budget = Budget {
        now: None,
        sustained: None,
        recent: None,
        audio: 0,
        share: WHOLE,
    };
    /// In kbit/s: three sizes with three frame rates each.
    const CAMERA: [[u32; 3]; 3] = [[80, 110, 150], [250, 350, 500], [800, 1100, 1500]];
    const SCREEN: [[u32; 3]; 3] = [[100, 150, 200], [400, 600, 800], [1000, 1500, 2000]];

    fn table(kbps: [[u32; 3]; 3]) -> LayerTable {
        let heights = [180, 360, 720];
        let mut table = LayerTable::default();
        for ((row, rates), height) in table.spatial.iter_mut().zip(kbps).zip(heights) {
            let [a, b, c] = rates.map(|rate| Some(rate * 1000));
            *row = Some(SpatialLayer {
                height,
                bitrates: [a, b, c, None],
            });
        }
        table
    }

    fn kbps(now: u32) -> Budget {
        Budget {
            now: Some(now * 1000),
            sustained: Some(now * 1000),
            recent: Some(now * 1000),
            ..UNLIMITED
        }
    }

    fn shown(height: u16, rank: u16) -> Shown {
        Shown {
            screen: false,
            height,
            rank,
            current: None,
            held: false,
        }
    }

    fn cameras(heights: &[u16]) -> Vec<Row> {
        (0u16..)
            .zip(heights)
            .map(|(rank, height)| Row::new(usize::from(rank), shown(*height, rank), &table(CAMERA), TOP))
            .collect()
    }

    /// (spatial, temporal) by key after an allocation.
    fn targets(rows: &mut [Row], budget: Budget) -> Vec<Expected> {
        allocate(rows, budget);
        rows.sort_by_key(|row| row.key);
        rows.iter()
            .map(|row| row.target().map(|layer| (layer.spatial, layer.temporal)))
            .collect()
    }

    /// (spatial, temporal), 3 being all frames.
    type Expected = Option<(u8, u8)>;

    const SMALLEST: Expected = Some((0, 0));
    const SMALL: Expected = Some((0, 3));
    const MEDIUM: Expected = Some((1, 3));
    const LARGE: Expected = Some((2, 3));

    #[test]
    fn rules() {
        let rows: [(&str, &[u16], Budget, &[Expected]); 14] = [
            (
                "everything without a limit",
                &[720, 180],
                UNLIMITED,
                &[LARGE, SMALL],
            ),
            ("no more than is shown", &[200, 100], kbps(9000), &[MEDIUM, SMALL]),
            ("hidden costs nothing", &[0, 720], kbps(1600), &[None, LARGE]),
            (
                "the lowest layer of all before more of one",
                &[720, 720, 720],
                kbps(260),
                &[SMALLEST; 3],
            ),
            (
                "full rate of the small before larger ones",
                &[720, 720],
                kbps(340),
                &[SMALL, SMALL],
            ),
            (
                "the most important first when not all fit",
                &[720, 720, 720],
                kbps(170),
                &[SMALLEST, SMALLEST, None],
            ),
            ("the largest view first", &[180, 720], kbps(1750), &[SMALL, LARGE]),
            ("equals in turns", &[720, 720], kbps(1100), &[MEDIUM, MEDIUM]),
            ("then by rank", &[720, 720], kbps(1000), &[MEDIUM, Some((1, 1))]),
            (
                "frame rate is shed before size",
                &[720],
                kbps(400),
                &[Some((1, 1))],
            ),
            ("and further", &[720], kbps(270), &[Some((1, 0))]),
            (
                "sound first",
                &[720],
                Budget {
                    audio: 300_000,
                    ..kbps(400)
                },
                &[SMALLEST],
            ),
            (
                "a share when load is shed",
                &[720],
                Budget {
                    share: 128,
                    ..UNLIMITED
                },
                &[Some((1, 3))],
            ),
            (
                "and of the estimate",
                &[720],
                Budget {
                    share: 128,
                    ..kbps(600)
                },
                &[Some((1, 0))],
            ),
        ];
        for (rule, heights, budget, expected) in rows {
            assert_eq!(targets(&mut cameras(heights), budget), expected, "{rule}");
        }
    }

    #[test]
    fn one_small_picture_is_sent_whatever_the_estimate_unless_load_is_shed() {
        let mut rows = cameras(&[720, 720]);
        let sound = Budget {
            audio: 90_000,
            ..kbps(60)
        };
        assert_eq!(targets(&mut rows, sound), [SMALLEST, None]);
        let shed = Budget { share: 0, ..sound };
        assert_eq!(targets(&mut rows, shed), [None, None]);
        let whole = LayerTable {
            spatial: [
                Some(SpatialLayer {
                    height: 720,
                    bitrates: [Some(1_500_000), None, None, None],
                }),
                None,
                None,
            ],
        };
        let mut rows = [Row::new(0, shown(720, 0), &whole, TOP)];
        assert_eq!(targets(&mut rows, sound), [None], "only a small one");
    }

    #[test]
    fn a_screen_comes_before_cameras() {
        let screen = Shown {
            screen: true,
            ..shown(360, 9)
        };
        let mut rows = cameras(&[720]);
        rows.push(Row::new(1, screen, &table(SCREEN), TOP));
        assert_eq!(targets(&mut rows, kbps(1000)), [SMALL, MEDIUM]);
    }

    #[test]
    fn an_upgrade_must_have_fitted_for_a_while_and_a_downgrade_is_at_once() {
        let at = |layer| {
            let current = Shown {
                current: Some(layer),
                ..shown(720, 0)
            };
            [Row::new(0, current, &table(CAMERA), TOP)]
        };
        let medium = Layer {
            spatial: 1,
            temporal: 3,
        };
        let rising = Budget {
            recent: Some(700_000),
            ..kbps(3000)
        };
        assert_eq!(targets(&mut at(medium), rising), [MEDIUM]);
        assert_eq!(targets(&mut at(medium), kbps(3000)), [LARGE]);
        let falling = Budget {
            recent: Some(3_000_000),
            ..kbps(300)
        };
        assert_eq!(targets(&mut at(Layer::TOP), falling), [Some((1, 0))]);
    }

    #[test]
    fn small_pictures_that_are_shown_survive_an_estimate_that_is_a_little_too_low() {
        let smallest = Layer {
            spatial: 0,
            temporal: 0,
        };
        let shown = |rank, current| Shown {
            current,
            ..shown(720, rank)
        };
        let rows = |second| {
            [
                Row::new(0, shown(0, Some(smallest)), &table(CAMERA), TOP),
                Row::new(1, shown(1, second), &table(CAMERA), TOP),
            ]
        };
        assert_eq!(
            targets(&mut rows(Some(smallest)), kbps(130)),
            [SMALLEST, SMALLEST]
        );
        assert_eq!(targets(&mut rows(None), kbps(130)), [Some((0, 1)), None]);
        assert_eq!(targets(&mut rows(Some(smallest)), kbps(100)), [SMALLEST, None]);
        assert_eq!(
            targets(&mut rows(None), kbps(160)),
            [SMALLEST, SMALLEST],
            "exactly"
        );
    }

    #[test]
    fn a_queue_that_empties_stops_no_picture() {
        let smallest = Layer {
            spatial: 0,
            temporal: 0,
        };
        let rows = |current| {
            [0, 1].map(|rank| {
                let shown = Shown {
                    current,
                    ..shown(720, rank)
                };
                Row::new(usize::from(rank), shown, &table(CAMERA), TOP)
            })
        };
        let empties = Budget {
            sustained: Some(160_000),
            ..kbps(80)
        };
        assert_eq!(targets(&mut rows(Some(smallest)), empties), [SMALLEST, SMALLEST]);
        assert_eq!(
            targets(&mut rows(None), empties),
            [SMALLEST, None],
            "nor begins one"
        );
        assert_eq!(
            targets(&mut rows(Some(smallest)), kbps(80)),
            [SMALLEST, None],
            "a path that carries less does"
        );
    }

    #[test]
    fn a_wavering_estimate_changes_nothing() {
        let mut current = None;
        let mut changes = 0;
        for step in 0..200u32 {
            // 1500 kbit/s is what the largest layer takes.
            let budget = kbps(1510 + (step * 7919) % 100);
            let row = Shown {
                current,
                ..shown(720, 0)
            };
            let mut rows = [Row::new(0, row, &table(CAMERA), TOP)];
            allocate(&mut rows, budget);
            changes += u32::from(rows[0].target() != current);
            current = rows[0].target();
        }
        assert!(changes <= 2, "{changes}");
    }

    #[test]
    fn what_fell_a_moment_ago_is_held() {
        let held = Shown {
            held: true,
            current: Some(Layer {
                spatial: 0,
                temporal: 3,
            }),
            ..shown(720, 0)
        };
        let mut rows = [Row::new(0, held, &table(CAMERA), TOP)];
        assert_eq!(targets(&mut rows, kbps(9000)), [SMALL]);
    }

    #[test]
    fn what_is_wanted_is_told_whatever_the_budget() {
        assert_eq!(
            allocate(&mut cameras(&[720, 180, 0]), kbps(100)).wanted,
            1_650_000
        );
        let with_sound = Budget {
            audio: 50_000,
            ..kbps(100)
        };
        assert_eq!(allocate(&mut cameras(&[300]), with_sound).wanted, 550_000);
    }

    const SMALL_LAYER: Layer = Layer {
        spatial: 0,
        temporal: 3,
    };

    #[test]
    fn a_track_that_was_not_measured_yet_is_let_through() {
        let mut rows = [Row::new(0, shown(720, 0), &LayerTable::default(), SMALL_LAYER)];
        assert_eq!(targets(&mut rows, kbps(100)), [SMALL]);
        assert!(!rows[0].falls());
    }

    #[test]
    fn the_budget_is_never_exceeded_and_most_of_it_used() {
        let heights = [720, 360, 360, 180, 180, 0, 720];
        for budget in (500..8000u32).step_by(10) {
            let mut rows = cameras(&heights);
            let Spent { wanted, used } = allocate(&mut rows, kbps(budget));
            let chosen: u32 = rows.iter().map(|row| row.cost(row.chosen)).sum();
            assert_eq!(chosen, used, "{budget}");
            assert!(used <= budget * 1000, "{budget}");
            // The largest step between two levels is 300 kbit/s.
            let least = (budget * 950).saturating_sub(300_000).min(wanted);
            assert!(used >= least, "{budget}: {used}");
        }
    }
}
