//! The SFU core in a world without sockets, with a virtual clock.

mod allocations;
mod forwarding;
mod membership;
mod support;
