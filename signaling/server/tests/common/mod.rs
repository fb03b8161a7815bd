//! The real `conclave` program on ephemeral ports, with an SFU made of a script behind the control link.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses its own part of this"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::result_large_err,
    reason = "a helper of tests that fails is a test that fails"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use conclave_wire::client::session::{ErrorMessage, Hello};
use conclave_wire::control::{ControlCommand, ControlEvent};
use conclave_wire::id::{ClientId, RoomId};
use conclave_wire::{ClientMessage, PROTOCOL_VERSION, SUBPROTOCOL, ServerMessage, codec};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Nothing here takes longer unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The token of the control link.
pub const TOKEN: &str = "a token for tests only";

/// A folder that goes away with its owner.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("conclave-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program without the environment of whoever runs the tests.
pub fn conclave() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conclave"));
    for (name, _) in std::env::vars() {
        if name.starts_with("CONCLAVE_") {
            command.env_remove(name);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running server.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    pub greeting: String,
    logs: Option<std::thread::JoinHandle<String>>,
    sfu: Option<ScriptedSfu>,
    _folder: Folder,
}

impl Running {
    /// Starts the server against a scripted SFU and waits until it is ready.
    pub async fn start(arguments: &[&str]) -> Self {
        let sfu = ScriptedSfu::start().await;
        let mut running = Self::start_with_sfu(&format!("ws://{}", sfu.address), arguments).await;
        running.sfu = Some(sfu);
        until_ready(running.address, 200).await;
        running
    }

    /// Starts the server against the SFU behind this URL.
    pub async fn start_with_sfu(url: &str, arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let token = folder.file("token", TOKEN);
        let mut child = conclave()
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "trace", "--sfu", url])
            .args(["--sfu-token-file", token.to_str().unwrap()])
            .args(arguments)
            .spawn()
            .unwrap();
        let (greeting, address) = greeting(&mut child);
        let mut stderr = child.stderr.take().unwrap();
        let logs = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Self {
            child,
            address,
            greeting,
            logs: Some(logs),
            sfu: None,
            _folder: folder,
        }
    }

    pub fn sfu(&mut self) -> &mut ScriptedSfu {
        self.sfu.as_mut().expect("this server has another SFU")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the server to stop, as systemd does.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end and returns what was logged.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.logs.take().unwrap().join().unwrap())
    }

    /// Opens a WebSocket that is right in every way.
    pub async fn client(&self) -> Client {
        Client::open(self.address, Some(SUBPROTOCOL), None).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the server says that it is ready, or that it is not.
pub async fn until_ready(address: SocketAddr, status: u16) {
    let start = Instant::now();
    while get(address, "/readyz").status != status {
        assert!(start.elapsed() < PATIENCE, "/readyz does not become {status}");
        tokio::task::yield_now().await;
    }
}

/// Reads the start lines and the address in them.
pub fn greeting(child: &mut Child) -> (String, SocketAddr) {
    let mut text = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in &mut lines {
        let line = line.unwrap();
        text.push_str(&line);
        text.push('\n');
        if line.starts_with("Stop with") {
            break;
        }
    }
    let url = text
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap_or_else(|| {
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("the server did not start:\n{text}{errors}")
        });
    let address = url
        .trim_start_matches("http://")
        .replace("localhost", "127.0.0.1")
        .parse()
        .unwrap();
    (text, address)
}

/// An SFU that is ready and then only listens.
pub struct ScriptedSfu {
    pub address: SocketAddr,
    /// Every command the server sent.
    pub commands: mpsc::UnboundedReceiver<ControlCommand>,
    /// Sent to the server.
    pub events: mpsc::UnboundedSender<ControlEvent>,
    /// Breaks the link.
    pub cut: mpsc::UnboundedSender<()>,
}

impl ScriptedSfu {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (command_sender, commands) = mpsc::unbounded_channel();
        let (events, mut event_receiver) = mpsc::unbounded_channel();
        let (cut, mut cuts) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let check = |request: &Request, mut response: Response| {
                    assert_eq!(request.uri().path(), "/control");
                    assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
                    let protocol = request.headers()["sec-websocket-protocol"].clone();
                    assert_eq!(protocol, conclave_wire::CONTROL_SUBPROTOCOL);
                    response.headers_mut().insert("sec-websocket-protocol", protocol);
                    Ok(response)
                };
                let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, check).await else {
                    continue;
                };
                let candidates = vec!["192.0.2.1:3478".parse().unwrap()];
                let ready = ControlEvent::Ready {
                    version: String::from("script"),
                    candidates,
                };
                socket.send(Message::text(codec::encode(&ready))).await.unwrap();
                loop {
                    tokio::select! {
                        message = socket.next() => match message {
                            Some(Ok(Message::Text(text))) => {
                                let command = codec::decode(&text, usize::MAX).unwrap();
                                // A test that does not look at commands is fine.
                                let _ = command_sender.send(command);
                            }
                            Some(Ok(_)) => {}
                            Some(Err(_)) | None => break,
                        },
                        Some(event) = event_receiver.recv() => {
                            socket.send(Message::text(codec::encode(&event))).await.unwrap();
                        }
                        Some(()) = cuts.recv() => break,
                    }
                }
            }
        });
        Self {
            address,
            commands,
            events,
            cut,
        }
    }

    pub async fn command(&mut self) -> ControlCommand {
        tokio::time::timeout(PATIENCE, self.commands.recv())
            .await
            .expect("no command came")
            .unwrap()
    }
}

