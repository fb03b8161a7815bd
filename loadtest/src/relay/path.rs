//! One direction between a client and the server: datagrams in, the same datagrams out later, or never.
//!
//! Inputs: [`Path::handle_datagram`], [`Path::handle_timeout`], [`Path::set`]. Outputs: [`Path::poll_output`],
//! [`Path::poll_timeout`]. First comes the bottleneck with its queue, then the line with its delay and its losses: what is
//! lost took its share of the rate, as on a radio link, and what is under way takes no room in the queue.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;
use str0m_netem::{Input, Netem, Output, WithLen};

use super::impairment::Impairment;
use crate::measure::Counter;

/// IPv4 and UDP headers, in bytes: they take their share of a rate.
const HEADERS: usize = 28;

/// What happened in one direction, summed over its paths.
#[derive(Debug, Default)]
pub struct Counts {
    /// Datagrams that came in.
    pub received: Counter,
    /// Their bytes, without headers.
    pub received_bytes: Counter,
    /// Lost on the line.
    pub lost: Counter,
    /// Dropped at a full queue before the bottleneck.
    pub overflowed: Counter,
    /// Doubled on the line.
    pub duplicated: Counter,
    /// Datagrams that went out.
    pub delivered: Counter,
    /// Their bytes, without headers.
    pub delivered_bytes: Counter,
    /// Of these, datagrams that were overtaken by a later one.
    pub reordered: Counter,
    /// Dropped in the relay itself because it was too busy, or because the socket refused them.
    pub overrun: Counter,
}

/// The counts at one moment, as in the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CountsNow {
    /// Datagrams that came in.
    pub received: u64,
    received_bytes: u64,
    /// Lost on the line.
    pub lost: u64,
    /// Dropped at a full queue before the bottleneck.
    pub overflowed: u64,
    /// Doubled on the line.
    pub duplicated: u64,
    /// Datagrams that went out.
    pub delivered: u64,
    /// Their bytes, without headers.
    pub delivered_bytes: u64,
    /// Of these, datagrams that were overtaken by a later one.
    pub reordered: u64,
    /// Dropped in the relay itself because it was too busy, or because the socket refused them.
    pub overrun: u64,
}

impl Counts {
    /// Reads them all.
    pub fn now(&self) -> CountsNow {
        CountsNow {
            received: self.received.value(),
            received_bytes: self.received_bytes.value(),
            lost: self.lost.value(),
            overflowed: self.overflowed.value(),
            duplicated: self.duplicated.value(),
            delivered: self.delivered.value(),
            delivered_bytes: self.delivered_bytes.value(),
            reordered: self.reordered.value(),
            overrun: self.overrun.value(),
        }
    }
}

/// A datagram under way.
#[derive(Clone, Debug)]
struct Datagram {
    number: u64,
    payload: Bytes,
}

impl WithLen for Datagram {
    fn len(&self) -> usize {
        self.payload.len() + HEADERS
    }
}

/// One direction of one client.
pub struct Path {
    bottleneck: Netem<Datagram>,
    line: Netem<Datagram>,
    seed: u64,
    counts: Arc<Counts>,
    next_number: u64,
    highest_delivered: Option<u64>,
}

impl Path {
    /// The same seed and the same datagrams give the same losses, delays and duplicates.
    pub fn new(impairment: &Impairment, seed: u64, counts: Arc<Counts>) -> Self {
        Self {
            bottleneck: Netem::new(impairment.bottleneck()),
            line: Netem::new(impairment.line(seed)),
            seed,
            counts,
            next_number: 0,
            highest_delivered: None,
        }
    }

    /// Changes the impairment for what comes from now on; what is under way arrives as it would have.
    pub fn set(&mut self, impairment: &Impairment) {
        self.bottleneck.set_config(impairment.bottleneck());
        self.line.set_config(impairment.line(self.seed));
    }

    /// A datagram came in.
    pub fn handle_datagram(&mut self, now: Instant, payload: Bytes) {
        self.counts.received.increment();
        self.counts.received_bytes.add(payload.len() as u64);
        let number = self.next_number;
        self.next_number += 1;
        self.handle_timeout(now);
        let waiting = self.bottleneck.queue_len();
        self.bottleneck
            .handle_input(Input::Packet(now, Datagram { number, payload }));
        if self.bottleneck.queue_len() == waiting {
            self.counts.overflowed.increment();
        }
        self.enter_line(now);
    }

    /// Time went on.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.bottleneck.handle_input(Input::Timeout(now));
        self.enter_line(now);
        self.line.handle_input(Input::Timeout(now));
    }

    /// The next datagram that goes out now.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        let datagram = next_packet(&mut self.line)?;
        self.counts.delivered.increment();
        self.counts.delivered_bytes.add(datagram.payload.len() as u64);
        match self.highest_delivered {
            Some(highest) if datagram.number < highest => self.counts.reordered.increment(),
            _ => self.highest_delivered = Some(datagram.number),
        }
        Some(datagram.payload)
    }

    /// When to call [`Path::handle_timeout`]; `None` when nothing is under way.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [&self.bottleneck, &self.line]
            .into_iter()
            .filter(|stage| !stage.is_empty())
            .map(Netem::poll_timeout)
            .min()
    }

    /// Moves what left the bottleneck onto the line.
    fn enter_line(&mut self, now: Instant) {
        while let Some(datagram) = next_packet(&mut self.bottleneck) {
            let before = self.line.queue_len();
            self.line.handle_input(Input::Packet(now, datagram));
            match self.line.queue_len().saturating_sub(before) {
                0 => self.counts.lost.increment(),
                1 => {}
                _ => self.counts.duplicated.increment(),
            }
        }
    }
}

fn next_packet(stage: &mut Netem<Datagram>) -> Option<Datagram> {
    loop {
        match stage.poll_output()? {
            Output::Packet(datagram) => return Some(datagram),
            Output::Timeout(_) => {}
        }
    }
}
