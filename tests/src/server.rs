//! A real redis-server in a directory of its own.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use redis::Value;
use tempfile::TempDir;

use crate::aof;
use crate::client::{Client, Protocol, expect_ok};
use crate::network::free_port;
use crate::process::{Process, run_directory};
use crate::reply::{Info, field, items, text};
pub use crate::setup::{Append, Setup};
use crate::sidecar::{Sidecar, SidecarSetup};
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(60);

impl Setup {
    /// Starts a server in a new directory and waits until it answers.
    pub fn start(&self) -> RedisServer {
        let directory = tempfile::Builder::new().prefix("redis-").tempdir_in(run_directory());
        self.start_in(directory.expect("create a directory"), free_port())
    }

    /// Starts a server on a copy of a stopped one's files, changed first by
    /// `change` (which gets the copy's directory).
    pub fn start_on_copy(&self, from: &Path, change: impl FnOnce(&Path)) -> RedisServer {
        let directory = tempfile::Builder::new().prefix("redis-").tempdir_in(run_directory());
        let directory = directory.expect("create a directory");
        copy_files(from, directory.path());
        change(directory.path());
        self.start_in(directory, free_port())
    }

    /// Starts a server that must refuse to (bad load arguments), and gives its log.
    pub fn refused_at_start(&self) -> String {
        let directory = tempfile::tempdir_in(run_directory()).expect("create a directory");
        if let Some(sidecar) = &self.sidecar {
            return sidecar.refused_at_start("redis://127.0.0.1:1", directory.path());
        }
        let mut process = launch(self, directory.path(), free_port());
        let status = process.wait_ended(START);
        assert!(!status.success(), "redis-server started and ended with {status}");
        process.log()
    }

    fn start_in(&self, directory: TempDir, port: u16) -> RedisServer {
        let process = launch(self, directory.path(), port);
        let (client, setup) = (RefCell::new(None), self.clone());
        let mut server = RedisServer { client, process, sidecar: None, setup, directory, port };
        server.wait_ready();
        server
    }
}

/// A running (or killed) redis-server, with its sidecar if it has one. Dropping it kills it and
/// removes its files; its log is printed when the test failed.
pub struct RedisServer {
    client: RefCell<Option<Client>>,
    process: Process,
    sidecar: Option<Sidecar>,
    setup: Setup,
    directory: TempDir,
    port: u16,
}

impl RedisServer {
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The process of its sidecar, if it has one.
    pub fn sidecar_pid(&self) -> Option<u32> {
        self.sidecar.as_ref().map(Sidecar::pid)
    }

    /// The server's working directory (RDB, `appendonlydir`, log).
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The server's log so far, and its sidecar's.
    pub fn log(&self) -> String {
        let sidecar = self.sidecar.as_ref().map(Sidecar::log).unwrap_or_default();
        self.process.log() + &sidecar
    }

    /// The names of the threads of the process that consumes.
    pub fn threads(&self) -> Vec<String> {
        match &self.sidecar {
            Some(sidecar) => sidecar.threads(),
            None => self.process.threads(),
        }
    }

    /// The port that takes `KAFKA.…`: the sidecar's where there is one.
    pub fn command_port(&self) -> u16 {
        self.sidecar.as_ref().map_or(self.port, Sidecar::port)
    }

    /// The sidecar; panics where there is none.
    pub fn sidecar(&mut self) -> &mut Sidecar {
        self.sidecar.as_mut().expect("a sidecar")
    }

    /// kill -9, of the sidecar as well.
    pub fn kill(&mut self) {
        self.sidecar = None;
        self.kill_redis();
    }

    /// kill -9 of redis-server alone.
    pub fn kill_redis(&mut self) {
        self.process.kill();
        self.client.replace(None);
    }

    /// kill -9 of the sidecar, and a new one in its place.
    pub fn restart_sidecar(&mut self) {
        self.client.replace(None);
        self.sidecar().kill();
        self.start_sidecar();
    }

