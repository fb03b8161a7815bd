//! One WebSocket: frames from the client to the service, from the service to the client, and an orderly end.

mod budget;

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use conclave_signaling_core::SessionKey;
use conclave_wire::client::session::ErrorMessage;
use conclave_wire::codec::{self, DecodeError};
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage, limits};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::app::App;
use crate::connection::budget::Budget;
use crate::driver::{Gone, Outbound};
use crate::registry::Permit;
use crate::socket::{self, Socket};

/// How often the client is pinged (RFC 6455 §5.5.2); a browser answers by itself, even in a hidden tab.
const PING_EVERY: Duration = Duration::from_secs(5);
/// A connection on which nothing came for so long is dead. The core counts messages only and is stricter.
const DEAD_AFTER: Duration = Duration::from_secs(30);
/// How long a client may take to take one batch of frames.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to answer a Close. Until then its frames are read and thrown away: closing a socket with
/// unread data would reset it, and the client would not see the error that was sent to it.
const GOODBYE: Duration = Duration::from_secs(2);
/// When a refused client may try again, in seconds.
pub(crate) const RETRY_AFTER_S: u32 = 10;

/// Why a connection ended.
enum End {
    /// The client closed it, or the network did.
    Peer,
    /// Nothing came for too long, or nothing went out.
    Lost,
    /// The service gave it up because it did not keep up.
    Slow,
    /// The service or we closed it; the client was told why.
    Refused(ErrorCode),
    /// The service is gone.
    Gone,
}

impl End {
    /// Its label in the metrics.
    const fn label(&self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Lost | Self::Gone => "lost",
            Self::Slow => "slow",
            Self::Refused(_) => "refused",
        }
    }
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

struct Connection {
    socket: Socket,
    session: SessionKey,
    app: App,
    outbound: mpsc::Receiver<Outbound>,
    permit: Permit,
    budget: Budget,
    /// Set by the first Hello, which raises the size limit.
    greeted: bool,
    /// Unset by the first frame that is no message: the service closes the session, nothing more is taken.
    listening: bool,
    heard: Instant,
}

/// Serves a connection until it ends.
pub(crate) async fn run(socket: Socket, app: App, session: SessionKey, remote: IpAddr, permit: Permit) {
    // The service is gone only when the process ends.
    let Ok(outbound) = app.service.connect(session, remote).await else {
        return;
    };
    let now = Instant::now();
    let mut connection = Connection {
        socket,
        session,
        app,
        outbound,
        permit,
        budget: Budget::full(now.into_std()),
        greeted: false,
        listening: true,
        heard: now,
    };
    let end = connection.serve().await;
    tracing::debug!(session = session.0, reason = end.label(), "connection ended");
    connection.app.metrics.connections_closed.count(end.label());
    if let End::Refused(code) = end {
        close(&mut connection.socket, code).await;
    }
    let _ = connection.app.service.disconnect(session).await;
}

/// Tells a client why it may not have a connection.
pub(crate) async fn refuse(mut socket: Socket, code: ErrorCode) {
    let retry_after_ms = Some(RETRY_AFTER_S * 1_000);
    let error = ServerMessage::Error(ErrorMessage {
        code,
        fatal: true,
        retry_after_ms,
    });
    let sent = socket.send(Message::Text(codec::encode(&error).into()));
    if matches!(timeout(GOODBYE, sent).await, Ok(Ok(()))) {
        close(&mut socket, code).await;
    }
}

/// Sends a Close and waits for the client's.
async fn close(socket: &mut Socket, code: ErrorCode) {
    let frame = CloseFrame {
        code: close_code(code),
        reason: reason(code),
    };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A client that does not answer is closed all the same, when the socket is dropped.
    let _ = timeout(GOODBYE, goodbye).await;
}

