//! A server that is overloaded, and a participant who comes again until it is called off.

use conclave_wire::client::session::ErrorMessage;
use conclave_wire::id::RoomId;
use conclave_wire::{SUBPROTOCOL, ServerMessage, bytes, codec};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;

use super::*;
use crate::light::LightConfig;

#[expect(clippy::result_large_err, reason = "the crate's callback")]
fn accept(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    Ok(response)
}

/// Turns everybody away, and says so on the channel.
async fn turn_away(listener: TcpListener, told: mpsc::Sender<()>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, accept).await.unwrap();
        socket.next().await.unwrap().unwrap();
        let error = ServerMessage::Error(ErrorMessage {
            code: ErrorCode::Overloaded,
            fatal: true,
            retry_after_ms: Some(1),
        });
        socket.send(Message::text(codec::encode(&error))).await.unwrap();
        if told.send(()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn whoever_is_turned_away_comes_again_until_called_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let link = format!(
        "{url}/r/{}#{}",
        RoomId::new([5; 16]).to_text(),
        bytes::encode(&[9; 32])
    );
    let measures = Arc::new(Measures::default());
    let config = Config {
        server: Server::parse(&url).unwrap(),
        room: Room::parse(&link).unwrap_or_else(|error| panic!("{error}")),
        index: 0,
        client_id: [7; 16],
        name: "Bot 1".to_owned(),
        is_host: false,
        video: Codec::Vp8,
        part: Part::LISTENER,
        making: Making::Light(LightKit {
            engine: LightEngine::start(&LightConfig::default()).unwrap(),
            decrypt: Decrypt::All,
            tracks: None,
        }),
        relief: None,
        detour: None,
        measures: Arc::clone(&measures),
    };
    let (told, mut turned_away) = mpsc::channel(1);
    tokio::spawn(turn_away(listener, told));
    let (orders, receiver) = watch::channel(Order::Stay);
    let participant = tokio::spawn(run(config, receiver));
    for _ in 0..3 {
        turned_away.recv().await.unwrap();
    }
    // It has come a third time, so that two refusals have reached it.
    assert!(measures.turned_away.value() >= 2);
    orders.send(Order::Leave).unwrap();
    // It may be on its way once more.
    drop(turned_away);
    let result = participant.await.unwrap();
    assert!(
        matches!(result, Ok(()) | Err(ParticipantError::Signaling(_))),
        "{result:?}"
    );
    assert_eq!(measures.kinds.of(Kind::Light).started.value(), 1);
}

#[test]
fn a_refusal_is_told_in_words() {
    let refused = ParticipantError::Refused(ErrorCode::RoomFull);
    assert_eq!(refused.to_string(), "the server refused: room full");
}
