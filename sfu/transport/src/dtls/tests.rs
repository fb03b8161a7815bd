//! The handshake against a real client.
