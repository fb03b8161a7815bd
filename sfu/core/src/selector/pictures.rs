//! Remembers what was decided for the last pictures, so that a late packet shares the fate of its picture.

/// Pictures that are remembered: at 60 frames a second more than 100 ms, about the time packets get mixed up in.
const REMEMBERED: usize = 8;

/// What became of a picture: the layers of it that are forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) timestamp: u32,
    /// The highest spatial layer that is forwarded; `None`: nothing is.
    pub(super) top: Option<u8>,
}

/// The pictures of one encoding as one subscriber saw them.
#[derive(Default)]
pub(super) struct Pictures {
    seen: [Option<Picture>; REMEMBERED],
    next: usize,
}

impl Pictures {
    pub(super) fn find(&self, timestamp: u32) -> Option<Picture> {
        let seen = self.seen.iter().flatten();
        seen.copied().find(|picture| picture.timestamp == timestamp)
    }

    /// Whether a picture that was not seen yet is older than the newest one that was.
    pub(super) fn is_late(&self, timestamp: u32) -> bool {
        self.newest()
            .is_some_and(|newest| newest.timestamp.wrapping_sub(timestamp) < 1 << 31)
    }

    pub(super) fn push(&mut self, picture: Picture) {
        if let Some(place) = self.seen.get_mut(self.next) {
            *place = Some(picture);
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn newest(&self) -> Option<Picture> {
        let index = (self.next + REMEMBERED - 1) % REMEMBERED;
        self.seen.get(index).copied().flatten()
    }
}
