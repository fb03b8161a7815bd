//! Dependency descriptors: read from publishers that send them, and never sent on.

use std::time::Duration;

use conclave_transport::rtp::Extension;
use conclave_wire::client::subscription::View;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{PeerId, TrackId};

use crate::picture::*;
use crate::support::*;

const FRAME: Duration = Duration::from_millis(33);
const DEPENDENCIES: u8 = 12;
const URI: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

pub(crate) fn offer() -> String {
    let named = format!("a=extmap:{DEPENDENCIES} {URI}\r\na=rid:l send");
    simulcast_offer().replacen("a=rid:l send", &named, 1)
}

/// A frame of one packet with a structure of one template, one decode target, no chains and a picture of this size.
pub(crate) fn descriptor(width: u16, height: u16) -> Vec<u8> {
    let mut bits: u128 = 0b11_000000;
    let fields: [(u32, u16); 11] = [
        (16, 1), // frame number
        (5, 0b10000),
        (6, 0), // first template
        (5, 0), // one decode target
        (2, 3), // the only template's layers
        (2, 2), // a switching point
        (1, 0), // refers to nothing
        (1, 0), // no chains
        (1, 1),
        (16, width - 1),
        (16, height - 1),
    ];
    let mut len = 8;
    for (count, value) in fields {
        bits = bits << count | u128::from(value);
        len += count;
    }
    let bytes = usize::try_from(len.div_ceil(8)).unwrap();
    (bits << (128 - len)).to_be_bytes()[..bytes].to_vec()
}

pub(crate) fn with_descriptor(bytes: &[u8], descriptor: &[u8]) -> Vec<u8> {
    let view = view(bytes);
    let mut extensions: Vec<Extension<'_>> = view.extensions().collect();
    extensions.push(Extension {
        id: DEPENDENCIES,
        data: descriptor,
    });
    let mut out = packet_with(
        view.ssrc(),
        view.payload_type(),
        view.sequence_number(),
        view.timestamp(),
        &extensions,
        view.payload(),
    );
    out[1] = bytes[1];
    out
}

#[test]
fn sizes_that_dependency_descriptors_tell_choose_the_encoding() {
    let mut world = World::new();
    world.enter(1);
    world.enter(2);
    let answer = world.publish(1, &offer());
    assert!(
        answer.contains(URI) && answer.contains("a=extmap-allow-mixed"),
        "{answer}"
    );
    world.connect(0);
    let answer = world.watch(2, &offer().replace("a=sendonly", "a=recvonly"), &[("1", 2)]);
    assert!(!answer.contains(URI), "{answer}");
    world.connect(1);
    world.command(ControlCommand::Views {
        peer: PeerId(2),
        views: vec![View {
            track_id: TrackId(2),
            height: 300,
        }],
    });
    let mut camera = Simulcast::new();
    let mut screen = Screen::new(VP8);
    for _ in 0..70 {
        for packet in camera.next() {
            let encoding = view(&packet).ssrc() - SIMULCAST;
            let (width, height) = [(160, 90), (320, 180), (640, 360)][usize::try_from(encoding).unwrap()];
            world.rtp(0, &with_descriptor(&packet, &descriptor(width, height)));
        }
        let sent = world.take_rtp();
        for (_, packet) in &sent {
            assert_eq!(view(packet).extension(DEPENDENCIES), None);
        }
        screen.take_all(&sent, 1);
        world.pass(FRAME);
        if world.take_rtcp(0).iter().any(|event| event.starts_with("Pli")) {
            camera.key = [true; 3];
        }
    }
    screen.check();
    // Without a word of sizes the second one would count as 360 lines.
    assert_eq!(screen.frames().last().map(|(encoding, _)| *encoding), Some(2));
}
