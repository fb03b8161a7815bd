//! Asks members for commits: whom to add and remove, who is asked, and when the next ones are.
//!
//! Not everybody commits at once: at a thousand members that would upload a thousand commits for one that counts.

use std::time::{Duration, Instant};

use conclave_wire::ServerMessage;
use conclave_wire::client::mls::{CommitCall, PendingAdd as WireAdd};
use conclave_wire::client::session::ErrorMessage;
use conclave_wire::client::session::Suite;
use conclave_wire::error_code::ErrorCode;
use conclave_wire::id::{ClientId, Epoch, LeafIndex};

use super::Cx;
use super::group::Group;
use super::heal::{Shape, leaf_of_turn};
use super::rank::{RANKS_PER_CALL, order};

/// Most adds per commit: the size of its broadcast.
const MAX_ADDS_POST_QUANTUM: usize = 64;
const MAX_ADDS_CLASSIC: usize = 256;
/// How much later each rank starts.
const RANK_STEP: Duration = Duration::from_millis(200);
/// The same when somebody must go.
const RANK_STEP_REMOVE: Duration = Duration::from_millis(120);
/// After how long without a commit the next ranks are asked.
const ESCALATE: Duration = Duration::from_secs(2);
/// A member is asked first only when it is a member this long.
const SETTLED: Duration = Duration::from_secs(2);
/// This many bad commits and a member is asked no more.
const MAX_STRIKES_TO_RANK: u8 = 2;
/// The worst path may carry this many ciphertexts before the tree is healed.
const HEAL_ABOVE: usize = 32;
/// Least time between two healing commits.
const HEAL_PAUSE: Duration = Duration::from_secs(1);
/// In a healed tree some leaf is refreshed this often, which also bounds the age of a key.
const REFRESH: Duration = Duration::from_secs(120);

/// A call that waits for its commit.
pub(crate) struct Call {
    pub(super) epoch: Epoch,
    /// KeyPackageRefs it named.
    pub(super) adds: Vec<Vec<u8>>,
    pub(super) removes: Vec<LeafIndex>,
    /// Asked for a commit that changes nobody.
    pub(super) healer: Option<LeafIndex>,
    /// Who is asked, best first.
    order: Vec<LeafIndex>,
    /// How many were asked.
    asked: usize,
    escalate_at: Instant,
}

/// When the tree is healed next.
pub(crate) struct Healing {
    turn: u32,
    /// Leaves that the tree had room for when turns began.
    places: u32,
    last: Instant,
    at: Option<Instant>,
}

impl Healing {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            turn: 0,
            places: 0,
            last: now,
            at: None,
        }
    }
}

impl Group {
    /// Asks when it is time to.
    pub(super) fn check_calls(&mut self, cx: &mut Cx<'_>) {
        if self.tent.is_some() {
            return;
        }
        if let Some(call) = &self.call {
            let urgent = call.healer.is_some() && self.flush_is_due(cx);
            if call.escalate_at > cx.now && !urgent {
                return;
            }
            if !urgent && call.asked < call.order.len() {
                self.ask_next_ranks(cx);
                return;
            }
            if call.healer.is_some() && !urgent {
                // The next leaf is asked, not this one's successor in two minutes.
                self.healing.at = Some(cx.now + HEAL_PAUSE);
            }
            self.call = None;
            if urgent {
                self.ask_for_changes(cx);
            } else {
                self.ask_again(cx);
                self.flush_at = self.flush_at.map(|_| cx.now);
            }
        }
        if self.flush_is_due(cx) {
            self.ask_for_changes(cx);
        }
        if self.call.is_none() {
            self.check_healing(cx);
        }
    }

    fn flush_is_due(&self, cx: &Cx<'_>) -> bool {
        self.flush_at.is_some_and(|at| at <= cx.now)
    }

