//! The policy for spatial layers in one stream (VP9): goes up at key pictures, sends along only what is referred to.
//!
//! In K-SVC (L3T3_KEY) a layer refers to the one below only in key pictures, so that afterwards the layer itself is
//! enough; the publisher says so by Z (RFC 9628 §4.2). Receivers find references by picture id and P_DIFF or the
//! picture group, within a spatial layer, and take a picture as ended at the marker; so picture ids stay as they are
//! and the marker moves to the last packet of the highest layer that is sent.

use super::pictures::{Picture, Pictures};
use super::temporal::Temporal;
use super::{Aim, CatchUp, Decision, LayeredPacket, Policy};
use crate::layer::{Layer, MAX_SPATIAL};

/// Pictures of this temporal layer and above are referred to by none that stays when they are missing.
const DISPENSABLE: u8 = 2;

#[derive(Default)]
pub(crate) struct Svc {
    /// The highest spatial layer that is forwarded.
    current: Option<u8>,
    temporal: Temporal,
    /// Layers of which everything since the last key picture was forwarded: one can go down to them at once.
    complete: [bool; MAX_SPATIAL],
    /// Spatial layers the publisher announced; 0 before it did.
    announced: u8,
    /// A picture had nothing for the subscriber that others may refer to: the publisher left the layer out.
    broken: bool,
    pictures: Pictures,
    highest: u64,
    catch_up: Option<CatchUp>,
}

impl Policy for Svc {
    fn select(&mut self, aim: &Aim, packet: &LayeredPacket) -> Decision {
        self.announced = packet.facts.announced.unwrap_or(self.announced);
        let (Some(target), Some(wanted)) = (aim.target, self.wanted(aim)) else {
            return Decision::DROP;
        };
        let behind = self.highest > packet.sequence;
        self.highest = self.highest.max(packet.sequence);
        let first_of_key = packet.facts.key && packet.facts.starts_frame && packet.facts.spatial == 0;
        let mut anew = false;
        let current = match self.current {
            Some(current) => current,
            None if first_of_key => {
                anew = true;
                self.pictures.clear();
                self.catch_up = behind.then_some(CatchUp {
                    encoding: packet.encoding,
                    from: packet.sequence + 1,
                });
                wanted
            }
            None => return Decision::DROP,
        };
        let known = self.pictures.find(packet.timestamp);
        let top = match known {
            Some(picture) => picture.top,
            None if self.pictures.is_late(packet.timestamp) => {
                self.temporal.admits_late(&packet.facts).then_some(current)
            }
            None => self.decide(wanted, target, current, packet),
        };
        self.layer(top, packet, known.is_none(), anew)
    }

    fn restart(&mut self) {
        self.current = None;
        self.broken = false;
        self.highest = 0;
    }

    fn awaits(&self, aim: &Aim) -> Option<u8> {
        let wanted = self.wanted(aim)?;
        let reached = self
            .current
            .is_some_and(|current| wanted == current || (wanted < current && self.is_complete(wanted)));
        (!reached || self.broken).then_some(0)
    }

    fn catch_up(&mut self) -> Option<CatchUp> {
        self.catch_up.take()
    }
}

impl Svc {
    /// The aim, as far as the stream has so many layers.
    fn wanted(&self, aim: &Aim) -> Option<u8> {
        let wanted = aim.spatial()?;
        Some(match self.announced {
            0 => wanted,
            announced => wanted.min(announced - 1),
        })
    }

    /// Decides on a new picture: the highest layer of it that is forwarded.
    fn decide(&mut self, wanted: u8, target: Layer, current: u8, packet: &LayeredPacket) -> Option<u8> {
        let (mut current, mut temporal) = (current, target.temporal);
        if packet.facts.key {
            current = wanted;
            self.broken = false;
            self.complete = [true; MAX_SPATIAL];
        } else if wanted < current {
            if self.is_complete(wanted) {
                current = wanted;
            } else {
                // Until the key picture comes, every picture that can be left out is.
                temporal = 0;
            }
        }
        self.current = Some(current);
        let top = self.temporal.admits(temporal, &packet.facts).then_some(current);
        self.pictures.push(Picture {
            timestamp: packet.timestamp,
            top,
        });
        top
    }

    /// Decides on a packet of a picture.
    fn layer(&mut self, top: Option<u8>, packet: &LayeredPacket, first: bool, anew: bool) -> Decision {
        let spatial = packet.facts.spatial;
        let Some(top) = top else {
            return Decision::Drop { picture: first };
        };
        if spatial > top || (spatial < top && packet.facts.discardable) {
            if let Some(complete) = self.complete.get_mut(usize::from(spatial)) {
                *complete = false;
            }
            // Receivers that find references by picture ids wait for this one, and say so only after seconds.
            self.broken |= packet.marker && spatial < top && packet.facts.temporal < DISPENSABLE;
            return Decision::DROP;
        }
        Decision::Forward { top: Some(top), anew }
    }

    fn is_complete(&self, spatial: u8) -> bool {
        self.complete.get(usize::from(spatial)).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Facts, Live};
    use super::*;

    fn aim() -> Aim {
        let mut live = Live::default();
        for spatial in 0..3 {
            live.insert(spatial);
        }
        Aim {
            target: Some(Layer::TOP),
            live,
        }
    }

    /// One packet for each layer of a picture; between key pictures nothing refers to a lower layer.
    fn picture(svc: &mut Svc, number: u32, key: bool, temporal: u8, layers: u8) {
        for spatial in 0..layers {
            let packet = LayeredPacket {
                encoding: 0,
                sequence: u64::from(number) * 3 + u64::from(spatial),
                timestamp: number * 3000,
                marker: spatial + 1 == layers,
                facts: Facts {
                    spatial,
                    temporal,
                    key,
                    discardable: !key,
                    layered: true,
                    announced: key.then_some(3),
                    ..Facts::PLAIN
                },
            };
            svc.select(&aim(), &packet);
        }
    }

    #[test]
    fn a_picture_without_the_layer_that_is_sent_needs_a_key_picture() {
        let mut svc = Svc::default();
        picture(&mut svc, 1, true, 0, 3);
        picture(&mut svc, 2, false, 2, 3);
        assert_eq!(svc.awaits(&aim()), None);
        picture(&mut svc, 3, false, 2, 2);
        assert_eq!(svc.awaits(&aim()), None, "nothing refers to this one");
        picture(&mut svc, 4, false, 1, 2);
        assert_eq!(svc.awaits(&aim()), Some(0));
        picture(&mut svc, 5, false, 0, 3);
        assert_eq!(svc.awaits(&aim()), Some(0), "it does not heal by itself");
        picture(&mut svc, 6, true, 0, 3);
        assert_eq!(svc.awaits(&aim()), None);
    }
}
