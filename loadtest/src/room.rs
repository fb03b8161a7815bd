//! Room links: parsing one, making one.

use std::time::Duration;

use conclave_e2ee::{HostKey, RoomSecret, Session, SessionConfig, SessionError};
use conclave_wire::bytes;
use conclave_wire::id::RoomId;
use rand::Rng as _;
use serde::Deserialize;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::http::{HttpError, Server};

/// A server takes only so many new rooms from one address: how long to try, and the pause between.
const TOO_MANY: u16 = 429;
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// A room and its secret. Has no Debug.
#[derive(Clone)]
pub struct Room {
    /// The room, known to the server.
    pub id: RoomId,
    /// The secret, known to those with the link.
    pub secret: RoomSecret,
    /// What stands behind the `#`.
    fragment: String,
    /// The key of the room's host, if the link names it.
    host: Option<[u8; 32]>,
    /// The seed of that key, for a room that was made here.
    host_seed: Option<[u8; 32]>,
}

/// Why a text is no room link.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LinkError {
    /// No `/r/<room>` in it.
    #[error("the room link has no /r/<room>; a link looks like http://HOST/r/<room>#<secret>")]
    NoRoom,
    /// The room is not 16 bytes of base64url.
    #[error("the room in the link is not 22 characters of base64url")]
    BadRoom,
    /// No `#<secret>` in it.
    #[error("the room link has no #<secret>: quote the link, for a shell takes # as a comment")]
    NoSecret,
    /// The secret is not 32 bytes of base64url.
    #[error("the secret in the link is not 43 characters of base64url")]
    BadSecret,
    /// Something else than a host's key behind the secret.
    #[error(
        "the link names a lobby or a passcode, or no host's key behind the secret: bots cannot enter there"
    )]
    BadHost,
}

/// Why no room could be made.
#[derive(Debug, Error)]
pub enum CreateError {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server refused.
    #[error("the server refused to create a room (HTTP {0}){hint}", hint = if matches!(.0, 404 | 405 | 501) { "; it is no Conclave" } else { "" })]
    Refused(u16),
    /// The answer names no room.
    #[error("the server's answer names no room")]
    NoRoom,
}

#[derive(Deserialize)]
struct Created {
    room: RoomId,
}

impl Room {
    /// Parses a link. What stands before `/r/` does not matter.
    pub fn parse(link: &str) -> Result<Self, LinkError> {
        let (_, tail) = link.split_once("/r/").ok_or(LinkError::NoRoom)?;
        let (id, fragment) = match tail.split_once('#') {
            Some((id, fragment)) => (id, Some(fragment)),
            None => (tail, None),
        };
        let (secret, host) = match fragment.map(|fragment| fragment.split_once('.').ok_or(fragment)) {
            Some(Ok((secret, host))) => (Some(secret), Some(host)),
            Some(Err(secret)) => (Some(secret), None),
            None => (None, None),
        };
        let id = RoomId::parse(id).ok_or(LinkError::BadRoom)?;
        let secret_text = secret
            .filter(|secret| !secret.is_empty())
            .ok_or(LinkError::NoSecret)?;
        let secret = RoomSecret::parse(secret_text).ok_or(LinkError::BadSecret)?;
        let host = host
            .map(|host| bytes::decode_array(host).ok_or(LinkError::BadHost))
            .transpose()?;
        Ok(Self {
            id,
            secret,
            fragment: fragment.unwrap_or_default().to_owned(),
            host,
            host_seed: None,
        })
    }

    /// A session of somebody with the link. Whoever comes first founds the group for the host that the link names: the
    /// host itself enters no other.
    ///
    /// # Errors
    /// A name that is empty or too long.
    pub fn session(&self, client_id: [u8; 16], display_name: String) -> Result<Session, SessionError> {
        self.session_with(client_id, display_name, self.host.map(HostKey::of_link))
    }

