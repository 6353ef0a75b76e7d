//! The protocol on the wire: order, and what is refused before it does harm.

use crate::double::{DEADLINE, Double};
use redis_kafka_tests::wait::wait_until;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

fn connect(double: &Double) -> TcpStream {
    let stream = TcpStream::connect(double.listen()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends `bytes`, closes its own side and reads to the end.
fn exchange(double: &Double, bytes: &[u8]) -> String {
    let mut stream = connect(double);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_pipeline_is_answered_in_order_also_by_who_has_sent_all() {
    let double = Double::open(&[]);
    let answer = exchange(
        &double,
        b"PING\r\n*1\r\n$10\r\nKAFKA.LIST\r\nECHO \"a b\"\r\nSELECT 4\r\nNOSUCH\r\nKAFKA.LIST\r\nPING x",
    );
    let list = "$24\r\nsub=rides state=running\n\r\n";
    let start = format!("+PONG\r\n{list}$3\r\na b\r\n+OK\r\n-ERR unknown command 'NOSUCH'");
    assert!(answer.starts_with(&start) && answer.ends_with(list), "{answer}");
    let databases: Vec<_> =
        double.script.lock().unwrap().commands.iter().map(|(_, database)| *database).collect();
    assert_eq!(databases, [0, 4]);
}

#[test]
fn thousands_of_commands_at_once_are_all_answered() {
    const COMMANDS: usize = 20_000;
    let double = Double::open(&[]);
    let answer = exchange(&double, &b"*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n".repeat(COMMANDS));
    assert_eq!(answer.matches("$3\r\nabc\r\n").count(), COMMANDS);
}

#[test]
fn a_length_without_its_bytes_is_refused_at_once() {
    let double = Double::open(&[]);
    for (sent, error) in [
        (
            &b"*2\r\n$4\r\nECHO\r\n$536870912\r\n"[..],
            "-ERR Protocol error: invalid bulk length\r\n",
        ),
        (b"*1000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n*1\r\n", "-ERR Protocol error: expected '$', got '*'\r\n"),
    ] {
        let mut stream = connect(&double);
        stream.write_all(sent).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, error);
    }
}

#[test]
fn no_more_clients_than_there_is_room_for() {
    let double = Double::open(&[]);
    let mut seated: Vec<TcpStream> = (0..256).map(|_| connect(&double)).collect();
    for stream in &mut seated {
        stream.write_all(b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
    }
    let mut answer = String::new();
    connect(&double).read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "-ERR max number of clients reached\r\n");
    seated.clear();
    wait_until("a free seat", DEADLINE, || {
        let mut stream = connect(&double);
        let mut answer = [0; 7];
        // Who is turned away may see the connection reset.
        stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && &answer == b"+PONG\r\n"
    });
}
