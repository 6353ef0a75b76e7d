//! The commands as users and clients meet them.

use std::time::Duration;

use redis::Value;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::oracle;
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::reply::{field, items, text};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{wait_for, wait_until};

redis_kafka_tests::for_module_and_sidecar!(
    two_commands_from_nothing_to_live_data,
    the_same_definition_is_ok_and_another_names_replace,
    replace_keeps_the_positions,
    a_route_with_now_takes_what_comes,
    unroute_and_unsubscribe_keep_the_data,
    unsubscribe_keepoffsets_goes_on_where_it_was,
    unsubscribe_deletes_the_consumer_group,
    a_name_of_the_wrong_kind_is_told_apart,
    paused_on_a_running_equal_one_says_that_it_runs_on,
    pause_and_resume_outlive_a_restart,
    list_is_one_line_a_subscription,
    list_and_info_work_in_scripts: not_sidecar "scripts of Redis do not reach the command port",
    info_is_a_map_in_resp3_and_flat_in_resp2,
    wait_blocks_its_client_only_and_refuses_transactions_and_scripts,
    an_info_section_for_exporters,
);

/// A server with the module, for what does not depend on how units are propagated.
pub fn server(subject: Subject) -> RedisServer {
    subject.setup().start()
}

/// A server with the subscription `rides` on a new topic, not consuming.
pub fn paused(subject: Subject) -> (RedisServer, String) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("commands", 1);
    let server = server(subject);
    server.ok(&format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {} PAUSED", kafka.brokers()));
    server.wait_state("rides", "paused");
    (server, topic)
}

