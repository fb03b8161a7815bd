//! Rooms: `POST /api/v1/rooms` and `GET /api/v1/rooms/<id>`.

use std::net::SocketAddr;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use conclave_signaling_core::CreateRoomError;
use conclave_wire::ErrorCode;
use conclave_wire::client::session::{Policy, Suite};
use conclave_wire::id::RoomId;
use serde::{Deserialize, Serialize};

use super::origin;
use super::problem::Problem;
use crate::app::App;
use crate::client_address;
use crate::driver::Gone;

/// Largest body of `POST /api/v1/rooms` in bytes.
pub(crate) const MAX_BODY: usize = 1024;
/// Participants a room takes when its creator does not say.
const DEFAULT_PARTICIPANTS: u32 = 250;

/// What a new room shall allow; everything may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    suite: Option<Suite>,
    max_participants: Option<u32>,
}

#[derive(Serialize)]
struct Created {
    room: RoomId,
    policy: Policy,
}

#[derive(Serialize)]
struct Room {
    room: RoomId,
    policy: Policy,
    participants: usize,
}

/// Opens a room. The room's secret is made in the browser and never comes here.
pub(crate) async fn create(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    origin::check(&headers, &app.config.embed_origins)?;
    let wanted = wanted(&headers, body)?;
    let client = client_address::of(&headers, peer, &app.config.trusted_proxies);
    if !app.registry.may_create(client.ip, Instant::now()) {
        app.metrics.quota_rejected.count("create");
        let detail = "Too many rooms were created from this address; try again in a moment.";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(5));
    }
    let policy = Policy {
        suite: wanted.suite.unwrap_or_default(),
        max_participants: wanted.max_participants.unwrap_or(DEFAULT_PARTICIPANTS),
    };
    let room = app
        .service
        .create_room(policy.clone())
        .await?
        .map_err(|error| match error {
            CreateRoomError::TooManyRooms => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "rate_limited",
                "This server holds as many rooms as it may; try again later.",
            )
            .retry_after(60),
            CreateRoomError::MaxParticipants(most) => Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_request",
                format!("max_participants must be 1 to {most}."),
            ),
        })?;
    let location = [(LOCATION, format!("/api/v1/rooms/{}", room.to_text()))];
    Ok((StatusCode::CREATED, location, Json(Created { room, policy })).into_response())
}

fn wanted(
    headers: &HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Wanted, Problem> {
    let body = body.map_err(|rejection| {
        Problem::new(
            rejection.status(),
            "bad_request",
            format!("The body must be at most {MAX_BODY} bytes."),
        )
    })?;
    if body.is_empty() {
        return Ok(Wanted::default());
    }
    let json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"));
    if !json {
        let detail = "The body must be application/json.";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        ));
    }
    serde_json::from_slice(&body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            format!("The body is wrong: {error}."),
        )
    })
}

/// Tells what a room allows and how full it is, to those who know its id.
pub(crate) async fn read(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let room = RoomId::parse(&id)
        .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "bad_request", "This is not a room id."))?;
    let info = app.service.room(room).await?.map_err(|code| match code {
        ErrorCode::RoomBurnt => {
            let detail = "A host burnt this room. It will not be opened again.";
            Problem::new(StatusCode::GONE, "room_burnt", detail)
        }
        _ => {
            let detail = "No such room now. Whoever has its link may still enter it.";
            Problem::new(StatusCode::NOT_FOUND, "room_not_found", detail)
        }
    })?;
    Ok(Json(Room {
        room,
        policy: info.policy,
        participants: info.participants,
    })
    .into_response())
}

impl From<Gone> for Problem {
    fn from(_: Gone) -> Self {
        Self::shutting_down()
    }
}
