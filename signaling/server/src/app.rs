//! The HTTP application: which path goes to which handler, and what handlers share.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::driver::ServiceHandle;
use crate::files::FileStore;
use crate::http::problem::Problem;
use crate::http::tree::Trees;
use crate::http::{files, health, rooms, tree};
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::{assets, headers, ws};

/// Chunks of files in memory at a time: 16 MiB.
pub(crate) const CHUNK_TURNS: usize = 64;

/// What handlers and connections share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// The parts of [`App`].
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) service: ServiceHandle,
    pub(crate) registry: Arc<Registry>,
    pub(crate) trees: Arc<Trees>,
    pub(crate) files: Arc<FileStore>,
    /// One permit for each chunk of a file that is in memory.
    pub(crate) chunk_turns: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
    /// The embedded SFU's counters.
    pub(crate) sfu_stats: Option<conclave_sfu::Stats>,
    /// Set when the server begins to stop.
    pub(crate) draining: AtomicBool,
    /// The next connection's session key.
    pub(crate) next_session: AtomicU64,
}

impl App {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// An app whose service nobody runs.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::with_service(crate::driver::tests::unattended(), Config::defaults().unwrap())
    }

    #[cfg(test)]
    pub(crate) fn with_service(service: ServiceHandle, config: Config) -> Self {
        let files = Arc::new(config.file_store());
        Self::new(Shared {
            config,
            service,
            registry: Arc::new(Registry::new(10, 10)),
            trees: Arc::default(),
            files,
            chunk_turns: Arc::new(Semaphore::new(CHUNK_TURNS)),
            metrics: Metrics::new(),
            sfu_stats: None,
            draining: AtomicBool::new(false),
            next_session: AtomicU64::new(1),
        })
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// All routes.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/r/{room}", get(page))
        .route(headers::EMBED_PATH, get(page))
        .route("/ws", get(ws::upgrade))
        .route("/t/{hash}", get(tree::read))
        .route(
            "/api/v1/rooms",
            post(rooms::create).layer(DefaultBodyLimit::max(rooms::MAX_BODY)),
        )
        .route("/api/v1/rooms/{room}", get(rooms::read))
        .route(
            "/api/v1/rooms/{room}/files",
            post(files::begin).layer(DefaultBodyLimit::max(files::MAX_BODY)),
        )
        .route("/api/v1/rooms/{room}/files/{file}", delete(files::release))
        .route(
            "/api/v1/rooms/{room}/files/{file}/{index}",
            get(files::chunk).put(files::put_chunk),
        )
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .fallback(file)
        .layer(middleware::from_fn_with_state(app.clone(), headers::secure))
        .with_state(app)
}

/// The client; which room it is for, it reads from its own address.
async fn page(headers: HeaderMap) -> Response {
    assets::index(&headers)
}

async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match assets::find(uri.path().trim_start_matches('/')) {
        Some(_) if method != Method::GET && method != Method::HEAD => {
            Problem::method_not_allowed().into_response()
        }
        Some(file) => assets::respond(file, &headers),
        None => Problem::not_found().into_response(),
    }
}
