//! What a person negotiates: its own sections first, then one for each track of the others, in one offer at a time.

use conclave_wire::client::negotiation::{Answer, Offer};
use conclave_wire::client::subscription::{View, Views};
use conclave_wire::id::{OfferId, TrackId};
use conclave_wire::media::{Kind, Source, Track};
use conclave_wire::{ClientMessage, ServerMessage};

use super::Person;
use super::receiver::{AudioReceiver, VideoReceiver};
use super::sdp::{self, Answered, Line, RIDS};
use super::sender::ExtensionIds;
use super::sender::camera::Layout;

impl Line {
    pub(super) const fn microphone(base: u32) -> Self {
        Self::Publish {
            source: Source::Microphone,
            layout: Layout::Single,
            ssrcs: (base, 0),
        }
    }

    pub(super) const fn camera(layout: Layout, base: u32) -> Self {
        Self::Publish {
            source: Source::Camera,
            layout,
            ssrcs: Self::camera_ssrcs(base)[0],
        }
    }

    /// Media and retransmissions of each encoding.
    pub(super) const fn camera_ssrcs(base: u32) -> [(u32, u32); 3] {
        [
            (base + 0x10, base + 0x11),
            (base + 0x20, base + 0x21),
            (base + 0x30, base + 0x31),
        ]
    }
}

impl Person {
    /// A signaling message that is not for the e2ee session.
    pub(crate) fn message(&mut self, now: u64, message: ServerMessage) {
        match message {
            ServerMessage::State(state) => {
                for track in state.tracks {
                    self.add(track);
                }
                self.changed |= self.offers == 0;
            }
            ServerMessage::TrackPublished(published) => self.add(published.track),
            ServerMessage::TrackUnpublished(gone) => self.take_away(now, gone.track_id),
            ServerMessage::Answer(answer) => {
                self.offering = false;
                self.answered(now, &answer);
            }
            ServerMessage::OfferRejected(rejected) => panic!("{}: {:?}", self.ufrag, rejected.code),
            ServerMessage::EncodingsNeeded(needed) if needed.source == Source::Camera => {
                self.note(now, format_args!("has to send {:?}", needed.needed));
                if let Some(camera) = &mut self.camera {
                    camera.need(&needed.needed);
                }
            }
            _ => {}
        }
        self.offer();
    }

    /// Says what the screen shows; what is not named is shown large.
    pub(crate) fn show(&mut self, now: u64, views: &[(TrackId, u16)]) {
        self.note(now, format_args!("shows {views:?}"));
        self.views = views.to_vec();
        for video in &mut self.videos {
            let view = views.iter().find(|(track, _)| *track == video.track);
            video.show(now, view.is_some_and(|(_, height)| *height == 0));
        }
        self.messages.push(ClientMessage::Views(Views {
            views: views
                .iter()
                .map(|(track_id, height)| View {
                    track_id: *track_id,
                    height: *height,
                })
                .collect(),
        }));
    }

    fn add(&mut self, track: Track) {
        if self.tracks.contains_key(&track.track_id) {
            return;
        }
        self.lines.push(Line::Subscribe {
            track: track.track_id,
            kind: track.source.kind(),
        });
        self.tracks.insert(track.track_id, track);
        self.changed = true;
    }

    fn take_away(&mut self, now: u64, gone: TrackId) {
        self.tracks.remove(&gone);
        for line in &mut self.lines {
            if let Line::Subscribe { track, kind } = *line
                && track == gone
            {
                *line = Line::Idle { kind };
                self.changed = true;
            }
        }
        for video in self.videos.iter_mut().filter(|video| video.track == gone) {
            video.watch.stop(now);
            video.gone = true;
        }
        for audio in self.audios.iter_mut().filter(|audio| audio.track == gone) {
            audio.gone = true;
        }
    }

    fn offer(&mut self) {
        if !self.changed || self.offering || self.lines.is_empty() {
            return;
        }
        self.changed = false;
        self.offering = true;
        self.offers += 1;
        self.messages.push(ClientMessage::Offer(Offer {
            offer_id: OfferId(self.offers),
            sdp: sdp::write_offer(&self.ufrag, self.offers, &self.lines),
            sections: sdp::roles(&self.lines),
        }));
    }

    fn answered(&mut self, now: u64, answer: &Answer) {
        let sections = sdp::sections(&answer.sdp);
        let lines = self.lines.clone();
        for (mid, (line, section)) in lines.iter().zip(&sections).enumerate() {
            match line {
                Line::Publish { source, .. } if section.has("recvonly") => {
                    self.published(*source, mid, section);
                }
                Line::Subscribe { track, kind } => self.subscribed(now, *track, *kind, section),
                _ => {}
            }
        }
    }

    fn published(&mut self, source: Source, mid: usize, section: &Answered<'_>) {
        let (payload_type, rtx_type) = section.formats();
        let ids = ExtensionIds {
            mid: section.extension(4),
            rid: section.extension(10),
            repaired_rid: section.extension(11),
            transport_cc: section.extension(3),
        };
        self.ids.mid = self.ids.mid.or(ids.mid);
        self.ids.transport_cc = self.ids.transport_cc.or(ids.transport_cc);
        self.ids.rid = self.ids.rid.or(ids.rid);
        self.ids.repaired_rid = self.ids.repaired_rid.or(ids.repaired_rid);
        if source == Source::Camera {
            let rids = section.rids();
            if let Some(camera) = &mut self.camera {
                let as_hoped = match camera.layout {
                    Layout::Simulcast => rids.len() > 1,
                    Layout::Svc => payload_type == 98,
                    Layout::Single => true,
                };
                if !as_hoped {
                    camera.layout = Layout::Single;
                }
            }
            for (index, stream) in self.pictures.iter_mut().enumerate() {
                stream.payload_type = payload_type;
                stream.rtx_type = rtx_type;
                stream.mid = mid.to_string();
                stream.numbered = ids.transport_cc.is_some();
                stream.rid = (!rids.is_empty()).then_some(RIDS[index]);
            }
        } else if let Some(stream) = &mut self.microphone {
            stream.payload_type = payload_type;
            stream.mid = mid.to_string();
            stream.numbered = ids.transport_cc.is_some();
        }
    }

    fn subscribed(&mut self, now: u64, track: TrackId, kind: Kind, section: &Answered<'_>) {
        let Some(inbound) = section.inbound() else { return };
        match kind {
            Kind::Video if !self.videos.iter().any(|video| video.track == track) => {
                let mut video = VideoReceiver::new(now, track, inbound);
                let hidden = self.views.iter().any(|(of, height)| *of == track && *height == 0);
                video.show(now, hidden);
                self.videos.push(video);
            }
            Kind::Audio if !self.audios.iter().any(|audio| audio.track == track) => {
                self.audios.push(AudioReceiver::new(track, inbound));
            }
            _ => {}
        }
    }
}
