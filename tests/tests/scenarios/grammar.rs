//! What the commands' table gives: metadata, help, errors, refusals.

use crate::commands::{paused, server};
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::network::free_port;
use redis_kafka_tests::reply::{field, items, text};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_module_and_sidecar!(
    command_metadata_comes_with_the_commands,
    errors_name_the_argument_and_the_way_out,
    options_to_come_are_refused_by_name,
    what_only_replication_or_an_admin_may_do_is_refused: not_sidecar "the command port has no KAFKA.APPLY, and one password and no users of its own",
    a_cluster_is_told_about_the_sidecar,
);

fn command_metadata_comes_with_the_commands(subject: Subject) {
    let server = server(subject);
    let flags = |command: &str| {
        let info = server.line(&format!("COMMAND INFO {command}"));
        let flags = items(&items(&info)[0])[2].clone();
        items(&flags).iter().map(text).collect::<Vec<_>>()
    };
    let names = [
        "SUBSCRIBE",
        "ROUTE",
        "UNROUTE",
        "UNSUBSCRIBE",
        "LIST",
        "INFO",
        "PAUSE",
        "RESUME",
        "WAIT",
        "CONNECTIONS",
        "HELP",
    ];
    for name in names {
        let command = format!("KAFKA.{name}");
        let docs = server.line(&format!("COMMAND DOCS {command}"));
        let docs = field(&docs, &command.to_lowercase()).or_else(|| field(&docs, &command));
        let summary = docs.and_then(|d| field(d, "summary")).map(text);
        assert!(summary.is_some_and(|s| s.len() > 10), "a summary of {command}");
        let definition = ["SUBSCRIBE", "ROUTE", "UNROUTE", "UNSUBSCRIBE", "PAUSE", "RESUME"];
        assert_eq!(
            flags(&command).contains(&"admin".to_string()),
            definition.contains(&name),
            "{command}"
        );
    }
    for name in ["LIST", "INFO", "CONNECTIONS", "HELP"] {
        let flags = flags(&format!("KAFKA.{name}"));
        assert!(flags.contains(&"readonly".to_string()), "{name}: {flags:?}");
    }
    for wrong in
        ["KAFKA.LIST too many", "KAFKA.WAIT rides", "KAFKA.INFO", "KAFKA.PAUSE", "KAFKA.ROUTE a"]
    {
        let error = server.refused(wrong);
        assert!(
            error.contains("wrong number of arguments") || error.starts_with("ERR KAFKA."),
            "{wrong}: {error}"
        );
    }
    assert!(format!("{:?}", server.line("KAFKA.HELP")).contains("KAFKA.SUBSCRIBE"));
    assert!(format!("{:?}", server.line("KAFKA.HELP KAFKA.ROUTE")).contains("STREAM"));
}

fn errors_name_the_argument_and_the_way_out(subject: Subject) {
    let (server, topic) = paused(subject);
    let brokers = Kafka::shared().brokers();
    let route = |rest: &str| server.refused(&format!("KAFKA.ROUTE r FROM rides TO {rest}"));
    let error = route("STREEM key");
    assert!(error.starts_with("ERR KAFKA.ROUTE: unknown target 'STREEM' (argument 5)"), "{error}");
    assert!(error.ends_with("did you mean STREAM?"), "{error}");
    let error = route("STREAM \"s:${key}\"");
    assert!(error.contains("%{"), "{error}");
    let error = route("STREAM \"s:%{key\"");
    assert!(error.starts_with("ERR KAFKA.ROUTE: "), "{error}");
    let error = route("STREAM s MAXLEN many");
    assert!(error.contains("many"), "{error}");
    let error = server.refused("KAFKA.ROUTE r FROM nobody TO STREAM s");
    assert!(error.contains("nobody"), "{error}");
    for (line, words) in [
        (format!("KAFKA.SUBSCRIBE s TOPIC {topic}"), "BROKERS"),
        (format!("KAFKA.SUBSCRIBE s BROKERS {brokers}"), "TOPIC"),
        (format!("KAFKA.SUBSCRIBE s/t TOPIC {topic} BROKERS {brokers}"), "s/t"),
        (format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS {brokers} VALUE YAML"), "YAML"),
        (format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS {brokers} ONERROR RETRY"), "RETRY"),
        (format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS {brokers} BROKER x"), "BROKER"),
        (format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS http://u:p@{brokers}"), "host:port"),
        ("KAFKA.PAUSE nobody".into(), "nobody"),
        ("KAFKA.UNROUTE nobody".into(), "nobody"),
        ("KAFKA.UNSUBSCRIBE nobody".into(), "nobody"),
    ] {
        let error = server.refused(&line);
        assert!(error.starts_with("ERR KAFKA.") && error.contains(words), "{line}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

/// What is in the grammar but not built says so by name; nothing is parsed and
/// then ignored. An entry leaves this list when it is built.
fn options_to_come_are_refused_by_name(subject: Subject) {
    let (server, _) = paused(subject);
    let targets = [("STRING k NEWER seq", "NEWER"), ("JSON k NEWER seq", "NEWER")];
    for (target, name) in targets {
        not_supported(&server, &format!("KAFKA.ROUTE r FROM rides TO {target}"), name);
    }
}

fn not_supported(server: &RedisServer, line: &str, name: &str) {
    let error = server.refused(line);
    assert!(error.contains("not supported yet") && error.contains(name), "{line}: {error}");
}

fn what_only_replication_or_an_admin_may_do_is_refused(subject: Subject) {
    let (server, _) = paused(subject);
    let error = server.refused("KAFKA.APPLY anything");
    assert!(error.starts_with("ERR KAFKA.APPLY: "), "{error}");
    let error = server.refused("MODULE UNLOAD kafka");
    assert!(server.try_line("KAFKA.LIST").is_ok(), "not unloaded: {error}");
    server.ok("ACL SETUSER narrow on >pw +@all ~allowed:* ~kafka:*");
    let mut narrow = server.connect(Protocol::Resp3);
    narrow.line("AUTH narrow pw").expect("AUTH");
    let refused = narrow.line(r#"KAFKA.ROUTE r FROM rides TO STREAM "secret:%{key}""#);
    let error = refused.expect_err("no write access to secret:*");
    assert!(error.contains("secret:"), "{error}");
    narrow.line(r#"KAFKA.ROUTE r FROM rides TO STREAM "allowed:%{key}""#).expect("allowed");
    server.ok("ACL SETUSER reader on >pw +kafka.list ~*");
    let mut reader = server.connect(Protocol::Resp3);
    reader.line("AUTH reader pw").expect("AUTH");
    reader.line("KAFKA.LIST").expect("LIST is for readers");
    assert!(reader.line("KAFKA.PAUSE rides").is_err_and(|error| error.starts_with("NOPERM")));
}

fn a_cluster_is_told_about_the_sidecar(subject: Subject) {
    // Its own default is 10,000 more, which an outgoing connection may have taken.
    let port = free_port().to_string();
    let setup = subject.setup().config("cluster-enabled", "yes").config("cluster-port", &port);
    let server = setup.start();
    let error = server.refused("KAFKA.SUBSCRIBE rides TOPIC t BROKERS 127.0.0.1:1");
    assert!(error.contains("Redis Cluster"), "{error}");
}
