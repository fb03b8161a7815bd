//! What is remembered of rooms that are not there: that a host burnt them, or what their link is still good for.
//!
//! A record is kept by a hash of the room's id, and what it says of a link is sealed with a key that only the id gives:
//! whoever reads the records learns of no room.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_wire::client::order::{Decision, Order, Terms};
use conclave_wire::id::RoomId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::delivery::mls::Crypto;
use crate::outbox::Outbox;

/// How long something is remembered after it changed last, and after the day on which a link ends.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3_600);
/// The longest that something is remembered.
const MAX_KEEP: Duration = Duration::from_secs(400 * 24 * 3_600);
/// Most records; those that end first are forgotten.
const MAX: usize = 100_000;

/// SHA-256 of `"conclave room" ‖ room`: by this a room is found again by whoever names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomHash(pub [u8; 32]);

/// What is remembered of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A host burnt it.
    Burnt,
    /// What its link is good for: nonce (12 bytes) and ciphertext.
    Terms(Arc<[u8]>),
}

/// What a link is good for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptTerms {
    /// What a host signed.
    pub(crate) order: Order,
    /// How many guests it let in.
    pub(crate) used: u32,
}

impl KeptTerms {
    /// Seals them for the records; `nonce` must be new.
    pub(crate) fn seal(&self, crypto: &Crypto, room: &RoomId, nonce: [u8; 12]) -> Option<Record> {
        let text = serde_json::to_vec(self).ok()?;
        let ciphertext = crypto.seal(&key(room), &nonce, &text)?;
        Some(Record::Terms([nonce.as_slice(), &ciphertext].concat().into()))
    }

    /// What the order says; `None` if it does not say terms.
    pub(crate) fn terms(&self) -> Option<Terms> {
        match self.order.decision()? {
            Decision::Terms(terms) => Some(terms),
            _ => None,
        }
    }
}

/// The records of this process.
#[derive(Default)]
pub(crate) struct Records {
    by_room: HashMap<RoomHash, (Instant, Record)>,
    /// In the order in which they are forgotten.
    ends: BTreeSet<(Instant, RoomHash)>,
}

impl Records {
    /// Takes back what a driver kept; `left` is how long it still counts.
    pub(crate) fn restore(&mut self, now: Instant, room: RoomHash, record: Record, left: Duration) {
        self.put(now + left.min(MAX_KEEP), room, record);
    }

    /// A host burnt the room.
    pub(crate) fn burn(&mut self, now: Instant, outbox: &mut Outbox, room: &RoomId) {
        self.keep(now, outbox, hash(room), Record::Burnt, KEEP);
    }

    /// What the link is good for, `left` being how long it is, changed; or the room is forgotten.
    pub(crate) fn keep_terms(
        &mut self,
        now: Instant,
        outbox: &mut Outbox,
        room: &RoomId,
        sealed: Record,
        left: Duration,
    ) {
        let keep = KEEP.saturating_add(left).min(MAX_KEEP);
        self.keep(now, outbox, hash(room), sealed, keep);
    }

    /// Whether a host burnt the room.
    pub(crate) fn is_burnt(&mut self, now: Instant, outbox: &mut Outbox, room: &RoomId) -> bool {
        self.forget(now, outbox);
        matches!(self.by_room.get(&hash(room)), Some((_, Record::Burnt)))
    }

    /// What the room's link is good for, if it was ever said.
    pub(crate) fn terms(&self, crypto: &Crypto, room: &RoomId) -> Option<KeptTerms> {
        let (_, Record::Terms(sealed)) = self.by_room.get(&hash(room))? else {
            return None;
        };
        let (nonce, ciphertext) = sealed.split_first_chunk()?;
        serde_json::from_slice(&crypto.open(&key(room), nonce, ciphertext)?).ok()
    }

