//! Bytes on the wire: STUN and ICE-lite, DTLS, SRTP in place, RTP and RTCP views, batched UDP.
//!
//! Everything but [`udp`] is sans-IO: datagrams and the time come in as arguments, datagrams and
//! events are polled out, and nothing here owns a clock, a task or a lock.
//! [`peer::PeerTransport`] is the machine that glues the parts for one peer; the rest are its parts,
//! public because the forwarder reads and writes packets with the same views.
//!
//! The payload is never looked at. [`payload_descriptor`] finds where it begins, and that is all.

pub mod address;
pub mod classify;
#[cfg(any(test, feature = "client"))]
pub mod client;
pub mod dtls;
pub mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod ice_lite;
pub mod payload_descriptor;
pub mod peer;
pub mod route;
pub mod rtcp;
pub mod rtp;
pub mod send_lanes;
pub mod srtp;
pub mod stun;
pub mod udp;

mod reader;