impl Connection {
    async fn serve(&mut self) -> End {
        let mut ping = interval_at(self.heard + PING_EVERY, PING_EVERY);
        loop {
            let step = tokio::select! {
                outbound = self.outbound.recv() => match outbound {
                    Some(outbound) => self.send(outbound).await,
                    None => Err(End::Slow),
                },
                message = self.socket.next(), if self.listening => self.receive(message).await,
                now = ping.tick() => self.ping(now).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Sends this and everything that waits behind it, then flushes once.
    async fn send(&mut self, first: Outbound) -> Result<(), End> {
        let batch = async {
            let mut next = Some(first);
            let mut closing = None;
            while let Some(outbound) = next {
                match outbound {
                    Outbound::Frame(frame) => {
                        let text = Bytes::from_owner(frame);
                        socket::feed_text(&mut self.socket, text)
                            .await
                            .map_err(|_| End::Peer)?;
                    }
                    Outbound::Close(code) => {
                        closing = Some(End::Refused(code));
                        break;
                    }
                }
                next = self.outbound.try_recv().ok();
            }
            self.socket.flush().await.map_err(|_| End::Peer)?;
            closing.map_or(Ok(()), Err)
        };
        timeout(SEND_TIMEOUT, batch).await.unwrap_or(Err(End::Lost))
    }

    async fn receive(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        self.heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => match self.read(&text) {
                Ok(message) => self.app.service.message(self.session, message).await?,
                Err(code) => self.give_up(code).await?,
            },
            Some(Ok(Message::Binary(_))) => self.give_up(ErrorCode::BadMessage).await?,
            // Frames are for sending only.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_))) | None => return Err(End::Peer),
            Some(Err(error)) => match code_of(&error) {
                Some(code) => self.give_up(code).await?,
                None => return Err(End::Peer),
            },
        }
        Ok(())
    }

    /// Makes a message of a text frame, if it may come now.
    fn read(&mut self, text: &str) -> Result<ClientMessage, ErrorCode> {
        if !self.greeted && text.len() > limits::MAX_HELLO {
            return Err(ErrorCode::MessageTooLarge);
        }
        if !self.budget.spend(Instant::now().into_std(), text.len()) {
            return Err(ErrorCode::RateLimited);
        }
        let message = codec::decode_client(text).map_err(|error: DecodeError| {
            // serde_json names what it expected and where, never what was there.
            tracing::debug!(
                session = self.session.0,
                bytes = text.len(),
                "a frame is no message"
            );
            error.code()
        })?;
        if let ClientMessage::Hello(hello) = &message {
            self.permit.enter(hello.room).map_err(|refusal| {
                self.app.metrics.quota_rejected.count(refusal.label());
                ErrorCode::RoomFull
            })?;
            self.greeted = true;
        }
        Ok(message)
    }

    /// Takes nothing more; the service tells the client the code and closes.
    async fn give_up(&mut self, code: ErrorCode) -> Result<(), End> {
        self.listening = false;
        Ok(self.app.service.bad_frame(self.session, code).await?)
    }

    async fn ping(&mut self, now: Instant) -> Result<(), End> {
        if now.saturating_duration_since(self.heard) > DEAD_AFTER {
            return Err(End::Lost);
        }
        match timeout(SEND_TIMEOUT, self.socket.send(Message::Ping(Bytes::new()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Peer),
            Err(_) => Err(End::Lost),
        }
    }
}

/// What the client did wrong, if it was the client and not the network.
fn code_of(error: &Error) -> Option<ErrorCode> {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(ErrorCode::MessageTooLarge),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_) => Some(ErrorCode::BadMessage),
        _ => None,
    }
}

/// RFC 6455 §7.4.1.
fn close_code(code: ErrorCode) -> CloseCode {
    match code {
        ErrorCode::MessageTooLarge => CloseCode::Size,
        ErrorCode::ShuttingDown => CloseCode::Restart,
        ErrorCode::Internal => CloseCode::Error,
        ErrorCode::TooManyConnections | ErrorCode::MediaUnavailable => CloseCode::Again,
        _ => CloseCode::Policy,
    }
}

/// The code's name as it is on the wire.
fn reason(code: ErrorCode) -> Utf8Bytes {
    codec::encode(&code).trim_matches('"').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_names_its_reason() {
        assert_eq!(reason(ErrorCode::MessageTooLarge).as_str(), "message_too_large");
        assert_eq!(u16::from(close_code(ErrorCode::MessageTooLarge)), 1009);
        assert_eq!(u16::from(close_code(ErrorCode::ShuttingDown)), 1012);
        assert_eq!(u16::from(close_code(ErrorCode::BadMessage)), 1008);
    }
}
