//! Sound that a subscriber lost is sent again as it was, where it can still be in time.

use std::time::Duration;

use conclave_transport::rtcp::{ReportBlock, SenderReport};
use conclave_transport::srtp::{MasterKey, Profile, RTP_OVERHEAD, SealError, SrtpReceiver, SrtpSender};
use conclave_wire::media::Source;

use crate::support::*;

const OPUS: u8 = 109;
const TRANSPORT_CC: u8 = 7;

fn master() -> MasterKey {
    MasterKey::new(Profile::AeadAes128Gcm, &[1; 16], &[2; 12]).unwrap()
}

/// A call whose subscriber may ask for sound again, over a real seal.
struct Call {
    world: World,
    sender: SrtpSender,
    sounds: u16,
}

impl Call {
    /// The subscriber's round trip is this long.
    fn new(round_trip: Duration) -> Self {
        let mut world = World::new();
        world.enter(1);
        world.enter(2);
        world.publish(1, CHROMIUM);
        world.connect(0);
        let opus = format!("a=rtpmap:{OPUS} opus/48000/2");
        let offer = FIREFOX.replace(&opus, &format!("{opus}\r\na=rtcp-fb:{OPUS} nack"));
        let answer = world.watch_reporting(2, &offer, &[("2", 1), ("3", 2)]);
        assert!(answer.contains(&format!("a=rtcp-fb:{OPUS} nack\r\n")), "{answer}");
        world.connect(1);
        let mut call = Self {
            world,
            sender: SrtpSender::new(Profile::AeadAes128Gcm, &master()).unwrap(),
            sounds: 0,
        };
        let ssrc = view(&call.sound()).ssrc();
        let report = SenderReport {
            ssrc: CHROMIUM_MICROPHONE,
            ntp_time: 7 << 32,
            rtp_timestamp: 960,
            packet_count: 1,
            octet_count: 80,
        };
        call.world
            .rtcp(0, |writer| writer.sender_report(&report, &[]).unwrap());
        call.world.pass(round_trip);
        let block = ReportBlock {
            ssrc,
            last_sr: 7 << 16,
            ..ReportBlock::default()
        };
        call.world
            .rtcp(1, |writer| writer.receiver_report(9, &[block]).unwrap());
        call
    }

    /// 20 ms of sound and a picture, and what of the sound leaves.
    fn sound(&mut self) -> Vec<u8> {
        self.sounds += 1;
        self.world.pass(Duration::from_millis(20));
        let timestamp = u32::from(self.sounds) * 960;
        let body = [self.sounds.to_be_bytes()[1]; 80];
        let payload = sframe(Source::Microphone, 1, &body);
        let sound = packet(CHROMIUM_MICROPHONE, 111, self.sounds, timestamp, &payload);
        self.world.rtp(0, &sound);
        self.world.rtp(0, &camera(self.sounds, timestamp, &[7; 400]));
        let mut sent = self.take_sound();
        assert_eq!(sent.len(), 1);
        sent.remove(0)
    }

    fn take_sound(&mut self) -> Vec<Vec<u8>> {
        let sent = self.world.take_rtp().into_iter().map(|(_, bytes)| bytes);
        sent.filter(|bytes| view(bytes).payload_type() == OPUS).collect()
    }

    fn ask(&mut self, lost: &[u8]) -> Vec<Vec<u8>> {
        let (ssrc, number) = (view(lost).ssrc(), view(lost).sequence_number());
        self.world
            .rtcp(1, |writer| writer.nack(9, ssrc, &[number]).unwrap());
        self.take_sound()
    }

    fn seal(&mut self, packet: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut bytes = packet.to_vec();
        bytes.resize(packet.len() + RTP_OVERHEAD, 0);
        self.sender.seal_rtp(&mut bytes, packet.len())?;
        Ok(bytes)
    }
}

#[test]
fn sound_is_sent_again_with_the_bytes_it_had() {
    let mut call = Call::new(Duration::from_millis(40));
    // Nothing is remembered before the first loss: what is asked for first wakes the core, and then the sealer.
    let first = call.sound();
    assert!(call.ask(&first).is_empty());
    call.seal(&first).unwrap();
    let second = call.sound();
    call.seal(&second).unwrap();
    let again = call.ask(&second);
    assert_eq!(call.seal(&again[0]), Err(SealError::IndexReused));
    let mut receiver = SrtpReceiver::new(Profile::AeadAes128Gcm, &master()).unwrap();
    for _ in 0..100 {
        let lost = call.sound();
        let sealed = call.seal(&lost).unwrap();
        let later = call.sound();
        call.seal(&later).unwrap();
        let again = call.ask(&lost);
        assert_eq!(
            again,
            [lost],
            "headers, numbers and extensions are what they were"
        );
        assert!(view(&again[0]).extension(TRANSPORT_CC).is_some());
        let mut resealed = call.seal(&again[0]).unwrap();
        assert_eq!(resealed, sealed);
        assert!(receiver.open_rtp(&mut resealed.clone()).is_ok());
        assert!(
            receiver.open_rtp(&mut resealed).is_err(),
            "a browser takes it once"
        );
    }
}

#[test]
fn a_flood_of_requests_for_sound_is_answered_once_in_a_round_trip() {
    let mut call = Call::new(Duration::from_millis(40));
    let first = call.sound();
    call.ask(&first);
    let lost = call.sound();
    call.sound();
    let mut repeated = 0;
    for _ in 0..100 {
        repeated += call.ask(&lost).len();
        call.world.pass(Duration::from_micros(300));
    }
    assert_eq!(repeated, 1);
    call.world.pass(Duration::from_millis(41));
    assert_eq!(call.ask(&lost).len(), 1, "it was lost once more");
}

#[test]
fn sound_that_would_come_too_late_is_not_sent_again() {
    let mut call = Call::new(Duration::from_millis(200));
    for _ in 0..5 {
        let lost = call.sound();
        assert!(call.ask(&lost).is_empty());
    }
    // Nor what is older than any jitter buffer.
    let mut call = Call::new(Duration::from_millis(40));
    let first = call.sound();
    call.ask(&first);
    let lost = call.sound();
    for _ in 0..32 {
        call.sound();
    }
    assert!(call.ask(&lost).is_empty());
}
