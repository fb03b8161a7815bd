//! What a person receives: streams, frames, pictures and sounds, as a browser would make of them.

mod arrivals;
mod assembler;
pub(crate) mod audio;
mod decoder;
mod playout;
mod references;
mod sequence;
mod video;
mod watch;

use conclave_e2ee::Codec;

pub(crate) use arrivals::Arrivals;
pub(crate) use audio::AudioReceiver;
pub(crate) use video::VideoReceiver;
pub(crate) use watch::{Listening, Watch};

/// What an answer says of a section through which a person receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inbound {
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) codec: Codec,
    pub(crate) nack: bool,
    /// The id of the transport-wide sequence number, if it is in use.
    pub(crate) transport_cc: Option<u8>,
}
