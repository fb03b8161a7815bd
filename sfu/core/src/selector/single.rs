//! The policy for one encoding without spatial layers: audio, and VP8 that is not simulcast. Drops temporal layers.

use super::pictures::{Picture, Pictures};
use super::temporal::Temporal;
use super::{Aim, CatchUp, Decision, LayeredPacket, Policy};

#[derive(Default, PartialEq, Eq)]
enum State {
    /// Nothing was forwarded yet: everything may be, a receiver begins with a key frame anyway.
    #[default]
    Fresh,
    /// A key frame was forwarded and what followed.
    Flowing,
    /// What was forwarded is no base for what comes.
    Broken,
}

#[derive(Default)]
pub(crate) struct Single {
    state: State,
    pictures: Pictures,
    temporal: Temporal,
    highest: u64,
    catch_up: Option<CatchUp>,
}

impl Policy for Single {
    fn select(&mut self, aim: &Aim, packet: &LayeredPacket) -> Decision {
        let target = aim.target.map_or(0, |target| target.temporal);
        let behind = self.highest > packet.sequence;
        self.highest = self.highest.max(packet.sequence);
        let begins = packet.facts.key && packet.facts.starts_frame;
        if self.state == State::Broken {
            if !begins {
                return Decision::DROP;
            }
            self.pictures.clear();
            self.catch_up = behind.then_some(CatchUp {
                encoding: packet.encoding,
                from: packet.sequence + 1,
            });
        }
        let anew = self.state == State::Broken;
        if begins {
            self.state = State::Flowing;
        }
        let known = self.pictures.find(packet.timestamp);
        let forward = match known {
            Some(picture) => picture.top.is_some(),
            None if self.pictures.is_late(packet.timestamp) => self.temporal.admits_late(&packet.facts),
            None => {
                let admitted = self.temporal.admits(target, &packet.facts);
                self.pictures.push(Picture {
                    timestamp: packet.timestamp,
                    top: admitted.then_some(0),
                });
                admitted
            }
        };
        if forward {
            Decision::Forward { top: None, anew }
        } else {
            Decision::Drop {
                picture: known.is_none(),
            }
        }
    }

    fn restart(&mut self) {
        self.state = State::Broken;
        self.highest = 0;
    }

    fn awaits(&self, _aim: &Aim) -> Option<u8> {
        (self.state != State::Flowing).then_some(0)
    }

    fn catch_up(&mut self) -> Option<CatchUp> {
        self.catch_up.take()
    }
}
