//! The two packet ciphers and their key derivation (RFC 3711 §4.1.1, §4.3; RFC 7714 §8, §9, §11).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::{KeyError, MasterKey, Profile};

/// Length of a GCM tag.
pub(super) const GCM_TAG_LEN: usize = 16;
/// Length of a truncated HMAC-SHA1 tag.
pub(super) const SHA1_TAG_LEN: usize = 10;

/// Which of the two packet kinds a session key is for; the value is its first label (RFC 3711 §4.3.2).
#[derive(Clone, Copy)]
pub(super) enum Traffic {
    Rtp = 0,
    Rtcp = 3,
}

/// The session keys of one direction and packet kind.
#[expect(
    clippy::large_enum_variant,
    reason = "four per peer; a box would cost a cache miss per packet"
)]
pub(super) enum Cipher {
    Gcm {
        key: LessSafeKey,
        salt: Zeroizing<[u8; 12]>,
    },
    Sha1(CounterMode),
}

/// AES counter mode with a separate HMAC-SHA1.
pub(super) struct CounterMode {
    key: EncryptingKey,
    salt: Zeroizing<[u8; 14]>,
    auth: hmac::Key,
}

/// The cipher did not do its work: wrong tag when opening, a refusal of the library when sealing.
pub(super) struct CipherError;

impl Cipher {
    /// Derives the session keys from `master`.
    pub(super) fn derive(profile: Profile, master: &MasterKey, traffic: Traffic) -> Result<Self, KeyError> {
        let first_label = traffic as u8;
        let mut key = Zeroizing::new([0u8; 16]);
        derive(master, first_label, key.as_mut_slice())?;
        match profile {
            Profile::AeadAes128Gcm => {
                let mut salt = Zeroizing::new([0u8; 12]);
                derive(master, first_label + 2, salt.as_mut_slice())?;
                let key = UnboundKey::new(&AES_128_GCM, key.as_slice()).map_err(|_| KeyError)?;
                Ok(Self::Gcm {
                    key: LessSafeKey::new(key),
                    salt,
                })
            }
            Profile::Aes128CmHmacSha1_80 => {
                let mut salt = Zeroizing::new([0u8; 14]);
                let mut auth = Zeroizing::new([0u8; 20]);
                derive(master, first_label + 1, auth.as_mut_slice())?;
                derive(master, first_label + 2, salt.as_mut_slice())?;
                Ok(Self::Sha1(CounterMode {
                    key: counter_key(&key)?,
                    salt,
                    auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth.as_slice()),
                }))
            }
        }
    }
}

/// Seals `text` in place for the 12-byte `nonce` words and returns the tag.
pub(super) fn gcm_seal(
    key: &LessSafeKey,
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
) -> Result<[u8; GCM_TAG_LEN], CipherError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
        .map_err(|_| CipherError)?;
    tag.as_ref().try_into().map_err(|_| CipherError)
}

/// Opens `text_and_tag` in place.
pub(super) fn gcm_open(
    key: &LessSafeKey,
    nonce: [u8; 12],
    aad: &[u8],
    text_and_tag: &mut [u8],
) -> Result<(), CipherError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.open_in_place(nonce, Aad::from(aad), text_and_tag)
        .map_err(|_| CipherError)?;
    Ok(())
}

/// RFC 7714 §8.1: two zero bytes, SSRC, ROC and sequence number, masked by the salt.
pub(super) fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let [_, _, i0, i1, i2, i3, i4, i5] = index.to_be_bytes();
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    mask(salt, [0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5])
}

/// RFC 7714 §9.1: two zero bytes, SSRC, two zero bytes and the SRTCP index, masked by the salt.
pub(super) fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> [u8; 12] {
    let [i0, i1, i2, i3] = index.to_be_bytes();
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    mask(salt, [0, 0, s0, s1, s2, s3, 0, 0, i0, i1, i2, i3])
}

fn mask(salt: &[u8; 12], mut words: [u8; 12]) -> [u8; 12] {
    for (byte, salt) in words.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    words
}

