//! From an MLS epoch to the base key of its frames (RFC 9605 §5.2).

use openmls::prelude::{MlsGroup, OpenMlsProvider as _, StagedCommit};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::SessionError;
use crate::group::store::Provider;

/// Label of the MLS exporter.
const LABEL: &str = "SFrame 1.0 Base Key";
/// Nk of AES_128_GCM_SHA256_128.
const LENGTH: usize = 16;

/// `MLS-Exporter("SFrame 1.0 Base Key", "", 16)` of one epoch. Has no Debug.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(crate) struct BaseKey([u8; LENGTH]);

impl BaseKey {
    pub(crate) fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn for_test(raw: [u8; LENGTH]) -> Self {
        Self(raw)
    }

    /// Of the group's current epoch.
    pub(crate) fn of_group(provider: &Provider, group: &MlsGroup) -> Result<Self, SessionError> {
        Self::from_exporter(group.export_secret(provider.crypto(), LABEL, &[], LENGTH).ok())
    }

    /// Of the epoch that a commit leads to, before it is merged.
    pub(crate) fn of_commit(provider: &Provider, commit: &StagedCommit) -> Result<Self, SessionError> {
        Self::from_exporter(commit.export_secret(provider.crypto(), LABEL, &[], LENGTH).ok())
    }

    fn from_exporter(secret: Option<Vec<u8>>) -> Result<Self, SessionError> {
        let secret = Zeroizing::new(secret.ok_or(SessionError::Crypto)?);
        secret
            .as_slice()
            .try_into()
            .map(Self)
            .map_err(|_| SessionError::Crypto)
    }
}
