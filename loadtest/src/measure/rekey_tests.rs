//! Tests of the rekey times: the last member decides, and one who is gone is not waited for.

use std::time::Duration;

use super::*;

const ROOM: Room = [7; 16];

fn member(number: u8) -> Member {
    [number; 16]
}

/// Members 1 to 3 are in the room.
fn three() -> Rekeys {
    let rekeys = Rekeys::default();
    (1..=3).for_each(|number| rekeys.admitted(ROOM, member(number)));
    rekeys
}

fn told(rekeys: &Rekeys) -> Figures {
    let mut figures = Figures::unmeasured(entries());
    tell(rekeys, &mut figures);
    figures
}

fn close(figures: &Figures, name: &str, expected: f64) {
    let value = figures.value(name).unwrap();
    assert!(
        (value - expected).abs() < expected * 0.002 + 0.01,
        "{name}: {value}"
    );
}

#[test]
fn the_last_member_decides_how_long_a_join_takes() {
    let start = Instant::now();
    for slowest in [20u32, 500] {
        let rekeys = three();
        rekeys.begin(Cause::Join, ROOM, member(4), start);
        for (number, after) in [(1, 5), (3, 8), (2, slowest)] {
            rekeys.heard_of_join(
                member(number),
                member(4),
                start + Duration::from_millis(1) * after,
            );
        }
        close(&told(&rekeys), "rekey_join_max_ms", f64::from(slowest));
        assert_eq!(told(&rekeys).value("rekeys_unfinished"), Some(0.0));
    }
}

#[test]
fn a_key_is_useless_when_the_last_sender_has_switched_which_may_be_later() {
    let start = Instant::now();
    for (cause, key, useless) in [
        (Cause::Leave, "rekey_leave_max_ms", "leave_key_useless_max_ms"),
        (Cause::Kick, "rekey_kick_max_ms", "kick_key_useless_max_ms"),
    ] {
        let rekeys = three();
        rekeys.begin(cause, ROOM, member(3), start);
        for (number, heard, switched) in [(1, 10, 30), (2, 15, 300)] {
            rekeys.heard_of_going(member(number), member(3), start + Duration::from_millis(heard));
            rekeys.sends_without(member(number), member(3), start + Duration::from_millis(switched));
        }
        close(&told(&rekeys), key, 15.0);
        close(&told(&rekeys), useless, 300.0);
    }
}

#[test]
fn a_member_that_never_hears_of_it_leaves_the_change_unfinished() {
    let start = Instant::now();
    let rekeys = three();
    rekeys.begin(Cause::Leave, ROOM, member(3), start);
    rekeys.heard_of_going(member(1), member(3), start);
    let figures = told(&rekeys);
    assert_eq!(figures.value("rekey_leave_max_ms"), None);
    assert_eq!(figures.value("rekeys_unfinished"), Some(1.0));
}

#[test]
fn nobody_waits_for_one_who_goes_too() {
    let start = Instant::now();
    let rekeys = three();
    rekeys.begin(Cause::Join, ROOM, member(4), start);
    rekeys.heard_of_join(member(1), member(4), start + Duration::from_millis(10));
    rekeys.heard_of_join(member(2), member(4), start + Duration::from_millis(20));
    rekeys.lost(ROOM, member(3), start + Duration::from_millis(40));
    close(&told(&rekeys), "rekey_join_max_ms", 40.0);
}

#[test]
fn a_lone_newcomer_and_another_room_are_no_change() {
    let start = Instant::now();
    let rekeys = three();
    rekeys.begin(Cause::Join, [9; 16], member(5), start);
    let figures = told(&rekeys);
    assert!(figures.iter().all(|(_, figure)| figure.value.is_none()));
}
