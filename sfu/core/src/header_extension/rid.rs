//! RtpStreamId: which encoding of a simulcast a packet belongs to (RFC 8852 §3.1).

use super::HeaderExtension;

pub(crate) const EXTENSION: HeaderExtension = HeaderExtension {
    uri: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    publish: true,
    subscribe: false,
};
