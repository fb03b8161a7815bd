//! Participants that behave badly cost only themselves.

use conclave_transport::rtcp::RtcpWriter;
use conclave_wire::id::PeerId;
use conclave_wire::media::Kind;

use crate::light::Light;
use crate::moving::{Call, LOCAL, ROOM};

/// What is neither authentic nor a replay of anything, one of each kind the port knows.
fn rubbish() -> Vec<Vec<u8>> {
    vec![
        [&[0x80, 111, 0, 9, 0, 0, 0, 1, 0, 0, 0x10, 1][..], &[7; 1100]].concat(),
        [&[0x80, 200, 0, 6, 0, 0, 0x10, 1][..], &[7; 40]].concat(),
        [&[22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 40][..], &[7; 40]].concat(),
        [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat(),
        vec![0xFF; 1400],
        Vec::new(),
    ]
}

async fn listener(call: &mut Call, number: u64) -> Light {
    let mut listener = Light::new(number, LOCAL).await;
    call.conference.join(listener.id, ROOM).await;
    listener.subscribe(call.track, Kind::Audio);
    listener.negotiate(&mut call.conference).await;
    listener.connected().await;
    call.conference.connected(PeerId(number)).await;
    listener
}

#[tokio::test]
async fn a_listener_that_reads_nothing_and_sends_rubbish_costs_only_itself() {
    let mut call = Call::new().await;
    let mut mallory = listener(&mut call, 3).await;
    let before = call.conference.stats.snapshot();
    let rubbish = rubbish();
    for _ in 0..100 {
        for datagram in rubbish.iter().cycle().take(60) {
            mallory.send_raw(datagram).await;
        }
        // From here on nobody reads what the server sends to Mallory.
        call.is_heard().await;
    }
    let after = call.conference.stats.snapshot();
    assert!(after.datagrams_dropped - before.datagrams_dropped > 1000);
    assert_eq!(after.peers, before.peers, "nobody lost anything");
}

#[tokio::test]
async fn a_listener_that_floods_with_authentic_requests_is_answered_within_bounds() {
    let mut call = Call::new().await;
    let mut mallory = listener(&mut call, 3).await;
    let ssrc = mallory.answer.as_ref().unwrap().sections[0].ssrc.unwrap();
    let lost: Vec<u16> = (0..200).collect();
    let before = call.conference.stats.snapshot();
    for round in 0..50 {
        for _ in 0..20 {
            let mut buffer = [0; 1200];
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.nack(1, ssrc, &lost).unwrap();
            writer.pli(1, ssrc).unwrap();
            writer.fir(1, ssrc, round).unwrap();
            let len = writer.len();
            mallory.send_rtcp(&mut buffer, len).await;
        }
        call.is_heard().await;
    }
    let after = call.conference.stats.snapshot();
    let asked = after.nack_in - before.nack_in;
    let sent = after.rtp_out_audio - before.rtp_out_audio;
    assert!(
        sent <= 4 * 50,
        "{sent} packets for 50 frames to two people, {asked} asked for again"
    );
    assert!(
        after.pli_out - before.pli_out <= 2,
        "sound has no key frames to ask for"
    );
}
