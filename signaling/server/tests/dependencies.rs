//! The floors of the house, read from `cargo metadata`: the servers hold no key because they cannot even name the crate
//! that makes one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests that fails is a test that fails"
)]

use std::collections::{HashMap, VecDeque};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// A crate, and what it must never reach; a name that ends in `*` means every crate that begins so.
/// docs/ARCHITECTURE.md has the same table with its reasons.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "conclave-wire",
        &["openmls*", "sframe", "rtc-*", "tokio", "conclave-*"],
    ),
    (
        "conclave-e2ee",
        &[
            "conclave-wire",
            "conclave-transport",
            "conclave-sfu*",
            "conclave-signaling*",
            "rtc-*",
            "webrtc",
            "tokio",
            "axum",
        ],
    ),
    ("conclave-silhouette", &["conclave-*", "tokio", "axum"]),
    (
        "conclave-transport",
        &["conclave-e2ee", "conclave-wire", "openmls*", "sframe"],
    ),
    (
        "conclave-sfu-core",
        &["conclave-e2ee", "openmls*", "sframe", "tokio", "axum"],
    ),
    (
        "conclave-signaling-core",
        &[
            "conclave-e2ee",
            "sframe",
            "tokio",
            "axum",
            "rtc-*",
            "conclave-transport",
        ],
    ),
    (
        "conclave-bench",
        &["conclave-e2ee", "sframe", "conclave-signaling*"],
    ),
    (
        "conclave-light",
        &[
            "conclave-e2ee",
            "sframe",
            "conclave-sfu*",
            "conclave-signaling*",
            "tokio",
        ],
    ),
    (
        "conclave-sfu",
        &["conclave-e2ee", "sframe", "openmls*", "conclave-signaling*"],
    ),
    (
        "conclave-signaling",
        &["conclave-e2ee", "sframe", "webrtc", "conclave-loadtest"],
    ),
    (
        "conclave-web",
        &[
            "tokio",
            "conclave-sfu*",
            "conclave-signaling*",
            "conclave-transport",
            "rtc-*",
        ],
    ),
    ("conclave-loadtest", &["conclave-sfu*", "conclave-signaling*"]),
];

/// Packages that make a program which runs on the server.
const SERVER_PROGRAMS: [&str; 2] = ["conclave", "conclave-sfu"];

#[test]
fn no_server_program_can_reach_the_crate_of_the_keys() {
    let house = House::read();
    for program in SERVER_PROGRAMS {
        let package = house.package_of_program(program);
        for secret in ["conclave-e2ee", "sframe"] {
            // The name must exist, or the test would pass for want of a crate to look for.
            assert!(
                house.names.values().any(|name| name == secret),
                "{secret} is not in the workspace's graph"
            );
            assert_eq!(house.path(&package, secret), None, "{program} reaches {secret}");
        }
    }
}

#[test]
fn no_server_program_carries_a_client() {
    let house = House::read();
    assert!(house.names.values().any(|name| name == "conclave-light"));
    for program in SERVER_PROGRAMS {
        let package = house.package_of_program(program);
        // The only crate that turns on the transport's client role.
        let path = house.path(&package, "conclave-light");
        assert_eq!(path, None, "{program} carries the test client");
    }
}

#[test]
fn every_crate_stays_on_its_floor() {
    let house = House::read();
    let broken: Vec<String> = FLOORS
        .iter()
        .flat_map(|(package, forbidden)| forbidden.iter().map(move |forbidden| (*package, *forbidden)))
        .filter_map(|(package, forbidden)| house.path(package, forbidden))
        .collect();
    assert!(broken.is_empty(), "a floor is broken:\n{}", broken.join("\n"));
}

#[test]
fn every_crate_of_the_workspace_has_a_floor() {
    let house = House::read();
    for member in &house.members {
        // The wasm face's host tool is a program for the build machine.
        let known = FLOORS.iter().any(|(name, _)| name == member) || member.contains("bindgen");
        assert!(known, "{member} is in no floor");
    }
}

#[test]
fn the_walk_finds_what_is_there() {
    let house = House::read();
    let path = house.path("conclave-signaling", "serde").unwrap();
    assert!(
        path.starts_with("conclave-signaling -> ") && path.ends_with("serde"),
        "{path}"
    );
    assert!(
        house.path("conclave-signaling", "rtc-*").is_some(),
        "the embedded SFU speaks DTLS"
    );
    assert!(
        house.path("conclave-signaling", "cargo_metadata").is_none(),
        "dev-dependencies are not walked"
    );
}

/// The resolved graph without dev-dependencies.
struct House {
    names: HashMap<PackageId, String>,
    edges: HashMap<PackageId, Vec<PackageId>>,
    members: Vec<String>,
    metadata: Metadata,
}

impl House {
    fn read() -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
            .exec()
            .unwrap();
        let names: HashMap<_, _> = metadata
            .packages
            .iter()
            .map(|package| (package.id.clone(), package.name.to_string()))
            .collect();
        let mut edges = HashMap::new();
        for node in &metadata.resolve.as_ref().unwrap().nodes {
            let dependencies = node
                .deps
                .iter()
                .filter(|dependency| {
                    dependency
                        .dep_kinds
                        .iter()
                        .any(|kind| matches!(kind.kind, DependencyKind::Normal | DependencyKind::Build))
                })
                .map(|dependency| dependency.pkg.clone())
                .collect();
            edges.insert(node.id.clone(), dependencies);
        }
        let members = metadata
            .workspace_members
            .iter()
            .map(|id| names[id].clone())
            .collect();
        Self {
            names,
            edges,
            members,
            metadata,
        }
    }

    /// The workspace package that makes this program.
    fn package_of_program(&self, program: &str) -> String {
        let package = self.metadata.workspace_packages().into_iter().find(|package| {
            package
                .targets
                .iter()
                .any(|target| target.is_bin() && target.name == program)
        });
        package
            .unwrap_or_else(|| panic!("no package makes {program}"))
            .name
            .to_string()
    }

    /// How `from` reaches a crate of this name, if it does.
    fn path(&self, from: &str, name: &str) -> Option<String> {
        let start = self
            .metadata
            .workspace_members
            .iter()
            .find(|id| self.names[*id] == from);
        let start = start.unwrap_or_else(|| panic!("{from} is not in the workspace"));
        let is_it = |id: &PackageId| match name.strip_suffix('*') {
            Some(prefix) => self.names[id].starts_with(prefix),
            None => self.names[id] == name,
        };
        let mut came_from: HashMap<&PackageId, &PackageId> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            if id != start && is_it(id) {
                let mut path = vec![self.names[id].as_str()];
                let mut at = id;
                while let Some(before) = came_from.get(at) {
                    path.push(&self.names[*before]);
                    at = before;
                }
                path.reverse();
                return Some(path.join(" -> "));
            }
            for next in &self.edges[id] {
                if next != start && !came_from.contains_key(next) {
                    came_from.insert(next, id);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}