/// A participant's WebSocket.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Client {
    pub async fn open(
        address: SocketAddr,
        protocol: Option<&str>,
        origin: Option<&str>,
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request
                .headers_mut()
                .insert("sec-websocket-protocol", HeaderValue::from_str(protocol).unwrap());
        }
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert("origin", HeaderValue::from_str(origin).unwrap());
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Self { socket })
    }

    pub async fn send(&mut self, message: &ClientMessage) {
        self.send_text(&codec::encode(message)).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send_frame(Message::text(text)).await;
    }

    pub async fn send_frame(&mut self, frame: Message) {
        // A server that refuses may be gone before all of a large frame is sent; what it said is what counts.
        let _ = self.socket.send(frame).await;
    }

    /// The next message.
    pub async fn message(&mut self) -> ServerMessage {
        match self.event().await {
            Event::Message(message) => message,
            Event::Closed(frame) => panic!("closed: {frame:?}"),
        }
    }

    pub async fn event(&mut self) -> Event {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("nothing came");
            match frame {
                Some(Ok(Message::Text(text))) => return Event::Message(codec::decode_server(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Event::Closed(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Event::Closed(None),
            }
        }
    }

    /// Expects a fatal error and the close after it.
    pub async fn refusal(&mut self) -> (ErrorMessage, CloseFrame) {
        let error = loop {
            match self.message().await {
                ServerMessage::Error(error) => break error,
                // What was sent before the refusal.
                _ => continue,
            }
        };
        assert!(error.fatal);
        match self.event().await {
            Event::Closed(Some(frame)) => (error, frame),
            other => panic!("no close but {other:?}"),
        }
    }
}

#[derive(Debug)]
pub enum Event {
    Message(ServerMessage),
    Closed(Option<CloseFrame>),
}

/// A Hello of a new participant.
pub fn hello(room: RoomId, client: u8) -> ClientMessage {
    ClientMessage::Hello(Hello {
        version: PROTOCOL_VERSION,
        room,
        client_id: ClientId::new([client; 16]),
        token: None,
        resume: None,
        host: None,
    })
}

/// An HTTP response.
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub fn get(address: SocketAddr, path: &str) -> Reply {
    request(address, "GET", path, &[], b"")
}

/// One request on a connection of its own.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // As in `raw`, but hyper takes an end for a client that does not want its answer any more.
    let _ = stream.write_all(&bytes);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    parse(&answer)
}

/// Sends bytes and an end, and returns all that comes back.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may answer and close before it has read all of what is wrong.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

pub fn parse(answer: &[u8]) -> Reply {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("no HTTP response");
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
    Reply {
        status,
        headers: headers.collect(),
        body: answer[end + 4..].to_vec(),
    }
}
