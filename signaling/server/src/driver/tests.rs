//! The driver with a scripted link and connections that are only queues.

use conclave_signaling_core::ServiceConfig;
use conclave_wire::client::membership::PresenceKind;
use conclave_wire::client::session::{Hello, Ping};
use conclave_wire::id::{ClientId, OfferId};
use conclave_wire::{PROTOCOL_VERSION, ServerMessage, codec};

use super::*;

const SFU_QUEUE: usize = 2;

struct Link {
    commands: mpsc::Receiver<ControlCommand>,
    events: mpsc::Sender<LinkEvent>,
}

fn driver() -> (Driver, ServiceHandle, Link) {
    let (commands, command_receiver) = mpsc::channel(SFU_QUEUE);
    let (event_sender, events) = mpsc::channel(SFU_QUEUE);
    let service = Service::new(ServiceConfig::default(), [7; 32]);
    let (driver, handle) = Driver::new(service, SfuLink { commands, events }, Arc::default(), None);
    (
        driver,
        handle,
        Link {
            commands: command_receiver,
            events: event_sender,
        },
    )
}

/// A handle whose driver never ran.
pub(crate) fn unattended() -> ServiceHandle {
    driver().1
}

/// A service with one room in which each of these tokens is a member's.
pub(crate) fn with_members(room: RoomId, members: Vec<(SessionToken, ClientId)>) -> ServiceHandle {
    let (mut driver, handle, _) = driver();
    tokio::spawn(async move {
        while let Some(input) = driver.inputs.recv().await {
            match input {
                Input::Member {
                    room: asked,
                    token,
                    reply,
                } => {
                    let member = members.iter().find(|(known, _)| *known == token && asked == room);
                    let _ = reply.send(member.map(|(_, client)| *client));
                }
                other => driver.handle_input(Instant::now(), other),
            }
        }
    });
    handle
}

fn hello(client: u8) -> ClientMessage {
    ClientMessage::Hello(Hello {
        version: PROTOCOL_VERSION,
        room: RoomId::new([1; 16]),
        client_id: ClientId::new([client; 16]),
        token: None,
        resume: None,
        host: None,
    })
}

fn message(outbound: Outbound) -> ServerMessage {
    match outbound {
        Outbound::Frame(frame) => codec::decode_server(frame.as_str()).unwrap(),
        Outbound::Close(code) => panic!("closed: {code:?}"),
    }
}

async fn enter(service: &ServiceHandle, number: u8) -> mpsc::Receiver<Outbound> {
    let session = SessionKey(number.into());
    let mut outbound = service
        .connect(session, "192.0.2.1".parse().unwrap())
        .await
        .unwrap();
    service.message(session, hello(number)).await.unwrap();
    assert!(matches!(
        message(outbound.recv().await.unwrap()),
        ServerMessage::State(_)
    ));
    outbound
}

#[tokio::test]
async fn a_connection_that_does_not_keep_up_is_given_up_and_the_others_go_on() {
    let (driver, service, _link) = driver();
    tokio::spawn(driver.run());
    let mut slow = enter(&service, 1).await;
    let mut quick = enter(&service, 2).await;
    // Everybody is told of each who comes and goes; only one of the two listens.
    for visitor in 0..OUTBOUND_QUEUE {
        let session = SessionKey(1_000 + u64::try_from(visitor).unwrap());
        let _gone = service
            .connect(session, "192.0.2.2".parse().unwrap())
            .await
            .unwrap();
        let mut client_id = [9; 16];
        client_id[..8].copy_from_slice(&session.0.to_be_bytes());
        let ClientMessage::Hello(hello) = hello(9) else {
            unreachable!()
        };
        let hello = Hello {
            client_id: ClientId::new(client_id),
            ..hello
        };
        service
            .message(session, ClientMessage::Hello(hello))
            .await
            .unwrap();
        service.message(session, ClientMessage::Bye).await.unwrap();
        while !matches!(message(quick.recv().await.unwrap()), ServerMessage::Presence(presence) if presence.presence == PresenceKind::Gone)
        {
        }
    }
    // What fitted into the queue is still there; after it the queue ends.
    let mut waiting = 0;
    while let Some(outbound) = slow.recv().await {
        assert!(matches!(outbound, Outbound::Frame(_)));
        waiting += 1;
    }
    assert_eq!(waiting, OUTBOUND_QUEUE);

    service
        .message(SessionKey(2), ClientMessage::Ping(Ping { id: 5 }))
        .await
        .unwrap();
    while !matches!(message(quick.recv().await.unwrap()), ServerMessage::Pong(pong) if pong.id == 5) {}
}

#[tokio::test]
async fn commands_beyond_the_links_queue_wait_and_keep_their_order() {
    let (driver, service, mut link) = driver();
    tokio::spawn(driver.run());
    link.events.send(LinkEvent::Event(ready())).await.unwrap();
    let _outbound = enter(&service, 1).await;
    let offers = u32::try_from(SFU_QUEUE).unwrap() * 5;
    for id in 0..offers {
        let offer = conclave_wire::client::negotiation::Offer {
            offer_id: OfferId(id),
            sdp: String::from("v=0"),
            sections: Vec::new(),
        };
        service
            .message(SessionKey(1), ClientMessage::Offer(offer))
            .await
            .unwrap();
    }
    // All messages were handled before the first command is taken.
    service.stats().await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < usize::try_from(offers).unwrap() {
        if let ControlCommand::Negotiate { offer_id, .. } = link.commands.recv().await.unwrap() {
            seen.push(offer_id.0);
        }
    }
    assert_eq!(seen, (0..offers).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_sfus_addresses_are_known_while_it_can_be_reached() {
    let (driver, mut service, link) = driver();
    tokio::spawn(driver.run());
    assert_eq!(service.candidates(), None);
    link.events.send(LinkEvent::Event(ready())).await.unwrap();
    assert_eq!(
        service.media_ready().await.unwrap(),
        ["192.0.2.9:3478".parse::<SocketAddr>().unwrap()]
    );
    link.events.send(LinkEvent::Lost).await.unwrap();
    service.candidates.wait_for(Option::is_none).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_tells_and_closes_everybody() {
    let (driver, service, _link) = driver();
    tokio::spawn(driver.run());
    let mut outbound = enter(&service, 1).await;
    service.shut_down().await.unwrap();
    let ServerMessage::Error(error) = message(outbound.recv().await.unwrap()) else {
        panic!("no error")
    };
    assert_eq!((error.code, error.fatal), (ErrorCode::ShuttingDown, true));
    assert!(matches!(
        outbound.recv().await,
        Some(Outbound::Close(ErrorCode::ShuttingDown))
    ));
    assert!(outbound.recv().await.is_none());
}

fn ready() -> ControlEvent {
    ControlEvent::Ready {
        version: String::from("script"),
        candidates: vec!["192.0.2.9:3478".parse().unwrap()],
    }
}
