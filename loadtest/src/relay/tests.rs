//! The relay with real sockets on loopback: who sees which address, and what comes back.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::impairment::Impairment;
use super::{Relay, Settings};

const PATIENCE: Duration = Duration::from_secs(10);

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    (buffer[..length].to_vec(), from)
}

async fn relay(server: &UdpSocket, up: &str, down: &str) -> Relay {
    Relay::start(Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        to: server.local_addr().unwrap(),
        up: impairment(up),
        down: impairment(down),
        seed: 1,
    })
    .await
    .unwrap()
}

fn impairment(list: &str) -> Impairment {
    Impairment::default().with(list).unwrap()
}

#[tokio::test]
async fn every_client_has_an_address_of_its_own_and_gets_its_own_answers() {
    let server = socket().await;
    let relay = relay(&server, "", "").await;
    let clients = [socket().await, socket().await, socket().await];
    let mut seen = HashSet::new();
    for (number, client) in (0u8..).zip(&clients) {
        client.send_to(&[number], relay.address()).await.unwrap();
        let (question, from) = receive(&server).await;
        assert_eq!(question, [number]);
        assert_ne!(from, client.local_addr().unwrap());
        assert!(seen.insert(from));
        server.send_to(&[number, number], from).await.unwrap();
    }
    for (number, client) in (0u8..).zip(&clients) {
        assert_eq!(receive(client).await, (vec![number, number], relay.address()));
    }
    assert_eq!(relay.summary().clients, 3);
}

#[tokio::test]
async fn after_a_rebind_the_server_sees_another_address_and_the_old_one_is_dead() {
    let server = socket().await;
    let relay = relay(&server, "", "").await;
    let client = socket().await;
    client.send_to(b"before", relay.address()).await.unwrap();
    let (_, old) = receive(&server).await;
    relay.rebind();
    // The task exchanges the socket when it comes to it.
    let new = loop {
        client.send_to(b"after", relay.address()).await.unwrap();
        let (_, from) = receive(&server).await;
        if from != old {
            break from;
        }
    };
    server.send_to(b"to the old one", old).await.unwrap();
    server.send_to(b"to the new one", new).await.unwrap();
    assert_eq!(receive(&client).await.0, b"to the new one");
    assert_eq!(relay.summary().rebinds, 1);
}

#[tokio::test]
async fn both_directions_have_their_own_impairment_and_it_can_be_changed() {
    let server = socket().await;
    let relay = relay(&server, "delay=60ms", "").await;
    let client = socket().await;
    let begin = Instant::now();
    client.send_to(b"up", relay.address()).await.unwrap();
    let (_, from) = receive(&server).await;
    let up = begin.elapsed();
    assert!(up >= Duration::from_millis(60), "{up:?}");

    relay.set(None, Some(impairment("loss=100%")));
    while relay.summary().down.lost == 0 {
        server.send_to(b"lost", from).await.unwrap();
        tokio::task::yield_now().await;
    }
    relay.set(None, Some(impairment("")));
    let lost_before = loop {
        server.send_to(b"arrives", from).await.unwrap();
        let summary = relay.summary().down;
        if summary.delivered > 0 {
            break summary.lost;
        }
        tokio::task::yield_now().await;
    };
    assert!(lost_before > 0);
}

#[tokio::test]
async fn the_share_that_is_lost_is_the_share_that_was_asked_for() {
    const SENT: u32 = 4000;
    let server = socket().await;
    let relay = relay(&server, "loss=20%", "").await;
    let client = socket().await;
    let mut arrived = 0;
    for number in 0..SENT {
        client
            .send_to(&number.to_be_bytes(), relay.address())
            .await
            .unwrap();
        // One at a time: what is lost is lost by the relay and not in a full buffer.
        while relay.summary().up.received <= u64::from(number) {
            tokio::task::yield_now().await;
        }
        let mut buffer = [0; 4];
        while server.try_recv_from(&mut buffer).is_ok() {
            arrived += 1;
        }
    }
    let summary = relay.summary().up;
    while arrived < summary.delivered {
        receive(&server).await;
        arrived += 1;
    }
    assert_eq!(summary.lost + summary.delivered, u64::from(SENT));
    // Three standard deviations are 76.
    assert!((724..=876).contains(&summary.lost), "{}", summary.lost);
}
