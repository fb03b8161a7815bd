//! LiveKit: a publisher connection that the participant offers, a subscriber connection that the server offers again
//! whenever tracks come.

mod config;
mod obtain;
mod signal;
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

use super::json_socket::JsonSocket;
use super::process::{Program, Scratch, ServerProcess, free_port};
use super::{
    Guest, Host, Place, Prepared, Room, Rooms, Seat, Server, Target, TargetError, cannot_start, within,
};
use crate::light::{LightError, LightPeer, PeerEvent, Wanted};
use crate::measure::unix_micros;
use config::Ports;
use signal::Heard;

pub use obtain::VERSION;

const NAME: &str = "livekit";
/// Between pings; the server waits 15 s for one.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// The target.
#[derive(Clone, Debug)]
pub struct LiveKit {
    /// Where the built server is kept.
    pub cache: PathBuf,
}

#[async_trait]
impl Target for LiveKit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, tell: &dyn Fn(&str)) -> Result<Prepared, String> {
        Ok(Prepared {
            program: Some(obtain::obtain(&self.cache, tell)?),
            version: VERSION.to_owned(),
        })
    }

    fn differs(&self) -> &'static str {
        "One UDP port, otherwise as it is shipped, congestion control included. Participants speak protocol 2: a \
         connection for what they send, which is there before anything is received, and one for all they receive. Payloads \
         are as long as if they were sealed with SFrame, and are not."
    }

    async fn start(&self, prepared: &Prepared, place: &Place) -> Result<Server, TargetError> {
        let ports = Ports {
            http: free_port(place.address).map_err(cannot_start(NAME))?,
            media: free_port(place.address).map_err(cannot_start(NAME))?,
        };
        let folder = Scratch::new(NAME).map_err(cannot_start(NAME))?;
        let file = folder.path().join("livekit.yaml");
        std::fs::write(&file, config::text(place.address, ports)).map_err(cannot_start(NAME))?;
        let program = Program {
            name: NAME,
            path: prepared
                .program
                .clone()
                .unwrap_or_else(|| "livekit-server".into()),
            arguments: vec!["--config".into(), file.into()],
            folder,
        };
        let address = SocketAddr::new(place.address, ports.http);
        let process = ServerProcess::start(program, place, address).await?;
        Ok(Server {
            host: Host::Ours(Box::new(process)),
            rooms: Box::new(Running { address }),
        })
    }
}

struct Running {
    address: SocketAddr,
}

#[async_trait]
impl Rooms for Running {
    /// Rooms come into being when somebody joins.
    async fn create_room(&self, number: u32) -> Result<Box<dyn Room>, TargetError> {
        Ok(Box::new(NamedRoom {
            address: self.address,
            name: format!("room{number}"),
        }))
    }
}

struct NamedRoom {
    address: SocketAddr,
    name: String,
}

#[async_trait]
impl Room for NamedRoom {
    async fn join(&self, number: u32, guest: Guest) -> Result<Box<dyn Seat>, TargetError> {
        let token = token::sign(&format!("p{number}"), &self.name);
        // Whether tracks come by themselves is decided at the join: a participant that publishes sees those of others
        // as they come, as every client of LiveKit does. Above protocol 2 the server offers the subscriber's
        // connection at once, before it has heard that this client speaks JSON; up to it ICE-lite is not for this client,
        // whose part of ICE answers the server's checks then.
        let url = format!(
            "ws://{}/rtc?access_token={token}&auto_subscribe=1&adaptive_stream=0&protocol=2&sdk=rust&version=1",
            self.address
        );
        within(NAME, "joining", async {
            let socket = JsonSocket::open(NAME, &url, None).await?;
            let participant = Participant::enter(socket, guest).await?;
            Ok(Box::new(participant) as Box<dyn Seat>)
        })
        .await
    }
}

struct Participant {
    goodbye: oneshot::Sender<()>,
    /// Whether media has come.
    receiving: watch::Receiver<bool>,
    /// The task that has the conversation; none when it was found to be over.
    talking: Option<JoinHandle<Result<(), TargetError>>>,
}

impl Participant {
    async fn enter(socket: JsonSocket, guest: Guest) -> Result<Self, TargetError> {
        let mut talk = Talk {
            socket,
            publishing: None,
            subscribing: guest.receiving_peer().map_err(media)?,
        };
        // The server speaks protobuf until it hears JSON for the first time; what it says before is not needed.
        talk.ping().await?;
        talk.until(|heard| *heard == Heard::Pong).await?;
        // The server takes an address of its own accord only after a second, in the hope of a better one.
        if let Some(line) = talk.subscribing.own_candidate().await {
            talk.socket.send(&signal::subscriber_candidate(&line)).await?;
        }
        talk.publish(&guest).await?;
        let (goodbye, leaves) = oneshot::channel();
        let (told, receiving) = watch::channel(false);
        let talking = tokio::spawn(talk.go_on(leaves, told));
        Ok(Self {
            goodbye,
            receiving,
            talking: Some(talking),
        })
    }
}

/// The conversation with the server.
struct Talk {
    socket: JsonSocket,
    publishing: Option<LightPeer>,
    subscribing: LightPeer,
}

