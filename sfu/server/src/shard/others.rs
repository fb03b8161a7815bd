//! What a shard and the others tell each other about wide rooms.

use std::time::Instant;

use conclave_wire::control::ControlCommand;
use conclave_wire::id::{PeerId, RoomId};

use super::Shard;
use crate::relay::Message;

impl Shard {
    /// The shards of a room are others now.
    pub(super) fn span(&mut self, room: RoomId, shards: &[usize], version: u64) {
        let change = self.sessions.relay.span(room, shards, version);
        for peer in change.gone {
            self.remove_mirror(peer);
        }
        for shard in change.left {
            self.core.set_relayed(room, None, shard, false);
        }
        for peer in self.core.own_peers(room) {
            let Some((_, mirror)) = self.core.mirror_of(peer) else {
                continue;
            };
            for shard in &change.joined {
                self.sessions.relay.tell_mirror(room, &mirror, Some(*shard));
            }
        }
        for shard in change.joined {
            self.sessions.relay.tell_all_told(room, shard);
        }
    }

    pub(super) fn take_messages(&mut self, most: usize) {
        for _ in 0..most {
            let Ok((from, message)) = self.inbox.try_recv() else {
                return;
            };
            self.message(from, message);
        }
    }

    /// Handles what another shard says.
    pub(super) fn message(&mut self, from: usize, message: Message) {
        let now = Instant::now();
        match message {
            Message::Media(batch) => {
                batch.for_each(|peer, stream, packet| {
                    self.sessions.begin();
                    self.core
                        .handle_relayed(now, peer, stream, packet, &mut self.sessions);
                });
                return self.sessions.relay.recycle(batch);
            }
            Message::Mirror { room, mirror, met } => {
                if self.sessions.relay.is_stale(from, room, met) {
                    return;
                }
                let slot = self.core.set_mirror(now, room, &mirror, &mut self.sessions);
                if let Some(slot) = slot {
                    self.sessions
                        .relay
                        .add_mirror(mirror.peer(), from, met, room, slot);
                }
            }
            Message::AllTold { room, met } => self.sessions.relay.all_told(from, room, met),
            Message::Gone { peer } => self.remove_mirror(peer),
            Message::Wanted { room, track, met, on } => {
                if self.sessions.relay.has_met(from, room, met) {
                    self.core.set_relayed(room, Some(track), from, on);
                }
            }
            Message::Needed {
                peer,
                source,
                met,
                needed,
            } => {
                let room = self.core.mirror_of(peer).map(|(room, _)| room);
                if room.is_some_and(|room| self.sessions.relay.has_met(from, room, met)) {
                    self.core.set_needed(peer, source, from, &needed);
                }
            }
            Message::Keyframe { peer, ssrc } => {
                self.core.relay_keyframe(now, peer, ssrc, &mut self.sessions);
            }
        }
        self.note_change();
        self.drain_core(now);
    }

    fn remove_mirror(&mut self, peer: PeerId) {
        // Its events are still known as a mirror's while they are drained.
        self.control(ControlCommand::RemovePeer { peer });
        self.sessions.relay.remove_mirror(peer);
    }

    /// Tells the other shards of wide rooms what has changed here.
    pub(super) fn tell_others(&mut self) {
        for peer in self.sessions.relay.take_changed() {
            if let Some((room, mirror)) = self.core.mirror_of(peer) {
                self.sessions.relay.tell_mirror(room, &mirror, None);
            }
        }
        if std::mem::take(&mut self.views_changed) {
            for room in self.sessions.relay.rooms() {
                let watched = self.core.watched_mirrors(room);
                self.sessions.relay.tell_wanted(room, &watched);
            }
        }
        self.sessions.relay.flush();
    }
}

#[cfg(test)]
#[path = "others_tests.rs"]
mod tests;
