//! Any server that takes WHIP (RFC 9725) and gives WHEP: somebody else runs it, and two URLs say where.
//!
//! Every participant publishes a stream of its own; who receives opens one connection per stream.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{Method, Uri};
use tokio::time::sleep;

use super::{
    Guest, Host, Place, Prepared, Room, Rooms, Seat, Server, Target, TargetError, first_packet, within,
};
use crate::http::{self, Question};
use crate::light::{LightError, LightPeer, Wanted};

const NAME: &str = "whip";
/// What stands in the answer for a stream that is not there.
const NOT_FOUND: u16 = 404;
/// Between two looks whether it is.
const LOOK: Duration = Duration::from_millis(50);
/// What stands in a URL for the stream's name.
const STREAM: &str = "{stream}";

/// The target.
#[derive(Clone, Debug)]
pub struct Whip {
    /// Where to publish, with `{stream}` for the stream's name.
    pub publish: String,
    /// Where to receive; without it nothing can be received.
    pub watch: String,
    /// Bearer token for both.
    pub token: Option<String>,
    /// The server's process, when it runs on this machine.
    pub pid: Option<u32>,
}

#[async_trait]
impl Target for Whip {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, _: &dyn Fn(&str)) -> Result<Prepared, String> {
        for template in [&self.publish, &self.watch] {
            if !template.contains(STREAM) {
                return Err(format!(
                    "{template:?} has no {STREAM} where the stream's name goes"
                ));
            }
            Endpoint::of(template, "test")?;
        }
        Ok(Prepared {
            program: None,
            version: "as it runs".to_owned(),
        })
    }

    fn differs(&self) -> &'static str {
        "A connection for each stream that is sent or received. Payloads are as long as if they were sealed with SFrame, \
         and are not."
    }

    async fn start(&self, _: &Prepared, _: &Place) -> Result<Server, TargetError> {
        Ok(Server {
            host: Host::Elsewhere {
                name: NAME,
                pid: self.pid,
            },
            rooms: Box::new(Elsewhere(self.clone())),
        })
    }
}

/// A URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Endpoint {
    server: http::Server,
    path: String,
}

impl Endpoint {
    fn of(template: &str, stream: &str) -> Result<Self, String> {
        let url = template.replace(STREAM, stream);
        let server = http::Server::parse(&url).map_err(|error| error.to_string())?;
        let uri: Uri = url.parse().map_err(|_| format!("{url:?} is not a URL"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            server,
            path: path.to_owned(),
        })
    }
}

struct Elsewhere(Whip);

#[async_trait]
impl Rooms for Elsewhere {
    async fn create_room(&self, number: u32) -> Result<Box<dyn Room>, TargetError> {
        Ok(Box::new(Streams {
            whip: self.0.clone(),
            number,
        }))
    }
}

/// A room is a number of streams.
struct Streams {
    whip: Whip,
    number: u32,
}

#[async_trait]
impl Room for Streams {
    async fn join(&self, number: u32, guest: Guest) -> Result<Box<dyn Seat>, TargetError> {
        let mut seat = Participant {
            whip: self.whip.clone(),
            room: self.number,
            number,
            guest,
            publishing: None,
            watching: Vec::new(),
        };
        if !seat.guest.sends.is_empty() {
            within(NAME, "publishing", seat.publish()).await?;
        }
        Ok(Box::new(seat))
    }
}

struct Participant {
    whip: Whip,
    room: u32,
    number: u32,
    guest: Guest,
    publishing: Option<Connection>,
    watching: Vec<Connection>,
}

/// A connection, and the resource that stands for it at the server.
struct Connection {
    peer: LightPeer,
    resource: Option<Endpoint>,
}

impl Participant {
    async fn publish(&mut self) -> Result<(), TargetError> {
        let mut peer = self.guest.publishing_peer().map_err(media)?;
        let offer = peer.offer(Wanted::default());
        let stream = stream_name(self.room, self.number);
        let (answer, resource) = self.exchange(&self.whip.publish, &stream, offer).await?;
        peer.set_answer(&answer).map_err(media)?;
        peer.connected().await.map_err(media)?;
        peer.start_sending();
        self.publishing = Some(Connection { peer, resource });
        Ok(())
    }

    async fn watch(&mut self, publisher: u32) -> Result<(), TargetError> {
        let mut peer = self.guest.receiving_peer().map_err(media)?;
        let offer = peer.offer(Wanted {
            audio: 1,
            video: 1,
            ..Wanted::default()
        });
        let stream = stream_name(self.room, publisher);
        let (answer, resource) = self.exchange(&self.whip.watch, &stream, offer).await?;
        peer.set_answer(&answer).map_err(media)?;
        first_packet(&mut peer).await.map_err(media)?;
        self.watching.push(Connection { peer, resource });
        Ok(())
    }

    /// Sends an offer; the answer comes with the place of the new resource.
    async fn exchange(
        &self,
        template: &str,
        stream: &str,
        offer: String,
    ) -> Result<(String, Option<Endpoint>), TargetError> {
        let endpoint = Endpoint::of(template, stream).map_err(signaling)?;
        let offer = Bytes::from(offer);
        let mut answer = self.ask(&endpoint, Method::POST, offer.clone()).await?;
        // A stream may be there only after its first packets; the caller's patience ends this.
        while answer.status == NOT_FOUND && template == self.whip.watch {
            sleep(LOOK).await;
            answer = self.ask(&endpoint, Method::POST, offer.clone()).await?;
        }
        if answer.status != 201 {
            let said = String::from_utf8_lossy(&answer.body);
            return Err(TargetError::Refused {
                name: NAME,
                detail: format!(
                    "POST {} answers {}: {}",
                    endpoint.path,
                    answer.status,
                    said.trim()
                ),
            });
        }
        let resource = answer.location.and_then(|location| endpoint.relative(&location));
        Ok((String::from_utf8_lossy(&answer.body).into_owned(), resource))
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        method: Method,
        body: Bytes,
    ) -> Result<http::Answer, TargetError> {
        let question = Question {
            method,
            path: &endpoint.path,
            content_type: "application/sdp",
            token: self.whip.token.as_deref(),
            body,
        };
        let answer = endpoint.server.ask(question).await;
        answer.map_err(|error| signaling(error.to_string()))
    }
}

