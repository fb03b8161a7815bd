//! A WebSocket that carries one JSON value per text frame, as the signaling of other servers does.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::TargetError;

/// An open WebSocket.
pub struct JsonSocket {
    name: &'static str,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl JsonSocket {
    /// Opens `url`; `name` is the server's, for messages.
    pub async fn open(
        name: &'static str,
        url: &str,
        subprotocol: Option<&'static str>,
    ) -> Result<Self, TargetError> {
        let broken = |error: SocketError| broken(name, &error);
        let mut request = url.into_client_request().map_err(broken)?;
        if let Some(subprotocol) = subprotocol {
            let value = HeaderValue::from_static(subprotocol);
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        // Without Nagle, for messages are small and wait for each other.
        let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, true)
            .await
            .map_err(broken)?;
        Ok(Self { name, socket })
    }

    /// Sends a value.
    pub async fn send(&mut self, value: &Value) -> Result<(), TargetError> {
        let sent = self.socket.send(Message::text(value.to_string())).await;
        sent.map_err(|error| broken(self.name, &error))
    }

    /// The next value; other frames than text are passed over. Safe to drop and call again.
    pub async fn receive(&mut self) -> Result<Value, TargetError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(text.as_str()).map_err(|error| TargetError::Signaling {
                        name: self.name,
                        detail: format!("it sent something else than JSON: {error}"),
                    });
                }
                Some(Ok(Message::Close(_))) | None => {
                    return Err(TargetError::Signaling {
                        name: self.name,
                        detail: "it closed the WebSocket".to_owned(),
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(self.name, &error)),
            }
        }
    }

    /// Closes it; a failure does not matter any more.
    pub async fn close(&mut self) {
        let _ = self.socket.close(None).await;
    }
}

/// What stands at a JSON pointer (RFC 6901); null where nothing does.
pub fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NOTHING)
}

fn broken(name: &'static str, error: &SocketError) -> TargetError {
    TargetError::Signaling {
        name,
        detail: format!("WebSocket: {error}"),
    }
}
