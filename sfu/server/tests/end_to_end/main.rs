//! The SFU on real sockets, with real peers and a real control link.

#[cfg(test)]
mod control_link;
// `cfg(test)` tells the lints that these helpers are part of tests.
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod light;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod shards;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod support;
#[cfg(test)]
mod two_peers;
#[cfg(test)]
mod wide;
