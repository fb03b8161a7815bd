//! The control link of a stand-alone SFU: a WebSocket over which one signaling service commands it.
//!
//! One JSON message per text frame, subprotocol `conclave.control.v1`, bearer token. One service at a time: the peers
//! belong to its connection and are removed with it, because a service that lost the link cannot say who has left.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use conclave_wire::CONTROL_SUBPROTOCOL;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::PeerId;
use conclave_wire::limits::MAX_CLIENT_MESSAGE;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

use crate::{SfuHandle, Stats};

/// Shortest control token that is accepted, in bytes: 128 bits in base64url or hex are longer.
pub const MIN_TOKEN: usize = 16;

/// Reads a token from the text of its file.
///
/// # Errors
/// When it is shorter than [`MIN_TOKEN`].
pub fn token_from(text: &str) -> Result<ControlToken, TokenError> {
    let token = text.trim();
    if token.len() < MIN_TOKEN {
        Err(TokenError)
    } else {
        Ok(ControlToken(token.to_owned()))
    }
}

/// The token is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the control token must have at least {MIN_TOKEN} characters")]
pub struct TokenError;

/// What a signaling service must show. No `Debug`.
#[derive(Clone)]
pub struct ControlToken(String);

impl ControlToken {
    /// Compares in time that depends on the lengths only.
    fn matches(&self, shown: &str) -> bool {
        let difference = self
            .0
            .bytes()
            .zip(shown.bytes())
            .fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
        self.0.len() == shown.len() && difference == 0
    }
}

/// The SFU as a connection uses it.
struct Link {
    commands: mpsc::Sender<ControlCommand>,
    events: mpsc::Receiver<ControlEvent>,
    ready: ControlEvent,
}

#[derive(Clone)]
struct Server {
    link: Arc<Mutex<Link>>,
    token: ControlToken,
    stats: Stats,
}

/// The HTTP face of a stand-alone SFU: `/control`, `/livez`, `/metrics`.
pub fn router(handle: SfuHandle, token: ControlToken) -> Router {
    let SfuHandle {
        commands,
        events,
        stats,
        candidates,
    } = handle;
    let ready = ControlEvent::Ready {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        candidates,
    };
    let link = Arc::new(Mutex::new(Link {
        commands,
        events,
        ready,
    }));
    Router::new()
        .route("/control", get(control))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .with_state(Server { link, token, stats })
}

async fn metrics(State(server): State<Server>, headers: HeaderMap) -> Response {
    if !authorized(&server, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut text = String::new();
    server.stats.render(&mut text);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn control(State(server): State<Server>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !authorized(&server, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(link) = Arc::clone(&server.link).try_lock_owned() else {
        return (StatusCode::CONFLICT, "another signaling service is connected\n").into_response();
    };
    upgrade
        .protocols([CONTROL_SUBPROTOCOL])
        .max_message_size(MAX_CLIENT_MESSAGE)
        .on_upgrade(move |socket| serve(socket, link))
}

fn authorized(server: &Server, headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.strip_prefix("Bearer "))
        .is_some_and(|shown| server.token.matches(shown))
}

/// Serves one signaling service until it goes, then removes its peers.
async fn serve(mut socket: WebSocket, mut link: OwnedMutexGuard<Link>) {
    tracing::info!("a signaling service is connected");
    // What was said to the service before, Ready included, is nothing to this one.
    while link.events.try_recv().is_ok() {}
    let mut peers = HashSet::new();
    let ready = link.ready.clone();
    if send(&mut socket, &ready).await {
        exchange(&mut socket, &mut link, &mut peers).await;
    }
    for peer in peers {
        if link
            .commands
            .send(ControlCommand::RemovePeer { peer })
            .await
            .is_err()
        {
            return;
        }
    }
    tracing::warn!("the signaling service is gone; its peers were removed");
}

async fn exchange(socket: &mut WebSocket, link: &mut Link, peers: &mut HashSet<PeerId>) {
    loop {
        tokio::select! {
            event = link.events.recv() => match event {
                Some(event) if send(socket, &event).await => {}
                _ => return,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let Some(command) = parse_command(&text) else {
                        tracing::warn!("a control message was not understood; closing the link");
                        return;
                    };
                    match &command {
                        ControlCommand::AddPeer { peer, .. } => peers.insert(*peer),
                        ControlCommand::RemovePeer { peer } => peers.remove(peer),
                        _ => false,
                    };
                    if link.commands.send(command).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return,
            },
        }
    }
}

/// Reads one control message.
pub(crate) fn parse_command(text: &str) -> Option<ControlCommand> {
    serde_json::from_str(text).ok()
}

async fn send(socket: &mut WebSocket, event: &ControlEvent) -> bool {
    match serde_json::to_string(event) {
        Ok(text) => socket.send(Message::Text(text.into())).await.is_ok(),
        Err(_) => false,
    }
}
