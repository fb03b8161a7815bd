//! Transport-wide sequence numbers, by which the receiver's feedback names packets (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2).

use super::HeaderExtension;

pub(crate) const EXTENSION: HeaderExtension = HeaderExtension {
    uri: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    publish: true,
    subscribe: true,
};

/// The transport-wide sequence number.
pub(crate) fn read(data: &[u8]) -> Option<u16> {
    // Version 2 carries a feedback request behind it.
    let (number, _) = data.split_first_chunk::<2>()?;
    Some(u16::from_be_bytes(*number))
}
