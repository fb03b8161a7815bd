//! `GET /ws`: who may open a connection, and in which protocol.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header::SEC_WEBSOCKET_KEY;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use conclave_signaling_core::SessionKey;
use conclave_wire::{ErrorCode, SUBPROTOCOL};
use hyper::upgrade::OnUpgrade;

use crate::app::App;
use crate::http::origin;
use crate::http::problem::Problem;
use crate::registry::Refusal;
use crate::{client_address, connection, socket};

/// Makes a connection of a request.
pub(crate) async fn upgrade(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    on_upgrade: Option<Extension<OnUpgrade>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade
        .map_err(|rejection| Problem::new(StatusCode::BAD_REQUEST, "not_a_websocket", rejection.body_text()))?
        .protocols([SUBPROTOCOL]);
    origin::check(&headers, &app.config.embed_origins)?;
    if upgrade.selected_protocol().is_none() {
        let detail = format!("This path speaks the WebSocket subprotocol {SUBPROTOCOL}.");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "unsupported_subprotocol",
            detail,
        ));
    }
    // The extractor above has checked that both are there.
    let (Some(key), Some(Extension(on_upgrade))) = (headers.get(SEC_WEBSOCKET_KEY), on_upgrade) else {
        let detail = "This path is for WebSockets.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "not_a_websocket", detail));
    };
    if app.draining.load(Ordering::Relaxed) {
        return Err(Problem::shutting_down());
    }
    let remote = client_address::of(&headers, peer, &app.config.trusted_proxies).ip;
    match app.registry.admit(remote) {
        Ok(permit) => {
            let session = SessionKey(app.next_session.fetch_add(1, Ordering::Relaxed));
            Ok(socket::accept(key.as_bytes(), on_upgrade, move |socket| {
                connection::run(socket, app, session, remote, permit)
            }))
        }
        Err(refusal @ Refusal::Total) => {
            app.metrics.quota_rejected.count(refusal.label());
            let detail = "This server holds as many connections as it may.";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_connections", detail);
            Err(problem.retry_after(connection::RETRY_AFTER_S))
        }
        // A browser shows its page nothing of a refused upgrade, so the reason is told on the WebSocket.
        Err(refusal) => {
            app.metrics.quota_rejected.count(refusal.label());
            Ok(socket::accept(key.as_bytes(), on_upgrade, move |socket| {
                connection::refuse(socket, ErrorCode::TooManyConnections)
            }))
        }
    }
}
