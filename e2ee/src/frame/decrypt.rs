//! One receiver: the SFrame key of somebody's KID and its replay window.

use sframe::CipherSuite;
use sframe::frame::EncryptedFrameView;
use sframe::header::SframeHeader;
use sframe::key::DecryptionKey;

use crate::frame::replay::ReplayWindow;
use crate::frame::{Codec, DropReason, clear_bytes};
use crate::key_schedule::BaseKey;
use crate::kid::Kid;

/// Shortest SFrame ciphertext: config byte, one byte, tag.
const MIN_SFRAME: usize = 1 + 1 + 16;

/// A frame whose header was read; nothing in it is authentic.
pub(crate) struct Parsed<'a> {
    clear: &'a [u8],
    sframe: &'a [u8],
    header: SframeHeader,
    pub(crate) kid: Kid,
}

/// Reads clear prefix and header.
///
/// # Errors
/// `BadHeader` for anything that is not a minimal SFrame header with a KID of this protocol.
pub(crate) fn parse(codec: Codec, frame: &[u8]) -> Result<Parsed<'_>, DropReason> {
    let (clear, sframe) = clear_bytes::split(codec, frame).map_err(|_| DropReason::BadHeader)?;
    if sframe.len() < MIN_SFRAME {
        return Err(DropReason::BadHeader);
    }
    let header = SframeHeader::deserialize(sframe).map_err(|_| DropReason::BadHeader)?;
    let kid = Kid::parse(header.key_id()).ok_or(DropReason::BadHeader)?;
    // RFC 9605 §4.3: one encoding per value. The crate reads longer ones too.
    if SframeHeader::new(header.key_id(), header.counter()).len() != header.len() {
        return Err(DropReason::BadHeader);
    }
    Ok(Parsed {
        clear,
        sframe,
        header,
        kid,
    })
}

/// Decrypts the frames of one member and context in one epoch. Has no Debug.
pub(crate) struct Receiver {
    key: DecryptionKey,
    window: ReplayWindow,
}

impl Receiver {
    /// Derives key and salt (RFC 9605 §4.4.2).
    pub(crate) fn new(base_key: &BaseKey, kid: Kid) -> Result<Self, DropReason> {
        let key = DecryptionKey::derive_from(CipherSuite::AesGcm128Sha256, kid.raw(), base_key.as_bytes())
            .map_err(|_| DropReason::NoKey)?;
        Ok(Self {
            key,
            window: ReplayWindow::new(kid),
        })
    }

    /// Writes the frame as it was before encryption into `out`. The window changes only for an authentic frame.
    pub(crate) fn decrypt(&mut self, frame: &Parsed<'_>, out: &mut Vec<u8>) -> Result<(), DropReason> {
        let token = self.window.peek(&frame.header)?;
        let decrypted = EncryptedFrameView::try_with_meta_data(frame.sframe, frame.clear)
            .and_then(|view| view.decrypt_into(&self.key, out).map(|_| ()));
        if decrypted.is_err() {
            out.clear();
            return Err(DropReason::AuthFail);
        }
        self.window.commit(token);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_frames_and_longer_encodings_are_no_header() {
        let opus_silence = [0xF8, 0xFF, 0xFE];
        assert_eq!(
            parse(Codec::Opus, &opus_silence).err(),
            Some(DropReason::BadHeader)
        );
        assert_eq!(parse(Codec::Opus, &[]).err(), Some(DropReason::BadHeader));
        // KID 1 as an extended field of one byte: the value fits the config byte.
        let longer = [&[0x80, 1][..], &[0; 40]].concat();
        assert_eq!(parse(Codec::Opus, &longer).err(), Some(DropReason::BadHeader));
        let minimal = [&[0x10][..], &[0; 40]].concat();
        assert!(parse(Codec::Opus, &minimal).is_ok());
        // A KID of four bytes is beyond the layout.
        let beyond = [&[0xB0, 1, 0, 0, 0][..], &[0; 40]].concat();
        assert_eq!(parse(Codec::Opus, &beyond).err(), Some(DropReason::BadHeader));
    }
}
