//! The servers that tests run: the installed redis-server, and others that `make setup` fetched.

use std::path::PathBuf;

use crate::process::cache_directory;

/// A server of Redis's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The redis-server that is installed: 7.0 on Debian 12.
    Installed,
    /// Redis Stack's, 7.4.1, with the commands of JSON and TimeSeries.
    RedisStack,
    /// 8.2.
    Redis8,
    /// Valkey 9.1.
    Valkey9,
}

impl Server {
    /// Every server with its word in `REDIS_KAFKA_SERVER`.
    pub const ALL: [(&str, Server); 4] = [
        ("installed", Server::Installed),
        ("redis-7.4", Server::RedisStack),
        ("redis-8.2", Server::Redis8),
        ("valkey-9.1", Server::Valkey9),
    ];

    /// What `REDIS_KAFKA_SERVER` names: the installed one where it names none. Panics on a word
    /// that names nothing.
    pub fn from_env() -> Server {
        let word = std::env::var("REDIS_KAFKA_SERVER").unwrap_or_default();
        if word.is_empty() {
            return Server::Installed;
        }
        let found = Server::ALL.iter().find(|(name, _)| *name == word);
        let names = Server::ALL.map(|(name, _)| name).join(", ");
        found.unwrap_or_else(|| panic!("REDIS_KAFKA_SERVER={word}: one of {names}")).1
    }

    /// The program. Panics when it was not fetched: a test that needs it never passes without it.
    pub fn program(self) -> String {
        let Some(home) = self.home() else { return "redis-server".into() };
        let name = if self == Server::Valkey9 { "valkey-server" } else { "redis-server" };
        let program = home.join("bin").join(name);
        let at = program.display().to_string();
        assert!(program.is_file(), "no {at}: run `make setup` (tests/servers/setup.sh)");
        at
    }

    /// The modules to load into it.
    pub fn modules(self) -> Vec<PathBuf> {
        let names: &[&str] = match self {
            Server::RedisStack => &["rejson.so", "redistimeseries.so"],
            _ => &[],
        };
        let folder = self.home().unwrap_or_default().join("lib");
        names.iter().map(|name| folder.join(name)).collect()
    }

    /// The value of `LD_LIBRARY_PATH` that it needs.
    pub fn libraries(self) -> Option<String> {
        let home = self.home().filter(|_| self == Server::RedisStack)?;
        Some(home.join("lib").display().to_string())
    }

    fn home(self) -> Option<PathBuf> {
        let name = match self {
            Server::Installed => return None,
            Server::RedisStack => "redis-stack-0.1.8",
            Server::Redis8 => "redis-8.2",
            Server::Valkey9 => "valkey-9.1",
        };
        Some(cache_directory().join(name))
    }
}
