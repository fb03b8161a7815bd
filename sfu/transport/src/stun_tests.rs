//! STUN against the vectors of RFC 5769 and against damage.
use super::*;
