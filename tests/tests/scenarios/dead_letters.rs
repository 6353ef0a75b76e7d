//! Dead letters: shown, bounded, replayed exactly once, or sent to a topic.

use redis::Value;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::faults::{Dice, Scale};
use redis_kafka_tests::oracle::{self, declare_paused};
use redis_kafka_tests::producer::{Load, send_raw, send_texts, send_with_header};
use redis_kafka_tests::reply::{field, items, text};
use redis_kafka_tests::server::{Append, RedisServer};
use redis_kafka_tests::sidecar::SidecarSetup;
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{elapse, wait_for};

redis_kafka_tests::for_each_subject!(
    letters_are_shown_and_replayed,
    a_letter_that_redis_refuses_again_does_not_block_others,
    replayed_across_kills,
    replayed_while_records_come,
    replayed_through_joins_and_commands,
    full_letters_stop_and_room_lets_it_go_on,
    letters_go_to_a_topic,
);

redis_kafka_tests::for_module_and_sidecar!(
    letters_without_text_are_shown_as_what_they_are,
    replays_that_cannot_be_are_refused,
    replayed_to_a_topic,
    a_letter_that_kafka_refuses_stops,
);

const LETTERS: &str = "kafka:deadletters:rides";

fn routed(server: &RedisServer, topic: &str, options: &str, routes: &[&str]) {
    declare_paused(server, Kafka::shared(), ("rides", topic), options, routes);
    server.ok("KAFKA.RESUME rides");
}

fn replace(server: &RedisServer, name: &str, route: &str) {
    server.ok(&format!("KAFKA.ROUTE {name} REPLACE FROM rides TO {route}"));
}

/// The heading and the letters of KAFKA.DEADLETTERS.
fn shown(server: &RedisServer, line: &str) -> (String, Vec<Value>) {
    let reply = server.line(line);
    let (heading, letters) = items(&reply).split_first().expect("a heading");
    (text(heading), letters.to_vec())
}

fn of(letter: &Value, name: &str) -> String {
    text(field(letter, name).unwrap_or_else(|| panic!("no {name}: {letter:?}")))
}

/// A field of every entry of a stream.
fn all(server: &RedisServer, key: &str, name: &str) -> Vec<String> {
    server.stream(key).iter().map(|entry| entry[name].clone()).collect()
}

/// The sums of the counters, which must add up.
fn counted(server: &RedisServer) -> [i64; 4] {
    let info = server.subscription("rides");
    info.counters.check();
    info.partitions.iter().for_each(|it| it.counters.check());
    let it = info.counters;
    [it.applied, it.filtered, it.deadlettered, it.skipped]
}

