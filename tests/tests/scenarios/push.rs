//! Changes pushed to clients: messages on channels beside what is written, and
//! keyspace events as the plain commands fire them.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::{SUBSCRIPTION, declare_paused};
use redis_kafka_tests::producer::{Load, send_raw, send_texts};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::watch::{Watch, events, messages};

use crate::targets::cells::{Case, send};
use crate::targets::table::{self, Life, Row};

redis_kafka_tests::for_each_subject!(
    a_subscriber_sees_each_change_of_a_table,
    a_message_tells_of_what_is_already_written,
    channels_are_templates_and_payloads_json,
    a_channel_alone_needs_no_key,
    messages_are_published_again_rather_than_not,
    keyspace_events_are_those_of_the_plain_commands,
    an_expiry_fires_its_event,
);

fn subscribed(server: &RedisServer, topic: &str, routes: &[&str]) {
    declare_paused(server, Kafka::shared(), (SUBSCRIPTION, topic), "", routes);
}

const TABLE: [&str; 2] =
    [r#"HASH "h:%{key}" SELECT seq"#, r#"CHANNEL "changes:%{key}" SELECT "key, seq""#];

/// What `EMIT CHANGES` gives, with a plain SUBSCRIBE: every change once, in the
/// order of its channel, on the primary and on a replica.
fn a_subscriber_sees_each_change_of_a_table(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("changes", 1);
    let server = subject.setup().append(Append::Everysec).start();
    let replica = subject.setup().replica_of(server.port()).start();
    replica.wait_linked();
    subscribed(&server, &topic, &TABLE);
    let channels = ["changes:k0", "changes:k1"];
    let (here, there) = (Watch::channels(&server, &channels), Watch::channels(&replica, &channels));
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    let mut load = Load::with_keys(kafka, &topic, 3);
    load.send(90);
    server.wait_applied(SUBSCRIPTION);
    replica.wait_equal(&server);
    for (place, seen) in [("primary", here.stop(&server)), ("replica", there.stop(&replica))] {
        let messages = messages(&seen);
        for key in ["k0", "k1"] {
            let change = |seq| format!(r#"{{"key":"{key}","seq":{seq}}}"#);
            let wanted: Vec<_> =
                (0..load.sent()).filter(|seq| load.key(*seq) == key).map(change).collect();
            let channel = format!("changes:{key}");
            let found = messages.iter().filter(|message| message.0 == channel);
            assert_eq!(
                found.map(|message| &message.1).collect::<Vec<_>>(),
                wanted.iter().collect::<Vec<_>>(),
                "{key} on the {place}"
            );
        }
        assert!(messages.iter().all(|message| message.0 != "changes:k2"), "nobody asked for it");
    }
    for key in ["k0", "k1", "k2"] {
        let last = (0..load.sent()).rev().find(|seq| load.key(*seq) == key).expect("a record");
        assert_eq!(server.hash(&format!("h:{key}"))["seq"], last.to_string());
    }
}

/// Whoever gets a message and reads the table never reads an older state.
fn a_message_tells_of_what_is_already_written(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("written", 1);
    let server = subject.setup().start();
    subscribed(&server, &topic, &[TABLE[1], TABLE[0]]);
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()));
    let mut connection = client.and_then(|client| client.get_connection()).expect("connect");
    let mut listener = connection.as_pubsub();
    listener.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("a time-out");
    listener.psubscribe("changes:*").expect("subscribe");
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    Load::with_keys(kafka, &topic, 2).send(40);
    for _ in 0..40 {
        let message = listener.get_message().expect("a message");
        let change: String = message.get_payload().expect("a text");
        let change: serde_json::Value = serde_json::from_str(&change).expect("JSON");
        let key = change["key"].as_str().expect("a key");
        let read = server.number(&format!("HGET h:{key} seq"));
        assert!(change["seq"].as_i64().is_some_and(|seq| read >= seq), "{change}: read {read}");
    }
}

