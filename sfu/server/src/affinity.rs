//! Keeps a shard's thread on one core.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins the calling thread to the `number`-th of the cores this process may use; beyond the last it starts over.
///
/// # Errors
/// What the system says; the thread then runs where it likes.
pub(crate) fn pin(number: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let count = usize::try_from(allowed.count()).unwrap_or(1).max(1);
    let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    if let Some(core) = cores.into_iter().nth(number % count) {
        let mut one = CpuSet::new();
        one.set(core);
        sched_setaffinity(None, &one)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_has_one_core_and_there_is_one_for_every_number() {
        let before = sched_getaffinity(None).unwrap();
        for number in 0..5 {
            std::thread::spawn(move || {
                pin(number).unwrap();
                assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
            })
            .join()
            .unwrap();
        }
        assert_eq!(
            sched_getaffinity(None).unwrap().count(),
            before.count(),
            "only the thread itself is pinned"
        );
    }
}
