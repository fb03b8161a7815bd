//! One publishes a camera and one watches it: what the tests of simulcast and of scalable streams have in common.

use std::time::Duration;

use conclave_wire::client::subscription::View;
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{PeerId, TrackId};

use crate::picture::*;
use crate::support::*;

/// Time between two pictures.
pub(crate) const FRAME: Duration = Duration::from_millis(33);

/// Peer 1 publishes a camera, peer 2 watches.
pub(crate) struct Call<C> {
    pub(crate) world: World,
    pub(crate) camera: C,
    pub(crate) screen: Screen,
    /// Whether the camera makes a key picture when one is asked for, as Chromium does.
    pub(crate) obedient: bool,
    /// What the publisher was asked after the last picture.
    pub(crate) asked: Vec<String>,
    /// Pictures after which key pictures were asked for.
    pub(crate) key_requests: usize,
}

impl<C: Camera> Call<C> {
    /// The answer to the publisher's offer has to have the line `expected`.
    pub(crate) fn between(offer: &str, expected: &str, camera: C, payload_type: u8) -> Self {
        let mut world = World::new();
        world.enter(1);
        world.enter(2);
        let answer = world.publish(1, offer);
        assert!(answer.contains(expected), "{answer}");
        world.connect(0);
        world.watch(2, FIREFOX, &[("2", 1), ("3", 2)]);
        world.connect(1);
        world.pass(Duration::from_secs(2));
        world.take_rtcp(0);
        Self {
            world,
            camera,
            screen: Screen::new(payload_type),
            obedient: true,
            asked: Vec::new(),
            key_requests: 0,
        }
    }

    /// Shows the camera with so many lines.
    pub(crate) fn show(&mut self, height: u16) {
        let view = View {
            track_id: TrackId(2),
            height,
        };
        self.world.command(ControlCommand::Views {
            peer: PeerId(2),
            views: vec![view],
        });
    }

    /// Pictures at 30 a second; `each` may do something with a picture's packets first.
    pub(crate) fn run_with(&mut self, pictures: u16, mut each: impl FnMut(&mut Vec<Vec<u8>>)) {
        for _ in 0..pictures {
            let mut packets = self.camera.picture(false);
            each(&mut packets);
            for packet in packets {
                self.world.rtp(0, &packet);
            }
            let sent = self.world.take_rtp();
            self.screen.take_all(&sent, 1);
            self.world.pass(FRAME);
            self.asked = self.world.take_rtcp(0);
            if self.asked.iter().any(|event| event.starts_with("Pli")) {
                self.key_requests += 1;
                if self.obedient {
                    self.camera.want_key();
                }
            }
        }
    }

    pub(crate) fn run(&mut self, pictures: u16) {
        self.run_with(pictures, |_| {});
    }
}
