//! TLS on the TCP address: pages, WebSocket and redirect of a server that speaks it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests that fails is a test that fails"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use conclave_signaling::config::TlsConfig;
use conclave_signaling::{Config, Server, StartError};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn config(tls: TlsConfig) -> Config {
    let any = || SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        listen: any(),
        media: vec![any()],
        tls: Some(tls),
        ..Config::defaults().unwrap()
    }
}

async fn connect(server: &Server, trusted: &Path, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted).unwrap())
        .unwrap();
    let mut client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(server.http_address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, stream).await
}

async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

const PAGE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_self_signed_server_serves_pages_and_websockets_and_does_not_bind_browsers() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(TlsConfig::SelfSigned(folder.path().to_owned()));
    let server = Server::start(&config).await.unwrap();
    let trusted = folder.path().join("self-signed.pem");
    assert!(
        server.greeting().contains("https://localhost:"),
        "{}",
        server.greeting()
    );

    let page = ask(connect(&server, &trusted, b"http/1.1").await.unwrap(), PAGE).await;
    assert!(page.starts_with("http/1.1 200"), "{page}");
    assert!(!page.contains("strict-transport-security"), "{page}");

    let socket = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        conclave_wire::SUBPROTOCOL
    );
    let upgraded = ask(connect(&server, &trusted, b"http/1.1").await.unwrap(), &socket).await;
    assert!(upgraded.starts_with("http/1.1 101"), "{upgraded}");

    // Who speaks plain HTTP here, or another protocol, gets nothing, and nobody else notices.
    let mut plain = TcpStream::connect(server.http_address()).await.unwrap();
    plain.write_all(PAGE.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(connect(&server, &trusted, b"h2").await.is_err());
    assert!(connect(&server, &trusted, b"acme-tls/1").await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_from_files_binds_browsers_to_https() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let (certificate, key) = (folder.path().join("a.pem"), folder.path().join("a.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = TlsConfig::Files {
        certificate: certificate.clone(),
        key,
    };
    let server = Server::start(&config(files)).await.unwrap();
    let page = ask(connect(&server, &certificate, b"http/1.1").await.unwrap(), PAGE).await;
    assert!(
        page.contains("strict-transport-security: max-age=31536000"),
        "{page}"
    );
    server.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let files = TlsConfig::Files {
        certificate: "/nowhere/a.pem".into(),
        key: "/nowhere/a.key".into(),
    };
    let Err(error @ StartError::Tls(_)) = Server::start(&config(files)).await else {
        panic!("started without a certificate");
    };
    assert!(error.to_string().contains("/nowhere/a.pem"), "{error}");
}
