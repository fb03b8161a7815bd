//! Messages between a client and the signaling service.
//!
//! One module per family. [`ClientMessage`] and [`ServerMessage`] are the frames: a JSON object whose `type` names
//! the message.

pub mod lobby;
pub mod membership;
pub mod mls;
pub mod negotiation;
pub mod order;
pub mod session;
pub mod subscription;

use serde::{Deserialize, Serialize};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Opens or continues a session; always the first message.
    Hello(session::Hello),
    /// Asks for a [`session::Pong`]; shows that the connection lives.
    Ping(session::Ping),
    /// Leaves the call for good.
    Bye,
    /// Uploads a group: the founder's new one, or a member's after the server lost its memory.
    Found(mls::Found),
    /// Asks to be added.
    Join(mls::Join),
    /// Answers a CommitCall, or is an external commit.
    Commit(mls::CommitUpload),
    /// The commit was good.
    Ack(mls::Ack),
    /// The commit was refused.
    Nack(mls::Nack),
    /// An MLS application message for everybody.
    App(mls::AppUpload),
    /// Asks for the GroupInfo, for an external commit.
    GroupInfoRequest,
    /// A host removes a member.
    Kick(membership::Kick),
    /// What a host or co-host decided.
    Order(order::Order),
    /// Asks to be let in.
    Knock(lobby::Knock),
    /// A host or co-host lets somebody in.
    Admit(lobby::Admit),
    /// A host or co-host lets somebody not in.
    Deny(lobby::Deny),
    /// A session description, always from the client.
    Offer(negotiation::Offer),
    /// What the client shows of its subscriptions.
    Views(subscription::Views),
}

/// What the signaling service sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Where the session stands; the answer to Hello, sent again when the standing changes.
    State(session::State),
    /// The answer to Ping.
    Pong(session::Pong),
    /// A refusal; when `fatal`, the connection closes after it.
    Error(session::ErrorMessage),
    /// The uploaded group is the room's group.
    FoundOk,
    /// Another client's group is the room's group; a State follows.
    FoundLost,
    /// Please commit these changes.
    CommitCall(mls::CommitCall),
    /// A commit under vote.
    Commit(mls::Commit),
    /// The uploaded commit lost or broke a rule.
    CommitRejected(mls::CommitRejected),
    /// The receiver was added by the commit under vote.
    Welcome(mls::Welcome),
    /// The commit stands: merge it.
    Final(mls::Final),
    /// The commit fell: drop it.
    Rollback(mls::Rollback),
    /// Encrypt media with this epoch from now on.
    Go(mls::Go),
    /// An MLS application message.
    App(mls::App),
    /// The GroupInfo of the final epoch, for an external commit.
    GroupInfo(mls::GroupInfo),
    /// Somebody came, went quiet or left.
    Presence(membership::Presence),
    /// What a host or co-host decided, for everybody; the receiver checks it by itself.
    Order(order::Order),
    /// Who waits in the lobby, for hosts and co-hosts.
    Knocks(lobby::Knocks),
    /// A host let the receiver in.
    Admitted(lobby::Admitted),
    /// A track can be subscribed.
    TrackPublished(membership::TrackPublished),
    /// A track is gone.
    TrackUnpublished(membership::TrackUnpublished),
    /// The answer to an Offer.
    Answer(negotiation::Answer),
    /// An Offer was refused; nothing changed.
    OfferRejected(negotiation::OfferRejected),
    /// Which encodings of an own track anybody needs.
    EncodingsNeeded(subscription::EncodingsNeeded),
    /// Which pictures the receiver shows and is not sent for now.
    PicturesPaused(subscription::PicturesPaused),
}
