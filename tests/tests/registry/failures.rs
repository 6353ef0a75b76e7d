//! Registries that are away, slow, confused, or not registries at all.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use redis_kafka_engine::registry::{
    Auth, Cause, Client, Config, LookupError, SchemaId, Secret, Timeouts, Url,
};
use redis_kafka_tests::registry::{Fault, Kind, Lasting, Login, Registry};
use redis_kafka_tests::wait::{wait_for, wait_until};

use crate::{LONG, client, config, hasty, number, patient, unavailable};

fn registered() -> (Registry, u32) {
    let registry = Registry::start();
    let id = registry.register("s", Kind::Avro, "\"long\"", &[]);
    (registry, id)
}

#[test]
fn each_answer_that_is_none_says_what_happened_and_what_to_check() {
    let (registry, id) = registered();
    let html = "<!DOCTYPE html>\n<title>Kafka UI</title>".to_owned();
    let json = |code: u32| format!("{{\"error_code\":{code},\"message\":\"why\\nso\"}}");
    for (status, headers, body, cause, words, action) in [
        (400, vec![], json(400), Cause::Answer, "HTTP 400, 400 why so", "URL"),
        (401, vec![], json(401), Cause::Credentials, "asks for credentials", "REGISTRY"),
        (403, vec![], json(40301), Cause::Credentials, "denies access", "read"),
        (404, vec![], json(404), Cause::Answer, "HTTP 404, 404 why so", "path"),
        (404, vec![], html.clone(), Cause::Answer, "a web page", "path"),
        (429, vec![], json(429), Cause::Server, "too many requests", "again"),
        (500, vec![], json(50001), Cause::Server, "50001 why so", "log"),
        (500, vec![], json(50003), Cause::Server, "50003", "log"),
        (502, vec![], html.clone(), Cause::Server, "HTTP 502", "log"),
        (503, vec![], String::new(), Cause::Server, "cannot answer", "log"),
        (
            301,
            vec![("Location", "https://h/x?t=hunter2".into())],
            String::new(),
            Cause::Answer,
            "redirects to https://h/x,",
            "set the URL",
        ),
        (
            200,
            vec![("Content-Type", "text/html".into())],
            html,
            Cause::Answer,
            "a web page that is not a Schema Registry's (text/html;",
            "port",
        ),
        (200, vec![], "{\"schema\": 1}".into(), Cause::Answer, "invalid type", "URL"),
        (200, vec![], "{\"id\": 1}".into(), Cause::Answer, "missing field `schema`", "URL"),
        (200, vec![], String::new(), Cause::Answer, "EOF", "URL"),
        (
            200,
            vec![],
            format!("{{\"schema\":\"{}\"}}", "x".repeat(8 << 20)),
            Cause::Answer,
            "more than 8388608 bytes",
            "URL",
        ),
    ] {
        let fault = Fault { status, headers, body: body.into_bytes() };
        registry.answer_with(fault, Lasting::UntilCleared);
        let error = client(&registry, patient()).schema(&number(id)).unwrap_err();
        let shown = error.to_string();
        let (seen, reason, advice, _) = unavailable(error);
        assert_eq!(seen, cause, "{reason}");
        assert!(reason.contains(words) && reason.contains(&registry.url()), "{words}: {reason}");
        assert!(advice.contains(action), "{action}: {advice}");
        assert_eq!(shown, reason);
        assert!(reason.len() < 600 && !reason.contains(['\n', '\r']), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

#[test]
fn the_registrys_own_no_is_an_error_of_the_record() {
    let (registry, id) = registered();
    for (status, code) in [(404, 40401), (404, 40402), (404, 40403), (422, 42202), (422, 422)] {
        let body = format!("{{\"error_code\":{code},\"message\":\"why\"}}").into_bytes();
        let fault = Fault { status, headers: Vec::new(), body };
        registry.answer_with(fault, Lasting::UntilCleared);
        let error = client(&registry, patient()).schema(&number(id)).unwrap_err();
        assert!(matches!(error, LookupError::Unknown { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("{code} why")), "{error}");
    }
    let body = b"{\"schema\":\"1\",\"schemaType\":\"XML\"}".to_vec();
    let fault = Fault { status: 200, headers: Vec::new(), body };
    registry.answer_with(fault, Lasting::UntilCleared);
    let error = client(&registry, patient()).schema(&number(id)).unwrap_err();
    assert!(matches!(error, LookupError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("schemaType is XML"), "{error}");
}

#[test]
fn a_registry_without_guids_is_waited_for_with_a_hint() {
    let (registry, _) = registered();
    registry.fail_with(404, Lasting::UntilCleared);
    let error = client(&registry, patient()).schema(&SchemaId::Guid([1; 16])).unwrap_err();
    let (cause, _, action, _) = unavailable(error);
    assert_eq!(cause, Cause::Answer);
    assert!(action.contains("GUIDs"), "{action}");
}

#[test]
fn after_a_failure_all_calls_wait_without_asking() {
    let (registry, id) = registered();
    registry.fail_with(503, Lasting::UntilCleared);
    let client = client(&registry, patient());
    let first = unavailable(client.schema(&number(id)).unwrap_err());
    registry.clear();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for error in [
                    client.schema(&number(id)).unwrap_err(),
                    client.schema(&number(id + 1)).unwrap_err(),
                    client.latest("s").unwrap_err(),
                ] {
                    let (cause, reason, action, wait) = unavailable(error);
                    assert_eq!((cause, &reason, &action), (first.0, &first.1, &first.2));
                    assert!(wait <= first.3 && wait > LONG / 3, "{wait:?}");
                }
            });
        }
    });
    assert_eq!(registry.all_requests(), 1);
}

