//! The program `redis-kafka run` beside a redis-server of the tests.

use std::path::Path;
use std::time::Duration;

use crate::client::{Client, Protocol};
use crate::network::free_port;
use crate::process::Process;
use crate::subject::built;
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(30);

/// How a sidecar is started.
#[derive(Clone, Debug, Default)]
pub struct SidecarSetup {
    args: Vec<String>,
    envs: Vec<(String, String)>,
}

impl SidecarSetup {
    /// One with units of at most `records` records.
    pub fn of_units(records: usize) -> SidecarSetup {
        SidecarSetup::default().args(&["--unit", &records.to_string()])
    }

    /// Adds arguments of the command line.
    pub fn args(mut self, args: &[&str]) -> SidecarSetup {
        self.args.extend(args.iter().map(|arg| arg.to_string()));
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> SidecarSetup {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// Starts one that must refuse to (bad profiles), and gives its log.
    pub fn refused_at_start(&self, url: &str, directory: &Path) -> String {
        let mut sidecar = self.launch(url, "refused", directory);
        let status = sidecar.process.wait_ended(START);
        assert!(!status.success(), "redis-kafka run started and ended with {status}");
        sidecar.log()
    }

    /// Starts it beside the Redis at this URL, with its log in `directory`, and waits until its
    /// command port answers. `name` is its instance id and its log's name.
    pub fn start(&self, url: &str, name: &str, directory: &Path) -> Sidecar {
        let mut sidecar = self.launch(url, name, directory);
        sidecar.wait_ready();
        sidecar
    }

    fn launch(&self, url: &str, name: &str, directory: &Path) -> Sidecar {
        let (port, http) = (free_port(), free_port());
        let fixed = [
            ("--redis", url.to_owned()),
            ("--listen", format!("127.0.0.1:{port}")),
            ("--http", format!("127.0.0.1:{http}")),
            ("--instance-id", name.to_owned()),
        ];
        let mut args = vec!["run".to_owned()];
        args.extend(fixed.into_iter().flat_map(|(option, value)| [option.to_owned(), value]));
        args.extend(self.args.iter().cloned());
        let program = built("redis-kafka").display().to_string();
        let log = directory.join(format!("{name}.log"));
        Sidecar { process: Process::start(&program, &args, &self.envs, &log), port, http }
    }
}

/// A running (or killed) sidecar. Dropping it kills it; its log is printed when the test failed.
pub struct Sidecar {
    process: Process,
    port: u16,
    http: u16,
}

impl Sidecar {
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its command port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its HTTP port.
    pub fn http(&self) -> u16 {
        self.http
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The names of its threads.
    pub fn threads(&self) -> Vec<String> {
        self.process.threads()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Whether the process is there.
    pub fn is_alive(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Waits for an asked-for end (SIGTERM); true when it was a clean one.
    pub fn wait_ended(&mut self) -> bool {
        self.process.wait_ended(START).success()
    }

    /// A connection to its command port alone.
    pub fn connect(&self, protocol: Protocol) -> Client {
        Client::connect(self.port, protocol).expect("connect to the sidecar")
    }

    fn wait_ready(&mut self) {
        wait_for("the sidecar to answer", START, || {
            if let Some(status) = self.process.ended() {
                panic!("redis-kafka run ended with {status}:\n{}", self.process.log_tail());
            }
            Client::connect(self.port, Protocol::Resp2)?.line("PING")
        });
    }
}
