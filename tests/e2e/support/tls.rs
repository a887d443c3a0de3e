//! The phone's side of TLS: what it trusts, what it speaks, and what it saw.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::RootCertStore;
use rustls::{ClientConfig, ClientConnection, ConnectionCommon, DigitallySignedStruct, Error};
use rustls::{HandshakeKind, SideData, SignatureScheme, StreamOwned, SupportedProtocolVersion};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::DerefMut;
use std::sync::{Arc, OnceLock};

/// What bytes travel in, those of a phone or, with another `C`, of a server.
pub(crate) enum Wire<C = ClientConnection> {
    Plain(TcpStream),
    Secured(Box<StreamOwned<C, TcpStream>>),
}

/// How a phone speaks TLS. Unless told otherwise it takes any certificate, as one that pins does
/// before it compares.
pub(crate) struct Client {
    versions: Vec<&'static SupportedProtocolVersion>,
    /// The only authority it trusts, and the name it looks for.
    trust: Option<(CertificateDer<'static>, ServerName<'static>)>,
    /// Of all its connections, so that sessions are resumed.
    config: OnceLock<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Default for Client {
    fn default() -> Self {
        Self { versions: vec![&TLS13, &TLS12], trust: None, config: OnceLock::new() }
    }
}

impl Client {
    /// A phone that is too old for TLS 1.3.
    pub(crate) fn old() -> Self {
        Self { versions: vec![&TLS12], ..Self::default() }
    }

    /// A phone that trusts this certificate for this name or address, and nothing else.
    pub(crate) fn trusting(certificate: CertificateDer<'static>, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Self { trust: Some((certificate, name)), ..Self::default() }
    }

    /// A connection before its first byte.
    pub(crate) fn connection(&self) -> ClientConnection {
        let (config, name) = self.config.get_or_init(|| self.config());
        ClientConnection::new(config.clone(), name.clone()).unwrap()
    }

    fn config(&self) -> (Arc<ClientConfig>, ServerName<'static>) {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions)
            .unwrap();
        let (config, name) = match &self.trust {
            Some((certificate, name)) => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate.clone()).unwrap();
                (config.with_root_certificates(roots), name.clone())
            }
            None => {
                let verifier = Arc::new(Anybody(provider));
                let config = config.dangerous().with_custom_certificate_verifier(verifier);
                (config, ServerName::try_from("bridge.example").unwrap())
            }
        };
        (Arc::new(config.with_no_client_auth()), name)
    }

    /// Shakes hands.
    pub(crate) fn secure(&self, mut stream: TcpStream) -> io::Result<Wire> {
        stream.set_read_timeout(Some(super::DEADLINE)).unwrap();
        let mut tls = self.connection();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Wire::Secured(Box::new(StreamOwned::new(tls, stream))))
    }
}

impl<C> Wire<C> {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Secured(tls) => &tls.sock,
        }
    }
}

impl Wire {
    /// Whether the handshake took up an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        self.tls().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn tls(&self) -> &ClientConnection {
        match self {
            Self::Plain(_) => panic!("not encrypted"),
            Self::Secured(tls) => &tls.conn,
        }
    }

    /// The SHA-256 of the certificate it was shown, in lowercase digits.
    pub(crate) fn fingerprint(&self) -> String {
        let certificate = &self.tls().peer_certificates().unwrap()[0];
        let digest = ::ring::digest::digest(&::ring::digest::SHA256, certificate);
        let mut text = String::new();
        digest.as_ref().iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.tls().peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Sends these bytes and says goodbye, both in one packet; the socket stays open.
    pub(crate) fn send_and_say_goodbye(&mut self, bytes: &[u8]) {
        let Self::Secured(tls) = self else { panic!("not encrypted") };
        tls.conn.writer().write_all(bytes).unwrap();
        tls.conn.send_close_notify();
        let mut packet = Vec::new();
        while tls.conn.wants_write() {
            tls.conn.write_tls(&mut packet).unwrap();
        }
        tls.sock.write_all(&packet).unwrap();
    }

    /// How many certificates it was shown.
    pub(crate) fn chain(&self) -> usize {
        self.tls().peer_certificates().unwrap().len()
    }

    pub(crate) fn version(&self) -> rustls::ProtocolVersion {
        self.tls().protocol_version().unwrap()
    }
}

impl<C: DerefMut<Target = ConnectionCommon<S>>, S: SideData> Read for Wire<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Secured(tls) => tls.read(buffer),
        }
    }
}

impl<C: DerefMut<Target = ConnectionCommon<S>>, S: SideData> Write for Wire<C> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Secured(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Secured(tls) => tls.flush(),
        }
    }
}

/// Takes any certificate, as long as the other side has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