#[test]
fn threads_that_meet_a_failure_together_ask_once() {
    let (registry, id) = registered();
    registry.fail_with(500, Lasting::UntilCleared);
    let client = client(&registry, patient());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| unavailable(client.schema(&number(id)).unwrap_err()));
        }
    });
    assert_eq!(registry.all_requests(), 1);
}

#[test]
fn a_registry_that_comes_back_is_asked_again() {
    let (registry, id) = registered();
    registry.fail_with(500, Lasting::Requests(3));
    let client = client(&registry, hasty());
    wait_for("the schema", Duration::from_secs(5), || client.schema(&number(id)));
    assert_eq!(registry.all_requests(), 4);
}

#[test]
fn a_wait_that_the_registry_asks_for_is_kept() {
    let (registry, id) = registered();
    let headers = vec![("Retry-After", "30".to_owned())];
    let fault = Fault { status: 429, headers, body: Vec::new() };
    registry.answer_with(fault, Lasting::Requests(1));
    let client = client(&registry, hasty());
    let (_, _, _, wait) = unavailable(client.schema(&number(id)).unwrap_err());
    assert_eq!(wait, Duration::from_secs(30));
    unavailable(client.schema(&number(id)).unwrap_err());
    assert_eq!(registry.all_requests(), 1);
}

#[test]
fn a_registry_that_hangs_takes_no_more_than_its_time() {
    let (registry, id) = registered();
    registry.hang();
    let timeouts = Timeouts { call: Duration::from_millis(400), ..hasty() };
    let client = client(&registry, timeouts);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let start = Instant::now();
                    (unavailable(client.schema(&number(id)).unwrap_err()), start.elapsed())
                })
            })
            .collect();
        for one in all {
            let ((cause, reason, _, _), time) = one.join().unwrap();
            assert_eq!(cause, Cause::Timeout, "{reason}");
            assert!(time < Duration::from_millis(1200), "{time:?}");
        }
    });
    registry.clear();
    wait_for("the schema", Duration::from_secs(5), || client.schema(&number(id)));
}

