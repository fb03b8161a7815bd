//! The WebSocket of the running server: who gets in, what is refused, and that the others never notice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests that fails is a test that fails"
)]

mod common;

use common::{Client, Event, Running, get, hello, until_ready};
use conclave_wire::client::session::{Ping, Standing};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{OfferId, RoomId};
use conclave_wire::media::{Section, SectionRole};
use conclave_wire::{ClientMessage, ErrorCode, SUBPROTOCOL, ServerMessage, limits};
use tokio_tungstenite::tungstenite::{Error, Message};

const ROOM: RoomId = RoomId::new([5; 16]);

fn status(result: Result<Client, Error>) -> u16 {
    match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => 101,
    }
}

#[tokio::test]
async fn another_subprotocol_or_none_is_refused() {
    let server = Running::start(&[]).await;
    assert_eq!(status(Client::open(server.address, None, None).await), 400);
    assert_eq!(
        status(Client::open(server.address, Some("conclave.v2"), None).await),
        400
    );
    assert_eq!(
        status(Client::open(server.address, Some("conclave.v9, conclave.v1"), None).await),
        101
    );
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let server = Running::start(&[]).await;
    let open =
        |origin: String| async move { Client::open(server.address, Some(SUBPROTOCOL), Some(&origin)).await };
    assert_eq!(status(open(String::from("https://evil.example")).await), 403);
    let server = Running::start(&[]).await;
    let own = format!("http://{}", server.address);
    assert_eq!(
        status(Client::open(server.address, Some(SUBPROTOCOL), Some("null")).await),
        403
    );
    assert_eq!(
        status(Client::open(server.address, Some(SUBPROTOCOL), Some(&own)).await),
        101
    );
}

#[tokio::test]
async fn a_hello_is_answered_with_the_state() {
    let server = Running::start(&[]).await;
    let mut first = server.client().await;
    first.send(&hello(ROOM, 1)).await;
    let ServerMessage::State(state) = first.message().await else {
        panic!("no state")
    };
    assert_eq!(state.standing, Standing::Found);
    assert!(state.participants.is_empty());

    let mut second = server.client().await;
    second.send(&hello(ROOM, 2)).await;
    let ServerMessage::State(state) = second.message().await else {
        panic!("no state")
    };
    assert_eq!(state.standing, Standing::Wait);
    assert_eq!(state.participants.len(), 1);

    first.send(&ClientMessage::Ping(Ping { id: 77 })).await;
    loop {
        if let ServerMessage::Pong(pong) = first.message().await {
            assert_eq!(pong.id, 77);
            break;
        }
    }
    assert!(
        get(server.address, "/metrics")
            .text()
            .contains("\nconclave_connections 2\n")
    );
}

