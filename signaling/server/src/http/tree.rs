//! Ratchet trees: `GET /t/<hash>`. Named by their hash, so an answer never changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use conclave_wire::id::TreeHash;
use dashmap::DashMap;

use super::problem::Problem;
use crate::app::App;

/// The trees that may be fetched now. Filled and emptied by the driver as the core says, so the core bounds it.
#[derive(Default)]
pub(crate) struct Trees {
    trees: DashMap<TreeHash, Bytes>,
    bytes: AtomicUsize,
}

impl Trees {
    pub(crate) fn store(&self, hash: TreeHash, tree: Arc<[u8]>) {
        let added = tree.len();
        let replaced = self
            .trees
            .insert(hash, Bytes::from_owner(tree))
            .map_or(0, |old| old.len());
        self.bytes.fetch_add(added, Ordering::Relaxed);
        self.bytes.fetch_sub(replaced, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self, hash: &TreeHash) {
        if let Some((_, tree)) = self.trees.remove(hash) {
            self.bytes.fetch_sub(tree.len(), Ordering::Relaxed);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.trees.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn read(&self, hash: &TreeHash) -> Option<Bytes> {
        self.trees.get(hash).map(|tree| tree.clone())
    }
}

/// Answers with a tree. It is opaque and of high entropy (public keys): compressing it saves little.
pub(crate) async fn read(State(app): State<App>, Path(hash): Path<String>) -> Result<Response, Problem> {
    let tree = TreeHash::parse(&hash)
        .and_then(|hash| app.trees.read(&hash))
        .ok_or_else(Problem::not_found)?;
    // private: a shared cache has no business with who is in a call.
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ];
    Ok((headers, tree).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_trees_are_counted_once_and_forgotten() {
        let trees = Trees::default();
        let hash = TreeHash::new([1; 32]);
        trees.store(hash, Arc::from([0_u8; 10]));
        trees.store(hash, Arc::from([0_u8; 10]));
        assert_eq!((trees.count(), trees.bytes()), (1, 10));
        assert_eq!(trees.read(&hash).unwrap().len(), 10);
        trees.forget(&hash);
        trees.forget(&hash);
        assert_eq!((trees.count(), trees.bytes()), (0, 0));
        assert!(trees.read(&hash).is_none());
    }

    #[tokio::test]
    async fn a_stored_tree_is_fetched_by_its_hash_for_ever_and_a_dropped_one_is_not() {
        let app = App::for_tests();
        let hash = TreeHash::new([2; 32]);
        app.trees.store(hash, Arc::from(*b"tree"));
        let response = read(State(app.clone()), Path(hash.to_text())).await.unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/octet-stream");
        assert_eq!(
            response.headers()[CACHE_CONTROL],
            "private, max-age=31536000, immutable"
        );
        assert_eq!(
            axum::body::to_bytes(response.into_body(), 100).await.unwrap(),
            "tree"
        );

        app.trees.forget(&hash);
        for text in [hash.to_text(), String::from("short"), String::from("\u{e9}")] {
            assert!(read(State(app.clone()), Path(text)).await.is_err());
        }
    }
}
