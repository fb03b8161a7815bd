//! Real connections, with the time made up.

use std::io::{Read, Write};
use std::net::TcpStream as Client;

use conclave_transport::framing::prefix;
use conclave_transport::send_lanes::VIDEO_CAPACITY;

use super::*;

/// Longest real wait for the kernel; a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    tcp: Tcp,
    at: SocketAddr,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = listener.local_addr().unwrap();
        Self {
            tcp: Tcp::register(vec![listener]).unwrap(),
            at,
            now: Instant::now(),
        }
    }

    async fn turn(&mut self) {
        tokio::time::timeout(PATIENCE, self.tcp.readable()).await.unwrap();
        self.tcp.refresh(self.now);
    }

    /// A client that has been accepted.
    async fn client(&mut self) -> Client {
        let client = Client::connect(self.at).unwrap();
        let remote = client.local_addr().unwrap();
        while !self.tcp.by_remote.contains_key(&remote) {
            self.turn().await;
        }
        client
    }

    fn has(&self, client: &Client) -> bool {
        self.tcp.by_remote.contains_key(&client.local_addr().unwrap())
    }

    /// The packets that come, until `count` are there.
    async fn packets(&mut self, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut packets, mut slab) = (Vec::new(), vec![0; READ_LEN]);
        while packets.len() < count {
            self.turn().await;
            while let Some(mut arrival) = self.tcp.read(&mut slab) {
                let remote = arrival.remote;
                let bytes = &mut slab[..arrival.len];
                let result = arrival
                    .deframer
                    .feed(bytes, |packet| packets.push((remote, packet.to_vec())));
                self.tcp.done(arrival, result);
            }
        }
        packets
    }
}

fn framed(packet: &[u8]) -> Vec<u8> {
    [&prefix(packet.len()).unwrap()[..], packet].concat()
}

/// Whether the far end has closed the connection.
fn is_closed(client: &mut Client) -> bool {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    !matches!(client.read(&mut [0; 1]), Ok(1..))
}

#[tokio::test]
async fn frames_of_many_connections_come_whole_and_answers_go_back() {
    let mut world = World::new();
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(world.client().await);
    }
    for (number, client) in (0u8..).zip(&mut clients) {
        client.write_all(&framed(&[number; 700])).unwrap();
        client.write_all(&framed(&[number; 3])).unwrap();
    }
    let packets = world.packets(40).await;
    for (number, client) in (0u8..).zip(&mut clients) {
        let remote = client.local_addr().unwrap();
        let of_client: Vec<&Vec<u8>> = packets
            .iter()
            .filter(|(from, _)| *from == remote)
            .map(|(_, packet)| packet)
            .collect();
        assert_eq!(of_client, [&vec![number; 700], &vec![number; 3]]);
        assert!(world.tcp.send(remote, Lane::Control, &[number; 9]));
    }
    world.tcp.flush();
    for (number, client) in (0u8..).zip(&mut clients) {
        let mut answer = [0; 11];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer[..], framed(&[number; 9]));
    }
}

#[tokio::test]
async fn a_stranger_is_closed_after_its_time_and_an_adopted_connection_stays() {
    let mut world = World::new();
    let mut stranger = world.client().await;
    let friend = world.client().await;
    world.tcp.adopt(friend.local_addr().unwrap());
    assert_eq!(world.tcp.poll_timeout(), Some(world.now + STRANGER_TIMEOUT));
    world.now += STRANGER_TIMEOUT - Duration::from_millis(1);
    world.tcp.handle_timeout(world.now);
    assert!(world.has(&stranger));
    world.now += Duration::from_millis(1);
    world.tcp.handle_timeout(world.now);
    assert!(!world.has(&stranger) && world.has(&friend));
    assert!(is_closed(&mut stranger));
    assert_eq!(world.tcp.poll_timeout(), None);
    assert_eq!(world.tcp.poll_closed(), None, "nobody knew the stranger");
    world.now += 100 * STRANGER_TIMEOUT;
    world.tcp.handle_timeout(world.now);
    assert!(world.has(&friend));
}

