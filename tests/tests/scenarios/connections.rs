//! Connection profiles: TLS and SASL against a real listener, denied
//! properties, and secrets that stay secret.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redis_kafka_tests::broker::{Kafka, PLAIN_PASSWORD, PLAIN_USER, SCRAM_PASSWORD, SCRAM_USER};
use redis_kafka_tests::oracle::{SUBSCRIPTION, declare_routes};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::reply::{items, text};
use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::subject::{Subject, module};
use redis_kafka_tests::wait::wait_until;
use redis_kafka_tests::watch::Watch;
use tempfile::TempDir;

/// Not the password of anybody.
const WRONG_PASSWORD: &str = "wr0ng-5ecret-a77e40";

/// A profile named `secure` for the SASL_SSL listener.
fn profile(mechanism: &str, user: &str, password: &str) -> String {
    let kafka = Kafka::shared();
    format!(
        r#"[secure]
bootstrap.servers = "{}"
security.protocol = "SASL_SSL"
sasl.mechanism = "{mechanism}"
sasl.username = "{user}"
sasl.password = "{password}"
ssl.ca.location = "{}"
"#,
        kafka.sasl_brokers(),
        kafka.certificate().display()
    )
}

/// A file of profiles, and the server's set-up that reads it.
fn with_profiles(subject: Subject, text: &str) -> (TempDir, Setup) {
    let directory = tempfile::tempdir().expect("create a directory");
    let path = directory.path().join("kafka.toml");
    std::fs::write(&path, text).expect("write the profiles");
    let setup = subject.setup().connections(&path);
    (directory, setup)
}

fn subscribe(server: &RedisServer, topic: &str) -> String {
    let reply = server
        .ok(&format!("KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} CONNECTION secure PAUSED"));
    declare_routes(server);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    reply
}

fn plain_and_scram_over_tls(subject: Subject) {
    let kafka = Kafka::shared();
    for (mechanism, user, password) in
        [("PLAIN", PLAIN_USER, PLAIN_PASSWORD), ("SCRAM-SHA-512", SCRAM_USER, SCRAM_PASSWORD)]
    {
        let topic = kafka.topic("secure", 1);
        let (_files, setup) =
            with_profiles(subject, &profile(mechanism, user, "env:KAFKA_PASSWORD"));
        let server = setup.env("KAFKA_PASSWORD", password).start();
        let names = server.line("KAFKA.CONNECTIONS");
        assert_eq!(items(&names).iter().map(text).collect::<Vec<_>>(), ["secure"]);
        subscribe(&server, &topic);
        let mut load = Load::new(kafka, &topic);
        load.send(50);
        redis_kafka_tests::oracle::check(&server, kafka, &load);
    }
}

fn a_wrong_password_says_so_and_heals_when_the_file_is_right(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("password", 1);
    let secrets = tempfile::tempdir().expect("create a directory");
    let secret = secrets.path().join("password");
    std::fs::write(&secret, format!("{WRONG_PASSWORD}\n")).expect("write a secret");
    let reference = format!("file:{}", secret.display());
    let (_files, setup) = with_profiles(subject, &profile("PLAIN", PLAIN_USER, &reference));
    let server = setup.config("loglevel", "debug").start();
    subscribe(&server, &topic);
    wait_until("the reason to name authentication", Duration::from_secs(30), || {
        let info = server.subscription(SUBSCRIPTION);
        info.state != "paused" && info.reason.to_lowercase().contains("authentication")
    });
    let info = server.subscription(SUBSCRIPTION);
    assert!(info.state == "waiting" || info.state == "stopped", "{info:#?}");
    assert!(format!("{}{}", info.reason, info.action).contains("profile"), "{info:#?}");
    assert!(server.log().to_lowercase().contains("authentication"), "{}", server.log());
    shows_no_secret(&server);
    std::fs::write(&secret, format!("{PLAIN_PASSWORD}\n")).expect("write a secret");
    if info.state == "stopped" {
        server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    }
    let mut load = Load::new(kafka, &topic);
    load.send(50);
    server.wait_consumed(SUBSCRIPTION, 50);
    redis_kafka_tests::oracle::check(&server, kafka, &load);
    shows_no_secret(&server);
}

