//! Conclave itself: `conclave serve`, and light participants that speak MLS and SFrame.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conclave_e2ee::Codec;
use rand::Rng as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::process::{Program, Scratch, ServerProcess, free_port};
use super::{
    Guest, Host, Place, Prepared, Room, Rooms, Seat, Server, Target, TargetError, cannot_start, within,
};
use crate::http;
use crate::light::Decrypt;
use crate::measure::Measures;
use crate::measure::kinds::Kind;
use crate::participant::{self, Config, LightKit, Making, Order, Part, ParticipantError};
use crate::room;

const NAME: &str = "conclave";
/// Between two looks whether everybody is in.
const LOOK: Duration = Duration::from_millis(2);

/// The target.
#[derive(Clone, Debug)]
pub struct Conclave {
    /// The server's executable.
    pub program: PathBuf,
}

#[async_trait]
impl Target for Conclave {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, _: &dyn Fn(&str)) -> Result<Prepared, String> {
        let said = Command::new(&self.program).arg("--version").output();
        let said =
            said.map_err(|error| format!("{}: {error} (build it: make build)", self.program.display()))?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        Ok(Prepared {
            program: Some(self.program.clone()),
            version: text.trim().trim_start_matches("conclave ").to_owned(),
        })
    }

    fn differs(&self) -> &'static str {
        "Its participants are members of the MLS group of their room and seal every frame with SFrame; who joins is \
         admitted to the group before anything can be read. Congestion control as it is shipped."
    }

    async fn start(&self, prepared: &Prepared, place: &Place) -> Result<Server, TargetError> {
        let listen = SocketAddr::new(
            place.address,
            free_port(place.address).map_err(cannot_start(NAME))?,
        );
        let media = SocketAddr::new(
            place.address,
            free_port(place.address).map_err(cannot_start(NAME))?,
        );
        let program = Program {
            name: NAME,
            path: prepared.program.clone().unwrap_or_else(|| self.program.clone()),
            arguments: vec![
                "serve".into(),
                "--listen".into(),
                listen.to_string().into(),
                "--media".into(),
                media.to_string().into(),
                // All participants come from one address.
                "--max-connections-per-ip".into(),
                "100000".into(),
                "--max-connections".into(),
                "100000".into(),
                "--log".into(),
                "error".into(),
            ],
            folder: Scratch::new(NAME).map_err(cannot_start(NAME))?,
        };
        let process = ServerProcess::start(program, place, listen).await?;
        let server = http::Server::parse(&format!("http://{listen}")).map_err(cannot_start(NAME))?;
        Ok(Server {
            host: Host::Ours(Box::new(process)),
            rooms: Box::new(Running { server }),
        })
    }
}

struct Running {
    server: http::Server,
}

#[async_trait]
impl Rooms for Running {
    async fn create_room(&self, _: u32) -> Result<Box<dyn Room>, TargetError> {
        let room = room::Room::create(&self.server).await;
        let room = room.map_err(|error| TargetError::Refused {
            name: NAME,
            detail: error.to_string(),
        })?;
        Ok(Box::new(Meeting {
            server: self.server.clone(),
            room,
        }))
    }
}

struct Meeting {
    server: http::Server,
    room: room::Room,
}

#[async_trait]
impl Room for Meeting {
    async fn join(&self, number: u32, guest: Guest) -> Result<Box<dyn Seat>, TargetError> {
        let publishes = !guest.sends.is_empty();
        let config = Config {
            server: self.server.clone(),
            room: self.room.clone(),
            index: usize::try_from(number).unwrap_or_default(),
            client_id: rand::rng().random(),
            name: format!("p{number}"),
            is_host: false,
            video: Codec::Vp8,
            part: if publishes { Part::SPEAKER } else { Part::LISTENER },
            making: Making::Light(LightKit {
                engine: guest.engine,
                decrypt: Decrypt::Sample(guest.sample),
                tracks: Some(guest.sends),
            }),
            relief: None,
            detour: None,
            measures: Arc::clone(&guest.measures),
        };
        let (orders, heard) = watch::channel(Order::Stay);
        Ok(Box::new(Participant {
            task: Some(tokio::spawn(participant::run(config, heard))),
            orders,
            measures: guest.measures,
        }))
    }
}

struct Participant {
    /// None when it was found to be over.
    task: Option<JoinHandle<Result<(), ParticipantError>>>,
    orders: watch::Sender<Order>,
    measures: Arc<Measures>,
}

#[async_trait]
impl Seat for Participant {
    /// Participants subscribe by themselves; here is waited until everybody who counts in the same place has opened a
    /// frame.
    async fn subscribe(&mut self, _: usize) -> Result<(), TargetError> {
        within(NAME, "receiving", async {
            let counters = self.measures.kinds.of(Kind::Light);
            while counters.joined.value() < counters.started.value().max(1) {
                if self.task.as_ref().is_none_or(JoinHandle::is_finished) {
                    return Err(self.reason().await);
                }
                sleep(LOOK).await;
            }
            Ok(())
        })
        .await
    }

    async fn leave(self: Box<Self>) {
        // It may have ended before.
        let _ = self.orders.send(Order::Leave);
        if let Some(task) = self.task {
            let _ = task.await;
        }
    }
}

impl Participant {
    /// Why its part is over.
    async fn reason(&mut self) -> TargetError {
        let detail = match self.task.take() {
            Some(task) => match task.await {
                Ok(Ok(())) => "a participant left by itself".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => return TargetError::Task(error),
            },
            None => "a participant's part is over".to_owned(),
        };
        TargetError::Signaling { name: NAME, detail }
    }
}
