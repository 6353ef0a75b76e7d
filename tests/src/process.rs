//! Child processes that die with the test process, even one killed with -9.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use crate::wait::wait_for;

type Reply = Sender<io::Result<Child>>;

/// The thread all children are started from. The kernel sends the parent-death
/// signal when the starting *thread* ends, and test threads end early.
fn launcher() -> Sender<(Command, Reply)> {
    static LAUNCHER: OnceLock<Mutex<Sender<(Command, Reply)>>> = OnceLock::new();
    let launcher = LAUNCHER.get_or_init(|| {
        let (sender, receiver) = channel::<(Command, Reply)>();
        std::thread::spawn(move || {
            for (mut command, reply) in receiver {
                let started = command.spawn();
                if let Err(unsent) = reply.send(started)
                    && let Ok(mut orphan) = unsent.0
                {
                    let _ = orphan.kill();
                }
            }
        });
        Mutex::new(sender)
    });
    launcher.lock().unwrap().clone()
}

/// A child process with its output in a log file; killed when dropped.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with its standard output and error appended to `log`.
    pub fn start(program: &str, args: &[String], envs: &[(String, String)], log: &Path) -> Process {
        let output = File::options().create(true).append(true).open(log).expect("open the log");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", program])
            .args(args)
            .envs(envs.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("clone the log"))
            .stderr(output);
        let (reply, started) = channel();
        launcher().send((command, reply)).expect("launcher");
        let child = started
            .recv()
            .expect("launcher")
            .unwrap_or_else(|error| panic!("cannot start {program} with setpriv: {error}"));
        Process { child, name: program.to_string(), log: log.to_path_buf() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The names of its threads (Linux keeps 15 characters of each).
    pub fn threads(&self) -> Vec<String> {
        let tasks = Path::new("/proc").join(self.pid().to_string()).join("task");
        let tasks = std::fs::read_dir(tasks).expect("list threads").flatten();
        // A thread may end between the listing and the reading.
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
        tasks.filter_map(name).map(|name| name.trim_end().to_string()).collect()
    }

    /// kill -9, and the process reaped.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name (`STOP`, `CONT`, `TERM`).
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(status.expect("kill").success(), "kill -{name} {}", self.name);
    }

    /// How it ended, `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait for a child")
    }

    /// Waits for the process to end by itself.
    pub fn wait_ended(&mut self, deadline: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait_for(&what, deadline, || self.child.try_wait().expect("wait for a child").ok_or("runs"))
    }

    /// The whole log so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The log's last lines, or a crash report's first ones, for a failure's message.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let crash = lines.iter().position(|line| line.contains("BUG REPORT START"));
        let from = crash.unwrap_or(lines.len().saturating_sub(40));
        lines[from..].iter().take(60).copied().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            println!("--- {} ({})\n{}\n---", self.name, self.log.display(), self.log_tail());
        }
    }
}

/// A directory for this test process's servers, removed by a later run (a
/// broker that lives as long as the process cannot remove its own).
pub fn run_directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let root = std::env::temp_dir().join("redis-kafka-tests");
        std::fs::create_dir_all(&root).expect("create the run directory");
        for entry in std::fs::read_dir(&root).expect("list run directories").flatten() {
            if !Path::new("/proc").join(entry.file_name()).exists() {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let own = root.join(std::process::id().to_string());
        std::fs::create_dir_all(&own).expect("create the run directory");
        own
    })
}

/// Where `make setup` keeps the servers that tests start: `REDIS_KAFKA_CACHE`.
pub fn cache_directory() -> PathBuf {
    match std::env::var("REDIS_KAFKA_CACHE") {
        Ok(cache) => PathBuf::from(cache),
        Err(_) => PathBuf::from(std::env::var("HOME").expect("HOME")).join(".cache/redis-kafka"),
    }
}
