//! The control link of a stand-alone SFU: who may connect, what it says first, what happens when it ends.

use std::net::SocketAddr;

use conclave_sfu::{Sfu, SfuConfig, control};
use conclave_wire::CONTROL_SUBPROTOCOL;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{OfferId, PeerId, RoomId};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::soon;

const TOKEN: &str = "a-token-of-enough-length";

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn serve() -> (SocketAddr, conclave_sfu::Stats) {
    let config = SfuConfig {
        media: vec!["127.0.0.1:0".parse().unwrap()],
        ..SfuConfig::default()
    };
    let handle = Sfu::start(&config).unwrap();
    let stats = handle.stats.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = control::router(handle, control::token_from(TOKEN).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, stats)
}

/// Connects with a token; the HTTP status when refused.
async fn connect(address: SocketAddr, token: &str) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/control").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
        .headers_mut()
        .insert("sec-websocket-protocol", CONTROL_SUBPROTOCOL.parse().unwrap());
    match connect_async(request).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], CONTROL_SUBPROTOCOL);
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn tell(socket: &mut Socket, command: &ControlCommand) {
    socket
        .send(Message::text(serde_json::to_string(command).unwrap()))
        .await
        .unwrap();
}

async fn hear(socket: &mut Socket) -> ControlEvent {
    let message = soon("an event", socket.next()).await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn a_service_with_the_token_is_told_ready_and_answered() {
    let (address, _) = serve().await;
    let mut socket = connect(address, TOKEN).await.unwrap();
    let ControlEvent::Ready { candidates, .. } = hear(&mut socket).await else {
        panic!("Ready comes first")
    };
    assert!(
        candidates
            .iter()
            .all(|candidate| candidate.ip().is_loopback() && candidate.port() != 0)
    );
    let (peer, offer_id) = (PeerId(1), OfferId(5));
    tell(
        &mut socket,
        &ControlCommand::AddPeer {
            peer,
            room: RoomId::new([1; 16]),
        },
    )
    .await;
    tell(
        &mut socket,
        &ControlCommand::Negotiate {
            peer,
            offer_id,
            sdp: "nonsense".to_owned(),
            sections: vec![],
        },
    )
    .await;
    let refused = hear(&mut socket).await;
    assert!(matches!(
        refused,
        ControlEvent::NegotiationFailed {
            peer: PeerId(1),
            offer_id: OfferId(5),
            ..
        }
    ));
}

#[tokio::test]
async fn a_wrong_token_and_a_second_service_are_refused() {
    let (address, _) = serve().await;
    assert_eq!(
        connect(address, "another-token-of-that-length").await.err(),
        Some(401)
    );
    assert_eq!(connect(address, "").await.err(), Some(401));
    let first = connect(address, TOKEN).await.unwrap();
    assert_eq!(connect(address, TOKEN).await.err(), Some(409));
    drop(first);
    soon("the link to be free again", async {
        while connect(address, TOKEN).await.is_err() {}
    })
    .await;
    assert!(control::token_from("short").is_err());
}

#[tokio::test]
async fn peers_go_with_the_service_that_added_them() {
    let (address, stats) = serve().await;
    let mut socket = connect(address, TOKEN).await.unwrap();
    for number in 0..3 {
        tell(
            &mut socket,
            &ControlCommand::AddPeer {
                peer: PeerId(number),
                room: RoomId::new([1; 16]),
            },
        )
        .await;
    }
    let peers = |wanted| {
        let stats = stats.clone();
        async move {
            while stats.snapshot().peers != wanted {
                tokio::task::yield_now().await;
            }
        }
    };
    soon("three peers", peers(3)).await;
    socket.send(Message::text("not a command")).await.unwrap();
    soon("no peers", peers(0)).await;
}
