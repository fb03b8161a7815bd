//! One room on two shards: people hear each other as if it were one, and each packet crosses once.

use std::num::NonZeroUsize;

use conclave_sfu::SfuConfig;
use conclave_wire::client::subscription::View;
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{RoomId, TrackId};
use conclave_wire::media::{Codec, Kind, Source};

use crate::light::Light;
use crate::support::{Conference, sframe, soon, vp8};

const ROOM: RoomId = RoomId::new([5; 16]);

/// Two people on each of two shards; everybody has a microphone and hears the other three.
struct Call {
    conference: Conference,
    people: Vec<Light>,
    microphones: Vec<TrackId>,
    number: u32,
}

impl Call {
    async fn new() -> Self {
        let mut conference = Conference::with(SfuConfig {
            media: vec!["127.0.0.1:0".parse().unwrap()],
            shards: NonZeroUsize::new(2).unwrap(),
            spread: NonZeroUsize::new(2).unwrap(),
            ..SfuConfig::default()
        })
        .await;
        let (mut people, mut microphones) = (Vec::new(), Vec::new());
        for number in 1..=4 {
            let mut person = Light::new(number, "127.0.0.1:0").await;
            conference.join(person.id, ROOM).await;
            person.publish(Source::Microphone, Codec::Opus);
            person.negotiate(&mut conference).await;
            let (track, _) = conference.published(person.id, Source::Microphone).await;
            person.connected().await;
            conference.connected(person.id).await;
            people.push(person);
            microphones.push(track);
        }
        for (at, person) in people.iter_mut().enumerate() {
            for (other, track) in microphones.iter().enumerate().filter(|(other, _)| *other != at) {
                assert_ne!(other, at);
                person.subscribe(*track, Kind::Audio);
            }
            person.negotiate(&mut conference).await;
        }
        Self {
            conference,
            people,
            microphones,
            number: 0,
        }
    }

    /// What one says is heard by these; it repeats itself until the way is open.
    async fn is_heard(&mut self, speaker: usize, by: &[usize]) {
        for listener in by.iter().copied() {
            self.number += 1;
            let frame = sframe(
                Source::Microphone,
                u32::try_from(speaker + 1).unwrap(),
                self.number,
            );
            let [speaker, listener] = self.people.get_disjoint_mut([speaker, listener]).unwrap();
            soon("a voice", async {
                loop {
                    speaker.send(Source::Microphone, Codec::Opus, &frame).await;
                    let heard = listener.until("the frame", |light| {
                        std::iter::from_fn(|| light.heard.pop_front()).any(|heard| heard.payload == frame)
                    });
                    if tokio::time::timeout(std::time::Duration::from_millis(50), heard)
                        .await
                        .is_ok()
                    {
                        return;
                    }
                }
            })
            .await;
        }
    }

