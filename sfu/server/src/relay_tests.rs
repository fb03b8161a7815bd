//! Who is told what, in which order, and what a full queue costs.

use super::*;

const ROOM: RoomId = RoomId::new([1; 16]);
const OTHER_ROOM: RoomId = RoomId::new([2; 16]);

/// Shard 1 of three, and the inboxes of all.
fn relay() -> (Relay, Vec<Inbox>) {
    let (outboxes, inboxes) = connect(3);
    (Relay::new(1, outboxes), inboxes)
}

fn to(shards: &[usize]) -> ShardSet {
    let mut set = ShardSet::default();
    for shard in shards {
        set.set(*shard, true);
    }
    set
}

/// What has come, in words.
fn words(inbox: &mut Inbox) -> Vec<String> {
    let mut words = Vec::new();
    while let Ok((from, message)) = inbox.try_recv() {
        assert_eq!(from, 1);
        words.push(match message {
            Message::Mirror { met, .. } => format!("mirror of {met}"),
            Message::AllTold { met, .. } => format!("all told of {met}"),
            Message::Gone { peer } => format!("gone {}", peer.0),
            Message::Wanted { track, on, met, .. } => format!("wanted {} {on} of {met}", track.0),
            Message::Needed {
                peer, needed, met, ..
            } => format!("needed {} {needed:?} of {met}", peer.0),
            Message::Keyframe { peer, ssrc } => format!("key frame {} {ssrc}", peer.0),
            Message::Media(batch) => {
                let mut packets = Vec::new();
                batch.for_each(|peer, _, packet| packets.push(format!("{}:{}", peer.0, packet.len())));
                packets.join(" ")
            }
        });
    }
    words
}

#[test]
fn a_turn_of_packets_is_one_message_for_each_shard_that_wants_them() {
    let (mut relay, mut inboxes) = relay();
    relay.push(PeerId(1), None, to(&[0, 2]), &[0; 10]);
    relay.push(PeerId(2), None, to(&[2]), &[0; 20]);
    relay.push(PeerId(1), None, to(&[0, 2]), &[0; 30]);
    assert!(
        words(&mut inboxes[2]).is_empty(),
        "not before the end of the turn"
    );
    relay.flush();
    assert_eq!(words(&mut inboxes[0]), ["1:10 1:30"]);
    assert_eq!(words(&mut inboxes[2]), ["1:10 2:20 1:30"]);
    assert_eq!(relay.relayed, 5);
    relay.flush();
    assert!(words(&mut inboxes[0]).is_empty());
}

#[test]
fn what_is_said_of_a_peer_comes_behind_its_packets() {
    let (mut relay, mut inboxes) = relay();
    relay.span(ROOM, &[1, 2], 1);
    relay.push(PeerId(1), None, to(&[2]), &[0; 10]);
    relay.tell_gone(ROOM, PeerId(1));
    assert_eq!(words(&mut inboxes[2]), ["1:10", "gone 1"]);
    assert!(words(&mut inboxes[0]).is_empty(), "a shard without the room");
}

#[test]
fn a_full_queue_drops_packets_and_delays_the_rest_in_order() {
    let (mut relay, mut inboxes) = relay();
    relay.span(ROOM, &[1, 2], 1);
    for _ in 0..QUEUE + 5 {
        relay.push(PeerId(1), None, to(&[2]), &[0; 10]);
        relay.flush();
    }
    assert_eq!(relay.dropped, 5);
    relay.tell_gone(ROOM, PeerId(1));
    relay.tell_gone(ROOM, PeerId(2));
    assert!(relay.is_waiting());
    assert_eq!(words(&mut inboxes[2]).len(), QUEUE);
    relay.tell_gone(ROOM, PeerId(3));
    relay.flush();
    assert_eq!(words(&mut inboxes[2]), ["gone 1", "gone 2", "gone 3"]);
    assert!(!relay.is_waiting());
}

