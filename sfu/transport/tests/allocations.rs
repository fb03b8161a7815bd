//! Opening, sealing and reading packets allocates nothing once a source is known.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a failing test is the report, and the values are small"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::payload_descriptor::vp9::Vp9Descriptor;
use conclave_transport::rtcp::{RtcpEvent, RtcpWriter, TwccPacket, events};
use conclave_transport::rtp::{Extension, RtpHeader, RtpView};
use conclave_transport::srtp::{MasterKey, Profile, RTCP_OVERHEAD, RTP_OVERHEAD, SrtpReceiver, SrtpSender};

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

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80];
const MID: Extension<'_> = Extension { id: 1, data: b"0" };
const TRANSPORT_SEQUENCE: Extension<'_> = Extension { id: 3, data: &[0, 1] };

fn packet(sequence_number: u16, ssrc: u32, buffer: &mut [u8]) -> usize {
    let header = RtpHeader {
        marker: true,
        payload_type: 96,
        sequence_number,
        timestamp: 1,
        ssrc,
    };
    header.write(&[MID, TRANSPORT_SEQUENCE], buffer).unwrap() + 1100
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))), 1);
}

#[test]
fn sealing_and_opening_rtp_allocates_nothing_after_the_first_packet() {
    for profile in PROFILES {
        let master = MasterKey::new(profile, &[1; 16], &[2; 14][..profile.salt_len()]).unwrap();
        let mut sender = SrtpSender::new(profile, &master).unwrap();
        let mut receiver = SrtpReceiver::new(profile, &master).unwrap();
        let mut buffer = [0u8; 1500];
        let mut pass = |sequence: u16| {
            for ssrc in 0..20 {
                let len = packet(sequence, ssrc, &mut buffer);
                let sealed = sender.seal_rtp(&mut buffer[..len + RTP_OVERHEAD], len).unwrap();
                assert_eq!(receiver.open_rtp(&mut buffer[..sealed]), Ok(len));
            }
        };
        pass(0);
        let count = allocations(|| (1..200).for_each(&mut pass));
        assert_eq!(count, 0, "{profile:?}");
    }
}

#[test]
fn sealing_and_opening_rtcp_allocates_nothing_after_the_first_packet() {
    for profile in PROFILES {
        let master = MasterKey::new(profile, &[1; 16], &[2; 14][..profile.salt_len()]).unwrap();
        let mut sender = SrtpSender::new(profile, &master).unwrap();
        let mut receiver = SrtpReceiver::new(profile, &master).unwrap();
        let mut buffer = [0u8; 200];
        let mut pass = || {
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.receiver_report(1, &[]).unwrap();
            writer.pli(1, 2).unwrap();
            let len = writer.len();
            let sealed = sender.seal_rtcp(&mut buffer[..len + RTCP_OVERHEAD], len).unwrap();
            assert_eq!(receiver.open_rtcp(&mut buffer[..sealed]), Ok(len));
        };
        pass();
        assert_eq!(allocations(|| (0..200).for_each(|_| pass())), 0, "{profile:?}");
    }
}

#[test]
fn a_refused_packet_allocates_nothing_either() {
    for profile in PROFILES {
        let master = MasterKey::new(profile, &[1; 16], &[2; 14][..profile.salt_len()]).unwrap();
        let mut receiver = SrtpReceiver::new(profile, &master).unwrap();
        let mut buffer = [0u8; 1500];
        let count = allocations(|| {
            for ssrc in 0..100 {
                let len = packet(1, ssrc, &mut buffer);
                assert!(receiver.open_rtp(&mut buffer[..len]).is_err());
                let mut rtcp = [
                    0x80, 201, 0, 7, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0x80, 0, 0,
                    1,
                ];
                assert!(receiver.open_rtcp(&mut rtcp).is_err());
            }
        });
        assert_eq!(count, 0, "{profile:?}");
    }
}

#[test]
fn reading_rtp_its_extensions_and_descriptors_allocates_nothing() {
    let mut buffer = [0u8; 1500];
    let len = packet(1, 2, &mut buffer);
    let count = allocations(|| {
        for _ in 0..100 {
            let view = RtpView::parse(&buffer[..len]).unwrap();
            assert_eq!(view.extensions().count(), 2);
            assert_eq!(view.extension(3), Some(&[0u8, 1][..]));
            let _ = std::hint::black_box((
                Vp8Descriptor::parse(view.payload()),
                Vp9Descriptor::parse(view.payload()),
            ));
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn writing_and_reading_rtcp_allocates_nothing() {
    let packets: [TwccPacket; 50] = std::array::from_fn(|at| TwccPacket {
        sequence: at as u16,
        arrival_us: (at % 3 != 0).then_some(at as i64 * 1000),
    });
    let mut buffer = [0u8; 1200];
    let count = allocations(|| {
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.receiver_report(1, &[]).unwrap();
        writer.nack(1, 2, &[1, 2, 3, 40]).unwrap();
        assert_eq!(writer.twcc(1, 2, 3, &packets), Ok(50));
        let len = writer.len();
        let mut items = 0;
        for event in events(&buffer[..len]) {
            items += match event.unwrap() {
                RtcpEvent::Nack { lost, .. } => lost.count(),
                RtcpEvent::Twcc(feedback) => feedback.packets().count(),
                _ => 0,
            };
        }
        assert_eq!(items, 54);
    });
    assert_eq!(count, 0);
}
