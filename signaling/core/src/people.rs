//! The participants of one room: their connections, tokens and places at the SFU.

use std::collections::BTreeMap;
use std::time::Instant;

use conclave_wire::client::lobby::Knock;
use conclave_wire::client::membership::PresenceKind;
use conclave_wire::client::session::Resume;
use conclave_wire::client::subscription::PicturesPaused;
use conclave_wire::id::{ClientId, LeafIndex, PeerId, SessionToken};
use conclave_wire::media::Source;

use crate::service::SessionKey;
use crate::session::Origin;

/// One participant.
pub(crate) struct Participant {
    /// Continues the session after a lost connection.
    pub(crate) token: SessionToken,
    /// Its name at the SFU.
    pub(crate) peer: PeerId,
    /// Its connection.
    pub(crate) link: Link,
    /// The MLS state it named in its last Hello.
    pub(crate) resume: Option<Resume>,
    /// When its last message came.
    pub(crate) last_heard: Instant,
    /// The leaf it was admitted with at the SFU.
    pub(crate) admitted: Option<LeafIndex>,
    /// It waits in the lobby; with what it sent to be let in.
    pub(crate) waiting: Option<Waiting>,
    /// What the SFU was last told it may publish; everything, as long as nothing was said.
    pub(crate) permitted: Option<Vec<Source>>,
    /// It was here before, under another pseudonym: it did not need the link again.
    pub(crate) returned: bool,
    /// Where its first connection came from.
    pub(crate) origin: Origin,
    /// Which encodings of its tracks the SFU last said it needs.
    pub(crate) needed: BTreeMap<Source, Vec<bool>>,
    /// Which pictures the SFU last said it does not send it, if any.
    pub(crate) paused: Option<PicturesPaused>,
}

/// Somebody in the lobby.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) knock: Option<Knock>,
}

/// How a participant is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// By this session.
    Online(SessionKey),
    /// Not; gone for good after this time.
    Suspended {
        /// End of the grace period.
        until: Instant,
    },
}

impl Participant {
    pub(crate) fn is_online(&self) -> bool {
        matches!(self.link, Link::Online(_))
    }

    pub(crate) fn session(&self) -> Option<SessionKey> {
        match self.link {
            Link::Online(session) => Some(session),
            Link::Suspended { .. } => None,
        }
    }

    pub(crate) fn presence(&self) -> PresenceKind {
        match self.link {
            Link::Online(_) => PresenceKind::Online,
            Link::Suspended { .. } => PresenceKind::Suspended,
        }
    }
}

/// All of them. Bounded by the room's policy.
#[derive(Default)]
pub(crate) struct People(BTreeMap<ClientId, Participant>);

impl People {
    pub(crate) fn insert(&mut self, client: ClientId, participant: Participant) {
        self.0.insert(client, participant);
    }

    pub(crate) fn remove(&mut self, client: &ClientId) -> Option<Participant> {
        self.0.remove(client)
    }

    pub(crate) fn get(&self, client: &ClientId) -> Option<&Participant> {
        self.0.get(client)
    }

    pub(crate) fn get_mut(&mut self, client: &ClientId) -> Option<&mut Participant> {
        self.0.get_mut(client)
    }

    pub(crate) fn has(&self, client: &ClientId) -> bool {
        self.0.contains_key(client)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ClientId, &Participant)> {
        self.0.iter()
    }

    pub(crate) fn is_online(&self, client: &ClientId) -> bool {
        self.get(client).is_some_and(Participant::is_online)
    }

    pub(crate) fn online(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.0
            .iter()
            .filter(|(_, participant)| participant.is_online())
            .map(|(client, _)| *client)
    }

    /// Who is online and not in the lobby.
    pub(crate) fn inside(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.0
            .iter()
            .filter(|(_, participant)| participant.is_online() && participant.waiting.is_none())
            .map(|(client, _)| *client)
    }

    /// Who holds this token.
    pub(crate) fn by_token(&self, token: &SessionToken) -> Option<ClientId> {
        self.0
            .iter()
            .find(|(_, participant)| participant.token == *token)
            .map(|(client, _)| *client)
    }

    /// When the next grace period ends.
    pub(crate) fn next_grace_end(&self) -> Option<Instant> {
        let ends = self.0.values().filter_map(|participant| match participant.link {
            Link::Suspended { until } => Some(until),
            Link::Online(_) => None,
        });
        ends.min()
    }

    /// Whose grace period is over.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<ClientId> {
        let is_overdue =
            |participant: &Participant| matches!(participant.link, Link::Suspended { until } if until <= now);
        self.0
            .iter()
            .filter(|(_, participant)| is_overdue(participant))
            .map(|(client, _)| *client)
            .collect()
    }
}