#[test]
fn a_change_of_shards_says_who_joined_who_left_and_whose_mirrors_go() {
    let (mut relay, _inboxes) = relay();
    let change = relay.span(ROOM, &[0, 1], 1);
    assert_eq!(
        (change.joined, change.left, change.gone),
        (vec![0], vec![], vec![])
    );
    relay.add_mirror(PeerId(7), 0, 1, ROOM, PeerSlot(3));
    relay.add_mirror(PeerId(8), 0, 1, OTHER_ROOM, PeerSlot(4));
    let change = relay.span(ROOM, &[0, 1, 2], 2);
    assert_eq!(
        (change.joined, change.left, change.gone),
        (vec![2], vec![], vec![])
    );
    let change = relay.span(ROOM, &[1, 2], 3);
    assert_eq!(
        (change.joined, change.left, change.gone),
        (vec![], vec![0], vec![PeerId(7)])
    );
    relay.remove_mirror(PeerId(7));
    // This shard is left itself: nobody is to be told anything.
    relay.add_mirror(PeerId(9), 2, 2, ROOM, PeerSlot(5));
    let change = relay.span(ROOM, &[0, 2], 4);
    assert_eq!(
        (change.joined, change.left, change.gone),
        (vec![], vec![2], vec![PeerId(9)])
    );
    assert!(relay.rooms().is_empty());
}

#[test]
fn a_late_word_from_a_room_that_was_left_is_stale_and_an_early_one_is_not() {
    let (mut relay, _inboxes) = relay();
    assert!(!relay.is_stale(0, ROOM, 1), "the dispatcher's word is under way");
    relay.span(ROOM, &[0, 1], 1);
    assert!(!relay.is_stale(0, ROOM, 1));
    assert!(relay.is_stale(2, ROOM, 1), "not one of the room's shards");
    assert!(
        !relay.is_stale(2, ROOM, 2),
        "it has heard of it before this shard"
    );
    relay.span(ROOM, &[0], 5);
    assert!(relay.is_stale(0, ROOM, 1));
    assert!(relay.is_stale(0, ROOM, 5));
    assert!(!relay.is_stale(0, ROOM, 6));
}

#[test]
fn who_left_and_is_back_before_this_shard_was_told_of_either_keeps_what_it_said_since() {
    let (mut relay, mut inboxes) = relay();
    relay.span(ROOM, &[0, 1], 1);
    relay.add_mirror(PeerId(6), 0, 1, ROOM, PeerSlot(2));
    relay.add_mirror(PeerId(7), 0, 1, ROOM, PeerSlot(3));
    // Shard 0 knows of the changes 2 and 3 already, and says again what peer 7 is.
    assert!(!relay.is_stale(0, ROOM, 3));
    relay.add_mirror(PeerId(7), 0, 3, ROOM, PeerSlot(3));
    relay.tell_wanted(ROOM, &[(PeerId(7), TrackId(70))]);
    assert_eq!(words(&mut inboxes[0]), ["wanted 70 true of 3"]);
    let change = relay.span(ROOM, &[1], 2);
    assert_eq!((change.left, change.gone), (vec![0], vec![PeerId(6)]));
    relay.remove_mirror(PeerId(6));
    let change = relay.span(ROOM, &[0, 1], 3);
    assert_eq!((change.joined, change.gone), (vec![0], vec![]));
    // What was said while the two met for the first time means nothing now, either way.
    assert!(relay.is_stale(0, ROOM, 1) && !relay.has_met(0, ROOM, 1));
    assert!(!relay.is_stale(0, ROOM, 3) && relay.has_met(0, ROOM, 3));
}

