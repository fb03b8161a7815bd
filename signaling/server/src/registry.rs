//! Live connections, counted and bounded in all, per address and per room, before they cost the service anything.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_wire::id::RoomId;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most connections to one room at a time; twice the participants a room may have, so that everybody can reconnect
/// before the old connection is found dead.
const MAX_PER_ROOM: u32 = 4_000;
/// Rooms one address may create at once.
const CREATE_BURST: u64 = 60;
/// Time in which one more is allowed.
const CREATE_REFILL: Duration = Duration::from_secs(1);
/// Addresses remembered for room creation; beyond it those that are back to a full allowance are forgotten.
const CREATE_ADDRESSES: usize = 10_000;

/// The live connections.
pub(crate) struct Registry {
    total: Arc<Semaphore>,
    max_total: u32,
    max_per_ip: u32,
    per_ip: DashMap<Subnet, u32>,
    per_room: DashMap<RoomId, u32>,
    creations: DashMap<Subnet, Allowance>,
}

/// Which bound a connection ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All connections.
    Total,
    /// Connections of one address.
    PerIp,
    /// Connections to one room.
    PerRoom,
}

impl Refusal {
    /// Its label in the metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::PerIp => "ip",
            Self::PerRoom => "room",
        }
    }
}

/// An IPv4 address or an IPv6 /64: what one customer of a provider has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Subnet(IpAddr);

impl Subnet {
    fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
            v4 => v4,
        })
    }
}

struct Allowance {
    left: u64,
    since: Instant,
}

impl Registry {
    pub(crate) fn new(max_total: u32, max_per_ip: u32) -> Self {
        Self {
            total: Arc::new(Semaphore::new(
                usize::try_from(max_total).unwrap_or(Semaphore::MAX_PERMITS),
            )),
            max_total,
            max_per_ip,
            per_ip: DashMap::new(),
            per_room: DashMap::new(),
            creations: DashMap::new(),
        }
    }

    /// Counts a connection in, until its permit is dropped.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Permit, Refusal> {
        let total = Arc::clone(&self.total)
            .try_acquire_owned()
            .map_err(|_| Refusal::Total)?;
        let subnet = Subnet::of(ip);
        if !count_in(&self.per_ip, subnet, self.max_per_ip) {
            return Err(Refusal::PerIp);
        }
        Ok(Permit {
            registry: Arc::clone(self),
            subnet,
            room: None,
            _total: total,
        })
    }

    /// Whether this address may create a room now.
    pub(crate) fn may_create(&self, ip: IpAddr, now: Instant) -> bool {
        if self.creations.len() >= CREATE_ADDRESSES {
            self.creations
                .retain(|_, allowance| allowance.at(now) < CREATE_BURST);
        }
        let mut allowance = self.creations.entry(Subnet::of(ip)).or_insert(Allowance {
            left: CREATE_BURST,
            since: now,
        });
        let left = allowance.at(now);
        if left == 0 {
            return false;
        }
        if left > allowance.left {
            allowance.since = now;
        }
        allowance.left = left - 1;
        true
    }

    /// How many connections live now.
    pub(crate) fn live(&self) -> usize {
        usize::try_from(self.max_total)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.total.available_permits())
    }

    /// Resolves when no connection lives; from then on none is admitted.
    pub(crate) async fn drained(&self) {
        // Closing the semaphore would wake us early; holding all of it keeps newcomers out as well.
        if let Ok(all) = self.total.acquire_many(self.max_total).await {
            all.forget();
        }
    }
}

impl Allowance {
    fn at(&self, now: Instant) -> u64 {
        let refilled = now.saturating_duration_since(self.since).as_secs() / CREATE_REFILL.as_secs();
        (self.left + refilled).min(CREATE_BURST)
    }
}

/// A connection that is counted; dropping it counts it out.
pub(crate) struct Permit {
    registry: Arc<Registry>,
    subnet: Subnet,
    room: Option<RoomId>,
    _total: OwnedSemaphorePermit,
}

