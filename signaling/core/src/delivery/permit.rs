//! What a group's own policy lets a member do: a host or co-host removes somebody.
//!
//! The decoder is small and separate from the clients' on purpose: the server crate may not reach the e2ee crate.

use conclave_wire::client::membership::Kick;
use conclave_wire::client::order::Role;
use conclave_wire::id::ClientId;

use super::group::Group;
use super::mls::Crypto;
use super::tls::Reader;

/// The group context extension `call_policy` (docs/E2EE.md).
pub(crate) const CALL_POLICY: u16 = 0xF0A0;

/// Whom the kick removes, if it is by a host or co-host of the group, for the present holder of the leaf.
pub(crate) fn check_kick(group: &Group, crypto: &Crypto, sender: &ClientId, kick: &Kick) -> Option<ClientId> {
    let roster = group.roster();
    let own = roster.leaf(roster.leaf_of(sender)?)?;
    let target = roster.leaf(kick.leaf)?;
    // An old signature must not hit whoever got the leaf later.
    let since = group.member_since_epoch(&target.client)?;
    if kick.epoch > group.epoch() || kick.epoch < since {
        return None;
    }
    let policy = group.call_policy()?;
    let hosts = host_keys(policy)?;
    let role_of = |key: &[u8]| group.orders.role_of(policy, key);
    // Nobody else may even hand a host's request on: it would come at a time of their choosing.
    let signers = match role_of(&own.key) {
        Role::Host => hosts,
        Role::CoHost if role_of(&target.key) != Role::Host => vec![own.key.as_slice()],
        _ => return None,
    };
    let label = if kick.ban {
        b"conclave ban".as_slice()
    } else {
        b"conclave kick"
    };
    let signed = [
        label,
        group.group_id().as_slice(),
        &kick.epoch.0.to_be_bytes(),
        &kick.leaf.0.to_be_bytes(),
    ]
    .concat();
    signers
        .into_iter()
        .any(|key| crypto.is_signed(key, &signed, kick.signature.as_slice()))
        .then_some(target.client)
}

/// Whether a `call_policy` asks for a lobby from the beginning.
pub(super) fn wants_lobby(policy: &[u8]) -> bool {
    const FLAGS: usize = 5;
    const LOBBY: u8 = 0b010;
    policy.get(FLAGS).is_some_and(|flags| flags & LOBBY != 0)
}

/// The host keys of a `call_policy`: after ten bytes of parameters, the last of which counts them, 32 bytes each.
pub(super) fn host_keys(policy: &[u8]) -> Option<Vec<&[u8]>> {
    const PARAMETERS: usize = 9;
    const KEY: usize = 32;
    let mut reader = Reader::new(policy);
    let _parameters = reader.take(PARAMETERS)?;
    let count = usize::from(reader.u8()?);
    let mut keys = Vec::with_capacity(count);
    for _ in 0..count {
        keys.push(reader.take(KEY)?);
    }
    reader.is_empty().then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_keys_are_read_from_a_policy_of_that_length_only() {
        let mut policy = vec![1, 0, 4, 12, 8, 1, 1, 1, 44, 2];
        policy.extend([7; 32]);
        policy.extend([8; 32]);
        assert_eq!(host_keys(&policy), Some(vec![&[7; 32][..], &[8; 32][..]]));
        for len in 0..policy.len() {
            assert_eq!(host_keys(&policy[..len]), None);
        }
        policy.push(0);
        assert_eq!(host_keys(&policy), None);
    }
}
