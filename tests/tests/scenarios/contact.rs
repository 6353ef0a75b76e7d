//! A Kafka that cannot be reached: which of the usual mistakes it is, in Kafka's own words and with
//! what to check.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use redis_kafka_tests::broker::{Kafka, PLAIN_USER};
use redis_kafka_tests::network::free_port;
use redis_kafka_tests::oracle;
use redis_kafka_tests::reply::{field, text};
use redis_kafka_tests::server::{RedisServer, Setup};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::wait_for;
use tempfile::TempDir;

redis_kafka_tests::for_module_and_sidecar!(
    the_usual_mistakes_are_told_apart,
    a_broker_that_comes_back_is_told,
);

/// What is wrong, and the words that say so.
struct Mistake {
    name: &'static str,
    /// BROKERS or CONNECTION.
    connection: String,
    /// Kafka's words, of which the addresses are left out.
    words: &'static [&'static str],
    /// The end of the reason: what to check.
    check: &'static str,
    action: &'static str,
}

const REACH: &str = "check that the broker runs and can be reached from here";
const MEND: &str = "mend the profile; it is read again at every try";

fn mistakes(kafka: &Kafka, misled: u16) -> Vec<Mistake> {
    vec![
        Mistake {
            name: "port",
            connection: format!("BROKERS 127.0.0.1:{}", free_port()),
            words: &["no answer from Kafka: ", "/bootstrap: Connect to", "Connection refused"],
            check: "check host and port, the broker's advertised.listeners, and whether the \
                    listener wants TLS or a password (CONNECTION)",
            action: REACH,
        },
        Mistake {
            name: "plain-to-tls",
            connection: format!("BROKERS {}", kafka.sasl_brokers()),
            words: &["no answer from Kafka: ", "/bootstrap: Disconnected", "APIVERSION_QUERY"],
            check: "that listener wants TLS or a password: use CONNECTION with a profile that has \
                    security.protocol",
            action: REACH,
        },
        Mistake {
            name: "tls-to-plain",
            connection: "CONNECTION tls".to_owned(),
            words: &["no answer from Kafka: ssl://", "SSL connection closed by peer"],
            check: "that listener speaks no TLS: check the port, or security.protocol of the profile",
            action: REACH,
        },
        Mistake {
            name: "password",
            connection: "CONNECTION password".to_owned(),
            words: &["Kafka refused us: ", "SASL authentication error", "Authentication failed"],
            check: "check sasl.mechanism, sasl.username and sasl.password of the profile",
            action: MEND,
        },
        Mistake {
            name: "certificate",
            connection: "CONNECTION certificate".to_owned(),
            words: &["Kafka refused us: ", "certificate verify failed"],
            check: "check certificate and ssl.ca.location of the profile",
            action: MEND,
        },
        Mistake {
            name: "advertised",
            connection: format!("BROKERS 127.0.0.1:{misled}"),
            words: &[
                "no answer from Kafka: ",
                "Connect to ipv4#127.0.0.1:1 failed: Connection refused",
            ],
            check: "that is where the brokers tell their clients to go: check the broker's \
                    advertised.listeners, and the way there from here",
            action: REACH,
        },
    ]
}

fn with_profiles(subject: Subject, kafka: &Kafka) -> (TempDir, Setup) {
    let secure = |name: &str, rest: &str| {
        format!(
            "[{name}]\nbootstrap.servers = \"{}\"\nsecurity.protocol = \"SASL_SSL\"\n\
             sasl.mechanism = \"PLAIN\"\nsasl.username = \"{PLAIN_USER}\"\n\
             sasl.password = \"env:KAFKA_PASSWORD\"\n{rest}",
            kafka.sasl_brokers()
        )
    };
    let trusted = format!("ssl.ca.location = \"{}\"\n", kafka.certificate().display());
    let profiles = [
        format!(
            "[tls]\nbootstrap.servers = \"{}\"\nsecurity.protocol = \"SSL\"\n",
            kafka.brokers()
        ),
        secure("password", &trusted),
        secure("certificate", ""),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("kafka.toml");
    std::fs::write(&path, profiles.concat()).expect("write the profiles");
    (directory, subject.setup().connections(&path).env("KAFKA_PASSWORD", "wr0ng"))
}

/// A way to the broker on which it says that it is at port 1, where nothing listens.
fn misleading(kafka: &Kafka) -> u16 {
    let broker = kafka.brokers();
    let port: u16 = broker.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let at = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let broker = TcpStream::connect(("127.0.0.1", port)).expect("the broker");
            let (requests, replies) = (client.try_clone().expect("a socket"), broker.try_clone());
            let mut to_broker = broker;
            std::thread::spawn(move || {
                // Either side may go at any time.
                let _ = std::io::copy(&mut &requests, &mut to_broker);
            });
            std::thread::spawn(move || mislead(replies.expect("a socket"), client, port));
        }
    });
    at
}

