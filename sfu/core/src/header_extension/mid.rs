//! MID: which section a packet belongs to (RFC 8843 §15).

use super::HeaderExtension;

pub(crate) const EXTENSION: HeaderExtension = HeaderExtension {
    uri: "urn:ietf:params:rtp-hdrext:sdes:mid",
    publish: true,
    subscribe: true,
};
