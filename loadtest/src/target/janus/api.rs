//! Janus's WebSocket API: requests with transactions, and the VideoRoom's messages.

use serde_json::{Value, json};

use super::NAME;
use crate::target::TargetError;
use crate::target::json_socket::{JsonSocket, at};

/// A session on a WebSocket of its own.
pub(super) struct Session {
    socket: JsonSocket,
    id: u64,
    transactions: u64,
}

/// A handle of a session: one peer connection with the VideoRoom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handle(u64);

/// What the plugin answers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reply {
    /// Its data.
    pub(super) data: Value,
    /// The session description that came with it.
    pub(super) sdp: Option<String>,
}

impl Session {
    /// Opens a WebSocket and a session on it.
    pub(super) async fn open(url: &str) -> Result<Self, TargetError> {
        let mut session = Self {
            socket: JsonSocket::open(NAME, url, Some("janus-protocol")).await?,
            id: 0,
            transactions: 0,
        };
        let created = session.call(json!({"janus": "create"})).await?;
        session.id = id_of(&created)?;
        Ok(session)
    }

    /// A handle of the VideoRoom.
    pub(super) async fn attach(&mut self) -> Result<Handle, TargetError> {
        let attach = json!({
            "janus": "attach", "session_id": self.id, "plugin": "janus.plugin.videoroom"
        });
        let attached = self.call(attach).await?;
        Ok(Handle(id_of(&attached)?))
    }

    /// Sends a message to the VideoRoom and waits for its answer.
    pub(super) async fn message(
        &mut self,
        handle: Handle,
        body: Value,
        jsep: Option<Value>,
    ) -> Result<Reply, TargetError> {
        let mut message = json!({
            "janus": "message", "session_id": self.id, "handle_id": handle.0, "body": body
        });
        if let (Some(jsep), Some(message)) = (jsep, message.as_object_mut()) {
            message.insert("jsep".to_owned(), jsep);
        }
        let answer = self.call(message).await?;
        reply(&answer)
    }

    /// Takes what the server says and forgets it, until the WebSocket ends.
    pub(super) async fn listen(&mut self) {
        while self.socket.receive().await.is_ok() {}
    }

    /// Ends the session; the server drops its handles.
    pub(super) async fn close(mut self) {
        let destroy = json!({"janus": "destroy", "session_id": self.id});
        // It may be gone already.
        let _ = self.call(destroy).await;
        self.socket.close().await;
    }

    /// Sends a request and waits for what answers it; events about other things pass by.
    async fn call(&mut self, mut request: Value) -> Result<Value, TargetError> {
        self.transactions += 1;
        let transaction = format!("t{}", self.transactions);
        if let Some(request) = request.as_object_mut() {
            request.insert("transaction".to_owned(), transaction.as_str().into());
        }
        self.socket.send(&request).await?;
        loop {
            let message = self.socket.receive().await?;
            if answers(&message, &transaction) {
                return Ok(message);
            }
        }
    }
}

/// Whether a message is the final answer of a transaction.
fn answers(message: &Value, transaction: &str) -> bool {
    message["transaction"] == transaction && message["janus"] != "ack"
}

/// All readers of a message, one after the other; for a fuzzer.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read(message: &Value, transaction: &str) -> Result<Reply, TargetError> {
    let _ = (answers(message, transaction), id_of(message));
    reply(message)
}

fn id_of(message: &Value) -> Result<u64, TargetError> {
    match at(message, "/data/id").as_u64() {
        Some(id) => Ok(id),
        None => Err(refused(at(message, "/error/reason"))),
    }
}

fn reply(message: &Value) -> Result<Reply, TargetError> {
    if message["janus"] == "error" {
        return Err(refused(at(message, "/error/reason")));
    }
    let data = at(message, "/plugindata/data");
    let error = at(data, "/error");
    if !error.is_null() {
        return Err(refused(error));
    }
    Ok(Reply {
        data: data.clone(),
        sdp: at(message, "/jsep/sdp").as_str().map(str::to_owned),
    })
}

fn refused(reason: &Value) -> TargetError {
    TargetError::Refused {
        name: NAME,
        detail: reason.as_str().unwrap_or("without a reason").to_owned(),
    }
}

/// Makes a room whose members publish Opus and VP8, without a limit to their bitrate.
pub(super) fn create_room(room: u64) -> Value {
    json!({
        "request": "create", "room": room, "publishers": 1000, "bitrate": 0, "fir_freq": 0,
        "audiocodec": "opus", "videocodec": "vp8", "permanent": false, "notify_joining": false
    })
}

/// Joins a room in order to publish.
pub(super) fn join_as_publisher(room: u64, display: &str) -> Value {
    json!({"request": "join", "ptype": "publisher", "room": room, "display": display})
}

/// Asks who is in a room.
pub(super) fn list_participants(room: u64) -> Value {
    json!({"request": "listparticipants", "room": room})
}

/// Joins a room in order to receive everything of these publishers on one peer connection.
pub(super) fn join_as_subscriber(room: u64, feeds: &[u64]) -> Value {
    let streams: Vec<Value> = feeds.iter().map(|feed| json!({"feed": feed})).collect();
    json!({"request": "join", "ptype": "subscriber", "room": room, "use_msid": true, "streams": streams})
}

/// A session description as Janus takes it.
pub(super) fn jsep(kind: &str, sdp: &str) -> Value {
    json!({"type": kind, "sdp": sdp})
}

/// Who publishes, except `own`.
pub(super) fn publishers(reply: &Reply, own: Option<u64>) -> Vec<u64> {
    let participants = at(&reply.data, "/participants").as_array();
    participants
        .into_iter()
        .flatten()
        .filter(|participant| participant["publisher"] == true)
        .filter_map(|participant| participant["id"].as_u64())
        .filter(|id| Some(*id) != own)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_final_answer_of_the_transaction_counts() {
        assert!(!answers(&json!({"janus": "ack", "transaction": "t1"}), "t1"));
        assert!(!answers(&json!({"janus": "webrtcup", "session_id": 1}), "t1"));
        assert!(!answers(&json!({"janus": "event", "transaction": "t2"}), "t1"));
        assert!(answers(&json!({"janus": "event", "transaction": "t1"}), "t1"));
        assert!(answers(&json!({"janus": "error", "transaction": "t1"}), "t1"));
    }

    #[test]
    fn a_refusal_is_told_with_the_servers_words() {
        let of_server = json!({"janus": "error", "error": {"code": 458, "reason": "No such session"}});
        assert!(
            reply(&of_server)
                .unwrap_err()
                .to_string()
                .contains("No such session")
        );
        assert!(
            id_of(&of_server)
                .unwrap_err()
                .to_string()
                .contains("No such session")
        );
        let of_plugin =
            json!({"janus": "event", "plugindata": {"data": {"error": "No such room", "error_code": 426}}});
        assert!(
            reply(&of_plugin)
                .unwrap_err()
                .to_string()
                .contains("No such room")
        );
    }

    #[test]
    fn publishers_are_those_who_publish_but_oneself() {
        let message = json!({"janus": "success", "plugindata": {"data": {"participants": [
            {"id": 5, "publisher": true}, {"id": 6, "publisher": false}, {"id": 7, "publisher": true}, {"id": "x"}
        ]}}});
        let reply = reply(&message).unwrap();
        assert_eq!(publishers(&reply, Some(7)), [5]);
        assert_eq!(publishers(&reply, None), [5, 7]);
        assert!(publishers(&Reply::default(), None).is_empty());
    }
}
