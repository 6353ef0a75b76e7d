//! What holds for the commands as a whole.

use super::docs::{ArgumentDocs, ArgumentKind, docs};
use super::*;
use crate::format::Format;
use crate::grammar::Argument;
use crate::kafka::{Connection, Position, Topics};
use crate::target::TARGETS;
use proptest::prelude::*;

fn run(line: &str) -> Result<Statement, CommandError> {
    let words = lines::split(line.as_bytes()).unwrap();
    parse(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn made(line: &str) -> Statement {
    run(line).unwrap()
}

#[test]
fn every_line_of_the_pipelines_parses_or_names_what_is_not_supported() {
    let file = include_bytes!("../../tests/data/pipelines.kafka");
    let mut parsed = Vec::new();
    for line in lines::read(file).unwrap() {
        let words: Vec<&[u8]> = line.words.iter().map(Vec::as_slice).collect();
        match parse(&words) {
            Ok(_) => parsed.push(line.number),
            Err(error) => {
                assert!(error.to_string().contains(" is not supported yet"), "{line:?}: {error}");
            }
        }
    }
    let built = [
        5, 6, 8, 24, 38, 42, 44, 7, 9, 10, 11, 12, 13, 16, 17, 19, 20, 23, 26, 29, 30, 32, 39, 40,
        43, 47, 48, 49, 50, 51, 52, 53, 54,
    ];
    for number in built {
        assert!(parsed.contains(&number), "line {number} does not parse");
    }
}

#[test]
fn wrong_lines_get_the_messages_of_the_golden_file() {
    let golden = include_str!("../../tests/data/errors.golden");
    let (mut blocks, mut wrong) = (0, Vec::new());
    for block in golden.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let rows: Vec<&str> = block.lines().filter(|row| !row.starts_with('#')).collect();
        let [line, message] = rows[..] else { panic!("not a line and its message: {block}") };
        match run(line) {
            Err(error) if error.to_string() == message => {}
            Err(error) => wrong.push(format!("{line}\n  gets: {error}\n  not:  {message}")),
            Ok(_) => wrong.push(format!("{line}\n  is taken")),
        }
        blocks += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(blocks >= 60, "{blocks} wrong lines are too few");
}

#[test]
fn a_subscription_has_the_documented_defaults() {
    let given = made("kafka.subscribe sensors topic measurements brokers localhost:9092");
    let expected = Subscribe {
        name: "sensors".to_owned(),
        replace: Replace::No,
        topics: Topics::List(vec!["measurements".to_owned()]),
        connection: Connection::brokers("localhost:9092").unwrap(),
        key: Format::String,
        value: Format::Json,
        registry: None,
        envelope: Envelope::None,
        start: Position::Earliest,
        on_error: OnError::Stop,
        letters: DeadLetters::Stream { max: LETTERS_MAX },
        group: None,
        after: None,
        initial: Initial::Running,
    };
    assert_eq!(given, Statement::Subscribe(expected));
}

#[test]
fn replace_may_stand_anywhere_behind_the_name() {
    let plain = made("KAFKA.ROUTE a FROM s TO STREAM k MAXLEN ~ 5");
    for line in [
        "KAFKA.ROUTE a REPLACE FROM s TO STREAM k MAXLEN ~ 5",
        "KAFKA.ROUTE a FROM s REPLACE TO STREAM k MAXLEN ~ 5",
        "KAFKA.ROUTE a TO STREAM k MAXLEN ~ 5 FROM s REPLACE",
        "KAFKA.ROUTE a TO STREAM k REPLACE FROM s MAXLEN ~ 5",
    ] {
        let Statement::Route(route) = made(line) else { panic!("{line}") };
        assert_eq!(route.replace, Replace::Yes, "{line}");
        assert_eq!(Statement::Route(route).without_replace(), plain, "{line}");
    }
}

#[test]
fn canonical_lines_leave_defaults_out_and_keep_one_order() {
    for (line, canonical) in [
        (
            "kafka.subscribe s paused onerror stop value json brokers h:1 replace topic a,b",
            "KAFKA.SUBSCRIBE s TOPIC a,b BROKERS h:1 PAUSED",
        ),
        (
            "KAFKA.SUBSCRIBE s GROUP g START timestamp -120m ONERROR skip KEY JSON VALUE bytes \
             CONNECTION c PATTERN '^a\\.b$'",
            "KAFKA.SUBSCRIBE s PATTERN \"^a\\\\.b$\" CONNECTION c KEY JSON VALUE BYTES \
             START TIMESTAMP -2h ONERROR SKIP GROUP g",
        ),
        (
            "KAFKA.ROUTE r NOW TO HASH k merge tombstone ignore FROM s",
            "KAFKA.ROUTE r FROM s TO HASH k TOMBSTONE IGNORE NOW",
        ),
        (
            "KAFKA.ROUTE r FROM s TO STREAM \"a %{b}\" MAXLEN = 7",
            "KAFKA.ROUTE r FROM s TO STREAM \"a %{b}\" MAXLEN 7",
        ),
        (
            "KAFKA.ROUTE r FROM s TO ZSET z delete when gone KEEP 3 INCR n MEMBER m TTL 60s",
            "KAFKA.ROUTE r FROM s TO ZSET z MEMBER m INCR n KEEP 3 TTL 1m DELETE WHEN gone",
        ),
        (
            "KAFKA.ROUTE r WHERE \"a > 1\" FROM s NOW TO COMMAND incrby \"n:%{id}\" 5",
            "KAFKA.ROUTE r FROM s WHERE \"a > 1\" NOW TO COMMAND INCRBY \"n:%{id}\" 5",
        ),
        ("kafka.unsubscribe s keepoffsets", "KAFKA.UNSUBSCRIBE s KEEPOFFSETS"),
        ("kafka.resume s deadletter", "KAFKA.RESUME s DEADLETTER"),
        ("kafka.wait s 5000", "KAFKA.WAIT s 5000"),
        ("kafka.help kafka.route", "KAFKA.HELP ROUTE"),
        ("kafka.list", "KAFKA.LIST"),
        ("kafka.topics brokers h:1", "KAFKA.TOPICS BROKERS h:1"),
        (
            "kafka.peek t count 10 start latest value json on s registry http://h:1",
            "KAFKA.PEEK t ON s VALUE JSON REGISTRY http://h:1 START LATEST",
        ),
        (
            "kafka.produce t header a b format string header c d create 2 partition 1 x KEY",
            "KAFKA.PRODUCE t HEADER a b HEADER c d PARTITION 1 CREATE 2 VALUES x KEY",
        ),
        ("kafka.produce t tombstone key k on s", "KAFKA.PRODUCE t ON s KEY k TOMBSTONE"),
        ("kafka.produce t values tombstone", "KAFKA.PRODUCE t VALUES tombstone"),
        (
            "kafka.preview count 3 to hash k merge from s where a",
            "KAFKA.PREVIEW FROM s WHERE a COUNT 3 TO HASH k",
        ),
    ] {
        assert_eq!(made(line).line(), canonical);
    }
}

#[test]
fn what_differs_under_a_taken_name_is_said() {
    let stored = made("KAFKA.SUBSCRIBE s TOPIC a BROKERS h:1 GROUP redis-kafka.s.x PAUSED");
    assert_eq!(made("KAFKA.SUBSCRIBE s BROKERS h:1 TOPIC a").difference(&stored), None);
    let given = made("KAFKA.SUBSCRIBE s TOPIC b BROKERS h:1 VALUE STRING GROUP g");
    assert_eq!(
        conflict(&given, &stored).unwrap().to_string(),
        "ERR KAFKA.SUBSCRIBE: 's' exists and differs: TOPIC: b given, a stored; \
         VALUE: STRING given, JSON stored; GROUP: g given, redis-kafka.s.x stored; \
         add REPLACE to swap it, positions kept"
    );
    let given = made("KAFKA.SUBSCRIBE s REPLACE TOPIC b BROKERS h:1");
    assert_eq!(conflict(&given, &stored), None);
    let route = made("KAFKA.ROUTE s REPLACE FROM t TO HASH k");
    assert_eq!(
        conflict(&route, &stored).unwrap().to_string(),
        "ERR KAFKA.ROUTE: 's' is a subscription already (argument 1); \
         subscriptions and routes share their names: take another"
    );
    let now = made("KAFKA.ROUTE r FROM t TO HASH k NOW");
    let all = made("KAFKA.ROUTE r FROM t TO HASH k");
    assert_eq!(all.difference(&now).unwrap(), "NOW: none given, set stored");
}

#[test]
fn the_table_is_sound() {
    for entry in ENTRIES {
        let clause = &entry.clause;
        assert_eq!(find(clause.name.to_lowercase().as_bytes()), Some(*entry));
        let help = help(Some(entry)).join("\n");
        assert!(help.starts_with(&clause.to_string()), "{help}");
        let writes = entry.flags.contains(&Flag::Write);
        assert_ne!(writes, entry.flags.contains(&Flag::ReadOnly), "{}", clause.name);
    }
    let arity = |name: &str| find(name.as_bytes()).unwrap().arity();
    assert_eq!(arity("KAFKA.SUBSCRIBE"), -2);
    assert_eq!(arity("KAFKA.ROUTE"), -2);
    assert_eq!(arity("KAFKA.UNSUBSCRIBE"), -2);
    assert_eq!(arity("KAFKA.WAIT"), 3);
    assert_eq!(arity("KAFKA.LIST"), 1);
    assert_eq!(arity("KAFKA.HELP"), -1);
    assert_eq!(arity("KAFKA.PRODUCE"), -2);
}

/// Options stand in any order, so that no key word may mean two things in a route.
#[test]
fn no_option_of_a_target_has_the_key_word_of_an_option_of_route() {
    fn keys(options: &'static [Argument]) -> Vec<&'static str> {
        let forms = options.iter().flat_map(Argument::forms);
        forms.filter_map(|form| form.key().split(' ').next()).collect()
    }
    let of = |name: &str| keys(find(name.as_bytes()).unwrap().clause.options);
    let mut route = [of("KAFKA.ROUTE"), of("KAFKA.PREVIEW")].concat();
    route.sort_unstable();
    route.dedup();
    for row in TARGETS {
        let mut all = keys(row.clause.options);
        all.extend(&route);
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "{row:?}");
    }
}

#[test]
fn command_docs_are_what_redis_takes() {
    fn check(argument: &ArgumentDocs) {
        assert!(!argument.name.is_empty());
        let nested = matches!(argument.kind, ArgumentKind::OneOf | ArgumentKind::Block);
        assert_eq!(nested, !argument.parts.is_empty(), "{argument:?}");
        assert!(argument.kind != ArgumentKind::PureToken || argument.token.is_some());
        argument.parts.iter().for_each(check);
    }
    let all = docs();
    assert_eq!(all.len(), ENTRIES.len());
    for command in &all {
        command.arguments.iter().for_each(check);
    }
    let route = format!("{:?}", all.iter().find(|docs| docs.name == "KAFKA.ROUTE").unwrap());
    assert!(route.contains("\"MAXLEN\"") && route.contains("\"DELETE WHEN\""), "{route}");
    for row in TARGETS {
        assert!(route.contains(&format!("{:?}", row.clause.name)), "{row:?}");
    }
    let subscribe = all.iter().find(|docs| docs.name == "KAFKA.SUBSCRIBE").unwrap();
    assert!(format!("{subscribe:?}").contains("\"DEADLETTERTOPIC\""), "{subscribe:?}");
}

/// `UPDATE_REFERENCE=1` writes the page instead.
#[test]
fn the_reference_page_is_what_the_tables_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page == reference(), "docs/reference.md differs; UPDATE_REFERENCE=1 writes it anew");
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_.-]{1,64}"
}

