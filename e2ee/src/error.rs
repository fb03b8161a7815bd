//! Errors that a caller of a session sees.

use thiserror::Error;

/// Why a call of a session did nothing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SessionError {
    /// The text is not a message of the MLS family.
    #[error("not a message of the MLS family")]
    Malformed,
    /// The message is larger than the protocol allows.
    #[error("message is too large")]
    TooLarge,
    /// Only a member can do that.
    #[error("not a member of the group")]
    NotMember,
    /// Only a host, and mostly a co-host too, can do that.
    #[error("not a host of the group")]
    NotHost,
    /// No such member.
    #[error("no such member")]
    NoSuchMember,
    /// The display name is empty or longer than 128 bytes.
    #[error("display name is empty or too long")]
    BadName,
    /// The device's key did not sign what it must.
    #[error("the device's key did not sign for this session")]
    BadDevice,
    /// The crypto library failed: our fault.
    #[error("the crypto library failed")]
    Crypto,
}
