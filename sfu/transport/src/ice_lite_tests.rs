//! What a check may and may not change.

use std::net::SocketAddr;

use super::*;
use crate::stun::{BINDING_INDICATION, tests_crc};

const LOCAL: &str = "ourufrag";
const REMOTE: &str = "theirs";
const PASSWORD: &str = "our password of 24 chars";

fn agent(now: Instant) -> IceLite {
    IceLite::new(now, IceCredentials::literal(LOCAL, PASSWORD), REMOTE)
}

fn address(port: u16) -> TransportAddress {
    TransportAddress::udp(SocketAddr::from(([192, 0, 2, 1], port)))
}

/// A check as a controlling browser sends it, with `extra` attributes.
fn check(password: &str, extra: &[(u16, &[u8])]) -> Vec<u8> {
    let mut writer = StunWriter::new(BINDING_REQUEST, &[3; 12]);
    writer
        .attribute(USERNAME, format!("{LOCAL}:{REMOTE}").as_bytes())
        .unwrap();
    writer.attribute(PRIORITY, &[1, 2, 3, 4]).unwrap();
    for (kind, value) in extra {
        writer.attribute(*kind, value).unwrap();
    }
    writer.finish(&IntegrityKey::new(password)).unwrap()
}

fn nominating() -> Vec<u8> {
    check(PASSWORD, &[(ICE_CONTROLLING, &[1; 8]), (USE_CANDIDATE, &[])])
}

#[test]
fn an_authenticated_check_is_answered_to_its_source() {
    let now = Instant::now();
    let mut agent = agent(now);
    let request = check(PASSWORD, &[(ICE_CONTROLLING, &[1; 8])]);
    let answer = agent.handle_message(now, address(1000), &request).unwrap();
    assert!(answer.added && !answer.nominated && answer.removed.is_none());
    assert!(answer.response.len() <= request.len(), "no amplification");
    let response = StunMessage::parse(&answer.response).unwrap();
    assert_eq!(response.message_type(), BINDING_SUCCESS);
    assert_eq!(response.transaction_id(), [3; 12]);
    assert_eq!(response.xor_mapped_address(), Some(address(1000).socket));
    assert!(response.verify(&IntegrityKey::new(PASSWORD)) && response.has_fingerprint());
    assert!(!agent.handle_message(now, address(1000), &request).unwrap().added);
}

#[test]
fn nomination_picks_the_address_and_a_later_one_moves_it() {
    let now = Instant::now();
    let mut agent = agent(now);
    assert_eq!(agent.remote_address(), None);
    agent
        .handle_message(now, address(1), &check(PASSWORD, &[(ICE_CONTROLLING, &[1; 8])]))
        .unwrap();
    assert!(
        agent
            .handle_message(now, address(2), &nominating())
            .unwrap()
            .nominated
    );
    assert_eq!(agent.remote_address(), Some(address(2)));
    assert!(
        !agent
            .handle_message(now, address(2), &nominating())
            .unwrap()
            .nominated
    );
    assert!(
        agent
            .handle_message(now, address(3), &nominating())
            .unwrap()
            .nominated
    );
    assert_eq!(agent.remote_address(), Some(address(3)));
}

#[test]
fn wrong_integrity_gets_nothing_and_changes_nothing() {
    let now = Instant::now();
    let mut agent = agent(now);
    let later = now + Duration::from_secs(29);
    let wrong = check(
        "another password",
        &[(ICE_CONTROLLING, &[1; 8]), (USE_CANDIDATE, &[])],
    );
    assert_eq!(
        agent.handle_message(later, address(1), &wrong),
        Err(IceDrop::Integrity)
    );
    assert_eq!(agent.remote_address(), None);
    assert!(!agent.is_checked(address(1)));
    assert_eq!(
        agent.poll_timeout(),
        now + CONSENT_TIMEOUT,
        "consent is not refreshed"
    );
}

#[test]
fn a_stranger_gets_nothing() {
    let now = Instant::now();
    let mut agent = agent(now);
    let key = IntegrityKey::new(PASSWORD);
    let mut no_username = StunWriter::new(BINDING_REQUEST, &[3; 12]);
    no_username.attribute(PRIORITY, &[0; 4]).unwrap();
    let mut other_username = StunWriter::new(BINDING_REQUEST, &[3; 12]);
    other_username.attribute(USERNAME, b"ourufrag:somebody").unwrap();
    let mut indication = StunWriter::new(BINDING_INDICATION, &[3; 12]);
    indication.attribute(USERNAME, b"ourufrag:theirs").unwrap();
    let mut response = StunWriter::new(BINDING_SUCCESS, &[3; 12]);
    response.attribute(USERNAME, b"ourufrag:theirs").unwrap();
    let cases = [
        (no_username, IceDrop::Attributes),
        (other_username, IceDrop::Username),
        (indication, IceDrop::NotARequest),
        (response, IceDrop::NotARequest),
    ];
    for (writer, expected) in cases {
        let bytes = writer.finish(&key).unwrap();
        assert_eq!(agent.handle_message(now, address(1), &bytes), Err(expected));
    }
    // A bare Binding request, as any STUN client sends it.
    let mut bare = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    bare.extend_from_slice(&[7; 12]);
    assert_eq!(
        agent.handle_message(now, address(1), &bare),
        Err(IceDrop::Attributes)
    );
    assert_eq!(agent.addresses().count(), 0);
}

