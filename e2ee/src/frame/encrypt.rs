//! One sender: the SFrame key of an own KID and its counter.

use sframe::CipherSuite;
use sframe::frame::{MediaFrameView, MonotonicCounter};
use sframe::key::EncryptionKey;

use crate::frame::{Codec, DropReason, clear_bytes};
use crate::key_schedule::BaseKey;
use crate::kid::Kid;

/// Encrypts the frames of one context in one epoch. Has no Debug.
pub(crate) struct Sender {
    key: EncryptionKey,
    /// Shared by all layers of the context and never reset: a counter is used once per key (RFC 9605 §9.1).
    counter: MonotonicCounter,
}

impl Sender {
    /// Derives key and salt (RFC 9605 §4.4.2).
    pub(crate) fn new(base_key: &BaseKey, kid: Kid) -> Result<Self, DropReason> {
        let key = EncryptionKey::derive_from(CipherSuite::AesGcm128Sha256, kid.raw(), base_key.as_bytes())
            .map_err(|_| DropReason::NoKey)?;
        Ok(Self {
            key,
            counter: MonotonicCounter::default(),
        })
    }

    /// Writes `clear prefix ‖ SFrame header ‖ ciphertext ‖ tag` into `out`.
    pub(crate) fn encrypt(
        &mut self,
        codec: Codec,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DropReason> {
        let (clear, rest) = clear_bytes::split(codec, frame)?;
        // The crate's layout of a frame with metadata is ours: metadata, header, ciphertext, tag.
        MediaFrameView::try_with_meta_data(&mut self.counter, rest, clear)
            .and_then(|view| view.encrypt_into(&self.key, out).map(|_| ()))
            // An exhausted counter: the epoch has to change before this context can send again.
            .map_err(|_| DropReason::NoKey)
    }
}
