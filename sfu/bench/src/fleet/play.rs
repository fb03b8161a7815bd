//! Lets the clients' publishers send by their own intervals, and counts what that offers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use conclave_wire::media::Kind;

use super::{Fleet, TIMERS};
use crate::error::BenchError;

/// Frames sent before what came meanwhile is received.
const MAX_FRAMES: usize = 32;

/// When, client, publisher; the soonest first.
pub(super) type Schedule = BinaryHeap<Reverse<(Instant, usize, usize)>>;

impl Fleet {
    /// Spreads the frames of all publishers over their intervals, as people's cameras are not in step.
    pub(crate) fn spread(&mut self) {
        self.schedule = None;
        let now = Instant::now();
        let publishers = self.clients.iter_mut().flat_map(|client| &mut client.publishers);
        for (number, publisher) in (0u32..).zip(publishers) {
            // The golden ratio spreads any number of them evenly.
            let share = (f64::from(number) * 0.618_034).fract();
            publisher.next = now + publisher.stream.interval.mul_f64(share);
        }
    }

    /// Lets only this share of the cameras or microphones send, those of the first clients.
    pub(crate) fn let_send(&mut self, kind: Kind, sending: f64) {
        self.schedule = None;
        let now = Instant::now();
        let publishers = self.clients.iter_mut().flat_map(|client| &mut client.publishers);
        let devices: Vec<_> = publishers
            .filter(|publisher| publisher.stream.source.kind() == kind)
            .collect();
        let all = u32::try_from(devices.len()).unwrap_or(u32::MAX);
        for (number, device) in (0u32..).zip(devices) {
            let muted = f64::from(number) >= sending * f64::from(all);
            if device.muted && !muted {
                device.next = now
                    + device
                        .stream
                        .interval
                        .mul_f64((f64::from(number) * 0.618_034).fract());
            }
            device.muted = muted;
        }
    }

    /// Goes on for a while; every client sends what is due by its own interval.
    pub(crate) fn play(&mut self, duration: Duration) -> Result<(), BenchError> {
        let end = Instant::now() + duration;
        self.is_playing = true;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let next = self.send_due(now).map_or(end, |next| next.min(end));
            self.step(next.saturating_duration_since(now).min(TIMERS))?;
        }
    }

    /// Sends a frame of one publisher of a client now.
    pub(crate) fn frame(&mut self, client: usize, publisher: usize) {
        let stamp = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(0);
        let Self {
            clients,
            sockets,
            out,
            totals,
            rooms,
            room_of,
            ..
        } = self;
        if let Some(found) = clients.get_mut(client) {
            let stream = found.publishers.get(publisher).map(|publisher| publisher.stream);
            let is_sound = stream.is_some_and(|stream| stream.source.kind() == Kind::Audio);
            totals.audio_sent += u64::from(is_sound);
            let room = room_of.get(client).and_then(|room| rooms.get(*room));
            let others = room.map_or(0, |room| room.people.saturating_sub(1));
            totals.offered += others * stream.map_or(0, |stream| u64::from(stream.packets));
            found.frame(publisher, stamp, out, |to, bytes, len| {
                sockets.send(client, to.socket, bytes, len)
            });
        }
    }

    /// Sends frames that are due and returns when the next one is.
    pub(super) fn send_due(&mut self, now: Instant) -> Option<Instant> {
        let mut schedule = self.schedule.take().unwrap_or_else(|| self.scheduled());
        for _ in 0..MAX_FRAMES {
            let Some(Reverse((at, client, publisher))) = schedule.peek().copied() else {
                break;
            };
            if at > now {
                break;
            }
            schedule.pop();
            self.totals.latest = self.totals.latest.max(now.saturating_duration_since(at));
            self.frame(client, publisher);
            let publishers = self.clients.get_mut(client).map(|client| &mut client.publishers);
            if let Some(due) = publishers.and_then(|publishers| publishers.get_mut(publisher)) {
                // Late frames are sent all the same: what is offered does not depend on what is taken.
                due.next = at + due.stream.interval;
                schedule.push(Reverse((due.next, client, publisher)));
            }
        }
        let next = schedule.peek().map(|Reverse((at, ..))| *at);
        self.schedule = Some(schedule);
        next
    }

    fn scheduled(&self) -> Schedule {
        let clients = self.clients.iter().enumerate();
        let publishers = clients.flat_map(|(index, client)| {
            let publishers = client.publishers.iter().enumerate();
            publishers.map(move |(number, publisher)| (index, number, publisher))
        });
        publishers
            .filter(|(.., publisher)| !publisher.muted)
            .map(|(client, number, publisher)| Reverse((publisher.next, client, number)))
            .collect()
    }
}
