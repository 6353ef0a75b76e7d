use std::collections::{BTreeMap, BTreeSet, HashMap};

use apache_avro::types::Value as Avro;
use redis_kafka_tests::reply::{items, text};

use crate::example::Example;
use crate::records::records;

/// The proleptic Gregorian date of a day since 1970.
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn time(ms: i64) -> String {
    let of_day = ms.rem_euclid(86_400_000);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    format!("{} {hour:02}:{minute:02}:{second:02}.{milli:03}", date(ms.div_euclid(86_400_000)))
}

/// A customer's hash; a null has no field.
fn expected(fields: &HashMap<String, Avro>) -> HashMap<String, String> {
    let mut hash = HashMap::new();
    for (name, field) in [
        ("nome", "nome"),
        ("telefone", "telefone"),
        ("email", "email"),
        ("dt_nascimento", "nascimento"),
        ("dt_updt_conv", "dt_update"),
    ] {
        let text = match plain(&fields[field]) {
            Avro::String(text) => text.clone(),
            Avro::Date(days) => date((*days).into()),
            Avro::TimestampMillis(ms) => time(*ms),
            Avro::Null => continue,
            other => panic!("{field}: {other:?}"),
        };
        hash.insert(name.to_owned(), text);
    }
    hash
}

fn plain(value: &Avro) -> &Avro {
    match value {
        Avro::Union(_, inner) => inner,
        other => other,
    }
}

#[test]
fn every_customer_has_a_hash_with_dates_as_text() {
    assert_eq!(
        (date(-1), date(0), date(11_016)),
        ("1969-12-31".into(), "1970-01-01".into(), "2000-02-29".into())
    );
    let mut example = Example::open("customers");
    example.shell();
    let definitions = example.redis_cli();
    assert!(definitions.lines().all(|line| line.starts_with("OK")), "{definitions}");
    assert!(example.redis_cli().contains("running"));
    let one = example.shell();
    assert!(one.contains("nome") && one.contains("dt_updt_conv"), "{one}");

    let schema = std::fs::read_to_string(example.file("customers.avsc")).expect("the schema");
    let schema = apache_avro::Schema::parse_str(&schema).expect("an Avro schema");
    let (mut customers, mut jobs) = (BTreeMap::new(), BTreeMap::<_, BTreeSet<String>>::new());
    let all = records(example.kafka, "psg-customers");
    assert_eq!(all.len(), 5_000);
    for record in &all {
        assert_eq!(record.key(), None);
        let fields: HashMap<String, Avro> = record.avro(&schema, 1).into_iter().collect();
        let hash = expected(&fields);
        let email = hash["email"].clone();
        if let Avro::String(job) = plain(&fields["profissao"]) {
            jobs.entry(job.clone()).or_default().insert(email.clone());
        }
        customers.insert(email, hash);
    }
    assert_eq!(example.redis.keys("customer:*").len(), customers.len());
    for (email, hash) in customers {
        assert_eq!(example.redis.hash(&format!("customer:{email}")), hash, "{email}");
    }
    assert_eq!(jobs.len(), 4);
    for (job, emails) in jobs {
        let members = example.redis.line(&format!("SMEMBERS customers:{job}"));
        let members: BTreeSet<String> = items(&members).iter().map(text).collect();
        assert_eq!(members, emails, "{job}");
    }
    example.finish();
}
