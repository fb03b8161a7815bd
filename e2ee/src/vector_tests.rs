//! Published vectors, and the joint MLS to SFrame vector that this project publishes itself.

use std::path::PathBuf;

use hkdf::Hkdf;
use openmls::prelude::{AeadType, OpenMlsCrypto as _, OpenMlsProvider as _};
use openmls_rust_crypto::OpenMlsRustCrypto;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, MediaFrameView, MonotonicCounter};
use sframe::header::SframeHeader;
use sframe::key::{DecryptionKey, EncryptionKey};
use sha2::{Digest as _, Sha256};

use crate::frame::decrypt::{self, Receiver};
use crate::frame::encrypt::Sender;
use crate::key_schedule::BaseKey;
use crate::kid::Kid;
use crate::{Codec, Context};

/// Set it to write docs/vectors/mls-sframe.json instead of comparing it.
const WRITE: &str = "CONCLAVE_WRITE_VECTORS";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn bytes(value: &Value, field: &str) -> Vec<u8> {
    unhex(value[field].as_str().unwrap())
}

fn rfc9605() -> Value {
    serde_json::from_str(include_str!("../vectors/rfc9605-sframe.json")).unwrap()
}

#[test]
fn headers_are_those_of_rfc_9605() {
    let vectors = rfc9605();
    let headers = vectors["header"].as_array().unwrap();
    assert_eq!(headers.len(), 289);
    for vector in headers {
        let (kid, ctr) = (vector["kid"].as_u64().unwrap(), vector["ctr"].as_u64().unwrap());
        let encoded = bytes(vector, "encoded");
        let header = SframeHeader::new(kid, ctr);
        assert_eq!(Vec::from(&header), encoded);
        let read = SframeHeader::deserialize(&encoded).unwrap();
        assert_eq!((read.key_id(), read.counter()), (kid, ctr));
    }
}

#[test]
fn all_five_suites_encrypt_as_in_rfc_9605() {
    let vectors = rfc9605();
    let vectors = vectors["sframe"].as_array().unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let suite = match vector["cipher_suite"].as_u64().unwrap() {
            1 => CipherSuite::AesCtr128HmacSha256_80,
            2 => CipherSuite::AesCtr128HmacSha256_64,
            3 => CipherSuite::AesCtr128HmacSha256_32,
            4 => CipherSuite::AesGcm128Sha256,
            5 => CipherSuite::AesGcm256Sha512,
            other => panic!("suite {other}"),
        };
        let (kid, ctr) = (vector["kid"].as_u64().unwrap(), vector["ctr"].as_u64().unwrap());
        let [base_key, metadata, plaintext, ciphertext] =
            ["base_key", "metadata", "pt", "ct"].map(|field| bytes(vector, field));
        let key = EncryptionKey::derive_from(suite, kid, &base_key).unwrap();
        let mut counter = MonotonicCounter::with_start_value(ctr, u64::MAX);
        let mut sealed = Vec::new();
        MediaFrameView::try_with_meta_data(&mut counter, &plaintext, &metadata)
            .unwrap()
            .encrypt_into(&key, &mut sealed)
            .unwrap();
        assert_eq!(sealed, [metadata.clone(), ciphertext.clone()].concat());
        let key = DecryptionKey::derive_from(suite, kid, &base_key).unwrap();
        let mut opened = Vec::new();
        EncryptedFrameView::try_with_meta_data(&ciphertext, &metadata)
            .unwrap()
            .decrypt_into(&key, &mut opened)
            .unwrap();
        assert_eq!(opened, [metadata, plaintext].concat());
    }
}

/// MLS-Exporter with SHA-256 (RFC 9420 §8.5), written out so that the vector does not rest on the library it tests.
fn mls_exporter(exporter_secret: &[u8], label: &[u8], context: &[u8], length: u16) -> Vec<u8> {
    let derived = expand_with_label(exporter_secret, label, &[], 32);
    expand_with_label(&derived, b"exported", &Sha256::digest(context), length)
}

