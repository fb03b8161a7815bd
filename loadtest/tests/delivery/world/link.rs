//! The network: ordered connections with delays, and a place to tamper with messages.

use std::rc::Rc;

use conclave_signaling_core::SessionKey;
use conclave_wire::codec;
use conclave_wire::error_code::ErrorCode;
use rand::Rng as _;

use super::{Event, Fate, Who, World};

/// One WebSocket.
pub(super) struct Connection {
    pub(super) who: Who,
    last_up: u64,
    last_down: u64,
}

impl Connection {
    pub(super) fn new(who: Who, now: u64) -> Self {
        Self {
            who,
            last_up: now,
            last_down: now,
        }
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the service.
    Up,
    /// To the client.
    Down,
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Drop,
    /// This comes instead, these in this order.
    Replace(Vec<String>),
}

/// Decides on a message: its direction, whose link it is on, its `type`, its text.
pub(crate) type Filter = Rc<dyn Fn(Direction, Who, &str, &str) -> Verdict>;

impl World {
    pub(super) fn send_up(&mut self, session: SessionKey, text: String) {
        let at = self.arrival(session, Direction::Up);
        if let Some(at) = at {
            self.at(at, Event::Up { session, text });
        }
    }

    pub(super) fn send_down(&mut self, session: SessionKey, text: String) {
        let at = self.arrival(session, Direction::Down);
        if let Some(at) = at {
            self.at(at, Event::Down { session, text });
        }
    }

    /// Both directions of a connection keep their order, as TCP does.
    fn arrival(&mut self, session: SessionKey, direction: Direction) -> Option<u64> {
        let (least, most) = self.weather.delay;
        let delay = self.rng.random_range(least..=most);
        let now = self.now;
        let connection = self.connections.get_mut(&session)?;
        let last = match direction {
            Direction::Up => &mut connection.last_up,
            Direction::Down => &mut connection.last_down,
        };
        *last = (*last).max(now + delay);
        Some(*last)
    }

    pub(super) fn handle_up(&mut self, session: SessionKey, text: &str) {
        let Some(who) = self.connections.get(&session).map(|connection| connection.who) else {
            return;
        };
        for text in self.tampered(Direction::Up, who, text) {
            self.note(format!("{who} -> {}", brief(&text)));
            let now = self.instant();
            match codec::decode_client(&text) {
                Ok(message) => self.service.handle_message(now, session, message),
                Err(error) => self.service.handle_bad_frame(now, session, error.code()),
            }
            self.drain_service();
        }
    }

    pub(super) fn handle_down(&mut self, session: SessionKey, text: &str) {
        let Some(who) = self.connections.get(&session).map(|connection| connection.who) else {
            return;
        };
        if self.clients[who].session_key != Some(session) {
            return;
        }
        for text in self.tampered(Direction::Down, who, text) {
            self.note(format!("{who} <- {}", brief(&text)));
            self.client_receives(who, &text);
        }
    }

    fn tampered(&mut self, direction: Direction, who: Who, text: &str) -> Vec<String> {
        let kind = message_type(text);
        let mut texts = vec![text.to_owned()];
        for filter in self.filters.clone() {
            match filter(direction, who, &kind, text) {
                Verdict::Pass => {}
                Verdict::Drop => return Vec::new(),
                Verdict::Replace(others) => texts = others,
            }
        }
        // Hello, Bye and Offer are not repeated by any client; the MLS family may be, after a reconnect.
        let repeatable = !["hello", "bye", "offer", "ping", "error", "state"].contains(&kind.as_str());
        if repeatable && self.weather.duplicate > 0.0 && self.rng.random_bool(self.weather.duplicate) {
            texts.extend(texts.clone());
        }
        texts
    }

    /// A connection that is cut: what is on the way is lost.
    pub(super) fn cut_link(&mut self, session: SessionKey, notice_after: Option<u64>) {
        match notice_after {
            Some(after) => {
                self.at(self.now + after, Event::ServerNotices { session });
                // Nothing passes any more, but the service does not know yet.
                if let Some(connection) = self.connections.get_mut(&session) {
                    connection.last_up = u64::MAX / 2;
                    connection.last_down = u64::MAX / 2;
                }
                self.lose_in_flight(session);
            }
            None => {
                self.connections.remove(&session);
            }
        }
    }

    fn lose_in_flight(&mut self, session: SessionKey) {
        self.pending.retain(|_, event| match event {
            Event::Up { session: of, .. } | Event::Down { session: of, .. } => *of != session,
            _ => true,
        });
    }

    /// The service closed a connection: the client notices after what was sent before.
    pub(super) fn close_down(&mut self, session: SessionKey) {
        if let Some(at) = self.arrival(session, Direction::Down) {
            self.at(at, Event::ClientNotices { session });
        }
    }

    pub(super) fn handle_client_notices(&mut self, session: SessionKey) {
        let Some(connection) = self.connections.remove(&session) else {
            return;
        };
        let who = connection.who;
        if self.clients[who].session_key != Some(session) {
            return;
        }
        self.clients[who].session_key = None;
        let now = self.now;
        self.with_session(who, |session| session.handle_connection_lost(now));
        if self.clients[who].last_error == Some(ErrorCode::ClientIdTaken) && self.clients[who].token.is_none()
        {
            // The first State was lost with its token: it can only come as somebody new.
            self.become_new(who);
        }
        let stays_out = matches!(
            self.clients[who].last_error,
            Some(
                ErrorCode::Removed
                    | ErrorCode::SessionReplaced
                    | ErrorCode::Banned
                    | ErrorCode::RoomLocked
                    | ErrorCode::Denied
                    | ErrorCode::Ended
                    | ErrorCode::LinkExpired
                    | ErrorCode::LinkUsedUp
                    | ErrorCode::RoomBurnt
            )
        );
        if stays_out && self.clients[who].fate == Fate::Wanted {
            self.clients[who].fate = Fate::PutOut;
        }
        if self.clients[who].fate == Fate::Wanted {
            let back = self.now + self.rng.random_range(200..1_000);
            self.at(back, Event::Connect { who });
        }
    }
}

pub(super) fn message_type(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    value["type"].as_str().unwrap_or_default().to_owned()
}

fn brief(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let mut words = value["type"].as_str().unwrap_or("?").to_owned();
    for key in [
        "standing", "epoch", "reason", "rank", "removes", "code", "presence", "heal",
    ] {
        if !value[key].is_null() {
            words.push_str(&format!(" {key}={}", value[key]));
        }
    }
    if let Some(adds) = value["adds"].as_array() {
        words.push_str(&format!(" adds={}", adds.len()));
    }
    words
}
