//! Light media: a [`LightPeer`] with the participant's own MLS session; nothing is encoded or decoded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_e2ee::{Codec, Context};
use conclave_light::OfferedSection;
use conclave_wire::client::negotiation::{Answer, Offer};
use conclave_wire::id::{OfferId, TrackId};
use conclave_wire::media::{SectionRole, Source, Track};

use super::media::{Media, Steps};
use super::session::SharedSession;
use super::{Config, LightKit, ParticipantError};
use crate::light::{LightPeer, PeerEvent, PeerSpec, ReceiveTrack, SendTrack};

/// Light media.
pub struct LightMedia {
    peer: LightPeer,
    /// How many tracks are sent; their sections come first.
    sends: usize,
    sections: Vec<OfferedSection>,
    /// The track of each section that receives one.
    subscribed: Vec<Option<Track>>,
    next_offer: u32,
    in_flight: Option<OfferId>,
    dirty: bool,
    steps: Steps,
}

impl LightMedia {
    /// Makes a peer; nothing is sent before the first answer.
    ///
    /// # Errors
    /// What the engine or the codec say.
    pub fn open(
        config: &Config,
        kit: &LightKit,
        sends: Vec<SendTrack>,
        session: SharedSession,
    ) -> Result<Self, ParticipantError> {
        let peer = kit.engine.peer(PeerSpec {
            sends: sends.clone(),
            crypto: Box::new(session),
            decrypt: kit.decrypt,
            bind: None,
            measures: Arc::clone(&config.measures),
        })?;
        let sections: Vec<OfferedSection> = (0..sends.len())
            .filter_map(|index| peer.published(&index.to_string(), index))
            .collect();
        peer.start_sending();
        Ok(Self {
            peer,
            sends: sends.len(),
            subscribed: vec![None; sections.len()],
            dirty: true,
            sections,
            next_offer: 1,
            in_flight: None,
            steps: Steps::default(),
        })
    }

    fn mids(&self) -> Vec<String> {
        let published = self.sections.iter().take(self.sends);
        published.map(|section| section.mid.clone()).collect()
    }
}

/// What it sends, encoded if nobody has done so before: a person's microphone is ready before the person joins.
pub fn tracks(config: &Config, kit: &LightKit) -> Result<Vec<SendTrack>, ParticipantError> {
    if let Some(tracks) = &kit.tracks {
        return Ok(tracks.clone());
    }
    let mut tracks = Vec::new();
    if config.part.microphone {
        tracks.push(SendTrack::microphone(config.index)?);
    }
    if config.part.camera {
        tracks.push(SendTrack::camera(config.index, config.video));
    }
    if config.part.screen {
        tracks.push(SendTrack::screen(config.index));
    }
    Ok(tracks)
}

impl Media for LightMedia {
    type Event = Option<PeerEvent>;

    // The engine keeps house; what is left is to give up a call that does not start.
    const HOUSEKEEPING: Duration = Duration::from_millis(500);

    async fn subscribe(&mut self, track: Track) -> Result<(), ParticipantError> {
        let known = |other: &Option<Track>| {
            other
                .as_ref()
                .is_some_and(|other| other.track_id == track.track_id)
        };
        if self.subscribed.iter().any(known) {
            return Ok(());
        }
        self.dirty = true;
        let kind = track.source.kind();
        let idle = self
            .sections
            .iter()
            .position(|section| section.role == SectionRole::Idle && section.kind == kind);
        let mid = idle.unwrap_or(self.sections.len()).to_string();
        let section = OfferedSection::subscribe(&mid, track.track_id, kind);
        match idle {
            Some(place) => {
                if let (Some(idle), Some(empty)) =
                    (self.sections.get_mut(place), self.subscribed.get_mut(place))
                {
                    *idle = section;
                    *empty = Some(track);
                }
            }
            None => {
                self.sections.push(section);
                self.subscribed.push(Some(track));
            }
        }
        Ok(())
    }

    async fn unsubscribe(&mut self, track_id: TrackId) -> Result<(), ParticipantError> {
        for (section, track) in self.sections.iter_mut().zip(&mut self.subscribed) {
            if track.as_ref().is_some_and(|track| track.track_id == track_id) {
                section.role = SectionRole::Idle;
                *track = None;
                self.dirty = true;
            }
        }
        Ok(())
    }

    async fn poll_offer(&mut self) -> Result<Option<Offer>, ParticipantError> {
        if !self.dirty || self.in_flight.is_some() || self.sections.is_empty() {
            return Ok(None);
        }
        let (sdp, sections) = self.peer.conclave_offer(&self.sections);
        let offer_id = OfferId(self.next_offer);
        self.next_offer += 1;
        self.in_flight = Some(offer_id);
        self.dirty = false;
        Ok(Some(Offer {
            offer_id,
            sdp,
            sections,
        }))
    }

    async fn handle_answer(&mut self, answer: Answer) -> Result<(), ParticipantError> {
        if self.in_flight != Some(answer.offer_id) {
            return Ok(());
        }
        self.in_flight = None;
        let parsed = conclave_light::Answer::parse(&answer.sdp).map_err(crate::light::LightError::from)?;
        let tracks = self.sections.iter().zip(&self.subscribed);
        let receives = tracks
            .filter_map(|(section, track)| {
                let track = track.as_ref()?;
                let answered = parsed.section(&section.mid).filter(|answered| answered.active)?;
                Some(ReceiveTrack {
                    ssrc: answered.ssrc?,
                    rtx_ssrc: answered.rtx_ssrc,
                    context: context_of(track.source),
                    codec: codec_of(track.codec),
                })
            })
            .collect();
        Ok(self.peer.conclave_answer(&parsed, &self.mids(), receives)?)
    }

    fn handle_rejection(&mut self, offer_id: OfferId) {
        if self.in_flight == Some(offer_id) {
            self.in_flight = None;
            self.dirty = true;
        }
    }

    async fn next(&mut self) -> Option<PeerEvent> {
        self.peer.event().await
    }

    async fn handle(&mut self, event: Option<PeerEvent>) -> Result<(), ParticipantError> {
        let step = match event {
            Some(PeerEvent::Connected) => &mut self.steps.connected,
            Some(PeerEvent::FirstPacket) => &mut self.steps.packet,
            Some(PeerEvent::FirstFrame) => &mut self.steps.frame,
            Some(PeerEvent::Lost) | None => return Err(ParticipantError::MediaLost("lost".to_owned())),
        };
        step.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn keys_changed(&mut self) {
        self.peer.keys_changed();
    }

    /// The engine does it.
    fn keep_house(&mut self) {}

    fn mute(&mut self, muted: bool) {
        for track in 0..self.sends {
            self.peer.mute(track, muted);
        }
    }

    fn steps(&self) -> Steps {
        self.steps
    }

    async fn close(self) {
        self.peer.close();
        // Its figures have reached the measures when the engine has answered.
        self.peer.stats().await;
    }
}

/// The SFrame context of a source.
pub(super) fn context_of(source: Source) -> Context {
    match source {
        Source::Microphone => Context::Microphone,
        Source::Camera => Context::Camera,
        Source::ScreenVideo => Context::ScreenVideo,
        Source::ScreenAudio => Context::ScreenAudio,
    }
}

/// The codec as end-to-end encryption knows it.
pub(super) fn codec_of(codec: conclave_wire::media::Codec) -> Codec {
    match codec {
        conclave_wire::media::Codec::Opus => Codec::Opus,
        conclave_wire::media::Codec::Vp8 => Codec::Vp8,
        conclave_wire::media::Codec::Vp9 => Codec::Vp9,
    }
}
