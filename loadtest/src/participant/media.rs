//! A participant's received media: packets to their tracks, frames that waited for keys, and when keys changed.

use std::sync::Arc;
use std::time::Instant;

use webrtc::peer_connection::RTCPeerConnectionState;

use super::connection::Event;
use super::receiver::{Reader, Receiving};
use super::{Participant, ParticipantError};
use crate::measure::join::Step;

/// Media packets handled in a row before other inputs get a turn.
const BATCH: usize = 64;

impl Participant {
    pub(super) fn handle_events(&mut self, first: Event) -> Result<(), ParticipantError> {
        let mut next = Some(first);
        for _ in 0..BATCH {
            match next {
                Some(Event::State(RTCPeerConnectionState::Connected)) => self.mark_connected(),
                Some(Event::State(
                    state @ (RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed),
                )) => return Err(ParticipantError::MediaLost(state)),
                Some(Event::State(_)) => {}
                Some(Event::Packet { arrived, packet }) => self.handle_packet(arrived, &packet)?,
                None => break,
            }
            next = self.events.try_recv().ok();
        }
        // The last one taken, if the batch was full.
        match next {
            Some(Event::Packet { arrived, packet }) => self.handle_packet(arrived, &packet),
            Some(Event::State(state)) => {
                self.connected = false;
                if state == RTCPeerConnectionState::Connected {
                    self.mark_connected();
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn mark_connected(&mut self) {
        self.connected = true;
        self.trace.reach(Step::Connected, Instant::now());
    }

    fn handle_packet(&mut self, arrived: Instant, packet: &rtc::rtp::Packet) -> Result<(), ParticipantError> {
        let ssrc = packet.header.ssrc;
        let now_ms = self.now_ms();
        if !self.receiving.contains_key(&ssrc) {
            // Before the answer that announces it; not counted, as the first second of a stream is not.
            let Some(track) = self.connection.route(ssrc) else {
                return Ok(());
            };
            self.receiving
                .insert(ssrc, Receiving::new(track, Arc::clone(&self.config.measures))?);
        }
        let Some(receiving) = self.receiving.get_mut(&ssrc) else {
            return Ok(());
        };
        let mut reader = Reader {
            session: &mut self.session,
            now_ms,
            first_epoch: self.first_epoch,
        };
        self.trace.reach(Step::Packet, arrived);
        receiving.handle_packet(arrived, packet, &mut reader);
        if !self.joined && receiving.decrypted() > 0 {
            self.trace.reach(Step::Frame, Instant::now());
            if self.company == Some(true) {
                self.config.measures.join.record(self.started.elapsed());
            }
            self.mark_joined();
        }
        Ok(())
    }

    pub(super) fn retry_waiting(&mut self) {
        let now_ms = self.now_ms();
        let mut reader = Reader {
            session: &mut self.session,
            now_ms,
            first_epoch: self.first_epoch,
        };
        for receiving in self.receiving.values_mut() {
            receiving.retry(&mut reader);
        }
    }

    pub(super) fn drop_unrouted(&mut self) {
        let connection = &self.connection;
        let gone: Vec<u32> = self
            .receiving
            .keys()
            .copied()
            .filter(|ssrc| connection.route(*ssrc).is_none())
            .collect();
        for ssrc in gone {
            if let Some(receiving) = self.receiving.remove(&ssrc) {
                receiving.finish();
            }
        }
    }

    pub(super) fn note_switch(&mut self, epoch: u64) {
        let measures = &self.config.measures;
        if let Some(came) = self.commits.remove(&epoch) {
            measures.rekey.record(came.elapsed());
        }
        self.commits.retain(|older, _| *older > epoch);
        self.removals.retain(|(removal, client_id)| {
            if *removal > epoch {
                return true;
            }
            measures
                .rekeys
                .sends_without(self.client_id, *client_id, Instant::now());
            if let Some(departure) = measures.departure(client_id) {
                measures.removal.record(departure.elapsed());
            }
            false
        });
    }
}
