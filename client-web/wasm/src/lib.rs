//! The browser's thin face of conclave-e2ee: JSON strings and byte arrays in, JSON strings and byte arrays out.
//!
//! Nothing is decided here. Errors are thrown as strings: a drop reason for frames, a sentence for the rest.

use conclave_e2ee::{
    ClientId, Codec, Context, Decrypted, DropReason, HostKey, LinkTerms, Role, RoomSecret, SessionConfig,
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

/// One participant's end of a call ([`conclave_e2ee::Session`]).
#[wasm_bindgen]
pub struct Session {
    inner: conclave_e2ee::Session,
    origin: Option<Decrypted>,
}

#[wasm_bindgen]
impl Session {
    /// Opens a session. Ids, keys and the secret are base64url texts. `host` is the host key in the link, `host_seed`
    /// the secret half of it, which whoever made the room has, `lobby` whether the link says that the room has one.
    ///
    /// # Errors
    /// A text that is not an id, a key or a secret, a bad name, a failure of the crypto library.
    #[wasm_bindgen(constructor)]
    pub fn new(
        room: &str,
        secret: &str,
        client_id: &str,
        display_name: String,
        host: Option<String>,
        host_seed: Option<String>,
        lobby: bool,
    ) -> Result<Session, JsValue> {
        let config = SessionConfig {
            room_id: id(room)?,
            room_secret: RoomSecret::parse(secret).ok_or_else(|| JsValue::from_str("not a room secret"))?,
            client_id: id(client_id)?,
            display_name,
        };
        let host_key = match (host, host_seed) {
            (_, Some(seed)) => Some(HostKey::own(key(&seed)?)),
            (Some(public), None) => Some(HostKey::of_link(key(&public)?)),
            (None, None) => None,
        };
        let inner = match host_key {
            Some(host_key) => conclave_e2ee::Session::hosted(config, host_key.with_lobby(lobby)),
            None => conclave_e2ee::Session::new(config),
        }
        .map_err(sentence)?;
        Ok(Self { inner, origin: None })
    }

    /// See [`conclave_e2ee::Session::device_statement`].
    pub fn device_statement(&self) -> Vec<u8> {
        self.inner.device_statement()
    }

    /// See [`conclave_e2ee::Session::set_device`].
    ///
    /// # Errors
    /// The key did not sign that, or these are no key and no signature.
    pub fn set_device(&mut self, public: &[u8], signature: &[u8]) -> Result<(), JsValue> {
        let (Ok(public), Ok(signature)) = (public.try_into(), signature.try_into()) else {
            return Err(JsValue::from_str("not a key and a signature"));
        };
        self.inner.set_device(public, signature).map_err(sentence)
    }

    /// See [`conclave_e2ee::Session::handle_message`].
    ///
    /// # Errors
    /// The message was dropped.
    pub fn handle_message(&mut self, now_ms: f64, json: &str) -> Result<(), JsValue> {
        self.inner.handle_message(millis(now_ms), json).map_err(sentence)
    }

    /// See [`conclave_e2ee::Session::handle_tree`]; no tree when it could not be fetched.
    ///
    /// # Errors
    /// The tree was dropped.
    pub fn handle_tree(
        &mut self,
        now_ms: f64,
        tree_hash: &str,
        tree: Option<Vec<u8>>,
    ) -> Result<(), JsValue> {
        self.inner
            .handle_tree(millis(now_ms), tree_hash, tree.as_deref())
            .map_err(sentence)
    }

    /// See [`conclave_e2ee::Session::handle_clock`].
    pub fn handle_clock(&mut self, now_ms: f64, unix: f64) {
        self.inner.handle_clock(millis(now_ms), millis(unix));
    }

    /// See [`conclave_e2ee::Session::handle_connection_lost`].
    pub fn handle_connection_lost(&mut self, now_ms: f64) {
        self.inner.handle_connection_lost(millis(now_ms));
    }

    /// See [`conclave_e2ee::Session::handle_timeout`].
    pub fn handle_timeout(&mut self, now_ms: f64) {
        self.inner.handle_timeout(millis(now_ms));
    }

    /// The next output as JSON.
    pub fn poll_output(&mut self) -> Option<String> {
        self.inner.poll_output().map(|output| json(&output))
    }

    /// When `handle_timeout` is due, in the milliseconds of `now_ms`.
    pub fn poll_timeout(&self) -> Option<f64> {
        self.inner.poll_timeout().map(float)
    }

    /// The state to name in Hello, as JSON.
    pub fn resume(&self) -> Option<String> {
        self.inner.resume().map(|resume| json(&resume))
    }

    /// What shows the server that this is the room's host, as JSON.
    pub fn host_proof(&self) -> Option<String> {
        self.inner.host_proof().map(|proof| json(&proof))
    }

    /// The leaves of the MLS tree, as a JSON array.
    pub fn roster(&self) -> String {
        json(&self.inner.roster())
    }

    /// The final epoch.
    pub fn epoch(&self) -> Option<f64> {
        self.inner.epoch().map(float)
    }

    /// The suite of the group, as the wire names it.
    pub fn suite(&self) -> Option<String> {
        self.inner.suite().map(|suite| word(&suite))
    }

    /// Whether somebody else confirmed the epoch.
    pub fn is_secured(&self) -> bool {
        self.inner.is_secured()
    }

    /// What the call code of the final epoch is made of. Deriving it takes the browser's own PBKDF2, on a thread of its
    /// own: here it would hold up every frame.
    pub fn code_material(&self) -> Option<CodeMaterial> {
        self.inner.code_material().map(|inner| CodeMaterial { inner })
    }

    /// Sends an application message to all members.
    ///
    /// # Errors
    /// Not a member, or the payload is too large.
    pub fn send_app(&mut self, payload: &[u8]) -> Result<(), JsValue> {
        self.inner.send_app(payload).map_err(sentence)
    }

    /// What the hosts decided, as JSON.
    pub fn moderation(&self) -> String {
        json(&self.inner.moderation())
    }

    /// Decides something, if this session is a host or may; `decision` is JSON.
    ///
    /// # Errors
    /// Not a host, no such member, or no decision.
    pub fn decide(&mut self, decision: &str) -> Result<(), JsValue> {
        let decision: Decision =
            serde_json::from_str(decision).map_err(|_| JsValue::from_str("not a decision"))?;
        match decision {
            Decision::Role { client_id, role } => self.inner.set_role(&client_id.0, role),
            Decision::Sources { sources } => self.inner.set_sources(sources),
            Decision::Stop { client_id, stopped } => self.inner.stop_sources(&client_id.0, stopped),
            Decision::Lock { locked } => self.inner.set_locked(locked),
            Decision::Recording { recording } => self.inner.set_recording(recording),
            Decision::Lobby { lobby } => self.inner.set_lobby(lobby),
            Decision::Admit { client_id } => self.inner.admit(&client_id.0),
            Decision::Deny { client_id } => self.inner.deny(&client_id.0),
            Decision::Remove { client_id, ban } => self.inner.kick(&client_id.0, ban),
            Decision::Link { link } => self.inner.set_link(link),
            Decision::Messages { lifetime, burn } => self.inner.set_messages(lifetime, burn),
            Decision::End => self.inner.end(),
            Decision::Burn => self.inner.burn(),
        }
        .map_err(sentence)
    }

    /// Encrypts a frame.
    ///
    /// # Errors
    /// The drop reason.
    pub fn encrypt(&mut self, context: u8, codec: u8, frame: &[u8]) -> Result<Vec<u8>, JsValue> {
        let mut out = Vec::with_capacity(frame.len() + FRAME_ROOM);
        self.inner
            .encrypt(context_of(context)?, codec_of(codec)?, frame, &mut out)
            .map_err(dropped)?;
        Ok(out)
    }

    /// Decrypts a frame; `origin_*` then tell where it came from.
    ///
    /// # Errors
    /// The drop reason.
    pub fn decrypt(&mut self, now_ms: f64, context: u8, codec: u8, frame: &[u8]) -> Result<Vec<u8>, JsValue> {
        self.origin = None;
        let mut out = Vec::with_capacity(frame.len());
        let origin = self
            .inner
            .decrypt(
                millis(now_ms),
                context_of(context)?,
                codec_of(codec)?,
                frame,
                &mut out,
            )
            .map_err(dropped)?;
        self.origin = Some(origin);
        Ok(out)
    }

    /// The leaf that encrypted the last decrypted frame.
    pub fn origin_leaf(&self) -> Option<u32> {
        self.origin.map(|origin| origin.leaf)
    }

    /// The epoch of the last decrypted frame.
    pub fn origin_epoch(&self) -> Option<f64> {
        self.origin.map(|origin| float(origin.epoch))
    }

    /// Who encrypted the last decrypted frame.
    pub fn origin_member(&self) -> Option<String> {
        self.origin.map(|origin| word(&origin.member))
    }
}

/// Parameters of a PBKDF2-HMAC-SHA512 ([`conclave_e2ee::CodeMaterial`]).
#[wasm_bindgen]
pub struct CodeMaterial {
    inner: conclave_e2ee::CodeMaterial,
}

#[wasm_bindgen]
impl CodeMaterial {
    /// See [`conclave_e2ee::CodeMaterial::password`].
    pub fn password(&self) -> Vec<u8> {
        self.inner.password().to_vec()
    }

    /// See [`conclave_e2ee::CodeMaterial::salt`].
    pub fn salt(&self) -> Vec<u8> {
        self.inner.salt()
    }

    /// See [`conclave_e2ee::CodeMaterial::ROUNDS`].
    pub fn rounds(&self) -> u32 {
        conclave_e2ee::CodeMaterial::ROUNDS
    }
}

/// The call code of 30 derived bytes ([`conclave_e2ee::CodeMaterial::format`]).
///
/// # Errors
/// Another number of bytes.
#[wasm_bindgen]
pub fn format_code(bytes: &[u8]) -> Result<String, JsValue> {
    let bytes = bytes
        .try_into()
        .map_err(|_| JsValue::from_str("not the bytes of a call code"))?;
    Ok(conclave_e2ee::CodeMaterial::format(bytes))
}

/// Room for the SFrame header and tag of one frame.
const FRAME_ROOM: usize = 40;

fn context_of(number: u8) -> Result<Context, JsValue> {
    match number {
        0 => Ok(Context::Microphone),
        1 => Ok(Context::Camera),
        2 => Ok(Context::ScreenVideo),
        3 => Ok(Context::ScreenAudio),
        _ => Err(dropped(DropReason::WrongCtx)),
    }
}

fn codec_of(number: u8) -> Result<Codec, JsValue> {
    match number {
        0 => Ok(Codec::Opus),
        1 => Ok(Codec::Vp8),
        2 => Ok(Codec::Vp9),
        _ => Err(dropped(DropReason::CodecUnprotectable)),
    }
}

/// What [`Session::decide`] takes.
#[derive(Deserialize)]
#[serde(tag = "decide", rename_all = "snake_case")]
enum Decision {
    /// What somebody is.
    Role { client_id: ClientId, role: Role },
    /// What members may publish.
    Sources { sources: Vec<Context> },
    /// What one member may not publish.
    Stop {
        client_id: ClientId,
        stopped: Vec<Context>,
    },
    /// Whether anybody new comes in.
    Lock { locked: bool },
    /// Whether whoever is new needs a host's ticket.
    Lobby { lobby: bool },
    /// Whether members may record.
    Recording { recording: bool },
    /// Lets somebody in who waits.
    Admit { client_id: ClientId },
    /// Sends somebody away who waits.
    Deny { client_id: ClientId },
    /// Puts somebody out.
    Remove { client_id: ClientId, ban: bool },
    /// Until when and for how many people the link is good.
    Link { link: LinkTerms },
    /// How long messages may stay, in seconds, and whether they go when they were read.
    Messages { lifetime: Option<u32>, burn: bool },
    /// Ends the call for everybody.
    End,
    /// Ends the room for good.
    Burn,
}

fn key(text: &str) -> Result<[u8; 32], JsValue> {
    conclave_e2ee::encoding::decode_array(text).ok_or_else(|| JsValue::from_str("not a key"))
}

fn id(text: &str) -> Result<[u8; 16], JsValue> {
    conclave_e2ee::encoding::decode_array(text).ok_or_else(|| JsValue::from_str("not an id"))
}

fn dropped(reason: DropReason) -> JsValue {
    JsValue::from_str(&word(&reason))
}

fn sentence(error: conclave_e2ee::SessionError) -> JsValue {
    JsValue::from_str(&error.to_string())
}

/// The JSON text of a value of conclave-e2ee.
fn json<T: Serialize>(value: &T) -> String {
    #[expect(
        clippy::expect_used,
        reason = "no type of conclave-e2ee's face has something that JSON cannot express"
    )]
    serde_json::to_string(value).expect("outputs are JSON")
}

/// The bare text of a value that is a JSON string.
fn word<T: Serialize>(value: &T) -> String {
    json(value).trim_matches('"').to_owned()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds of performance.now()"
)]
fn millis(now_ms: f64) -> u64 {
    now_ms as u64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "epochs and milliseconds stay below 2^53"
)]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(target_arch = "wasm32")]
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(text: &str);
}

/// Makes a panic readable: the position and message, never a value.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| error(&info.to_string())));
}