fn channels_are_templates_and_payloads_json(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("channels", 1);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!(
        "KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} ONERROR DEADLETTER PAUSED"
    ));
    server.ok(&format!(
        r#"KAFKA.ROUTE r FROM {SUBSCRIPTION} TO CHANNEL "bus:%{{VP.desi}}" WHERE "VP.lat > 1" SELECT "VP.*, _key AS at""#
    ));
    let watch = Watch::channels(&server, &["bus:550", "bus:null"]);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    let records: [(Option<&str>, Option<&[u8]>); 5] = [
        (Some("a/b"), Some(br#"{"VP":{"desi":"550","lat":60.10,"tags":["x", 1]}}"#)),
        (Some("a/b"), Some(br#"{"VP":{"desi":"550","lat":0.5}}"#)),
        (Some("a/b"), Some(br#"{"VP":{"desi":null,"lat":60.1}}"#)),
        (Some("a/b"), None),
        (Some("c"), Some(br#"{"VP":{"desi":"550","lat":60.2,"veh":"\"q\""}}"#)),
    ];
    send_raw(kafka, &topic, &records);
    server.wait_applied(SUBSCRIPTION);
    let counters = server.subscription(SUBSCRIPTION).counters;
    counters.check();
    assert_eq!(
        (counters.applied, counters.filtered, counters.deadlettered),
        (2, 2, 1),
        "a record where WHERE is false and a tombstone are filtered"
    );
    let wanted = [
        r#"{"desi":"550","lat":60.10,"tags":["x",1],"at":"a/b"}"#,
        r#"{"desi":"550","lat":60.2,"veh":"\"q\"","at":"c"}"#,
    ];
    let wanted = wanted.map(|payload| ("bus:550".to_string(), payload.to_string()));
    assert_eq!(messages(&watch.stop(&server)), wanted);
}

fn a_channel_alone_needs_no_key(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("alone", 1);
    let server = subject.setup().start();
    subscribed(&server, &topic, &["CHANNEL all"]);
    let watch = Watch::channels(&server, &["all"]);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    send_texts(kafka, &topic, &[r#"{"n":1}"#, "[1, 2]", r#""text""#, "13.40"]);
    server.wait_applied(SUBSCRIPTION);
    let payloads: Vec<String> =
        messages(&watch.stop(&server)).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, [r#"{"n":1}"#, "[1,2]", r#""text""#, "13.40"]);
    assert_eq!(server.subscription(SUBSCRIPTION).counters.applied, 4);
    assert!(server.keys("*").iter().all(|key| key.starts_with("kafka:")));
}

/// A kill may repeat the messages of its last unit: none is lost to who listens.
fn messages_are_published_again_rather_than_not(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("again", 1);
    let mut server = subject.setup().append(Append::Always).start();
    subscribed(&server, &topic, &TABLE);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    let mut load = Load::with_keys(kafka, &topic, 1);
    load.send(10);
    server.wait_applied(SUBSCRIPTION);
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    load.send(10);
    server.kill_and_start();
    let watch = Watch::channels(&server, &["changes:k0"]);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    server.wait_applied(SUBSCRIPTION);
    let seqs: Vec<u64> = messages(&watch.stop(&server)).iter().map(|(_, text)| seq(text)).collect();
    assert_eq!(seqs, (10..20).collect::<Vec<_>>(), "loading publishes nothing");
}

fn seq(message: &str) -> u64 {
    let message: serde_json::Value = serde_json::from_str(message).expect("JSON");
    message["seq"].as_u64().expect("a sequence number")
}

fn whole(row: &Row) -> Case {
    let records = [row.insert, row.update, row.tombstone].concat();
    Case::new(&format!("{}.events", row.name), row.target, &records)
}

/// With units of one record, so that no two of them share an event; on a
/// replica as well.
fn keyspace_events_are_those_of_the_plain_commands(subject: Subject) {
    let setup = subject.setup_of_units(1);
    let server = setup.start();
    let replica = setup.clone().replica_of(server.port()).start();
    replica.wait_linked();
    let mut different = Vec::new();
    for row in table::plain() {
        let case = whole(row);
        let topic = case.declare(&server);
        let watches =
            [(&server, Watch::keyevents(&server)), (&replica, Watch::keyevents(&replica))];
        send(&topic, &case.records);
        server.wait_applied(&case.name);
        case.run_plain(&server);
        replica.wait_equal(&server);
        for ((server, watch), place) in watches.into_iter().zip(["primary", "replica"]) {
            let seen = watch.stop(server);
            let (mut got, mut want) = (side(&seen, &case.got()), side(&seen, &case.want()));
            if (subject, place) == (Subject::ModuleCommands, "replica") {
                want.iter_mut().for_each(|(_, event)| *event = as_absolute(event));
                want.sort();
            }
            if subject == Subject::Sidecar {
                // LTRIM fires its event whether anything is left to trim or not.
                for events in [&mut got, &mut want] {
                    events.retain(|(_, event)| event != "ltrim");
                }
            }
            if got != want {
                different.push(format!("{} on the {place}: {got:?}, not {want:?}", row.name));
            }
        }
        case.check_contents(&server);
        server.ok(&format!("KAFKA.UNSUBSCRIBE {}", case.name));
    }
    assert!(different.is_empty(), "{different:#?}");
}

/// The events of keys of a prefix, by key and name.
fn side(seen: &str, prefix: &str) -> Vec<(String, String)> {
    let mut side: Vec<_> = events(seen)
        .into_iter()
        .filter_map(|(event, key)| Some((key.strip_prefix(prefix)?.to_string(), event.to_string())))
        .collect();
    side.sort();
    side
}

/// Plain commands carry what a score has become, and the members that fell out.
fn as_absolute(event: &str) -> String {
    match event {
        "zincr" => "zadd",
        "zremrangebyrank" => "zrem",
        other => other,
    }
    .into()
}

fn an_expiry_fires_its_event(subject: Subject) {
    let server = subject.setup_of_units(1).start();
    let mut cases = Vec::new();
    for row in table::plain().filter(|row| row.lives == Life::Limited) {
        let mut case = Case::new(&format!("{}.expire", row.name), row.target, row.insert);
        case.target = crate::targets::rows::limited_target(row.target);
        cases.push(case);
    }
    let topics: Vec<_> = cases.iter().map(|case| case.declare(&server)).collect();
    let watch = Watch::keyevents(&server);
    for (case, topic) in cases.iter().zip(&topics) {
        send(topic, &case.records);
        server.wait_applied(&case.name);
    }
    let seen = watch.stop(&server);
    for case in &cases {
        let expired =
            side(&seen, &case.got()).iter().filter(|(_, event)| event == "expire").count();
        assert_eq!(expired, case.records.len(), "{}: {seen}", case.name);
    }
}
