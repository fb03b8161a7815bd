//! `hostile`: a call goes on while strangers send garbage and floods.

use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{interval, sleep};

use super::{Scenario, light};
use crate::http::Server;
use crate::participant::detour::Detour;
use crate::participant::signaling::Signaling;

/// Datagrams of one burst, and between bursts: 5000 a second of each kind.
const BURST: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// Between two strangers at the door.
const KNOCK: Duration = Duration::from_millis(20);
/// Largest datagram of garbage.
const LARGEST: usize = 1200;

/// A call, and everything that does not belong to it.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "hostile",
    summary: "a call, while strangers flood the media port (garbage, STUN, RTP) and the web port (garbage, WebSockets)",
    measures: "what the call notices: loss, latency, problems; server CPU and memory",
    cast: light(4),
    duration: Duration::from_secs(30),
    run: |crowd, settings| {
        Box::pin(async move {
            let scout = Detour::scout();
            crowd.take_detour(Some(scout.clone()));
            crowd.bring_all(u32::MAX).await?;
            sleep(settings.duration / 3).await;
            let media = scout.seen().await;
            let Some(media) = media.first().copied() else {
                return Err("the server named no media address to flood".to_owned());
            };
            for first in [None, Some(0x00), Some(0x80), Some(0x16)] {
                crowd.accompany(flood(media, first));
            }
            crowd.accompany(knock(crowd.server().clone()));
            sleep(settings.duration * 2 / 3).await;
            Ok(())
        })
    },
};

/// Sends noise whose first byte looks like a protocol: STUN 0, DTLS 22, RTP 128.
async fn flood(to: SocketAddr, first: Option<u8>) {
    let local: SocketAddr = if to.is_ipv4() {
        ([0u8; 4], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let mut ticks = interval(PAUSE);
    loop {
        ticks.tick().await;
        // A new address each time: each is a stranger.
        let Ok(socket) = UdpSocket::bind(local).await else {
            continue;
        };
        for _ in 0..BURST {
            let mut datagram = noise(LARGEST);
            if let (Some(byte), Some(first)) = (datagram.first_mut(), first) {
                *byte = first;
            }
            // What the system does not take does not matter.
            let _ = socket.send_to(&datagram, to).await;
        }
    }
}

/// Opens connections to the web port and says nonsense: to HTTP, and to a WebSocket.
async fn knock(server: Server) {
    let mut ticks = interval(KNOCK);
    let mut open = std::collections::VecDeque::new();
    loop {
        ticks.tick().await;
        if let Ok(mut stream) = TcpStream::connect(server.authority()).await {
            let _ = stream.write_all(&noise(LARGEST)).await;
            // Kept open for a while, without another word.
            open.push_back(stream);
        }
        if let Ok(mut signaling) = Signaling::open(&server).await {
            let text: String = noise(LARGEST)
                .iter()
                .map(|byte| char::from(byte & 0x7f))
                .collect();
            let _ = signaling.send_text(text).await;
        }
        if open.len() > 100 {
            open.pop_front();
        }
    }
}

fn noise(largest: usize) -> Vec<u8> {
    let mut random = rand::rng();
    let mut bytes = vec![0; random.random_range(1..=largest)];
    random.fill(bytes.as_mut_slice());
    bytes
}
