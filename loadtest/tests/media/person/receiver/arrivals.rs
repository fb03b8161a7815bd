//! Transport-wide arrival times of everything a person receives, and the reports about them, as libwebrtc sends them.

use std::collections::BTreeMap;

use conclave_transport::rtcp::{RtcpWriter, TwccPacket};

use super::sequence::extend;

/// Bounds of the time between two reports; in between they take 5 % of what is received.
const SHORTEST: u64 = 50_000;
const LONGEST: u64 = 250_000;
/// Bits of a report and its headers.
const REPORT: u64 = 68 * 8;

pub(crate) struct Arrivals {
    last: Option<u64>,
    /// What was not reported yet, by extended number.
    came: BTreeMap<u64, u64>,
    /// The first number to report next.
    next: u64,
    count: u8,
    media_ssrc: u32,
    due: u64,
    bits: u64,
}

impl Arrivals {
    pub(crate) const fn new() -> Self {
        Self {
            last: None,
            came: BTreeMap::new(),
            next: 0,
            count: 0,
            media_ssrc: 0,
            due: 0,
            bits: 0,
        }
    }

    pub(crate) fn record(&mut self, now: u64, ssrc: u32, sequence: u16, size: usize) {
        let extended = self
            .last
            .map_or_else(|| (1 << 16) + u64::from(sequence), |last| extend(last, sequence));
        if self.last.is_none() {
            self.next = extended;
        }
        self.last = Some(self.last.map_or(extended, |last| last.max(extended)));
        self.media_ssrc = ssrc;
        self.bits += 8 * u64::try_from(size).unwrap();
        self.came.entry(extended).or_insert(now);
    }

    /// Reports that are due, as compound packets.
    pub(crate) fn reports(&mut self, now: u64) -> Vec<Vec<u8>> {
        if now < self.due || self.came.is_empty() {
            return Vec::new();
        }
        let passed = (now + SHORTEST).saturating_sub(self.due).max(1);
        let rate = self.bits * 1_000_000 / passed;
        self.bits = 0;
        self.due = now
            + (REPORT * 1_000_000 * 20)
                .checked_div(rate)
                .unwrap_or(LONGEST)
                .clamp(SHORTEST, LONGEST);
        let first = self.next.min(*self.came.first_key_value().unwrap().0);
        let last = *self.came.last_key_value().unwrap().0;
        let packets: Vec<TwccPacket> = (first..=last)
            .map(|number| TwccPacket {
                sequence: u16::try_from(number & 0xFFFF).unwrap(),
                arrival_us: self.came.get(&number).map(|at| i64::try_from(*at).unwrap()),
            })
            .collect();
        self.came.clear();
        self.next = last + 1;
        let mut reports = Vec::new();
        let mut left = &packets[..];
        while !left.is_empty() {
            let mut buffer = [0; 1150];
            let mut writer = RtcpWriter::new(&mut buffer);
            let told = writer.twcc(1, self.media_ssrc, self.count, left).unwrap();
            self.count = self.count.wrapping_add(1);
            let len = writer.len();
            reports.push(buffer[..len].to_vec());
            left = &left[told.max(1)..];
        }
        reports
    }
}
