use super::*;

fn address(url: &str) -> Address {
    Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn urls_are_read_as_redis_cli_reads_them() {
    let plain = address("redis://localhost");
    assert_eq!(plain.place, Place::Tcp("localhost".into(), 6379));
    assert_eq!((plain.tls, plain.login, plain.database), (None, Login::default(), 0));
    let full = address("redis://ada:p%40ss@[::1]:7000/3");
    assert_eq!(full.place, Place::Tcp("::1".into(), 7000));
    assert_eq!(full.login.user.as_deref(), Some("ada"));
    assert_eq!(full.login.password.as_ref().map(Secret::reveal), Some("p@ss"));
    assert_eq!(full.database, 3);
    let socket = address("unix:///run/redis.sock?db=2");
    assert_eq!((socket.place, socket.database), (Place::Unix("/run/redis.sock".into()), 2));
}

#[test]
fn tls_is_told_by_the_scheme_and_its_options() {
    let trust = |url: &str| address(url).tls.map(|tls| tls.trust);
    assert_eq!(trust("redis://h"), None);
    assert_eq!(trust("rediss://h"), Some(Trust::System));
    assert_eq!(trust("rediss://h/#insecure"), Some(Trust::Anyone));
    assert_eq!(trust("rediss://h/1?ca=/etc/ca.pem"), Some(Trust::File("/etc/ca.pem".into())));
    let own = address("rediss://h?cert=c.pem&key=k.pem").tls.and_then(|tls| tls.identity);
    assert_eq!(own, Some(("c.pem".into(), "k.pem".into())));
}

#[test]
fn sentinels_are_a_list_with_a_service() {
    let found = address("redis-sentinel://u:p@a:1,b/main/4?sentinel_password=s");
    let Place::Sentinel { sentinels, service, login } = &found.place else { panic!("{found:?}") };
    assert_eq!(sentinels, &[("a".to_owned(), 1), ("b".to_owned(), 26379)]);
    assert_eq!((service.as_str(), found.database), ("main", 4));
    assert_eq!(found.login.password.as_ref().map(Secret::reveal), Some("p"));
    assert_eq!(login.password.as_ref().map(Secret::reveal), Some("s"));
    assert!(address("rediss-sentinel://a/main").tls.is_some());
}

#[test]
fn no_password_is_ever_shown() {
    for url in [
        "redis://ada:hunter2@h:1/3",
        "rediss://:hunter2@h",
        "redis-sentinel://:hunter2@h:1/main?sentinel_password=hunter2",
    ] {
        let address = address(url);
        let shown = format!("{address} {address:?} {:?}", address.place);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn what_is_no_url_of_redis_is_refused_with_the_forms() {
    for url in [
        "localhost:6379",
        "http://h",
        "redis://",
        "redis://u:hunter2@h/x",
        "redis://h/-1",
        "rediss://h?cert=c.pem",
        "rediss://h?ca=a#insecure",
        "rediss://h?hunter2=1#x",
        "redis-sentinel://h:1",
        "redis-sentinel://h:1/",
        "redis-sentinel://h:port/main",
    ] {
        let error = Address::parse(url).expect_err(url).to_string();
        assert!(error.contains("the forms are") && !error.contains("u:hunter2"), "{url}: {error}");
    }
}