fn template() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            "[^%$]{1,9}",
            Just("%{a.b[0]}".to_owned()),
            Just("%{_header['x ''y']}".to_owned()),
            Just("%%{".to_owned()),
            Just("%{_key}".to_owned()),
        ],
        1..6,
    )
    .prop_map(|parts| parts.concat())
}

/// Words of an option in any case; each vector is one option.
fn subscribe_options() -> impl Strategy<Value = Vec<Vec<String>>> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let one = |all: &'static [&'static str]| prop::sample::select(all).prop_map(words);
    let maybe = |all: &'static [&'static str]| prop::option::of(one(all));
    (
        one(&["TOPIC a", "topic a,b.c", "PATTERN ^x.*$", "Pattern [ab]\"'"]),
        one(&["BROKERS h:1", "brokers h:1,g:65535", "CONNECTION prod"]),
        maybe(&["KEY STRING", "key json", "KEY BYTES"]),
        maybe(&["VALUE STRING", "value json", "VALUE BYTES"]),
        maybe(&[
            "START EARLIEST",
            "start latest",
            "START COMMITTED",
            "START OFFSET 9",
            "START TIMESTAMP -90m",
            "START TIMESTAMP 2026-11-21T02:58:11Z",
        ]),
        maybe(&["ONERROR STOP", "onerror skip", "ONERROR DEADLETTER"]),
        maybe(&["GROUP g.1"]),
        maybe(&["PAUSED"]),
        maybe(&["replace"]),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i)| {
            [Some(a), Some(b), c, d, e, f, g, h, i].into_iter().flatten().collect::<Vec<_>>()
        })
        .prop_shuffle()
}