    /// Runs a sidecar that reaches this Redis in a way of its own.
    pub fn attach_sidecar(&mut self, setup: SidecarSetup, url: &str) {
        self.client.replace(None);
        self.sidecar = Some(setup.start(url, "attached", self.directory.path()));
    }

    fn start_sidecar(&mut self) {
        let url = format!("redis://127.0.0.1:{}", self.port);
        let name = format!("sidecar-{}", self.port);
        let setup = self.setup.sidecar.as_ref();
        self.sidecar = setup.map(|setup| setup.start(&url, &name, self.directory.path()));
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Whether the process is there.
    pub fn is_alive(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Waits for an asked-for end (SHUTDOWN); true when it was a clean one.
    pub fn wait_ended(&mut self) -> bool {
        self.client.replace(None);
        self.process.wait_ended(START).success()
    }

    /// Starts the killed server again, on its port and files.
    pub fn start_again(&mut self) {
        self.start_with(self.setup.clone());
    }

    /// Starts the killed server again with another set-up.
    pub fn start_with(&mut self, setup: Setup) {
        self.launch_with(setup);
        self.wait_ready();
    }

    /// Starts the killed server again and does not wait for it.
    pub fn launch_again(&mut self) {
        self.launch_with(self.setup.clone());
    }

    fn launch_with(&mut self, setup: Setup) {
        self.client.replace(None);
        self.process = launch(&setup, self.directory.path(), self.port);
        self.setup = setup;
    }

    /// kill -9 and start again.
    pub fn kill_and_start(&mut self) {
        self.kill();
        self.start_again();
    }

    /// A new connection.
    pub fn connect(&self, protocol: Protocol) -> Client {
        self.try_connect(protocol).expect("connect to redis-server")
    }

    fn try_connect(&self, protocol: Protocol) -> Result<Client, String> {
        match &self.sidecar {
            Some(sidecar) => Client::connect_both(self.port, sidecar.port(), protocol),
            None => Client::connect(self.port, protocol),
        }
    }

    /// Sends a line on the server's own connection; `Err` is the error line.
    pub fn try_line(&self, line: &str) -> Result<Value, String> {
        let mut slot = self.client.borrow_mut();
        if slot.is_none() {
            *slot = Some(self.try_connect(Protocol::Resp3)?);
        }
        let reply = slot.as_mut().expect("just connected").line(line);
        if matches!(&reply, Err(e) if !e.chars().next().is_some_and(|c| c.is_ascii_uppercase())) {
            *slot = None;
        }
        reply
    }

    /// Sends a line and gives the reply; panics on an error.
    pub fn line(&self, line: &str) -> Value {
        self.try_line(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Sends a line whose reply must begin with OK, and gives the reply.
    pub fn ok(&self, line: &str) -> String {
        expect_ok(line, self.try_line(line))
    }

    /// Sends a line that must fail, and gives the error line.
    pub fn refused(&self, line: &str) -> String {
        match self.try_line(line) {
            Err(error) => error,
            Ok(reply) => panic!("{line}: not refused but {reply:?}"),
        }
    }

    /// The reply as text.
    pub fn text(&self, line: &str) -> String {
        text(&self.line(line))
    }

    /// The reply as a number.
    pub fn number(&self, line: &str) -> i64 {
        let reply = self.text(line);
        reply.parse().unwrap_or_else(|_| panic!("{line}: not a number: {reply}"))
    }

    /// A hash's fields.
    pub fn hash(&self, key: &str) -> HashMap<String, String> {
        match self.line(&format!("HGETALL \"{key}\"")) {
            Value::Map(pairs) => pairs.iter().map(|(k, v)| (text(k), text(v))).collect(),
            other => panic!("HGETALL {key}: {other:?}"),
        }
    }

    /// All entries of a stream, in order, as their fields.
    pub fn stream(&self, key: &str) -> Vec<HashMap<String, String>> {
        let reply = self.line(&format!("XRANGE \"{key}\" - +"));
        let fields = |entry: &Value| {
            let flat = items(&items(entry)[1]).to_vec();
            flat.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
        };
        items(&reply).iter().map(fields).collect()
    }

    /// Every key that matches a pattern.
    pub fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys: Vec<String> =
            items(&self.line(&format!("KEYS \"{pattern}\""))).iter().map(text).collect();
        keys.sort();
        keys
    }

    /// One field of `INFO <section>`.
    pub fn info_field(&self, section: &str, name: &str) -> Option<String> {
        let info = self.text(&format!("INFO {section}"));
        let prefix = format!("{name}:");
        info.lines().find_map(|line| line.strip_prefix(&prefix)).map(|v| v.trim().to_string())
    }

    /// KAFKA.INFO of a subscription.
    pub fn subscription(&self, name: &str) -> Info {
        Info::read(&self.line(&format!("KAFKA.INFO {name}")))
    }

    /// Waits until the subscription is in this state, and gives its INFO.
    pub fn wait_state(&self, name: &str, state: &str) -> Info {
        wait_for(&format!("{name} to be {state}"), Duration::from_secs(30), || {
            let info = self.subscription(name);
            if info.state == state { Ok(info) } else { Err(Box::new(info)) }
        })
    }

    /// Waits until the subscription is in this state for a reason with these words, and gives its INFO.
    pub fn wait_reason(&self, name: &str, state: &str, words: &str) -> Info {
        let what = format!("{name} to be {state} because of '{words}'");
        wait_for(&what, Duration::from_secs(30), || {
            let info = self.subscription(name);
            let is = info.state == state && info.reason.contains(words);
            if is { Ok(info) } else { Err(Box::new(info)) }
        })
    }

    /// Waits until the subscription applied (or settled) this many records.
    pub fn wait_consumed(&self, name: &str, records: i64) {
        wait_for(&format!("{name} to consume {records}"), Duration::from_secs(60), || {
            let info = self.subscription(name);
            if info.counters.consumed >= records { Ok(()) } else { Err(Box::new(info)) }
        });
    }

    /// A field of the subscription's line in KAFKA.LIST that holds no blank (`state`, `lag`).
    pub fn listed(&self, name: &str, wanted: &str) -> String {
        let list = self.text("KAFKA.LIST");
        let start = format!("sub={name} ");
        let line = list.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("no {name} in {list}"));
        let prefix = format!("{wanted}=");
        // What is asked for stands outside of the quoted reason and action.
        let outside = line.split('"').step_by(2).flat_map(str::split_whitespace);
        let found = outside.filter_map(|word| word.strip_prefix(&prefix)).next();
        found.unwrap_or_else(|| panic!("no {wanted} in {line}")).to_string()
    }

    /// Waits until KAFKA.LIST gives the subscription this lag.
    pub fn wait_lag(&self, name: &str, lag: i64) {
        wait_for(&format!("{name} to lag {lag} behind"), Duration::from_secs(30), || {
            let listed = self.listed(name, "lag");
            if listed == lag.to_string() { Ok(()) } else { Err(listed) }
        });
    }

    /// KAFKA.WAIT: all that Kafka holds now is applied.
    pub fn wait_applied(&self, name: &str) {
        let wait = || self.try_line(&format!("KAFKA.WAIT {name} 55000"));
        // A machine that is frozen and thawed interrupts reads with a time-out (signal(7)); the
        // next line goes over a new connection, and waiting twice is waiting once.
        let interrupted = |reply: &Result<Value, String>| {
            reply.as_ref().is_err_and(|error| error.contains("Interrupted system call"))
        };
        let mut reply = wait();
        while interrupted(&reply) {
            reply = wait();
        }
        if let Err(error) = reply {
            panic!(
                "KAFKA.WAIT {name}: {error}\n{:#?}",
                self.try_line(&format!("KAFKA.INFO {name}"))
            );
        }
    }

    /// The DEBUG DIGEST of the whole data set.
    fn digest(&self) -> String {
        self.text("DEBUG DIGEST")
    }

    /// A field of KAFKA.INFO that [`Info`] does not carry.
    pub fn info_of(&self, name: &str, wanted: &str) -> Option<Value> {
        field(&self.line(&format!("KAFKA.INFO {name}")), wanted).cloned()
    }

    /// Waits until this replica has a link to its primary and all of its data.
    pub fn wait_linked(&self) {
        wait_for("the replica's link", START, || {
            let link = self.info_field("replication", "master_link_status");
            if link.as_deref() == Some("up") { Ok(()) } else { Err(link) }
        });
    }

    /// Waits until this replica holds the definitions of its primary: it lags behind, as the primary
    /// holds back what comes after a full copy until the replica's next word, up to a second later.
    pub fn wait_defined_as(&self, primary: &RedisServer) {
        let wanted = primary.hash("kafka:definitions");
        wait_for("the replica's definitions", START, || {
            let found = self.hash("kafka:definitions");
            if found == wanted { Ok(()) } else { Err(found) }
        });
    }

    /// Waits until this server has the same data as another one.
    pub fn wait_equal(&self, other: &RedisServer) {
        wait_for("two servers to be equal", START, || {
            if self.digest() == other.digest() { Ok(()) } else { Err(self.differences(other)) }
        });
    }

    /// The digest of every key.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let digest = |key: String| {
            let reply = self.line(&format!("DEBUG DIGEST-VALUE \"{key}\""));
            (key, text(&items(&reply)[0]))
        };
        self.keys("*").into_iter().map(digest).collect()
    }

