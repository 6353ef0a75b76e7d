//! PREVIEW: the rows of a SELECT, and the very commands that a route would write, while nothing is
//! written.

use std::collections::BTreeMap;

use redis_kafka_engine::command::lines;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::producer::{send_raw, send_texts};
use redis_kafka_tests::reply::{items, text};
use redis_kafka_tests::server::{RedisServer, Setup};
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(
    what_is_shown_is_what_the_route_writes,
    tables_and_joins_look_at_what_redis_holds,
    previews_are_refused_where_nobody_can_wait
        : not_sidecar "the command port has no transactions and no scripts",
);

redis_kafka_tests::for_module_and_sidecar!(
    without_a_target_the_rows_are_shown,
    records_that_would_fail_are_named,
    what_cannot_be_previewed_is_said,
    messages_to_kafka_are_shown_and_not_sent,
);

/// A subscription `s` that stays paused.
fn subscribed(
    subject: Subject,
    name: &str,
    values: &[&str],
    options: &str,
) -> (RedisServer, String) {
    let kafka = Kafka::shared();
    let topic = kafka.topic(name, 1);
    send_texts(kafka, &topic, values);
    let server = subject.setup().start();
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE s TOPIC {topic} BROKERS {brokers} PAUSED {options}"));
    (server, topic)
}

/// The lines of a preview, its words split as redis-cli does it.
fn preview(server: &RedisServer, line: &str) -> Vec<String> {
    let words = lines::split(format!("KAFKA.PREVIEW FROM s {line}").as_bytes()).expect(line);
    let words: Vec<&str> = words.iter().map(|it| std::str::from_utf8(it).expect("UTF-8")).collect();
    let reply = server.connect(Protocol::Resp2).send(&words);
    items(&reply.unwrap_or_else(|error| panic!("{line}: {error}"))).iter().map(text).collect()
}

/// A line without its time, which nobody can foretell.
fn timeless(line: &str) -> String {
    let words = line.split(' ').filter(|word| !(word.len() == 24 && word.ends_with('Z')));
    words.collect::<Vec<_>>().join(" ")
}

