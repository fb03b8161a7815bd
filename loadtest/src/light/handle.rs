//! The handle of one light peer: what its owner says to it and asks of it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conclave_light::{Answer, AnswerError, Offer, OfferedSection, extension, payload_type};
use conclave_transport::client::RemoteCandidate;
use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::{IceCredentials, Route};
use conclave_wire::media::Section;
use rand::Rng as _;
use thiserror::Error;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use super::crypto::FrameCrypto;
use super::description::{self, DescriptionError, RemoteDescription, Wanted};
use super::engine::{Command, LightEngine, Thread};
use super::peer::{PeerEvent, PeerParts, Remote};
use super::receiver::{Decrypt, ReceiveTrack};
use super::sender::{Sender, Ssrcs, Wire};
use super::source::SendTrack;
use super::stats::PeerStats;
use crate::measure::Measures;

/// How long ICE and DTLS may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// What a light peer is made of.
pub struct PeerSpec {
    /// What it sends, in the order of its offers' sections.
    pub sends: Vec<SendTrack>,
    /// How frames are sealed.
    pub crypto: Box<dyn FrameCrypto>,
    /// Which frames are opened.
    pub decrypt: Decrypt,
    /// The address to send from; by default the one the way to the server begins at.
    pub bind: Option<IpAddr>,
    /// Where its measures go.
    pub measures: Arc<Measures>,
}

/// Why a light peer cannot go on.
#[derive(Debug, Error)]
pub enum LightError {
    /// The engine has no threads any more.
    #[error("the engine of light participants has ended")]
    Ended,
    /// No randomness.
    #[error("no ICE credentials could be made")]
    Credentials,
    /// The server's description cannot be used.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// Conclave's answer cannot be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// ICE or DTLS failed, or consent was lost.
    #[error("the media connection was lost")]
    Lost,
    /// ICE or DTLS took longer than 30 s.
    #[error("the media connection did not come up within 30 s")]
    NotConnected,
}

/// One light peer. It is closed when it is dropped.
pub struct LightPeer {
    number: usize,
    thread: Thread,
    credentials: IceCredentials,
    fingerprint: Fingerprint,
    tracks: Vec<(SendTrack, Ssrcs)>,
    /// The mids of the tracks we send; from the last offer.
    mids: Vec<String>,
    remote: Option<Remote>,
    /// Candidates that came before a description, or without one.
    candidates: Vec<RemoteCandidate>,
    events: UnboundedReceiver<PeerEvent>,
    connected: bool,
    stats: Arc<Mutex<PeerStats>>,
}

impl LightEngine {
    /// Makes a peer; nothing is sent before the first description.
    ///
    /// # Errors
    /// [`LightError::Ended`], [`LightError::Credentials`].
    pub fn peer(&self, spec: PeerSpec) -> Result<LightPeer, LightError> {
        let thread = self.thread().ok_or(LightError::Ended)?;
        let credentials =
            IceCredentials::generate(Route { shard: 0, peer: 0 }).map_err(|_| LightError::Credentials)?;
        let now = Instant::now();
        let mut random = rand::rng();
        let mut tracks = Vec::new();
        let mut senders = Vec::new();
        for track in spec.sends {
            let ssrcs = Ssrcs {
                media: random.random(),
                rtx: random.random(),
            };
            senders.push(Sender::new(track.clone(), ssrcs, now));
            tracks.push((track, ssrcs));
        }
        let (sender, events) = unbounded_channel();
        let stats = Arc::new(Mutex::new(PeerStats::default()));
        let parts = PeerParts {
            credentials: credentials.clone(),
            certificate: self.certificate.clone(),
            crypto: spec.crypto,
            decrypt: spec.decrypt,
            bind: spec.bind,
            senders,
            measures: spec.measures,
            events: sender,
            stats: Arc::clone(&stats),
        };
        let number = thread.number();
        thread.tell(Command::Add(number, Box::new(parts)));
        Ok(LightPeer {
            number,
            thread,
            credentials,
            fingerprint: self.certificate.fingerprint(),
            tracks,
            mids: Vec::new(),
            remote: None,
            candidates: Vec::new(),
            events,
            connected: false,
            stats,
        })
    }
}

impl LightPeer {
    /// An offer for a server that knows no roles: all tracks it sends, and sections to receive what is wanted.
    pub fn offer(&mut self, wanted: Wanted) -> String {
        let tracks: Vec<_> = self.tracks.iter().map(|(track, ssrcs)| (track, *ssrcs)).collect();
        let (sdp, mids) = description::offer(&self.credentials, self.fingerprint, &tracks, wanted);
        self.mids = mids;
        sdp
    }

    /// Takes the answer to an [`Self::offer`].
    ///
    /// # Errors
    /// [`LightError::Description`].
    pub fn set_answer(&mut self, sdp: &str) -> Result<(), LightError> {
        let description = RemoteDescription::parse(sdp)?;
        self.take(description);
        Ok(())
    }

    /// Answers a server's offer: everything it sends is received. Later offers change what is received.
    ///
    /// # Errors
    /// [`LightError::Description`].
    pub fn answer(&mut self, offer: &str) -> Result<String, LightError> {
        let description = RemoteDescription::parse(offer)?;
        let answer = description::answer(&description, &self.credentials, self.fingerprint);
        self.take(description);
        Ok(answer)
    }

