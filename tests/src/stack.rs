//! Redis Stack: a redis-server with the commands of JSON and TimeSeries.

use std::path::PathBuf;

use crate::process::cache_directory;

/// The files of Redis Stack that `make setup` fetched.
#[derive(Clone, Debug)]
pub struct Stack {
    home: PathBuf,
}

impl Stack {
    /// Panics when it was not fetched: a test that needs it never passes without it.
    pub fn fetched() -> Stack {
        let home = cache_directory().join("redis-stack-0.1.8");
        let (there, at) = (home.join("bin/redis-server").is_file(), home.display());
        assert!(there, "no Redis Stack in {at}: run `make setup` (tests/redis-stack/setup.sh)");
        Stack { home }
    }

    pub fn server(&self) -> String {
        self.home.join("bin/redis-server").display().to_string()
    }

    /// The modules to load into [`Stack::server`].
    pub fn modules(&self) -> [PathBuf; 2] {
        ["rejson.so", "redistimeseries.so"].map(|name| self.home.join("lib").join(name))
    }

    /// The value of `LD_LIBRARY_PATH` that both need.
    pub fn libraries(&self) -> String {
        self.home.join("lib").display().to_string()
    }
}
