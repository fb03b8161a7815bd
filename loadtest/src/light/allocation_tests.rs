//! What a received packet costs in memory: nothing, once its stream is known. So it does on every machine.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use conclave_e2ee::Codec;

use super::Opaque;
use super::crypto::{FrameCrypto as _, Sealed};
use super::receiver::{Decrypt, Ears, Packet, ReceiveTrack, Receiver};
use super::source::SendTrack;
use crate::measure::Measures;
use crate::packet::packetize::{FramePosition, packetize};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
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

/// The payloads of `frames` frames of a track, each with its frame's number and whether it is the last of it.
fn payloads(track: &SendTrack, frames: u64) -> Vec<(u64, bool, Vec<u8>)> {
    let source = &track.source;
    let (mut frame, mut sealed) = (Vec::new(), Vec::new());
    (0..frames)
        .flat_map(|number| {
            let key = source.write(number, number, &mut frame).key;
            let done = Opaque.seal(track.context, source.codec(), &frame, &mut sealed);
            assert_eq!(done, Sealed::Done);
            let position = FramePosition {
                number,
                key,
                size: source.size(),
            };
            let packets = packetize(source.codec(), &sealed, position);
            packets
                .into_iter()
                .map(move |packet| (number, packet.marker, packet.bytes))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Allocations of receiving the second half of `frames` frames, and the frames that were opened of all.
fn allocations(track: &SendTrack, frames: u64) -> (u64, u64) {
    let start = Instant::now();
    let source = &track.source;
    let measures = Measures::default();
    let mut plain = Vec::new();
    let mut receiver = Receiver::new(
        ReceiveTrack {
            ssrc: 7,
            rtx_ssrc: None,
            context: track.context,
            codec: source.codec(),
        },
        Decrypt::All,
    );
    let mut before = 0;
    for (sequence, (number, marker, payload)) in (0u16..).zip(&payloads(track, frames)) {
        if *number == frames / 2 && before == 0 {
            before = ALLOCATIONS.get();
        }
        let number = u32::try_from(*number).unwrap();
        let packet = Packet {
            now: start + source.interval() * number,
            rested: Duration::ZERO,
            sequence,
            timestamp: source.ticks().wrapping_mul(number),
            marker: *marker,
            payload,
        };
        let position = receiver.count(packet, payload.len(), &measures);
        let mut ears = Ears {
            crypto: &mut Opaque,
            measures: &measures,
            plain: &mut plain,
        };
        receiver.handle(position, packet, &mut ears);
    }
    (ALLOCATIONS.get() - before, receiver.opened())
}

#[test]
fn a_received_packet_allocates_nothing_once_its_stream_is_known() {
    for track in [
        SendTrack::microphone(0).unwrap(),
        SendTrack::camera(0, Codec::Vp8),
        SendTrack::camera(1, Codec::Vp9),
    ] {
        let (allocations, opened) = allocations(&track, 1000);
        assert_eq!((allocations, opened), (0, 1000), "{}", track.name);
    }
}
