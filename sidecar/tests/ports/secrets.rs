//! The password, and TLS.

use crate::double::{DEADLINE, Double};
use native_tls::{Certificate, TlsConnector};
use redis_kafka_tests::registry::tls::{Certificates, Clients};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn ask(stream: &mut (impl Read + Write), line: &str) -> String {
    stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn connect(double: &Double) -> TcpStream {
    let stream = TcpStream::connect(double.listen()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[test]
fn nothing_goes_without_the_password() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "correct horse\n").unwrap();
    let double = Double::open(&[&format!("--password=file:{}", file.path().display())]);
    let mut stream = connect(&double);
    for refused in ["PING", "KAFKA.LIST", "COMMAND", "INFO", "CLIENT LIST", "GET a", "SELECT 1"] {
        assert_eq!(ask(&mut stream, refused), "-NOAUTH Authentication required.\r\n", "{refused}");
    }
    assert!(ask(&mut stream, "HELLO 3").starts_with("-NOAUTH HELLO must be called"));
    assert!(ask(&mut stream, "AUTH other \"correct horse\"").starts_with("-WRONGPASS"));
    assert_eq!(ask(&mut stream, "AUTH \"correct horse\""), "+OK\r\n");
    assert_eq!(ask(&mut stream, "PING"), "+PONG\r\n");
    assert_eq!(ask(&mut stream, "RESET"), "+RESET\r\n");
    assert!(ask(&mut stream, "PING").starts_with("-NOAUTH"));
    assert!(ask(&mut stream, "HELLO 3 AUTH default \"correct horse\"").starts_with("%7\r\n"));
    assert!(double.script.lock().unwrap().commands.is_empty());
}

#[test]
fn wrong_passwords_take_longer_each_time() {
    let double = Double::open(&["--password=correct"]);
    let mut stream = connect(&double);
    let mut took = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        assert!(ask(&mut stream, "AUTH wrong").starts_with("-WRONGPASS"));
        took.push(start.elapsed());
    }
    assert!(took[0] >= Duration::from_millis(500) && took[2] >= Duration::from_secs(2), "{took:?}");
    // Others are not held meanwhile.
    assert_eq!(ask(&mut connect(&double), "AUTH correct"), "+OK\r\n");
}

#[test]
fn strangers_that_say_nothing_are_shown_out() {
    let double = Double::open(&["--password=correct"]);
    let start = Instant::now();
    let mut answer = String::new();
    connect(&double).read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "");
    assert!(start.elapsed() >= Duration::from_secs(9), "{:?}", start.elapsed());
}

#[test]
fn with_a_certificate_only_tls_is_spoken() {
    let certificates = Certificates::new(Clients::Anyone);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    // Any pair of certificate and key will do; this one has the name "client".
    std::fs::write(path("cert.pem"), &certificates.client.0).unwrap();
    std::fs::write(path("key.pem"), &certificates.client.1).unwrap();
    let options =
        [format!("--tls-cert={}", path("cert.pem")), format!("--tls-key={}", path("key.pem"))];
    let double = Double::open(&[&options[0], &options[1], "--password=correct"]);
    let authority = Certificate::from_pem(certificates.authority.as_bytes()).unwrap();
    let connector = TlsConnector::builder().add_root_certificate(authority).build().unwrap();
    let mut stream = connector.connect("client", connect(&double)).unwrap();
    assert_eq!(ask(&mut stream, "AUTH correct"), "+OK\r\n");
    assert_eq!(ask(&mut stream, "KAFKA.LIST"), "$24\r\nsub=rides state=running\n\r\n");
    let mut plain = connect(&double);
    plain.write_all(b"PING\r\n").unwrap();
    let mut answer = Vec::new();
    // A TLS alert, or nothing: never an answer.
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("PONG"));
}
