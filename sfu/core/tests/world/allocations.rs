//! Once a stream runs, forwarding a packet allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use conclave_sfu_core::{Egress, Outgoing, PeerSlot};
use conclave_transport::rtcp::RtcpWriter;
use conclave_wire::client::subscription::View;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{PeerId, TrackId};
use conclave_wire::media::Source;

use crate::described;
use crate::picture::{Camera, Scalable, Simulcast, simulcast_offer};
use crate::support::*;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Writes packets where a driver would seal them.
struct Sink {
    buffer: [u8; 2048],
    packets: u64,
}

impl Egress for Sink {
    fn rtp(&mut self, _to: PeerSlot, packet: &Outgoing<'_>) {
        packet.write(&mut self.buffer).unwrap();
        self.packets += 1;
    }

    fn rtcp(&mut self, _to: PeerSlot, _packet: &[u8]) {}
}

#[test]
fn forwarding_allocates_nothing_after_the_first_packets() {
    let mut world = World::call();
    for peer in 3..12u64 {
        world.enter(peer);
        world.watch(peer, FIREFOX, &[("2", 1), ("3", 2)]);
        world.connect(usize::try_from(peer).unwrap() - 1);
    }
    let mut sink = Sink {
        buffer: [0; 2048],
        packets: 0,
    };
    let packets: Vec<Vec<u8>> = (0..2000u16)
        .flat_map(|step| {
            let timestamp = u32::from(step) * 960;
            let sound = sframe(Source::Microphone, 1, &[7; 80]);
            [
                camera(step, timestamp, &[5; 1000]),
                packet(CHROMIUM_MICROPHONE, 111, step, timestamp, &sound),
            ]
        })
        .collect();
    let (warm_up, measured) = packets.split_at(100);
    let now = world.now;
    for bytes in warm_up {
        world.sfu.handle_rtp(now, PeerSlot(0), bytes, &mut sink);
    }
    let (sent_before, before) = (sink.packets, ALLOCATIONS.with(Cell::get));
    for bytes in measured {
        world.sfu.handle_rtp(now, PeerSlot(0), bytes, &mut sink);
    }
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    assert_eq!(sink.packets - sent_before, 3900 * 10);
    assert_eq!(allocations, 0);
    let counted = std::hint::black_box(vec![0u8; 10]);
    assert!(
        ALLOCATIONS.with(Cell::get) > before,
        "the counter counts: {}",
        counted.len()
    );
}

/// Bursts to subscribers that report: numbers, pacing and probes.
#[test]
fn numbering_and_pacing_allocate_nothing_after_the_first_bursts() {
    let mut world = World::new();
    world.enter(1);
    world.publish(1, CHROMIUM);
    world.connect(0);
    for peer in 2..12u64 {
        world.enter(peer);
        world.watch_reporting(peer, FIREFOX, &[("2", 1), ("3", 2)]);
        world.connect(usize::try_from(peer).unwrap() - 1);
    }
    let mut sink = Sink {
        buffer: [0; 2048],
        packets: 0,
    };
    let bursts: Vec<Vec<Vec<u8>>> = (0..10u16)
        .map(|burst| {
            let packets = 0..6u16;
            let of = |nth| camera(burst * 6 + nth, u32::from(burst) * 22_500, &[5; 1000]);
            packets.map(of).collect()
        })
        .collect();
    let mut allocations = Vec::new();
    for burst in &bursts {
        let before = ALLOCATIONS.with(Cell::get);
        for packet in burst {
            world.sfu.handle_rtp(world.now, PeerSlot(0), packet, &mut sink);
        }
        let end = world.now + std::time::Duration::from_millis(250);
        while let Some(at) = world.sfu.poll_timeout().filter(|at| *at <= end) {
            world.now = at;
            world.sfu.handle_timeout(at, &mut sink);
        }
        world.now = end;
        allocations.push(ALLOCATIONS.with(Cell::get) - before);
    }
    assert!(world.sfu.take_counters().paced > 300, "bursts are spread");
    assert!(sink.packets >= 600, "{}", sink.packets);
    // What is left is the list of one receiver report a second.
    let later: u64 = allocations.iter().skip(4).sum();
    assert!(later <= 2, "{allocations:?}");
}

/// Forwarding through selectors that drop and switch, retransmissions and key frame requests.
#[test]
fn selecting_layers_allocates_nothing_after_the_first_pictures() {
    let cameras: [(String, u8, Box<dyn Camera>); 3] = [
        (simulcast_offer(), 120, Box::new(Simulcast::new())),
        (described::offer(), 120, Box::new(Simulcast::new())),
        (Scalable::offer(), 121, Box::new(Scalable::new(true))),
    ];
    for (offer, payload_type, mut camera) in cameras {
        let mut world = World::new();
        world.enter(1);
        world.publish(1, &offer);
        world.connect(0);
        for peer in 2..8u64 {
            world.enter(peer);
            world.watch(peer, FIREFOX, &[("3", 2)]);
            world.connect(usize::try_from(peer).unwrap() - 1);
            let view = View {
                track_id: TrackId(2),
                height: [100, 300, 2000][usize::try_from(peer).unwrap() % 3],
            };
            world.command(ControlCommand::Views {
                peer: PeerId(peer),
                views: vec![view],
            });
        }
        let mut pictures: Vec<Vec<Vec<u8>>> = (0..300).map(|step| camera.picture(step % 60 == 59)).collect();
        if offer == described::offer() {
            let descriptor = described::descriptor(320, 180);
            for packet in pictures.iter_mut().flatten() {
                *packet = described::with_descriptor(packet, &descriptor);
            }
        }
        let (warm_up, measured) = pictures.split_at(100);
        for packets in warm_up {
            for packet in packets {
                world.rtp(0, packet);
            }
            world.pass(std::time::Duration::from_millis(33));
        }
        let sent = world.take_rtp();
        assert!(
            sent.iter()
                .all(|(_, packet)| view(packet).payload_type() == payload_type)
        );
        let feedback: Vec<(usize, Vec<u8>)> = (1..7usize)
            .map(|slot| {
                let last = sent.iter().rev().find(|(to, _)| *to == slot);
                let last = view(&last.unwrap().1);
                let mut bytes = vec![0; 100];
                let mut writer = RtcpWriter::new(&mut bytes);
                writer.nack(9, last.ssrc(), &[last.sequence_number()]).unwrap();
                writer.pli(9, last.ssrc()).unwrap();
                let len = writer.len();
                bytes.truncate(len);
                (slot, bytes)
            })
            .collect();
        let mut sink = Sink {
            buffer: [0; 2048],
            packets: 0,
        };
        let before = ALLOCATIONS.with(Cell::get);
        for (slot, bytes) in &feedback {
            world
                .sfu
                .handle_rtcp(world.now, PeerSlot(*slot), bytes, &mut sink);
        }
        assert_eq!(sink.packets, 6, "retransmissions");
        for packets in measured {
            for packet in packets {
                world.sfu.handle_rtp(world.now, PeerSlot(0), packet, &mut sink);
            }
        }
        let allocations = ALLOCATIONS.with(Cell::get) - before;
        assert!(sink.packets > 1500, "{}", sink.packets);
        assert_eq!(allocations, 0, "payload type {payload_type}");
    }
}
