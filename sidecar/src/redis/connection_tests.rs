//! Waiting for long answers.

use super::*;
use redis_kafka_tests::wait::elapse;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::thread;

const HALF: &[u8] = b"+QUEUED\r\n+QUEUED\r\n";

/// A connection to a server that sends what it is told to.
fn connected(answer: Duration) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let patience = Patience { answer, ..Patience::default() };
    let connection = Connection::tcp(("127.0.0.1", port), None, patience).unwrap();
    assert!(connection.gathers);
    (connection, listener.accept().unwrap().0)
}

fn statuses(connection: &mut Connection) -> usize {
    connection.skip_status(b"QUEUED", usize::MAX)
}

#[test]
fn a_long_answer_is_waited_for_in_one_sleep() {
    let (mut connection, mut server) = connected(Duration::from_secs(10));
    let sender = thread::spawn(move || {
        server.write_all(HALF).unwrap();
        // So that whoever waits for anything at all has it by now.
        elapse(Duration::from_millis(20));
        server.write_all(HALF).unwrap();
        server
    });
    connection.gather(2 * HALF.len()).unwrap();
    assert_eq!(statuses(&mut connection), 4);
    // The next wait is for a byte again.
    let mut server = sender.join().unwrap();
    server.write_all(HALF).unwrap();
    assert_eq!(connection.part().unwrap(), Part::Status(b"QUEUED"));
}

#[test]
fn an_answer_that_proves_shorter_is_read_once_the_wait_is_over() {
    let (mut connection, mut server) = connected(Duration::from_millis(50));
    server.write_all(HALF).unwrap();
    connection.gather(2 * HALF.len()).unwrap();
    assert_eq!(statuses(&mut connection), 2);
}

#[test]
fn what_has_come_before_the_other_side_went_is_read() {
    let (mut connection, mut server) = connected(Duration::from_secs(10));
    server.write_all(HALF).unwrap();
    drop(server);
    connection.gather(2 * HALF.len()).unwrap();
    assert_eq!(statuses(&mut connection), 2);
    assert!(matches!(connection.part(), Err(Problem::Away(_))));
}

#[test]
fn nothing_is_waited_for_that_is_there() {
    let (mut connection, mut server) = connected(Duration::from_millis(50));
    server.write_all(HALF).unwrap();
    assert_eq!(connection.part().unwrap(), Part::Status(b"QUEUED"));
    connection.gather(HALF.len() / 2).unwrap();
    assert_eq!(statuses(&mut connection), 1);
}

#[test]
fn two_requests_are_sent_one_behind_the_other_however_long_they_are() {
    let (mut connection, mut server) = connected(Duration::from_secs(10));
    let word = vec![b'x'; 3 << 20];
    let (mut first, mut second) = (Request::default(), Request::default());
    first.command(&[b"SET", b"first", &word]);
    second.command(&[b"SET", b"second", &word]);
    let expected = [first.bytes(), second.bytes()].concat();
    let reader = thread::spawn(move || {
        let mut read = Vec::new();
        server.read_to_end(&mut read).unwrap();
        read
    });
    connection.send_both(&first, &second).unwrap();
    connection.send_both(&Request::default(), &Request::default()).unwrap();
    drop(connection);
    assert!(reader.join().unwrap() == expected);
}
