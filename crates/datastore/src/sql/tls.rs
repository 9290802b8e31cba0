//! The way to a PostgreSQL on another machine: what its address asks for, and the handshake.
//!
//! | `sslmode` | encrypted | who answers is checked |
//! |---|---|---|
//! | `disable` | never | no |
//! | `prefer` (the default) | when the server can | no |
//! | `require` | always | no; with `sslrootcert` as `verify-ca` |
//! | `verify-ca` | always | the certificate comes from `sslrootcert` |
//! | `verify-full` | always | that, and it is made out for the host's name |
//!
//! The words are libpq's. Without `sslrootcert` the two last take the public authorities that browsers take.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use postgres::config::{Host, SslMode};
use postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use postgres::{Client, Config, NoTls};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::fault::Fault;

/// A PostgreSQL database: where, as whom, and how the way there is protected. Never printed: it may hold a password.
#[derive(Clone)]
pub struct PgAddress {
    pub(super) config: Config,
    /// None where nothing is ever encrypted: by order, or on a Unix socket.
    tls: Option<Tls>,
    pub(super) warning: Option<&'static str>,
}

impl PgAddress {
    /// Reads `postgres://user@host/database?sslmode=…&sslrootcert=…`, or the same as `key=value` pairs.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let (rest, settings) = TlsSettings::take_out_of(text)?;
        let mut config = Config::from_str(&rest).map_err(|_| {
            Fault::refused("the address of the store is not one PostgreSQL understands")
        })?;
        let hosts = config.get_hosts();
        let by_socket = !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_)));
        let remote = hosts
            .iter()
            .any(|host| matches!(host, Host::Tcp(name) if !is_this_machine(name)));
        let mode = if by_socket {
            Mode::Disable
        } else {
            settings.mode
        };
        config.ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        let warning = match mode {
            _ if !remote => None,
            Mode::Disable | Mode::Prefer => Some(
                "PostgreSQL is on another machine and sslmode does not demand TLS: whoever is on the way may read and change everything; use sslmode=verify-full",
            ),
            Mode::Require if settings.roots.is_none() => Some(
                "PostgreSQL is on another machine and sslmode=require does not check who answers there; use sslmode=verify-full",
            ),
            _ => None,
        };
        let tls = match mode {
            Mode::Disable => None,
            _ => Some(Tls::new(mode, settings.roots)?),
        };
        Ok(PgAddress {
            config,
            tls,
            warning,
        })
    }

    /// Connects, in the way that was asked for.
    pub(super) fn connect(&self) -> Result<Client, postgres::Error> {
        match &self.tls {
            None => self.config.connect(NoTls),
            Some(tls) => self.config.connect(tls.clone()),
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whether a connection failed because the server's certificate was not taken.
pub(super) fn is_about_a_certificate(error: &postgres::Error) -> bool {
    error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .and_then(io::Error::get_ref)
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|tls| matches!(tls, rustls::Error::InvalidCertificate(_)))
}

/// What an address says about TLS. The driver knows neither the two strict modes nor files of certificates.
struct TlsSettings {
    mode: Mode,
    roots: Option<RootCertStore>,
}

impl TlsSettings {
    fn take_out_of(text: &str) -> Result<(String, TlsSettings), Fault> {
        let (rest, words) = match text.split_once("://") {
            Some(_) => out_of_url(text),
            None => out_of_pairs(text),
        };
        let mut settings = TlsSettings {
            mode: Mode::Prefer,
            roots: None,
        };
        for (key, value) in words {
            match (key, value.as_str()) {
                (SSLMODE, "disable") => settings.mode = Mode::Disable,
                (SSLMODE, "prefer") => settings.mode = Mode::Prefer,
                (SSLMODE, "require") => settings.mode = Mode::Require,
                (SSLMODE, "verify-ca") => settings.mode = Mode::VerifyCa,
                (SSLMODE, "verify-full") => settings.mode = Mode::VerifyFull,
                (SSLROOTCERT, file) => settings.roots = Some(roots_in(file)?),
                _ => {
                    return Err(Fault::refused(
                        "sslmode is none of disable, prefer, require, verify-ca, verify-full",
                    ));
                }
            }
        }
        if settings.mode == Mode::Require && settings.roots.is_some() {
            settings.mode = Mode::VerifyCa;
        }
        Ok((rest, settings))
    }
}

const SSLMODE: &str = "sslmode";
const SSLROOTCERT: &str = "sslrootcert";

fn ours(word: &str) -> Option<(&'static str, &str)> {
    [SSLMODE, SSLROOTCERT].into_iter().find_map(|key| {
        let value = word.strip_prefix(key)?.strip_prefix('=')?;
        Some((key, value))
    })
}

fn out_of_url(text: &str) -> (String, Vec<(&'static str, String)>) {
    let Some((place, query)) = text.split_once('?') else {
        return (text.to_owned(), Vec::new());
    };
    let mut words = Vec::new();
    let mut kept = String::new();
    for word in query.split('&') {
        match ours(word) {
            Some((key, value)) => words.push((key, percent_decoded(value))),
            None => {
                kept.push(if kept.is_empty() { '?' } else { '&' });
                kept.push_str(word);
            }
        }
    }
    (format!("{place}{kept}"), words)
}

/// Values in quotes are not looked into: a file whose name has spaces needs the form of a URL.
fn out_of_pairs(text: &str) -> (String, Vec<(&'static str, String)>) {
    let mut words = Vec::new();
    let mut kept = String::new();
    let mut in_quotes = false;
    for word in text.split(' ') {
        match ours(word).filter(|_| !in_quotes) {
            Some((key, value)) => words.push((key, value.to_owned())),
            None => {
                kept.push_str(word);
                kept.push(' ');
            }
        }
        in_quotes ^= word.matches('\'').count() % 2 == 1;
    }
    (kept.trim_end().to_owned(), words)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn roots_in(file: &str) -> Result<RootCertStore, Fault> {
    let refused = || Fault::refused("the file that sslrootcert names holds no certificates in PEM");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|_| refused())? {
        let certificate = certificate.map_err(|_| refused())?;
        roots.add(certificate).map_err(|_| refused())?;
    }
    if roots.is_empty() {
        return Err(refused());
    }
    Ok(roots)
}

/// Makes the client's side of a handshake.
#[derive(Clone)]
struct Tls(Arc<ClientConfig>);

impl Tls {
    fn new(mode: Mode, roots: Option<RootCertStore>) -> Result<Tls, Fault> {
        let provider = Arc::new(ring::default_provider());
        let unusable = |_| Fault::refused("TLS cannot be set up");
        let roots = roots.unwrap_or_else(|| RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        });
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let config = match mode {
            Mode::VerifyFull => builder.with_root_certificates(roots),
            _ => {
                let chain = match mode {
                    Mode::VerifyCa => {
                        let verifier = WebPkiServerVerifier::builder_with_provider(
                            Arc::new(roots),
                            provider.clone(),
                        );
                        Some(
                            verifier
                                .build()
                                .map_err(|_| Fault::refused("TLS cannot be set up"))?,
                        )
                    }
                    _ => None,
                };
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(AnyName { chain, provider }))
            }
        };
        Ok(Tls(Arc::new(config.with_no_client_auth())))
    }
}

/// Takes a certificate for any name: from one of our authorities, or, without a chain, self-signed too. The peer must still hold the
/// certificate's key.
struct AnyName {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for AnyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyName")
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The name is looked at last, so a certificate that fails there has passed everything else.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        let host = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake {
            config: self.0.clone(),
            host,
        })
    }
}

