//! The HTTP client, and the authorities that it trusts.

use std::path::Path;

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::fault::{Cause, Fault};

/// Names a file of certificates that are trusted instead of the system's, as for AWS's own tools.
const BUNDLE_VARIABLE: &str = "AWS_CA_BUNDLE";
/// Longest such file that is read.
const BUNDLE_BYTES_MAX: u64 = 16 << 20;
/// Connections that are kept for the next request.
const IDLE_CONNECTIONS_MAX: usize = 64;

const CERTIFICATE_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE_END: &str = "-----END CERTIFICATE-----";

/// A client for plain HTTP and TLS.
///
/// # Errors
///
/// If the bundle of authorities cannot be read.
pub(crate) fn http_client() -> Result<SharedHttpClient, Fault> {
    let trusted = match std::env::var_os(BUNDLE_VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => bundle(Path::new(&path)).map_err(|reason| {
            let path = Path::new(&path).display();
            Fault::new(Cause::Bundle(format!("{path}, but {reason}")))
        })?,
        None => system(),
    };
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| Fault::new(Cause::Tls(error.to_string())))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(context)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build_https())
}

/// The authorities of the system, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn system() -> TrustStore {
    // Asked here first: the client takes it for a fault of the program if there are none.
    let found = rustls_native_certs::load_native_certs();
    let (usable, _) = RootCertStore::empty().add_parsable_certificates(found.certs);
    if usable == 0 {
        tracing::warn!("no certificate authorities are installed here; TLS will trust nobody");
    }
    TrustStore::empty().with_native_roots(usable > 0)
}

/// The authorities in a file of PEM certificates.
///
/// The client panics at certificates that it cannot use, so those are left out here.
fn bundle(path: &Path) -> Result<TrustStore, String> {
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > BUNDLE_BYTES_MAX {
        return Err("it is too long for a bundle of certificates".to_owned());
    }
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&text);
    let mut store = TrustStore::empty();
    let mut usable = 0;
    for block in text.split(CERTIFICATE_BEGIN).skip(1) {
        let Some((body, _)) = block.split_once(CERTIFICATE_END) else { continue };
        let pem = format!("{CERTIFICATE_BEGIN}{body}{CERTIFICATE_END}\n");
        let parsed = CertificateDer::from_pem_slice(pem.as_bytes());
        if parsed.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok()) {
            store.add_pem_certificate(pem);
            usable += 1;
        }
    }
    if usable == 0 {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_without_a_usable_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA",
        ] {
            std::fs::write(file.path(), text).unwrap();
            let reason = bundle(file.path()).unwrap_err();
            assert!(reason.contains("no certificate"), "{reason} for {text:?}");
        }
        assert!(bundle(Path::new("/nonexistent")).is_err());
    }
}