    /// The keys that are not the same on another server.
    fn differences(&self, other: &RedisServer) -> Vec<String> {
        let (here, there) = (self.digests(), other.digests());
        let keys = here.keys().chain(there.keys()).filter(|key| here.get(*key) != there.get(*key));
        keys.map(|key| self.describe(other, key)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Both sides of a key that differs.
    fn describe(&self, other: &RedisServer, key: &str) -> String {
        let show = |server: &RedisServer| match server.text(&format!("TYPE \"{key}\"")).as_str() {
            "hash" => format!("{:?}", server.hash(key)),
            "stream" => format!("{:?}", server.line(&format!("XINFO STREAM \"{key}\""))),
            other => other.to_string(),
        };
        format!("{key}: here {}, there {}", show(self), show(other))
    }

    /// Waits until the server answers PING and has loaded its data; starts its sidecar where that
    /// does not run.
    pub fn wait_ready(&mut self) {
        wait_for("redis-server to answer", START, || {
            if let Some(status) = self.process.ended() {
                panic!("redis-server ended with {status}:\n{}", self.process.log_tail());
            }
            self.try_line("PING")
        });
        if self.sidecar.is_none() && self.setup.sidecar.is_some() {
            self.client.replace(None);
            self.start_sidecar();
        }
    }
}

/// What docs/operations.md has people do beside a sidecar after a crash: Redis itself would cut the
/// torn end of a transaction off and leave its beginning.
fn mend_aof(directory: &Path) {
    // The file that is written to alone: an older redis-check-aof reads no newer server's base file.
    let Some(file) = aof::find_incremental(directory) else { return };
    let mut check = Command::new("redis-check-aof");
    check.arg("--fix").arg(&file).stdin(Stdio::piped());
    let mut check = check.stdout(Stdio::piped()).spawn().expect("redis-check-aof");
    // It asks before it cuts; it has ended by itself where nothing is torn.
    let _ = check.stdin.take().expect("its input").write_all(b"y\n");
    let output = check.wait_with_output().expect("redis-check-aof");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "redis-check-aof --fix: {said}");
}

fn launch(setup: &Setup, directory: &Path, port: u16) -> Process {
    if setup.sidecar.is_some() {
        mend_aof(directory);
    }
    let args = setup.args(directory, port);
    let mut envs = setup.envs.clone();
    envs.extend(setup.server.libraries().map(|path| ("LD_LIBRARY_PATH".to_owned(), path)));
    Process::start(&setup.server.program(), &args, &envs, &directory.join("redis.log"))
}

fn copy_files(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().expect("cp");
    assert!(status.success(), "cp -a {} {}", from.display(), to.display());
}
