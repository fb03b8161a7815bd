//! A world without sockets: an SFU, a virtual clock, peers that speak browsers' offers, and a record of what leaves.

use std::time::{Duration, Instant};

use conclave_sfu_core::{Config, Egress, Outgoing, Output, PeerSlot, Sfu, ShardSet, Stream, TransportState};
use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::{CREDENTIAL_RANDOM_LEN, IceCredentials, Route};
use conclave_transport::rtcp::{RtcpWriter, events};
use conclave_transport::rtp::{Extension, RtpHeader, RtpView};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{Epoch, LeafIndex, OfferId, PeerId, RoomId, TrackId};
use conclave_wire::media::{Section, SectionRole, Source};

/// An offer with sections 0 and 1 that send (audio, video) and 2 and 3 that receive.
pub(crate) const FIREFOX: &str = include_str!("../../src/negotiation/offers/firefox-153.sdp");
pub(crate) const CHROMIUM: &str = include_str!("../../src/negotiation/offers/chromium-156.sdp");

pub(crate) const ROOM: RoomId = RoomId::new([9; 16]);

/// Where Chromium's camera says it sends from, and its retransmissions.
pub(crate) const CHROMIUM_CAMERA: u32 = 874_120_653;
pub(crate) const CHROMIUM_CAMERA_RTX: u32 = 3_041_451_448;
pub(crate) const CHROMIUM_MICROPHONE: u32 = 3_425_762_086;

/// What left, in order.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) rtp: Vec<(PeerSlot, Vec<u8>)>,
    pub(crate) rtcp: Vec<(PeerSlot, Vec<u8>)>,
    pub(crate) relayed: Vec<(PeerId, Option<Stream>, ShardSet, Vec<u8>)>,
}

impl Egress for Recorder {
    fn rtp(&mut self, to: PeerSlot, packet: &Outgoing<'_>) {
        let mut out = [0; 2000];
        let len = packet.write(&mut out).unwrap();
        self.rtp.push((to, out[..len].to_vec()));
    }

    fn rtcp(&mut self, to: PeerSlot, packet: &[u8]) {
        self.rtcp.push((to, packet.to_vec()));
    }

    fn relay(&mut self, from: PeerId, stream: Option<Stream>, to: ShardSet, packet: &[u8]) {
        self.relayed.push((from, stream, to, packet.to_vec()));
    }
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) sfu: Sfu,
    pub(crate) left: Recorder,
    pub(crate) events: Vec<ControlEvent>,
    pub(crate) opened: Vec<PeerSlot>,
    pub(crate) restarted: Vec<(PeerSlot, String)>,
    pub(crate) closed: Vec<PeerSlot>,
    offers: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of_shard(0)
    }

    pub(crate) fn of_shard(shard: u8) -> Self {
        let candidates = vec!["192.0.2.1:3478".parse().unwrap()];
        Self {
            now: epoch(),
            sfu: Sfu::for_shard(
                Config {
                    fingerprint: Fingerprint([1; 32]),
                    candidates,
                },
                shard,
            ),
            left: Recorder::default(),
            events: Vec::new(),
            opened: Vec::new(),
            restarted: Vec::new(),
            closed: Vec::new(),
            offers: 0,
        }
    }

    /// Chromium publishes microphone and camera as peer 1 with leaf 1, Firefox receives both as peer 2 with leaf 2.
    pub(crate) fn call() -> Self {
        let mut world = Self::new();
        world.enter(1);
        world.enter(2);
        world.publish(1, CHROMIUM);
        world.connect(0);
        world.watch(2, FIREFOX, &[("2", 1), ("3", 2)]);
        world.connect(1);
        world.left = Recorder::default();
        world
    }

    pub(crate) fn enter(&mut self, peer: u64) {
        self.add(peer);
        self.command(ControlCommand::Admit {
            peer: PeerId(peer),
            leaf: leaf(peer),
        });
    }

    pub(crate) fn add(&mut self, peer: u64) {
        self.command(ControlCommand::AddPeer {
            peer: PeerId(peer),
            room: ROOM,
        });
    }

    pub(crate) fn publish(&mut self, peer: u64, offer: &str) -> String {
        let section = |mid: &str, source| Section {
            mid: mid.to_owned(),
            role: SectionRole::Publish { source },
        };
        self.offer(
            peer,
            offer,
            vec![section("0", Source::Microphone), section("1", Source::Camera)],
        )
    }

    /// Subscribes without transport-cc, so that nothing is estimated, spread over time or probed.
    pub(crate) fn watch(&mut self, peer: u64, offer: &str, tracks: &[(&str, u32)]) -> String {
        let plain: String = offer
            .lines()
            .filter(|line| !line.contains("transport-wide-cc"))
            .flat_map(|line| [line, "\r\n"])
            .collect();
        self.watch_reporting(peer, &plain, tracks)
    }

    /// Subscribes as the offer says.
    pub(crate) fn watch_reporting(&mut self, peer: u64, offer: &str, tracks: &[(&str, u32)]) -> String {
        let section = |(mid, track): &(&str, u32)| Section {
            mid: (*mid).to_owned(),
            role: SectionRole::Subscribe {
                track_id: TrackId(*track),
            },
        };
        self.offer(peer, offer, tracks.iter().map(section).collect())
    }

    /// The answer, or the refusal in words.
    pub(crate) fn offer(&mut self, peer: u64, sdp: &str, sections: Vec<Section>) -> String {
        self.offers += 1;
        let offer_id = OfferId(self.offers);
        self.command(ControlCommand::Negotiate {
            peer: PeerId(peer),
            offer_id,
            sdp: sdp.to_owned(),
            sections,
        });
        self.events
            .iter()
            .find_map(|event| match event {
                ControlEvent::Answered {
                    offer_id: answered,
                    sdp,
                    ..
                } if *answered == offer_id => Some(sdp.clone()),
                ControlEvent::NegotiationFailed {
                    offer_id: refused,
                    code,
                    ..
                } if *refused == offer_id => Some(format!("{code:?}")),
                _ => None,
            })
            .unwrap()
    }

    pub(crate) fn connect(&mut self, slot: usize) {
        self.sfu.handle_transport(
            self.now,
            PeerSlot(slot),
            TransportState::Connected,
            &mut self.left,
        );
        self.drain();
    }

    pub(crate) fn go(&mut self) {
        self.command(ControlCommand::Go {
            room: ROOM,
            epoch: Epoch(1),
        });
    }

    pub(crate) fn command(&mut self, command: ControlCommand) {
        let fresh = [u8::try_from(self.offers % 256).unwrap(); CREDENTIAL_RANDOM_LEN];
        let credentials = |_| Some(IceCredentials::from_random(Route { shard: 0, peer: 0 }, &fresh));
        self.sfu
            .handle_command(self.now, command, credentials, &mut self.left);
        self.drain();
    }

    pub(crate) fn rtp(&mut self, slot: usize, packet: &[u8]) {
        self.sfu
            .handle_rtp(self.now, PeerSlot(slot), packet, &mut self.left);
        self.drain();
    }

    pub(crate) fn rtcp(&mut self, slot: usize, write: impl FnOnce(&mut RtcpWriter<'_>)) {
        let mut buffer = [0; 1200];
        let mut writer = RtcpWriter::new(&mut buffer);
        write(&mut writer);
        let len = writer.len();
        self.sfu
            .handle_rtcp(self.now, PeerSlot(slot), &buffer[..len], &mut self.left);
        self.drain();
    }

    /// Lets time pass, serving every timeout.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.sfu.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.sfu.handle_timeout(self.now, &mut self.left);
            self.drain();
        }
        self.now = end;
    }

    /// RTP that left since the last call, as (receiver, packet).
    pub(crate) fn take_rtp(&mut self) -> Vec<(usize, Vec<u8>)> {
        self.left
            .rtp
            .drain(..)
            .map(|(to, packet)| (to.0, packet))
            .collect()
    }

    /// RTCP for `slot` that left since the last call, in words.
    pub(crate) fn take_rtcp(&mut self, slot: usize) -> Vec<String> {
        let mut words = Vec::new();
        self.left.rtcp.retain(|(to, packet)| {
            if to.0 == slot {
                words.extend(events(packet).map(|event| format!("{:?}", event.unwrap())));
            }
            to.0 != slot
        });
        words
    }

    pub(crate) fn count_rtcp(&mut self, slot: usize, kind: &str) -> usize {
        self.take_rtcp(slot)
            .iter()
            .filter(|event| event.starts_with(kind))
            .count()
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.sfu.poll_output() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::OpenTransport { peer, .. } => self.opened.push(peer),
                Output::RestartIce { peer, ufrag, .. } => self.restarted.push((peer, ufrag)),
                Output::CloseTransport { peer } => self.closed.push(peer),
            }
        }
    }
}

