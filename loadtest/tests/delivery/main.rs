//! The delivery service and real members in a simulated world: virtual clock, one seed, no sockets.

mod calls;
mod faults;
mod hostile;
mod random;
mod world;