    /// A session of the room's host; of anybody with the link where the room was not made here.
    ///
    /// # Errors
    /// A name that is empty or too long.
    pub fn host_session(&self, client_id: [u8; 16], display_name: String) -> Result<Session, SessionError> {
        match self.host_seed {
            Some(seed) => self.session_with(client_id, display_name, Some(HostKey::own(seed))),
            None => self.session(client_id, display_name),
        }
    }

    /// Whether the room was made here, so that somebody here can be its host.
    pub fn has_host_key(&self) -> bool {
        self.host_seed.is_some()
    }

    fn session_with(
        &self,
        client_id: [u8; 16],
        display_name: String,
        host: Option<HostKey>,
    ) -> Result<Session, SessionError> {
        let config = SessionConfig {
            room_id: *self.id.as_bytes(),
            room_secret: self.secret.clone(),
            client_id,
            display_name,
        };
        match host {
            Some(host) => Session::hosted(config, host),
            None => Session::new(config),
        }
    }

    /// Makes a room at the server, and a secret and a host's key for it here.
    pub async fn create(server: &Server) -> Result<Self, CreateError> {
        Self::create_for(server, None).await
    }

    /// Makes a room that takes so many participants.
    pub async fn create_for(server: &Server, participants: Option<u32>) -> Result<Self, CreateError> {
        let wanted = participants.map_or_else(
            || "{}".to_owned(),
            |participants| format!("{{\"max_participants\":{participants}}}"),
        );
        let begun = Instant::now();
        let answer = loop {
            let answer = server.post_json("/api/v1/rooms", wanted.clone()).await?;
            if answer.status != TOO_MANY || begun.elapsed() > PATIENCE {
                break answer;
            }
            sleep(PAUSE).await;
        };
        if answer.status != 201 {
            return Err(CreateError::Refused(answer.status));
        }
        let created: Created = serde_json::from_slice(&answer.body).map_err(|_| CreateError::NoRoom)?;
        let (secret, seed): ([u8; 32], [u8; 32]) = rand::rng().random();
        let host = HostKey::own(seed).public();
        Ok(Self {
            id: created.room,
            secret: RoomSecret::new(secret),
            fragment: format!("{}.{}", bytes::encode(&secret), bytes::encode(&host)),
            host: Some(host),
            host_seed: Some(seed),
        })
    }

    /// The link for a browser.
    pub fn link(&self, server: &Server) -> String {
        format!("{}/r/{}#{}", server.origin(), self.id.to_text(), self.fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_parsed_and_printed() {
        let id = RoomId::new([5; 16]).to_text();
        let secret = bytes::encode(&[9; 32]);
        let link = format!("http://localhost:8080/r/{id}#{secret}");
        let room = Room::parse(&link).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(room.link(&Server::parse("http://localhost:8080").unwrap()), link);
        let hosted = format!("{link}.{secret}");
        let room = Room::parse(&hosted).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            room.link(&Server::parse("http://localhost:8080").unwrap()),
            hosted
        );
        assert_eq!(room.host, Some([9; 32]));
    }

    #[test]
    fn a_malformed_link_says_what_is_wrong() {
        let id = RoomId::new([5; 16]).to_text();
        let secret = bytes::encode(&[9; 32]);
        for (link, error) in [
            (format!("http://localhost/{id}#{secret}"), LinkError::NoRoom),
            (format!("http://localhost/r/short#{secret}"), LinkError::BadRoom),
            (format!("http://localhost/r/{id}"), LinkError::NoSecret),
            (format!("http://localhost/r/{id}#"), LinkError::NoSecret),
            (format!("http://localhost/r/{id}#{id}"), LinkError::BadSecret),
            (
                format!("http://localhost/r/{id}#{secret}.{id}"),
                LinkError::BadHost,
            ),
            (
                format!("http://localhost/r/{id}#{secret}.{secret}.l"),
                LinkError::BadHost,
            ),
        ] {
            assert_eq!(Room::parse(&link).err(), Some(error), "{link}");
        }
    }
}
