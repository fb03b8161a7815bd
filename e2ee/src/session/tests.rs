//! Sessions in a simulated room: a small delivery service, a virtual clock, no sockets.

mod attacker;
mod faults;
mod flows;
mod hosting;
mod media;
mod terms;
pub(crate) mod world;
