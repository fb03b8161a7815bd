//! Spatial layers in one stream: only what is needed is sent, and pictures end where the subscriber can see it.

use conclave_wire::control::ControlEvent;

use crate::picture::*;

type Call = crate::call::Call<Scalable>;

fn call(key_only: bool) -> Call {
    let offer = Scalable::offer();
    Call::between(&offer, "a=recvonly\r\n", Scalable::new(key_only), VP9)
}

impl Call {
    /// The layers that came of the last pictures.
    fn shown(&self, pictures: u16) -> Vec<u8> {
        let since = self.camera.step - pictures;
        let recent = self
            .screen
            .frames()
            .iter()
            .filter(|(_, picture)| *picture >= since);
        let mut layers: Vec<u8> = recent.map(|(layer, _)| *layer).collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }
}

#[test]
fn after_a_key_picture_only_the_layer_that_is_shown_is_sent() {
    let mut call = call(true);
    call.run(40);
    assert_eq!(call.shown(20), [2]);
    for (height, layer) in [
        (100, 0),
        (300, 1),
        (2000, 2),
        (180, 0),
        (0, 0),
        (720, 2),
        (360, 1),
    ] {
        call.show(height);
        call.run(70);
        if height > 0 {
            assert_eq!(call.shown(20), [layer], "{height} lines");
        }
    }
    call.screen.check();
    call.screen.check_markers();
}

#[test]
fn where_layers_need_those_below_all_are_sent_and_one_goes_down_at_once() {
    let mut call = call(false);
    call.run(40);
    assert_eq!(call.shown(20), [0, 1, 2]);
    let asked = call.key_requests;
    call.show(300);
    call.run(2);
    assert_eq!(call.shown(1), [0, 1]);
    call.run(40);
    assert_eq!(call.key_requests, asked, "down without a key frame");
    call.show(2000);
    call.run(70);
    assert_eq!(call.shown(20), [0, 1, 2]);
    assert!(call.key_requests > asked);
    call.screen.check();
    call.screen.check_markers();
}

#[test]
fn a_publisher_that_leaves_layers_out_says_so_and_nobody_waits_for_them() {
    let mut call = call(true);
    call.run(40);
    call.camera.layers = 2;
    call.camera.key = true;
    call.run(10);
    assert_eq!(call.shown(5), [1]);
    call.camera.layers = 1;
    call.camera.key = true;
    call.run(10);
    assert_eq!(call.shown(5), [0]);
    call.camera.layers = 3;
    call.camera.key = true;
    let asked = call.key_requests;
    call.run(10);
    assert_eq!(call.shown(5), [2]);
    assert_eq!(
        call.key_requests, asked,
        "the key picture that brings the layers is enough"
    );
    call.screen.check();
    call.screen.check_markers();
}

#[test]
fn the_layers_of_a_scalable_camera_are_asked_for_although_it_never_sent_them() {
    let mut call = call(true);
    call.camera.layers = 1;
    call.run(30);
    let told: Vec<Vec<bool>> = call
        .world
        .events
        .iter()
        .filter_map(|event| match event {
            ControlEvent::EncodingsNeeded { needed, .. } => Some(needed.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [[true; 3]]);
}

#[test]
fn mixed_up_packets_and_late_ones_keep_pictures_whole() {
    let mut call = call(true);
    let mut seed = 0x2345_6789_u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(seed >> 16).unwrap() % below
    };
    for round in 0..12 {
        call.show([100, 360, 2000][round % 3]);
        call.run_with(40, |packets| {
            for index in 1..packets.len() {
                if random(3) == 0 {
                    packets.swap(index - 1, index);
                }
            }
        });
    }
    call.screen.check_frames();
}
