//! Whether a request came from a page of this server. Programs send no Origin and are welcome; other sites' pages are not,
//! unless `embed_origins` names them.

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::problem::Problem;

/// Refuses a request that another site's page made (RFC 6454, RFC 6455 §10.2), but for the sites in `embedding`.
pub(crate) fn check(headers: &HeaderMap, embedding: &[String]) -> Result<(), Problem> {
    match headers.get(ORIGIN) {
        None => Ok(()),
        Some(origin) if is_host(origin.as_bytes(), headers) => Ok(()),
        Some(_) if embedder(headers, embedding).is_some() => Ok(()),
        Some(_) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "Only pages of this server may do this. Behind a proxy, pass the Host header on.",
        )),
    }
}

/// The request's origin, if it is one of `embedding`.
pub(crate) fn embedder<'a>(headers: &'a HeaderMap, embedding: &[String]) -> Option<&'a HeaderValue> {
    headers.get(ORIGIN).filter(|origin| {
        embedding
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes())
    })
}

/// The scheme is not compared: behind a TLS proxy the page's is https and ours is http.
fn is_host(origin: &[u8], headers: &HeaderMap) -> bool {
    let Ok(origin) = Uri::try_from(origin) else {
        return false;
    };
    let default_port = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let host = headers
        .get(HOST)
        .and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let (Some(host), Some(origin)) = (host, origin.authority()) else {
        return false;
    };
    origin.host().eq_ignore_ascii_case(host.host())
        && origin.port_u16().unwrap_or(default_port) == host.port_u16().unwrap_or(default_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_host_passes() {
        for (origin, host, passes) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("https://meet.example", "meet.example", true),
            ("https://Meet.Example", "meet.example:443", true),
            ("http://[::1]:8080", "[::1]:8080", true),
            ("http://localhost:8081", "localhost:8080", false),
            ("https://evil.example", "meet.example", false),
            ("https://meet.example.evil.example", "meet.example", false),
            ("https://meet.example", "meet.example:8443", false),
            ("null", "meet.example", false),
            ("file://meet.example", "meet.example", false),
            ("", "meet.example", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            assert_eq!(check(&headers, &[]).is_ok(), passes, "{origin} at {host}");
        }
    }

    #[test]
    fn a_program_without_an_origin_passes_and_a_page_without_a_host_does_not() {
        assert!(check(&HeaderMap::new(), &[]).is_ok());
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, "https://meet.example".parse().unwrap());
        assert!(check(&headers, &[]).is_err());
    }

    #[test]
    fn a_site_that_may_embed_passes_and_no_other() {
        let embedding = [String::from("https://app.example")];
        for (origin, passes) in [
            ("https://app.example", true),
            ("http://app.example", false),
            ("https://app.example:8443", false),
            ("https://app.example.evil.example", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "meet.example".parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            assert_eq!(check(&headers, &embedding).is_ok(), passes, "{origin}");
        }
    }
}
