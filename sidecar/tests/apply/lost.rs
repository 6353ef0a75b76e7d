//! Transactions whose answer is lost on the way: the ledger tells whether they were run.

use super::feed::{Bench, through};
use redis_kafka_engine::applier::{Applied, Applier};
use redis_kafka_tests::server::Setup;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What the wire does at the next EXEC, once.
const PASS: u8 = 0;
const LOSE_REQUEST: u8 = 1;
const LOSE_ANSWER: u8 = 2;

/// A wire to Redis that breaks at an EXEC.
struct Wire {
    port: u16,
    at_exec: Arc<AtomicU8>,
    /// EXECs that pass before.
    skip: Arc<AtomicU8>,
}

fn wire(target: u16) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("an address").port();
    let at_exec = Arc::new(AtomicU8::new(PASS));
    let skip = Arc::new(AtomicU8::new(0));
    let (orders, passing) = (at_exec.clone(), skip.clone());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            carry(client, server, &orders, &passing);
        }
    });
    Wire { port, at_exec, skip }
}

/// The units of these tests go in one write, so that EXEC is read with all that stands before it.
fn carry(mut client: TcpStream, mut server: TcpStream, orders: &AtomicU8, skip: &AtomicU8) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..read];
        let has_exec = sent.windows(8).any(|word| word == b"\r\nEXEC\r\n");
        let is_due = has_exec
            && skip
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_err();
        let order = if is_due { orders.swap(PASS, Ordering::SeqCst) } else { PASS };
        if order == LOSE_REQUEST {
            break;
        }
        server.write_all(sent).expect("Redis takes it");
        // Redis answers once it has run what it read.
        let mut answer = vec![0; 1 << 16];
        let Ok(read @ 1..) = server.read(&mut answer) else { break };
        if order == LOSE_ANSWER || client.write_all(&answer[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

fn bench() -> (Bench, Wire) {
    let server = Setup::plain().start();
    let wire = wire(server.port());
    let bench = through(server, wire.port).begun();
    (bench, wire)
}

#[test]
fn a_unit_whose_answer_was_lost_is_not_written_twice() {
    for order in [LOSE_ANSWER, LOSE_REQUEST] {
        let (mut bench, wire) = bench();
        for unit in 0..6 {
            wire.at_exec.store(if unit % 2 == 1 { order } else { PASS }, Ordering::SeqCst);
            bench.done(3, |at, pen| {
                pen.entry("s", &format!("{unit}.{at}"));
                pen.count("table");
            });
        }
        assert_eq!(bench.server.number("XLEN s"), 18, "{order}");
        assert_eq!(bench.server.hash("table")["n"], "18", "{order}");
        assert_eq!(bench.next(), "18");
        assert_eq!(bench.shared.hold(), None);
    }
}

#[test]
fn what_was_prepared_before_the_loss_is_asked_again() {
    let (mut bench, wire) = bench();
    let mut first = bench.feed.unit(2, |_, pen| pen.count("table"));
    let mut second = bench.feed.unit(2, |_, pen| pen.count("table"));
    wire.at_exec.store(LOSE_ANSWER, Ordering::SeqCst);
    assert_eq!(bench.applier.apply(&mut first, Some(&second)), Applied::Done);
    wire.at_exec.store(LOSE_ANSWER, Ordering::SeqCst);
    assert_eq!(bench.applier.apply(&mut second, None), Applied::Done);
    assert_eq!(bench.server.hash("table")["n"], "4");
}

#[test]
fn a_command_whose_answer_was_lost_is_not_run_twice() {
    for order in [LOSE_ANSWER, LOSE_REQUEST] {
        let (mut bench, wire) = bench();
        for _ in 0..4 {
            wire.at_exec.store(order, Ordering::SeqCst);
            bench.done(1, |_, pen| {
                pen.command(&["INCRBY", "count", "1"]);
                pen.entry("s", "x");
            });
        }
        assert_eq!(bench.server.text("GET count"), "4", "{order}");
        assert_eq!(bench.server.number("XLEN s"), 4, "{order}");
    }
}

/// The command was refused, and then the wire broke while the note was taken back.
#[test]
fn a_command_that_was_refused_is_not_taken_for_run() {
    let (mut bench, wire) = bench();
    bench.server.line("SET count many");
    for order in [LOSE_ANSWER, LOSE_REQUEST] {
        bench.feed.next = 0;
        wire.skip.store(1, Ordering::SeqCst);
        wire.at_exec.store(order, Ordering::SeqCst);
        let applied = bench.apply(1, |_, pen| {
            pen.command(&["INCRBY", "count", "1"]);
            pen.entry("s", "x");
        });
        assert_eq!(super::feed::records(&applied), [0], "{order}");
        assert_eq!((bench.next().as_str(), bench.server.number("EXISTS s")), ("0", 0));
        assert!(!bench.server.hash(super::feed::LEDGER).contains_key("command"), "{order}");
    }
}

#[test]
fn somebody_elses_progress_is_no_answer() {
    let (mut bench, wire) = bench();
    bench.done(1, |_, pen| pen.entry("s", "x"));
    wire.at_exec.store(LOSE_REQUEST, Ordering::SeqCst);
    bench.server.line("HSET kafka:ledger:rides:t/0 next 9");
    let stale = Applied::Stale { partition: "t/0".into(), expected: 1, found: 9 };
    assert_eq!(bench.apply(2, |_, pen| pen.entry("s", "y")), stale);
}