#[test]
fn no_command_is_taken_until_each_shard_that_was_met_has_told_all() {
    let (mut relay, mut inboxes) = relay();
    assert!(!relay.is_awaiting());
    relay.span(ROOM, &[0, 1, 2], 1);
    relay.tell_all_told(ROOM, 0);
    assert_eq!(words(&mut inboxes[0]), ["all told of 1"]);
    relay.all_told(0, ROOM, 1);
    assert!(relay.is_awaiting());
    relay.all_told(2, ROOM, 1);
    assert!(!relay.is_awaiting());
    // Shard 2 leaves, is back, and has said so before this shard knows.
    relay.all_told(2, ROOM, 3);
    relay.span(ROOM, &[0, 1], 2);
    assert!(!relay.is_awaiting(), "nobody is met");
    relay.span(ROOM, &[0, 1, 2], 3);
    assert!(!relay.is_awaiting());
    relay.span(ROOM, &[0, 1], 4);
    relay.span(ROOM, &[0, 1, 2], 5);
    assert!(
        relay.is_awaiting(),
        "what was said of an earlier meeting is used up"
    );
}

#[test]
fn shards_that_stay_have_met_once_whoever_else_comes_and_goes() {
    let (mut relay, _inboxes) = relay();
    relay.span(ROOM, &[0, 1], 1);
    relay.add_mirror(PeerId(7), 0, 1, ROOM, PeerSlot(3));
    for (shards, version) in [(&[0, 1, 2][..], 2), (&[0, 1], 3)] {
        let change = relay.span(ROOM, shards, version);
        assert!(change.gone.is_empty());
        assert!(relay.has_met(0, ROOM, 1));
    }
}

#[test]
fn only_changes_of_what_is_wanted_are_told_and_each_to_its_home() {
    let (mut relay, mut inboxes) = relay();
    relay.span(ROOM, &[0, 1, 2], 1);
    relay.add_mirror(PeerId(7), 0, 1, ROOM, PeerSlot(3));
    relay.add_mirror(PeerId(8), 2, 1, ROOM, PeerSlot(4));
    let of = |peer, track| (PeerId(peer), TrackId(track));
    relay.tell_wanted(ROOM, &[of(7, 70), of(8, 80)]);
    relay.tell_wanted(ROOM, &[of(7, 70), of(8, 80)]);
    assert_eq!(words(&mut inboxes[0]), ["wanted 70 true of 1"]);
    assert_eq!(words(&mut inboxes[2]), ["wanted 80 true of 1"]);
    relay.tell_wanted(ROOM, &[of(7, 70)]);
    assert!(words(&mut inboxes[0]).is_empty());
    assert_eq!(words(&mut inboxes[2]), ["wanted 80 false of 1"]);
}

#[test]
fn of_what_a_mirror_is_told_only_key_frame_requests_go_home() {
    use conclave_transport::rtcp::RtcpWriter;
    let (mut relay, mut inboxes) = relay();
    relay.add_mirror(PeerId(7), 0, 1, ROOM, PeerSlot(3));
    let mut buffer = [0; 200];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer.receiver_report(1, &[]).unwrap();
    writer.pli(1, 99).unwrap();
    let len = writer.len();
    relay.feedback(PeerSlot(3), &buffer[..len]);
    relay.feedback(PeerSlot(9), &buffer[..len]);
    assert_eq!(words(&mut inboxes[0]), ["key frame 7 99"]);
}

#[test]
fn the_service_hears_of_a_peer_from_its_own_shard_only() {
    let (mut relay, mut inboxes) = relay();
    relay.add_mirror(PeerId(7), 0, 1, ROOM, PeerSlot(3));
    let lost = |peer| ControlEvent::PeerLost { peer: PeerId(peer) };
    assert_eq!(relay.filter(lost(7)), None);
    for own in [lost(8), ControlEvent::Overloaded { overloaded: true }] {
        assert_eq!(relay.filter(own.clone()), Some(own));
    }
    let needed = ControlEvent::EncodingsNeeded {
        peer: PeerId(7),
        source: Source::Camera,
        needed: vec![true, false],
    };
    assert_eq!(relay.filter(needed), None);
    assert_eq!(
        words(&mut inboxes[0]),
        ["needed 7 [true, false] of 1"],
        "its home is told"
    );
    relay.remove_mirror(PeerId(7));
    assert_eq!(relay.filter(lost(7)), Some(lost(7)));
}
