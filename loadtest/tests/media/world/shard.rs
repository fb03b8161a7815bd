//! One SFU core and what leaves it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Instant;

use conclave_sfu_core::{Config, Egress, Mirror, Outgoing, PeerSlot, Sfu, ShardSet, Stream, TransportState};
use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::{CREDENTIAL_RANDOM_LEN, IceCredentials, Route};
use conclave_transport::rtp::RtpView;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{PeerId, RoomId};

/// A packet for other shards.
type Relayed = (PeerId, Option<Stream>, ShardSet, Vec<u8>);

pub(crate) struct Shard {
    number: usize,
    pub(crate) sfu: Sfu,
    left: Left,
}

/// What left and was not taken yet.
struct Left {
    datagrams: Vec<(PeerSlot, Vec<u8>)>,
    relayed: Vec<Relayed>,
    decisions: DefaultHasher,
}

impl Egress for Left {
    fn rtp(&mut self, to: PeerSlot, packet: &Outgoing<'_>) {
        let mut out = [0; 2000];
        let len = packet.write(&mut out).unwrap();
        let bytes = &out[..len];
        let header = RtpView::parse_header(bytes).unwrap().header_len();
        (to.0, &bytes[..header], len).hash(&mut self.decisions);
        self.datagrams.push((to, bytes.to_vec()));
    }

    fn rtcp(&mut self, to: PeerSlot, packet: &[u8]) {
        (to.0, packet).hash(&mut self.decisions);
        self.datagrams.push((to, packet.to_vec()));
    }

    fn relay(&mut self, from: PeerId, stream: Option<Stream>, to: ShardSet, packet: &[u8]) {
        self.relayed.push((from, stream, to, packet.to_vec()));
    }
}

impl Shard {
    pub(crate) fn new(number: usize) -> Self {
        let config = Config {
            fingerprint: Fingerprint([1; 32]),
            candidates: vec!["192.0.2.1:3478".parse().unwrap()],
        };
        Self {
            number,
            sfu: Sfu::for_shard(config, u8::try_from(number).unwrap()),
            left: Left {
                datagrams: Vec::new(),
                relayed: Vec::new(),
                decisions: DefaultHasher::new(),
            },
        }
    }

    pub(crate) fn command(&mut self, now: Instant, command: ControlCommand) {
        let random = [7; CREDENTIAL_RANDOM_LEN];
        let shard = u8::try_from(self.number).unwrap();
        let credentials = |slot: PeerSlot| {
            let route = Route {
                shard,
                peer: u64::try_from(slot.0).unwrap(),
            };
            Some(IceCredentials::from_random(route, &random))
        };
        self.sfu.handle_command(now, command, credentials, &mut self.left);
    }

    pub(crate) fn transport(&mut self, now: Instant, peer: PeerSlot, state: TransportState) {
        self.sfu.handle_transport(now, peer, state, &mut self.left);
    }

    pub(crate) fn datagram(&mut self, now: Instant, from: PeerSlot, is_rtcp: bool, datagram: &[u8]) {
        if is_rtcp {
            self.sfu.handle_rtcp(now, from, datagram, &mut self.left);
        } else {
            self.sfu.handle_rtp(now, from, datagram, &mut self.left);
        }
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        self.sfu.handle_timeout(now, &mut self.left);
    }

    /// What left since the last call, in order.
    pub(crate) fn take(&mut self) -> Vec<(PeerSlot, Vec<u8>)> {
        std::mem::take(&mut self.left.datagrams)
    }

    /// The packets for other shards since the last call.
    pub(crate) fn take_relayed(&mut self) -> Vec<Relayed> {
        std::mem::take(&mut self.left.relayed)
    }

    /// Keeps of what left only what `keep` says.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(PeerSlot, &[u8]) -> bool) {
        self.left.datagrams.retain(|(to, datagram)| keep(*to, datagram));
    }

    /// Makes the mirror of another shard's peer what that is now.
    pub(crate) fn mirror(&mut self, now: Instant, room: RoomId, mirror: &Mirror) -> Option<PeerSlot> {
        self.sfu.set_mirror(now, room, mirror, &mut self.left)
    }

    /// A packet of a mirror.
    pub(crate) fn relayed(&mut self, now: Instant, from: PeerId, stream: Option<Stream>, packet: &[u8]) {
        self.sfu.handle_relayed(now, from, stream, packet, &mut self.left);
    }

    /// Another shard needs a key frame.
    pub(crate) fn keyframe(&mut self, now: Instant, of: PeerId, ssrc: u32) {
        self.sfu.relay_keyframe(now, of, ssrc, &mut self.left);
    }

    pub(crate) fn decisions(&self) -> u64 {
        self.left.decisions.finish()
    }
}
