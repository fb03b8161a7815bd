//! The SFU core in a world without sockets, with a virtual clock.

#[cfg(test)]
mod allocations;
#[cfg(test)]
mod call;
#[cfg(test)]
mod described;
#[cfg(test)]
mod downlink;
mod forwarding;
mod membership;
// `cfg(test)` tells the lints that these helpers are part of tests.
#[cfg(test)]
mod picture;
mod scalable;
mod simulcast;
#[cfg(test)]
mod sound;
#[cfg(test)]
mod support;
mod views;
#[cfg(test)]
mod wide;
