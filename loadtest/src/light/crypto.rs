//! How a light peer's frames are sealed end to end: by an MLS session, or not at all where the server knows none.

use conclave_e2ee::{Codec, Context, DropReason};

use crate::participant::session::SharedSession;

/// What became of a frame to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// It may be sent.
    Done,
    /// The keys are in use elsewhere: try the same frame again in a moment.
    Busy,
    /// There is no key: the frame must not be sent.
    NoKey,
}

/// What became of a received frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It was opened.
    Frame,
    /// There is no key yet, or the keys are in use elsewhere: try it again later.
    Later(DropReason),
    /// It cannot be opened.
    Failed(DropReason),
}

/// Seals and opens the frames of one peer. Called from the engine's thread, so nothing in it may wait.
pub trait FrameCrypto: Send {
    /// Seals a frame into `out`, which is replaced.
    fn seal(&mut self, context: Context, codec: Codec, frame: &[u8], out: &mut Vec<u8>) -> Sealed;
    /// Opens a frame of a track that carries `context` into `plain`, which is replaced.
    fn open(&mut self, context: Context, codec: Codec, frame: &[u8], plain: &mut Vec<u8>) -> Opened;
    /// The epoch this peer came in, if it knows of epochs: frames of older ones are not for it.
    fn first_epoch(&self) -> Option<u64>;
}

impl FrameCrypto for SharedSession {
    fn seal(&mut self, context: Context, codec: Codec, frame: &[u8], out: &mut Vec<u8>) -> Sealed {
        let Some(mut state) = self.try_lock() else {
            return Sealed::Busy;
        };
        match state.session.encrypt(context, codec, frame, out) {
            Ok(()) => Sealed::Done,
            Err(_) => Sealed::NoKey,
        }
    }

    fn open(&mut self, context: Context, codec: Codec, frame: &[u8], plain: &mut Vec<u8>) -> Opened {
        let now = self.now_ms();
        let Some(mut state) = self.try_lock() else {
            return Opened::Later(DropReason::TransformNotRunning);
        };
        match state.session.decrypt(now, context, codec, frame, plain) {
            Ok(_) => Opened::Frame,
            Err(DropReason::NoKey) => Opened::Later(DropReason::NoKey),
            Err(reason) => Opened::Failed(reason),
        }
    }

    fn first_epoch(&self) -> Option<u64> {
        self.with(|state| state.first_epoch)
    }
}

/// Seals nothing, but makes frames as large as SFrame would (RFC 9605: header of 7 bytes, tag of 16), for servers
/// whose clients have no MLS. The media load is the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opaque;

/// Config byte, KID of 3 bytes, CTR of 3 bytes.
const HEADER: [u8; 7] = [0xB2, 0x10, 0x00, 0x01, 0x00, 0x00, 0x01];
const TAG: [u8; 16] = [0x5A; 16];

impl FrameCrypto for Opaque {
    fn seal(&mut self, _: Context, codec: Codec, frame: &[u8], out: &mut Vec<u8>) -> Sealed {
        let (clear, rest) = frame.split_at(clear_len(codec, frame).min(frame.len()));
        out.clear();
        for part in [clear, &HEADER, rest, &TAG] {
            out.extend_from_slice(part);
        }
        Sealed::Done
    }

    fn open(&mut self, _: Context, codec: Codec, frame: &[u8], plain: &mut Vec<u8>) -> Opened {
        plain.clear();
        let clear = clear_len(codec, frame);
        let parts = frame.split_at_checked(clear).and_then(|(clear, rest)| {
            let rest = rest.strip_prefix(&HEADER)?.strip_suffix(&TAG)?;
            Some((clear, rest))
        });
        let Some((clear, rest)) = parts else {
            return Opened::Failed(DropReason::BadHeader);
        };
        plain.extend_from_slice(clear);
        plain.extend_from_slice(rest);
        Opened::Frame
    }

    fn first_epoch(&self) -> Option<u64> {
        None
    }
}

/// Bytes of a frame that stay clear: those an SFU's or browser's VP8 depacketizer looks at.
fn clear_len(codec: Codec, frame: &[u8]) -> usize {
    match (codec, frame.first()) {
        (Codec::Vp8, Some(first)) if first & 0x01 == 0 => 10,
        (Codec::Vp8, Some(_)) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_frame_is_as_long_as_an_sframe_and_comes_back() {
        let (mut sealed, mut plain) = (Vec::new(), Vec::new());
        for (codec, frame) in [
            (Codec::Opus, &[1u8, 2, 3][..]),
            (Codec::Vp8, &[0; 40]),
            (Codec::Vp8, &[1; 40]),
            (Codec::Vp9, &[7; 40]),
        ] {
            assert_eq!(
                Opaque.seal(Context::Camera, codec, frame, &mut sealed),
                Sealed::Done
            );
            assert_eq!(sealed.len(), frame.len() + 23);
            assert_eq!(
                Opaque.open(Context::Camera, codec, &sealed, &mut plain),
                Opened::Frame
            );
            assert_eq!(plain, frame);
        }
    }

    #[test]
    fn a_frame_that_was_changed_on_its_way_does_not_open() {
        let mut plain = Vec::new();
        for frame in [&[][..], &[0; 5], &[9; 40]] {
            let opened = Opaque.open(Context::Camera, Codec::Vp8, frame, &mut plain);
            assert_eq!(opened, Opened::Failed(DropReason::BadHeader));
        }
    }
}