#[test]
fn integrity_may_not_be_left_out() {
    let now = Instant::now();
    let mut agent = agent(now);
    // The right user name and a right fingerprint, but no integrity: written by hand.
    let full = nominating();
    let message = StunMessage::parse(&full).unwrap();
    let mut writer = StunWriter::new(BINDING_REQUEST, &[3; 12]);
    for (kind, value) in message.attributes() {
        writer.attribute(kind, value).unwrap();
    }
    let signed = writer.finish(&IntegrityKey::new("x")).unwrap();
    let integrity_at = signed.len() - 8 - 24;
    let mut unsigned = signed[..integrity_at].to_vec();
    let length = (unsigned.len() - 20 + 8) as u16;
    unsigned[2..4].copy_from_slice(&length.to_be_bytes());
    let crc = tests_crc(&unsigned);
    unsigned.extend_from_slice(&[0x80, 0x28, 0, 4]);
    unsigned.extend_from_slice(&crc.to_be_bytes());
    assert!(StunMessage::parse(&unsigned).unwrap().has_fingerprint());
    assert_eq!(
        agent.handle_message(now, address(1), &unsigned),
        Err(IceDrop::Integrity)
    );
}

#[test]
fn forged_role_attributes_never_change_anything() {
    let now = Instant::now();
    let mut agent = agent(now);
    agent.handle_message(now, address(1), &nominating()).unwrap();
    // Unauthenticated: the attack that flips other agents' roles.
    for role in [ICE_CONTROLLED, ICE_CONTROLLING] {
        let forged = check("wrong", &[(role, &[0xFF; 8]), (USE_CANDIDATE, &[])]);
        assert_eq!(
            agent.handle_message(now, address(66), &forged),
            Err(IceDrop::Integrity)
        );
    }
    // Authenticated but claiming our role: answered, and nominates nothing.
    let controlled = check(PASSWORD, &[(ICE_CONTROLLED, &[0xFF; 8]), (USE_CANDIDATE, &[])]);
    assert!(
        !agent
            .handle_message(now, address(2), &controlled)
            .unwrap()
            .nominated
    );
    let both = check(
        PASSWORD,
        &[
            (ICE_CONTROLLED, &[0xFF; 8]),
            (ICE_CONTROLLING, &[0; 8]),
            (USE_CANDIDATE, &[]),
        ],
    );
    assert!(!agent.handle_message(now, address(3), &both).unwrap().nominated);
    assert_eq!(agent.remote_address(), Some(address(1)));
    // And the next honest check is answered as ever.
    assert!(agent.handle_message(now, address(1), &nominating()).is_ok());
}

#[test]
fn an_attribute_that_must_be_understood_and_is_not_ends_the_check() {
    let now = Instant::now();
    let mut agent = agent(now);
    let unknown = check(PASSWORD, &[(0x0077, &[0; 4])]);
    assert_eq!(
        agent.handle_message(now, address(1), &unknown),
        Err(IceDrop::Attributes)
    );
    assert!(
        agent
            .handle_message(now, address(1), &check(PASSWORD, &[(0xC057, &[0; 4])]))
            .is_ok()
    );
}

#[test]
fn consent_lasts_thirty_seconds_from_the_last_authenticated_check() {
    let start = Instant::now();
    let mut agent = agent(start);
    let second = Duration::from_secs(1);
    agent
        .handle_message(start + 10 * second, address(1), &nominating())
        .unwrap();
    assert!(!agent.is_lost(start + 39 * second));
    assert!(agent.is_lost(start + 40 * second));
    assert_eq!(agent.poll_timeout(), start + 40 * second);
    agent
        .handle_message(start + 39 * second, address(2), &nominating())
        .unwrap();
    assert!(!agent.is_lost(start + 40 * second));
    assert_eq!(agent.expire_address(start + 40 * second), Some(address(1)));
    assert_eq!(agent.expire_address(start + 40 * second), None);
    assert_eq!(agent.remote_address(), Some(address(2)));
    assert_eq!(agent.poll_timeout(), start + 69 * second);
}

#[test]
fn a_restart_keeps_the_old_credentials_until_the_new_ones_are_used() {
    let now = Instant::now();
    let mut agent = agent(now);
    agent.handle_message(now, address(1), &nominating()).unwrap();
    agent.restart(
        IceCredentials::literal("new", "new password of 24 chars"),
        "theirnew",
    );
    assert_eq!(agent.local().ufrag(), "new");
    assert!(agent.handle_message(now, address(1), &nominating()).is_ok());
    let mut writer = StunWriter::new(BINDING_REQUEST, &[4; 12]);
    writer.attribute(USERNAME, b"new:theirnew").unwrap();
    writer.attribute(ICE_CONTROLLING, &[0; 8]).unwrap();
    writer.attribute(USE_CANDIDATE, &[]).unwrap();
    let new = writer
        .finish(&IntegrityKey::new("new password of 24 chars"))
        .unwrap();
    assert!(agent.handle_message(now, address(2), &new).unwrap().nominated);
    assert_eq!(
        agent.handle_message(now, address(1), &nominating()),
        Err(IceDrop::Username)
    );
    assert_eq!(agent.remote_address(), Some(address(2)));
}

#[test]
fn addresses_are_bounded_and_the_nominated_one_stays() {
    let start = Instant::now();
    let mut agent = agent(start);
    agent.handle_message(start, address(1), &nominating()).unwrap();
    let plain = check(PASSWORD, &[(ICE_CONTROLLING, &[1; 8])]);
    for port in 2..100u16 {
        let now = start + Duration::from_millis(port.into());
        let answer = agent.handle_message(now, address(port), &plain).unwrap();
        let expected = (port > 8).then(|| address(port - 7));
        assert_eq!(answer.removed, expected, "port {port}");
    }
    assert_eq!(agent.addresses().count(), MAX_ADDRESSES);
    assert_eq!(agent.remote_address(), Some(address(1)));
}

#[test]
fn a_source_port_of_zero_is_not_answered() {
    let now = Instant::now();
    assert_eq!(
        agent(now).handle_message(now, address(0), &nominating()),
        Err(IceDrop::Source)
    );
}
