//! Gives memory that is free, and that the system's allocator would keep, back to the system.
//!
//! glibc returns only what is free at the top of a heap. After a group of hundreds, whose trees and commits are freed
//! between things that stay, that is next to nothing: 92 MiB stayed where 5 were in use.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// Between two looks. Pages that are wanted again have to be fetched again, so not all the time.
const INTERVAL: Duration = Duration::from_secs(30);

/// Gives free memory back from time to time. Runs until it is dropped.
pub async fn keep_giving_back() {
    let mut turns = interval(INTERVAL);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        // It takes milliseconds after a large room. A runtime that is shutting down runs it no more.
        let _ = tokio::task::spawn_blocking(give_back).await;
    }
}

/// Gives free memory back now, where the allocator can.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
        unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    fn resident_kib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_is_free_between_things_that_stay_goes_back_to_the_system() {
        let mut blocks: Vec<Vec<u8>> = (0..64 * 1024).map(|_| vec![1; 1024]).collect();
        let before = resident_kib();
        let mut place = 0;
        blocks.retain(|_| {
            place += 1;
            place % 64 == 0
        });
        give_back();
        let given = before.saturating_sub(resident_kib());
        assert!(given > 32 << 10, "{given} KiB of 63 MiB went back");
        assert_eq!(blocks.len(), 1024);
    }
}