pub(crate) fn leaf(peer: u64) -> LeafIndex {
    LeafIndex(u32::try_from(peer).unwrap())
}

/// An SFrame frame under peer `peer`'s leaf.
pub(crate) fn sframe(source: Source, peer: u64, body: &[u8]) -> Vec<u8> {
    let kid = (u32::from(source.context()) << 20 | leaf(peer).0 << 8 | 1).to_be_bytes();
    [&[0x80 | 2 << 4 | 0x08][..], &kid[1..], &[7], body].concat()
}

/// The payload of a VP8 delta frame in one packet.
pub(crate) fn camera_payload(peer: u64, body: &[u8]) -> Vec<u8> {
    [&[0x10, 0x01][..], &sframe(Source::Camera, peer, body)].concat()
}

pub(crate) fn packet(ssrc: u32, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    packet_with(ssrc, payload_type, sequence, timestamp, &[], payload)
}

pub(crate) fn packet_with(
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    extensions: &[Extension<'_>],
    payload: &[u8],
) -> Vec<u8> {
    let mut out = vec![0; 1500];
    let header = RtpHeader {
        marker: true,
        payload_type,
        sequence_number: sequence,
        timestamp,
        ssrc,
    };
    let len = header.write(extensions, &mut out).unwrap();
    out.truncate(len);
    out.extend(payload);
    out
}

/// A packet of Chromium's camera that is a whole frame.
pub(crate) fn camera(sequence: u16, timestamp: u32, body: &[u8]) -> Vec<u8> {
    packet(CHROMIUM_CAMERA, 96, sequence, timestamp, &camera_payload(1, body))
}

/// The same for a key frame.
pub(crate) fn key_frame(sequence: u16, timestamp: u32, body: &[u8]) -> Vec<u8> {
    let payload = key_payload(1, body);
    packet(CHROMIUM_CAMERA, 96, sequence, timestamp, &payload)
}

/// The payload of a VP8 key frame in one packet.
pub(crate) fn key_payload(peer: u64, body: &[u8]) -> Vec<u8> {
    [&[0x10][..], &[0; 10], &sframe(Source::Camera, peer, body)].concat()
}

pub(crate) fn view(packet: &[u8]) -> RtpView<'_> {
    RtpView::parse(packet).unwrap()
}

/// Any instant: the virtual clock starts there.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only be had from the clock; what follows is arithmetic"
)]
fn epoch() -> Instant {
    Instant::now()
}
