//! Decides which layers each subscriber is sent, when its estimate, its views or the tracks change.

use std::time::Duration;

use conclave_wire::media::{Kind, Source};

use super::Room;
use crate::allocator::{self, Budget, Row, Shown};
use crate::forward::{Egress, OVERHEAD};
use crate::layer::{Layer, LayerTable};
use crate::sfu::Context;

/// Ticks between two looks at what tracks send, and between two allocations: 100 and 200 ms.
pub(super) const TABLE_TICKS: u32 = 4;
pub(super) const ALLOCATION_TICKS: u32 = 8;
/// What was downgraded stays so for this long, while measured rates waver.
const HOLD: Duration = Duration::from_secs(2);
/// What packets of sound add to their payload: 50 of them a second, in bits.
const AUDIO_OVERHEAD: u32 = 50 * 8 * OVERHEAD_BYTES;
const OVERHEAD_BYTES: u32 = 68;
const _: () = assert!(OVERHEAD_BYTES as usize == OVERHEAD);
/// What packets of pictures add: a sixteenth, at 1100 bytes.
const VIDEO_OVERHEAD: u32 = 16;

impl Room {
    /// Chooses anew what a subscriber is sent.
    pub(super) fn allocate<E: Egress>(&mut self, member: usize, context: &mut Context<'_, E>) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let audio = self.collect(member, &mut rows, context);
        if let Some(peer) = self.peers.get_mut(member) {
            let budget = Budget {
                now: peer.downlink.limit(),
                sustained: peer.downlink.sustained(context.now),
                recent: peer.downlink.recent(),
                audio,
                share: self.shed.share(),
            };
            let spent = allocator::allocate(&mut rows, budget);
            peer.downlink.allocated(spent.wanted, spent.used);
        }
        for row in &rows {
            if row.falls()
                && let Some(subscription) = self.subscriptions.get_mut(row.key)
            {
                subscription.downgraded_at = Some(context.now);
            }
            self.aim(row.key, row.target(), context);
            if let Some(subscription) = self.subscriptions.get_mut(row.key) {
                let unserved = row.is_unserved() && subscription.active;
                let since = subscription.unserved_since.unwrap_or(context.now);
                subscription.unserved_since = unserved.then_some(since);
            }
        }
        self.rows = rows;
        self.tell_paused(member, context);
    }

    /// Fills `rows` with the pictures a subscriber could be sent, settles the sound, and returns what that takes.
    fn collect<E: Egress>(&mut self, member: usize, rows: &mut Vec<Row>, context: &Context<'_, E>) -> u32 {
        let Self {
            peers,
            tracks,
            subscriptions,
            ..
        } = self;
        let Some(peer) = peers.get(member) else { return 0 };
        let unmeasured = if peer.downlink.limit().is_none() {
            Layer::TOP
        } else {
            Layer {
                spatial: 0,
                ..Layer::TOP
            }
        };
        let opening = peer.downlink.is_opening(context.now);
        let guess = peer.downlink.is_guess(context.now);
        let mut audio = 0u32;
        for index in peer.states().iter().filter_map(|state| state.subscription) {
            let Some(subscription) = subscriptions.get_mut(index) else {
                continue;
            };
            let Some(track) = subscription.track.and_then(|track| tracks.get(track)) else {
                continue;
            };
            let viewed = subscription.viewed;
            if track.kind() == Kind::Audio {
                let wanted = viewed.height > 0;
                subscription.set_target(wanted.then_some(Layer::TOP));
                let rate = sound(&track.table).filter(|_| wanted && subscription.active);
                audio = audio.saturating_add(rate.unwrap_or(0));
                continue;
            }
            let held = !opening
                && subscription
                    .downgraded_at
                    .is_some_and(|at| context.now.saturating_duration_since(at) < HOLD);
            let shown = Shown {
                screen: track.publication.source == Source::ScreenVideo,
                // Small ones show the same, and fit more paths.
                height: if guess {
                    viewed.height.min(1)
                } else {
                    viewed.height
                },
                rank: viewed.rank,
                current: subscription.target(),
                held,
            };
            rows.push(Row::new(index, shown, &on_the_way(&track.table), unmeasured));
        }
        audio
    }

    /// Sends a subscriber this layer of a picture from now on.
    fn aim<E: Egress>(&mut self, index: usize, target: Option<Layer>, context: &mut Context<'_, E>) {
        let Some(subscription) = self.subscriptions.get_mut(index) else {
            return;
        };
        if subscription.target() == target {
            return;
        }
        let resumes = subscription.set_target(target);
        let track = subscription.track.and_then(|track| self.tracks.get_mut(track));
        if let Some(track) = track {
            track.unsettled = true;
        }
        if resumes {
            self.watch(index, context);
        }
    }
}

/// The server's load, as the share of their pictures that subscribers go without. 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shed(pub u8);

impl Shed {
    /// No pictures at all; higher levels are the same.
    pub const MAX: Self = Self(5);
    /// From here on nobody new is taken. At this level nothing else happens: a server may be full without being late.
    pub const OVERLOADED: Self = Self(1);

    /// What pictures get of what they would get, in 1/256.
    #[must_use]
    pub const fn share(self) -> u16 {
        match self.0 {
            0 | 1 => allocator::WHOLE,
            2 => 160,
            3 => 80,
            4 => 32,
            _ => 0,
        }
    }
}

/// What a track of sound takes, with headers.
fn sound(table: &LayerTable) -> Option<u32> {
    let [layer, ..] = table.spatial;
    let rate = layer?.bitrates.into_iter().flatten().max()?;
    Some(rate.saturating_add(AUDIO_OVERHEAD))
}

/// What the layers of a picture take with headers.
fn on_the_way(table: &LayerTable) -> LayerTable {
    let mut table = *table;
    let rates = table
        .spatial
        .iter_mut()
        .flatten()
        .flat_map(|layer| layer.bitrates.iter_mut());
    for rate in rates.flatten() {
        *rate = rate.saturating_add(*rate / VIDEO_OVERHEAD);
    }
    table
}
