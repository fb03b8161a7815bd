//! The SFU as a process: shards, sockets, timers, control link, metrics.
