//! The frame, checked against what it says: the compose file against Compose's
//! own schema, the example configuration against a real redis-server, the
//! README's session against the module, the layers against the sources.

mod compose;
mod configuration;
mod deploy;
mod grafana;
mod guides;
mod layers;
mod readme;
mod sidecar;
mod sources;
mod subjects;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

/// The text of a file, named from the root of the repository.
fn read(name: &str) -> String {
    let path = root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `make build` leaves in `target/release`.
fn built(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    let path = target.join("release").join(name);
    assert!(path.exists(), "{} is missing: run make build first", path.display());
    path
}
