//! A gateway for tests that does what a script says, on its own thread and port. Every wait has a
//! deadline.

use crate::tls::Fingerprint;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Far beyond what any test needs; a hanging test fails instead of hanging.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The running script.
pub(crate) struct FakeGateway {
    pub(crate) port: u16,
    thread: JoinHandle<()>,
}

impl FakeGateway {
    pub(crate) fn start(script: impl FnOnce(&FakeListener) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || script(&FakeListener(listener)));
        Self { port, thread }
    }

    /// Waits for the end of the script; fails if the script failed.
    pub(crate) fn finish(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Where nodes arrive.
pub(crate) struct FakeListener(TcpListener);

impl FakeListener {
    pub(crate) fn accept(&self) -> Visit {
        Visit(BufReader::new(Box::new(self.accept_socket())))
    }

    pub(crate) fn accept_tls(&self, config: Arc<ServerConfig>) -> Visit {
        Visit(BufReader::new(Box::new(self.accept_stream(config))))
    }

    /// Shakes hands with the first read or write.
    pub(crate) fn accept_stream(&self, config: Arc<ServerConfig>) -> TlsStream {
        let socket = self.accept_socket();
        StreamOwned::new(ServerConnection::new(config).unwrap(), socket)
    }

    pub(crate) fn accept_socket(&self) -> TcpStream {
        let mut fds = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        assert!(poll_until(&mut fds, Some(Instant::now() + DEADLINE)).unwrap(), "nobody came");
        let socket = self.0.accept().unwrap().0;
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        socket
    }

    /// A node that is admitted at once; its hello is returned.
    pub(crate) fn admit(&self) -> (Visit, Value) {
        let mut visit = self.accept();
        let hello = visit.expect("hello");
        visit.send(r#"{"type":"hello-ok","serverName":"fake"}"#);
        (visit, hello)
    }
}

pub(crate) type TlsStream = StreamOwned<ServerConnection, TcpStream>;

pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// One connection of a node.
pub(crate) struct Visit(BufReader<Box<dyn Stream>>);

impl Visit {
    /// A node that is not paired says hello and asks to be, until the operator has to decide; its
    /// request is returned.
    pub(crate) fn ask_to_be_paired(&mut self) -> Value {
        self.expect("hello");
        self.send(r#"{"type":"error","code":"NOT_PAIRED","message":"pairing required"}"#);
        self.expect("pair-request")
    }

    /// The next frame, which has to be of this type.
    pub(crate) fn expect(&mut self, kind: &str) -> Value {
        let frame = self.any();
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// The beginning of the next frame, which stays unread.
    pub(crate) fn expect_something(&mut self) {
        assert!(!self.0.fill_buf().unwrap().is_empty());
    }

    /// The next frame.
    pub(crate) fn any(&mut self) -> Value {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("a line in time");
        assert!(read > 0, "closed instead of sending a frame");
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn expect_closed(&mut self) {
        let mut line = String::new();
        // A reset is a way of closing, too.
        let read = self.0.read_line(&mut line).unwrap_or(0);
        assert_eq!((read, &*line), (0, ""));
    }

    /// Frames of this type, any number of them, and then the end.
    pub(crate) fn expect_only_until_closed(&mut self, kind: &str) {
        let mut line = String::new();
        while self.0.read_line(&mut line).unwrap_or(0) > 0 {
            let frame: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(frame["type"], kind, "{line}");
            line.clear();
        }
    }

    pub(crate) fn send(&mut self, line: &str) {
        let stream = self.0.get_mut();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        stream.flush().unwrap();
    }

    pub(crate) fn invoke(&mut self, id: &str, command: &str, params: Option<&str>) {
        let frame = serde_json::json!({
            "type": "invoke", "id": id, "command": command, "paramsJSON": params,
        });
        self.send(&frame.to_string());
    }
}

/// What a gateway shows, and proves to have.
pub(crate) struct TestCertificate {
    shown: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl TestCertificate {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["gateway".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        Self { shown: made.cert.der().clone(), key }
    }

    /// This certificate, in the hands of somebody who does not have its key.
    pub(crate) fn stolen(&self) -> Self {
        Self { shown: self.shown.clone(), ..Self::new() }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.shown)
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config_for(rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn config_for(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let key = any_supported_type(&self.key).unwrap();
        let shown = SingleCertAndKey::from(CertifiedKey::new(vec![self.shown.clone()], key));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        Arc::new(config)
    }
}
