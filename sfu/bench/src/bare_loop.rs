//! The ceiling: open a frame once, then copy, renumber and seal it for each destination, and send it with GSO. No
//! sessions, rooms, subscriptions or timers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use conclave_transport::rtp::{Extension, RtpHeader};
use conclave_transport::udp::{SendBatch, UdpSocket};

use crate::clock::{ThreadClock, pin};
use crate::error::BenchError;

const TAG: usize = 16;
/// Bytes of the header with the extension a subscriber gets.
const HEADER: usize = 20;

/// What one run of the loop did.
pub(crate) struct Run {
    pub(crate) packets: u64,
    /// CPU time without the time it waited for the receivers.
    pub(crate) cpu: Duration,
}

/// What the loop is to do.
pub(crate) struct Task {
    /// All destinations; a frame goes to `fan_out` of them, the next frame to the next ones.
    pub(crate) destinations: Vec<SocketAddr>,
    pub(crate) fan_out: usize,
    /// Packets of a frame.
    pub(crate) packets: u16,
    /// Length of the sealed packets.
    pub(crate) datagram: usize,
    /// Packets that may be under way. More would overflow the receivers' buffers, and a drop is cheaper than a
    /// delivery.
    pub(crate) window: u64,
}

/// Runs the loop on core 0 for a while; `delivered` is what the receivers count.
pub(crate) fn run(task: &Task, duration: Duration, delivered: &AtomicU64) -> Result<Run, BenchError> {
    let Task {
        destinations,
        fan_out,
        packets,
        datagram,
        window,
    } = task;
    let (packets, datagram, window) = (*packets, *datagram, *window);
    let frame_cost = u64::from(packets) * u64::try_from(*fan_out).unwrap_or(0);
    pin(0);
    let clock = ThreadClock::own();
    let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())
        .map_err(|error| BenchError::System("the bare loop's socket", error))?;
    let keys: Result<Vec<LessSafeKey>, BenchError> = (0..=destinations.len()).map(key).collect();
    let keys = keys?;
    let (ours, theirs) = keys.split_first().ok_or(BenchError::Cipher)?;
    let frame = sealed_frame(ours, packets, datagram)?;
    let mut plain = frame.clone();
    let mut batch = SendBatch::new();
    let mut number = 0u64;
    let mut groups = destinations.chunks(*fan_out).zip(theirs.chunks(*fan_out)).cycle();
    let (mut sent, before) = (0, delivered.load(Ordering::Relaxed));
    let mut waited = Duration::ZERO;
    let (start, begin) = (Instant::now(), clock.read()?);
    while start.elapsed() < duration {
        waited += wait(
            &clock,
            || sent + frame_cost <= window + delivered.load(Ordering::Relaxed) - before,
            start,
            duration,
        )?;
        for (plain, sealed) in plain.iter_mut().zip(&frame) {
            plain.copy_from_slice(sealed);
            let (header, text) = plain.split_at_mut_checked(HEADER).ok_or(BenchError::Cipher)?;
            ours.open_in_place(nonce(0), Aad::from(&*header), text)
                .map_err(|_| BenchError::Cipher)?;
        }
        let Some((destinations, keys)) = groups.next() else {
            return Err(BenchError::Cipher);
        };
        for (to, key) in destinations.iter().zip(keys) {
            for packet in &plain {
                number += 1;
                if !batch.has_room(datagram) {
                    socket.send_batch(&mut batch);
                }
                batch.push(*to, socket.max_segments(), datagram, |room| {
                    seal(key, number, packet, room)
                });
            }
        }
        socket.send_batch(&mut batch);
        sent += frame_cost;
    }
    Ok(Run {
        packets: sent,
        cpu: clock.read()?.saturating_sub(begin).saturating_sub(waited),
    })
}

/// Waits until `ready` and returns the CPU time that took.
fn wait(
    clock: &ThreadClock,
    ready: impl Fn() -> bool,
    start: Instant,
    duration: Duration,
) -> Result<Duration, BenchError> {
    if ready() {
        return Ok(Duration::ZERO);
    }
    let before = clock.read()?;
    while !ready() && start.elapsed() < duration {
        std::thread::park_timeout(Duration::from_micros(20));
    }
    Ok(clock.read()?.saturating_sub(before))
}

fn seal(key: &LessSafeKey, number: u64, packet: &[u8], room: &mut [u8]) -> Option<usize> {
    let bytes = number.to_be_bytes();
    let [.., high, low] = bytes;
    let header = RtpHeader {
        marker: false,
        payload_type: 96,
        sequence_number: u16::from_be_bytes([high, low]),
        timestamp: 0,
        ssrc: 1,
    };
    let written = header.write(&[Extension { id: 1, data: b"1" }], room).ok()?;
    let payload = packet.get(written..packet.len().checked_sub(TAG)?)?;
    let end = written + payload.len();
    room.get_mut(written..end)?.copy_from_slice(payload);
    let (header, text) = room.get_mut(..end + TAG)?.split_at_mut_checked(written)?;
    let (text, tag) = text.split_at_mut_checked(payload.len())?;
    let sealed = key
        .seal_in_place_separate_tag(nonce(number), Aad::from(&*header), text)
        .ok()?;
    tag.copy_from_slice(sealed.as_ref());
    Some(end + TAG)
}

fn sealed_frame(key: &LessSafeKey, packets: u16, datagram: usize) -> Result<Vec<Vec<u8>>, BenchError> {
    (0..packets)
        .map(|_| {
            let mut packet = vec![0x5A; datagram - TAG];
            let (header, text) = packet.split_at_mut_checked(HEADER).ok_or(BenchError::Cipher)?;
            let tag = key
                .seal_in_place_separate_tag(nonce(0), Aad::from(&*header), text)
                .map_err(|_| BenchError::Cipher)?;
            packet.extend_from_slice(tag.as_ref());
            Ok(packet)
        })
        .collect()
}

fn key(number: usize) -> Result<LessSafeKey, BenchError> {
    let mut key = [7u8; 16];
    for (byte, from) in key.iter_mut().zip(number.to_be_bytes()) {
        *byte = from;
    }
    let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| BenchError::Cipher)?;
    Ok(LessSafeKey::new(key))
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0u8; NONCE_LEN];
    for (byte, from) in nonce.iter_mut().zip(number.to_be_bytes()) {
        *byte = from;
    }
    Nonce::assume_unique_for_key(nonce)
}
