//! Registries behind https.

use std::sync::Arc;

use redis_kafka_engine::registry::{Cause, Client, Config, Identity, Secret, Tls, Verification};
use redis_kafka_tests::registry::{Certificates, Clients, Kind, Login, Registry};

use crate::{config, number, patient, unavailable};

fn over(registry: &Registry, tls: Tls) -> Client {
    let config = Config { tls, ..config(&[&registry.url()], patient()) };
    Client::new(&config).expect("a client")
}

fn trusting(certificates: &Certificates) -> Tls {
    Tls { authorities: Some(certificates.authority.clone()), ..Tls::default() }
}

#[test]
fn a_registry_is_trusted_by_its_authority_alone() {
    let certificates = Arc::new(Certificates::new(Clients::Anyone));
    let registry = Registry::start_with(Login::None, Some(Arc::clone(&certificates)));
    let id = registry.register("s", Kind::Avro, "\"long\"", &[]);
    assert!(over(&registry, trusting(&certificates)).schema(&number(id)).is_ok());
    let stranger = Certificates::new(Clients::Anyone);
    for tls in [Tls::default(), trusting(&stranger)] {
        let error = over(&registry, tls).schema(&number(id)).unwrap_err();
        let (cause, reason, action, _) = unavailable(error);
        assert_eq!(cause, Cause::Connection, "{reason}");
        assert!(reason.contains("certificate verify failed"), "{reason}");
        assert!(action.contains("schema.registry.ssl.ca.location"), "{action}");
    }
    // The certificate is localhost's, not the address's.
    let address = registry.url().replace("localhost", "127.0.0.1");
    let other = Config { tls: trusting(&certificates), ..config(&[&address], patient()) };
    let error = Client::new(&other).unwrap().schema(&number(id)).unwrap_err();
    assert_eq!(unavailable(error).0, Cause::Connection);
    let blind = Tls { verification: Verification::Off, ..Tls::default() };
    assert!(over(&registry, blind).schema(&number(id)).is_ok());
}

#[test]
fn a_registry_that_asks_for_a_certificate_gets_ours() {
    let certificates = Arc::new(Certificates::new(Clients::WithCertificate));
    let registry = Registry::start_with(Login::None, Some(Arc::clone(&certificates)));
    let id = registry.register("s", Kind::Avro, "\"long\"", &[]);
    let (certificate, key) = certificates.client.clone();
    let identity = Some(Identity { certificate, key: Secret::new(key) });
    let known = Tls { identity, ..trusting(&certificates) };
    assert!(over(&registry, known).schema(&number(id)).is_ok());
    let error = over(&registry, trusting(&certificates)).schema(&number(id)).unwrap_err();
    let (cause, reason, _, _) = unavailable(error);
    assert_eq!(cause, Cause::Connection, "{reason}");
}

#[test]
fn http_and_https_mixed_up_are_told() {
    let plain = Registry::start();
    let secure =
        Registry::start_with(Login::None, Some(Arc::new(Certificates::new(Clients::Anyone))));
    for url in [plain.url().replace("http:", "https:"), secure.url().replace("https:", "http:")] {
        let client = Client::new(&config(&[&url], patient())).unwrap();
        let (_, reason, action, _) = unavailable(client.latest("s").unwrap_err());
        assert!(reason.contains(&url), "{reason}");
        assert!(action.contains("http or https"), "{reason}: {action}");
    }
}
