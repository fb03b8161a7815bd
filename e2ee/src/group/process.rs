//! Reading what others commit and say.

use openmls::prelude::{MlsMessageBodyIn, ProcessedMessageContent, ProtocolMessage, StagedCommit};

use tls_codec::Serialize as _;

use super::{Mls, contained, parse_message};
use crate::encoding::ClientId;
use crate::identity::Identity;
use crate::message::NackReason;
use crate::policy::{self, CommitFacts, Gate};

/// A commit of the current epoch that may be merged.
pub(crate) enum Acceptable {
    /// Somebody else's.
    Theirs {
        commit: Box<StagedCommit>,
        facts: CommitFacts,
        /// TLS form of the confirmation tag of the epoch it leads to.
        confirmation_tag: Vec<u8>,
    },
    /// The one this session built, pending in the group.
    Own,
}

/// Judges a commit; the group does not change.
///
/// # Errors
/// What to say in the Nack.
pub(crate) fn commit(
    identity: &Identity,
    mls: &mut Mls,
    gate: &dyn Gate,
    bytes: &[u8],
) -> Result<Acceptable, NackReason> {
    contained(|| commit_inner(identity, mls, gate, bytes)).unwrap_or(Err(NackReason::Invalid))
}

fn commit_inner(
    identity: &Identity,
    mls: &mut Mls,
    gate: &dyn Gate,
    bytes: &[u8],
) -> Result<Acceptable, NackReason> {
    // Handshake messages are public here, so a PrivateMessage cannot be a commit.
    let Some(MlsMessageBodyIn::PublicMessage(message)) = parse_message(bytes) else {
        return Err(NackReason::Invalid);
    };
    // openmls does not show the tag of a staged commit, so it is taken from the message that is verified below.
    let confirmation_tag = message
        .confirmation_tag()
        .and_then(|tag| tag.tls_serialize_detached().ok())
        .ok_or(NackReason::Invalid)?;
    let message = ProtocolMessage::from(message);
    let processed = mls
        .group
        .process_message(&mls.provider, message)
        .map_err(|_| NackReason::Invalid)?;
    let sender = processed.sender().clone();
    match processed.into_content() {
        ProcessedMessageContent::StagedCommitMessage(commit) => {
            let facts = policy::check_commit(&commit, &sender, mls, &identity.keys, gate)?;
            Ok(Acceptable::Theirs {
                commit,
                facts,
                confirmation_tag,
            })
        }
        ProcessedMessageContent::OwnPendingCommit => Ok(Acceptable::Own),
        _ => Err(NackReason::Invalid),
    }
}

/// An application message of a member.
pub(crate) struct AppMessage {
    pub(crate) from: ClientId,
    pub(crate) epoch: u64,
    pub(crate) content: Vec<u8>,
}

/// Not an authentic application message of a member.
#[derive(Debug)]
pub(crate) struct NotReadable;

/// Opens an application message; `Ok(None)` for an own one that came back, and for one from before this member came.
///
/// # Errors
/// When it is not an authentic message of a member of that epoch.
pub(crate) fn app(mls: &mut Mls, bytes: &[u8]) -> Result<Option<AppMessage>, NotReadable> {
    contained(|| app_inner(mls, bytes)).unwrap_or(Err(NotReadable))
}

fn app_inner(mls: &mut Mls, bytes: &[u8]) -> Result<Option<AppMessage>, NotReadable> {
    let Some(MlsMessageBodyIn::PrivateMessage(message)) = parse_message(bytes) else {
        return Err(NotReadable);
    };
    let message = ProtocolMessage::from(message);
    if message.epoch().as_u64() < mls.entered {
        return Ok(None);
    }
    let processed = mls
        .group
        .process_message(&mls.provider, message)
        .map_err(|_| NotReadable)?;
    let epoch = processed.epoch().as_u64();
    let identity = processed.credential().serialized_content().to_vec();
    match processed.into_content() {
        ProcessedMessageContent::ApplicationMessage(message) => {
            let from = ClientId::from_slice(&identity).ok_or(NotReadable)?;
            Ok(Some(AppMessage {
                from,
                epoch,
                content: message.into_bytes(),
            }))
        }
        ProcessedMessageContent::OwnPrivateMessage => Ok(None),
        _ => Err(NotReadable),
    }
}
