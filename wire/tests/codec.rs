//! What the codec refuses, and that it never panics.

use conclave_wire::bytes::Blob;
use conclave_wire::codec::{DecodeError, decode, decode_client};
use conclave_wire::id::{ClientId, RoomId, SessionToken};
use conclave_wire::{ClientMessage, ErrorCode, limits};

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_parsed() {
    let text = " ".repeat(limits::MAX_CLIENT_MESSAGE + 1);
    let error = decode_client(&text).unwrap_err();
    assert!(matches!(error, DecodeError::TooLarge { .. }));
    assert_eq!(error.code(), ErrorCode::MessageTooLarge);
}

#[test]
fn text_that_is_no_message_is_a_typed_error() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"type":"nonsense"}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"ping","id":-1}"#,
    ] {
        assert_eq!(
            decode_client(text).unwrap_err().code(),
            ErrorCode::BadMessage,
            "{text}"
        );
    }
}

#[test]
fn ids_of_another_length_or_alphabet_are_refused() {
    assert!(RoomId::parse("AAAAAAAAAAAAAAAAAAAAAA").is_some());
    for text in [
        "",
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAA+/",
        "AAAAAAAAAAAAAAAAAAAAA=",
    ] {
        assert_eq!(RoomId::parse(text), None, "{text}");
    }
    assert_eq!(RoomId::parse(&"A".repeat(1 << 20)), None);
}

#[test]
fn debug_output_shows_neither_an_identity_nor_a_token_nor_bytes() {
    let client = ClientId::new([0x5a; 16]);
    let token = SessionToken::new([0x5a; 32]);
    assert!(!format!("{client:?}").contains(&client.to_text()));
    assert_eq!(format!("{token:?}"), "SessionToken(secret)");
    assert_eq!(format!("{:?}", Blob(vec![1, 2, 3])), "Blob(3 B)");
}

#[test]
fn mutated_vectors_never_panic() {
    conclave_wire::fuzz::smoke(20_000);
}

#[test]
fn an_unknown_field_is_ignored_so_that_a_newer_client_can_say_more() {
    let message: ClientMessage = decode(r#"{"type":"ping","id":1,"later":true}"#, 100).unwrap();
    assert_eq!(
        message,
        ClientMessage::Ping(conclave_wire::client::session::Ping { id: 1 })
    );
}
