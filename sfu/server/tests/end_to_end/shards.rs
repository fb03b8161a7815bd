//! Several shards: each has its port, and rooms are spread over them.

use std::num::NonZeroUsize;

use conclave_sfu::{Sfu, SfuConfig, StartError};
use conclave_wire::id::RoomId;
use conclave_wire::media::{Codec, Kind, Source};

use crate::light::Light;
use crate::support::{Conference, sframe};

#[test]
fn more_shards_than_a_room_can_be_on_are_refused_at_the_start() {
    let config = SfuConfig {
        media: vec!["127.0.0.1:0".parse().unwrap()],
        shards: NonZeroUsize::new(65).unwrap(),
        ..SfuConfig::default()
    };
    let error = Sfu::start(&config).err().unwrap();
    assert!(matches!(error, StartError::TooManyShards));
    assert_eq!(error.to_string(), "there can be no more than 64 shards");
}

#[tokio::test]
async fn rooms_are_spread_over_shards_and_media_flows_on_each_port() {
    let mut conference = Conference::with(SfuConfig {
        media: vec!["127.0.0.1:0".parse().unwrap()],
        shards: NonZeroUsize::new(3).unwrap(),
        ..SfuConfig::default()
    })
    .await;
    let mut ports = Vec::new();
    for number in 0..3u8 {
        let room = RoomId::new([number; 16]);
        let id = u64::from(number) * 2 + 1;
        let (mut speaker, mut listener) = (
            Light::new(id, "127.0.0.1:0").await,
            Light::new(id + 1, "127.0.0.1:0").await,
        );
        conference.join(speaker.id, room).await;
        conference.join(listener.id, room).await;
        speaker.publish(Source::Microphone, Codec::Opus);
        speaker.negotiate(&mut conference).await;
        let (track, _) = conference.published(speaker.id, Source::Microphone).await;
        listener.subscribe(track, Kind::Audio);
        listener.negotiate(&mut conference).await;
        speaker.connected().await;
        listener.connected().await;
        conference.connected(speaker.id).await;
        conference.connected(listener.id).await;
        let of = |light: &Light| light.transport.as_ref().unwrap().remote_address().unwrap();
        assert_eq!(of(&speaker), of(&listener), "a room is on one shard");
        ports.push(of(&speaker).socket);
        let frame = sframe(Source::Microphone, u32::try_from(id).unwrap(), 1);
        speaker.send(Source::Microphone, Codec::Opus, &frame).await;
        listener
            .until("the frame", |light| {
                light.heard.iter().any(|heard| heard.payload == frame)
            })
            .await;
    }
    // The rooms before were still there when the next began.
    assert_eq!(
        ports, conference.candidates,
        "each went to the shard with nobody on it"
    );
}
