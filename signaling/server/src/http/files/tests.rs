//! The routes for files, asked as a member, as a member of another room, and as nobody.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::app::{self, App};
use crate::config::Config;
use crate::driver::tests::with_members;

const ROOM: RoomId = RoomId::new([5; 16]);
const ANA: SessionToken = SessionToken::new([1; 32]);
const BO: SessionToken = SessionToken::new([2; 32]);
const NOBODY: SessionToken = SessionToken::new([9; 32]);

fn app() -> App {
    let members = vec![(ANA, ClientId::new([1; 16])), (BO, ClientId::new([2; 16]))];
    let config = Config {
        max_file_mib: 3,
        max_room_files_mib: 4,
        ..Config::defaults().unwrap()
    };
    App::with_service(with_members(ROOM, members), config)
}

struct Answer {
    status: StatusCode,
    body: Bytes,
    retry_after: Option<String>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn ask(app: &App, method: Method, path: &str, token: &SessionToken, body: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/rooms/{}/files{path}", ROOM.to_text()))
        .header(AUTHORIZATION, format!("Bearer {}", token.to_text()))
        .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 1))))
        .body(body.into())
        .unwrap();
    let response = app::router(app.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let retry_after = response
        .headers()
        .get("retry-after")
        .map(|value| value.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    Answer {
        status,
        body,
        retry_after,
    }
}

async fn begin_file(app: &App, bytes: u64) -> String {
    let answer = ask(app, Method::POST, "", &ANA, json!({ "bytes": bytes }).to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let begun = answer.json();
    assert_eq!(begun["chunk_bytes"], 262_144);
    begun["file"].as_str().unwrap().to_owned()
}

/// Every chunk differs, so that one in another's place is noticed.
fn ciphertext(index: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from((at + index * 7) % 251).unwrap())
        .collect()
}

#[tokio::test]
async fn two_megabytes_go_through_in_chunks_of_any_order_and_come_out_the_same() {
    let app = app();
    let bytes = 2 * 1024 * 1024 + 17;
    let file = begin_file(&app, bytes).await;
    let lengths: Vec<usize> = [vec![262_160; 8], vec![33]].concat();
    for (index, length) in lengths.iter().enumerate().rev() {
        let half = ask(&app, Method::GET, &format!("/{file}/{index}"), &BO, "").await;
        assert_eq!(half.status, StatusCode::NOT_FOUND, "not before it is whole");
        let chunk = ciphertext(index, *length);
        let path = format!("/{file}/{index}");
        assert_eq!(
            ask(&app, Method::PUT, &path, &ANA, chunk).await.status,
            StatusCode::NO_CONTENT
        );
    }
    for (index, length) in lengths.iter().enumerate() {
        let chunk = ask(&app, Method::GET, &format!("/{file}/{index}"), &BO, "").await;
        assert_eq!(chunk.status, StatusCode::OK);
        assert!(chunk.body == ciphertext(index, *length), "chunk {index}");
    }
    let stats = app.files.stats();
    assert_eq!((stats.files, stats.chunks_in, stats.chunks_out), (1, 9, 9));
    assert_eq!(app.chunk_turns.available_permits(), app::CHUNK_TURNS);
}

#[tokio::test]
async fn nobody_but_members_gets_anything() {
    let app = app();
    let file = begin_file(&app, 5).await;
    let chunk = format!("/{file}/0");
    ask(&app, Method::PUT, &chunk, &ANA, vec![0; 21]).await;
    for (method, path) in [
        (Method::POST, ""),
        (Method::GET, &chunk),
        (Method::PUT, &chunk),
        (Method::DELETE, &format!("/{file}")),
    ] {
        let answer = ask(
            &app,
            method.clone(),
            path,
            &NOBODY,
            json!({ "bytes": 5 }).to_string(),
        )
        .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(answer.json()["code"], "not_a_member");
    }
    assert_eq!(
        ask(&app, Method::GET, &chunk, &BO, "").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn only_the_owner_writes_and_only_chunks_of_the_right_size() {
    let app = app();
    let file = begin_file(&app, 5).await;
    let path = format!("/{file}/0");
    let put = |token: &'static SessionToken, path: String, length| {
        let app = app.clone();
        async move { ask(&app, Method::PUT, &path, token, vec![0; length]).await.status }
    };
    assert_eq!(put(&BO, path.clone(), 21).await, StatusCode::NOT_FOUND);
    for length in [0, 20, 22, 300_000] {
        assert_eq!(
            put(&ANA, path.clone(), length).await,
            StatusCode::BAD_REQUEST,
            "{length}"
        );
    }
    for (index, status) in [
        ("1", StatusCode::BAD_REQUEST),
        ("4294967296", StatusCode::NOT_FOUND),
        ("-1", StatusCode::NOT_FOUND),
        ("x", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(put(&ANA, format!("/{file}/{index}"), 21).await, status, "{index}");
    }
    assert_eq!(put(&ANA, path, 21).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_is_too_large_or_too_much_is_refused_with_its_bound() {
    let app = app();
    let begin = |body: Value| {
        let app = app.clone();
        async move { ask(&app, Method::POST, "", &ANA, body.to_string()).await }
    };
    let answer = begin(json!({ "bytes": 3 * 1024 * 1024 + 1 })).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], "file_too_large");
    assert_eq!(answer.json()["limit"], 3 * 1024 * 1024);
    begin_file(&app, 3 * 1024 * 1024).await;
    let answer = begin(json!({ "bytes": 2 * 1024 * 1024 })).await;
    assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(answer.json()["code"], "room_storage_full");
    for body in [
        json!({}),
        json!({ "bytes": -1 }),
        json!({ "bytes": 1e40 }),
        json!({ "bytes": 1, "name": "plan.pdf" }),
        json!("x".repeat(MAX_BODY)),
    ] {
        assert_eq!(
            begin(body.clone()).await.status,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_participant_that_is_too_fast_is_told_to_wait() {
    let app = app();
    let file = begin_file(&app, 0).await;
    ask(&app, Method::PUT, &format!("/{file}/0"), &ANA, vec![0; 16]).await;
    let mut refused = None;
    // More than a burst, faster than its refill even on a slow machine.
    for _ in 0..100_000 {
        let answer = ask(&app, Method::GET, &format!("/{file}/0"), &BO, "").await;
        if answer.status != StatusCode::OK {
            refused = Some(answer);
            break;
        }
    }
    let answer = refused.unwrap();
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.json()["code"], "rate_limited");
    assert!(answer.retry_after.is_some());
}

#[tokio::test]
async fn chunks_in_memory_are_bounded() {
    let app = app();
    let file = begin_file(&app, 5).await;
    let turns = std::sync::Arc::clone(&app.chunk_turns);
    let all = turns
        .acquire_many_owned(u32::try_from(app::CHUNK_TURNS).unwrap())
        .await;
    let answer = ask(&app, Method::PUT, &format!("/{file}/0"), &ANA, vec![0; 21]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    drop(all);
    let answer = ask(&app, Method::PUT, &format!("/{file}/0"), &ANA, vec![0; 21]).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_owner_takes_a_file_back() {
    let app = app();
    let file = begin_file(&app, 5).await;
    ask(&app, Method::PUT, &format!("/{file}/0"), &ANA, vec![0; 21]).await;
    let status = |method: Method, path: String, token: &'static SessionToken| {
        let app = app.clone();
        async move { ask(&app, method, &path, token, "").await.status }
    };
    assert_eq!(
        status(Method::DELETE, format!("/{file}"), &BO).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        status(Method::GET, format!("/{file}/0"), &BO).await,
        StatusCode::OK,
        "others may still want it"
    );
    assert_eq!(
        status(Method::DELETE, format!("/{file}"), &ANA).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        status(Method::GET, format!("/{file}/0"), &BO).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(app.files.stats().bytes, 0);
}
