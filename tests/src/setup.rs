//! How a redis-server of the tests is started.

use std::path::{Path, PathBuf};

use crate::servers::Server;
use crate::sidecar::SidecarSetup;

/// `appendonly` and `appendfsync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    Off,
    Everysec,
    Always,
}

/// How a server is started; cloned to start another one like it.
#[derive(Clone, Debug)]
pub struct Setup {
    append: Append,
    pub(crate) server: Server,
    /// Whether the modules that come with the server stay out.
    is_bare: bool,
    module: Option<(PathBuf, Vec<String>)>,
    pub(crate) sidecar: Option<SidecarSetup>,
    config: Vec<(String, String)>,
    pub(crate) envs: Vec<(String, String)>,
}

impl Setup {
    /// A plain server: no persistence, no module, DEBUG allowed.
    pub fn plain() -> Setup {
        let config = [
            ("save", ""),
            ("enable-debug-command", "yes"),
            ("loglevel", "verbose"),
            // A primary waits 5 s for further replicas before it sends its data.
            ("repl-diskless-sync-delay", "0"),
        ];
        Setup {
            append: Append::Off,
            server: Server::from_env(),
            is_bare: false,
            module: None,
            sidecar: None,
            config: config.map(|(k, v)| (k.into(), v.into())).to_vec(),
            envs: Vec::new(),
        }
    }

    /// Redis Stack's server, with the commands of JSON and TimeSeries.
    pub fn stack(mut self) -> Setup {
        self.server = Server::RedisStack;
        self
    }

    /// The server without the commands of JSON and TimeSeries, should it come with them.
    pub fn bare(mut self) -> Setup {
        self.is_bare = true;
        self
    }

    /// Loads a module with these arguments.
    pub fn module(mut self, path: &Path, args: &[&str]) -> Setup {
        self.module = Some((path.to_path_buf(), args.iter().map(|a| a.to_string()).collect()));
        self
    }

    /// Runs a sidecar beside the server.
    pub fn sidecar(mut self, sidecar: SidecarSetup) -> Setup {
        self.sidecar = Some(sidecar);
        self
    }

    /// The file of connection profiles.
    pub fn connections(mut self, profiles: &Path) -> Setup {
        let path = profiles.display().to_string();
        if let Some((_, args)) = &mut self.module {
            args.extend(["CONNECTIONS".to_owned(), path.clone()]);
        }
        self.sidecar = self.sidecar.map(|sidecar| sidecar.args(&["--connections", &path]));
        self
    }

    /// Adds arguments to the module's.
    pub fn module_args(mut self, args: &[&str]) -> Setup {
        let (_, all) = self.module.as_mut().expect("a module");
        all.extend(args.iter().map(|a| a.to_string()));
        self
    }

    pub fn append(mut self, append: Append) -> Setup {
        self.append = append;
        self
    }

    /// One configuration directive.
    pub fn config(mut self, name: &str, value: &str) -> Setup {
        self.config.push((name.into(), value.into()));
        self
    }

    /// A replica of the server at this port.
    pub fn replica_of(self, port: u16) -> Setup {
        self.config("replicaof", &format!("127.0.0.1 {port}"))
    }

    /// One environment variable of the server and of its sidecar.
    pub fn env(mut self, name: &str, value: &str) -> Setup {
        self.envs.push((name.into(), value.into()));
        self.sidecar = self.sidecar.map(|sidecar| sidecar.env(name, value));
        self
    }

    /// The command line.
    pub(crate) fn args(&self, directory: &Path, port: u16) -> Vec<String> {
        let (append, fsync) = match self.append {
            Append::Off => ("no", "everysec"),
            Append::Everysec => ("yes", "everysec"),
            Append::Always => ("yes", "always"),
        };
        let (port, directory) = (port.to_string(), directory.display().to_string());
        let fixed = [
            ("bind", "127.0.0.1"),
            ("port", &port),
            ("dir", &directory),
            ("appendonly", append),
            ("appendfsync", fsync),
        ];
        let mut args: Vec<String> = Vec::new();
        for (name, value) in fixed {
            args.extend([format!("--{name}"), value.to_string()]);
        }
        for (name, value) in &self.config {
            args.push(format!("--{name}"));
            args.push(value.clone());
        }
        let extras = if self.is_bare { Vec::new() } else { self.server.modules() };
        for path in &extras {
            args.extend(["--loadmodule".into(), path.display().to_string()]);
        }
        if let Some((path, module_args)) = &self.module {
            args.extend(["--loadmodule".into(), path.display().to_string()]);
            args.extend(module_args.iter().cloned());
        }
        args
    }
}
