//! Light peers: whole media connections by the hundred, on a thread or two, on this project's own transport.
//!
//! A [`LightEngine`] owns the threads; a [`LightPeer`] is the handle of one peer connection. A peer sends media that was
//! encoded once ([`SendTrack`]), sealed by a [`FrameCrypto`], counts and opens what it receives, and answers RTCP. It can
//! offer or answer, at Conclave and at other SFUs.

#[cfg(test)]
mod allocation_tests;
mod arrival;
mod assembler;
pub mod crypto;
mod datagrams;
pub mod description;
mod engine;
mod feedback;
mod gathered;
mod handle;
mod peer;
mod receiver;
mod sender;
mod socket;
mod source;
mod stats;
#[cfg(test)]
mod tests;

pub use crypto::{FrameCrypto, Opaque, Opened, Sealed};
pub use description::{DescriptionError, Setup, Wanted};
pub use engine::{EngineError, EngineFigures, LightConfig, LightEngine};
pub use handle::{LightError, LightPeer, PeerSpec};
pub use peer::PeerEvent;
pub use receiver::{Decrypt, ReceiveTrack};
pub use sender::{Ssrcs, Wire};
pub use source::{Noise, SCREEN, SendTrack, Source, Speech};
pub use stats::{PeerStats, TrackStats};
