//! A small HTTP/1.1 client: one request per connection, with TLS or without, bodies up to a limit.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::tls;

/// How long a whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest body taken, in bytes (a ratchet tree is at most 2 MiB).
const MAX_BODY: usize = 4 << 20;

const JSON: &str = "application/json";
/// The text exposition format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
    tls: bool,
}

/// A connection to a server, with TLS or without.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// Why `--url` names no server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// Not a URL.
    #[error("{0:?} is not a URL; write it like http://localhost:8080")]
    NotAUrl(String),
    /// Something else than http or https.
    #[error("{0:?} is neither http nor https")]
    NotHttp(String),
    /// A page of a server, where the server alone is wanted.
    #[error("{url:?} is a page; the server alone is {origin}")]
    NotAServer {
        /// What was given.
        url: String,
        /// What was probably meant.
        origin: String,
    },
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum HttpError {
    /// Nobody is there.
    #[error("cannot reach {server}: {source}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The server took longer than 10 s.
    #[error("{server} did not answer within 10 s")]
    TimedOut {
        /// Host and port.
        server: String,
    },
    /// The answer is no HTTP, or too large.
    #[error("{server} gave no usable HTTP answer to {path}: {detail}")]
    Broken {
        /// Host and port.
        server: String,
        /// What was asked for.
        path: String,
        /// What is wrong.
        detail: String,
    },
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: Bytes,
    /// The `Location` header, if there is one.
    pub location: Option<String>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// Type of the body.
    pub content_type: &'static str,
    /// Bearer token of the `Authorization` header.
    pub token: Option<&'a str>,
    /// The body.
    pub body: Bytes,
}

impl Server {
    /// Parses `http://HOST[:PORT]` or `https://HOST[:PORT]`; a path is ignored.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let not_a_url = || UrlError::NotAUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| not_a_url())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err(UrlError::NotHttp(url.to_owned())),
            None => return Err(not_a_url()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(not_a_url)?;
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
        })
    }

    /// As [`Self::parse`], but a path is an error: a server has none, and a room's link is no server.
    pub fn parse_alone(url: &str) -> Result<Self, UrlError> {
        let server = Self::parse(url)?;
        let page = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        match page {
            Some((_, page)) if !page.is_empty() => Err(UrlError::NotAServer {
                url: url.to_owned(),
                origin: server.origin(),
            }),
            _ => Ok(server),
        }
    }

    /// `http://HOST:PORT` or `https://HOST:PORT`.
    pub fn origin(&self) -> String {
        format!("http{}://{}", if self.tls { "s" } else { "" }, self.authority())
    }

    /// `ws://HOST:PORT` or `wss://HOST:PORT`.
    pub fn websocket_origin(&self) -> String {
        format!("ws{}://{}", if self.tls { "s" } else { "" }, self.authority())
    }

    /// `HOST:PORT`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The address its name stands for.
    pub async fn resolve(&self) -> Result<SocketAddr, HttpError> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let unreachable = |source| HttpError::Unreachable {
            server: self.authority(),
            source,
        };
        let mut addresses = tokio::net::lookup_host((host, self.port))
            .await
            .map_err(unreachable)?;
        addresses
            .next()
            .ok_or_else(|| unreachable(std::io::ErrorKind::NotFound.into()))
    }

    /// Opens a connection to it, without Nagle: messages are small and wait for each other.
    pub async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect((self.host.trim_matches(['[', ']']), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(if self.tls {
            let secured = tls::connect(&self.host, stream).await;
            Box::new(secured.map_err(|error| match error.kind() {
                // An alert or plain HTTP; a certificate says what is wrong with it.
                std::io::ErrorKind::InvalidData => {
                    std::io::Error::new(error.kind(), format!("no https there ({error})"))
                }
                _ => error,
            })?)
        } else {
            Box::new(stream)
        })
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Result<Answer, HttpError> {
        self.ask(Question::new(Method::GET, path, JSON, Bytes::new()))
            .await
    }

    /// `POST path` with a JSON body.
    pub async fn post_json(&self, path: &str, body: String) -> Result<Answer, HttpError> {
        self.ask(Question::new(Method::POST, path, JSON, Bytes::from(body)))
            .await
    }

    /// `PUT path` with metrics in Prometheus' text format.
    pub async fn put_text(&self, path: &str, body: String) -> Result<Answer, HttpError> {
        self.ask(Question::new(Method::PUT, path, METRICS, Bytes::from(body)))
            .await
    }

    /// Asks and waits for the answer.
    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, HttpError> {
        tokio::time::timeout(PATIENCE, self.exchange(question))
            .await
            .unwrap_or_else(|_| {
                Err(HttpError::TimedOut {
                    server: self.authority(),
                })
            })
    }

    async fn exchange(&self, question: Question<'_>) -> Result<Answer, HttpError> {
        let broken = |detail: String| HttpError::Broken {
            server: self.authority(),
            path: question.path.to_owned(),
            detail,
        };
        let stream = self.connect().await.map_err(|source| HttpError::Unreachable {
            server: self.authority(),
            source,
        })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(error.to_string()))?;
        let driver = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(question.method)
            .uri(question.path)
            .header(header::HOST, self.authority())
            .header(header::CONTENT_TYPE, question.content_type);
        if let Some(token) = question.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Full::new(question.body))
            .map_err(|error| broken(error.to_string()))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(error.to_string()))?;
        let status = response.status().as_u16();
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), MAX_BODY)
            .collect()
            .await
            .map_err(|error| broken(error.to_string()))?
            .to_bytes();
        driver.abort();
        Ok(Answer {
            status,
            body,
            location,
        })
    }
}

impl<'a> Question<'a> {
    const fn new(method: Method, path: &'a str, content_type: &'static str, body: Bytes) -> Self {
        Self {
            method,
            path,
            content_type,
            token: None,
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_urls_with_a_host_name_a_server() {
        assert_eq!(
            Server::parse("http://localhost:8080").unwrap().authority(),
            "localhost:8080"
        );
        assert_eq!(
            Server::parse("http://[::1]:9/r/x").unwrap().authority(),
            "[::1]:9"
        );
        assert_eq!(
            Server::parse("http://meet.example").unwrap().authority(),
            "meet.example:80"
        );
        let secure = Server::parse("https://meet.example/r/x").unwrap();
        assert_eq!(secure.origin(), "https://meet.example:443");
        assert_eq!(secure.websocket_origin(), "wss://meet.example:443");
        assert!(matches!(
            Server::parse("ftp://meet.example"),
            Err(UrlError::NotHttp(_))
        ));
        assert!(matches!(
            Server::parse_alone("http://meet.example/r/x#y"),
            Err(UrlError::NotAServer { origin, .. }) if origin == "http://meet.example:80"
        ));
        assert!(Server::parse_alone("http://meet.example/").is_ok());
        for url in ["localhost:8080", "/r/x", "", "http://"] {
            assert!(Server::parse(url).is_err(), "{url}");
        }
    }
}
