//! One RTP stream that is sent, with its retransmissions: numbers, history, sender reports.

use std::collections::BTreeMap;

use conclave_transport::rtcp::SenderReport;
use conclave_transport::rtp::{Extension, RtpHeader};

/// How long a packet can be sent again, in microseconds.
const HISTORY: u64 = 1_500_000;
/// Least time between two retransmissions of one packet.
const AGAIN: u64 = 40_000;

/// A packet that waits for its turn.
pub(crate) struct Outgoing {
    pub(crate) header: RtpHeader,
    pub(crate) payload: Vec<u8>,
    pub(crate) mid: String,
    /// RID or, of a retransmission, the repaired one.
    pub(crate) rid: Option<&'static str>,
    pub(crate) repaired: bool,
    /// Whether it has a transport-wide number.
    pub(crate) numbered: bool,
}

/// Header extension ids of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExtensionIds {
    pub(crate) mid: Option<u8>,
    pub(crate) rid: Option<u8>,
    pub(crate) repaired_rid: Option<u8>,
    pub(crate) transport_cc: Option<u8>,
}

impl Outgoing {
    /// The packet as it goes out.
    pub(crate) fn write(&self, ids: &ExtensionIds, transport_sequence: u16) -> Vec<u8> {
        let number = transport_sequence.to_be_bytes();
        let rid_id = if self.repaired { ids.repaired_rid } else { ids.rid };
        let extensions: Vec<Extension<'_>> = [
            ids.mid.map(|id| Extension {
                id,
                data: self.mid.as_bytes(),
            }),
            rid_id.zip(self.rid).map(|(id, rid)| Extension {
                id,
                data: rid.as_bytes(),
            }),
            ids.transport_cc
                .filter(|_| self.numbered)
                .map(|id| Extension { id, data: &number }),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut out = vec![0; 96];
        let len = self.header.write(&extensions, &mut out).unwrap();
        out.truncate(len);
        out.extend_from_slice(&self.payload);
        out
    }
}

struct Kept {
    at: u64,
    resent: u64,
    header: RtpHeader,
    payload: Vec<u8>,
}

pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) rtx_type: Option<u8>,
    pub(crate) mid: String,
    pub(crate) rid: Option<&'static str>,
    /// Whether its packets have transport-wide numbers.
    pub(crate) numbered: bool,
    clock_rate: u64,
    /// Where its clock starts.
    first_timestamp: u32,
    sequence: u64,
    rtx_sequence: u16,
    kept: BTreeMap<u64, Kept>,
    packets: u32,
    octets: u32,
}

impl Stream {
    pub(crate) fn new(ssrc: u32, rtx_ssrc: u32, clock_rate: u64, first: (u16, u32)) -> Self {
        Self {
            ssrc,
            rtx_ssrc,
            payload_type: 0,
            rtx_type: None,
            mid: String::new(),
            rid: None,
            numbered: false,
            clock_rate,
            first_timestamp: first.1,
            sequence: (1 << 16) + u64::from(first.0),
            rtx_sequence: 1,
            kept: BTreeMap::new(),
            packets: 0,
            octets: 0,
        }
    }

    /// The RTP time of a moment.
    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
    pub(crate) fn timestamp(&self, now: u64) -> u32 {
        self.first_timestamp
            .wrapping_add((now * self.clock_rate / 1_000_000) as u32)
    }

    /// The next packet of media captured at `captured`.
    pub(crate) fn media(&mut self, now: u64, captured: u64, marker: bool, payload: Vec<u8>) -> Outgoing {
        let header = RtpHeader {
            marker,
            payload_type: self.payload_type,
            sequence_number: low_bits(self.sequence),
            timestamp: self.timestamp(captured),
            ssrc: self.ssrc,
        };
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(payload.len()).unwrap());
        self.kept.insert(
            self.sequence,
            Kept {
                at: now,
                resent: 0,
                header,
                payload: payload.clone(),
            },
        );
        self.sequence += 1;
        while self
            .kept
            .first_key_value()
            .is_some_and(|(_, kept)| kept.at + HISTORY < now)
        {
            self.kept.pop_first();
        }
        Outgoing {
            header,
            payload,
            mid: self.mid.clone(),
            rid: self.rid,
            repaired: false,
            numbered: self.numbered,
        }
    }

    /// A packet for another time, if it can be had: as a retransmission (RFC 4588), or of sound without that as it was.
    pub(crate) fn again(&mut self, now: u64, sequence: u16) -> Option<Outgoing> {
        let newest = self.sequence - 1;
        let behind = low_bits(newest).wrapping_sub(sequence);
        let kept = self.kept.get_mut(&(newest - u64::from(behind)))?;
        if kept.resent + AGAIN > now {
            return None;
        }
        kept.resent = now;
        let Some(payload_type) = self.rtx_type else {
            return Some(Outgoing {
                header: kept.header,
                payload: kept.payload.clone(),
                mid: self.mid.clone(),
                rid: self.rid,
                repaired: false,
                numbered: self.numbered,
            });
        };
        let header = RtpHeader {
            payload_type,
            sequence_number: self.rtx_sequence,
            ssrc: self.rtx_ssrc,
            ..kept.header
        };
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        Some(Outgoing {
            header,
            payload: [&sequence.to_be_bytes()[..], &kept.payload].concat(),
            mid: self.mid.clone(),
            rid: self.rid,
            repaired: true,
            numbered: self.numbered,
        })
    }

    /// Says what time it is on this stream's clock, once it runs.
    pub(crate) fn report(&self, now: u64) -> Option<SenderReport> {
        (self.packets > 0).then(|| SenderReport {
            ssrc: self.ssrc,
            ntp_time: (now << 32) / 1_000_000,
            rtp_timestamp: self.timestamp(now),
            packet_count: self.packets,
            octet_count: self.octets,
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the wire carries the low 16 bits")]
const fn low_bits(extended: u64) -> u16 {
    extended as u16
}
