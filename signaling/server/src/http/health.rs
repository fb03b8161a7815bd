//! For machines that watch this one: `/livez`, `/readyz`, `/metrics`.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::app::App;
use crate::metrics::{self, Page};
use crate::process;

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Participants may be sent here. Overload does not change that, for people in calls come back here too.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.draining.load(Ordering::Relaxed) {
        return Err(Problem::shutting_down());
    }
    if app.service.candidates().is_none() {
        let detail = "The SFU cannot be reached.";
        return Err(
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "media_unavailable", detail).retry_after(1),
        );
    }
    Ok(if app.service.stats().await?.overloaded {
        "overloaded: new participants are turned away\n"
    } else {
        "ok\n"
    })
}

/// Counters for Prometheus.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let mut page = Page::default();
    let draining = app.draining.load(Ordering::Relaxed);
    page.server(
        &app.metrics,
        app.registry.live(),
        draining,
        app.service.candidates().is_some(),
    );
    if let Ok(stats) = app.service.stats().await {
        page.service(&stats);
    }
    page.files(&app.files.stats());
    page.trees(app.trees.count(), app.trees.bytes());
    if let Some(sfu) = &app.sfu_stats {
        page.append(|out| sfu.render(out));
    }
    if let Some(usage) = process::usage() {
        page.process(&usage);
    }
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page.into_text()).into_response()
}
