//! Janus's VideoRoom: a publisher connection per participant, and one subscriber connection for all the others.

mod api;
mod config;

use std::net::SocketAddr;
use std::process::Command;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::json_socket::at;
use super::process::{Program, Scratch, ServerProcess, find_program, free_port};
use super::{
    Guest, Host, Place, Prepared, Room, Rooms, Seat, Server, Target, TargetError, cannot_start, first_packet,
    within,
};
use crate::light::{LightPeer, Wanted};
use api::{Handle, Session};

const NAME: &str = "janus";

/// The target.
#[derive(Clone, Copy, Debug)]
pub struct Janus;

#[async_trait]
impl Target for Janus {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, _: &dyn Fn(&str)) -> Result<Prepared, String> {
        let program = find_program(NAME).ok_or("it is not installed (Debian: apt-get install janus)")?;
        let said = Command::new(&program).arg("--version").output();
        let said = said.map_err(|error| format!("janus --version: {error}"))?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        Ok(Prepared {
            program: Some(program),
            version: version_in(&text).unwrap_or("unknown").to_owned(),
        })
    }

    fn differs(&self) -> &'static str {
        "VideoRoom with one event loop, ICE-lite; a connection for what a participant sends and one for all it receives, \
         each with a UDP port of its own. No congestion control towards receivers. Payloads are as long as if they were \
         sealed with SFrame, and are not."
    }

    async fn start(&self, prepared: &Prepared, place: &Place) -> Result<Server, TargetError> {
        let port = free_port(place.address).map_err(cannot_start(NAME))?;
        let folder = Scratch::new(NAME).map_err(cannot_start(NAME))?;
        config::write(folder.path(), place.address, port).map_err(cannot_start(NAME))?;
        let main = folder.path().join("janus.jcfg");
        let program = Program {
            name: NAME,
            path: prepared.program.clone().unwrap_or_else(|| NAME.into()),
            // Without -F the transports read /etc.
            arguments: vec![
                "-F".into(),
                folder.path().into(),
                "-C".into(),
                main.into(),
                "--disable-colors".into(),
            ],
            folder,
        };
        let address = SocketAddr::new(place.address, port);
        let process = ServerProcess::start(program, place, address).await?;
        Ok(Server {
            host: Host::Ours(Box::new(process)),
            rooms: Box::new(Running {
                url: format!("ws://{address}"),
            }),
        })
    }
}

/// The number in `Janus version: 1102 (1.1.2)`.
fn version_in(text: &str) -> Option<&str> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Janus version: "))?;
    let (_, version) = line.split_once('(')?;
    Some(version.split_once(')')?.0)
}

struct Running {
    url: String,
}

#[async_trait]
impl Rooms for Running {
    async fn create_room(&self, number: u32) -> Result<Box<dyn Room>, TargetError> {
        let room = u64::from(number) + 1;
        within(NAME, "making a room", async {
            let mut session = Session::open(&self.url).await?;
            let handle = session.attach().await?;
            session.message(handle, api::create_room(room), None).await?;
            session.close().await;
            Ok(())
        })
        .await?;
        Ok(Box::new(VideoRoom {
            url: self.url.clone(),
            room,
        }))
    }
}

struct VideoRoom {
    url: String,
    room: u64,
}

#[async_trait]
impl Room for VideoRoom {
    async fn join(&self, number: u32, guest: Guest) -> Result<Box<dyn Seat>, TargetError> {
        within(NAME, "joining", async {
            let mut session = Session::open(&self.url).await?;
            let publisher = session.attach().await?;
            let mut seat = Participant {
                room: self.room,
                guest,
                own: None,
                publishing: None,
                subscribing: None,
                session: Some(session),
                listening: None,
            };
            if !seat.guest.sends.is_empty() {
                seat.publish(publisher, number).await?;
            }
            Ok(Box::new(seat) as Box<dyn Seat>)
        })
        .await
    }
}

struct Participant {
    room: u64,
    guest: Guest,
    /// Its id as a publisher.
    own: Option<u64>,
    publishing: Option<LightPeer>,
    subscribing: Option<LightPeer>,
    /// Until everything is negotiated.
    session: Option<Session>,
    /// Has the session afterwards, and takes what comes.
    listening: Option<JoinHandle<()>>,
}

impl Participant {
    async fn publish(&mut self, handle: Handle, number: u32) -> Result<(), TargetError> {
        let session = self
            .session
            .as_mut()
            .ok_or_else(|| signaling("it is negotiated"))?;
        let join = api::join_as_publisher(self.room, &format!("p{number}"));
        let joined = session.message(handle, join, None).await?;
        self.own = at(&joined.data, "/id").as_u64();
        let mut peer = self.guest.publishing_peer().map_err(media)?;
        let jsep = api::jsep("offer", &peer.offer(Wanted::default()));
        let publish = serde_json::json!({"request": "publish"});
        let published = session.message(handle, publish, Some(jsep)).await?;
        peer.set_answer(&published.sdp.ok_or_else(|| signaling("it sent no answer"))?)
            .map_err(media)?;
        peer.connected().await.map_err(media)?;
        peer.start_sending();
        self.publishing = Some(peer);
        Ok(())
    }

    async fn subscribe_to_all(&mut self) -> Result<(), TargetError> {
        let session = self
            .session
            .as_mut()
            .ok_or_else(|| signaling("it is negotiated"))?;
        let handle = session.attach().await?;
        let listed = session
            .message(handle, api::list_participants(self.room), None)
            .await?;
        let feeds = api::publishers(&listed, self.own);
        let join = api::join_as_subscriber(self.room, &feeds);
        let offered = session.message(handle, join, None).await?;
        let mut peer = self.guest.receiving_peer().map_err(media)?;
        let answer = peer.answer(&offered.sdp.ok_or_else(|| signaling("it sent no offer"))?);
        let jsep = api::jsep("answer", &answer.map_err(media)?);
        let start = serde_json::json!({"request": "start"});
        session.message(handle, start, Some(jsep)).await?;
        first_packet(&mut peer).await.map_err(media)?;
        self.subscribing = Some(peer);
        Ok(())
    }
}

#[async_trait]
impl Seat for Participant {
    async fn subscribe(&mut self, publishers: usize) -> Result<(), TargetError> {
        if publishers > 0 {
            within(NAME, "receiving", self.subscribe_to_all()).await?;
        }
        let session = self.session.take();
        self.listening = session.map(|mut session| {
            tokio::spawn(async move {
                session.listen().await;
            })
        });
        Ok(())
    }

    async fn leave(self: Box<Self>) {
        for peer in self.publishing.iter().chain(&self.subscribing) {
            peer.close();
        }
        // The server ends a session with its WebSocket.
        if let Some(listening) = &self.listening {
            listening.abort();
        }
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

fn signaling(detail: &str) -> TargetError {
    TargetError::Signaling {
        name: NAME,
        detail: detail.to_owned(),
    }
}

/// Reads a message of a server; for a fuzzer.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz_message(message: &serde_json::Value) {
    if let Ok(reply) = api::read(message, "t1") {
        let _ = api::publishers(&reply, Some(1));
    }
}

const fn media(source: crate::light::LightError) -> TargetError {
    TargetError::Media { name: NAME, source }
}
