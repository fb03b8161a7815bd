//! SRTP against the published vectors.
