//! What a subscriber shows decides what it is sent.

use std::time::Duration;

use conclave_wire::client::subscription::View;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{PeerId, TrackId};

use crate::support::*;

fn show(world: &mut World, views: &[(u32, u16)]) {
    let views = views
        .iter()
        .map(|(track, height)| View {
            track_id: TrackId(*track),
            height: *height,
        })
        .collect();
    world.command(ControlCommand::Views {
        peer: PeerId(2),
        views,
    });
}

#[test]
fn a_hidden_track_is_not_sent_and_comes_back_without_a_gap() {
    let mut world = World::call();
    world.rtp(0, &camera(1, 1000, b"shown"));
    let shown = world.take_rtp();
    show(&mut world, &[(2, 0)]);
    world.rtp(0, &camera(2, 2000, b"hidden"));
    assert!(world.take_rtp().is_empty());
    world.pass(Duration::from_secs(3));
    world.take_rtcp(0);
    show(&mut world, &[]);
    assert_eq!(
        world.count_rtcp(0, "Pli"),
        1,
        "a picture that comes back begins with a key frame"
    );
    world.rtp(0, &camera(3, 3000, b"refers to what was hidden"));
    assert!(world.take_rtp().is_empty());
    world.rtp(0, &key_frame(4, 6000, b"shown again"));
    let again = world.take_rtp();
    assert_eq!(
        view(&again[0].1).sequence_number(),
        view(&shown[0].1).sequence_number() + 1
    );
}

#[test]
fn views_hold_for_sections_that_are_negotiated_later() {
    let mut world = World::call();
    world.watch(2, FIREFOX, &[("2", 1)]);
    show(&mut world, &[(2, 0)]);
    world.watch(2, FIREFOX, &[("2", 1), ("3", 2)]);
    world.rtp(0, &camera(1, 1000, b"hidden"));
    assert!(world.take_rtp().is_empty());
}
