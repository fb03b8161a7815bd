//! The frame keys of every live epoch, and which epoch is encrypted with.

use std::collections::{BTreeMap, HashMap};

use crate::encoding::ClientId;
use crate::frame::decrypt::{self, Receiver};
use crate::frame::encrypt::Sender;
use crate::frame::{Codec, Context, Decrypted, DropReason};
use crate::key_schedule::BaseKey;
use crate::kid::{self, Kid};

/// How long an epoch's frames are accepted after senders switched to a later one, in milliseconds.
const RETIRE_AFTER: u64 = 10_000;
/// How long after a sender's first frame of a later epoch its frames of an earlier one are accepted, in milliseconds.
const STRAGGLERS: u64 = 2_000;

/// What an epoch brings: its key and who has which leaf in it.
pub(crate) struct NewEpoch {
    pub(crate) epoch: u64,
    pub(crate) base_key: BaseKey,
    pub(crate) own_leaf: u32,
    pub(crate) members: HashMap<u32, ClientId>,
}

/// Keys by full epoch. At most one live epoch has the low 8 bits that are in a KID. Has no Debug.
#[derive(Default)]
pub(crate) struct Keyring {
    epochs: BTreeMap<u64, EpochKeys>,
    sending: Option<u64>,
    /// The newest epoch each (context, leaf) was heard in, and since when.
    heard: HashMap<(Context, u32), (u64, u64)>,
}

struct EpochKeys {
    base_key: BaseKey,
    own_leaf: u32,
    /// A snapshot: a later epoch may give a leaf to somebody else.
    members: HashMap<u32, ClientId>,
    senders: HashMap<Context, Sender>,
    receivers: HashMap<Kid, Receiver>,
    retire_at: Option<u64>,
}

impl Keyring {
    /// Makes an epoch's key usable for decryption. An epoch that is known with the same key keeps its counters and
    /// windows; an older epoch with the same low bits goes (RFC 9605 §5.2).
    pub(crate) fn install(&mut self, new: NewEpoch) {
        if let Some(known) = self.epochs.get_mut(&new.epoch)
            && known.base_key == new.base_key
        {
            known.members = new.members;
            known.own_leaf = new.own_leaf;
            return;
        }
        let low = kid::low_bits(new.epoch);
        self.epochs.retain(|epoch, _| kid::low_bits(*epoch) != low);
        if self
            .sending
            .is_some_and(|epoch| !self.epochs.contains_key(&epoch))
        {
            self.sending = None;
        }
        let keys = EpochKeys {
            base_key: new.base_key,
            own_leaf: new.own_leaf,
            members: new.members,
            senders: HashMap::new(),
            receivers: HashMap::new(),
            retire_at: None,
        };
        self.epochs.insert(new.epoch, keys);
    }

    /// Forgets an epoch that was rolled back.
    pub(crate) fn remove(&mut self, epoch: u64) {
        self.epochs.remove(&epoch);
        if self.sending == Some(epoch) {
            self.sending = None;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Encrypts with `epoch` from now on; earlier epochs are forgotten 10 s later.
    pub(crate) fn send_with(&mut self, now_ms: u64, epoch: u64) {
        if !self.epochs.contains_key(&epoch) {
            return;
        }
        self.sending = Some(epoch);
        for (_, keys) in self.epochs.range_mut(..epoch) {
            keys.retire_at.get_or_insert(now_ms.saturating_add(RETIRE_AFTER));
        }
    }

    /// Encrypts nothing until [`Self::send_with`].
    pub(crate) fn stop_sending(&mut self) {
        self.sending = None;
    }

    /// The epoch that is encrypted with.
    pub(crate) fn sending(&self) -> Option<u64> {
        self.sending
    }

    /// Forgets epochs whose time is over.
    pub(crate) fn handle_timeout(&mut self, now_ms: u64) {
        self.epochs
            .retain(|_, keys| keys.retire_at.is_none_or(|at| at > now_ms));
        let oldest = self.epochs.keys().next().copied().unwrap_or(u64::MAX);
        self.heard.retain(|_, (epoch, _)| *epoch >= oldest);
    }

    /// When an epoch's time is over next.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.epochs.values().filter_map(|keys| keys.retire_at).min()
    }

    /// Encrypts a frame into `out`.
    pub(crate) fn encrypt(
        &mut self,
        context: Context,
        codec: Codec,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DropReason> {
        let epoch = self.sending.ok_or(DropReason::NoKey)?;
        let keys = self.epochs.get_mut(&epoch).ok_or(DropReason::NoKey)?;
        if !keys.senders.contains_key(&context) {
            let kid = Kid::new(context, keys.own_leaf, epoch).ok_or(DropReason::NoKey)?;
            keys.senders.insert(context, Sender::new(&keys.base_key, kid)?);
        }
        keys.senders
            .get_mut(&context)
            .ok_or(DropReason::NoKey)?
            .encrypt(codec, frame, out)
    }

    /// Decrypts a frame into `out` with the one key that its KID names.
    pub(crate) fn decrypt(
        &mut self,
        now_ms: u64,
        expected: Context,
        codec: Codec,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Decrypted, DropReason> {
        let parsed = decrypt::parse(codec, frame)?;
        let kid = parsed.kid;
        // Before the window and the AEAD: a frame on the wrong track must not use up its counter.
        if kid.context != expected {
            return Err(DropReason::WrongCtx);
        }
        let (epoch, keys) = self.live(now_ms, kid.epoch_low)?;
        let member = keys
            .members
            .get(&kid.leaf)
            .copied()
            .ok_or(DropReason::WrongLeaf)?;
        if kid.leaf == keys.own_leaf {
            // Our own frame, sent back to us: the key is for encryption only.
            return Err(DropReason::WrongLeaf);
        }
        if let Some((newest, since)) = self.heard.get(&(kid.context, kid.leaf))
            && epoch < *newest
            && now_ms.saturating_sub(*since) > STRAGGLERS
        {
            return Err(DropReason::EpochRetired);
        }
        let keys = self.epochs.get_mut(&epoch).ok_or(DropReason::NoKey)?;
        match keys.receivers.get_mut(&kid) {
            Some(receiver) => receiver.decrypt(&parsed, out)?,
            None => {
                let mut receiver = Receiver::new(&keys.base_key, kid)?;
                receiver.decrypt(&parsed, out)?;
                // Kept only now, so that forged frames cannot fill the map.
                keys.receivers.insert(kid, receiver);
            }
        }
        let heard = self
            .heard
            .entry((kid.context, kid.leaf))
            .or_insert((epoch, now_ms));
        if heard.0 < epoch {
            *heard = (epoch, now_ms);
        }
        Ok(Decrypted {
            leaf: kid.leaf,
            epoch,
            member,
        })
    }

    /// The one live epoch with these low bits.
    fn live(&self, now_ms: u64, low: u8) -> Result<(u64, &EpochKeys), DropReason> {
        let newest = *self.epochs.keys().next_back().ok_or(DropReason::NoKey)?;
        let found = self
            .epochs
            .iter()
            .find(|(epoch, _)| kid::low_bits(**epoch) == low);
        match found {
            Some((_, keys)) if keys.retire_at.is_some_and(|at| at <= now_ms) => Err(DropReason::EpochRetired),
            Some((epoch, keys)) => Ok((*epoch, keys)),
            // Less than half the range ahead of the newest is an epoch to come, the rest is past.
            None if (1..128).contains(&low.wrapping_sub(kid::low_bits(newest))) => Err(DropReason::NoKey),
            None => Err(DropReason::EpochRetired),
        }
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
