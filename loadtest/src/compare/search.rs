//! Finds the largest load that still passes: doubling until one fails, then halving the gap.

/// The state of a search over numbers of rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    first: u32,
    passed: u32,
    failed: Option<u32>,
    most: u32,
}

impl Search {
    /// Nothing was tried yet; `first` will be, and no load above `most`.
    pub const fn new(first: u32, most: u32) -> Self {
        Self {
            first,
            passed: 0,
            failed: None,
            most,
        }
    }

    /// The load to try next; `None` when the largest is known to one part in eight.
    pub fn next(&self) -> Option<u32> {
        match self.failed {
            None if self.passed >= self.most => None,
            None if self.passed == 0 => Some(self.first.clamp(1, self.most)),
            None => Some((self.passed * 2).min(self.most)),
            Some(failed) => {
                let gap = failed - self.passed;
                (gap > 1 && gap * 8 > self.passed).then_some(self.passed + gap / 2)
            }
        }
    }

    /// Notes what became of a load.
    pub fn tried(&mut self, load: u32, passed: bool) {
        if passed {
            self.passed = self.passed.max(load);
        } else {
            self.failed = Some(self.failed.map_or(load, |failed| failed.min(load)));
        }
    }

    /// The largest load that passed.
    pub const fn largest(&self) -> u32 {
        self.passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(limit: u32, first: u32, most: u32) -> (u32, Vec<u32>) {
        let mut search = Search::new(first, most);
        let mut tried = Vec::new();
        while let Some(load) = search.next() {
            tried.push(load);
            search.tried(load, load <= limit);
        }
        (search.largest(), tried)
    }

    #[test]
    fn the_largest_load_is_found_in_a_few_steps() {
        assert_eq!(search(5, 1, 1000), (5, vec![1, 2, 4, 8, 6, 5]));
        assert_eq!(search(11, 4, 1000), (11, vec![4, 8, 16, 12, 10, 11]));
        let (found, tried) = search(100, 1, 1000);
        assert!(
            (89..=100).contains(&found) && tried.len() < 14,
            "{found} {tried:?}"
        );
    }

    #[test]
    fn nothing_may_pass_and_everything_may() {
        assert_eq!(search(0, 1, 1000), (0, vec![1]));
        assert_eq!(search(0, 4, 1000), (0, vec![4, 2, 1]));
        assert_eq!(search(3, 4, 1000), (3, vec![4, 2, 3]));
        assert_eq!(search(5000, 1, 20), (20, vec![1, 2, 4, 8, 16, 20]));
        assert_eq!(search(5000, 40, 20), (20, vec![20]));
    }
}
