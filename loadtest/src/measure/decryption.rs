//! What could not be decrypted, by reason.

use conclave_e2ee::DropReason;

use super::Measures;
use crate::report::figure::{Entry, Figures};

const NONE: &str = "no frame was received";

/// All reasons together.
pub const FAILURES: Entry = Entry::lower(
    "decrypt_failures",
    "frames",
    "Frames that could not be decrypted, for any reason",
    NONE,
);
/// Frames decrypted.
pub const DECRYPTED: Entry = Entry::neither("frames_decrypted", "frames", "Frames decrypted", NONE);
/// Frames from before the receiver came.
pub const BEFORE_JOIN: Entry = Entry::neither(
    "frames_before_join",
    "frames",
    "Frames of epochs from before the receiver was a member: not for it to read, so no failure",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 3] = [FAILURES, DECRYPTED, BEFORE_JOIN];

/// The name of a reason in `decrypt_failures`.
pub fn name(reason: DropReason) -> String {
    let name = serde_json::to_value(reason).ok();
    name.as_ref()
        .and_then(serde_json::Value::as_str)
        .unwrap_or("unknown")
        .to_owned()
}

/// Tells the figures.
pub fn tell(measures: &Measures, figures: &mut Figures) {
    let failures: u64 = measures.decrypt_failures().values().sum();
    let decrypted = measures.frames_decrypted.value();
    let before = measures.frames_before_join.value();
    if failures + decrypted + before == 0 {
        return;
    }
    figures.count(&FAILURES, failures);
    figures.count(&DECRYPTED, decrypted);
    figures.count(&BEFORE_JOIN, before);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_that_fails_is_one_more() {
        let measures = Measures::default();
        measures.frames_decrypted.add(10);
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&measures, &mut figures);
        assert_eq!(figures.value("decrypt_failures"), Some(0.0));
        for reason in [DropReason::AuthFail, DropReason::AuthFail, DropReason::Replay] {
            measures.decrypt_failed(reason);
        }
        tell(&measures, &mut figures);
        assert_eq!(figures.value("decrypt_failures"), Some(3.0));
        assert_eq!(measures.decrypt_failures().get("auth_fail"), Some(&2));
    }

    #[test]
    fn without_a_frame_nothing_is_said_about_failures() {
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&Measures::default(), &mut figures);
        assert_eq!(figures.value("decrypt_failures"), None);
    }
}