    /// Somebody who could commit, or be added, came back.
    pub(super) fn ask_again(&mut self, cx: &Cx<'_>) {
        let planned = self.call.is_some() || self.flush_at.is_some();
        if !planned && (!self.adds.is_empty() || !self.removes.is_empty()) {
            self.flush_by(cx.now + Duration::from_millis(20));
        }
    }

    /// What was asked for is not what is wanted any more.
    pub(super) fn ask_anew(&mut self, cx: &Cx<'_>) {
        if self.call.as_ref().is_some_and(|call| call.healer.is_none()) {
            self.call = None;
        }
        self.ask_again(cx);
    }

    fn ask_for_changes(&mut self, cx: &mut Cx<'_>) {
        self.flush_at = None;
        let adds = self.next_adds(cx);
        let removes: Vec<LeafIndex> = self.removes.iter().copied().collect();
        if adds.is_empty() && removes.is_empty() {
            return;
        }
        let order = self.committers(cx);
        if order.is_empty() {
            return;
        }
        let tired = self.adds.count_call(&adds);
        let adds: Vec<Vec<u8>> = adds
            .into_iter()
            .filter(|add| self.adds.by_reference(add).is_some())
            .collect();
        for client in tired {
            tell_refused(cx, client);
        }
        if adds.is_empty() && removes.is_empty() {
            return;
        }
        let escalate_at = cx.now + ESCALATE;
        self.call = Some(Call {
            epoch: self.epoch(),
            adds,
            removes,
            healer: None,
            order,
            asked: 0,
            escalate_at,
        });
        self.ask_next_ranks(cx);
    }

    fn next_adds(&self, cx: &Cx<'_>) -> Vec<Vec<u8>> {
        let most = match cx.room.suite {
            Suite::PostQuantum => MAX_ADDS_POST_QUANTUM,
            Suite::Classic => MAX_ADDS_CLASSIC,
        };
        // The Welcome of somebody who is not there would be lost.
        let there = self.adds.iter().filter(|add| cx.people.is_online(&add.client));
        there.take(most).map(|add| add.reference.clone()).collect()
    }

    /// Who may be asked: settled members that keep up first, those whose commit just fell last.
    fn committers(&self, cx: &Cx<'_>) -> Vec<LeafIndex> {
        let able: Vec<(LeafIndex, ClientId)> = self
            .roster
            .iter()
            .filter(|(leaf, member)| cx.people.is_online(&member.client) && !self.removes.contains(leaf))
            .map(|(leaf, member)| (leaf, member.client))
            .collect();
        let trusted = |client: &ClientId| {
            self.strikes
                .get(client)
                .is_none_or(|strikes| *strikes < MAX_STRIKES_TO_RANK)
        };
        let any_trusted = able.iter().any(|(_, client)| trusted(client));
        let class = |client: &ClientId| {
            let settled = self
                .joined
                .get(client)
                .is_some_and(|joined| cx.now.saturating_duration_since(joined.at) > SETTLED);
            match (
                self.failed_authors.contains(client),
                settled && self.acked.contains(client),
            ) {
                (true, _) => 2,
                (false, false) => 1,
                (false, true) => 0,
            }
        };
        let group_id = self.group_id();
        let mut ranked = Vec::new();
        for wanted in 0..=2 {
            let of_class = able
                .iter()
                .filter(|(_, client)| class(client) == wanted && (trusted(client) || !any_trusted))
                .map(|(leaf, _)| *leaf);
            ranked.extend(order(group_id.as_slice(), self.epoch(), of_class));
        }
        ranked
    }