impl Talk {
    /// Announces the tracks, offers them and waits until they are sent. Who has none connects all the same: before that
    /// the server sends nobody's tracks.
    async fn publish(&mut self, guest: &Guest) -> Result<(), TargetError> {
        let mut peer = guest.publishing_peer().map_err(media)?;
        for track in &guest.sends {
            self.socket.send(&signal::add_track(track)).await?;
            self.until(|heard| matches!(heard, Heard::Published { cid } if *cid == track.name))
                .await?;
        }
        let wanted = Wanted {
            audio: usize::from(guest.sends.is_empty()),
            ..Wanted::default()
        };
        self.socket.send(&signal::offer(&peer.offer(wanted))).await?;
        let peer = self.publishing.insert(peer);
        // Candidates come as messages, so that the server must be heard until the connection stands.
        loop {
            tokio::select! {
                event = peer.event() => match event {
                    Some(PeerEvent::Connected) => break,
                    Some(PeerEvent::Lost) | None => return Err(media(LightError::Lost)),
                    Some(PeerEvent::FirstPacket | PeerEvent::FirstFrame) => {}
                },
                message = self.socket.receive() => {
                    act(&signal::read(&message?), Some(&mut *peer), &mut self.subscribing, &mut self.socket).await?;
                }
            }
        }
        peer.start_sending();
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), TargetError> {
        self.socket.send(&signal::ping(unix_micros() / 1000)).await
    }

    /// Acts on what the server says until it says what is waited for.
    async fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Result<(), TargetError> {
        loop {
            let heard = signal::read(&self.socket.receive().await?);
            self.handle(&heard).await?;
            if wanted(&heard) {
                return Ok(());
            }
        }
    }

    async fn handle(&mut self, heard: &Heard) -> Result<(), TargetError> {
        act(
            heard,
            self.publishing.as_mut(),
            &mut self.subscribing,
            &mut self.socket,
        )
        .await
    }

    /// Goes on until the participant leaves or something breaks.
    async fn go_on(
        mut self,
        mut leaves: oneshot::Receiver<()>,
        told: watch::Sender<bool>,
    ) -> Result<(), TargetError> {
        let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        loop {
            tokio::select! {
                message = self.socket.receive() => self.handle(&signal::read(&message?)).await?,
                event = self.subscribing.event() => match event {
                    Some(PeerEvent::FirstPacket | PeerEvent::FirstFrame) => {
                        told.send_replace(true);
                    }
                    Some(PeerEvent::Connected) => {}
                    Some(PeerEvent::Lost) | None => return Err(media(LightError::Lost)),
                },
                _ = pings.tick() => self.ping().await?,
                _ = &mut leaves => {
                    // The server may be gone first.
                    let _ = self.socket.send(&signal::leave()).await;
                    self.socket.close().await;
                    return Ok(());
                }
            }
        }
    }
}

/// Acts on what the server says.
async fn act(
    heard: &Heard,
    publishing: Option<&mut LightPeer>,
    subscribing: &mut LightPeer,
    socket: &mut JsonSocket,
) -> Result<(), TargetError> {
    match heard {
        Heard::Answer(sdp) => match publishing {
            Some(peer) => peer.set_answer(sdp).map_err(media),
            None => Ok(()),
        },
        Heard::Offer(sdp) => {
            let answer = subscribing.answer(sdp).map_err(media)?;
            socket.send(&signal::answer(&answer)).await
        }
        Heard::Candidate { publisher, line } => {
            let peer = if *publisher { publishing } else { Some(subscribing) };
            if let Some(peer) = peer {
                peer.add_candidate(line);
            }
            Ok(())
        }
        Heard::Leave(reason) => Err(TargetError::Refused {
            name: NAME,
            detail: format!("it ended the session: {reason}"),
        }),
        Heard::Pong | Heard::Published { .. } | Heard::Other => Ok(()),
    }
}

#[async_trait]
impl Seat for Participant {
    /// The server subscribes by itself as tracks come; here is only waited.
    async fn subscribe(&mut self, publishers: usize) -> Result<(), TargetError> {
        if publishers == 0 {
            return Ok(());
        }
        within(NAME, "receiving", async {
            if self.receiving.wait_for(|receiving| *receiving).await.is_ok() {
                return Ok(());
            }
            // It ended before anything came, and says why.
            if let Some(talking) = self.talking.take() {
                talking.await.map_err(TargetError::Task)??;
            }
            Err(TargetError::Signaling {
                name: NAME,
                detail: "the conversation is over".to_owned(),
            })
        })
        .await
    }

    async fn leave(self: Box<Self>) {
        // The conversation may be over already.
        let _ = self.goodbye.send(());
        if let Some(talking) = self.talking {
            let _ = talking.await;
        }
    }
}

/// Reads a message of a server; for a fuzzer.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz_message(message: &serde_json::Value) {
    if let Heard::Candidate { line, .. } = signal::read(message) {
        let _ = crate::light::description::candidate(&line);
    }
}

const fn media(source: LightError) -> TargetError {
    TargetError::Media { name: NAME, source }
}
