//! Size limits of the protocol. Beyond them a message is refused and the connection it came from is closed.

/// Largest client message in bytes: a pathful commit with its GroupInfo and Welcome in a room of 1000.
pub const MAX_CLIENT_MESSAGE: usize = 4 << 20;
/// Largest message of a connection that has not said Hello yet, in bytes.
pub const MAX_HELLO: usize = 4 << 10;
/// Largest server message in bytes.
pub const MAX_SERVER_MESSAGE: usize = 4 << 20;
/// Largest SDP in bytes.
pub const MAX_SDP: usize = 256 << 10;
/// Most media sections in one offer.
pub const MAX_SECTIONS: usize = 512;
/// Longest `mid` in bytes (RFC 8843 takes a token; one RTP header extension carries at most 16).
pub const MAX_MID: usize = 16;
/// Largest MLS application message in bytes.
pub const MAX_APP: usize = 64 << 10;
/// Largest key package in bytes (a post-quantum one is 2.7 kB and carries an identity card).
pub const MAX_KEY_PACKAGE: usize = 16 << 10;
/// Largest ratchet tree in bytes.
pub const MAX_TREE: usize = 2 << 20;
/// Most tracks one participant may publish: microphone, camera, screen video, screen audio.
pub const MAX_TRACKS_PER_PARTICIPANT: usize = 4;
/// Longest reason text in a Nack or a skipped entry, in bytes.
pub const MAX_REASON: usize = 64;
/// Largest identity card in a Knock, in bytes.
pub const MAX_CARD: usize = 512;
/// Largest text of an order in bytes: some 600 people with a role or an exception.
pub const MAX_ORDER: usize = 64 << 10;
