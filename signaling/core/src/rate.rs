//! Token buckets: how often a session may do what costs others something.

use std::time::{Duration, Instant};

use conclave_wire::ClientMessage;

/// Allows `per_second` on average and `burst` at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    interval: Duration,
    burst: u32,
    /// When the bucket would be full again; in the past when it is.
    full_at: Instant,
}

impl Bucket {
    pub(crate) fn new(now: Instant, per_second: u32, burst: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            burst,
            full_at: now,
        }
    }

    /// Takes one; `Err` holds how long to wait for the next.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.interval;
        let lag = full_at.saturating_duration_since(now);
        let most = self.interval * self.burst;
        if lag > most {
            return Err(lag.saturating_sub(most));
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// The buckets of one session.
pub(crate) struct Rates {
    /// Any message; beyond, the session is closed.
    pub(crate) any: Bucket,
    app: Bucket,
    join: Bucket,
    commit: Bucket,
    found: Bucket,
    group_info: Bucket,
    offer: Bucket,
    kick: Bucket,
    views: Bucket,
}

impl Rates {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            any: Bucket::new(now, 100, 600),
            app: Bucket::new(now, 20, 100),
            join: Bucket::new(now, 1, 10),
            commit: Bucket::new(now, 4, 20),
            found: Bucket::new(now, 1, 4),
            group_info: Bucket::new(now, 1, 5),
            offer: Bucket::new(now, 5, 50),
            kick: Bucket::new(now, 2, 20),
            views: Bucket::new(now, 10, 40),
        }
    }

    /// Takes from the bucket of the message's kind; `Err` holds how long to wait.
    pub(crate) fn take(&mut self, now: Instant, message: &ClientMessage) -> Result<(), Duration> {
        let bucket = match message {
            ClientMessage::Found(_) => &mut self.found,
            ClientMessage::Join(_) => &mut self.join,
            ClientMessage::Commit(_) => &mut self.commit,
            ClientMessage::App(_) => &mut self.app,
            ClientMessage::GroupInfoRequest => &mut self.group_info,
            ClientMessage::Offer(_) => &mut self.offer,
            ClientMessage::Kick(_)
            | ClientMessage::Order(_)
            | ClientMessage::Knock(_)
            | ClientMessage::Admit(_)
            | ClientMessage::Deny(_) => &mut self.kick,
            ClientMessage::Views(_) => &mut self.views,
            ClientMessage::Hello(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye
            | ClientMessage::Ack(_)
            | ClientMessage::Nack(_) => return Ok(()),
        };
        bucket.take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let now = start();
        let mut bucket = Bucket::new(now, 10, 3);
        assert!((0..3).all(|_| bucket.take(now).is_ok()));
        assert_eq!(bucket.take(now), Err(Duration::from_millis(100)));
        assert!(bucket.take(now + Duration::from_millis(100)).is_ok());
        assert!(bucket.take(now + Duration::from_millis(100)).is_err());
    }

    #[test]
    fn a_rested_bucket_holds_no_more_than_a_burst() {
        let now = start();
        let mut bucket = Bucket::new(now, 10, 3);
        let later = now + Duration::from_secs(3_600);
        assert!((0..3).all(|_| bucket.take(later).is_ok()));
        assert!(bucket.take(later).is_err());
    }
}
