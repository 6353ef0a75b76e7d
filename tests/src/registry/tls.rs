//! A certificate authority for one test: a server's certificate for localhost, and a client's.

use std::net::TcpStream;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Builder, X509NameBuilder};

type Key = PKey<Private>;

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    Anyone,
    WithCertificate,
}

/// Certificates as PEM texts, and the server's end of TLS.
pub struct Certificates {
    /// Whom clients have to trust.
    pub authority: String,
    /// The server's certificate and its key (PKCS#8).
    pub server: (String, String),
    /// A client's certificate and its key (PKCS#8).
    pub client: (String, String),
    acceptor: SslAcceptor,
}

impl Certificates {
    /// New keys and certificates, valid for a day.
    pub fn new(clients: Clients) -> Certificates {
        let (authority_key, server_key, client_key) = (key(), key(), key());
        let authority = certificate("authority", 1, &authority_key, None);
        let issuer = Some((&authority, &authority_key));
        let server = certificate("localhost", 2, &server_key, issuer);
        let client = certificate("client", 3, &client_key, issuer);
        let mut acceptor =
            SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("an acceptor");
        acceptor.set_private_key(&server_key).expect("the server's key");
        acceptor.set_certificate(&server).expect("the server's certificate");
        if clients == Clients::WithCertificate {
            let mut store = X509StoreBuilder::new().expect("a store");
            store.add_cert(authority.clone()).expect("the authority in the store");
            acceptor.set_verify_cert_store(store.build()).expect("the store");
            acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        let pem = |bytes: Vec<u8>| String::from_utf8(bytes).expect("PEM is ASCII");
        let pair = |certificate: &X509, key: &Key| {
            let key = key.private_key_to_pem_pkcs8().expect("PEM");
            (pem(certificate.to_pem().expect("PEM")), pem(key))
        };
        Certificates {
            authority: pem(authority.to_pem().expect("PEM")),
            server: pair(&server, &server_key),
            client: pair(&client, &client_key),
            acceptor: acceptor.build(),
        }
    }

    /// None when the client does not like what it sees, or the other way round.
    pub(super) fn accept(&self, stream: TcpStream) -> Option<SslStream<TcpStream>> {
        self.acceptor.accept(stream).ok()
    }
}

fn key() -> Key {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

/// Signed by the issuer, or by itself as an authority.
fn certificate(name: &str, serial: u32, key: &Key, issuer: Option<(&X509, &Key)>) -> X509 {
    let mut subject = X509NameBuilder::new().expect("a name");
    subject.append_entry_by_text("CN", name).expect("a name");
    let subject = subject.build();
    let mut builder = X509Builder::new().expect("a certificate");
    let serial = BigNum::from_u32(serial).and_then(|n| n.to_asn1_integer()).expect("a number");
    let (from, to) = (Asn1Time::days_from_now(0), Asn1Time::days_from_now(1));
    builder.set_version(2).expect("version 3");
    builder.set_serial_number(&serial).expect("a serial number");
    builder.set_subject_name(&subject).expect("a subject");
    builder
        .set_issuer_name(issuer.map_or(&subject, |(issuer, _)| issuer.subject_name()))
        .expect("an issuer");
    builder.set_not_before(&from.expect("a time")).expect("a time");
    builder.set_not_after(&to.expect("a time")).expect("a time");
    builder.set_pubkey(key).expect("a key");
    if issuer.is_none() {
        let authority = BasicConstraints::new().critical().ca().build().expect("an extension");
        builder.append_extension(authority).expect("an extension");
    }
    let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None));
    builder.append_extension(names.expect("an extension")).expect("an extension");
    let signer = issuer.map_or(key, |(_, key)| key);
    builder.sign(signer, MessageDigest::sha256()).expect("a signature");
    builder.build()
}