/// One handshake to come.
struct Handshake {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let connector = tokio_rustls::TlsConnector::from(self.config);
            connector.connect(self.host, stream).await.map(Encrypted)
        })
    }
}

struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Result<(String, Mode), Fault> {
        TlsSettings::take_out_of(text).map(|(rest, settings)| (rest, settings.mode))
    }

    #[test]
    fn an_address_says_how_the_way_is_protected() {
        for (text, rest, mode) in [
            ("postgres://u@h/d", "postgres://u@h/d", Mode::Prefer),
            (
                "postgres://u@h/d?sslmode=verify-full",
                "postgres://u@h/d",
                Mode::VerifyFull,
            ),
            (
                "postgres://u@h/d?connect_timeout=3&sslmode=require&options=x",
                "postgres://u@h/d?connect_timeout=3&options=x",
                Mode::Require,
            ),
            (
                "host=h user=u sslmode=disable dbname=d",
                "host=h user=u dbname=d",
                Mode::Disable,
            ),
            (
                "host=h user=u password='a sslmode=disable b'",
                "host=h user=u password='a sslmode=disable b'",
                Mode::Prefer,
            ),
        ] {
            assert_eq!(taken(text).unwrap(), (rest.to_owned(), mode), "{text}");
        }
        for wrong in [
            "postgres://u@h/d?sslmode=maybe",
            "postgres://u@h/d?sslmode=",
            "postgres://u@h/d?sslrootcert=/nowhere",
            "postgres://u@h/d?sslrootcert=/dev/null",
        ] {
            assert!(taken(wrong).is_err(), "{wrong}");
        }
        assert_eq!(percent_decoded("%2Fa%20b%zz%"), "/a b%zz%");
    }

    #[test]
    fn a_way_across_a_network_that_is_not_protected_is_warned_about() {
        for (address, warned) in [
            ("postgres://u@db.example/d", true),
            ("postgres://u@db.example/d?sslmode=disable", true),
            ("postgres://u@192.0.2.7/d?sslmode=require", true),
            ("postgres://u@db.example/d?sslmode=verify-full", false),
            ("postgres://u@localhost/d", false),
            ("postgres://u@127.0.0.1/d?sslmode=disable", false),
            ("postgres://u@%2Frun%2Fpostgresql/d", false),
        ] {
            let warning = PgAddress::parse(address).unwrap().warning;
            assert_eq!(warning.is_some(), warned, "{address}");
        }
    }
}
