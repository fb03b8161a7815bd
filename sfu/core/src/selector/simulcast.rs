//! The policy for several encodings of one picture: goes to another one at its key frame, between two frames.

use super::pictures::{Picture, Pictures};
use super::temporal::Temporal;
use super::{Aim, CatchUp, Decision, LayeredPacket, Policy};
use crate::layer::MAX_SPATIAL;

/// A key frame of another encoding that came while a frame of the current one was under way.
#[derive(Clone, Copy)]
struct Entry {
    encoding: u8,
    sequence: u64,
}

#[derive(Default)]
pub(crate) struct Simulcast {
    current: Option<u8>,
    pictures: Pictures,
    temporal: Temporal,
    /// Whether a frame of the current encoding was begun and not ended.
    open: bool,
    entry: Option<Entry>,
    highest: [u64; MAX_SPATIAL],
    catch_up: Option<CatchUp>,
}

impl Policy for Simulcast {
    fn select(&mut self, aim: &Aim, packet: &LayeredPacket) -> Decision {
        let Some(wanted) = aim.spatial() else {
            return Decision::DROP;
        };
        let behind = self.note(packet);
        if self.entry.is_some_and(|entry| entry.encoding != wanted) {
            self.entry = None;
        }
        if self.current == Some(packet.encoding) {
            return self.go_on(aim, wanted, packet);
        }
        if !(packet.facts.key && packet.facts.starts_frame) {
            return Decision::DROP;
        }
        let silent = self.current.is_some_and(|current| !aim.live.contains(current));
        match self.current {
            // Whatever comes first is better than nothing; more than was allotted is not.
            None if packet.encoding <= wanted => self.begin(aim, packet, behind),
            Some(_) if packet.encoding == wanted && (silent || !self.open) => self.begin(aim, packet, behind),
            Some(_) if packet.encoding == wanted => {
                self.entry = Some(Entry {
                    encoding: wanted,
                    sequence: packet.sequence,
                });
                Decision::DROP
            }
            _ => Decision::DROP,
        }
    }

    fn restart(&mut self) {
        self.current = None;
        self.open = false;
        self.entry = None;
        self.highest = [0; MAX_SPATIAL];
    }

    fn awaits(&self, aim: &Aim) -> Option<u8> {
        aim.spatial().filter(|wanted| self.current != Some(*wanted))
    }

    fn catch_up(&mut self) -> Option<CatchUp> {
        self.catch_up.take()
    }
}

impl Simulcast {
    /// A packet of the current encoding.
    fn go_on(&mut self, aim: &Aim, wanted: u8, packet: &LayeredPacket) -> Decision {
        let known = self.pictures.find(packet.timestamp);
        let late = known.is_none() && self.pictures.is_late(packet.timestamp);
        if known.is_none() && !late && self.entry.is_some() {
            // The frame under way will not end any more, or only late.
            self.leave();
            return Decision::DROP;
        }
        let forward = match known {
            Some(picture) => picture.top.is_some(),
            None if late => self.temporal.admits_late(&packet.facts),
            None => self.decide(aim, wanted, packet),
        };
        if !forward {
            return Decision::Drop {
                picture: known.is_none(),
            };
        }
        if self.highest.get(usize::from(packet.encoding)) == Some(&packet.sequence) {
            self.open = !packet.marker;
        }
        if !self.open && self.entry.is_some() {
            self.leave();
        }
        Decision::Forward {
            top: None,
            anew: false,
        }
    }

    fn decide(&mut self, aim: &Aim, wanted: u8, packet: &LayeredPacket) -> bool {
        let target = match aim.target {
            // On the way down every frame that can be left out is.
            Some(_) if packet.encoding > wanted => 0,
            Some(target) => target.temporal,
            None => return false,
        };
        let admitted = self.temporal.admits(target, &packet.facts);
        self.pictures.push(Picture {
            timestamp: packet.timestamp,
            top: admitted.then_some(packet.encoding),
        });
        admitted
    }

    /// Begins with a key frame. Packets behind its first that came before it are caught up with.
    fn begin(&mut self, aim: &Aim, packet: &LayeredPacket, behind: bool) -> Decision {
        self.current = Some(packet.encoding);
        self.entry = None;
        self.open = !packet.marker;
        self.pictures.clear();
        self.pictures.push(Picture {
            timestamp: packet.timestamp,
            top: Some(packet.encoding),
        });
        self.temporal
            .begin(aim.target.map_or(0, |target| target.temporal));
        self.catch_up = behind.then_some(CatchUp {
            encoding: packet.encoding,
            from: packet.sequence + 1,
        });
        Decision::Forward {
            top: None,
            anew: true,
        }
    }

    /// Leaves the current encoding for the one whose key frame waits: it begins when it is caught up with.
    fn leave(&mut self) {
        self.current = None;
        self.open = false;
        self.catch_up = self.entry.take().map(|entry| CatchUp {
            encoding: entry.encoding,
            from: entry.sequence,
        });
    }

    /// Notes a packet's number; `true` when a later one of its encoding was there before.
    fn note(&mut self, packet: &LayeredPacket) -> bool {
        let Some(highest) = self.highest.get_mut(usize::from(packet.encoding)) else {
            return false;
        };
        let behind = *highest > packet.sequence;
        *highest = (*highest).max(packet.sequence);
        behind
    }
}
