//! The way to the SFU: in this process, or another over a WebSocket that is opened again whenever it breaks.

use std::time::Duration;

use conclave_sfu::{Sfu, SfuConfig};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::{CONTROL_SUBPROTOCOL, codec, limits};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::{Error, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::config::SfuUrl;

/// Commands and events that wait on the remote link; a full queue makes its writer wait.
const QUEUE: usize = 1_024;
/// First and longest pause before the link is opened again.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// How long opening the link may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the other end is asked whether it lives, and how long it may take to show it.
const PING_EVERY: Duration = Duration::from_secs(5);
const DEAD_AFTER: Duration = Duration::from_secs(15);

/// What comes from the link.
pub(crate) enum LinkEvent {
    /// The SFU said something.
    Event(ControlEvent),
    /// The SFU cannot be reached; the next event is a Ready.
    Lost,
}

/// Commands in, events out.
pub(crate) struct SfuLink {
    pub(crate) commands: mpsc::Sender<ControlCommand>,
    pub(crate) events: mpsc::Receiver<LinkEvent>,
}

/// Starts the SFU in this process.
pub(crate) fn embedded(
    config: &SfuConfig,
) -> Result<(SfuLink, conclave_sfu::Stats), conclave_sfu::StartError> {
    let mut handle = Sfu::start(config)?;
    let (sender, events) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        while let Some(event) = handle.events.recv().await {
            if sender.send(LinkEvent::Event(event)).await.is_err() {
                return;
            }
        }
        // Nobody is left to tell when the driver is gone too.
        let _ = sender.send(LinkEvent::Lost).await;
    });
    Ok((
        SfuLink {
            commands: handle.commands,
            events,
        },
        handle.stats,
    ))
}

/// Keeps a link to a stand-alone SFU.
pub(crate) fn remote(url: SfuUrl, token: Token) -> SfuLink {
    let (commands, command_receiver) = mpsc::channel(QUEUE);
    let (event_sender, events) = mpsc::channel(QUEUE);
    tokio::spawn(
        Remote {
            url,
            token,
            commands: command_receiver,
            events: event_sender,
        }
        .run(),
    );
    SfuLink { commands, events }
}

/// What opens the control link. No Debug: it is a secret.
pub(crate) struct Token(HeaderValue);

impl Token {
    /// Shortest token that is taken.
    const SHORTEST: usize = 16;

    /// Takes the text of a token file; `None` if it is too short or no header can carry it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut value = HeaderValue::try_from(format!("Bearer {text}")).ok()?;
        value.set_sensitive(true);
        (text.len() >= Self::SHORTEST).then_some(Self(value))
    }
}

/// Why the link broke.
enum Broken {
    /// The driver is gone: stop.
    Unwanted,
    /// Anything else: try again.
    Lost(String),
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Remote {
    url: SfuUrl,
    token: Token,
    commands: mpsc::Receiver<ControlCommand>,
    events: mpsc::Sender<LinkEvent>,
}

impl Remote {
    async fn run(mut self) {
        let mut pause = RETRY.0;
        loop {
            match self.open().await {
                Ok(socket) => {
                    pause = RETRY.0;
                    match self.carry(socket).await {
                        Broken::Unwanted => return,
                        Broken::Lost(reason) => tracing::warn!(%reason, "the link to the SFU broke"),
                    }
                    if self.events.send(LinkEvent::Lost).await.is_err() {
                        return;
                    }
                }
                Err(reason) => tracing::warn!(%reason, retry = ?pause, "cannot open the link to the SFU"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
        }
    }

    async fn open(&self) -> Result<Socket, String> {
        let mut request = self
            .url
            .0
            .as_str()
            .into_client_request()
            .map_err(|error| error.to_string())?;
        request.headers_mut().insert(AUTHORIZATION, self.token.0.clone());
        request.headers_mut().insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(CONTROL_SUBPROTOCOL),
        );
        let config = WebSocketConfig::default().max_message_size(Some(limits::MAX_SERVER_MESSAGE));
        let opening = connect_async_with_config(request, Some(config), true);
        match timeout(OPEN_TIMEOUT, opening).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(String::from("no answer")),
        }
    }

    /// Carries commands and events until something breaks.
    async fn carry(&mut self, mut socket: Socket) -> Broken {
        // What was said to the SFU that was lost does not concern this one: it is told everything after its Ready.
        while self.commands.try_recv().is_ok() {}
        let mut heard = Instant::now();
        let mut ping = interval_at(heard + PING_EVERY, PING_EVERY);
        loop {
            tokio::select! {
                command = self.commands.recv() => {
                    let Some(command) = command else { return Broken::Unwanted };
                    let sent = socket.send(Message::text(codec::encode(&command)));
                    match timeout(DEAD_AFTER, sent).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Broken::Lost(error.to_string()),
                        Err(_) => return Broken::Lost(String::from("it takes no commands")),
                    }
                }
                message = socket.next() => {
                    heard = Instant::now();
                    let event = match read(message) {
                        Ok(Some(event)) => event,
                        Ok(None) => continue,
                        Err(reason) => return Broken::Lost(reason),
                    };
                    if self.events.send(LinkEvent::Event(event)).await.is_err() {
                        return Broken::Unwanted;
                    }
                }
                now = ping.tick() => {
                    if now.saturating_duration_since(heard) > DEAD_AFTER {
                        return Broken::Lost(String::from("it went silent"));
                    }
                    if let Err(error) = socket.send(Message::Ping(bytes::Bytes::new())).await {
                        return Broken::Lost(error.to_string());
                    }
                }
            }
        }
    }
}

/// An event, or nothing in a frame that carries none.
fn read(message: Option<Result<Message, Error>>) -> Result<Option<ControlEvent>, String> {
    match message {
        Some(Ok(Message::Text(text))) => codec::decode(&text, limits::MAX_SERVER_MESSAGE)
            .map(Some)
            .map_err(|error| format!("it speaks another protocol: {error}")),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(_)) | None => Err(String::from("it closed")),
        Some(Err(error)) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_or_unprintable_token_is_refused() {
        assert!(Token::read("0123456789abcdef\n").is_some());
        assert!(Token::read("short").is_none());
        assert!(Token::read("0123456789abcdef\n0123456789abcdef").is_none());
    }
}
