//! The pages of docs/: every command in them parses, every link leads somewhere, and the rights that
//! docs/security.md gives to a sidecar are enough.

use std::path::PathBuf;
use std::time::Duration;

use redis_kafka_engine::command::{lines, parse};
use redis_kafka_tests::process::Process;
use redis_kafka_tests::server::Setup;
use redis_kafka_tests::wait::wait_for;
use regex::Regex;

use crate::readme::Kafka;
use crate::{built, read, root};

const DEADLINE: Duration = Duration::from_secs(30);

/// All pages, README and change log included, named from the root.
pub fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned()];
    let mut folders = vec![PathBuf::from("docs"), PathBuf::from("examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("a folder") {
            let path = folder.join(entry.expect("an entry").file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.display().to_string());
            }
        }
    }
    pages
}

/// The commands in fenced blocks of a page, as typed; those that shorten with `…` are left out.
fn commands(page: &str) -> Vec<String> {
    let fence = Regex::new("(?s)```(?:redis|text|kafka)\n(.*?)```").expect("a regex");
    let text = read(page);
    let blocks = fence.captures_iter(&text).map(|block| block[1].to_owned());
    let lines: Vec<String> =
        blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.into_iter().filter(|line| line.starts_with("KAFKA.") && !line.contains('…')).collect()
}

#[test]
fn every_command_in_a_page_parses() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for page in pages() {
        for line in commands(&page) {
            count += 1;
            let words = lines::split(line.as_bytes()).expect("words");
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            if let Err(error) = parse(&words) {
                wrong.push(format!("{page}: {line}\n  {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 40, "found only {count}");
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#]+)[^)]*\)").expect("a regex");
    let mut checked = 0;
    for page in pages() {
        let text = read(&page);
        let targets =
            link.captures_iter(&text).filter_map(|found| found.get(1)).map(|m| m.as_str());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let path = root().join(&page).with_file_name(target);
            assert!(path.exists(), "{page} links to {target}, which is not there");
            checked += 1;
        }
    }
    assert!(checked >= 30, "found only {checked}");
}

#[test]
fn the_rights_given_to_a_sidecar_are_enough() {
    let page = read("docs/security.md");
    let rights = page.lines().find(|line| line.starts_with("ACL SETUSER redis-kafka "));
    let rights = rights.expect("the user of a sidecar");
    let directory = tempfile::tempdir().expect("a directory");
    let kafka = Kafka::start(directory.path());
    let redis = Setup::plain().start();
    redis.ok(rights);
    let (url, port) = (
        format!("redis://redis-kafka:change-me@127.0.0.1:{}", redis.port()),
        redis_kafka_tests::network::free_port(),
    );
    let listen = format!("127.0.0.1:{port}");
    let args = ["run", "--redis", &url, "--listen", &listen, "--http", "off"];
    let args: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
    let log = directory.path().join("sidecar.log");
    let _sidecar = Process::start(&built("redis-kafka").display().to_string(), &args, &[], &log);
    let type_in = |line: &str| {
        let mut typed = std::process::Command::new("redis-cli");
        typed.args(["-p", &port.to_string()]);
        let words = lines::split(line.as_bytes()).expect("words");
        typed.args(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()));
        String::from_utf8_lossy(&typed.output().expect("redis-cli").stdout).into_owned()
    };
    wait_for("the command port", DEADLINE, || {
        let said = type_in("PING");
        if said.trim() == "PONG" { Ok(()) } else { Err(said) }
    });
    for line in [
        &format!("KAFKA.SUBSCRIBE sensors TOPIC measurements BROKERS {}", kafka.address),
        r#"KAFKA.ROUTE latest FROM sensors TO HASH "sensor:%{airport}:%{id}""#,
        "KAFKA.WAIT sensors 20000",
        "KAFKA.UNROUTE latest",
        "KAFKA.UNSUBSCRIBE sensors",
    ] {
        let said = type_in(line);
        assert!(said.starts_with("OK"), "{line}\n{said}{}", type_in("KAFKA.LIST"));
    }
    assert!(!redis.keys("sensor:*").is_empty());
}