    fn ask_next_ranks(&mut self, cx: &mut Cx<'_>) {
        let Some(call) = &mut self.call else { return };
        let first = call.asked;
        let leaves: Vec<LeafIndex> = call
            .order
            .iter()
            .skip(first)
            .take(RANKS_PER_CALL)
            .copied()
            .collect();
        call.asked += leaves.len();
        call.escalate_at = cx.now + ESCALATE;
        let step = if call.removes.is_empty() {
            RANK_STEP
        } else {
            RANK_STEP_REMOVE
        };
        let adds: Vec<WireAdd> = call
            .adds
            .iter()
            .filter_map(|reference| self.adds.by_reference(reference))
            .map(|add| WireAdd {
                client_id: add.client,
                key_package: add.key_package.clone(),
            })
            .collect();
        for (place, leaf) in (0_u32..).zip(leaves) {
            let Some(member) = self.roster.leaf(leaf) else {
                continue;
            };
            let message = CommitCall {
                epoch: call.epoch,
                adds: adds.clone(),
                removes: call.removes.clone(),
                rank: u8::try_from(first)
                    .unwrap_or(u8::MAX)
                    .saturating_add(u8::try_from(place).unwrap_or(u8::MAX)),
                delay_ms: u32::try_from((step * place).as_millis()).unwrap_or(u32::MAX),
                heal: call.healer.is_some(),
            };
            cx.tell(member.client, ServerMessage::CommitCall(message));
        }
    }

    /// Plans the next healing commit; called when an epoch became final.
    pub(super) fn plan_healing(&mut self, cx: &Cx<'_>) {
        let members = self.roster.len();
        self.healing.at = if members < 2 {
            None
        } else if members > HEAL_ABOVE && self.worst_copath() > HEAL_ABOVE {
            Some(cx.now.max(self.healing.last + HEAL_PAUSE))
        } else {
            Some(self.healing.last + REFRESH)
        };
    }

    fn worst_copath(&self) -> usize {
        self.public
            .tree()
            .and_then(|tree| Shape::parse(&tree))
            .map_or(0, |shape| shape.worst_copath())
    }

    fn check_healing(&mut self, cx: &mut Cx<'_>) {
        if self.healing.at.is_none_or(|at| at > cx.now) {
            return;
        }
        if !self.adds.is_empty() || !self.removes.is_empty() {
            self.healing.at = Some(cx.now + HEAL_PAUSE);
            return;
        }
        self.healing.last = cx.now;
        self.healing.at = Some(cx.now + REFRESH);
        let Some(leaf) = self.next_healer(cx) else { return };
        self.call = Some(Call {
            epoch: self.epoch(),
            adds: Vec::new(),
            removes: Vec::new(),
            healer: Some(leaf),
            order: vec![leaf],
            asked: 0,
            escalate_at: cx.now + ESCALATE,
        });
        self.ask_next_ranks(cx);
    }

    fn next_healer(&mut self, cx: &Cx<'_>) -> Option<LeafIndex> {
        let last = self.roster.iter().map(|(leaf, _)| leaf.0).max()?;
        let places = (last + 1).next_power_of_two();
        if places != self.healing.places {
            // New parents at the top: those who are farthest apart fill them.
            self.healing.places = places;
            self.healing.turn = 0;
        }
        for _ in 0..places {
            let leaf = leaf_of_turn(self.healing.turn, places);
            self.healing.turn = self.healing.turn.wrapping_add(1);
            if self
                .roster
                .leaf(leaf)
                .is_some_and(|member| cx.people.is_online(&member.client))
            {
                return Some(leaf);
            }
        }
        None
    }

    pub(super) fn next_call_time(&self) -> Option<Instant> {
        if self.tent.is_some() {
            return None;
        }
        match &self.call {
            Some(call) if call.healer.is_some() => Some(
                self.flush_at
                    .map_or(call.escalate_at, |at| at.min(call.escalate_at)),
            ),
            Some(call) => Some(call.escalate_at),
            None => [self.flush_at, self.healing.at].into_iter().flatten().min(),
        }
    }
}

/// Tells a joiner that nobody adds it.
pub(super) fn tell_refused(cx: &mut Cx<'_>, client: ClientId) {
    let error = ErrorMessage {
        code: ErrorCode::BadMls,
        fatal: false,
        retry_after_ms: None,
    };
    cx.tell(client, ServerMessage::Error(error));
}
