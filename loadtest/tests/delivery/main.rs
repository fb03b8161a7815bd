//! The delivery service and real members in a simulated world: virtual clock, one seed, no sockets.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test reports, and it prints the run that led to it"
)]

mod calls;
mod faults;
mod hostile;
mod link;
mod lobby;
mod moderation;
mod random;
mod world;
