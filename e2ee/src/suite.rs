//! The MLS cipher suites of a room, one row each.

use openmls::prelude::Ciphersuite;

use crate::message::Suite;

impl Suite {
    /// Every suite; tests run over all of them.
    pub const ALL: [Self; 2] = [Self::PostQuantum, Self::Classic];

    pub(crate) fn ciphersuite(self) -> Ciphersuite {
        match self {
            Self::PostQuantum => Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519,
            Self::Classic => Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
        }
    }

    pub(crate) fn of(ciphersuite: Ciphersuite) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.ciphersuite() == ciphersuite)
    }
}