#[test]
fn a_registry_that_restarts_is_found_again() {
    let (mut registry, id) = registered();
    let client = client(&registry, hasty());
    client.schema(&number(id)).unwrap();
    registry.stop();
    assert!(client.schema(&number(id)).is_ok(), "known for ever");
    let (cause, reason, action, _) = unavailable(client.latest("s").unwrap_err());
    assert_eq!(cause, Cause::Connection, "{reason}");
    assert!(action.contains("Schema Registry"), "{action}");
    wait_until("a refused connection", Duration::from_secs(5), || {
        unavailable(client.latest("s").unwrap_err()).1.contains("refused")
    });
    registry.restart();
    let latest = wait_for("the registry", Duration::from_secs(5), || client.latest("s"));
    assert_eq!(latest.unwrap().id, number(id));
}

#[test]
fn other_urls_answer_for_one_that_is_away_or_hangs() {
    let (registry, id) = registered();
    let mut other = Registry::start();
    other.hang();
    let timeouts = Timeouts { call: Duration::from_secs(1), ..patient() };
    let both = config(&[&other.url(), &registry.url()], timeouts);
    let client = Client::new(&both).unwrap();
    assert!(client.schema(&number(id)).is_ok());
    assert!(client.latest("s").unwrap().is_some());
    assert_eq!(other.all_requests(), 1, "the one that answered is asked first from then on");
    other.stop();
    assert!(Client::new(&both).unwrap().schema(&number(id)).is_ok());
    registry.fail_with(503, Lasting::UntilCleared);
    let error = Client::new(&both).unwrap().schema(&number(id)).unwrap_err().to_string();
    assert!(error.contains(&other.url()) && error.contains(&registry.url()), "{error}");
}

fn with_auth(registry: &Registry, auth: Auth) -> Config {
    Config { auth, ..config(&[&registry.url()], patient()) }
}

#[test]
fn credentials_are_sent_and_never_shown() {
    let (registry, id) = registered();
    let basic = |info: &str| Auth::Basic(Secret::new(info));
    let bearer =
        |token: &str| Auth::Bearer { token: Secret::new(token), cluster: None, pool: None };
    for (login, right, wrong) in [
        (Login::Basic("u:hunter2".into()), basic("u:hunter2"), basic("u:hunter3")),
        (Login::Bearer("hunter2".into()), bearer("hunter2"), bearer("hunter3")),
    ] {
        registry.ask_for(login);
        let client = Client::new(&with_auth(&registry, right)).unwrap();
        assert!(client.schema(&number(id)).is_ok());
        assert!(!format!("{client:?}").contains("hunter"), "{client:?}");
        for (auth, words) in [(wrong, "refuses the credentials"), (Auth::None, "asks for")] {
            let config = with_auth(&registry, auth);
            let error = Client::new(&config).unwrap().schema(&number(id)).unwrap_err();
            let shown = format!("{config:?} {error:?} {error}");
            let (cause, reason, action, _) = unavailable(error);
            assert_eq!(cause, Cause::Credentials);
            assert!(reason.contains(words), "{reason}");
            assert!(action.contains("schema.registry.basic.auth.user.info"), "{action}");
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
}

#[test]
fn what_speaks_no_http_is_told_from_a_registry() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"-ERR unknown command 'GET'\r\n\r\n");
            }
        }
    });
    let client = Client::new(&config(&[&url], patient())).unwrap();
    let (cause, reason, action, _) = unavailable(client.latest("s").unwrap_err());
    assert_eq!(cause, Cause::Answer, "{reason}");
    assert!(reason.contains(&url) && action.contains("port"), "{reason}: {action}");
    let nowhere = Config::new(vec![Url::parse("http://no-such-host.invalid:8081").unwrap()]);
    let client = Client::new(&nowhere).unwrap();
    let (cause, reason, _, _) = unavailable(client.latest("s").unwrap_err());
    assert!(matches!(cause, Cause::Connection), "{reason}");
    assert!(reason.contains("no-such-host.invalid"), "{reason}");
}
