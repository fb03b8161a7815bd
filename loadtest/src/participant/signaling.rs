//! The WebSocket to the signaling service.

use conclave_wire::{ClientMessage, ServerMessage, codec, limits};
use futures_util::{SinkExt as _, StreamExt as _};
use thiserror::Error;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};

use crate::http::{self, Server};

/// What one read takes at most, in bytes; a larger message takes several.
const READ_BUFFER: usize = 16 << 10;

/// An open WebSocket.
pub struct Signaling {
    socket: WebSocketStream<Box<dyn http::Stream>>,
}

/// A message and the text it came as, for the MLS family goes to the session as text.
pub struct Incoming {
    /// The message.
    pub message: ServerMessage,
    /// Its text.
    pub text: String,
}

/// Why signaling cannot go on.
#[derive(Debug, Error)]
pub enum SignalingError {
    /// The WebSocket could not be opened, or broke.
    #[error("no WebSocket of Conclave there, or it broke ({0})")]
    Socket(#[from] Box<SocketError>),
    /// The server closed it.
    #[error("the server closed the WebSocket{0}")]
    Closed(String),
    /// A frame was no message.
    #[error("the server sent something else than a message: {0}")]
    NotAMessage(#[from] codec::DecodeError),
}

impl Signaling {
    /// Opens `/ws` of the server with the subprotocol of the client protocol.
    pub async fn open(server: &Server) -> Result<Self, SignalingError> {
        let url = format!("{}/ws", server.websocket_origin());
        let mut request = url.into_client_request().map_err(Box::new)?;
        request.headers_mut().insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(conclave_wire::SUBPROTOCOL),
        );
        let config = WebSocketConfig::default()
            .max_message_size(Some(limits::MAX_SERVER_MESSAGE))
            .max_frame_size(Some(limits::MAX_SERVER_MESSAGE))
            // Zeroed for every read; the default of 128 KiB for messages of 100 bytes costs a thousand phantoms dear.
            .read_buffer_size(READ_BUFFER);
        let stream = server
            .connect()
            .await
            .map_err(|error| Box::new(SocketError::Io(error)))?;
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
            .await
            .map_err(Box::new)?;
        Ok(Self { socket })
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &ClientMessage) -> Result<(), SignalingError> {
        self.send_text(codec::encode(message)).await
    }

    /// Sends a message that is text already.
    pub async fn send_text(&mut self, text: String) -> Result<(), SignalingError> {
        Ok(self.socket.send(Message::text(text)).await.map_err(Box::new)?)
    }

    /// The next message.
    pub async fn receive(&mut self) -> Result<Incoming, SignalingError> {
        let text = self.receive_text().await?.as_str().to_owned();
        let message = codec::decode_server(&text)?;
        Ok(Incoming { message, text })
    }

    /// The next message as it came.
    pub async fn receive_text(&mut self) -> Result<Utf8Bytes, SignalingError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|frame| format!(": {} {}", u16::from(frame.code), frame.reason));
                    return Err(SignalingError::Closed(reason.unwrap_or_default()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Box::new(error).into()),
                None => return Err(SignalingError::Closed(String::new())),
            }
        }
    }

    /// Closes it; a failure does not matter any more.
    pub async fn close(&mut self) {
        let _ = self.socket.close(None).await;
    }
}
