//! The call's rules in the GroupContext (extension 0xF0A0): fixed when the group is founded.

use crate::kid;
use crate::secrets::ROOM_SECRET_VERSION;

/// Type of the GroupContext extension.
pub(crate) const EXTENSION: u16 = 0xF0A0;
/// Most host keys a policy may name.
const MAX_HOSTS: usize = 16;

const VERSION: u8 = 1;
const SFRAME_SUITE: u16 = 4;
const PSK_REQUIRED: u8 = 0b001;
const LOBBY: u8 = 0b010;

/// The rules this implementation understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallPolicy {
    /// Whether a host must admit each newcomer from the beginning; hosts may decide otherwise later.
    pub(crate) lobby: bool,
    /// Leaf signature keys of the hosts.
    pub(crate) host_keys: Vec<[u8; 32]>,
    /// Most members; the delivery service enforces it.
    pub(crate) max_members: u16,
}

impl CallPolicy {
    /// `version, SFrame suite (2), S, E, flags, PSK version, max members (2), number of host keys, host keys (32 each)`,
    /// numbers big endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let flags = PSK_REQUIRED | if self.lobby { LOBBY } else { 0 };
        let hosts = self.host_keys.iter().take(MAX_HOSTS);
        let mut bytes = vec![VERSION];
        bytes.extend(SFRAME_SUITE.to_be_bytes());
        bytes.extend([kid::LEAF_BITS, kid::EPOCH_BITS, flags, ROOM_SECRET_VERSION]);
        bytes.extend(self.max_members.to_be_bytes());
        bytes.push(u8::try_from(hosts.len()).unwrap_or(u8::MAX));
        bytes.extend(hosts.flatten());
        bytes
    }

    /// `None` for anything this implementation does not understand: other layouts, suites, or no PSK.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (
            &[
                version,
                suite_high,
                suite_low,
                leaf_bits,
                epoch_bits,
                flags,
                psk_version,
                max_high,
                max_low,
                count,
            ],
            hosts,
        ) = bytes.split_first_chunk()?;
        let fixed = version == VERSION
            && u16::from_be_bytes([suite_high, suite_low]) == SFRAME_SUITE
            && leaf_bits == kid::LEAF_BITS
            && epoch_bits == kid::EPOCH_BITS
            && flags & !LOBBY == PSK_REQUIRED
            && psk_version == ROOM_SECRET_VERSION;
        let (host_keys, rest) = hosts.as_chunks::<32>();
        if !fixed || !rest.is_empty() || host_keys.len() != usize::from(count) || host_keys.len() > MAX_HOSTS
        {
            return None;
        }
        Some(Self {
            lobby: flags & LOBBY != 0,
            host_keys: host_keys.to_vec(),
            max_members: u16::from_be_bytes([max_high, max_low]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> CallPolicy {
        CallPolicy {
            lobby: false,
            host_keys: vec![[7; 32], [8; 32]],
            max_members: 300,
        }
    }

    #[test]
    fn it_reads_what_it_wrote() {
        assert_eq!(CallPolicy::decode(&policy().encode()), Some(policy()));
        let lobby = CallPolicy {
            lobby: true,
            host_keys: Vec::new(),
            max_members: 2,
        };
        assert_eq!(CallPolicy::decode(&lobby.encode()), Some(lobby));
    }

    #[test]
    fn any_other_layout_suite_or_length_is_not_understood() {
        let good = policy().encode();
        for position in [0, 1, 2, 3, 4, 6, 9] {
            let mut bad = good.clone();
            bad[position] ^= 0x10;
            assert_eq!(CallPolicy::decode(&bad), None, "byte {position}");
        }
        let mut without_psk = good.clone();
        without_psk[5] &= !PSK_REQUIRED;
        assert_eq!(CallPolicy::decode(&without_psk), None);
        let mut unknown_flag = good.clone();
        unknown_flag[5] |= 0x80;
        assert_eq!(CallPolicy::decode(&unknown_flag), None);
        for length in 0..good.len() {
            assert_eq!(CallPolicy::decode(&good[..length]), None);
        }
        assert_eq!(CallPolicy::decode(&[good.as_slice(), &[0]].concat()), None);
    }
}
