//! The one task that owns the service and obeys its law: an input, every output, sleep until the timeout.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use conclave_signaling_core::{CreateRoomError, Frame, Output, RoomInfo, Service, SessionKey, Stats};
use conclave_wire::client::session::Policy;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{ClientId, RoomId, SessionToken};
use conclave_wire::{ClientMessage, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use crate::http::tree::Trees;
use crate::sfu_link::{LinkEvent, SfuLink};
use crate::state::Writer;

/// Inputs that wait for the service. A connection that finds it full waits, and its peer with it (TCP).
const INPUT_QUEUE: usize = 1_024;
/// Frames that wait for one connection. A connection that does not keep up is closed; its participant may come back.
pub(crate) const OUTBOUND_QUEUE: usize = 1_024;
/// Commands that wait for the SFU beyond its own queue. When it is full the newest is lost and an error logged.
const BACKLOG: usize = 65_536;

/// What the task is given.
enum Input {
    Connect {
        session: SessionKey,
        remote: IpAddr,
        outbound: mpsc::Sender<Outbound>,
    },
    Message {
        session: SessionKey,
        message: Box<ClientMessage>,
    },
    BadFrame {
        session: SessionKey,
        code: ErrorCode,
    },
    Disconnect {
        session: SessionKey,
    },
    CreateRoom {
        policy: Policy,
        reply: oneshot::Sender<Result<RoomId, CreateRoomError>>,
    },
    Room {
        room: RoomId,
        reply: oneshot::Sender<Result<RoomInfo, ErrorCode>>,
    },
    Member {
        room: RoomId,
        token: SessionToken,
        reply: oneshot::Sender<Option<ClientId>>,
    },
    Present {
        room: RoomId,
        reply: oneshot::Sender<BTreeSet<ClientId>>,
    },
    Stats {
        reply: oneshot::Sender<Stats>,
    },
    Shutdown,
}

/// What a connection is given.
pub(crate) enum Outbound {
    /// Send this text frame.
    Frame(Frame),
    /// Close after what came before.
    Close(ErrorCode),
}

/// The task is gone; the process is about to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// The way to the task. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ServiceHandle {
    inputs: mpsc::Sender<Input>,
    candidates: watch::Receiver<Option<Vec<SocketAddr>>>,
}

impl ServiceHandle {
    /// Opens a session; what the service sends it comes out of the receiver, which ends when the service gave it up.
    pub(crate) async fn connect(
        &self,
        session: SessionKey,
        remote: IpAddr,
    ) -> Result<mpsc::Receiver<Outbound>, Gone> {
        let (outbound, receiver) = mpsc::channel(OUTBOUND_QUEUE);
        self.send(Input::Connect {
            session,
            remote,
            outbound,
        })
        .await?;
        Ok(receiver)
    }

    pub(crate) async fn message(&self, session: SessionKey, message: ClientMessage) -> Result<(), Gone> {
        self.send(Input::Message {
            session,
            message: Box::new(message),
        })
        .await
    }

    /// The service tells the session the code and closes it.
    pub(crate) async fn bad_frame(&self, session: SessionKey, code: ErrorCode) -> Result<(), Gone> {
        self.send(Input::BadFrame { session, code }).await
    }

    pub(crate) async fn disconnect(&self, session: SessionKey) -> Result<(), Gone> {
        self.send(Input::Disconnect { session }).await
    }

    pub(crate) async fn create_room(&self, policy: Policy) -> Result<Result<RoomId, CreateRoomError>, Gone> {
        self.ask(|reply| Input::CreateRoom { policy, reply }).await
    }

    /// What may be known of a room, or why nothing is: it is not open, or it was burnt.
    pub(crate) async fn room(&self, room: RoomId) -> Result<Result<RoomInfo, ErrorCode>, Gone> {
        self.ask(|reply| Input::Room { room, reply }).await
    }

    /// The member of the room's group whose session has this token.
    pub(crate) async fn member(&self, room: RoomId, token: SessionToken) -> Result<Option<ClientId>, Gone> {
        self.ask(|reply| Input::Member { room, token, reply }).await
    }

    /// Who is in the room, those who may still come back too.
    pub(crate) async fn present(&self, room: RoomId) -> Result<BTreeSet<ClientId>, Gone> {
        self.ask(|reply| Input::Present { room, reply }).await
    }

    pub(crate) async fn stats(&self) -> Result<Stats, Gone> {
        self.ask(|reply| Input::Stats { reply }).await
    }

    /// Everybody is told and closed.
    pub(crate) async fn shut_down(&self) -> Result<(), Gone> {
        self.send(Input::Shutdown).await
    }

    /// The SFU's addresses; `None` while it cannot be reached.
    pub(crate) fn candidates(&self) -> Option<Vec<SocketAddr>> {
        self.candidates.borrow().clone()
    }

    /// Resolves when the SFU was reached for the first time.
    pub(crate) async fn media_ready(&mut self) -> Result<Vec<SocketAddr>, Gone> {
        let candidates = self
            .candidates
            .wait_for(Option::is_some)
            .await
            .map_err(|_| Gone)?;
        candidates.clone().ok_or(Gone)
    }

    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.send(input(reply)).await?;
        answer.await.map_err(|_| Gone)
    }

    async fn send(&self, input: Input) -> Result<(), Gone> {
        self.inputs.send(input).await.map_err(|_| Gone)
    }
}