fn two_commands_from_nothing_to_live_data(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("two-commands", 1);
    let server = server(subject);
    let subscribe = format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {}", kafka.brokers());
    assert_eq!(server.ok(&subscribe), "OK");
    assert_eq!(server.wait_state("rides", "waiting").state, "waiting", "for a route");
    server.ok(r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{key}""#);
    send_texts(kafka, &topic, &[r#"{"key":"a","seq":0}"#]);
    server.wait_consumed("rides", 1);
    assert_eq!(server.stream("s:a").len(), 1);
    assert_eq!(server.wait_state("rides", "running").reason, "");
}

fn the_same_definition_is_ok_and_another_names_replace(subject: Subject) {
    let (server, topic) = paused(subject);
    let brokers = Kafka::shared().brokers();
    let same = format!("kafka.subscribe rides brokers {brokers} paused topic {topic}");
    server.ok(&same);
    let other =
        format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} VALUE STRING PAUSED");
    let error = server.refused(&other);
    assert!(error.starts_with("ERR KAFKA.SUBSCRIBE: "), "{error}");
    assert!(error.contains("REPLACE") && error.contains("VALUE"), "{error}");
    server.ok(&other.replace("rides TOPIC", "rides REPLACE TOPIC"));

    let route = r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{_key}""#;
    server.ok(route);
    server.ok(route);
    let error = server.refused(r#"KAFKA.ROUTE every FROM rides TO STREAM "t:%{_key}""#);
    assert!(error.contains("REPLACE"), "{error}");
    server.ok(r#"KAFKA.ROUTE every REPLACE FROM rides TO STREAM "t:%{_key}""#);
    // One namespace for subscriptions and routes.
    let error = server.refused(r#"KAFKA.ROUTE rides FROM rides TO STREAM "s:%{_key}""#);
    assert!(error.contains("rides"), "{error}");
}

fn replace_keeps_the_positions(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("replace", 1);
    let server = server(subject);
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(40);
    server.wait_applied("rides");
    server.ok(r#"KAFKA.ROUTE last REPLACE FROM rides TO HASH "h:%{key}" OVERWRITE"#);
    let brokers = kafka.brokers();
    server
        .ok(&format!("KAFKA.SUBSCRIBE rides REPLACE TOPIC {topic} BROKERS {brokers} ONERROR SKIP"));
    load.send(40);
    oracle::check(&server, kafka, &load);
}

fn a_route_with_now_takes_what_comes(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("late", 1);
    let server = server(subject);
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::with_keys(kafka, &topic, 1);
    load.send(10);
    server.wait_applied("rides");
    server.ok(r#"KAFKA.ROUTE late FROM rides TO STREAM "late" NOW"#);
    load.send(10);
    oracle::check(&server, kafka, &load);
    assert_eq!(server.number("XLEN late"), 10);
}

fn unroute_and_unsubscribe_keep_the_data(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("unroute", 1);
    let server = server(subject);
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::with_keys(kafka, &topic, 1);
    load.send(10);
    server.wait_applied("rides");
    server.ok("KAFKA.UNROUTE last");
    load.send(5);
    server.wait_applied("rides");
    assert_eq!(server.number("XLEN s:k0"), 15);
    assert_eq!(server.hash("h:k0")["seq"], "9");
    server.ok("KAFKA.UNSUBSCRIBE rides");
    assert_eq!(server.text("KAFKA.LIST"), "");
    // Sidecars leave word for one another, and the ledgers of routes that read for themselves, for a day.
    let mut keys = server.keys("*");
    keys.retain(|key| server.number(&format!("PTTL {key}")) == -1);
    assert_eq!(keys, ["h:k0", "s:k0"], "ledger and definitions go, data stays");
    assert!(server.refused("KAFKA.INFO rides").starts_with("ERR KAFKA.INFO: "));

    oracle::declare(&server, kafka, &topic, "");
    server.wait_applied("rides");
    assert_eq!(server.number("XLEN s:k0"), 30, "a new subscription reads from its START");
}

fn unsubscribe_keepoffsets_goes_on_where_it_was(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("keepoffsets", 1);
    let server = server(subject);
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(10);
    server.wait_applied("rides");
    server.ok("KAFKA.UNSUBSCRIBE rides KEEPOFFSETS");
    load.send(10);
    let subscribe = format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {}", kafka.brokers());
    server.ok(&format!("{subscribe} PAUSED"));
    // The kept offsets are behind these routes' first record: said so with NOW.
    server.ok(r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{key}" NOW"#);
    server.ok(r#"KAFKA.ROUTE last FROM rides TO HASH "h:%{key}" NOW"#);
    server.ok("KAFKA.RESUME rides");
    oracle::check(&server, kafka, &load);
}

/// A subscription that applied ten records and committed that, with its group.
fn committed(server: &RedisServer, topic: &str) -> String {
    let kafka = Kafka::shared();
    oracle::declare(server, kafka, topic, "");
    Load::new(kafka, topic).send(10);
    server.wait_applied("rides");
    let group = server.subscription("rides").group;
    wait_for("the commit", Duration::from_secs(30), || {
        let committed = kafka.committed(&group, topic, 0);
        if committed == Some(10) { Ok(()) } else { Err(committed) }
    });
    assert!(kafka.groups().contains(&group), "{group}");
    group
}

fn unsubscribe_deletes_the_consumer_group(subject: Subject) {
    let kafka = Kafka::shared();
    let server = server(subject);
    let group = committed(&server, &kafka.topic("group-kept", 1));
    server.ok("KAFKA.UNSUBSCRIBE rides KEEPOFFSETS");
    wait_until("the worker to end", Duration::from_secs(20), || {
        !server.threads().contains(&"kafka-rides".to_string())
    });
    assert!(kafka.groups().contains(&group), "KEEPOFFSETS keeps {group}");

    let server = self::server(subject);
    let group = committed(&server, &kafka.topic("group-deleted", 1));
    server.ok("KAFKA.UNSUBSCRIBE rides");
    wait_for("the group to be gone", Duration::from_secs(20), || {
        let groups = kafka.groups();
        if groups.contains(&group) { Err((groups, server.log())) } else { Ok(()) }
    });
    assert_eq!(server.text("PING"), "PONG");
}

fn a_name_of_the_wrong_kind_is_told_apart(subject: Subject) {
    let (server, _) = paused(subject);
    server.ok(r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{_key}""#);
    for (line, words, way_out) in [
        ("KAFKA.UNROUTE rides", "'rides' is a subscription, not a route", "KAFKA.UNSUBSCRIBE"),
        (
            "KAFKA.UNSUBSCRIBE every",
            "'every' is a route from 'rides', not a subscription",
            "KAFKA.UNROUTE",
        ),
        ("KAFKA.PAUSE every", "'every' is a route from 'rides', not a subscription", ""),
        ("KAFKA.WAIT every 100", "'every' is a route from 'rides', not a subscription", ""),
    ] {
        let error = server.refused(line);
        assert!(error.starts_with("ERR KAFKA."), "{error}");
        assert!(error.contains(words) && error.contains(way_out), "{line}: {error}");
    }
    assert_eq!(server.wait_state("rides", "paused").state, "paused", "both are still there");
    assert_eq!(field(&server.line("KAFKA.INFO every"), "kind").map(text).as_deref(), Some("route"));
}

fn paused_on_a_running_equal_one_says_that_it_runs_on(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("runs-on", 1);
    let server = server(subject);
    oracle::declare(&server, kafka, &topic, "");
    server.wait_state("rides", "running");
    let same = format!("KAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {}", kafka.brokers());
    let reply = server.ok(&format!("{same} PAUSED"));
    assert!(reply.contains("unchanged") && reply.contains("KAFKA.PAUSE rides"), "{reply}");
    assert_eq!(server.ok(&same), "OK");
    let mut load = Load::new(kafka, &topic);
    load.send(40);
    oracle::check(&server, kafka, &load);
}

fn pause_and_resume_outlive_a_restart(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("paused", 1);
    let mut server = subject.setup().append(Append::Always).start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(10);
    server.wait_applied("rides");
    server.ok("KAFKA.PAUSE rides");
    load.send(10);
    server.kill_and_start();
    let info = server.wait_state("rides", "paused");
    assert_eq!((info.counters.consumed, info.action.as_str()), (10, "KAFKA.RESUME rides"));
    server.ok("KAFKA.RESUME rides");
    oracle::check(&server, kafka, &load);
}

fn list_is_one_line_a_subscription(subject: Subject) {
    let (server, _) = paused(subject);
    let list = server.text("KAFKA.LIST");
    let (before, after) = list.trim_end().split_once(" since=").expect("since=");
    assert!(before.starts_with("sub=rides state=paused reason=\""), "{list}");
    assert!(after.contains(" lag=") && after.contains(" action=\"KAFKA.RESUME rides\""), "{list}");
}

fn list_and_info_work_in_scripts(subject: Subject) {
    let (server, _) = paused(subject);
    let scripted = server.text(r#"EVAL "return redis.call('KAFKA.LIST')" 0"#);
    assert!(scripted.starts_with("sub=rides state=paused reason=\""), "{scripted}");
    let names = server.line(r#"EVAL "return redis.call('KAFKA.INFO', 'rides')" 0"#);
    assert_eq!(field(&names, "name").map(text).as_deref(), Some("rides"));
}

fn info_is_a_map_in_resp3_and_flat_in_resp2(subject: Subject) {
    let (server, topic) = paused(subject);
    server.ok(r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{_key}""#);
    let resp3 = server.connect(Protocol::Resp3).line("KAFKA.INFO rides").expect("INFO");
    let resp2 = server.connect(Protocol::Resp2).line("KAFKA.INFO rides").expect("INFO");
    let Value::Map(pairs) = &resp3 else { panic!("a map: {resp3:?}") };
    assert_eq!(items(&resp2).len(), pairs.len() * 2);
    let names = [
        "name",
        "kind",
        "definition",
        "db",
        "state",
        "reason",
        "since",
        "action",
        "group",
        "consumed",
        "applied",
        "filtered",
        "deadlettered",
        "skipped",
        "lag",
        "lag_seconds",
        "rate",
        "eta",
        "connection",
        "connection_since",
        "connection_problem",
        "connection_problem_at",
        "last_error_at",
        "units",
        "stale",
        "partitions",
        "routes",
        "memory_bytes",
        "last_error",
    ];
    for name in names {
        assert!(field(&resp3, name).is_some(), "{name} in {resp3:?}");
        assert!(field(&resp2, name).is_some(), "{name} in {resp2:?}");
    }
    let definition = field(&resp3, "definition").map(text).expect("definition");
    assert!(definition.contains(&topic), "{definition}");
    assert_eq!(
        field(&resp3, "routes").map(|r| items(r).iter().map(text).collect()),
        Some(vec!["every".to_string()])
    );
    let route = server.line("KAFKA.INFO every");
    assert_eq!(field(&route, "kind").map(text).as_deref(), Some("route"));
    assert_eq!(field(&route, "from").map(text).as_deref(), Some("rides"));
    assert_eq!(field(&route, "applied").map(text).as_deref(), Some("0"));
}

fn wait_blocks_its_client_only_and_refuses_transactions_and_scripts(subject: Subject) {
    let (server, topic) = paused(subject);
    let kafka = Kafka::shared();
    server.ok(r#"KAFKA.ROUTE every FROM rides TO STREAM "s:%{key}""#);
    assert!(server.refused("KAFKA.WAIT rides 100").starts_with("ERR KAFKA.WAIT: "), "paused");
    assert!(server.refused("KAFKA.WAIT nobody 100").contains("nobody"));
    assert!(server.refused("KAFKA.WAIT rides soon").contains("soon"));
    server.refused(r#"EVAL "return redis.call('KAFKA.WAIT', 'rides', '100')" 0"#);
    server.ok("MULTI");
    let queued = server.try_line("KAFKA.WAIT rides 100");
    let executed = format!("{:?}", server.try_line("EXEC"));
    assert!(queued.is_err() || executed.contains("KAFKA.WAIT"), "{queued:?}, {executed}");

    server.ok("KAFKA.RESUME rides");
    // Nothing can be applied now, so that the WAIT has to block.
    server.ok("CLIENT PAUSE 60000 WRITE");
    let mut blocked = server.connect(Protocol::Resp3);
    send_texts(kafka, &topic, &[r#"{"key":"a","seq":0}"#]);
    let waiting = std::thread::spawn(move || blocked.line("KAFKA.WAIT rides 30000"));
    let held = server.connect(Protocol::Resp3).line("KAFKA.WAIT rides 50");
    assert!(held.is_err_and(|error| error.starts_with("ERR KAFKA.WAIT: ")), "a time-out");
    assert_eq!(server.text("PING"), "PONG");
    server.ok("CLIENT UNPAUSE");
    assert_eq!(waiting.join().expect("the blocked client").as_ref().map(text), Ok("OK".into()));
    assert_eq!(server.stream("s:a").len(), 1);
}

fn an_info_section_for_exporters(subject: Subject) {
    let (server, _) = paused(subject);
    let fields = [
        ("kafka_subscriptions", "1"),
        ("kafka_running", "0"),
        ("kafka_waiting", "0"),
        ("kafka_stopped", "0"),
        ("kafka_paused", "1"),
        ("kafka_standby", "0"),
        ("kafka_units_stale", "0"),
        ("kafka_records_consumed", "0"),
        ("kafka_records_applied", "0"),
        ("kafka_queue_units", "0"),
    ];
    for (name, value) in fields {
        assert_eq!(server.info_field("kafka", name).as_deref(), Some(value), "{name}");
    }
}