fn without_a_target_the_rows_are_shown(subject: Subject) {
    let values = [
        r#"{"id":1,"at":"VIE","level":13.40}"#,
        r#"{"id":2,"at":null,"tags":["a","b"]}"#,
        r#"{"id":3,"at":"LNZ"}"#,
    ];
    let (server, topic) = subscribed(subject, "rows", &values, "");
    let shown = |line: &str| -> Vec<String> {
        preview(&server, line).iter().map(|line| timeless(line)).collect()
    };
    assert_eq!(
        shown(""),
        [
            format!(r#"{topic}/0@0 {{"id":1,"at":"VIE","level":13.40}}"#),
            format!(r#"{topic}/0@1 {{"id":2,"at":null,"tags":["a","b"]}}"#),
            format!(r#"{topic}/0@2 {{"id":3,"at":"LNZ"}}"#),
            "# 3 records: 3 shown".to_owned(),
        ]
    );
    assert_eq!(
        shown(r#"SELECT "id * 2 AS twice, lower(at) AS at" WHERE "at IS NOT NULL""#),
        [
            format!(r#"{topic}/0@0 {{"twice":2,"at":"vie"}}"#),
            format!(r#"{topic}/0@2 {{"twice":6,"at":"lnz"}}"#),
            "# 3 records: 2 shown, 1 left out".to_owned(),
        ]
    );
    assert_eq!(
        shown(r#"EACH tags AS tag SELECT "id, tag" COUNT 2 START EARLIEST"#),
        [
            format!(r#"{topic}/0@1 {{"id":2,"tag":"a"}}"#),
            format!(r#"{topic}/0@1 {{"id":2,"tag":"b"}}"#),
            "# 2 records: 1 shown, 1 left out".to_owned(),
        ]
    );
    assert_eq!(shown("COUNT 1").last().map(String::as_str), Some("# 1 record: 1 shown"));
    assert!(server.keys("*").iter().all(|key| key.starts_with("kafka:")), "nothing is written");
}

/// Routes that together have every kind of write, with what must be there before.
const ROUTES: [&str; 13] = [
    r#"TO STREAM "s:%{key}" MAXLEN ~ 100"#,
    r#"TO STREAM "t:%{key}" ID at SELECT "n, at""#,
    r#"TO HASH "h:%{key}""#,
    r#"TO HASH "o:%{key}" OVERWRITE SELECT "n, note" DELETE WHEN "n = 3""#,
    r#"TO HASH "newer:%{key}" NEWER at"#,
    r#"TO HASH "table:%{key}" SELECT "count() AS n, sum(n) AS total, max(n) AS most, last(note) AS note""#,
    r#"TO STRING "string:%{key}" VALUE "upper(key)" TTL 1h"#,
    r#"TO LIST "list:%{key}" LEFT MAXLEN 2"#,
    r#"TO SET set MEMBER key DELETE WHEN "n = 3""#,
    r#"TO ZSET zset MEMBER key INCR n"#,
    r#"TO GEO geo LON 16.5 LAT 48.1 MEMBER key"#,
    r#"TO HASH "joined:%{key}" JOIN HASH "h:%{key}" AS h SELECT "h.n AS n, key""#,
    r#"WHERE "n > 1" TO COMMAND INCRBY "count:%{key}" "%{n}""#,
];

fn what_is_shown_is_what_the_route_writes(subject: Subject) {
    let values = [
        r#"{"key":"a b","n":1,"at":1000,"note":null}"#,
        r#"{"key":"c","n":2,"at":3000,"note":"quote \" and \\ and \u00e4"}"#,
        r#"{"key":"a b","n":3,"at":2000,"note":"x"}"#,
        r#"{"key":"c","n":4,"at":2500}"#,
    ];
    let (server, topic) = subscribed(subject, "same", &values, "");
    let other = Setup::plain().start();
    let mut connection = redis::Client::open(format!("redis://127.0.0.1:{}", other.port()))
        .and_then(|client| client.get_connection())
        .expect("a connection");
    // A paused subscription consumes nothing until all routes are there, and they are run in order.
    for (number, route) in ROUTES.iter().enumerate() {
        let shown = preview(&server, route);
        let all = if route.starts_with("WHERE") {
            "3 would be written, 1 left out"
        } else {
            "4 would be written"
        };
        assert_eq!(shown.last(), Some(&format!("# 4 records: {all}")), "{route}");
        if route.contains("JOIN") {
            continue;
        }
        for line in shown.iter().filter(|line| !line.starts_with('#')) {
            let mut command = redis::Cmd::new();
            for word in lines::split(line.as_bytes()).expect(line) {
                command.arg(word);
            }
            let done = command.query::<redis::Value>(&mut connection);
            done.unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        if let Some((before, command)) = route.split_once("TO COMMAND") {
            let line = format!("KAFKA.ROUTE r{number} FROM s {before} TO COMMAND {command}");
            server.ok(&line);
        } else {
            server.ok(&format!("KAFKA.ROUTE r{number} FROM s {route}"));
        }
    }
    assert!(server.keys("*").iter().all(|key| key.starts_with("kafka:")), "nothing is written");
    server.ok("KAFKA.RESUME s");
    server.wait_consumed("s", 4);
    assert_eq!(contents(&other), contents(&server), "{topic}");
}

/// All keys with what they hold, IDs that Redis chose aside.
fn contents(server: &RedisServer) -> BTreeMap<String, String> {
    let content = |key: &String| {
        let words: &[&str] = match server.text(&format!("TYPE \"{key}\"")).as_str() {
            "hash" => &["HGETALL"],
            "stream" => &["XRANGE", "-", "+"],
            "string" => &["GET"],
            "list" => &["LRANGE", "0", "-1"],
            "set" => &["SMEMBERS"],
            "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
            other => panic!("{key} is a {other}"),
        };
        let words = [&[words[0], key.as_str()], &words[1..]].concat();
        let reply = server.connect(Protocol::Resp2).send(&words).expect("a content");
        match words[0] {
            "HGETALL" | "SMEMBERS" => {
                // The field behind NEWER has its route's name.
                let plain = |it| text(it).replace("_newer:preview", "_newer:r4");
                let mut all: Vec<String> = items(&reply).iter().map(plain).collect();
                let size = if words[0] == "HGETALL" { 2 } else { 1 };
                let mut chunks: Vec<_> = all.chunks_mut(size).map(|it| it.join("=")).collect();
                chunks.sort();
                format!("{chunks:?}")
            }
            "XRANGE" => {
                let entries = items(&reply).iter().map(|entry| {
                    let [id, fields] = items(entry) else { panic!("{entry:?}") };
                    let ms = text(id).split_once('-').map(|(ms, _)| ms.to_owned());
                    // What Redis chose is about now.
                    let ms = ms.filter(|ms| ms.len() < 10);
                    (ms, items(fields).iter().map(text).collect::<Vec<_>>())
                });
                format!("{:?}", entries.collect::<Vec<_>>())
            }
            _ => format!("{reply:?}"),
        }
    };
    let keys = server.keys("*").into_iter().filter(|key| !key.starts_with("kafka:"));
    keys.map(|key| (key.clone(), content(&key))).collect()
}

fn tables_and_joins_look_at_what_redis_holds(subject: Subject) {
    let values = [r#"{"zone":7,"total":1.50}"#, r#"{"zone":7,"total":2.25}"#];
    let (server, topic) = subscribed(subject, "held", &values, "");
    server.line("HSET zone:7 trips 5 revenue 10.00");
    server.line("HSET name:7 name Alster size 3");
    let table = r#"TO HASH "zone:%{zone}" SELECT "count() AS trips, sum(CAST(total AS DECIMAL(10,2))) AS revenue""#;
    let shown: Vec<_> = preview(&server, table).iter().map(|line| timeless(line)).collect();
    assert_eq!(
        shown,
        [
            format!("# {topic}/0@0"),
            "HSET zone:7 trips 6 revenue 11.50".to_owned(),
            format!("# {topic}/0@1"),
            "HSET zone:7 trips 7 revenue 13.75".to_owned(),
            "# 2 records: 2 would be written".to_owned(),
        ]
    );
    // A join sees what Redis holds, and what earlier records would have written over it.
    let join = r#"TO HASH "name:%{zone}" JOIN HASH "name:%{zone}" AS n SELECT "concat(n.name, '!') AS name, n.size AS size""#;
    let shown: Vec<_> = preview(&server, join).iter().map(|line| timeless(line)).collect();
    assert_eq!(shown[1], "HSET name:7 name \"Alster!\" size 3");
    assert_eq!(shown[3], "HSET name:7 name \"Alster!!\" size 3");
    let rows = preview(&server, r#"JOIN HASH "name:%{zone}" AS n SELECT "n.*, total""#);
    let row = timeless(&rows[0]);
    assert!(row.contains(r#""name":"Alster""#) && row.contains(r#""size":"3""#), "{row}");
    assert_eq!(server.hash("zone:7")["trips"], "5");
    assert_eq!(server.hash("name:7")["name"], "Alster");
    // A table whose field is no number fails, as the route would.
    server.line("HSET zone:7 trips many");
    let shown = preview(&server, table);
    assert!(shown[0].contains(" would fail: apply: ") && shown[0].contains("many"), "{shown:?}");
    server.line("DEL zone:7");
    server.line("SET zone:7 text");
    let shown = preview(&server, table);
    assert!(
        shown[0].contains(" would fail: apply: ") && shown[0].contains("WRONGTYPE"),
        "{shown:?}"
    );
}

fn previews_are_refused_where_nobody_can_wait(subject: Subject) {
    let (server, _) = subscribed(subject, "preview-multi", &["{}"], "");
    server.ok("MULTI");
    server.line("KAFKA.PREVIEW FROM s");
    let reply = format!("{:?}", server.try_line("EXEC"));
    assert!(reply.contains("not allowed inside MULTI"), "{reply}");
    let refused = server.refused("EVAL \"return redis.call('KAFKA.PREVIEW','FROM','s')\" 0");
    assert!(refused.contains("not allowed from script"), "{refused}");
}

fn records_that_would_fail_are_named(subject: Subject) {
    let values = [r#"{"id":1,"at":"VIE"}"#, "{oops", r#"{"id":2}"#];
    let (server, topic) = subscribed(subject, "failing", &values, "");
    let shown: Vec<_> = preview(&server, r#"TO HASH "sensor:%{at}:%{id}""#)
        .iter()
        .map(|line| timeless(line))
        .collect();
    assert_eq!(shown[..2], [format!("# {topic}/0@0"), "HSET sensor:VIE:1 id 1 at VIE".to_owned()]);
    let bad = format!("# {topic}/0@1 would fail: value: invalid JSON at byte 1: ");
    assert!(shown[2].starts_with(&bad), "{shown:#?}");
    let expected = format!("# {topic}/0@2 would fail: route: at is null; value has: id");
    assert_eq!(shown[3], expected);
    assert_eq!(shown[4], "# 3 records: 1 would be written, 2 would fail");
}

fn what_cannot_be_previewed_is_said(subject: Subject) {
    let (server, _) = subscribed(subject, "wrong", &["{}"], "");
    for (line, words) in [
        ("FROM t", "no subscription named 't'; did you mean s?"),
        ("FROM s TO HASCH k", "unknown target 'HASCH' (argument 4); did you mean HASH?"),
        ("FROM s WHERE a+", "is missing at the end"),
        ("FROM s SELECT \"count() AS n\"", "aggregate"),
        ("FROM s COUNT 1001", "'1001' is no whole number from 1 to 1000"),
        ("FROM s START LATER", "START cannot be 'LATER'"),
    ] {
        let refused = server.refused(&format!("KAFKA.PREVIEW {line}"));
        assert!(refused.starts_with("ERR KAFKA.PREVIEW: "), "{refused}");
        assert!(refused.contains(words), "{line}: {refused}");
    }
}

fn messages_to_kafka_are_shown_and_not_sent(subject: Subject) {
    let kafka = Kafka::shared();
    let to = kafka.topic("shown", 1);
    let (server, topic) = subscribed(subject, "sending", &[r#"{"id":1,"name":"a b"}"#], "");
    let shown: Vec<_> = preview(&server, &format!(r#"TO TOPIC {to} KEY id SELECT name"#))
        .iter()
        .map(|line| timeless(line))
        .collect();
    assert_eq!(
        shown,
        [
            format!("# {topic}/0@0"),
            format!(r#"KAFKA.PRODUCE {to} ON s KEY 1 VALUES "{{\"name\":\"a b\"}}""#),
            "# 1 record: 1 would be written".to_owned(),
        ]
    );
    assert_eq!(kafka.watermarks(&to, 0), (0, 0));
    send_raw(kafka, &topic, &[(None, None)]);
    let shown = preview(&server, &format!("TO TOPIC {to} COUNT 1"));
    assert_eq!(shown, ["# 1 record: 0 would be written, 1 left out"]);
}