#[tokio::test]
async fn too_many_strangers_of_one_address_cost_the_oldest_of_them_only() {
    let mut world = World::new();
    let friend = world.client().await;
    world.tcp.adopt(friend.local_addr().unwrap());
    let mut strangers = Vec::new();
    for _ in 0..MAX_STRANGERS_PER_ADDRESS + 5 {
        strangers.push(world.client().await);
    }
    let closed = strangers.iter().filter(|stranger| !world.has(stranger)).count();
    assert_eq!(closed, 5);
    assert!(strangers[..5].iter().all(|stranger| !world.has(stranger)));
    assert!(world.has(&friend));
    assert_eq!(world.tcp.stranger_count, MAX_STRANGERS_PER_ADDRESS);
}

#[tokio::test]
async fn a_stream_that_is_no_frames_is_closed() {
    let mut world = World::new();
    let mut client = world.client().await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    world.turn().await;
    let mut slab = vec![0; READ_LEN];
    let mut arrival = world.tcp.read(&mut slab).unwrap();
    let result = arrival
        .deframer
        .feed(&mut slab[..arrival.len], |_| panic!("no frame"));
    world.tcp.done(arrival, result);
    assert!(!world.has(&client));
    assert!(is_closed(&mut client));
}

#[tokio::test]
async fn the_end_of_an_adopted_connection_is_told() {
    let mut world = World::new();
    let client = world.client().await;
    let remote = client.local_addr().unwrap();
    world.tcp.adopt(remote);
    drop(client);
    let mut slab = vec![0; READ_LEN];
    while world.tcp.by_remote.contains_key(&remote) {
        world.turn().await;
        assert!(world.tcp.read(&mut slab).is_none());
    }
    assert_eq!(world.tcp.poll_closed(), Some(remote));
    assert_eq!(world.tcp.poll_closed(), None);
    assert!(!world.tcp.send(remote, Lane::Control, &[1]));
}

#[tokio::test]
async fn a_client_that_reads_nothing_costs_bounded_memory_and_hears_audio_before_video() {
    let mut world = World::new();
    let mut client = world.client().await;
    let remote = client.local_addr().unwrap();
    world.tcp.adopt(remote);
    let mut taken = 0;
    let mut dropped = 0;
    while dropped < 100 {
        if world.tcp.send(remote, Lane::Video, &[1; 1200]) {
            taken += 1;
        } else {
            dropped += 1;
        }
        world.tcp.flush();
    }
    assert!(taken * 1202 < VIDEO_CAPACITY + (8 << 20), "what the kernel holds");
    assert!(world.tcp.send(remote, Lane::Audio, &[2; 100]));
    assert!(world.tcp.send(remote, Lane::Control, &[3; 50]));
    world.tcp.flush();
    // When it reads again, what was urgent comes before the rest of the pictures.
    let reader = std::thread::spawn(move || {
        let mut order = Vec::new();
        while order.len() < taken + 2 {
            let mut prefix = [0; 2];
            client.read_exact(&mut prefix).unwrap();
            let mut packet = vec![0; usize::from(u16::from_be_bytes(prefix))];
            client.read_exact(&mut packet).unwrap();
            order.push(packet[0]);
        }
        order
    });
    while !world
        .tcp
        .slots
        .iter()
        .flatten()
        .all(|connection| connection.lanes.is_empty())
    {
        world.turn().await;
    }
    let order = reader.join().unwrap();
    let at = |kind: u8| order.iter().position(|packet| *packet == kind).unwrap();
    assert_eq!(at(2), at(3) + 1);
    assert!(
        order.len() - at(2) > VIDEO_CAPACITY / 1202 - 20,
        "{} of {}",
        at(2),
        order.len()
    );
}