    /// Answers to offers of both shards: all that was told before has been done, and what the shards told each other.
    async fn settle(&mut self) {
        for _ in 0..2 {
            for at in [0, 2] {
                let Self {
                    conference, people, ..
                } = self;
                if let Some(person) = people.get_mut(at) {
                    person.negotiate(conference).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn everybody_hears_everybody_across_shards() {
    let mut call = Call::new().await;
    let ports: Vec<u16> = call
        .people
        .iter()
        .map(|person| {
            person
                .transport
                .as_ref()
                .unwrap()
                .remote_address()
                .unwrap()
                .socket
                .port()
        })
        .collect();
    assert!(
        ports[0] == ports[1] && ports[2] == ports[3] && ports[0] != ports[2],
        "{ports:?}"
    );
    let mut distinct = call.microphones.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4, "track ids are unique within the room");
    for speaker in 0..4 {
        let others: Vec<usize> = (0..4).filter(|other| *other != speaker).collect();
        call.is_heard(speaker, &others).await;
    }
    let stats = call.conference.stats.snapshot();
    assert_eq!((stats.peers, stats.tracks), (4, 4), "mirrors are not counted");
}

#[tokio::test]
async fn a_packet_crosses_once_for_all_subscribers_and_not_at_all_for_none() {
    let mut call = Call::new().await;
    call.is_heard(0, &[1, 2, 3]).await;
    call.settle().await;
    let before = call.conference.stats.snapshot();
    for number in 1000..1050 {
        let frame = sframe(Source::Microphone, 1, number);
        call.people[0].send(Source::Microphone, Codec::Opus, &frame).await;
    }
    let last = sframe(Source::Microphone, 1, 1049);
    for listener in 1..4 {
        call.people[listener]
            .until("the last frame", |light| {
                light.heard.iter().any(|heard| heard.payload == last)
            })
            .await;
    }
    call.settle().await;
    let after = call.conference.stats.snapshot();
    assert_eq!(after.rtp_out_audio - before.rtp_out_audio, 150);
    assert_eq!(after.relayed - before.relayed, 50, "once for two subscribers");
    assert_eq!(
        after.rtp_in_audio - before.rtp_in_audio,
        50,
        "counted where they came"
    );
    // Both listeners on the other shard turn Alice off.
    let track_id = call.microphones[0];
    for peer in [call.people[2].id, call.people[3].id] {
        let views = vec![View { track_id, height: 0 }];
        call.conference.tell(ControlCommand::Views { peer, views }).await;
    }
    call.settle().await;
    let before = call.conference.stats.snapshot();
    call.is_heard(0, &[1]).await;
    let after = call.conference.stats.snapshot();
    assert_eq!(after.relayed, before.relayed);
    // And one on again.
    let peer = call.people[3].id;
    let views = vec![View { track_id, height: 1 }];
    call.conference.tell(ControlCommand::Views { peer, views }).await;
    call.is_heard(0, &[3]).await;
}

#[tokio::test]
async fn a_picture_of_another_shard_is_asked_for_and_comes() {
    let mut call = Call::new().await;
    // Carol, of the other shard, alone is shown Alice's camera: only the relay can ask Alice for a key frame.
    let Call {
        conference, people, ..
    } = &mut call;
    people[0].publish(Source::Camera, Codec::Vp8);
    people[0].negotiate(conference).await;
    let (camera, _) = conference.published(people[0].id, Source::Camera).await;
    people[2].subscribe(camera, Kind::Video);
    people[2].negotiate(conference).await;
    let ssrc = people[0].ssrc(Source::Camera);
    people[0]
        .until("a key frame request", |light| light.asked.contains(&ssrc))
        .await;
    let picture = vp8(&sframe(Source::Camera, 1, 1));
    soon("the picture", async {
        loop {
            people[0].send(Source::Camera, Codec::Vp8, &picture).await;
            let seen = people[2].until("it", |light| {
                std::iter::from_fn(|| light.heard.pop_front())
                    .any(|heard| heard.payload.ends_with(&picture[2..]))
            });
            if tokio::time::timeout(std::time::Duration::from_millis(50), seen)
                .await
                .is_ok()
            {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn suspending_and_leaving_reach_the_other_shard_and_are_told_once() {
    let mut call = Call::new().await;
    call.is_heard(3, &[0]).await;
    let (dave, track) = (call.people[3].id, call.microphones[3]);
    call.conference.tell(ControlCommand::Suspend { peer: dave }).await;
    call.settle().await;
    call.is_heard(2, &[0]).await;
    call.settle().await;
    let before = call.conference.stats.snapshot();
    let frame = sframe(Source::Microphone, 4, 500);
    call.people[3].send(Source::Microphone, Codec::Opus, &frame).await;
    soon("the count", async {
        while call.conference.stats.snapshot().rtp_bytes_in == before.rtp_bytes_in {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(call.conference.stats.snapshot().relayed, before.relayed);
    call.conference.tell(ControlCommand::Resume { peer: dave }).await;
    call.is_heard(3, &[0]).await;

    call.conference
        .tell(ControlCommand::RemovePeer { peer: dave })
        .await;
    let unpublished = |event: &ControlEvent| match event {
        ControlEvent::TrackUnpublished { peer, track_id } => (*peer == dave).then_some(*track_id),
        _ => None,
    };
    assert_eq!(
        call.conference.event("the end of a track", unpublished).await,
        track
    );
    call.people.pop();
    call.settle().await;
    assert!(
        !call.conference.has_passed(|event| unpublished(event).is_some()),
        "told twice"
    );
    // With Carol the last of the other shard goes: one shard is left, and nothing crosses any more.
    let carol = call.people.pop().unwrap().id;
    call.conference
        .tell(ControlCommand::RemovePeer { peer: carol })
        .await;
    call.settle().await;
    soon("the end of what Carol was", async {
        loop {
            let stats = call.conference.stats.snapshot();
            if (stats.peers, stats.tracks) == (2, 2) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let before = call.conference.stats.snapshot();
    call.is_heard(0, &[1]).await;
    assert_eq!(call.conference.stats.snapshot().relayed, before.relayed);
    // Somebody who comes later is on the other shard again and hears all.
    let mut eve = Light::new(9, "127.0.0.1:0").await;
    call.conference.join(eve.id, ROOM).await;
    eve.subscribe(call.microphones[0], Kind::Audio);
    eve.subscribe(call.microphones[1], Kind::Audio);
    eve.negotiate(&mut call.conference).await;
    eve.connected().await;
    call.people.push(eve);
    call.is_heard(0, &[1, 2]).await;
    call.is_heard(1, &[0, 2]).await;
}
