//! Messages between sessions under MLS encryption: the caller's payloads, and who confirms an epoch to a rejoiner.
//!
//! After an external commit on a GroupInfo from the server, a member's encrypted "hello" with the same epoch
//! authenticator shows that the epoch is the one the others are in.

use sha2::{Digest as _, Sha256};

use crate::encoding::ClientId;

/// Members that answer each round of asking.
const ANSWERS: usize = 3;

const PAYLOAD: u8 = 0;
const HELLO: u8 = 1;
const ASK: u8 = 2;

/// Content of an MLS application message, told apart by its first byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// 0: the caller's.
    Payload(Vec<u8>),
    /// 1: `epoch (8 B) ‖ SHA-256(epoch authenticator)`.
    Hello { epoch: u64, hash: [u8; 32] },
    /// 2: `round (1 B)`: please send Hello.
    Ask { round: u8 },
}

impl Content {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Payload(payload) => [&[PAYLOAD], payload.as_slice()].concat(),
            Self::Hello { epoch, hash } => [&[HELLO], epoch.to_be_bytes().as_slice(), hash].concat(),
            Self::Ask { round } => vec![ASK, *round],
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&PAYLOAD, payload) => Some(Self::Payload(payload.to_vec())),
            (&HELLO, rest) => {
                let (epoch, hash) = rest.split_first_chunk::<8>()?;
                Some(Self::Hello {
                    epoch: u64::from_be_bytes(*epoch),
                    hash: hash.try_into().ok()?,
                })
            }
            (&ASK, &[round]) => Some(Self::Ask { round }),
            _ => None,
        }
    }
}

/// What a Hello says about an epoch.
pub(crate) fn epoch_hash(epoch_authenticator: &[u8]) -> [u8; 32] {
    Sha256::digest(epoch_authenticator).into()
}

/// Whether `own` is one of those who answer `round`, so that a thousand members do not answer at once. The order is
/// that of `SHA-256("conclave hello" ‖ epoch ‖ client id)`.
pub(crate) fn answers(
    members: impl Iterator<Item = ClientId>,
    asker: ClientId,
    own: ClientId,
    epoch: u64,
    round: u8,
) -> bool {
    let key = |client_id: ClientId| -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"conclave hello");
        hash.update(epoch.to_be_bytes());
        hash.update(client_id.0);
        hash.finalize().into()
    };
    let mine = key(own);
    let before = members
        .filter(|member| *member != asker && key(*member) < mine)
        .count();
    let first = usize::from(round) * ANSWERS;
    own != asker && (first..first + ANSWERS).contains(&before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_apart_by_their_first_byte() {
        for content in [
            Content::Payload(b"{}".to_vec()),
            Content::Payload(Vec::new()),
            Content::Hello {
                epoch: 7,
                hash: [3; 32],
            },
            Content::Ask { round: 2 },
        ] {
            assert_eq!(Content::decode(&content.encode()), Some(content));
        }
        assert_eq!(Content::decode(&[]), None);
        assert_eq!(Content::decode(&[9, 1]), None);
        assert_eq!(Content::decode(&[HELLO, 1, 2]), None);
        assert_eq!(Content::decode(&[ASK]), None);
    }

    #[test]
    fn three_members_answer_each_round_until_all_have() {
        let members: Vec<ClientId> = (0..8).map(|n| ClientId([n; 16])).collect();
        let asker = ClientId([3; 16]);
        let answering = |round| {
            let answers = |own: &&ClientId| answers(members.iter().copied(), asker, **own, 5, round);
            members.iter().filter(answers).copied().collect::<Vec<_>>()
        };
        assert_eq!(answering(0).len(), 3);
        assert_eq!(answering(1).len(), 3);
        assert_eq!(answering(2).len(), 1, "seven others than the asker");
        assert!(!answering(0).contains(&asker));
        assert!(answering(0).iter().all(|member| !answering(1).contains(member)));
    }
}
