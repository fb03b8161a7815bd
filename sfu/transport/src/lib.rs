//! Bytes on the wire: STUN and ICE-lite, DTLS, SRTP in place, RTP and RTCP views, batched UDP.