    fn keep(&mut self, now: Instant, outbox: &mut Outbox, room: RoomHash, record: Record, keep: Duration) {
        self.forget(now, outbox);
        self.put(now + keep, room, record.clone());
        outbox.remember(room, record, keep);
        if self.ends.len() > MAX
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.by_room.remove(&first);
            outbox.forget(first);
        }
    }

    fn put(&mut self, end: Instant, room: RoomHash, record: Record) {
        if let Some((old, _)) = self.by_room.insert(room, (end, record)) {
            self.ends.remove(&(old, room));
        }
        self.ends.insert((end, room));
    }

    fn forget(&mut self, now: Instant, outbox: &mut Outbox) {
        while let Some((end, room)) = self.ends.first().copied()
            && end <= now
        {
            self.ends.pop_first();
            self.by_room.remove(&room);
            outbox.forget(room);
        }
    }
}

fn hash(room: &RoomId) -> RoomHash {
    RoomHash(derive(b"conclave room", room))
}

fn key(room: &RoomId) -> [u8; 32] {
    derive(b"conclave terms", room)
}

fn derive(label: &[u8], room: &RoomId) -> [u8; 32] {
    Sha256::new()
        .chain_update(label)
        .chain_update(room.as_bytes())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use conclave_wire::bytes::Blob;

    use super::*;
    use crate::output::Output;

    const ROOM: RoomId = RoomId::new([7; 16]);
    const OTHER: RoomId = RoomId::new([8; 16]);

    fn kept(used: u32) -> KeptTerms {
        let text = r#"{"order":"terms","room":"","version":1,"used":0,"burn":false,"max_uses":3}"#;
        let order = Order {
            text: text.to_owned(),
            key: Blob(vec![1; 32]),
            signature: Blob(vec![2; 64]),
        };
        KeptTerms { order, used }
    }

    fn outputs(outbox: &mut Outbox) -> Vec<Output> {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[test]
    fn a_burnt_room_is_known_for_a_month_and_no_longer() {
        let (mut records, mut outbox) = (Records::default(), Outbox::default());
        let start = crate::testing::start();
        records.burn(start, &mut outbox, &ROOM);
        records.burn(start, &mut outbox, &ROOM);
        assert!(records.is_burnt(start + KEEP - Duration::from_secs(1), &mut outbox, &ROOM));
        assert!(!records.is_burnt(start, &mut outbox, &OTHER));
        assert_eq!(outputs(&mut outbox).len(), 2);
        assert!(!records.is_burnt(start + KEEP, &mut outbox, &ROOM));
        assert!(matches!(outputs(&mut outbox)[..], [Output::Forget { .. }]));
        assert!(records.by_room.is_empty() && records.ends.is_empty());
    }

    #[test]
    fn what_a_link_is_good_for_is_read_by_the_rooms_id_alone() {
        let (mut records, mut outbox) = (Records::default(), Outbox::default());
        let (crypto, start) = (Crypto::default(), crate::testing::start());
        let sealed = kept(2).seal(&crypto, &ROOM, [1; 12]).unwrap();
        records.keep_terms(start, &mut outbox, &ROOM, sealed, Duration::ZERO);
        assert_eq!(records.terms(&crypto, &ROOM), Some(kept(2)));
        assert_eq!(kept(2).terms().and_then(|terms| terms.max_uses), Some(3));
        assert_eq!(records.terms(&crypto, &OTHER), None);

        let [Output::Remember { room, record, keep }] = &outputs(&mut outbox)[..] else {
            panic!("one record for the driver");
        };
        let mut after = Records::default();
        after.restore(start, *room, record.clone(), *keep);
        assert_eq!(after.terms(&crypto, &ROOM), Some(kept(2)));
        // Under another room's name it opens nothing.
        after.restore(start, hash(&OTHER), record.clone(), *keep);
        assert_eq!(after.terms(&crypto, &OTHER), None);
    }

    #[test]
    fn burning_replaces_what_the_link_was_good_for() {
        let (mut records, mut outbox) = (Records::default(), Outbox::default());
        let (crypto, start) = (Crypto::default(), crate::testing::start());
        let sealed = kept(0).seal(&crypto, &ROOM, [1; 12]).unwrap();
        records.keep_terms(start, &mut outbox, &ROOM, sealed, MAX_KEEP);
        records.burn(start, &mut outbox, &ROOM);
        assert_eq!(records.terms(&crypto, &ROOM), None);
        assert_eq!(records.ends.len(), 1);
        assert!(!records.is_burnt(start + KEEP, &mut outbox, &ROOM));
    }
}
