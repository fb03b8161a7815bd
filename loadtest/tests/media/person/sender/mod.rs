//! What a person sends: microphone and camera as RTP, retransmissions, sender reports; and what it hears back.

pub(crate) mod camera;
pub(crate) mod payload;
mod stream;
mod uplink;

pub(crate) use stream::{ExtensionIds, Outgoing, Stream};
pub(crate) use uplink::Uplink;
