//! Sends plain HTTP on to https.

use axum::Router;
use axum::http::header::{HOST, LOCATION};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;

/// Answers every request with the same place behind TLS on `port`.
pub(crate) fn router(port: u16) -> Router {
    Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| async move {
        respond(port, &method, &uri, &headers)
    })
}

fn respond(port: u16, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        // What was sent has been readable already: sending it again elsewhere hides that.
        return Problem::method_not_allowed().into_response();
    }
    let host = headers
        .get(HOST)
        .and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let Some(host) = host.as_ref().map(Authority::host).filter(|host| !host.is_empty()) else {
        let detail = "The request names no host; open the https address.";
        return Problem::new(StatusCode::BAD_REQUEST, "no_host", detail).into_response();
    };
    let port = match port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    (
        StatusCode::PERMANENT_REDIRECT,
        [(LOCATION, format!("https://{host}{port}{path}"))],
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn answer(port: u16, request: Request<Body>) -> (StatusCode, Option<String>) {
        let response = router(port).oneshot(request).await.unwrap();
        let place = response.headers().get(LOCATION);
        (
            response.status(),
            place.map(|place| place.to_str().unwrap().to_owned()),
        )
    }

    #[tokio::test]
    async fn a_page_is_found_behind_tls() {
        for (port, host, to) in [
            (443, "meet.example", "https://meet.example/r/x?a=b"),
            (443, "meet.example:80", "https://meet.example/r/x?a=b"),
            (8443, "[2001:db8::1]:80", "https://[2001:db8::1]:8443/r/x?a=b"),
        ] {
            let request = Request::get("/r/x?a=b")
                .header(HOST, host)
                .body(Body::empty())
                .unwrap();
            assert_eq!(
                answer(port, request).await,
                (StatusCode::PERMANENT_REDIRECT, Some(to.to_owned()))
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_page_is_refused() {
        let sent = Request::post("/api/v1/rooms")
            .header(HOST, "meet.example")
            .body(Body::empty())
            .unwrap();
        assert_eq!(answer(443, sent).await, (StatusCode::METHOD_NOT_ALLOWED, None));
        let nowhere = Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(answer(443, nowhere).await, (StatusCode::BAD_REQUEST, None));
        let bad = Request::get("/").header(HOST, "a b").body(Body::empty()).unwrap();
        assert_eq!(answer(443, bad).await, (StatusCode::BAD_REQUEST, None));
    }
}
