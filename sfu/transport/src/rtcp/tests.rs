//! RTCP read and written, against `rtc-rtcp` and against damage.

use super::*;
use rtc_rtcp::packet::Packet;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc_shared::marshal::Unmarshal;

fn read(bytes: &[u8]) -> Vec<RtcpEvent<'_>> {
    events(bytes).map(|event| event.unwrap()).collect()
}

fn written(write: impl FnOnce(&mut RtcpWriter<'_>)) -> Vec<u8> {
    let mut buffer = [0xEEu8; 1500];
    let mut writer = RtcpWriter::new(&mut buffer);
    write(&mut writer);
    let len = writer.len();
    buffer[..len].to_vec()
}

fn theirs(bytes: &[u8]) -> Vec<Box<dyn Packet>> {
    rtc_rtcp::packet::unmarshal(&mut bytes::Bytes::copy_from_slice(bytes)).unwrap()
}

fn ours(packet: impl Packet + 'static) -> Vec<u8> {
    rtc_rtcp::packet::marshal(&[Box::new(packet)]).unwrap().to_vec()
}

const REPORT: SenderReport = SenderReport {
    ssrc: 1,
    ntp_time: 0x0123_4567_89AB_CDEF,
    rtp_timestamp: 5,
    packet_count: 6,
    octet_count: 7,
};

const BLOCK: ReportBlock = ReportBlock {
    ssrc: 9,
    fraction_lost: 25,
    cumulative_lost: -3,
    highest_sequence: 0x0001_0203,
    jitter: 44,
    last_sr: 55,
    delay_since_last_sr: 66,
};

#[test]
fn a_compound_packet_is_read_as_it_was_written() {
    let bytes = written(|writer| {
        writer
            .sender_report(
                &REPORT,
                &[
                    BLOCK,
                    ReportBlock {
                        ssrc: 10,
                        cumulative_lost: 3,
                        ..BLOCK
                    },
                ],
            )
            .unwrap();
        writer.receiver_report(2, &[BLOCK]).unwrap();
        writer.cname(1, "a name").unwrap();
        writer.pli(1, 20).unwrap();
        writer.fir(1, 21, 3).unwrap();
        writer.nack(1, 22, &[65_534, 65_535, 0, 14, 15, 16, 300]).unwrap();
        writer.bye(1).unwrap();
    });
    let events = read(&bytes);
    assert_eq!(events.len(), 9);
    assert!(matches!(events[0], RtcpEvent::SenderReport(report) if report == REPORT));
    assert!(matches!(events[1], RtcpEvent::ReportBlock { reporter: 1, block } if block == BLOCK));
    assert!(matches!(events[2], RtcpEvent::ReportBlock { reporter: 1, block } if block.cumulative_lost == 3));
    assert!(matches!(events[3], RtcpEvent::ReceiverReport { reporter: 2 }));
    assert!(matches!(events[4], RtcpEvent::ReportBlock { reporter: 2, block } if block == BLOCK));
    assert!(matches!(
        events[5],
        RtcpEvent::Pli {
            sender_ssrc: 1,
            media_ssrc: 20
        }
    ));
    assert!(matches!(
        events[6],
        RtcpEvent::Fir {
            sender_ssrc: 1,
            media_ssrc: 21,
            sequence: 3
        }
    ));
    let RtcpEvent::Nack {
        media_ssrc: 22, lost, ..
    } = events[7]
    else {
        panic!("{:?}", events[7])
    };
    assert_eq!(lost.collect::<Vec<_>>(), [65_534, 65_535, 0, 14, 15, 16, 300]);
    assert!(matches!(events[8], RtcpEvent::Bye { ssrc: 1 }));
}

#[test]
fn another_implementation_reads_what_we_write() {
    let bytes = written(|writer| {
        writer.sender_report(&REPORT, &[BLOCK]).unwrap();
        writer.cname(1, "abcd").unwrap();
        writer.pli(1, 20).unwrap();
        writer.fir(1, 21, 3).unwrap();
        writer.nack(1, 22, &[5, 7, 40]).unwrap();
        writer.bye(1).unwrap();
    });
    let packets = theirs(&bytes);
    assert_eq!(packets.len(), 6);
    let report = packets[0]
        .as_any()
        .downcast_ref::<rtc_rtcp::sender_report::SenderReport>()
        .unwrap();
    assert_eq!(
        (report.ntp_time, report.reports[0].total_lost),
        (REPORT.ntp_time, 0xFF_FFFD)
    );
    let nack = packets[4]
        .as_any()
        .downcast_ref::<rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack>();
    let lost: Vec<u16> = nack
        .unwrap()
        .nacks
        .iter()
        .flat_map(|pair| pair.packet_list())
        .collect();
    assert_eq!(lost, [5, 7, 40]);
}

#[test]
fn a_bitrate_estimate_is_read_and_a_huge_one_saturates() {
    for bitrate in [150_000f32, 2_500_000.0, 1e9] {
        let remb = rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate {
            sender_ssrc: 1,
            bitrate,
            ssrcs: vec![2],
        };
        let bytes = ours(remb);
        let RtcpEvent::Remb {
            sender_ssrc: 1,
            bitrate_bps,
        } = read(&bytes)[0]
        else {
            panic!()
        };
        assert!((bitrate_bps as f32 - bitrate).abs() / bitrate < 0.001);
    }
    let huge = [
        0x8F, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xFF, 0xFF, 0xFF,
    ];
    assert!(matches!(
        read(&huge)[0],
        RtcpEvent::Remb {
            bitrate_bps: u64::MAX,
            ..
        }
    ));
}

/// Arrivals on a 250 us grid survive exactly; losses, reordering and long pauses included.
fn arrivals() -> Vec<TwccPacket> {
    let mut time = 1_000_000_250;
    (0..400u16)
        .map(|at| {
            time += match at % 50 {
                10 => 90_000,
                11 => -1_500,
                20 => 4_000_000,
                _ => 750,
            };
            let lost = at % 7 == 3 || (100..130).contains(&at);
            TwccPacket {
                sequence: at.wrapping_add(65_400),
                arrival_us: (!lost).then_some(time),
            }
        })
        .collect()
}

fn split_into_messages(mut packets: &[TwccPacket], room: usize) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while !packets.is_empty() {
        let mut buffer = vec![0u8; room];
        let mut writer = RtcpWriter::new(&mut buffer);
        let count = writer.twcc(1, 2, messages.len() as u8, packets).unwrap();
        let len = writer.len();
        buffer.truncate(len);
        messages.push(buffer);
        packets = &packets[count..];
    }
    messages
}

