//! Sessions in a simulated room: a small delivery service, a virtual clock, no sockets.

mod faults;
mod flows;
mod media;
mod world;
