//! Participants' names at the SFU, and whether there is an SFU.

use std::collections::HashMap;

use conclave_wire::control::ControlCommand;
use conclave_wire::id::PeerId;

use crate::outbox::Outbox;
use crate::session::Place;

/// All peers of this process.
pub(crate) struct Peers {
    places: HashMap<PeerId, Place>,
    next: u64,
    ready: bool,
}

impl Peers {
    /// `first` should differ between runs: an SFU may outlive this process, with peers of before.
    pub(crate) fn new(first: u32) -> Self {
        // 52 bits, so that JSON numbers hold them exactly.
        Self {
            places: HashMap::new(),
            next: u64::from(first) << 20,
            ready: false,
        }
    }

    pub(crate) fn name(&mut self, place: Place) -> PeerId {
        let peer = PeerId(self.next);
        self.next += 1;
        self.places.insert(peer, place);
        peer
    }

    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.places.remove(&peer);
    }

    pub(crate) fn place(&self, peer: PeerId) -> Option<Place> {
        self.places.get(&peer).copied()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    pub(crate) fn set_ready(&mut self, ready: bool) {
        self.ready = ready;
    }

    /// Commands go out only while there is an SFU: one that comes later is told of every peer then.
    pub(crate) fn tell(&self, outbox: &mut Outbox, command: ControlCommand) {
        if self.ready {
            outbox.control(command);
        }
    }
}
