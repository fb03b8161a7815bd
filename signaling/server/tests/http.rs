//! Pages, API, health and metrics of the running server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests that fails is a test that fails"
)]

mod common;

use std::io::Read as _;

use common::{Running, get, parse, raw, request};
use conclave_wire::id::RoomId;

const POLICY: [&str; 14] = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "require-trusted-types-for 'script'",
    "",
];

#[tokio::test]
async fn every_response_carries_the_security_headers() {
    let server = Running::start(&[]).await;
    for path in [
        "/",
        "/r/some-room",
        "/livez",
        "/metrics",
        "/api/v1/rooms/x",
        "/nothing",
        "/ws",
        "/t/x",
    ] {
        let reply = get(server.address, path);
        let policy: Vec<&str> = reply
            .header("content-security-policy")
            .unwrap()
            .split(';')
            .map(str::trim)
            .collect();
        assert!(
            policy.iter().all(|directive| POLICY.contains(directive)),
            "{path}: {policy:?}"
        );
        assert_eq!(policy.len(), POLICY.len() - 1, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}: {name}");
        }
        let permissions = reply.header("permissions-policy").unwrap();
        assert!(
            permissions.contains("camera=(self), microphone=(self), display-capture=(self)"),
            "{permissions}"
        );
        assert!(permissions.contains("geolocation=()"), "{permissions}");
        assert!(
            reply.header("strict-transport-security").is_none(),
            "{path}: HSTS on http"
        );
        assert!(reply.header("cache-control").is_some(), "{path}");
    }
}

