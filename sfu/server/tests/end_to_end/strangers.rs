//! What strangers send to the media port: nothing is answered, nothing breaks.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::support::{Conference, soon};

#[tokio::test]
async fn a_stranger_is_not_answered_and_every_datagram_is_counted() {
    let conference = Conference::start().await;
    let port = conference.candidates[0];
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // A Binding request to a peer that does not exist, then one of each other kind, then rubbish.
    let mut binding = vec![0, 1, 0, 28, 0x21, 0x12, 0xa4, 0x42];
    binding.extend([7; 12]);
    binding.extend([0, 6, 0, 23]);
    binding.extend(b"AAAAAAAAAAAAAAAAAAAA:ab\0");
    let datagrams: Vec<Vec<u8>> = vec![
        binding,
        vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
        vec![0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3],
        vec![0x80, 200, 0, 1, 0, 0, 0, 1],
        vec![255; 1400],
        vec![0],
        vec![0x90; 60_000],
    ];
    for datagram in &datagrams {
        stranger.send_to(datagram, port).await.unwrap();
    }
    let sent = u64::try_from(datagrams.len()).unwrap();
    soon("the count", async {
        // What is longer than a slot of the slab may be dropped before it is counted.
        while conference.stats.snapshot().datagrams_dropped < sent - 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut buffer = [0; 2000];
    let answer = tokio::time::timeout(Duration::from_millis(50), stranger.recv_from(&mut buffer)).await;
    assert!(answer.is_err(), "an answer to a stranger is amplification");
}

#[tokio::test]
async fn over_tcp_a_stranger_that_does_not_say_who_it_is_is_closed_without_an_answer() {
    let conference = Conference::start().await;
    let rude: [&[u8]; 4] = [
        // Media, a handshake record, a browser that took the port for a page, and a frame longer than any packet.
        &[0, 13, 0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1],
        &[0, 14, 22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
        b"GET / HTTP/1.1\r\n\r\n",
        &[255, 255],
    ];
    for bytes in rude {
        let mut stream = TcpStream::connect(conference.candidates[0]).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let end = soon("the end", stream.read_to_end(&mut answer)).await;
        assert!(end.is_err() || answer.is_empty(), "{answer:?}");
    }
    // A check that names nobody is dropped, and its connection may try again.
    let mut stream = TcpStream::connect(conference.candidates[0]).await.unwrap();
    let mut binding = vec![0, 48, 0, 1, 0, 28, 0x21, 0x12, 0xa4, 0x42];
    binding.extend([7; 12]);
    binding.extend([0, 6, 0, 23]);
    binding.extend(b"AAAAAAAAAAAAAAAAAAAA:ab\0");
    let before = conference.stats.snapshot().datagrams_dropped;
    stream.write_all(&binding).await.unwrap();
    soon("the count", async {
        while conference.stats.snapshot().datagrams_dropped == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut buffer = [0; 1];
    let answer = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut buffer)).await;
    assert!(answer.is_err(), "neither an answer nor an end");
}