impl Permit {
    /// Counts the connection into a room as well; once.
    pub(crate) fn enter(&mut self, room: RoomId) -> Result<(), Refusal> {
        if self.room.is_some() {
            return Ok(());
        }
        if !count_in(&self.registry.per_room, room, MAX_PER_ROOM) {
            return Err(Refusal::PerRoom);
        }
        self.room = Some(room);
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        count_out(&self.registry.per_ip, self.subnet);
        if let Some(room) = self.room {
            count_out(&self.registry.per_room, room);
        }
    }
}

fn count_in<K: Eq + Hash>(counts: &DashMap<K, u32>, key: K, most: u32) -> bool {
    let mut count = counts.entry(key).or_insert(0);
    if *count >= most {
        return false;
    }
    *count += 1;
    true
}

/// Counts one out and forgets the key with the last one, so that the map is as large as what lives.
fn count_out<K: Eq + Hash>(counts: &DashMap<K, u32>, key: K) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        if *entry.get() > 1 {
            *entry.get_mut() -= 1;
        } else {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_bounded_and_an_ipv6_subnet_is_one_address() {
        let registry = Arc::new(Registry::new(10, 2));
        let first = registry.admit(ip("2001:db8::1")).unwrap();
        let _second = registry.admit(ip("2001:db8::2")).unwrap();
        assert_eq!(registry.admit(ip("2001:db8::3")).err(), Some(Refusal::PerIp));
        assert!(registry.admit(ip("2001:db8:0:1::1")).is_ok());
        drop(first);
        assert!(registry.admit(ip("2001:db8::3")).is_ok());
    }

    #[test]
    fn a_mapped_address_is_the_same_address() {
        let registry = Arc::new(Registry::new(10, 1));
        let _one = registry.admit(ip("192.0.2.1")).unwrap();
        assert_eq!(registry.admit(ip("::ffff:192.0.2.1")).err(), Some(Refusal::PerIp));
    }

    #[test]
    fn all_connections_together_are_bounded_and_counted_out() {
        let registry = Arc::new(Registry::new(2, 2));
        let permits = [
            registry.admit(ip("192.0.2.1")).unwrap(),
            registry.admit(ip("192.0.2.2")).unwrap(),
        ];
        assert_eq!(registry.admit(ip("192.0.2.3")).err(), Some(Refusal::Total));
        assert_eq!(registry.live(), 2);
        drop(permits);
        assert_eq!(registry.live(), 0);
        assert!(registry.per_ip.is_empty());
    }

    #[test]
    fn a_room_is_bounded_and_forgotten() {
        let registry = Arc::new(Registry::new(MAX_PER_ROOM + 1, MAX_PER_ROOM + 1));
        let room = RoomId::new([7; 16]);
        let mut permits: Vec<_> = (0..MAX_PER_ROOM)
            .map(|_| {
                let mut permit = registry.admit(ip("192.0.2.1")).unwrap();
                assert_eq!(permit.enter(room), Ok(()));
                permit
            })
            .collect();
        let mut late = registry.admit(ip("192.0.2.1")).unwrap();
        assert_eq!(late.enter(room), Err(Refusal::PerRoom));
        permits.pop();
        assert_eq!(late.enter(room), Ok(()));
        drop((permits, late));
        assert!(registry.per_room.is_empty());
    }

    #[test]
    fn rooms_are_created_in_bursts_that_refill() {
        let registry = Registry::new(1, 1);
        let start = Instant::now();
        for _ in 0..CREATE_BURST {
            assert!(registry.may_create(ip("192.0.2.1"), start));
        }
        assert!(!registry.may_create(ip("192.0.2.1"), start));
        assert!(registry.may_create(ip("192.0.2.2"), start));
        let later = start + CREATE_REFILL;
        assert!(registry.may_create(ip("192.0.2.1"), later));
        assert!(!registry.may_create(ip("192.0.2.1"), later));
    }

    #[tokio::test]
    async fn drained_waits_for_the_last_connection() {
        let registry = Arc::new(Registry::new(3, 3));
        let permit = registry.admit(ip("192.0.2.1")).unwrap();
        let mut drained = std::pin::pin!(registry.drained());
        assert!(futures_util::future::poll_immediate(&mut drained).await.is_none());
        drop(permit);
        drained.await;
        assert!(registry.admit(ip("192.0.2.1")).is_err());
    }
}
