//! Shared files: `/api/v1/rooms/<room>/files`. Whoever asks is a member of the room's group and shows its session's token.

use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use conclave_wire::id::{ClientId, FileId, RoomId, SessionToken};
use serde::{Deserialize, Serialize};

use super::origin;
use super::problem::Problem;
use crate::app::App;
use crate::files::{CHUNK_BYTES, ChunkPlace, FileError, MAX_LIFETIME};

/// Largest body of `POST .../files` in bytes.
pub(crate) const MAX_BODY: usize = 1024;
/// How long the bytes of one chunk may take to come.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);

/// What the sender says of a file: nothing but its size and how long it may stay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Size of the plaintext.
    bytes: u64,
    /// Seconds until it goes at the latest.
    lifetime_s: Option<u32>,
}

#[derive(Serialize)]
struct Begun {
    file: FileId,
    chunk_bytes: u32,
}

/// Begins a file.
pub(crate) async fn begin(
    State(app): State<App>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    origin::check(&headers, &app.config.embed_origins)?;
    let (room, client) = member(&app, &room, &headers).await?;
    let too_long = |_| bad_request(format!("The body must be at most {MAX_BODY} bytes."));
    let wanted: Wanted = serde_json::from_slice(&body.map_err(too_long)?)
        .map_err(|error| bad_request(format!("The body is wrong: {error}.")))?;
    let lifetime = wanted
        .lifetime_s
        .map_or(MAX_LIFETIME, |seconds| Duration::from_secs(seconds.max(1).into()));
    let mut id = [0; FileId::LEN];
    getrandom::fill(&mut id).map_err(|_| disk_failed())?;
    let id = FileId::new(id);
    app.files
        .begin(Instant::now(), room, client, id, wanted.bytes, lifetime)
        .map_err(|error| refused(&app, error))?;
    let begun = Begun {
        file: id,
        chunk_bytes: CHUNK_BYTES,
    };
    Ok((StatusCode::CREATED, Json(begun)).into_response())
}

/// Takes a chunk of a file from its owner. Its bytes are read once it is known that they are wanted.
pub(crate) async fn put_chunk(
    State(app): State<App>,
    Path((room, file, index)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    origin::check(&headers, &app.config.embed_origins)?;
    let (room, client) = member(&app, &room, &headers).await?;
    let (file, index) = chunk_name(&file, &index)?;
    let _turn = turn(&app)?;
    let place = app
        .files
        .place_for(Instant::now(), room, &file, client, index)
        .map_err(|error| refused(&app, error))?;
    let Some(place) = place else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let bytes = read_chunk(body, place.length).await?;
    on_disk(move || place.slot.write(place.at, &bytes)).await?;
    app.files.written(Instant::now(), room, &file, index);
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a chunk of a whole file to a member.
pub(crate) async fn chunk(
    State(app): State<App>,
    Path((room, file, index)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (room, client) = member(&app, &room, &headers).await?;
    let (file, index) = chunk_name(&file, &index)?;
    let turn = turn(&app)?;
    let ChunkPlace { slot, at, length } = app
        .files
        .find(Instant::now(), room, &file, client, index)
        .map_err(|error| refused(&app, error))?;
    let bytes = on_disk(move || slot.read(at, length)).await?;
    // The turn is over when the bytes are with the socket: they own it.
    let bytes = Bytes::from_owner(Sending { bytes, _turn: turn });
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Says that one needs a file no more; from its owner, that nobody shall have it.
pub(crate) async fn release(
    State(app): State<App>,
    Path((room, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    origin::check(&headers, &app.config.embed_origins)?;
    let (room, client) = member(&app, &room, &headers).await?;
    let file = FileId::parse(&file).ok_or_else(Problem::not_found)?;
    app.files
        .release(room, &file, client)
        .map_err(|error| refused(&app, error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A chunk on its way out.
struct Sending {
    bytes: Vec<u8>,
    _turn: tokio::sync::OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Who asks: the member whose session has the token in `Authorization: Bearer`.
async fn member(app: &App, room: &str, headers: &HeaderMap) -> Result<(RoomId, ClientId), Problem> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(SessionToken::parse);
    let (Some(room), Some(token)) = (RoomId::parse(room), token) else {
        return Err(not_a_member());
    };
    let client = app.service.member(room, token).await?.ok_or_else(not_a_member)?;
    Ok((room, client))
}

fn chunk_name(file: &str, index: &str) -> Result<(FileId, u32), Problem> {
    match (FileId::parse(file), index.parse()) {
        (Some(file), Ok(index)) => Ok((file, index)),
        _ => Err(Problem::not_found()),
    }
}

/// So many chunks are in memory at a time, and no more.
fn turn(app: &App) -> Result<tokio::sync::OwnedSemaphorePermit, Problem> {
    std::sync::Arc::clone(&app.chunk_turns)
        .try_acquire_owned()
        .map_err(|_| {
            app.metrics.files_refused.count("busy");
            let detail = "As many chunks as the server takes at a time are on their way.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1)
        })
}

async fn read_chunk(body: Body, length: usize) -> Result<Bytes, Problem> {
    let wrong = || bad_request(format!("This chunk has {length} bytes."));
    let bytes = tokio::time::timeout(CHUNK_TIMEOUT, axum::body::to_bytes(body, length))
        .await
        .map_err(|_| {
            let detail = "The chunk took too long to come.";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "timed_out", detail)
        })?
        .map_err(|_| wrong())?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(wrong())
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            tracing::error!(%error, "a shared file's disk failed");
            Err(disk_failed())
        }
        Err(_) => Err(disk_failed()),
    }
}

fn refused(app: &App, error: FileError) -> Problem {
    let limits = app.files.limits();
    let full =
        |code, detail: &str| Problem::new(StatusCode::INSUFFICIENT_STORAGE, code, detail).retry_after(60);
    let (kind, problem) = match error {
        FileError::TooLarge => (
            "too_large",
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "file_too_large",
                format!("A file has room for {} bytes.", limits.file),
            )
            .limit(limits.file),
        ),
        FileError::TooMany => (
            "participant",
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_files",
                "As many files of yours as may be here at a time.",
            )
            .retry_after(60),
        ),
        FileError::RoomFull => (
            "room",
            full("room_storage_full", "This room holds as much as it may."),
        ),
        FileError::ServerFull => (
            "total",
            full("storage_full", "This server holds as many files as it may."),
        ),
        FileError::TooFast(wait) => {
            let seconds = u32::try_from(wait.as_secs())
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            let detail = "Too many chunks in a short time.";
            (
                "rate",
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(seconds),
            )
        }
        FileError::NotFound => return Problem::not_found(),
        FileError::BadChunk => return bad_request("The file has no such chunk."),
        FileError::Disk(error) => {
            tracing::error!(%error, "a shared file's disk failed");
            return disk_failed();
        }
    };
    app.metrics.files_refused.count(kind);
    problem
}

fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail)
}

fn not_a_member() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "not_a_member",
        "Only members of the call may do this; show the session's token.",
    )
}

fn disk_failed() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "The server cannot keep files now.",
    )
}

#[cfg(test)]
mod tests;
