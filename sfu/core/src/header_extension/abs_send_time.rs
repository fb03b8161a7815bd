//! Absolute send time, for publishers without transport-wide sequence numbers; it is negotiated and not read.

use super::HeaderExtension;

pub(crate) const EXTENSION: HeaderExtension = HeaderExtension {
    uri: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    publish: true,
    subscribe: false,
};