/// The options that belong to each target; one of each list is taken, or none where it is
/// marked so by an empty text.
const TARGET_OPTIONS: &[(&str, &[&[&str]])] = &[
    ("stream", &[&["", "MAXLEN 1", "maxlen ~ 100000", "MAXLEN = 9", "RETAIN 1d"], &["", "ID at"]]),
    ("HASH", &[&["", "MERGE", "overwrite"], &["", "NEWER at", "newer a.b"]]),
    ("String", &[&["", "VALUE a.b", "value 1"]]),
    ("JSON", &[]),
    ("list", &[&["", "LEFT", "right"], &["", "MAXLEN 5"]]),
    ("SET", &[&["MEMBER a", "member _key"]]),
    ("ZSET", &[&["MEMBER a"], &["SCORE b", "incr b+1"], &["", "KEEP 7"]]),
    ("GEO", &[&["LON a"], &["LAT b"], &["MEMBER c"]]),
    ("TIMESERIES", &[&["", "AT a"], &["VALUE b"]]),
    ("CHANNEL", &[]),
];

/// The options that all targets take that write keys.
const KEYED_OPTIONS: &[&[&str]] =
    &[&["", "TTL 90s", "ttl 1h", "EXPIREAT at"], &["", "DELETE WHEN gone", "delete when a>1"]];