impl CounterMode {
    /// Encrypts or decrypts `text` in place (RFC 3711 §4.1.1).
    pub(super) fn apply(&self, ssrc: u32, index: u64, text: &mut [u8]) -> Result<(), CipherError> {
        let [_, _, i0, i1, i2, i3, i4, i5] = index.to_be_bytes();
        let [s0, s1, s2, s3] = ssrc.to_be_bytes();
        let mut iv = [0, 0, 0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5, 0, 0];
        for (byte, salt) in iv.iter_mut().zip(self.salt.iter()) {
            *byte ^= salt;
        }
        apply_counter(&self.key, iv, text).map_err(|_| CipherError)
    }

    /// The authentication tag over `packet` and the words that are not in it (the ROC of an RTP packet).
    pub(super) fn tag(&self, packet: &[u8], trailer: &[u8]) -> [u8; SHA1_TAG_LEN] {
        let mut context = hmac::Context::with_key(&self.auth);
        context.update(packet);
        context.update(trailer);
        let mut tag = [0u8; SHA1_TAG_LEN];
        for (byte, full) in tag.iter_mut().zip(context.sign().as_ref()) {
            *byte = *full;
        }
        tag
    }

    /// Verifies a tag in constant time.
    pub(super) fn verify(&self, packet: &[u8], trailer: &[u8], tag: &[u8]) -> Result<(), CipherError> {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.tag(packet, trailer), tag)
            .map_err(|_| CipherError)
    }
}

fn counter_key(key: &[u8; 16]) -> Result<EncryptingKey, KeyError> {
    let key = UnboundCipherKey::new(&AES_128, key.as_slice()).map_err(|_| KeyError)?;
    EncryptingKey::ctr(key).map_err(|_| KeyError)
}

fn apply_counter(key: &EncryptingKey, iv: [u8; 16], text: &mut [u8]) -> Result<(), KeyError> {
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(text, context).map_err(|_| KeyError)?;
    Ok(())
}

/// AES-CM PRF with a key derivation rate of 0 (RFC 3711 §4.3.1, §4.3.3).
fn derive(master: &MasterKey, label: u8, out: &mut [u8]) -> Result<(), KeyError> {
    let mut iv = [0u8; 16];
    for (byte, salt) in iv.iter_mut().zip(&master.salt) {
        *byte = *salt;
    }
    // key_id is label and a 48-bit zero, right-aligned with the 112-bit salt.
    iv[7] ^= label;
    out.fill(0);
    apply_counter(&counter_key(&master.key)?, iv, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn session_keys_are_those_of_rfc_3711() {
        let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        let master = MasterKey::new(Profile::Aes128CmHmacSha1_80, &key, &salt).unwrap();
        let mut cipher_key = [0u8; 16];
        derive(&master, 0, &mut cipher_key).unwrap();
        assert_eq!(cipher_key.to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        let mut cipher_salt = [0u8; 14];
        derive(&master, 2, &mut cipher_salt).unwrap();
        assert_eq!(cipher_salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        let mut auth_key = [0u8; 94];
        derive(&master, 1, &mut auth_key).unwrap();
        assert_eq!(
            auth_key.to_vec(),
            hex(concat!(
                "CEBE321F6FF7716B6FD4AB49AF256A15",
                "6D38BAA48F0A0ACF3C34E2359E6CDBCE",
                "E049646C43D9327AD175578EF7227098",
                "6371C10C9A369AC2F94A8C5FBCDDDC25",
                "6D6E919A48B610EF17C2041E47403576",
                "6B68642C59BBFC2F34DB60DBDFB2"
            ))
        );
    }

    /// RFC 3711 appendix B.2: the AES-CM keystream.
    #[test]
    fn the_counter_mode_keystream_is_that_of_rfc_3711() {
        let key: [u8; 16] = hex("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
        let iv: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        let mut stream = [0u8; 48];
        apply_counter(&counter_key(&key).unwrap(), iv, &mut stream).unwrap();
        assert_eq!(
            stream.to_vec(),
            hex(concat!(
                "E03EAD0935C95E80E166B16DD92B4EB4",
                "D23513162B02D0F72A43A2FE4A5F97AB",
                "41E95B3BB0A2E8DD477901E4FCA894C0"
            ))
        );
    }
}
