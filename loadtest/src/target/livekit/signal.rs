//! LiveKit's signaling messages as protojson text frames: those a participant sends and those it acts on.

use serde_json::{Value, json};

use crate::light::{SendTrack, Source};
use crate::target::json_socket::at;

/// What the server tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The answer to a ping.
    Pong,
    /// A track may be sent.
    Published {
        /// The name the participant gave it.
        cid: String,
    },
    /// An answer to the publisher's offer.
    Answer(String),
    /// An offer for the subscriber's connection.
    Offer(String),
    /// A candidate for a connection.
    Candidate {
        /// Whether it is for the publisher's.
        publisher: bool,
        /// The candidate's line without `a=`.
        line: String,
    },
    /// The server ends it, or refuses; the reason as it stands there.
    Leave(String),
    /// Something a participant of a load test need not know.
    Other,
}

/// Reads a message of the server.
pub(super) fn read(message: &Value) -> Heard {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let Some((kind, body)) = message.as_object().and_then(|object| object.iter().next()) else {
        return Heard::Other;
    };
    match kind.as_str() {
        "pongResp" => Heard::Pong,
        "trackPublished" => Heard::Published {
            cid: text(&body["cid"]),
        },
        "answer" => Heard::Answer(text(&body["sdp"])),
        "offer" => Heard::Offer(text(&body["sdp"])),
        "trickle" => candidate(body),
        "leave" => Heard::Leave(text(&body["reason"])),
        _ => Heard::Other,
    }
}

/// The candidate is JSON in a string. PUBLISHER is the enumeration's zero, which protojson may leave out.
fn candidate(body: &Value) -> Heard {
    let init = body["candidateInit"].as_str().unwrap_or_default();
    let init: Value = serde_json::from_str(init).unwrap_or_default();
    match at(&init, "/candidate").as_str().filter(|line| !line.is_empty()) {
        Some(line) => Heard::Candidate {
            publisher: body["target"] != "SUBSCRIBER",
            line: line.to_owned(),
        },
        None => Heard::Other,
    }
}

/// Announces a track.
pub(super) fn add_track(track: &SendTrack) -> Value {
    let name = track.name.as_str();
    let size = match &track.source {
        Source::Voice(_) => {
            return json!({"addTrack": {
                "cid": name, "name": name, "type": "AUDIO", "source": "MICROPHONE", "disableDtx": true
            }});
        }
        Source::Clip(clip) => clip.size,
        Source::Noise(noise) => noise.size,
    };
    json!({"addTrack": {
        "cid": name, "name": name, "type": "VIDEO", "source": "CAMERA", "width": size.0, "height": size.1
    }})
}

/// Offers the publisher's connection.
pub(super) fn offer(sdp: &str) -> Value {
    json!({"offer": {"type": "offer", "sdp": sdp}})
}

/// Answers for the subscriber's connection.
pub(super) fn answer(sdp: &str) -> Value {
    json!({"answer": {"type": "answer", "sdp": sdp}})
}

/// Names a candidate of the subscriber's connection.
pub(super) fn subscriber_candidate(line: &str) -> Value {
    let init = json!({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0});
    json!({"trickle": {"candidateInit": init.to_string(), "target": "SUBSCRIBER"}})
}

/// Says that the participant is still there; the time is in milliseconds since the Unix epoch.
pub(super) fn ping(now_ms: u64) -> Value {
    json!({"pingReq": {"timestamp": now_ms.to_string(), "rtt": "0"}})
}

/// Says goodbye.
pub(super) fn leave() -> Value {
    json!({"leave": {"reason": "CLIENT_INITIATED"}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_a_participant_acts_on_are_read() {
        let pong = json!({"pongResp": {"lastPingTimestamp": "1", "timestamp": "2"}});
        assert_eq!(read(&pong), Heard::Pong);
        assert_eq!(
            read(&json!({"trackPublished": {"cid": "camera", "track": {"sid": "TR_x"}}})),
            Heard::Published {
                cid: "camera".to_owned()
            }
        );
        assert_eq!(
            read(&json!({"offer": {"type": "offer", "sdp": "v=0"}})),
            Heard::Offer("v=0".to_owned())
        );
        let init = r#"{"candidate":"candidate:1 1 udp 5 10.99.0.1 7882 typ host","sdpMid":"0"}"#;
        let line = "candidate:1 1 udp 5 10.99.0.1 7882 typ host".to_owned();
        assert_eq!(
            read(&json!({"trickle": {"candidateInit": init, "target": "SUBSCRIBER"}})),
            Heard::Candidate {
                publisher: false,
                line: line.clone()
            }
        );
        assert_eq!(
            read(&json!({"trickle": {"candidateInit": init}})),
            Heard::Candidate {
                publisher: true,
                line
            }
        );
    }

    #[test]
    fn a_candidate_that_is_named_is_read_as_it_was() {
        let line = "candidate:1 1 udp 2130706431 10.99.0.1 4000 typ host".to_owned();
        let heard = read(&subscriber_candidate(&line));
        assert_eq!(
            heard,
            Heard::Candidate {
                publisher: false,
                line
            }
        );
    }

    #[test]
    fn anything_else_is_passed_over() {
        for message in [
            json!({"speakersChanged": {}}),
            json!({"trickle": {"candidateInit": "{\"candidate\":\"\"}"}}),
            json!({"trickle": {"candidateInit": "no json"}}),
            json!({}),
            json!([1]),
            Value::Null,
        ] {
            assert_eq!(read(&message), Heard::Other, "{message}");
        }
    }
}
