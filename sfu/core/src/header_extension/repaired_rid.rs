//! RepairedRtpStreamId: which encoding a retransmission belongs to (RFC 8852 §3.2).

use super::HeaderExtension;

pub(crate) const EXTENSION: HeaderExtension = HeaderExtension {
    uri: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    publish: true,
    subscribe: false,
};
