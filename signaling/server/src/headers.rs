//! Security headers on every response: the page may load, run and contact nothing but this server, and no other site may
//! frame it or read from it but those that `embed_origins` names.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::client_address;
use crate::config::TlsConfig;
use crate::http::origin;

/// `connect-src 'self'` covers the WebSocket of the same host: CSP level 3 lets ws match http and wss match https
/// (§6.7.2.8), and so does every browser that has RTCRtpScriptTransform. A bare `wss:` would let a page talk to any host.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; \
    manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; \
    require-trusted-types-for 'script'";

/// Of the policy, what keeps the page out of every frame.
const UNFRAMED: &str = "frame-ancestors 'none'";

/// The page that other sites may frame.
pub(crate) const EMBED_PATH: &str = "/embed";

/// How long a browser may rely on the answer to its preflight question, in seconds.
const PREFLIGHT_AGE: &str = "600";

/// What a page of this server may ask the browser for.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), screen-wake-lock=(self), \
    fullscreen=(self), picture-in-picture=(self), geolocation=()";

/// One year, in seconds: browsers come back by https only.
const TRANSPORT: &str = "max-age=31536000";

/// Headers that never change.
const FIXED: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-embedder-policy"),
        "require-corp",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
];

/// Middleware: adds the headers and counts the response.
pub(crate) async fn secure(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let https = app.config.tls.as_ref().is_some_and(TlsConfig::is_trusted)
        || client_address::of(request.headers(), peer, &app.config.trusted_proxies).https;
    let embedding = &app.config.embed_origins;
    let embedder = origin::embedder(request.headers(), embedding).cloned();
    let framed = request.uri().path() == EMBED_PATH;
    let preflight = embedder.is_some()
        && request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    add(response.headers_mut(), https);
    if !embedding.is_empty() {
        open_to(response.headers_mut(), embedding, embedder, framed);
    }
    app.metrics
        .http_responses
        .count(class(response.status().as_u16()));
    response
}

fn add(headers: &mut HeaderMap, https: bool) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if https {
        // RFC 6797 §7.2: never on plain http.
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

/// Opens the embedding page to frames of these sites, and the answer to a request from one of them to its page.
fn open_to(headers: &mut HeaderMap, embedding: &[String], embedder: Option<HeaderValue>, framed: bool) {
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    if framed {
        let policy = POLICY.replace(UNFRAMED, &format!("frame-ancestors {}", embedding.join(" ")));
        // The configuration's check lets no other character in than those of an origin.
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        // A page with an embedder policy of its own shows only frames that say so.
        let shared = HeaderName::from_static("cross-origin-resource-policy");
        set(headers, shared, "cross-origin");
    }
    if let Some(origin) = embedder {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        set(headers, ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE");
        set(
            headers,
            ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type",
        );
        set(headers, ACCESS_CONTROL_EXPOSE_HEADERS, "location, retry-after");
        set(headers, ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
