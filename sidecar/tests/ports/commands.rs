//! Commands through real clients: redis-cli, the redis crate, and a Redis with the module beside it.

use crate::double::{DEADLINE, Double};
use redis::Value;
use redis_kafka_tests::client::{Client, Protocol};
use redis_kafka_tests::reply::text;
use redis_kafka_tests::server::Setup;
use redis_kafka_tests::subject;
use redis_kafka_tests::wait::wait_until;
use std::process::Command;

fn redis_cli(double: &Double, words: &[&str]) -> String {
    let port = double.listen().port().to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn redis_cli_gives_commands_as_to_the_module() {
    let double = Double::open(&[]);
    let subscribe = ["KAFKA.SUBSCRIBE", "s", "TOPIC", "t", "BROKERS", "h:1"];
    assert_eq!(redis_cli(&double, &subscribe), "OK\n");
    assert_eq!(redis_cli(&double, &["-n", "3", "kafka.list"]), "sub=rides state=running\n\n");
    let commands = double.script.lock().unwrap().commands.clone();
    assert_eq!(commands, [(subscribe.join(" "), 0), ("kafka.list".to_owned(), 3)]);
    let lines = redis_cli(&double, &["-3", "KAFKA.INFO", "rides"]);
    assert!(lines.contains("\"next\" => (integer) 42") || lines.contains("next"), "{lines}");
}

#[test]
fn an_ordinary_command_is_told_where_redis_is() {
    let double = Double::open(&["--redis=redis://user:hunter2@cache.example:6380/2"]);
    let error = redis_cli(&double, &["GET", "a"]);
    assert!(error.contains("unknown command 'GET'"), "{error}");
    assert!(
        error.contains("redis://cache.example:6380/2") && !error.contains("hunter2"),
        "{error}"
    );
    for refused in ["MULTI", "EVAL", "SUBSCRIBE"] {
        assert!(redis_cli(&double, &[refused]).starts_with("ERR "), "{refused}");
    }
}

#[test]
fn both_protocols_have_their_own_maps() {
    let double = Double::open(&[]);
    let mut new = Client::connect(double.listen().port(), Protocol::Resp3).unwrap();
    let Value::Map(pairs) = new.line("KAFKA.INFO rides").unwrap() else { panic!("no map") };
    assert_eq!(text(&pairs[0].1), "rides");
    let mut old = Client::connect(double.listen().port(), Protocol::Resp2).unwrap();
    let Value::Array(parts) = old.line("KAFKA.INFO rides").unwrap() else { panic!("no list") };
    assert_eq!(parts.len(), 6);
    assert_eq!(old.line("CLIENT SETNAME me").map(|reply| text(&reply)), Ok("OK".to_owned()));
    assert_eq!(old.line("CLIENT GETNAME").map(|reply| text(&reply)), Ok("me".to_owned()));
    let list = text(&new.line("CLIENT LIST").unwrap());
    assert!(list.contains("name=me") && list.contains("resp=3"), "{list}");
    assert_eq!(new.line("ECHO \"a b\"").map(|reply| text(&reply)), Ok("a b".to_owned()));
    let info = text(&new.line("INFO").unwrap());
    assert!(info.contains("redis_kafka_version:") && info.contains("kafka_running:0"), "{info}");
}

/// Maps and sets have no order; names of commands no case.
fn in_order(value: Value) -> Value {
    let sorted = |mut parts: Vec<Value>| {
        parts.sort_by_key(|part| format!("{part:?}"));
        parts
    };
    match value {
        Value::Map(pairs) => Value::Array(sorted(
            pairs
                .into_iter()
                .map(|(key, value)| Value::Array(vec![in_order(key), in_order(value)]))
                .collect(),
        )),
        Value::Set(parts) => Value::Set(sorted(parts)),
        Value::Array(parts) => Value::Array(parts.into_iter().map(in_order).collect()),
        other => other,
    }
}

#[test]
fn command_docs_are_those_that_redis_gives_for_the_module() {
    let double = Double::open(&[]);
    let module = Setup::plain().module(&subject::module(), &[]).start();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut own = Client::connect(double.listen().port(), protocol).unwrap();
        let mut theirs = module.connect(protocol);
        let Value::Int(count) = own.line("COMMAND COUNT").unwrap() else { panic!("no number") };
        let names = own.line("COMMAND LIST").unwrap();
        let Value::Array(names) = names else { panic!("{names:?}") };
        assert_eq!(names.len() as i64, count);
        for name in names.iter().map(text) {
            for asked in [
                format!("COMMAND DOCS {name}"),
                format!("COMMAND DOCS {} nosuch", name.to_lowercase()),
            ] {
                let (own, theirs) = (own.line(&asked).unwrap(), theirs.line(&asked).unwrap());
                assert_eq!(in_order(own), in_order(theirs), "{asked}, {protocol:?}");
            }
            let asked = format!("COMMAND INFO {name} nosuch");
            let (own, theirs) = (own.line(&asked).unwrap(), theirs.line(&asked).unwrap());
            let (Value::Array(own), Value::Array(theirs)) = (own, theirs) else {
                panic!("{asked}")
            };
            assert_eq!(own[1], theirs[1], "{asked}: what is not there");
            let (Value::Array(own), Value::Array(theirs)) = (&own[0], &theirs[0]) else {
                panic!("{asked}")
            };
            assert_eq!(own.len(), theirs.len(), "{asked}");
            // Redis 7.0 knows no `blocking` of a module's command, and no ACL categories.
            assert_eq!(own[..2], theirs[..2], "{asked}");
            assert_eq!(own[3..6], theirs[3..6], "{asked}");
        }
    }
}

#[test]
fn who_waits_holds_nobody_and_is_forgotten_when_gone() {
    let double = Double::open(&[]);
    let port = double.listen().port();
    let waiting = std::thread::spawn(move || {
        Client::connect(port, Protocol::Resp2).unwrap().line("KAFKA.WAIT rides 0")
    });
    let held = || double.script.lock().unwrap().held.len();
    wait_until("the command to arrive", DEADLINE, || held() == 1);
    assert_eq!(redis_cli(&double, &["PING"]), "PONG\n");
    let sender = double.script.lock().unwrap().held.remove(0);
    sender.send(redis_kafka_engine::control::Reply::Integer(1)).unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(Value::Int(1)));

    let gone = std::net::TcpStream::connect(double.listen()).unwrap();
    std::io::Write::write_all(&mut &gone, b"KAFKA.WAIT rides 0\r\n").unwrap();
    wait_until("the command to arrive", DEADLINE, || held() == 1);
    drop(gone);
    wait_until("the answer to be dropped", DEADLINE, || {
        double.script.lock().unwrap().held[0].is_closed()
    });
}

#[test]
fn what_is_answered_as_the_ports_end_still_goes_out() {
    let double = Double::open(&[]);
    let port = double.listen().port();
    let waiting = std::thread::spawn(move || {
        let mut client = Client::connect(port, Protocol::Resp3).unwrap();
        (client.line("KAFKA.WAIT rides 0"), client.line("PING"))
    });
    let script = double.script.clone();
    wait_until("the command to arrive", DEADLINE, || script.lock().unwrap().held.len() == 1);
    let sender = script.lock().unwrap().held.remove(0);
    sender.send(redis_kafka_engine::control::Reply::Integer(1)).unwrap();
    drop(double);
    let (answer, _) = waiting.join().unwrap();
    assert_eq!(answer, Ok(Value::Int(1)));
    assert!(Client::connect(port, Protocol::Resp2).is_err(), "the port is closed");
}
