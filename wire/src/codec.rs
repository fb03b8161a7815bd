//! The only way from bytes to messages and back.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::error_code::ErrorCode;
use crate::limits;
use crate::{ClientMessage, ServerMessage};

/// Why a frame is not a message.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Larger than the limit.
    #[error("message of {size} bytes is larger than {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not JSON of a known message.
    #[error("not a message of this protocol: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl DecodeError {
    /// What the peer may know of it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::Malformed(_) => ErrorCode::BadMessage,
        }
    }
}

/// Decodes a client's frame.
pub fn decode_client(text: &str) -> Result<ClientMessage, DecodeError> {
    decode(text, limits::MAX_CLIENT_MESSAGE)
}

/// Decodes a server's frame.
pub fn decode_server(text: &str) -> Result<ServerMessage, DecodeError> {
    decode(text, limits::MAX_SERVER_MESSAGE)
}

/// Decodes a frame of at most `limit` bytes (the control link has messages of its own).
pub fn decode<T: DeserializeOwned>(text: &str, limit: usize) -> Result<T, DecodeError> {
    if text.len() > limit {
        return Err(DecodeError::TooLarge {
            size: text.len(),
            limit,
        });
    }
    Ok(serde_json::from_str(text)?)
}

/// Encodes a message.
///
/// The types of this crate hold nothing that JSON cannot express, so there is no error to report.
pub fn encode<T: Serialize>(message: &T) -> String {
    #[expect(
        clippy::expect_used,
        reason = "no map with non-string keys and no failing Serialize in this crate"
    )]
    serde_json::to_string(message).expect("messages of this crate are JSON")
}
