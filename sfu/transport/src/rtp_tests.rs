//! What the RTP view reads and the builder writes.
use super::*;