fn letters_are_shown_and_replayed(subject: Subject) {
    let topic = Kafka::shared().topic("letters", 1);
    let records = [
        r#"{"seq":0,"key":"a"}"#,
        r#"{"seq":1}"#,
        "{not json",
        r#"{"seq":3,"key":null}"#,
        r#"{"seq":4}"#,
    ];
    send_texts(Kafka::shared(), &topic, &records);
    let server = subject.setup().start();
    routed(&server, &topic, "ONERROR DEADLETTER", &[r#"STREAM "s:%{key}" SELECT seq"#]);
    server.wait_applied("rides");
    assert_eq!(counted(&server), [1, 0, 4, 0]);
    let (heading, letters) = shown(&server, "KAFKA.DEADLETTERS rides");
    assert!(heading.starts_with("4 dead letters of 'rides', oldest first; "), "{heading}");
    assert!(heading.contains("it stops at 10000") && heading.contains("KAFKA.REPLAY rides"));
    let told: Vec<_> =
        letters.iter().map(|it| (of(it, "record"), of(it, "stage"), of(it, "route"))).collect();
    let at = |offset: i64| format!("{topic}/0@{offset}");
    let told_as = |offset, stage: &str, route: &str| (at(offset), stage.into(), route.into());
    let expected = [
        told_as(1, "route", "r0"),
        told_as(2, "value", ""),
        told_as(3, "route", "r0"),
        told_as(4, "route", "r0"),
    ];
    assert_eq!(told, expected);
    assert!(of(&letters[0], "error").contains("key is null"), "{letters:?}");
    assert_eq!(
        (of(&letters[1], "value"), of(&letters[1], "key")),
        ("{not json".into(), "null".into())
    );
    let (heading, letters) = shown(&server, "KAFKA.DEADLETTERS rides COUNT 2");
    assert!(heading.contains("the first 2, COUNT shows more") && letters.len() == 2, "{heading}");

    // Nothing was mended: all stay.
    let reply = server.ok("KAFKA.REPLAY rides");
    assert!(reply.starts_with("OK 0 replayed, 4 failed again: "), "{reply}");
    assert!(reply.contains(&format!("{} route r0: key is null", at(1))), "{reply}");
    assert!(reply.contains(&format!("{} value: ", at(2))), "{reply}");
    assert!(reply.ends_with("KAFKA.DEADLETTERS rides shows them"), "{reply}");
    assert_eq!(server.number(&format!("XLEN {LETTERS}")), 4);

    // One by one, the first ones first; under today's routes.
    replace(&server, "r0", r#"STREAM "s:%{coalesce(key, 'none')}" WHERE "seq != 3" SELECT seq"#);
    let reply = server.ok("KAFKA.REPLAY rides COUNT 1");
    assert_eq!(reply, "OK 1 replayed");
    assert_eq!(all(&server, "s:none", "seq"), ["1"]);
    let reply = server.ok("KAFKA.REPLAY rides");
    assert!(reply.starts_with("OK 1 replayed, 1 filtered, 1 failed again: "), "{reply}");
    assert_eq!(all(&server, "s:none", "seq"), ["1", "4"]);
    assert_eq!(all(&server, LETTERS, "offset"), ["2"]);
    assert_eq!(counted(&server), [3, 1, 1, 0]);
    server.wait_applied("rides");
    assert_eq!(all(&server, "s:a", "seq"), ["0"]);
    server.line(&format!("XTRIM {LETTERS} MAXLEN 0"));
    assert_eq!(server.ok("KAFKA.REPLAY rides"), "OK 0 replayed");
    assert_eq!(shown(&server, "KAFKA.DEADLETTERS rides").1.len(), 0);
    assert_eq!(counted(&server), [3, 1, 1, 0]);

    // Letters outlive their subscription.
    send_texts(Kafka::shared(), &topic, &["{"]);
    server.wait_applied("rides");
    server.ok("KAFKA.UNSUBSCRIBE rides");
    assert_eq!(shown(&server, "KAFKA.DEADLETTERS rides").1.len(), 1);
    let error = server.refused("KAFKA.DEADLETTERS ride");
    assert!(error.contains("no subscription named 'ride'"), "{error}");
}

/// Keys of another type, found when the unit is applied; units hold several letters.
fn a_letter_that_redis_refuses_again_does_not_block_others(subject: Subject) {
    let topic = Kafka::shared().topic("refused-letters", 1);
    let records: Vec<_> = (0..7).map(|seq| format!(r#"{{"seq":{seq},"key":"k{seq}"}}"#)).collect();
    let server = subject.setup().start();
    (0..7).for_each(|seq| drop(server.line(&format!("SET s:k{seq} taken"))));
    routed(&server, &topic, "ONERROR DEADLETTER", &[r#"STREAM "s:%{key}" SELECT seq"#]);
    send_texts(Kafka::shared(), &topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    server.wait_applied("rides");
    assert_eq!(counted(&server), [0, 0, 7, 0]);
    for seq in [0, 2, 3, 5, 6] {
        server.line(&format!("DEL s:k{seq}"));
    }
    let reply = server.ok("KAFKA.REPLAY rides");
    assert!(reply.starts_with("OK 5 replayed, 2 failed again: "), "{reply}");
    assert!(reply.contains(&format!("{topic}/0@1 apply: WRONGTYPE")), "{reply}");
    assert_eq!(all(&server, LETTERS, "offset"), ["1", "4"]);
    for seq in [0, 2, 3, 5, 6] {
        assert_eq!(all(&server, &format!("s:k{seq}"), "seq"), [seq.to_string()]);
    }
    assert_eq!(counted(&server), [5, 0, 2, 0]);
    assert_eq!(server.subscription("rides").state, "running");
}

/// All records of a load as dead letters, of a route that is then mended.
fn lettered(server: &RedisServer, stem: &str, count: u64) -> Load {
    let topic = Kafka::shared().topic(stem, 2);
    let mut load = Load::new(Kafka::shared(), &topic);
    load.send(count);
    let routes = [r#"STREAM "s:%{missing}""#, r#"HASH "h:%{missing}""#];
    routed(server, &topic, "ONERROR DEADLETTER", &routes);
    server.wait_applied("rides");
    assert_eq!(counted(server), [0, 0, count as i64, 0]);
    replace(server, "r0", r#"STREAM "s:%{key}""#);
    replace(server, "r1", r#"HASH "h:%{key}""#);
    load
}

/// Whether every record of a load is in its stream once, in whatever order.
fn each_once(server: &RedisServer, sent: u64) {
    let keys = server.keys("s:*");
    let mut found: Vec<u64> = keys
        .iter()
        .flat_map(|key| all(server, key, "seq"))
        .map(|seq| seq.parse().expect("a number"))
        .collect();
    found.sort_unstable();
    assert!(found.iter().copied().eq(0..sent), "{} entries of {sent} records", found.len());
}

fn replayed_across_kills(subject: Subject) {
    let mut dice = Dice::new();
    let mut server = subject.setup().append(Append::Always).start();
    let load = lettered(&server, "replay-kills", 3000);
    let kills = Scale::from_env().pick(5, 20);
    let mut amid = 0;
    for _ in 0..kills {
        server.wait_state("rides", "running");
        let before = server.number(&format!("XLEN {LETTERS}"));
        let mut client = server.connect(Protocol::Resp3);
        let replaying = std::thread::spawn(move || client.line("KAFKA.REPLAY rides COUNT 500"));
        let span = dice.millis(0..=150);
        wait_for("some letters to be replayed", std::time::Duration::from_secs(60), || {
            let left = server.number(&format!("XLEN {LETTERS}"));
            if left < before || before == 0 { Ok(()) } else { Err(left) }
        });
        elapse(span);
        server.kill();
        let answer = replaying.join().expect("the client");
        amid += usize::from(answer.is_err());
        server.start_again();
    }
    server.wait_state("rides", "running");
    let reply = server.ok("KAFKA.REPLAY rides");
    assert!(!reply.contains("failed") && !reply.contains("left"), "{reply}");
    println!("{amid} of {kills} kills fell into a replay");
    assert!(amid > 0);
    assert_eq!(server.number(&format!("XLEN {LETTERS}")), 0);
    oracle::check(&server, Kafka::shared(), &load);
}

/// Records that come meanwhile and letters are each written once, and both are counted.
fn replayed_while_records_come(subject: Subject) {
    let server = subject.setup_of_units(64).append(Append::Everysec).start();
    let load = lettered(&server, "replay-load", 2000).start(2000);
    for _ in 0..5 {
        let reply = server.ok("KAFKA.REPLAY rides COUNT 400");
        assert_eq!(reply, "OK 400 replayed");
        elapse(std::time::Duration::from_millis(50));
    }
    let load = load.stop();
    server.wait_applied("rides");
    each_once(&server, load.sent());
    assert_eq!(counted(&server), [load.sent() as i64, 0, 0, 0]);
}

fn replayed_through_joins_and_commands(subject: Subject) {
    let topic = Kafka::shared().topic("replay-joins", 1);
    let records: Vec<_> =
        (0..10).map(|seq| format!(r#"{{"seq":{seq},"id":{}}}"#, seq % 3)).collect();
    send_texts(Kafka::shared(), &topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    let server = subject.setup().start();
    (0..3).for_each(|id| drop(server.line(&format!("HSET p:{id} name n{id}"))));
    let routes = [
        r#"STREAM "s:%{p.missing}" JOIN HASH "p:%{id}" AS p SELECT seq"#,
        r#"HASH "t:%{id}" SELECT "count(*) AS n""#,
        r#"COMMAND INCRBY total "%{seq}""#,
    ];
    routed(&server, &topic, "ONERROR DEADLETTER", &routes);
    server.wait_applied("rides");
    assert_eq!(counted(&server), [0, 0, 10, 0]);
    let mended = r#"STREAM joined JOIN HASH "p:%{id}" AS p SELECT "seq, p.name AS name""#;
    replace(&server, "r0", mended);
    assert_eq!(server.ok("KAFKA.REPLAY rides COUNT 5"), "OK 5 replayed");
    server.ok(r#"KAFKA.ROUTE later NOW FROM rides TO STREAM later"#);
    assert_eq!(server.ok("KAFKA.REPLAY rides"), "OK 5 replayed");
    assert!(server.keys("later").is_empty(), "a letter is for the routes that have not had it");
    let joined = server.stream("joined");
    assert_eq!(joined.len(), 10);
    for (seq, entry) in joined.iter().enumerate() {
        assert_eq!(
            (entry["seq"].as_str(), entry["name"].as_str()),
            (seq.to_string().as_str(), format!("n{}", seq % 3).as_str())
        );
    }
    let counts: Vec<_> = (0..3).map(|id| server.text(&format!("HGET t:{id} n"))).collect();
    assert_eq!(counts, ["4", "3", "3"]);
    assert_eq!(server.text("GET total"), (0..10).sum::<i32>().to_string());
    assert_eq!(counted(&server), [10, 0, 0, 0]);
}

fn full_letters_stop_and_room_lets_it_go_on(subject: Subject) {
    let topic = Kafka::shared().topic("full", 1);
    let records: Vec<_> = (0..6).map(|seq| format!(r#"{{"seq":{seq},"key":"k{seq}"}}"#)).collect();
    send_texts(Kafka::shared(), &topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    let server = subject.setup().append(Append::Everysec).start();
    (0..5).for_each(|seq| drop(server.line(&format!("SET s:k{seq} taken"))));
    let options = "ONERROR DEADLETTER DEADLETTERMAX 2";
    routed(&server, &topic, options, &[r#"STREAM "s:%{key}" SELECT seq"#]);
    let stopped = |offset: i64| {
        let at = format!("dead letters are full (2): {topic}/0@{offset} apply: WRONGTYPE");
        let info = server.wait_reason("rides", "stopped", &at);
        assert!(info.action.contains("KAFKA.REPLAY rides"), "{info:#?}");
        assert!(info.action.contains("KAFKA.RESUME rides SKIP"), "{info:#?}");
        assert_eq!(server.number(&format!("XLEN {LETTERS}")), 2, "no more than asked for");
    };
    stopped(2);
    server.ok("KAFKA.RESUME rides");
    stopped(2);
    let error = server.refused("KAFKA.RESUME rides DEADLETTER");
    assert!(error.contains("no room among the dead letters"), "{error}");
    server.ok("KAFKA.RESUME rides SKIP");
    stopped(3);
    assert_eq!(counted(&server), [0, 0, 2, 1]);
    // Nothing was mended: no room, and it stops at the same record.
    let reply = server.ok("KAFKA.REPLAY rides");
    assert!(reply.starts_with("OK 0 replayed, 2 failed again: "), "{reply}");
    stopped(3);
    // One is: there is room for one, and the next one stops it.
    server.line("DEL s:k0");
    let reply = server.ok("KAFKA.REPLAY rides");
    assert!(reply.starts_with("OK 1 replayed, 1 failed again: "), "{reply}");
    stopped(4);
    assert_eq!(all(&server, LETTERS, "offset"), ["1", "3"]);
    // Room that is made by hand counts as well.
    server.line(&format!("XTRIM {LETTERS} MAXLEN 1"));
    server.ok("KAFKA.RESUME rides");
    server.wait_applied("rides");
    assert_eq!(all(&server, LETTERS, "offset"), ["3", "4"]);
    assert_eq!(
        (all(&server, "s:k0", "seq"), all(&server, "s:k5", "seq")),
        (vec!["0".to_owned()], vec!["5".to_owned()])
    );
    let info = server.subscription("rides");
    assert_eq!((info.state.as_str(), counted(&server)), ("running", [2, 0, 3, 1]));
}

fn letters_without_text_are_shown_as_what_they_are(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("bytes-letters", 1);
    send_raw(kafka, &topic, &[(Some("k"), Some(b"\xff\x00")), (Some("t"), None)]);
    send_with_header(kafka, &topic, ("trace", b"a1"), "é".repeat(2000).as_bytes());
    let server = subject.setup().start();
    routed(&server, &topic, "ONERROR DEADLETTER", &[r#"STREAM "s:%{a}" TOMBSTONE IGNORE"#]);
    server.wait_applied("rides");
    server.line(&format!("XADD {LETTERS} * no letter"));
    let (heading, letters) = shown(&server, "KAFKA.DEADLETTERS rides");
    assert!(heading.starts_with("3 dead letters"), "{heading}");
    assert_eq!((of(&letters[0], "value"), of(&letters[0], "key")), ("hex ff00".into(), "k".into()));
    assert_eq!(of(&letters[1], "value"), format!("{}… (4000 bytes)", "é".repeat(512)));
    assert_eq!(items(field(&letters[1], "headers").expect("headers")).len(), 1);
    assert_eq!(text(&items(field(&letters[1], "headers").expect("headers"))[0]), "trace: a1");
    assert!(of(&letters[1], "when").ends_with('Z') && of(&letters[1], "timestamp").ends_with('Z'));
    assert!(of(&letters[2], "error").contains("no dead letter: it has no valid field 'topic'"));
    let reply = server.ok("KAFKA.REPLAY rides");
    assert!(reply.starts_with("OK 0 replayed, 3 failed again: "), "{reply}");
}

fn replays_that_cannot_be_are_refused(subject: Subject) {
    let topic = Kafka::shared().topic("no-replay", 1);
    send_texts(Kafka::shared(), &topic, &["{"]);
    let server = subject.setup().start();
    declare_paused(&server, Kafka::shared(), ("rides", &topic), "", &[]);
    let refused = |line: &str, words: &[&str]| {
        let error = server.refused(line);
        assert!(words.iter().all(|word| error.contains(word)), "{line}: {error}");
    };
    refused("KAFKA.REPLAY rides", &["'rides' is paused", "KAFKA.RESUME rides"]);
    server.ok("KAFKA.RESUME rides");
    refused("KAFKA.REPLAY rides", &["'rides' has no route"]);
    server.ok(r#"KAFKA.ROUTE r FROM rides TO STREAM "s:%{key}""#);
    server.wait_state("rides", "stopped");
    refused("KAFKA.REPLAY rides", &["'rides' is stopped: ", "KAFKA.RESUME rides SKIP"]);
    refused("KAFKA.REPLAY ride", &["no subscription named 'ride'"]);
    refused("KAFKA.REPLAY rides COUNT 0", &["'0'", "argument 3"]);
    refused("KAFKA.DEADLETTERS rides COUNT 5000", &["from 1 to 1000"]);
    let brokers = Kafka::shared().brokers();
    let subscribe = format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS {brokers}");
    refused(
        &format!("{subscribe} DEADLETTERMAX 5 DEADLETTERTOPIC t"),
        &["DEADLETTERMAX is about the stream"],
    );
    refused(&format!("{subscribe} DEADLETTERTOPIC {topic}"), &["itself reads"]);
    refused(&format!("{subscribe} DEADLETTERTOPIC a/b"), &["cannot be a Kafka topic"]);
}

fn replayed_to_a_topic(subject: Subject) {
    let kafka = Kafka::shared();
    let (topic, out) = (kafka.topic("replay-from", 1), kafka.topic("replay-to", 1));
    let records: Vec<_> = (0..3).map(|seq| format!(r#"{{"seq":{seq},"text":"x"}}"#)).collect();
    send_texts(kafka, &topic, &records.iter().map(String::as_str).collect::<Vec<_>>());
    let server = subject.setup().start();
    let bad = format!(r#"TOPIC {out} KEY "cast(text AS INT)" SELECT seq"#);
    routed(&server, &topic, "ONERROR DEADLETTER", &[&bad]);
    server.wait_applied("rides");
    assert_eq!(counted(&server), [0, 0, 3, 0]);
    replace(&server, "r0", &format!("TOPIC {out} KEY seq SELECT seq"));
    assert_eq!(server.ok("KAFKA.REPLAY rides"), "OK 3 replayed");
    let messages = kafka.messages(&out, 0);
    let sources: Vec<_> = messages.iter().map(|it| it.source().2).collect();
    assert_eq!(sources, [0, 1, 2]);
    assert_eq!(counted(&server), [3, 0, 0, 0]);
    assert_eq!(server.number(&format!("XLEN {LETTERS}")), 0);
}

fn letters_go_to_a_topic(subject: Subject) {
    let kafka = Kafka::shared();
    let (topic, to) = (kafka.topic("lettered", 1), kafka.topic("letters", 1));
    send_raw(kafka, &topic, &[(Some("k"), Some(b"{not json")), (None, Some(br#"{"key":"a"}"#))]);
    send_with_header(kafka, &topic, ("trace", b"a1"), br#"{"seq":2}"#);
    send_raw(kafka, &topic, &[(None, Some(br#"{"key":"b"}"#))]);
    let server = subject.setup().start();
    let missing = format!("{to}-missing");
    let options = format!("ONERROR DEADLETTER DEADLETTERTOPIC {missing}");
    routed(&server, &topic, &options, &[r#"STREAM "s:%{key}""#]);
    server.wait_reason("rides", "waiting", &missing);
    kafka.create_topic(&missing, 1, &[]);
    server.wait_applied("rides");
    assert_eq!(counted(&server), [2, 0, 2, 0]);
    assert_eq!(server.number(&format!("EXISTS {LETTERS}")), 0);
    let (sent, letters) = (kafka.messages(&topic, 0), kafka.messages(&missing, 0));
    assert_eq!(letters.len(), 2, "{letters:?}");
    for (letter, offset, stage) in
        [(&letters[0], 0, "VALUE_CONVERTER"), (&letters[1], 2, "TRANSFORMATION")]
    {
        let record = &sent[offset];
        let parts = |it: &redis_kafka_tests::broker::Message| {
            (it.key.clone(), it.value.clone(), it.timestamp)
        };
        assert_eq!(parts(letter), parts(record), "the record as it came");
        assert!(letter.headers.starts_with(&record.headers), "{letter:?}");
        let header = |name: &str| {
            let found = letter
                .headers
                .iter()
                .find(|(known, _)| known == &format!("__connect.errors.{name}"));
            found.unwrap_or_else(|| panic!("no {name}: {letter:?}")).1.clone()
        };
        assert_eq!(
            (header("topic"), header("partition"), header("offset")),
            (topic.clone(), "0".to_owned(), offset.to_string())
        );
        assert_eq!(
            (header("connector.name"), header("stage")),
            ("rides".to_owned(), stage.to_owned())
        );
        assert!(
            !header("exception.message").is_empty() && !header("exception.class.name").is_empty()
        );
    }
    let (heading, shown) = shown(&server, "KAFKA.DEADLETTERS rides");
    assert!(
        heading.contains(&format!("KAFKA.PEEK {missing} ON rides")) && shown.is_empty(),
        "{heading}"
    );
    let error = server.refused("KAFKA.REPLAY rides");
    assert!(error.contains(&format!("go to the topic '{missing}'")), "{error}");
}

/// A letter that is refused like its record's own message was: nothing goes on without it.
fn a_letter_that_kafka_refuses_stops(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("too-large", 1);
    let letters = kafka.topic_with("small", 1, &[("max.message.bytes", "2000")]);
    let large = format!(r#"{{"seq":"{}"}}"#, "x".repeat(3000));
    send_texts(kafka, &topic, &[r#"{"seq":0}"#, &large, r#"{"key":"c"}"#]);
    let server = subject.setup().start();
    let options = format!("ONERROR DEADLETTER DEADLETTERTOPIC {letters}");
    routed(&server, &topic, &options, &[r#"STREAM "s:%{key}""#]);
    let at = format!("{topic}/0@1 deadletter: topic '{letters}': ");
    let info = server.wait_reason("rides", "stopped", &at);
    assert!(info.action.contains("KAFKA.RESUME rides SKIP"), "{info:#?}");
    server.ok("KAFKA.RESUME rides SKIP");
    server.wait_applied("rides");
    assert_eq!(counted(&server), [1, 0, 1, 1]);
    let offsets: Vec<_> = kafka.messages(&letters, 0).iter().map(|it| it.text()).collect();
    assert!(
        offsets.iter().all(|text| text == r#"{"seq":0}"#) && !offsets.is_empty(),
        "{offsets:?}"
    );
}

/// Two sidecars replay the same letters: each is written once, whoever takes it out.
#[test]
fn two_sidecars_replay_at_once() {
    let server = Subject::Sidecar.setup().append(Append::Everysec).start();
    let load = lettered(&server, "replay-two", 1000);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let other = SidecarSetup::of_units(4).start(&url, "second", server.directory());
    let mut client = other.connect(Protocol::Resp3);
    wait_for("the second one to have a partition", std::time::Duration::from_secs(60), || {
        let list = client.line("KAFKA.LIST").map(|list| text(&list));
        if list.as_ref().is_ok_and(|it| it.contains("state=running")) { Ok(()) } else { Err(list) }
    });
    server.wait_state("rides", "running");
    let second = std::thread::spawn(move || client.line("KAFKA.REPLAY rides"));
    let first = server.ok("KAFKA.REPLAY rides");
    let second = text(&second.join().expect("the client").expect("an answer"));
    let replayed = |reply: &str| -> u64 {
        let words = reply.strip_prefix("OK ").and_then(|it| it.strip_suffix(" replayed"));
        words.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("{reply}"))
    };
    println!("{first}; {second}");
    assert_eq!(replayed(&first) + replayed(&second), 1000);
    assert_eq!(server.number(&format!("XLEN {LETTERS}")), 0);
    each_once(&server, load.sent());
}