#[tokio::test]
async fn only_the_named_sites_may_frame_a_meeting_and_only_its_page_for_that() {
    const SITE: &str = "https://app.example";
    let closed = Running::start(&[]).await;
    let open = Running::start(&["--embed-origins", SITE]).await;
    let policy = |reply: &common::Reply| reply.header("content-security-policy").unwrap().to_owned();
    assert!(policy(&get(closed.address, "/embed")).contains("frame-ancestors 'none'"));
    let framed = get(open.address, "/embed");
    assert_eq!(framed.status, 200);
    assert!(policy(&framed).contains("frame-ancestors https://app.example; base-uri 'none'"));
    assert_eq!(
        framed.header("cross-origin-resource-policy"),
        Some("cross-origin")
    );
    for path in ["/", "/r/some-room", "/embed/x", "/livez"] {
        let reply = get(open.address, path);
        assert!(policy(&reply).contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(
            reply.header("cross-origin-resource-policy"),
            Some("same-origin"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn only_the_named_sites_may_use_the_api_from_their_pages() {
    const SITE: &str = "https://app.example";
    let closed = Running::start(&[]).await;
    let open = Running::start(&["--embed-origins", SITE]).await;
    let create = |server: &Running, origin: &str| {
        let headers = [("origin", origin), ("content-type", "application/json")];
        request(server.address, "POST", "/api/v1/rooms", &headers, b"{}")
    };
    let preflight = |server: &Running, origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        request(server.address, "OPTIONS", "/api/v1/rooms", &headers, b"")
    };
    for (server, origin) in [
        (&closed, SITE),
        (&open, "https://evil.example"),
        (&open, "http://app.example"),
    ] {
        let refused = create(server, origin);
        assert_eq!(refused.status, 403, "{origin}");
        assert!(refused.header("access-control-allow-origin").is_none());
        let refused = preflight(server, origin);
        assert_eq!(refused.status, 405, "{origin}");
        assert!(refused.header("access-control-allow-origin").is_none());
    }
    let asked = preflight(&open, SITE);
    assert_eq!(asked.status, 204);
    assert_eq!(asked.header("access-control-allow-origin"), Some(SITE));
    assert_eq!(
        asked.header("access-control-allow-headers"),
        Some("authorization, content-type")
    );
    let created = create(&open, SITE);
    assert_eq!(created.status, 201);
    assert_eq!(created.header("access-control-allow-origin"), Some(SITE));
    assert!(
        created.header("access-control-allow-credentials").is_none(),
        "there are no cookies to send"
    );
}

#[tokio::test]
async fn hsts_is_sent_when_a_trusted_proxy_says_https_and_never_on_a_strangers_word() {
    let https = [("x-forwarded-proto", "https")];
    let trusting = Running::start(&["--trusted-proxies", "127.0.0.1"]).await;
    let reply = request(trusting.address, "GET", "/livez", &https, b"");
    assert!(
        reply
            .header("strict-transport-security")
            .unwrap()
            .starts_with("max-age=")
    );

    let careful = Running::start(&[]).await;
    let reply = request(careful.address, "GET", "/livez", &https, b"");
    assert!(reply.header("strict-transport-security").is_none());
}

#[tokio::test]
async fn the_page_and_its_files_come_compressed_and_cached() {
    let server = Running::start(&[]).await;
    for path in ["/", "/r/AAAAAAAAAAAAAAAAAAAAAA"] {
        let page = get(server.address, path);
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        assert!(page.text().contains("<!doctype html>") || page.text().contains("<!DOCTYPE html>"));
        let again = [("if-none-match", page.header("etag").unwrap())];
        assert_eq!(request(server.address, "GET", path, &again, b"").status, 304);
    }
    // Whatever the client was built into: every file that the page names can be fetched in every coding.
    let page = get(server.address, "/");
    for path in page.text().split('"').filter(|word| word.starts_with("/assets/")) {
        let plain = get(server.address, path);
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(
            plain.header("cache-control"),
            Some("public, max-age=31536000, immutable"),
            "{path}"
        );
        for coding in ["br", "gzip"] {
            let reply = request(server.address, "GET", path, &[("accept-encoding", coding)], b"");
            if reply.header("content-encoding").is_some() {
                assert_eq!(reply.header("content-encoding"), Some(coding), "{path}");
                assert_eq!(decompress(coding, &reply.body), plain.body, "{path}");
            }
        }
    }
    assert_eq!(
        request(server.address, "POST", "/index.html", &[], b"").status,
        405
    );
    assert_eq!(request(server.address, "HEAD", "/", &[], b"").status, 200);
    assert_eq!(get(server.address, "/assets/../../../../etc/passwd").status, 404);
}

fn decompress(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "br" => brotli::Decompressor::new(bytes, 4096)
            .read_to_end(&mut plain)
            .unwrap(),
        _ => flate2::read::GzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .unwrap(),
    };
    plain
}

#[tokio::test]
async fn a_room_is_created_and_read() {
    let server = Running::start(&[]).await;
    let reply = request(server.address, "POST", "/api/v1/rooms", &[], b"");
    assert_eq!(reply.status, 201, "{}", reply.text());
    let created = reply.json();
    let id = created["room"].as_str().unwrap();
    assert!(RoomId::parse(id).is_some());
    assert_eq!(created["policy"]["suite"], "post_quantum");
    assert_eq!(
        reply.header("location"),
        Some(format!("/api/v1/rooms/{id}").as_str())
    );

    let read = get(server.address, reply.header("location").unwrap());
    assert_eq!(read.status, 200);
    assert_eq!(read.json()["policy"], created["policy"]);
    assert_eq!(read.json()["participants"], 0);
}

#[tokio::test]
async fn a_room_takes_a_policy_and_refuses_a_wrong_one() {
    let server = Running::start(&[]).await;
    let json = [("content-type", "application/json; charset=utf-8")];
    let post = |body: &str| request(server.address, "POST", "/api/v1/rooms", &json, body.as_bytes());
    let created = post(r#"{"suite":"classic","max_participants":7}"#);
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(
        created.json()["policy"],
        serde_json::json!({"suite": "classic", "max_participants": 7})
    );

    for body in [
        "{",
        "[]",
        r#"{"suite":"none"}"#,
        r#"{"max_participants":0}"#,
        r#"{"max_participants":1000000}"#,
        r#"{"max_participants":-1}"#,
        r#"{"secret":"x"}"#,
        "\u{0}",
    ] {
        let reply = post(body);
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{body}"
        );
        assert_eq!(reply.json()["status"], 400);
        assert_eq!(reply.json()["code"], "bad_request");
        assert_eq!(reply.json()["type"], "about:blank");
        assert!(reply.json()["detail"].is_string());
    }
    assert_eq!(
        request(server.address, "POST", "/api/v1/rooms", &[], b"{}").status,
        415
    );
    assert_eq!(post(&" ".repeat(5000)).status, 413);
}

#[tokio::test]
async fn errors_are_problems() {
    let server = Running::start(&[]).await;
    let unknown = RoomId::new([9; 16]).to_text();
    for (method, path, status, code) in [
        ("GET", format!("/api/v1/rooms/{unknown}"), 404, "room_not_found"),
        ("GET", String::from("/api/v1/rooms/short"), 400, "bad_request"),
        ("GET", String::from("/api/v1/nothing"), 404, "not_found"),
        ("GET", String::from("/t/short"), 404, "not_found"),
        ("DELETE", String::from("/api/v1/rooms"), 405, "method_not_allowed"),
        ("GET", String::from("/ws"), 400, "not_a_websocket"),
    ] {
        let reply = request(server.address, method, &path, &[], b"");
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
        assert_eq!(reply.json()["code"], code, "{path}");
    }
}

#[tokio::test]
async fn another_sites_page_cannot_create_rooms() {
    let server = Running::start(&[]).await;
    let reply = request(
        server.address,
        "POST",
        "/api/v1/rooms",
        &[("origin", "https://evil.example")],
        b"",
    );
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (403, Some("origin_not_allowed"))
    );
    let own = format!("http://{}", server.address);
    assert_eq!(
        request(server.address, "POST", "/api/v1/rooms", &[("origin", &own)], b"").status,
        201
    );
}

#[tokio::test]
async fn rooms_are_created_at_a_bounded_rate() {
    let server = Running::start(&[]).await;
    let refused = (0..200)
        .map(|_| request(server.address, "POST", "/api/v1/rooms", &[], b""))
        .find(|reply| reply.status != 201)
        .expect("200 rooms at once");
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (429, Some("rate_limited"))
    );
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn the_metrics_are_well_formed_and_say_nothing_about_anybody() {
    let server = Running::start(&[]).await;
    let room = request(server.address, "POST", "/api/v1/rooms", &[], b"").json()["room"]
        .as_str()
        .unwrap()
        .to_owned();
    let reply = get(server.address, "/metrics");
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = reply.text();
    assert!(!text.contains(&room) && !text.contains("127.0.0.1"), "{text}");

    let mut declared = std::collections::HashMap::new();
    let mut samples = std::collections::HashMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(declared.insert(name, kind).is_none(), "{name} twice");
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let family = name.split('{').next().unwrap();
        assert!(
            declared.contains_key(family),
            "{family} is not declared before its sample"
        );
        assert!(samples.insert(name, value).is_none(), "{name} twice");
    }
    for name in [
        "conclave_rooms",
        "conclave_connections",
        "conclave_participants",
        "process_cpu_seconds_total",
    ] {
        assert!(samples.contains_key(name), "{name}");
    }
    assert_eq!(samples["conclave_rooms"], 1.0);
    assert_eq!(samples["conclave_media_available"], 1.0);
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    assert!(samples["conclave_http_responses_total{class=\"2xx\"}"] >= 1.0);
}

#[tokio::test]
async fn random_bytes_on_the_port_hurt_nobody() {
    let server = Running::start(&[]).await;
    let mut client = server.client().await;
    let mut rng = <rand::rngs::SmallRng as rand::SeedableRng>::seed_from_u64(7);
    for length in [0, 1, 7, 100, 5_000] {
        for _ in 0..20 {
            let mut bytes = vec![0; length];
            rand::RngCore::fill_bytes(&mut rng, &mut bytes);
            bytes.extend_from_slice(b"\r\n\r\n");
            let answer = raw(server.address, &bytes);
            assert!(answer.is_empty() || parse(&answer).status == 400);
        }
    }
    let endless = raw(
        server.address,
        format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(64 << 10)).as_bytes(),
    );
    assert!(endless.is_empty() || parse(&endless).status == 431);
    assert_eq!(get(server.address, "/livez").text(), "ok\n");
    client.send(&common::hello(RoomId::new([1; 16]), 1)).await;
    assert!(matches!(
        client.message().await,
        conclave_wire::ServerMessage::State(_)
    ));
}
