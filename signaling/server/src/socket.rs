//! The WebSocket of a connection: how it is opened, and how a large message goes out in pieces.
//!
//! Not axum's: a message that is sent whole is copied for each receiver, and the copy's space stays with the connection. A
//! commit of a megabyte to a thousand members would take a gigabyte.

use axum::http::StatusCode;
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use conclave_wire::{SUBPROTOCOL, limits};
use futures_util::SinkExt as _;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Room above the limit, so that a message that is a little too large is read whole and refused with its typed error.
/// Beyond it the frame is refused by its header.
const SLACK: usize = 1 << 20;
/// What one read takes at most, in bytes; each connection has so much space. Larger messages take several.
const READ_BUFFER: usize = 4 << 10;
/// What a connection collects before it is written, and the largest piece of a message, in bytes.
const PIECE: usize = 16 << 10;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers a checked request (RFC 6455 §4.2.2) with its `Sec-WebSocket-Key`, and serves what it becomes.
pub(crate) fn accept<F, S>(key: &[u8], on_upgrade: OnUpgrade, serve: S) -> Response
where
    S: FnOnce(Socket) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        // Otherwise the client went away in the middle of the handshake.
        if let Ok(upgraded) = on_upgrade.await {
            let io = TokioIo::new(upgraded);
            serve(WebSocketStream::from_raw_socket(io, Role::Server, Some(config())).await).await;
        }
    });
    let headers = [
        (CONNECTION, "upgrade".to_owned()),
        (UPGRADE, "websocket".to_owned()),
        (SEC_WEBSOCKET_ACCEPT, derive_accept_key(key)),
        (SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL.to_owned()),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(limits::MAX_CLIENT_MESSAGE + SLACK))
        .max_frame_size(Some(limits::MAX_CLIENT_MESSAGE + SLACK))
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(PIECE)
}

/// Sends a text, which other connections may share, in fragments (RFC 6455 §5.4); the last of it may wait for a flush.
pub(crate) async fn feed_text(socket: &mut Socket, text: Bytes) -> Result<(), Error> {
    for (piece, code, is_last) in pieces(text) {
        socket
            .feed(Message::Frame(Frame::message(piece, OpCode::Data(code), is_last)))
            .await?;
    }
    Ok(())
}

fn pieces(mut rest: Bytes) -> impl Iterator<Item = (Bytes, Data, bool)> {
    let mut code = Some(Data::Text);
    std::iter::from_fn(move || {
        let code_now = code?;
        let piece = rest.split_to(rest.len().min(PIECE));
        code = (!rest.is_empty()).then_some(Data::Continue);
        Some((piece, code_now, rest.is_empty()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_out_in_pieces_that_are_the_whole() {
        for len in [0, 1, PIECE, PIECE + 1, 3 * PIECE - 1] {
            let whole: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
            let sent: Vec<_> = pieces(Bytes::from(whole.clone())).collect();
            assert!(sent.iter().all(|(piece, ..)| piece.len() <= PIECE));
            let joined: Vec<u8> = sent.iter().flat_map(|(piece, ..)| piece.to_vec()).collect();
            assert_eq!(joined, whole);
            assert!(sent.iter().enumerate().all(|(at, (_, code, is_last))| {
                (*code == Data::Text) == (at == 0) && *is_last == (at + 1 == sent.len())
            }));
        }
    }
}
