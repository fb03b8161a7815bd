//! What a bot offers: one-way sections, one camera codec, retransmission, and sections that follow the tracks.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failing one is the report")]

use std::net::SocketAddr;
use std::sync::Arc;

use conclave_e2ee::Codec;
use conclave_loadtest::measure::Measures;
use conclave_loadtest::participant::connection::Connection;
use conclave_wire::client::negotiation::Offer;
use conclave_wire::id::{ClientId, TrackId};
use conclave_wire::media::{Codec as WireCodec, SectionRole, Source, Track};

async fn connection() -> Connection {
    let local: Vec<SocketAddr> = vec!["127.0.0.1:0".parse().unwrap()];
    Connection::new(local, Arc::new(Measures::default()))
        .await
        .unwrap()
        .0
}

/// The `m=` section of the offer with that role.
fn section<'a>(offer: &'a Offer, role: &SectionRole) -> &'a str {
    let mid = &offer
        .sections
        .iter()
        .find(|section| section.role == *role)
        .unwrap()
        .mid;
    offer
        .sdp
        .split("\r\nm=")
        .find(|text| text.contains(&format!("\r\na=mid:{mid}\r\n")))
        .unwrap()
}

fn camera_of_another() -> Track {
    Track {
        track_id: TrackId(4),
        client_id: ClientId::new([1; 16]),
        source: Source::Camera,
        codec: WireCodec::Vp8,
    }
}

#[tokio::test]
async fn sections_are_one_way_and_named() {
    let mut connection = connection().await;
    connection.publish(Source::Microphone, Codec::Opus).await.unwrap();
    connection.publish(Source::Camera, Codec::Vp8).await.unwrap();
    connection.subscribe(camera_of_another()).await.unwrap();
    let offer = connection.poll_offer().await.unwrap().unwrap();
    assert_eq!(offer.sections.len(), 3, "{}", offer.sdp);

    let microphone = section(
        &offer,
        &SectionRole::Publish {
            source: Source::Microphone,
        },
    );
    assert!(
        microphone.starts_with("audio") && microphone.contains("\r\na=sendonly"),
        "{microphone}"
    );
    assert!(microphone.contains("opus/48000/2"), "{microphone}");
    let camera = section(
        &offer,
        &SectionRole::Publish {
            source: Source::Camera,
        },
    );
    assert!(
        camera.starts_with("video") && camera.contains("\r\na=sendonly"),
        "{camera}"
    );
    assert!(
        camera.contains("a=ssrc-group:FID ") && camera.contains("VP8/90000"),
        "{camera}"
    );
    assert!(!camera.contains("VP9/90000"), "{camera}");
    let other = section(&offer, &SectionRole::Subscribe { track_id: TrackId(4) });
    assert!(
        other.starts_with("video") && other.contains("\r\na=recvonly"),
        "{other}"
    );
    assert!(
        other.contains("VP8/90000") && other.contains("VP9/90000") && other.contains("apt="),
        "{other}"
    );
    assert!(!offer.sdp.contains("a=sendrecv"), "{}", offer.sdp);
    connection.close().await;
}

#[tokio::test]
async fn one_offer_at_a_time_and_none_without_a_change() {
    let mut connection = connection().await;
    assert!(connection.poll_offer().await.unwrap().is_none());
    connection.publish(Source::Microphone, Codec::Opus).await.unwrap();
    let offer = connection.poll_offer().await.unwrap().unwrap();
    connection.subscribe(camera_of_another()).await.unwrap();
    assert!(
        connection.poll_offer().await.unwrap().is_none(),
        "one is on its way"
    );
    connection.handle_rejection(offer.offer_id);
    let next = connection.poll_offer().await.unwrap().unwrap();
    assert!(next.offer_id > offer.offer_id);
    assert_eq!(next.sections.len(), 2, "{}", next.sdp);
    connection.close().await;
}