#[test]
fn twcc_feedback_survives_whatever_room_it_is_given() {
    let packets = arrivals();
    for room in [40, 100, 333, 1200] {
        let messages = split_into_messages(&packets, room);
        let mut round_trip = Vec::new();
        for message in &messages {
            let [RtcpEvent::Twcc(feedback)] = read(message)[..] else {
                panic!()
            };
            round_trip.extend(feedback.packets());
        }
        assert_eq!(round_trip, packets, "room {room}");
    }
}

#[test]
fn another_implementation_reads_our_twcc_feedback_the_same_way() {
    for message in split_into_messages(&arrivals(), 1200) {
        let [RtcpEvent::Twcc(feedback)] = read(&message)[..] else {
            panic!()
        };
        let theirs = TransportLayerCc::unmarshal(&mut bytes::Bytes::from(message.clone())).unwrap();
        assert_eq!(theirs.base_sequence_number, feedback.base_sequence);
        assert_eq!(theirs.packet_status_count, feedback.status_count);
        let mut arrived = feedback.packets().filter_map(|packet| packet.arrival_us);
        let first = arrived.next().unwrap();
        let mut deltas = theirs.recv_deltas.iter();
        let base = first - deltas.next().unwrap().delta;
        assert_eq!(base, i64::from(feedback.reference_time) * 64_000);
        let mut at = first;
        for (delta, arrival) in deltas.zip(arrived) {
            at += delta.delta;
            assert_eq!(at, arrival);
        }
    }
}

