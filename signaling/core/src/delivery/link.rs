//! What a room's link is still good for: the hosts' date and number of people. Outlives the group it was decided in.

use std::collections::BTreeSet;

use conclave_wire::ErrorCode;
use conclave_wire::client::order::{Order, Terms};

use crate::records::KeptTerms;

/// Most leaf keys that are counted one by one.
const MAX_COUNTED: usize = 4_096;

/// The terms that stand, and who was let in.
#[derive(Default)]
pub(crate) struct Link {
    terms: Option<(Order, Terms)>,
    /// Leaf keys that came in; those of hosts are left out when they are counted.
    let_in: BTreeSet<Vec<u8>>,
    /// How many came in to earlier calls, or before this process counted, by what a host signed.
    before: u32,
    /// Whether what is remembered of it is old.
    is_changed: bool,
}

impl Link {
    /// The link of a room that was forgotten.
    pub(crate) fn restored(kept: KeptTerms) -> Self {
        let terms = kept.terms();
        Self {
            before: kept.used,
            terms: terms.map(|terms| (kept.order, terms)),
            ..Self::default()
        }
    }

    /// Takes terms that a host signed, if they are newer; says whether they are.
    pub(crate) fn take(&mut self, order: Order, terms: Terms, is_host: impl Fn(&[u8]) -> bool) -> bool {
        if let Some((_, stands)) = &self.terms
            && stands.version >= terms.version
        {
            return false;
        }
        let missing = terms.used.saturating_sub(self.uses(is_host));
        self.before = self.before.saturating_add(missing);
        self.terms = Some((order, terms));
        self.is_changed = true;
        true
    }

    /// The group that people came into is over: who its hosts were cannot be asked any more.
    pub(crate) fn settle(&mut self, is_host: impl Fn(&[u8]) -> bool) {
        self.before = self.uses(is_host);
        self.let_in.clear();
        self.is_changed = true;
    }

    /// What is to be remembered of it, if that is new since this was asked last.
    pub(crate) fn take_change(&mut self, is_host: impl Fn(&[u8]) -> bool) -> Option<KeptTerms> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let used = self.uses(is_host);
        self.order().map(|order| KeptTerms { order, used })
    }

    /// The order that stands, for a State.
    pub(crate) fn order(&self) -> Option<Order> {
        self.terms.as_ref().map(|(order, _)| order.clone())
    }

    /// Somebody with this leaf key came in by the link.
    pub(crate) fn let_in(&mut self, leaf_key: Vec<u8>) {
        if self.let_in.len() < MAX_COUNTED {
            self.let_in.insert(leaf_key);
            self.is_changed = true;
        }
    }

    /// Why nobody new comes in at this time, when `coming` are on their way; nothing when they do.
    pub(crate) fn refusal(
        &self,
        unix: Option<u64>,
        coming: usize,
        is_host: impl Fn(&[u8]) -> bool,
    ) -> Option<ErrorCode> {
        let (_, terms) = self.terms.as_ref()?;
        if terms
            .expires
            .zip(unix)
            .is_some_and(|(expires, unix)| unix >= expires)
        {
            return Some(ErrorCode::LinkExpired);
        }
        let uses = self
            .uses(is_host)
            .saturating_add(u32::try_from(coming).unwrap_or(u32::MAX));
        let is_used_up = terms.max_uses.is_some_and(|most| uses >= most);
        is_used_up.then_some(ErrorCode::LinkUsedUp)
    }

    fn uses(&self, is_host: impl Fn(&[u8]) -> bool) -> u32 {
        let guests = self.let_in.iter().filter(|key| !is_host(key)).count();
        self.before
            .saturating_add(u32::try_from(guests).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use conclave_wire::bytes::Blob;

    use super::*;

    fn terms(version: u64, expires: Option<u64>, max_uses: Option<u32>, used: u32) -> (Order, Terms) {
        let order = Order {
            text: version.to_string(),
            key: Blob::default(),
            signature: Blob::default(),
        };
        let terms = Terms {
            room: Blob::default(),
            version,
            expires,
            max_uses,
            used,
            lifetime: None,
            burn: false,
        };
        (order, terms)
    }

    fn link(expires: Option<u64>, max_uses: Option<u32>, used: u32) -> Link {
        let mut link = Link::default();
        let (order, terms) = terms(1, expires, max_uses, used);
        assert!(link.take(order, terms, |_| false));
        link
    }

    #[test]
    fn it_ends_at_its_date() {
        let link = link(Some(1_000), None, 0);
        assert_eq!(link.refusal(Some(999), 0, |_| false), None);
        assert_eq!(
            link.refusal(Some(1_000), 0, |_| false),
            Some(ErrorCode::LinkExpired)
        );
        assert_eq!(Link::default().refusal(Some(u64::MAX), 9, |_| false), None);
    }

    #[test]
    fn hosts_and_whoever_was_counted_already_use_nothing_up() {
        let mut link = link(None, Some(2), 0);
        for key in [1, 2, 2, 2] {
            link.let_in(vec![key]);
        }
        let is_host = |key: &[u8]| key == [1];
        assert_eq!(link.refusal(None, 0, is_host), None);
        assert_eq!(link.refusal(None, 1, is_host), Some(ErrorCode::LinkUsedUp));
        link.let_in(vec![3]);
        assert_eq!(link.refusal(None, 0, is_host), Some(ErrorCode::LinkUsedUp));
    }

    #[test]
    fn what_is_remembered_counts_the_guests_and_changes_with_them() {
        let mut link = link(None, Some(2), 0);
        let is_host = |key: &[u8]| key == [1];
        assert_eq!(link.take_change(is_host).map(|kept| kept.used), Some(0));
        assert_eq!(link.take_change(is_host), None);
        link.let_in(vec![1]);
        link.let_in(vec![2]);
        link.settle(is_host);
        // Nobody is a host where there is no group.
        assert_eq!(link.refusal(None, 0, |_| false), None);
        assert_eq!(link.refusal(None, 1, |_| false), Some(ErrorCode::LinkUsedUp));
        assert_eq!(link.take_change(|_| false).map(|kept| kept.used), Some(1));
    }

    #[test]
    fn what_a_host_counted_before_is_not_forgotten_and_never_gets_less() {
        let mut link = link(None, Some(3), 2);
        assert_eq!(link.refusal(None, 0, |_| false), None);
        link.let_in(vec![1]);
        assert_eq!(link.refusal(None, 0, |_| false), Some(ErrorCode::LinkUsedUp));
        let (order, older) = terms(1, None, Some(9), 0);
        assert!(!link.take(order, older, |_| false));
        let (order, newer) = terms(2, None, Some(4), 0);
        assert!(link.take(order, newer, |_| false));
        assert_eq!(link.refusal(None, 0, |_| false), None);
        assert_eq!(link.refusal(None, 1, |_| false), Some(ErrorCode::LinkUsedUp));
    }
}
