//! The service's rules, one by one, against members that break them.

mod commits;
mod external;
mod membership;
mod sessions;
mod subscription;
mod votes;

use conclave_wire::client::mls::RejectReason;
use conclave_wire::{ClientMessage, ServerMessage};

use crate::SessionKey;
use crate::testing::Desk;

/// Uploads a commit; why it was refused, or `None` if it was taken.
fn refusal(
    desk: &mut Desk,
    session: SessionKey,
    upload: conclave_wire::client::mls::CommitUpload,
) -> Option<RejectReason> {
    desk.take(session);
    desk.send(session, ClientMessage::Commit(upload));
    desk.take(session).into_iter().find_map(|message| match message {
        ServerMessage::CommitRejected(rejected) => Some(rejected.reason),
        _ => None,
    })
}

fn has(messages: &[ServerMessage], wanted: impl Fn(&ServerMessage) -> bool) -> bool {
    messages.iter().any(wanted)
}