fn options_of(lists: Vec<&'static [&'static str]>) -> impl Strategy<Value = Vec<Vec<String>>> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let one = move |all: &'static [&'static str]| prop::sample::select(all).prop_map(words);
    let all: Vec<_> = lists.into_iter().map(one).collect();
    all.prop_map(|options| options.into_iter().filter(|words| !words[0].is_empty()).collect())
}

fn target() -> impl Strategy<Value = Vec<Vec<String>>> {
    let plain = prop::sample::select(TARGET_OPTIONS).prop_flat_map(|(name, own)| {
        let keyed = if name == "CHANNEL" { &[][..] } else { KEYED_OPTIONS };
        let has_members = own.iter().flat_map(|all| *all).any(|words| words.starts_with("MEMBER"));
        let tombstone: &[&str] = match (name, has_members) {
            ("CHANNEL", _) => &[""],
            // A member's tombstone takes a key and a MEMBER that read nothing of the value.
            (_, true) => &["", "TOMBSTONE IGNORE"],
            (_, false) => &["", "tombstone delete", "TOMBSTONE IGNORE"],
        };
        let all = own.iter().chain(keyed).copied().chain([tombstone]);
        (template(), options_of(all.collect()).prop_shuffle()).prop_map(move |(key, options)| {
            let to = vec!["to".to_owned(), name.to_owned(), key];
            std::iter::once(to).chain(options).collect()
        })
    });
    let command = prop::collection::vec(template(), 1..4).prop_map(|arguments| {
        let to = ["TO", "command", "set"].into_iter().map(str::to_owned);
        vec![to.chain(arguments).collect()]
    });
    prop_oneof![8 => plain, 1 => command]
}

fn check_round_trip(words: &[String]) {
    let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let statement = parse(&bytes).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let plain = statement.without_replace();
    assert_eq!(made(&plain.line()), plain);
    let again = plain.arguments();
    let again: Vec<&[u8]> = again.iter().map(|word| word.as_bytes()).collect();
    assert_eq!(parse(&again).unwrap(), plain);
    let definition = definition::Definition {
        db: 3,
        made: 12,
        phase: definition::Phase::Joined,
        statement: plain.clone(),
    };
    let name = plain.name().unwrap();
    let stored = definition.encode();
    assert_eq!(definition::Definition::decode(name, stored.as_bytes()), Ok(definition));
    assert_eq!(plain.difference(&plain), None);
}