#[test]
fn status_vectors_of_both_sizes_are_read() {
    // Base 10, 14 one-bit statuses (1,0,1,...), then 7 two-bit statuses: 1,2,0,0,1,0,0.
    let body = [
        0x8F, 205, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 21, 0, 0, 1, 5, 0xAA, 0x00, 0xD8, 0x10, 4, 8, 12,
        16, 0xFF, 0xFC, 20, 0,
    ];
    let [RtcpEvent::Twcc(feedback)] = read(&body)[..] else {
        panic!()
    };
    let arrived: Vec<_> = feedback
        .packets()
        .filter_map(|packet| Some((packet.sequence, packet.arrival_us? - 64_000)))
        .collect();
    assert_eq!(
        arrived,
        [
            (10, 1000),
            (12, 3000),
            (14, 6000),
            (24, 10_000),
            (25, 9000),
            (28, 14_000)
        ]
    );
    assert_eq!(feedback.packets().count(), 21);
}

#[test]
fn a_malformed_packet_is_one_error_and_the_end() {
    let good = written(|writer| writer.pli(1, 2).unwrap());
    for len in 1..good.len() {
        let results: Vec<_> = events(&good[..len]).collect();
        assert!(matches!(results[..], [Err(RtcpError::Truncated)]), "{len}");
    }
    let mut compound = good.clone();
    compound.extend_from_slice(&[0x00, 200, 0, 0]);
    compound.extend_from_slice(&good);
    let results: Vec<_> = events(&compound).collect();
    assert!(matches!(
        results[..],
        [Ok(RtcpEvent::Pli { .. }), Err(RtcpError::Version)]
    ));
    // Counts that promise more than is there.
    for bytes in [
        [0x9F, 201, 0, 1, 0, 0, 0, 1],
        [0x9F, 203, 0, 1, 0, 0, 0, 1],
        [0x80, 200, 0, 1, 0, 0, 0, 1],
    ] {
        assert!(matches!(
            events(&bytes).collect::<Vec<_>>()[..],
            [Err(RtcpError::Truncated)]
        ));
    }
}

#[test]
fn packets_of_no_interest_are_skipped() {
    let mut compound = vec![
        0x80, 207, 0, 1, 0, 0, 0, 1, 0x81, 204, 0, 2, 0, 0, 0, 1, 1, 2, 3, 4,
    ];
    compound.extend(written(|writer| writer.pli(1, 2).unwrap()));
    assert!(matches!(read(&compound)[..], [RtcpEvent::Pli { .. }]));
}

#[test]
fn the_writer_refuses_without_room_and_keeps_what_it_had() {
    let mut buffer = [0u8; 20];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer.pli(1, 2).unwrap();
    assert_eq!(writer.pli(1, 2), Err(RtcpError::NoRoom));
    assert_eq!(writer.sender_report(&REPORT, &[]), Err(RtcpError::NoRoom));
    assert_eq!(writer.cname(1, "x"), Err(RtcpError::NoRoom));
    let lost = TwccPacket {
        sequence: 1,
        arrival_us: None,
    };
    assert_eq!(writer.twcc(1, 2, 0, &[lost]), Err(RtcpError::NoRoom));
    assert_eq!(writer.len(), 12);
    assert!(matches!(read(&buffer[..12])[..], [RtcpEvent::Pli { .. }]));
    let mut buffer = [0u8; 2000];
    assert_eq!(
        RtcpWriter::new(&mut buffer).receiver_report(1, &[BLOCK; 32]),
        Err(RtcpError::TooMany)
    );
}