/// The task's state.
pub(crate) struct Driver {
    service: Service,
    inputs: mpsc::Receiver<Input>,
    link: SfuLink,
    sessions: HashMap<SessionKey, mpsc::Sender<Outbound>>,
    trees: Arc<Trees>,
    /// Where records go that outlive the process; without one the core alone has them.
    records: Option<Writer>,
    /// Commands for which the link's queue had no room.
    backlog: VecDeque<ControlCommand>,
    candidates: watch::Sender<Option<Vec<SocketAddr>>>,
}

impl Driver {
    pub(crate) fn new(
        service: Service,
        link: SfuLink,
        trees: Arc<Trees>,
        records: Option<Writer>,
    ) -> (Self, ServiceHandle) {
        let (sender, inputs) = mpsc::channel(INPUT_QUEUE);
        let (candidates, watched) = watch::channel(None);
        let driver = Self {
            service,
            inputs,
            link,
            sessions: HashMap::new(),
            trees,
            records,
            backlog: VecDeque::new(),
            candidates,
        };
        (
            driver,
            ServiceHandle {
                inputs: sender,
                candidates: watched,
            },
        )
    }

    /// Runs until every [`ServiceHandle`] is gone.
    pub(crate) async fn run(mut self) {
        let commands = self.link.commands.clone();
        loop {
            let timeout = self.service.poll_timeout();
            tokio::select! {
                input = self.inputs.recv() => match input {
                    Some(input) => self.handle_input(Instant::now(), input),
                    None => return,
                },
                Some(event) = self.link.events.recv() => self.handle_link(Instant::now(), event),
                () = sleep_until(timeout.unwrap_or_else(Instant::now).into()), if timeout.is_some() => {
                    self.service.handle_timeout(Instant::now());
                }
                Ok(permit) = commands.reserve(), if !self.backlog.is_empty() => {
                    if let Some(command) = self.backlog.pop_front() {
                        permit.send(command);
                    }
                }
            }
            self.drain();
        }
    }

    fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Connect {
                session,
                remote,
                outbound,
            } => {
                self.sessions.insert(session, outbound);
                // Often enough to follow a clock that was set.
                if let Ok(since) = SystemTime::now().duration_since(UNIX_EPOCH) {
                    self.service.handle_clock(now, since.as_secs());
                }
                self.service.handle_connect(now, session, remote);
            }
            Input::Message { session, message } => self.service.handle_message(now, session, *message),
            Input::BadFrame { session, code } => self.service.handle_bad_frame(now, session, code),
            Input::Disconnect { session } => {
                self.sessions.remove(&session);
                self.service.handle_disconnect(now, session);
            }
            Input::CreateRoom { policy, reply } => {
                // An asker that went away does not want to know; the empty room is forgotten in time.
                let _ = reply.send(self.service.create_room(now, policy));
            }
            Input::Room { room, reply } => {
                let missing = if self.service.is_burnt(now, &room) {
                    ErrorCode::RoomBurnt
                } else {
                    ErrorCode::RoomNotFound
                };
                let _ = reply.send(self.service.room(&room).ok_or(missing));
            }
            Input::Member { room, token, reply } => {
                let _ = reply.send(self.service.member(&room, &token));
            }
            Input::Present { room, reply } => {
                let _ = reply.send(self.service.present(&room).collect());
            }
            Input::Stats { reply } => {
                let _ = reply.send(self.service.stats());
            }
            Input::Shutdown => self.service.handle_shutdown(now),
        }
    }

    fn handle_link(&mut self, now: Instant, event: LinkEvent) {
        match event {
            LinkEvent::Event(event) => {
                if let ControlEvent::Ready { version, candidates } = &event {
                    tracing::info!(%version, candidates = candidates.len(), "the SFU is ready");
                    self.candidates.send_replace(Some(candidates.clone()));
                }
                if let ControlEvent::Overloaded { overloaded } = &event {
                    tracing::warn!(overloaded, "whether new participants are turned away changed");
                }
                self.service.handle_control(now, event);
            }
            LinkEvent::Lost => {
                tracing::warn!("the SFU is lost; calls go on when it is back");
                self.candidates.send_replace(None);
                self.backlog.clear();
                self.service.handle_control_lost(now);
            }
        }
    }

    /// Carries out every output. A session that does not keep up is disconnected, which makes new outputs.
    fn drain(&mut self) {
        while let Some(output) = self.service.poll_output() {
            match output {
                Output::Send { session, frame } => self.send(session, Outbound::Frame(frame)),
                Output::Close { session, code } => {
                    self.send(session, Outbound::Close(code));
                    self.sessions.remove(&session);
                }
                Output::Control(command) => self.control(command),
                Output::StoreTree { hash, bytes } => self.trees.store(hash, bytes),
                Output::DropTree { hash } => self.trees.forget(&hash),
                Output::Remember { room, record, keep } => {
                    if let Some(writer) = &self.records {
                        writer.remember(room, record, keep);
                    }
                }
                Output::Forget { room } => {
                    if let Some(writer) = &self.records {
                        writer.forget(room);
                    }
                }
            }
        }
    }

    fn send(&mut self, session: SessionKey, outbound: Outbound) {
        // The connection may have ended on its own a moment ago; its Disconnect is on the way.
        let Some(sender) = self.sessions.get(&session) else {
            return;
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(outbound) {
            tracing::debug!("a connection does not keep up");
            self.sessions.remove(&session);
            self.service.handle_disconnect(Instant::now(), session);
        }
    }

    fn control(&mut self, command: ControlCommand) {
        if self.backlog.is_empty() {
            match self.link.commands.try_send(command) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(command)) => self.backlog.push_back(command),
                // The embedded SFU is gone; Lost says so.
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        } else if self.backlog.len() < BACKLOG {
            self.backlog.push_back(command);
        } else {
            tracing::error!("the SFU does not take commands; one was lost");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