/// What quoting could break: quotes, backslashes, braces, line ends, percent signs, reserved words.
#[test]
fn routes_with_odd_expressions_come_back_from_their_canonical_form() {
    let keys = [
        r"a%%{b}:%{_key}",
        r#"{tag}:%{_key || '}' || '"' || 'it''s'}"#,
        r"%{_value['order-id']}:%{_header['X-\Id']}",
    ];
    let conditions = [
        r#"name = 'a\b"c''d' AND note LIKE '50\%%' "#,
        "text = '\n' OR text = '\u{1F600}' OR text = 'tab\there'",
        "NOT (a OR b) AND c IS NOT NULL OR (x - (y - 1)) * -2 < 1e3",
        r#"_value['select'] = '%{x}' AND _value['it''s'].b[-1] IN (1.50, -2, NULL)"#,
        r#"CASE WHEN a = '{' THEN '}' ELSE '"' END = m['k''1'] || '\'"#,
    ];
    let selections = [
        r#"*, a.*, * EXCEPT (x, y), a || '"' AS q, _value['odd name'] AS other"#,
        "upper(a) AS b, CAST(c AS DECIMAL(10,2)) AS d, '%{x}' AS e",
    ];
    for key in keys {
        for condition in conditions {
            for selection in selections {
                let words =
                    ["KAFKA.ROUTE", "r", "FROM", "s", "TO", "HASH", key, "WHERE", condition];
                let words = words.into_iter().chain(["SELECT", selection]);
                check_round_trip(&words.map(str::to_owned).collect::<Vec<_>>());
            }
        }
    }
}

proptest! {
    #[test]
    fn subscriptions_come_back_from_their_canonical_form(
        name in name(), options in subscribe_options(),
    ) {
        let mut words = vec!["KAFKA.SUBSCRIBE".to_owned(), name];
        words.extend(options.into_iter().flatten());
        check_round_trip(&words);
    }

    #[test]
    fn routes_come_back_from_their_canonical_form(
        name in name(), from in name(), target in target(), now in any::<bool>(),
    ) {
        let mut words = vec!["KAFKA.ROUTE".to_owned(), name, "FROM".to_owned(), from];
        words.extend(now.then(|| "now".to_owned()));
        words.extend(target.into_iter().flatten());
        check_round_trip(&words);
    }

    #[test]
    fn any_bytes_are_parsed_or_refused_on_one_line(
        command in prop::sample::select(ENTRIES),
        words in prop::collection::vec(prop_oneof![
            2 => prop::sample::select(&[
                "TOPIC", "PATTERN", "BROKERS", "CONNECTION", "KEY", "VALUE", "START", "OFFSET",
                "TIMESTAMP", "ONERROR", "FROM", "TO", "STREAM", "HASH", "MAXLEN", "~", "DELETE",
                "WHEN", "TOMBSTONE", "JSON", "REPLACE", "PAUSED", "NOW", "GROUP", "MERGE", "a", "ZSET", "MEMBER", "SCORE", "INCR", "KEEP",
                "GEO", "LON", "LAT", "COMMAND", "TTL", "1d", "EXPIREAT", "CHANNEL", "LIST",
                "h:1", "%{a}", "%{", "", "-1", "1",
            ][..]).prop_map(|word| word.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..80),
        ], 0..12),
    ) {
        let mut all: Vec<&[u8]> = vec![command.clause.name.as_bytes()];
        all.extend(words.iter().map(Vec::as_slice));
        if let Err(error) = parse(&all) {
            let message = error.to_string();
            prop_assert!(message.starts_with("ERR KAFKA."), "{}", message);
            prop_assert!(!message.contains(char::is_control), "{:?}", message);
            prop_assert!(message.chars().count() < 1200, "{}", message);
        }
        fuzz(&all.join(&0));
        let _ = definition::Definition::decode("a", &all.join(&b' '));
        let _ = lines::read(&all.join(&b'\n'));
    }

    #[test]
    fn words_come_back_from_their_line(words in prop::collection::vec(any::<String>(), 0..6)) {
        let line = lines::join(&words);
        prop_assert!(!line.contains('\n'));
        let split = lines::split(line.as_bytes()).unwrap();
        let expected: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(split, expected);
    }
}

#[test]
fn a_route_carries_its_target() {
    let Statement::Route(route) = made("KAFKA.ROUTE r FROM s TO HASH \"h:%{_key}\" OVERWRITE")
    else {
        panic!("no route")
    };
    assert_eq!(route.target.arguments(), ["HASH", "h:%{_key}", "OVERWRITE"]);
    assert_eq!(route.scope, Scope::FromStart);
}