impl Endpoint {
    /// What a `Location` header of this endpoint's answer stands for: a URL or a path.
    fn relative(&self, location: &str) -> Option<Self> {
        if location.starts_with('/') {
            return Some(Self {
                server: self.server.clone(),
                path: location.to_owned(),
            });
        }
        Self::of(location, "").ok()
    }
}

#[async_trait]
impl Seat for Participant {
    async fn subscribe(&mut self, publishers: usize) -> Result<(), TargetError> {
        let publishers = u32::try_from(publishers).unwrap_or(u32::MAX);
        let own = self.publishing.as_ref().map(|_| self.number);
        // Publishers have the first numbers of a room.
        let all = (0..=publishers).filter(|number| Some(*number) != own);
        for publisher in all.take(usize::try_from(publishers).unwrap_or(usize::MAX)) {
            within(NAME, "receiving", self.watch(publisher)).await?;
        }
        Ok(())
    }

    async fn leave(self: Box<Self>) {
        for connection in self.publishing.iter().chain(&self.watching) {
            connection.peer.close();
            if let Some(resource) = &connection.resource {
                // The server notices by itself, too.
                let _ = self.ask(resource, Method::DELETE, Bytes::new()).await;
            }
        }
    }
}

fn stream_name(room: u32, participant: u32) -> String {
    format!("room{room}-p{participant}")
}

const fn signaling(detail: String) -> TargetError {
    TargetError::Signaling { name: NAME, detail }
}

const fn media(source: LightError) -> TargetError {
    TargetError::Media { name: NAME, source }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::light::{LightConfig, LightEngine};

    fn whip(publish: &str) -> Whip {
        Whip {
            publish: publish.to_owned(),
            watch: "http://localhost:8889/{stream}/whep".to_owned(),
            token: None,
            pid: None,
        }
    }

    #[test]
    fn a_url_needs_a_place_for_the_stream() {
        let prepare = |publish: &str| whip(publish).prepare(&|_| {});
        assert!(prepare("http://localhost:8889/{stream}/whip").is_ok());
        assert!(
            prepare("http://localhost:8889/whip")
                .unwrap_err()
                .contains(STREAM)
        );
        assert!(prepare("https://localhost/{stream}").is_ok());
        assert!(
            prepare("ftp://localhost/{stream}")
                .unwrap_err()
                .contains("neither http nor https")
        );
        assert!(prepare("{stream}").is_err());
    }

    #[test]
    fn the_stream_stands_in_the_path_and_a_location_is_relative_to_it() {
        let endpoint = Endpoint::of("http://localhost:8889/{stream}/whip?x=1", "room0-p1").unwrap();
        assert_eq!(endpoint.path, "/room0-p1/whip?x=1");
        let relative = endpoint.relative("/room0-p1/whip/abc").unwrap();
        assert_eq!(
            (relative.server, relative.path.as_str()),
            (endpoint.server.clone(), "/room0-p1/whip/abc")
        );
        let absolute = endpoint.relative("http://other:1/x").unwrap();
        assert_eq!(
            (absolute.server.authority().as_str(), absolute.path.as_str()),
            ("other:1", "/x")
        );
        assert_eq!(endpoint.relative("nonsense"), None);
    }

    /// Answers requests one after the other with these, and gives the number of requests it has had.
    async fn answering(listener: tokio::net::TcpListener, answers: &[&str]) -> usize {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            // The offer is the last thing that comes.
            while !asked.ends_with(b"v=0") {
                assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        answers.len()
    }

    fn participant(address: std::net::SocketAddr) -> Participant {
        Participant {
            whip: Whip {
                watch: format!("http://{address}/{{stream}}/whep"),
                ..whip(&format!("http://{address}/{{stream}}/whip"))
            },
            room: 0,
            number: 0,
            guest: Guest {
                engine: LightEngine::start(&LightConfig::default()).unwrap(),
                address: address.ip(),
                sends: Vec::new(),
                sample: 1,
                measures: Arc::default(),
            },
            publishing: None,
            watching: Vec::new(),
        }
    }

    const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const CREATED: &str =
        "HTTP/1.1 201 Created\r\nLocation: /s/whep/1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nv=1";

    #[tokio::test]
    async fn a_stream_that_is_not_there_yet_is_asked_for_again() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let participant = participant(listener.local_addr().unwrap());
        let watched = participant.exchange(&participant.whip.watch, "s", "v=0".to_owned());
        let (exchanged, asked) = tokio::join!(watched, answering(listener, &[MISSING, MISSING, CREATED]));
        let (answer, resource) = exchanged.unwrap();
        assert_eq!((answer.as_str(), asked), ("v=1", 3));
        assert_eq!(resource.unwrap().path, "/s/whep/1");
    }

    #[tokio::test]
    async fn a_place_to_publish_that_is_not_there_is_an_error_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let participant = participant(listener.local_addr().unwrap());
        let published = participant.exchange(&participant.whip.publish, "s", "v=0".to_owned());
        let (exchanged, _) = tokio::join!(published, answering(listener, &[MISSING]));
        assert!(matches!(exchanged, Err(TargetError::Refused { .. })));
    }
}
