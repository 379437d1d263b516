//! TLS: the server's certificate, and what clients must show.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::flags::Settings;

/// How long a client may take for the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes encrypted connections of plain ones.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificate and key, if clients are to speak TLS.
    ///
    /// # Errors
    ///
    /// One line that names the flag, the file and what is wrong with it.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, String> {
        if !settings.tls() {
            return Ok(None);
        }
        let wrong = |flag: &str, path: &Path, what: &dyn fmt::Display| {
            format!("flag --{flag}: '{}': {what}", path.display())
        };
        let path = settings.tls_cert_file();
        let chain = certificates(&path).map_err(|what| wrong("tls_cert_file", &path, &what))?;
        let key_path = settings.tls_key_file();
        let key = PrivateKeyDer::from_pem_file(&key_path)
            .map_err(|error| wrong("tls_key_file", &key_path, &error))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("tls_cert_file", &path, &error))?;
        let builder = match settings.tls_ca_cert_file() {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let wrong = |what: &dyn fmt::Display| wrong("tls_ca_cert_file", &path, what);
                let mut roots = RootCertStore::empty();
                for certificate in certificates(&path).map_err(|what| wrong(&what))? {
                    roots.add(certificate).map_err(|error| wrong(&error))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| wrong(&error))?)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong("tls_key_file", &key_path, &error))?;
        Ok(Some(Self(TlsAcceptor::from(Arc::new(config)))))
    }

    /// Shakes hands with a client; none if that fails or takes too long.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, self.0.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a client's TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a client's TLS handshake took too long");
                None
            }
        }
    }
}

/// The certificates in a file; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}
