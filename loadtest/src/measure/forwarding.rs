//! Added forwarding latency: how much longer a packet takes because a server is in between.
//!
//! Two ways are timed in this process: from the socket that sends a packet through the server to the socket that receives it,
//! and the bare way from one socket straight to another on the same interface. What the server adds is a percentile of the
//! first less the median of the second, so the noise of the bare way counts against the server.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{Durations, percentile};
use crate::report::figure::{Distribution, Entry, Figures};

const NONE: &str = "only light participants time single packets, and there were none";
const NO_BARE: &str = "the bare way without a server was not timed";
const RELAYED: &str = "the way led through this scenario's relay, whose delay is not the server's";

/// Median.
pub const P50: Entry = Entry::lower(
    "added_latency_p50_ms",
    "ms",
    "How much longer a packet takes through the server than without one, median",
    NONE,
);
/// 99 of 100.
pub const P99: Entry = Entry::lower(
    "added_latency_p99_ms",
    "ms",
    "How much longer a packet takes through the server than without one, 99th percentile",
    NONE,
);
/// All of them.
pub const ENTRIES: [Entry; 2] = [P50, P99];

/// Size of the packets that time the bare way, in bytes.
const SIZE: usize = 1200;
/// Between two of them.
const PACE: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_secs(1);

/// Times of both ways.
#[derive(Debug, Default)]
pub struct Forwarding {
    /// From a sender's socket through the server to a receiver's socket.
    pub through: Durations,
    /// From one socket straight to another.
    pub bare: Durations,
    /// Set once a relay of the run delays packets: what the server adds cannot be told from that.
    pub relayed: AtomicBool,
}

/// Times `packets` on the bare way over the interface of `ip`. It blocks for half a millisecond per packet.
pub fn time_bare_way(ip: IpAddr, packets: u32, bare: &Durations) -> io::Result<()> {
    let from = UdpSocket::bind(SocketAddr::new(ip, 0))?;
    let to = UdpSocket::bind(SocketAddr::new(ip, 0))?;
    to.set_read_timeout(Some(PATIENCE))?;
    let address = to.local_addr()?;
    std::thread::scope(|scope| {
        let (departures, departed) = std::sync::mpsc::channel::<Instant>();
        // The receiver waits in a thread of its own, as the receiver of a run does.
        let receiver = scope.spawn(move || receive(&to, packets, &departed, bare));
        let mut packet = [0u8; SIZE];
        let started = Instant::now();
        for number in 0..packets {
            let due = started + PACE * number;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if let Some(start) = packet.first_chunk_mut() {
                *start = number.to_be_bytes();
            }
            // The receiver is gone when it failed, and says why below.
            if departures.send(Instant::now()).is_err() {
                break;
            }
            from.send_to(&packet, address)?;
        }
        receiver
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the receiver broke off")))
    })
}

/// Receives what is not lost on a busy machine; that nothing comes at all is an error.
fn receive(to: &UdpSocket, packets: u32, departed: &Receiver<Instant>, bare: &Durations) -> io::Result<()> {
    let mut buffer = [0u8; SIZE];
    let mut next = 0;
    while next < packets {
        match to.recv(&mut buffer) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && next > 0 => return Ok(()),
            Err(error) => return Err(error),
        }
        let arrived = Instant::now();
        let number = buffer
            .first_chunk()
            .map_or(0, |number| u32::from_be_bytes(*number));
        // Those before it were lost.
        while next <= number {
            next += 1;
            if let Ok(departed) = departed.recv()
                && next > number
            {
                bare.record(arrived.saturating_duration_since(departed));
            }
        }
    }
    Ok(())
}

/// Tells the figures.
pub fn tell(forwarding: &Forwarding, figures: &mut Figures) {
    let Some(through) = forwarding.through.snapshot() else {
        return;
    };
    let bare = match forwarding.bare.snapshot() {
        _ if forwarding.relayed.load(Ordering::Relaxed) => Err(RELAYED),
        bare => bare.ok_or(NO_BARE),
    };
    let bare = match bare {
        Ok(bare) => bare,
        Err(reason) => {
            for entry in ENTRIES {
                figures.lack(&entry, reason);
            }
            return;
        }
    };
    let usual = percentile(&bare, 0.5);
    for (entry, rank) in [(P50, 0.5), (P99, 0.99)] {
        figures.set(&entry, (percentile(&through, rank) - usual).max(0.0));
    }
}

/// The added latency as a distribution.
pub fn distribution(forwarding: &Forwarding) -> Option<(String, Distribution)> {
    if forwarding.relayed.load(Ordering::Relaxed) {
        return None;
    }
    let usual = forwarding.bare.snapshot()?.value_at_quantile(0.5);
    let mut added = Histogram::<u64>::new(super::DIGITS).ok()?;
    for value in forwarding.through.snapshot()?.iter_recorded() {
        let less = value.value_iterated_to().saturating_sub(usual).max(1);
        added.record_n(less, value.count_since_last_iteration()).ok()?;
    }
    let told = Distribution::of_micros("How much longer a packet takes through the server", &added)?;
    Some(("added_latency".to_owned(), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(server: Duration, bare: Duration) -> Figures {
        let forwarding = Forwarding::default();
        for step in 0..1000u32 {
            let noise = Duration::from_micros(1) * (step % 10);
            forwarding.bare.record(bare + noise);
            forwarding.through.record(bare * 2 + server + noise);
        }
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&forwarding, &mut figures);
        figures
    }

    #[test]
    fn a_delay_in_the_server_is_the_latency_it_adds() {
        let bare = Duration::from_micros(30);
        let usual = told(Duration::from_micros(100), bare)
            .value("added_latency_p99_ms")
            .unwrap();
        for delay in [1u64, 20, 200] {
            let server = Duration::from_millis(delay) + Duration::from_micros(100);
            let moved = told(server, bare).value("added_latency_p99_ms").unwrap() - usual;
            #[expect(clippy::cast_precision_loss, reason = "a test of small numbers")]
            let delay = delay as f64;
            assert!((moved - delay).abs() < delay * 0.002 + 0.01, "{delay}: {moved}");
        }
    }

    #[test]
    fn without_the_bare_way_nothing_is_subtracted_from_and_nothing_told() {
        let forwarding = Forwarding::default();
        forwarding.through.record(Duration::from_millis(1));
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&forwarding, &mut figures);
        assert_eq!(figures.value("added_latency_p50_ms"), None);
        assert!(distribution(&forwarding).is_none());
    }

    #[test]
    fn what_a_relay_adds_is_not_told_as_the_servers() {
        let forwarding = Forwarding::default();
        forwarding.through.record(Duration::from_millis(41));
        forwarding.bare.record(Duration::from_millis(1));
        forwarding.relayed.store(true, Ordering::Relaxed);
        let mut figures = Figures::unmeasured(ENTRIES);
        tell(&forwarding, &mut figures);
        assert_eq!(figures.value("added_latency_p99_ms"), None);
        assert!(
            figures
                .find("added_latency_p99_ms")
                .unwrap()
                .reason
                .as_ref()
                .unwrap()
                .contains("relay")
        );
        assert!(distribution(&forwarding).is_none());
    }

    #[test]
    fn the_bare_way_can_be_timed() {
        let bare = Durations::default();
        time_bare_way(std::net::Ipv4Addr::LOCALHOST.into(), 20, &bare).unwrap();
        assert_eq!(bare.snapshot().map(|told| told.len()), Some(20));
    }
}