/// Neither password is in what the server tells, the wrong one (which may be
/// the right one of another account) as little as the right one.
fn shows_no_secret(server: &RedisServer) {
    let lines = ["KAFKA.LIST", "KAFKA.INFO rides", "INFO everything", "INFO kafka"];
    let mut shown = lines.map(|line| format!("{:?}", server.line(line))).to_vec();
    shown.push(server.log());
    assert!(shown[0].contains("sub=rides"), "{}", shown[0]);
    for text in &shown {
        for password in [WRONG_PASSWORD, PLAIN_PASSWORD] {
            assert!(!text.contains(password), "{password} in: {text}");
        }
    }
}

/// What makes librdkafka read files, run code or leave our promises behind.
fn properties_outside_the_allow_list_and_written_out_secrets_are_refused(subject: Subject) {
    let denied = [
        ("plugin.library.paths = \"/tmp/evil.so\"", "plugin.library.paths"),
        ("enable.auto.commit = \"true\"", "enable.auto.commit"),
        ("isolation.level = \"read_uncommitted\"", "isolation.level"),
        ("no.such.property = \"1\"", "no.such.property"),
        ("ssl.key.password = \"l1teral-5ecret\"", "ssl.key.password"),
    ];
    let base = profile("PLAIN", PLAIN_USER, "env:KAFKA_PASSWORD");
    for (line, name) in denied {
        let (_files, setup) = with_profiles(subject, &format!("{base}{line}\n"));
        let log = setup.env("KAFKA_PASSWORD", PLAIN_PASSWORD).refused_at_start();
        assert!(log.contains(name) && log.contains("'secure'"), "{line}: {log}");
        assert!(!log.contains("l1teral"), "{log}");
    }
    let (_files, setup) = with_profiles(subject, &base);
    let error = setup.start().refused("KAFKA.SUBSCRIBE rides TOPIC t CONNECTION unknown");
    assert!(error.contains("'unknown'") && error.contains("KAFKA.CONNECTIONS"), "{error}");
}

#[test]
fn load_arguments_that_make_no_sense_are_refused() {
    let bad = [
        (["PROPAGATE", "both"], "both"),
        (["UNIT", "0"], "UNIT"),
        (["UNITS", "4"], "UNITS"),
        (["CONNECTIONS", "/no/such/file.toml"], "/no/such/file.toml"),
    ];
    for (args, words) in bad {
        let log = Setup::plain().module(&module(), &args).refused_at_start();
        assert!(log.contains(words), "{args:?}: {log}");
    }
}

redis_kafka_tests::for_each_subject!(secrets_are_found_nowhere);

redis_kafka_tests::for_module_and_sidecar!(
    plain_and_scram_over_tls,
    a_wrong_password_says_so_and_heals_when_the_file_is_right,
    properties_outside_the_allow_list_and_written_out_secrets_are_refused,
);

fn secrets_are_found_nowhere(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("secrets", 1);
    let (_files, setup) =
        with_profiles(subject, &profile("PLAIN", PLAIN_USER, "env:KAFKA_PASSWORD"));
    let setup = setup.append(Append::Always).config("slowlog-log-slower-than", "0");
    let mut server =
        setup.env("KAFKA_PASSWORD", PLAIN_PASSWORD).config("loglevel", "debug").start();
    let monitor = Watch::monitor(&server);
    let mut seen = vec![subscribe(&server, &topic)];
    Load::new(kafka, &topic).send(20);
    server.wait_applied(SUBSCRIPTION);
    for line in ["KAFKA.LIST", "INFO everything", "INFO kafka", "KAFKA.HELP"] {
        seen.push(format!("{:?}", server.line(line)));
    }
    for line in [
        "KAFKA.INFO rides",
        "KAFKA.CONNECTIONS",
        "SLOWLOG GET -1",
        "HGETALL kafka:definitions",
        "COMMAND DOCS",
        "MODULE LIST",
    ] {
        seen.push(format!("{:?}", server.line(line)));
    }
    server.ok("SAVE");
    seen.push(monitor.stop(&server));
    server.kill();
    seen.push(server.log());
    assert!(
        seen.iter().any(|text| text.contains("KAFKA.SUBSCRIBE")),
        "the search sees the commands"
    );
    for path in files(server.directory()) {
        seen.push(
            String::from_utf8_lossy(&std::fs::read(&path).expect("read a file")).into_owned(),
        );
    }
    for text in &seen {
        assert!(!text.contains(PLAIN_PASSWORD), "the password in: {text}");
    }
}

/// Every file below a directory (AOF, RDB, log).
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("list a directory").flatten();
    entries
        .flat_map(|e| if e.path().is_dir() { files(&e.path()) } else { vec![e.path()] })
        .collect()
}
