//! Which of a track's packets a subscriber gets: one policy per file, chosen by what the track sends.
//!
//! A selector sees facts of header, payload descriptor and extensions, never the payload. It is told what to aim at
//! ([`Aim`]) and answers for each packet of the track, in the order of arrival. It promises that what it forwards is
//! decodable by what it forwarded before: pictures go or stay whole, and another encoding begins with a key frame.

mod facts;
mod pictures;
mod simulcast;
mod single;
mod svc;
mod temporal;

pub(crate) use facts::Facts;

use conclave_wire::media::Codec;

use crate::layer::{Layer, MAX_SPATIAL};

/// One packet of a track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayeredPacket {
    /// Index of its encoding.
    pub(crate) encoding: u8,
    /// Its sequence number without wraps, within its encoding.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    /// The marker as the publisher set it: the last packet of a picture.
    pub(crate) marker: bool,
    pub(crate) facts: Facts,
}

/// What is to become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Forward {
        /// The spatial layer with which the subscriber's picture ends; `None`: where the publisher's does.
        top: Option<u8>,
        /// It is a beginning: nothing before it in its encoding is sent any more.
        anew: bool,
    },
    Drop {
        /// It is the first packet seen of a picture that was not dropped so far.
        picture: bool,
    },
}

impl Decision {
    pub(crate) const DROP: Self = Self::Drop { picture: false };
}

/// What a selector works towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    /// What allocation decided; `None`: nothing is to be sent.
    pub(crate) target: Option<Layer>,
    /// Which encodings or spatial layers are being sent.
    pub(crate) live: Live,
}

impl Aim {
    /// The spatial layer to get to: the target, else the next smaller one that is sent, else the next larger one.
    fn spatial(&self) -> Option<u8> {
        let target = self.target?.spatial;
        let sent = |spatial: &u8| self.live.contains(*spatial);
        let smaller = (0..=target).rev().find(sent);
        let larger = || (target..).take(MAX_SPATIAL).find(sent);
        Some(smaller.or_else(larger).unwrap_or(target))
    }
}

/// A set of encodings or spatial layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Live(u8);

impl Live {
    pub(crate) const fn contains(self, spatial: u8) -> bool {
        spatial < 8 && self.0 & (1 << spatial) != 0
    }

    pub(crate) const fn insert(&mut self, spatial: u8) {
        if spatial < 8 {
            self.0 |= 1 << spatial;
        }
    }

    pub(crate) const fn remove(&mut self, spatial: u8) {
        if spatial < 8 {
            self.0 &= !(1 << spatial);
        }
    }
}

/// Packets of an encoding that a subscriber has to be given after the one that was decided on: the selector came to
/// know too late that it wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CatchUp {
    pub(crate) encoding: u8,
    /// The first packet's sequence number.
    pub(crate) from: u64,
}

/// A policy.
trait Policy {
    /// Decides on a packet.
    fn select(&mut self, aim: &Aim, packet: &LayeredPacket) -> Decision;

    /// What was forwarded so far is no base for what comes: a pause, or another publisher.
    fn restart(&mut self);

    /// The encoding without whose key frame the aim cannot be reached.
    fn awaits(&self, aim: &Aim) -> Option<u8>;

    /// Packets that passed before they were wanted; asked after each forwarded packet.
    fn catch_up(&mut self) -> Option<CatchUp> {
        None
    }
}

/// The selector of one subscription.
pub(crate) enum Selector {
    Single(single::Single),
    Simulcast(simulcast::Simulcast),
    Svc(svc::Svc),
}

impl Selector {
    /// The policy for a track of this codec with so many encodings.
    pub(crate) fn new(codec: Codec, encodings: usize) -> Self {
        match codec {
            _ if encodings > 1 => Self::Simulcast(simulcast::Simulcast::default()),
            Codec::Vp9 => Self::Svc(svc::Svc::default()),
            Codec::Vp8 | Codec::Opus => Self::Single(single::Single::default()),
        }
    }

    pub(crate) fn select(&mut self, aim: &Aim, packet: &LayeredPacket) -> Decision {
        if aim.target.is_none() {
            return Decision::DROP;
        }
        self.policy_mut().select(aim, packet)
    }

    pub(crate) fn restart(&mut self) {
        self.policy_mut().restart();
    }

    pub(crate) fn awaits(&self, aim: &Aim) -> Option<u8> {
        aim.target?;
        self.policy().awaits(aim)
    }

    pub(crate) fn catch_up(&mut self) -> Option<CatchUp> {
        self.policy_mut().catch_up()
    }

    fn policy(&self) -> &dyn Policy {
        match self {
            Self::Single(single) => single,
            Self::Simulcast(simulcast) => simulcast,
            Self::Svc(svc) => svc,
        }
    }

    fn policy_mut(&mut self) -> &mut dyn Policy {
        match self {
            Self::Single(single) => single,
            Self::Simulcast(simulcast) => simulcast,
            Self::Svc(svc) => svc,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aim_is_the_target_or_the_nearest_layer_that_is_sent() {
        for (target, sent, expected) in [
            (2, &[0, 1, 2][..], 2),
            (2, &[0, 1][..], 1),
            (1, &[0, 2][..], 0),
            (0, &[1, 2][..], 1),
            (1, &[][..], 1),
        ] {
            let mut live = Live::default();
            for spatial in sent {
                live.insert(*spatial);
            }
            let aim = Aim {
                target: Some(Layer {
                    spatial: target,
                    temporal: 0,
                }),
                live,
            };
            assert_eq!(aim.spatial(), Some(expected), "{target} of {sent:?}");
        }
    }
}