/// ExpandWithLabel (RFC 9420 §8).
fn expand_with_label(secret: &[u8], label: &[u8], context: &[u8], length: u16) -> Vec<u8> {
    let label = [b"MLS 1.0 ".as_slice(), label].concat();
    let vector = |content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap();
        let prefix = if length < 64 {
            vec![length.to_be_bytes()[1]]
        } else {
            (0x4000 | length).to_be_bytes().to_vec()
        };
        [prefix, content.to_vec()].concat()
    };
    let info = [length.to_be_bytes().to_vec(), vector(&label), vector(context)].concat();
    let mut out = vec![0; usize::from(length)];
    Hkdf::<Sha256>::from_prk(secret)
        .unwrap()
        .expand(&info, &mut out)
        .unwrap();
    out
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Joint {
    description: String,
    cases: Vec<Case>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Case {
    mls_cipher_suite: u16,
    exporter_secret: String,
    sframe_cipher_suite: u16,
    base_key: String,
    context: u8,
    leaf: u32,
    epoch: u64,
    kid: u64,
    ctr: u64,
    sframe_key: String,
    sframe_salt: String,
    nonce: String,
    codec: Codec,
    frame: String,
    metadata: String,
    aad: String,
    encrypted_frame: String,
}

/// Everything by the RFCs' text, with no help of the sframe crate but the header.
fn case(
    exporter_secret: &[u8],
    context: Context,
    leaf: u32,
    epoch: u64,
    ctr: u64,
    codec: Codec,
    frame: &[u8],
) -> Case {
    let base_key = mls_exporter(exporter_secret, b"SFrame 1.0 Base Key", &[], 16);
    let kid = u64::from(context.number()) << 20 | u64::from(leaf) << 8 | epoch & 0xFF;
    let derive = |label: &[u8], length: usize| {
        let info = [label, &kid.to_be_bytes(), &4_u16.to_be_bytes()].concat();
        let mut out = vec![0; length];
        Hkdf::<Sha256>::new(None, &base_key)
            .expand(&info, &mut out)
            .unwrap();
        out
    };
    let key = derive(b"SFrame 1.0 Secret key ", 16);
    let salt = derive(b"SFrame 1.0 Secret salt ", 12);
    let mut nonce = salt.clone();
    for (byte, counter) in nonce[4..].iter_mut().zip(ctr.to_be_bytes()) {
        *byte ^= counter;
    }
    let prefix = match codec {
        Codec::Vp8 if frame[0] & 1 == 0 => 10,
        Codec::Vp8 => 1,
        Codec::Opus | Codec::Vp9 => 0,
    };
    let (metadata, plaintext) = frame.split_at(prefix);
    let header = Vec::from(&SframeHeader::new(kid, ctr));
    let aad = [header.as_slice(), metadata].concat();
    let ciphertext = OpenMlsRustCrypto::default()
        .crypto()
        .aead_encrypt(AeadType::Aes128Gcm, &key, plaintext, &nonce, &aad)
        .unwrap();
    Case {
        mls_cipher_suite: 1,
        exporter_secret: hex(exporter_secret),
        sframe_cipher_suite: 4,
        base_key: hex(&base_key),
        context: context.number(),
        leaf,
        epoch,
        kid,
        ctr,
        sframe_key: hex(&key),
        sframe_salt: hex(&salt),
        nonce: hex(&nonce),
        codec,
        frame: hex(frame),
        metadata: hex(metadata),
        aad: hex(&aad),
        encrypted_frame: hex(&[metadata, &header, &ciphertext].concat()),
    }
}

#[test]
fn the_joint_vector_goes_from_an_mls_epoch_to_an_encrypted_frame() {
    let schedule: Value = serde_json::from_str(include_str!("../vectors/mls-key-schedule.json")).unwrap();
    let suite = schedule
        .as_array()
        .unwrap()
        .iter()
        .find(|suite| suite["cipher_suite"] == 1)
        .unwrap();
    let key_frame: Vec<u8> = (0..40).map(|n| n * 2).collect();
    let delta_frame: Vec<u8> = (0..40).map(|n| n * 2 + 1).collect();
    let uses = [
        (Context::Microphone, 0, 0, 0, Codec::Opus, &delta_frame),
        (Context::Camera, 1, 1, 0, Codec::Vp8, &key_frame),
        (Context::Camera, 1, 1, 1, Codec::Vp8, &delta_frame),
        (Context::ScreenVideo, 300, 258, 7, Codec::Vp9, &key_frame),
        (Context::ScreenAudio, 4095, 0xFFFF, 300, Codec::Opus, &key_frame),
    ];
    let mut cases = Vec::new();
    for (epoch, (context, leaf, number, ctr, codec, frame)) in
        suite["epochs"].as_array().unwrap().iter().zip(uses)
    {
        let secret = bytes(epoch, "exporter_secret");
        let exporter = &epoch["exporter"];
        let length = u16::try_from(exporter["length"].as_u64().unwrap()).unwrap();
        let label = exporter["label"].as_str().unwrap();
        assert_eq!(
            mls_exporter(&secret, label.as_bytes(), &bytes(exporter, "context"), length),
            bytes(exporter, "secret"),
            "the published exporter value"
        );
        cases.push(case(&secret, context, leaf, number, ctr, codec, frame));
    }
    let joint = Joint {
        description: "MLS exporter to SFrame (RFC 9420 8.5, RFC 9605 5.2 with E=8, S=12): \
                      exporter secrets are those of mlswg/mls-implementations key-schedule.json, cipher suite 1."
            .to_owned(),
        cases,
    };
    for case in &joint.cases {
        assert_product_agrees(case);
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors/mls-sframe.json");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&joint).unwrap() + "\n").unwrap();
    }
    let published: Joint = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(published, joint);
}

/// The product's own code makes and reads the same frame.
fn assert_product_agrees(case: &Case) {
    let base_key = BaseKey::for_test(unhex(&case.base_key).try_into().unwrap());
    let context = Context::from_number(case.context).unwrap();
    let kid = Kid::new(context, case.leaf, case.epoch).unwrap();
    assert_eq!(kid.raw(), case.kid);
    let mut sender = Sender::new(&base_key, kid).unwrap();
    let mut out = Vec::new();
    for _ in 0..=case.ctr {
        sender.encrypt(case.codec, &unhex(&case.frame), &mut out).unwrap();
    }
    assert_eq!(hex(&out), case.encrypted_frame);
    let parsed = decrypt::parse(case.codec, &out).unwrap();
    assert_eq!(parsed.kid, kid);
    let mut opened = Vec::new();
    Receiver::new(&base_key, kid)
        .unwrap()
        .decrypt(&parsed, &mut opened)
        .unwrap();
    assert_eq!(hex(&opened), case.frame);
}
