//! Problems told apart by librdkafka's codes and words.

use super::*;

#[test]
fn one_code_two_causes_told_apart_by_the_words() {
    let code = Code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET as i32;
    let kind = |words| Problem::new(code, words).kind;
    assert_eq!(
        kind("fetch failed: Broker: Offset out of range (broker 1)"),
        ProblemKind::OutOfRange
    );
    assert_eq!(
        kind("Partition log truncation detected at offset 9: Reset to INVALID."),
        ProblemKind::Truncated
    );
    assert_eq!(kind("no previously committed offset"), ProblemKind::Other);
}

#[test]
fn a_leader_that_is_not_known_yet_heals_by_itself() {
    for code in [
        Code::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
        Code::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
        Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Code::RD_KAFKA_RESP_ERR__TIMED_OUT,
    ] {
        assert!(Problem::new(code as i32, "").heals_itself(), "{code:?}");
    }
    for code in [
        Code::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
        Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        Code::RD_KAFKA_RESP_ERR__AUTHENTICATION,
    ] {
        assert!(!Problem::new(code as i32, "").heals_itself(), "{code:?}");
    }
}

#[test]
fn closed_connections_are_told_where_the_broker_made_no_sense_of_us() {
    let reports = Reports::new();
    let thread = "[thrd:h:1/bootstrap]: h:1/bootstrap: Disconnected";
    reports.log(6, "FAIL", &format!("{thread} (after 9ms in state UP)"));
    assert_eq!(reports.last(), None);
    let words = "connection closed by peer (after 1ms in state APIVERSION_QUERY)";
    reports.log(6, "FAIL", &format!("{thread}: {words}"));
    let last = reports.last().unwrap();
    assert!(last.words.starts_with("h:1/bootstrap: Disconnected: "), "{last}");
    assert_eq!(last.kind, ProblemKind::Transport);
    assert!(last.what_to_check().contains("wants TLS or a password"), "{last}");
}

#[test]
fn an_address_that_brokers_told_is_another_mistake_than_the_first_one() {
    let code = Code::RD_KAFKA_RESP_ERR__TRANSPORT as i32;
    let check = |words: &str| Problem::new(code, words).what_to_check();
    let told = check("kafka:9092/2: Failed to resolve 'kafka:9092': Name or service not known");
    assert!(told.starts_with("that is where the brokers tell their clients to go"), "{told}");
    let group = check("GroupCoordinator: kafka:9092: Connect to ipv4#10.0.0.7:9092 failed");
    assert_eq!(group, told);
    let first = check("kafka:9092/bootstrap: Failed to resolve 'kafka:9092': Name or service");
    assert!(first.starts_with("check host and port"), "{first}");
    let none = check("ssl://k:1/bootstrap: Disconnected: SSL connection closed by peer (after)");
    assert!(none.starts_with("that listener speaks no TLS"), "{none}");
}

#[test]
fn the_cause_is_kept_when_all_brokers_are_down() {
    let reports = Reports::new();
    assert_eq!(reports.last(), None);
    reports.report(Code::RD_KAFKA_RESP_ERR__AUTHENTICATION as i32, "wrong\n password");
    reports.report(Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as i32, "1/1 are down");
    let last = reports.last().unwrap();
    assert_eq!(last.kind, ProblemKind::Authentication);
    assert_eq!(last.words, "wrong password");
}
