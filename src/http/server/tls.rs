//! TLS that the gateway ends itself, and the certificate with which a client connected (RFC 8705).

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::{self, CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::settings::{ClientCertificates, TlsSettings};

/// The certificate of a connection's client, which holds its private key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// SHA-256 of it in DER, base64url: `x5t#S256`.
    pub thumbprint: String,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("setting tls: cannot read {path}: {what}")]
    File { path: PathBuf, what: String },
    #[error("setting tls: certificate and key cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
    #[error("setting tls.client_certificates: {path} has no certificate that can be used: {what}")]
    Authorities { path: PathBuf, what: String },
}

impl ClientCertificate {
    /// The certificate of the connection over which a request came.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<&Self> {
        request.conn_data()
    }
}

/// Keeps the client certificate of a new connection.
pub fn note_certificate(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() else { return };
    let (_socket, session) = stream.get_ref();
    if let Some([certificate, ..]) = session.peer_certificates() {
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate));
        data.insert(ClientCertificate { thumbprint });
    }
}

/// TLS 1.2 and 1.3 with the library's own choice of ciphers; client certificates as the settings
/// say.
pub fn server_config(settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let certificates = read_certificates(&settings.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|error| file(&settings.key, error.to_string()))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &settings.client_certificates {
        None => builder.with_no_client_auth(),
        Some(ClientCertificates::Any) => {
            builder.with_client_cert_verifier(Arc::new(AnyCertificate { provider }))
        }
        Some(ClientCertificates::IssuedBy(path)) => {
            let mut roots = RootCertStore::empty();
            let unfit = |what: String| TlsError::Authorities { path: path.clone(), what };
            for certificate in read_certificates(path)? {
                roots.add(certificate).map_err(|error| unfit(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| unfit(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    Ok(builder.with_single_cert(certificates, key)?)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| file(path, error.to_string()))
}

fn file(path: &Path, what: String) -> TlsError {
    TlsError::File { path: path.to_owned(), what }
}

/// Accepts any certificate. The client assertion proves who the client is; the certificate is only
/// what the token is bound to (RFC 8705, section 2.2). That the client holds its key is checked all
/// the same.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