/// Copies what the broker says, with another port behind its host: both stand in one answer.
fn mislead(mut broker: TcpStream, mut client: TcpStream, port: u16) {
    let told = |port: u16| [b"127.0.0.1", &i32::from(port).to_be_bytes()[..]].concat();
    let (from, to) = (told(port), told(1));
    let mut buffer = [0; 65536];
    while let Ok(count) = broker.read(&mut buffer) {
        if count == 0 {
            return;
        }
        let mut at = 0;
        while at + from.len() <= count {
            if buffer[at..].starts_with(&from) {
                buffer[at..at + to.len()].copy_from_slice(&to);
            }
            at += 1;
        }
        if client.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

fn said(server: &RedisServer, subscription: &str, name: &str) -> String {
    let info = server.line(&format!("KAFKA.INFO {subscription}"));
    field(&info, name).map(text).unwrap_or_default()
}

fn the_usual_mistakes_are_told_apart(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("contact", 1);
    let (_files, setup) = with_profiles(subject, kafka);
    let server = setup.start();
    let mistakes = mistakes(kafka, misleading(kafka));
    for Mistake { name, connection, .. } in &mistakes {
        let reply = server.ok(&format!("KAFKA.SUBSCRIBE {name} TOPIC {topic} {connection}"));
        assert!(reply.starts_with("OK waiting: "), "{name}: {reply}");
    }
    for Mistake { name, words, check, action, .. } in &mistakes {
        let is_told = |reason: &str| {
            words.iter().all(|words| reason.contains(words)) && reason.ends_with(check)
        };
        wait_for(&format!("what is wrong with '{name}'"), Duration::from_secs(30), || {
            let told = ["state", "reason", "action", "connection", "connection_problem"]
                .map(|field| said(&server, name, field));
            let [state, reason, todo, contact, problem] = &told;
            let is_right = state == "waiting" && is_told(reason) && is_told(problem);
            let is_right = is_right && todo == action && contact == "down";
            if is_right { Ok(()) } else { Err(told) }
        });
        assert!(!said(&server, name, "connection_since").is_empty());
        assert_eq!(server.listed(name, "connection"), "down");
        let pair = format!("kafka_sub_{name}:state=waiting,");
        assert!(server.text("INFO kafka").contains(&pair), "{pair}");
    }
}

fn a_broker_that_comes_back_is_told(subject: Subject) {
    let mut kafka = Kafka::start();
    let topic = kafka.topic("contact-back", 1);
    let server = subject.setup().start();
    oracle::declare(&server, &kafka, &topic, "");
    server.wait_state(oracle::SUBSCRIPTION, "running");
    assert_eq!(said(&server, oracle::SUBSCRIPTION, "connection"), "up");
    let wait = |contact: &str| {
        wait_for(&format!("contact to be {contact}"), Duration::from_secs(60), || {
            let found = said(&server, oracle::SUBSCRIPTION, "connection");
            if found == contact { Ok(()) } else { Err(found) }
        });
    };
    kafka.kill();
    wait("down");
    let problem = said(&server, oracle::SUBSCRIPTION, "connection_problem");
    assert!(problem.starts_with("no answer from Kafka: "), "{problem}");
    kafka.restart();
    wait("up");
    assert_eq!(said(&server, oracle::SUBSCRIPTION, "connection_problem"), problem, "it stays");
    assert!(!said(&server, oracle::SUBSCRIPTION, "connection_problem_at").is_empty());
}
