//! The ways to Redis: a Unix socket, TLS, Sentinel, users and databases.

use redis_kafka_sidecar::redis::{Address, Connection, Patience, Problem, Refusal, text};
use redis_kafka_tests::network::free_port;
use redis_kafka_tests::process::{Process, run_directory};
use redis_kafka_tests::registry::{Certificates, Clients};
use redis_kafka_tests::server::{RedisServer, Setup};
use redis_kafka_tests::wait::wait_for;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Patience =
    Patience { connect: Duration::from_secs(5), answer: Duration::from_secs(5) };

fn open(url: &str) -> Result<Connection, Problem> {
    Connection::open(&Address::parse(url).expect("a URL"), PATIENCE)
}

fn opened(url: &str) -> Connection {
    open(url).unwrap_or_else(|problem| panic!("{url}: {problem}"))
}

fn directory() -> TempDir {
    tempfile::tempdir_in(run_directory()).expect("a directory")
}

#[test]
fn users_and_databases() {
    let server = Setup::plain().start();
    let port = server.port();
    server.ok("ACL SETUSER ada on >s3cret%ret ~* +@all");
    let mut connection = opened(&format!("redis://ada:s3cret%25ret@127.0.0.1:{port}/5"));
    connection.command(&[b"SET", b"k", b"v"]).expect("OK");
    assert_eq!(text(&connection.command(&[b"ACL", b"WHOAMI"]).expect("a name")), "ada");
    assert_eq!(server.number("EXISTS k"), 0);
    assert!(server.text("INFO keyspace").contains("db5:keys=1"));
    let wrong = open(&format!("redis://ada:wrong@127.0.0.1:{port}")).err();
    assert!(matches!(wrong, Some(Problem::Refused(Refusal::Login, _))), "{wrong:?}");
    let none = open(&format!("redis://127.0.0.1:{port}/99")).err();
    assert!(matches!(none, Some(Problem::Refused(Refusal::Other, _))), "{none:?}");
}

#[test]
fn a_unix_socket() {
    let directory = directory();
    let socket = directory.path().join("redis.sock");
    let server = Setup::plain().config("unixsocket", &socket.display().to_string()).start();
    let mut connection = opened(&format!("unix://{}?db=2", socket.display()));
    connection.command(&[b"SET", b"k", b"v"]).expect("OK");
    assert!(server.text("INFO keyspace").contains("db2:keys=1"));
}

struct Secured {
    _server: RedisServer,
    port: u16,
    files: TempDir,
}

fn secured(clients: &str) -> Secured {
    let files = directory();
    let certificates = Certificates::new(Clients::Anyone);
    let write = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let authority = write("ca.pem", &certificates.authority);
    let certificate = write("cert.pem", &certificates.server.0);
    let key = write("key.pem", &certificates.server.1);
    write("client.pem", &certificates.client.0);
    write("client-key.pem", &certificates.client.1);
    let port = free_port();
    let server = Setup::plain()
        .config("tls-port", &port.to_string())
        .config("tls-cert-file", &certificate)
        .config("tls-key-file", &key)
        .config("tls-ca-cert-file", &authority)
        .config("tls-auth-clients", clients)
        .start();
    Secured { _server: server, port, files }
}

fn file(directory: &Path, name: &str) -> String {
    directory.join(name).display().to_string()
}

#[test]
fn tls_believes_whom_it_is_told_to() {
    let Secured { port, files, .. } = &secured("no");
    let authority = file(files.path(), "ca.pem");
    opened(&format!("rediss://localhost:{port}?ca={authority}"))
        .command(&[b"PING"])
        .expect("an answer");
    opened(&format!("rediss://localhost:{port}/#insecure")).command(&[b"PING"]).expect("an answer");
    for refused in [
        format!("rediss://localhost:{port}"),
        // Its certificate is localhost's.
        format!("rediss://127.0.0.1:{port}?ca={authority}"),
        format!("rediss://localhost:{port}?ca={authority}.none"),
    ] {
        let problem = open(&refused).err().map(|problem| problem.to_string()).unwrap_or_default();
        assert!(problem.starts_with("TLS: "), "{refused}: {problem}");
    }
}

#[test]
fn a_client_shows_its_certificate() {
    let Secured { port, files, .. } = &secured("yes");
    let [authority, certificate, key] =
        ["ca.pem", "client.pem", "client-key.pem"].map(|name| file(files.path(), name));
    let url = format!("rediss://localhost:{port}?ca={authority}");
    assert!(open(&url).is_err());
    let url = format!("{url}&cert={certificate}&key={key}");
    opened(&url).command(&[b"PING"]).expect("an answer");
}

/// A Sentinel that watches the server at `primary` as `main`.
fn sentinel(primary: u16, files: &Path) -> (Process, u16) {
    let port = free_port();
    let lines = format!(
        "port {port}\ndir {}\nsentinel monitor main 127.0.0.1 {primary} 1\n",
        files.display()
    );
    let path = files.join("sentinel.conf");
    std::fs::write(&path, lines).expect("a file");
    let arguments = [path.display().to_string(), "--sentinel".to_owned()];
    (Process::start("redis-server", &arguments, &[], &files.join("sentinel.log")), port)
}

#[test]
fn sentinel_tells_the_primary_and_is_not_believed_blindly() {
    let (server, other, files) = (Setup::plain().start(), Setup::plain().start(), directory());
    let (_process, port) = sentinel(server.port(), files.path());
    let dead = free_port();
    let url = format!("redis-sentinel://127.0.0.1:{dead},127.0.0.1:{port}/main/1");
    let mut connection = wait_for("the Sentinel", Duration::from_secs(20), || {
        open(&url).map_err(|problem| problem.to_string())
    });
    connection.command(&[b"SET", b"k", b"v"]).expect("OK");
    assert!(server.text("INFO keyspace").contains("db1:keys=1"));
    server.ok(&format!("REPLICAOF 127.0.0.1 {}", other.port()));
    let problem = open(&url).err();
    assert!(matches!(problem, Some(Problem::Refused(Refusal::ReadOnly, _))), "{problem:?}");
    let unknown = open(&format!("redis-sentinel://127.0.0.1:{port}/none")).err();
    let unknown = unknown.map(|problem| problem.to_string()).unwrap_or_default();
    assert!(unknown.contains("it knows no 'none'"), "{unknown}");
}
