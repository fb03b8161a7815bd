//! The web client inside the binary: which file answers which path, how it is cached and compressed.

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// One file of the client, as build.rs prepared it.
#[derive(Clone, Copy)]
pub(crate) struct File {
    path: &'static str,
    /// Quoted, from the content's hash.
    etag: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

mod embedded {
    use super::File;

    include!(concat!(env!("OUT_DIR"), "/client_files.rs"));
}

/// Whether a client was there when this binary was built.
pub(crate) const CLIENT_BUILT: bool = embedded::CLIENT_BUILT;

/// The page behind `/` and `/r/<room>`.
pub(crate) fn index(request: &HeaderMap) -> Response {
    find("index.html").map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |file| respond(file, request),
    )
}

/// The file with this path, without the leading slash.
pub(crate) fn find(path: &str) -> Option<&'static File> {
    embedded::FILES.iter().find(|file| file.path == path)
}

/// Answers with a file in the smallest variant that the client takes.
pub(crate) fn respond(file: &File, request: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    let mut set =
        |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(ETAG, file.etag);
    set(VARY, "accept-encoding");
    set(CACHE_CONTROL, caching(file.path));
    if request
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|tags| matches(tags.as_bytes(), file.etag))
    {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    set(CONTENT_TYPE, content_type(file.path));
    let body = match (file.brotli, file.gzip) {
        (Some(body), _) if accepts(request, "br") => {
            set(CONTENT_ENCODING, "br");
            body
        }
        (_, Some(body)) if accepts(request, "gzip") => {
            set(CONTENT_ENCODING, "gzip");
            body
        }
        _ => file.plain,
    };
    (headers, body).into_response()
}

/// The bundler puts files whose names carry their hash into `assets/`; the rest is asked for again each time.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// RFC 9110 §13.1.2; a proxy that compressed for itself may have made the tag weak.
fn matches(tags: &[u8], etag: &str) -> bool {
    let Ok(tags) = std::str::from_utf8(tags) else {
        return false;
    };
    tags.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// RFC 9110 §12.5.3, without weighing: a coding is taken when it is named and not refused by `q=0`.
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    request
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let refused = parts
                .filter_map(|part| part.strip_prefix("q="))
                .any(|weight| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0));
            named && !refused
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const FILE: File = File {
        path: "assets/core-1a2b3c4d.wasm",
        etag: "\"tag\"",
        plain: b"plain",
        brotli: Some(b"br"),
        gzip: Some(b"gz"),
    };

    fn get(file: &File, headers: &[(HeaderName, &'static str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        respond(file, &headers)
    }

    #[test]
    fn a_hashed_file_is_immutable_and_compressed_as_the_client_likes() {
        for (accepted, encoding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("identity", None),
            ("brotli", None),
        ] {
            let response = get(&FILE, &[(ACCEPT_ENCODING, accepted)]);
            assert_eq!(
                response
                    .headers()
                    .get(CONTENT_ENCODING)
                    .map(|v| v.to_str().unwrap()),
                encoding,
                "{accepted}"
            );
            assert_eq!(
                response.headers()[CACHE_CONTROL],
                "public, max-age=31536000, immutable"
            );
            assert_eq!(response.headers()[CONTENT_TYPE], "application/wasm");
            assert_eq!(response.headers()[VARY], "accept-encoding");
        }
    }

    #[test]
    fn an_unchanged_file_is_not_sent_again() {
        for tags in ["\"tag\"", "W/\"tag\"", "\"other\", \"tag\"", "*"] {
            assert_eq!(
                get(&FILE, &[(IF_NONE_MATCH, tags)]).status(),
                StatusCode::NOT_MODIFIED,
                "{tags}"
            );
        }
        assert_eq!(
            get(&FILE, &[(IF_NONE_MATCH, "\"other\"")]).status(),
            StatusCode::OK
        );
    }

    #[test]
    fn the_page_is_asked_for_again_each_time() {
        let response = index(&HeaderMap::new());
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[test]
    fn nothing_outside_the_client_can_be_named() {
        for path in ["../Cargo.toml", "/etc/passwd", "", "index.html.br"] {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