    /// A candidate that came after its description or before it, as SDP writes it. One that is of no use is ignored.
    pub fn add_candidate(&mut self, candidate: &str) {
        let Some(candidate) = description::candidate(candidate) else {
            return;
        };
        self.candidates.push(candidate);
        if let Some(mut remote) = self.remote.take() {
            if !remote.ice.candidates.contains(&candidate) {
                remote.ice.candidates.push(candidate);
            }
            self.describe(remote);
        }
    }

    /// The section of an offer to Conclave that publishes track `index`.
    pub fn published(&self, mid: &str, index: usize) -> Option<OfferedSection> {
        let (track, ssrcs) = self.tracks.get(index)?;
        Some(description::published(mid, track, *ssrcs))
    }

    /// An offer to Conclave: its text, and the roles of its sections.
    pub fn conclave_offer(&self, sections: &[OfferedSection]) -> (String, Vec<Section>) {
        let offer = Offer {
            credentials: &self.credentials,
            fingerprint: self.fingerprint,
            sections,
        };
        (offer.to_sdp(), offer.roles())
    }

    /// Takes Conclave's answer. `mids` are those of the tracks we send, in their order.
    ///
    /// # Errors
    /// [`LightError::Answer`].
    pub fn conclave_answer(
        &mut self,
        answer: &Answer,
        mids: &[String],
        receives: Vec<ReceiveTrack>,
    ) -> Result<(), LightError> {
        let numbered = answer
            .sections
            .iter()
            .flat_map(|section| &section.extensions)
            .any(|(id, _)| *id == extension::TRANSPORT_CC);
        let transport_cc = numbered.then_some(extension::TRANSPORT_CC);
        let wire = |((track, _), mid): (&(SendTrack, Ssrcs), &String)| {
            let section = answer.section(mid).filter(|section| section.active)?;
            let payload_type = section.payload_type?;
            let codec = match track.source.codec() {
                conclave_e2ee::Codec::Opus => conclave_wire::media::Codec::Opus,
                conclave_e2ee::Codec::Vp8 => conclave_wire::media::Codec::Vp8,
                conclave_e2ee::Codec::Vp9 => conclave_wire::media::Codec::Vp9,
            };
            Some(Wire {
                payload_type,
                rtx_payload_type: payload_type::rtx_of(codec),
                transport_cc,
            })
        };
        let wires = self.tracks.iter().zip(mids).map(wire).collect();
        self.describe(Remote {
            ice: answer.ice.clone(),
            fingerprint: answer.fingerprint,
            transport_cc,
            wires,
            receives,
        });
        Ok(())
    }

    /// Waits until media can flow.
    ///
    /// # Errors
    /// [`LightError::Lost`], [`LightError::NotConnected`].
    pub async fn connected(&mut self) -> Result<(), LightError> {
        if self.connected {
            return Ok(());
        }
        let connect = async {
            loop {
                match self.events.recv().await {
                    Some(PeerEvent::Connected) => return Ok(()),
                    Some(PeerEvent::Lost) | None => return Err(LightError::Lost),
                    Some(_) => {}
                }
            }
        };
        let connected = tokio::time::timeout(CONNECT_PATIENCE, connect).await;
        connected.map_err(|_| LightError::NotConnected)??;
        self.connected = true;
        Ok(())
    }

    /// The next thing that happens; `None` when the engine has ended. May be dropped and called again.
    pub async fn event(&mut self) -> Option<PeerEvent> {
        let event = self.events.recv().await?;
        self.connected |= event == PeerEvent::Connected;
        Some(event)
    }

    /// Begins to send all tracks.
    pub fn start_sending(&self) {
        self.thread.tell(Command::Send(self.number));
    }

    /// Stops sending a track for a while, or goes on.
    pub fn mute(&self, track: usize, muted: bool) {
        self.thread.tell(Command::Mute(self.number, track, muted));
    }

    /// Keys came: frames that waited for them are tried again.
    pub fn keys_changed(&self) {
        self.thread.tell(Command::Retry(self.number));
    }

    /// What it has sent and received up to now.
    pub async fn stats(&self) -> PeerStats {
        let (done, wait) = oneshot::channel();
        self.thread.tell(Command::Stats(self.number, done));
        // Without an engine the last figures stand.
        let _ = wait.await;
        self.stats.lock().map(|stats| stats.clone()).unwrap_or_default()
    }

    /// The address it is reached at, as SDP writes a candidate; `None` while it has none.
    pub async fn own_candidate(&self) -> Option<String> {
        let (asked, answer) = oneshot::channel();
        self.thread.tell(Command::Locate(self.number, asked));
        Some(description::host_candidate(answer.await.ok()?))
    }

    /// Ends it; what it counted goes to its measures.
    pub fn close(&self) {
        self.thread.tell(Command::Close(self.number));
    }

    fn take(&mut self, description: RemoteDescription) {
        let tracks: Vec<SendTrack> = self.tracks.iter().map(|(track, _)| track.clone()).collect();
        let mut ice = description.ice.clone();
        for candidate in &self.candidates {
            if !ice.candidates.contains(candidate) {
                ice.candidates.push(*candidate);
            }
        }
        self.describe(Remote {
            ice,
            fingerprint: description.fingerprint,
            transport_cc: description.transport_cc(),
            wires: description.wires(&tracks, &self.mids),
            receives: description.receives(&self.mids),
        });
    }

    fn describe(&mut self, remote: Remote) {
        self.remote = Some(remote.clone());
        self.thread.tell(Command::Describe(self.number, Box::new(remote)));
    }
}

impl Drop for LightPeer {
    fn drop(&mut self) {
        self.close();
    }
}
