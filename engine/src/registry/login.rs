//! Who we are to the registry, and whom we trust: headers and TLS as the HTTP client takes them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderName, HeaderValue};
use ureq::tls::{
    Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem,
};

use super::config::{Auth, Identity, Secret, Tls, Verification};

const CLUSTER: HeaderName = HeaderName::from_static("target-sr-cluster");
const POOL: HeaderName = HeaderName::from_static("confluent-identity-pool-id");

/// Why a client cannot be made from its configuration. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No URL to ask.
    #[error("schema.registry.url is empty")]
    NoUrl,
    /// The certificates to trust are none.
    #[error("schema.registry.ssl.ca holds no certificate in PEM form")]
    Authorities,
    /// Our certificate is none.
    #[error("schema.registry.ssl.certificate holds no certificate in PEM form")]
    Certificate,
    /// Our key is none.
    #[error(
        "schema.registry.ssl.key is no PKCS#8 private key in PEM form without a pass phrase (openssl pkcs8 -topk8 -nocrypt makes one)"
    )]
    Key,
    /// Basic authentication without a colon.
    #[error("schema.registry.basic.auth.user.info is not user:password")]
    UserInfo,
    /// Characters that stand in no HTTP header.
    #[error("{0} holds characters that HTTP cannot send (a line end?)")]
    Characters(&'static str),
}

/// The headers that go with every request.
pub(super) fn credentials(auth: &Auth) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let value = |property, text: &str| {
        HeaderValue::from_str(text).map_err(|_| ConfigError::Characters(property))
    };
    let secret = |property, text: String| {
        let mut header = value(property, &text)?;
        header.set_sensitive(true);
        Ok((AUTHORIZATION, header))
    };
    match auth {
        Auth::None => Ok(Vec::new()),
        Auth::Basic(info) if !info.reveal().contains(':') => Err(ConfigError::UserInfo),
        Auth::Basic(info) => {
            let encoded = BASE64_STANDARD.encode(info.reveal());
            let property = "schema.registry.basic.auth.user.info";
            Ok(vec![secret(property, format!("Basic {encoded}"))?])
        }
        Auth::Bearer { token, cluster, pool } => {
            let property = "schema.registry.bearer.auth.token";
            let mut headers = vec![secret(property, format!("Bearer {}", token.reveal()))?];
            if let Some(cluster) = cluster {
                let property = "schema.registry.bearer.auth.logical.cluster";
                headers.push((CLUSTER, value(property, cluster)?));
            }
            if let Some(pool) = pool {
                let property = "schema.registry.bearer.auth.identity.pool.id";
                headers.push((POOL, value(property, pool)?));
            }
            Ok(headers)
        }
    }
}

/// TLS through the OpenSSL that librdkafka runs with: one of them in a process.
pub(super) fn tls_config(tls: &Tls) -> Result<TlsConfig, ConfigError> {
    let roots = match &tls.authorities {
        Some(pem) => RootCerts::from(certificates(pem).ok_or(ConfigError::Authorities)?),
        None => RootCerts::PlatformVerifier,
    };
    let identity = tls.identity.as_ref().map(client_certificate).transpose()?;
    Ok(TlsConfig::builder()
        .provider(TlsProvider::NativeTls)
        .root_certs(roots)
        .client_cert(identity)
        .disable_verification(tls.verification == Verification::Off)
        .build())
}

fn client_certificate(identity: &Identity) -> Result<ClientCert, ConfigError> {
    let chain = certificates(&identity.certificate).ok_or(ConfigError::Certificate)?;
    Ok(ClientCert::new_with_certs(&chain, private_key(&identity.key)?))
}

/// All certificates of a PEM text; None when there is none or one is broken.
fn certificates(pem: &str) -> Option<Vec<Certificate<'static>>> {
    let mut found = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

fn private_key(key: &Secret) -> Result<PrivateKey<'static>, ConfigError> {
    // OpenSSL is handed whatever is found as PKCS#8, which the other kinds are not.
    if !key.reveal().contains("-----BEGIN PRIVATE KEY-----") {
        return Err(ConfigError::Key);
    }
    // The parser's own error would repeat a line of the key.
    PrivateKey::from_pem(key.reveal().as_bytes()).map_err(|_| ConfigError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_headers_that_show_nothing() {
        let headers = credentials(&Auth::Basic(Secret::new("user:pass:word"))).unwrap();
        assert_eq!(headers[0].1.to_str().unwrap(), "Basic dXNlcjpwYXNzOndvcmQ=");
        assert!(!format!("{headers:?}").contains("dXNlc"), "{headers:?}");
        let bearer = |token: &str, cluster: &str| Auth::Bearer {
            token: Secret::new(token),
            cluster: Some(cluster.to_owned()),
            pool: Some("pool-1".to_owned()),
        };
        let headers = credentials(&bearer("t0ken", "lsrc-1")).unwrap();
        let shown: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            shown,
            [
                ("authorization", "Bearer t0ken"),
                ("target-sr-cluster", "lsrc-1"),
                ("confluent-identity-pool-id", "pool-1")
            ]
        );
        for (auth, words) in [
            (Auth::Basic(Secret::new("hunter2")), "user:password"),
            (bearer("hunter2\n", "c"), "bearer.auth.token"),
            (bearer("hunter2", "c\n"), "logical.cluster"),
        ] {
            let error = credentials(&auth).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(credentials(&Auth::None), Ok(Vec::new()));
    }

    #[test]
    fn pem_texts_that_hold_nothing_are_refused() {
        let refused = |tls: &Tls| tls_config(tls).unwrap_err();
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"]
        {
            let tls = Tls { authorities: Some(text.to_owned()), ..Tls::default() };
            assert_eq!(refused(&tls), ConfigError::Authorities);
        }
        let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let with = |certificate: String, key: String| Tls {
            identity: Some(Identity { certificate, key: Secret::new(key) }),
            ..Tls::default()
        };
        let (certificate, key) = (pem("CERTIFICATE"), pem("PRIVATE KEY"));
        assert_eq!(refused(&with(key.clone(), key.clone())), ConfigError::Certificate);
        for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "CERTIFICATE"] {
            assert_eq!(refused(&with(certificate.clone(), pem(label))), ConfigError::Key);
        }
        assert!(tls_config(&with(certificate, key)).is_ok());
    }
}