#[tokio::test]
async fn every_bad_frame_gets_its_error_and_the_close_and_the_others_stay() {
    let server = Running::start(&[]).await;
    let mut bystander = server.client().await;
    bystander.send(&hello(ROOM, 1)).await;
    assert!(matches!(bystander.message().await, ServerMessage::State(_)));

    let cases: Vec<(&str, Message, bool, ErrorCode)> = vec![
        (
            "binary",
            Message::binary(vec![0xff; 10]),
            false,
            ErrorCode::BadMessage,
        ),
        ("garbage", Message::text("garbage"), false, ErrorCode::BadMessage),
        ("empty", Message::text(""), false, ErrorCode::BadMessage),
        (
            "unknown type",
            Message::text(r#"{"type":"unknown"}"#),
            false,
            ErrorCode::BadMessage,
        ),
        (
            "deep",
            Message::text("[".repeat(2_000)),
            false,
            ErrorCode::BadMessage,
        ),
        (
            "early",
            Message::text(r#"{"type":"ping","id":1}"#),
            false,
            ErrorCode::OutOfOrder,
        ),
        (
            "large before Hello",
            Message::text(" ".repeat(limits::MAX_HELLO + 1)),
            false,
            ErrorCode::MessageTooLarge,
        ),
        (
            "garbage after Hello",
            Message::text(r#"{"type":"ack"}"#),
            true,
            ErrorCode::BadMessage,
        ),
        (
            "binary after Hello",
            Message::binary(vec![1]),
            true,
            ErrorCode::BadMessage,
        ),
        (
            "large after Hello",
            Message::text(" ".repeat(limits::MAX_CLIENT_MESSAGE + 1)),
            true,
            ErrorCode::MessageTooLarge,
        ),
        (
            "huge after Hello",
            Message::text(" ".repeat(2 * limits::MAX_CLIENT_MESSAGE)),
            true,
            ErrorCode::MessageTooLarge,
        ),
    ];
    for (number, (name, frame, greeted, code)) in (1..).zip(cases) {
        let mut client = server.client().await;
        if greeted {
            client.send(&hello(RoomId::new([6; 16]), number)).await;
            assert!(
                matches!(client.message().await, ServerMessage::State(_)),
                "{name}"
            );
        }
        client.send_frame(frame).await;
        let (error, close) = client.refusal().await;
        assert_eq!(error.code, code, "{name}");
        let expected = if code == ErrorCode::MessageTooLarge {
            1009
        } else {
            1008
        };
        assert_eq!(u16::from(close.code), expected, "{name}");
    }

    bystander.send(&ClientMessage::Ping(Ping { id: 1 })).await;
    assert!(matches!(bystander.message().await, ServerMessage::Pong(_)));
}

#[tokio::test]
async fn a_second_hello_and_another_version_are_refused() {
    let server = Running::start(&[]).await;
    let mut client = server.client().await;
    client.send(&hello(ROOM, 1)).await;
    assert!(matches!(client.message().await, ServerMessage::State(_)));
    client.send(&hello(ROOM, 1)).await;
    assert_eq!(client.refusal().await.0.code, ErrorCode::OutOfOrder);

    let ClientMessage::Hello(mut future) = hello(ROOM, 2) else {
        unreachable!()
    };
    future.version = 99;
    let mut client = server.client().await;
    client.send(&ClientMessage::Hello(future)).await;
    assert_eq!(client.refusal().await.0.code, ErrorCode::UnsupportedVersion);
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let server = Running::start(&[]).await;
    let mut client = server.client().await;
    client.send(&hello(ROOM, 1)).await;
    for id in 0..5_000 {
        client.send(&ClientMessage::Ping(Ping { id })).await;
    }
    let (error, _) = client.refusal().await;
    assert_eq!(error.code, ErrorCode::RateLimited);
}

#[tokio::test]
async fn connections_are_bounded_per_address_and_in_all() {
    let server = Running::start(&["--max-connections-per-ip", "2", "--max-connections", "3"]).await;
    let first = server.client().await;
    let _second = server.client().await;
    let mut third = server.client().await;
    let (error, close) = third.refusal().await;
    assert_eq!(error.code, ErrorCode::TooManyConnections);
    assert!(error.retry_after_ms.is_some());
    assert_eq!(u16::from(close.code), 1013);

    // A place that becomes free can be taken.
    drop(first);
    loop {
        let mut next = server.client().await;
        next.send(&hello(ROOM, 1)).await;
        match next.event().await {
            Event::Message(ServerMessage::State(_)) => break,
            Event::Message(ServerMessage::Error(error)) => {
                assert_eq!(error.code, ErrorCode::TooManyConnections)
            }
            other => panic!("{other:?}"),
        }
    }
    let text = get(server.address, "/metrics").text().to_owned();
    assert!(
        !text.contains("conclave_quota_rejected_total{kind=\"ip\"} 0"),
        "{text}"
    );
}

#[tokio::test]
async fn an_offer_travels_to_the_sfu_and_its_answer_back() {
    let mut server = Running::start(&[]).await;
    let mut client = server.client().await;
    client.send(&hello(ROOM, 1)).await;
    assert!(matches!(client.message().await, ServerMessage::State(_)));
    let sections = vec![Section {
        mid: String::from("0"),
        role: SectionRole::Idle,
    }];
    let offer = conclave_wire::client::negotiation::Offer {
        offer_id: OfferId(3),
        sdp: String::from("v=0"),
        sections,
    };
    client.send(&ClientMessage::Offer(offer)).await;

    let peer = loop {
        if let ControlCommand::Negotiate {
            peer, offer_id, sdp, ..
        } = server.sfu().command().await
        {
            assert_eq!((offer_id, sdp.as_str()), (OfferId(3), "v=0"));
            break peer;
        }
    };
    let answered = ControlEvent::Answered {
        peer,
        offer_id: OfferId(3),
        sdp: String::from("answer"),
    };
    server.sfu().events.send(answered).unwrap();
    let ServerMessage::Answer(answer) = client.message().await else {
        panic!("no answer")
    };
    assert_eq!((answer.offer_id, answer.sdp.as_str()), (OfferId(3), "answer"));
}

#[tokio::test]
async fn a_broken_link_to_the_sfu_is_opened_again_and_peers_are_announced_again() {
    let mut server = Running::start(&[]).await;
    let mut client = server.client().await;
    client.send(&hello(ROOM, 1)).await;
    assert!(matches!(client.message().await, ServerMessage::State(_)));
    let ControlCommand::AddPeer { peer, .. } = server.sfu().command().await else {
        panic!("no peer")
    };

    server.sfu().cut.send(()).unwrap();
    loop {
        if let ControlCommand::AddPeer { peer: again, .. } = server.sfu().command().await {
            assert_eq!(again, peer);
            break;
        }
    }
    until_ready(server.address, 200).await;
    client.send(&ClientMessage::Ping(Ping { id: 1 })).await;
    assert!(matches!(client.message().await, ServerMessage::Pong(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_stand_alone_sfu_is_commanded_and_taken_back_after_it_was_gone() {
    let start = async |listener: tokio::net::TcpListener| {
        let media = vec!["127.0.0.1:0".parse().unwrap()];
        let config = conclave_sfu::SfuConfig {
            media,
            ..Default::default()
        };
        let sfu = conclave_sfu::Sfu::start(&config).unwrap();
        let token = conclave_sfu::control::token_from(common::TOKEN).unwrap();
        let router = conclave_sfu::control::router(sfu, token);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = listener.into_std().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await
        });
        runtime
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sfu = start(listener).await;
    let server = Running::start_with_sfu(&format!("ws://{address}"), &[]).await;
    until_ready(server.address, 200).await;

    sfu.shutdown_background();
    until_ready(server.address, 503).await;
    let _again = keep(start(tokio::net::TcpListener::bind(address).await.unwrap()).await);
    until_ready(server.address, 200).await;
}

/// A runtime must not be dropped within another.
fn keep(runtime: tokio::runtime::Runtime) -> impl Drop {
    struct Kept(Option<tokio::runtime::Runtime>);
    impl Drop for Kept {
        fn drop(&mut self) {
            if let Some(runtime) = self.0.take() {
                runtime.shutdown_background();
            }
        }
    }
    Kept(Some(runtime))
}
