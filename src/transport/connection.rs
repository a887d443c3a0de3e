//! Thread `node-N`: reads and writes one connection until it ends. Reads lines, decodes them, posts
//! them; what the router sends is encoded and written by the same thread while it waits for the
//! next line. The pings of an admitted node are answered here. Ends when the socket does, or when
//! the router has closed the outbox.

use crate::link::{
    read_line, Closed, ConnectionLimiter, Duplex, Ending, Inbox, Line, NetStream, Outbox,
    OutboxSender, Permit, ReadBuffer, ReplyHandle, TlsError, TLS_HANDSHAKE,
};
use crate::log_limit::LogLimit;
use crate::origin::Origin;
use crate::protocol::{limits, BadFrame, GatewayFrame, NodeFrame};
use crate::router::{ConnId, Input};
use crate::tls::Acceptor;
use crate::transport::linger::Linger;
use std::io::{self, BufRead};
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::time::Instant;

pub(super) struct NodeConnection {
    pub(super) conn: ConnId,
    pub(super) peer: IpAddr,
    pub(super) local: IpAddr,
    pub(super) stream: Arc<TcpStream>,
    /// Released when the thread ends.
    pub(super) permit: Permit,
    pub(super) reception: Reception,
}

/// What all connections share.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    pub inbox: Inbox,
    pub limiter: Arc<ConnectionLimiter>,
    /// What connections are encrypted with; `None` leaves them in the clear.
    pub tls: Option<Arc<Acceptor>>,
    /// Limits the log lines that unauthenticated connections cause.
    pub log_limit: Arc<LogLimit>,
    /// The last connection's number; shared, so that numbers are never used twice.
    pub last: Arc<AtomicU64>,
}

/// What to do about a node that does not use TLS. Apps on iOS and macOS see in their list of bridges
/// only the name, and not that it needs TLS; for an address that was typed they try it.
const PLAIN_NODE: &str =
    ", so the connection was closed; if an app cannot connect, enter the bridge's \
     address in it by hand, for which it uses TLS, or set bridge.tls.allowPlaintext";

type Lines<'b> = ReadBuffer<'b, Duplex<NetStream, GatewayFrame>>;

/// Posts [`Input::Disconnected`] when the thread ends, however it ends.
struct DisconnectGuard<'a> {
    inbox: &'a Inbox,
    conn: ConnId,
}

impl NodeConnection {
    pub(super) fn run(self) {
        match self.serve() {
            Ok(ending) => log::debug!("connection ended conn={} reason={ending:?}", self.conn),
            Err(error) => log::debug!("connection ended conn={} reason={error}", self.conn),
        }
        drop(self.permit);
    }

    fn serve(&self) -> io::Result<Option<Ending>> {
        let outbox = Arc::new(Outbox::new(limits::LINE_UNAUTHENTICATED)?);
        let door = ReplyHandle::Node {
            outbox: OutboxSender(outbox.clone()),
            limiter: self.reception.limiter.clone(),
        };
        let hello = Input::Connected { conn: self.conn, peer: self.peer, local: self.local };
        if self.reception.inbox.introduce(hello, door).is_err() {
            return Ok(None);
        }
        let _guard = DisconnectGuard { inbox: &self.reception.inbox, conn: self.conn };
        let stream = NetStream::accepted(self.stream.clone(), self.reception.tls.clone());
        let duplex = Duplex::new(stream, outbox.clone(), limits::UNANSWERED)?.written_directly();
        let mut bytes = [0; limits::READ_BUFFER];
        let mut lines = ReadBuffer::new(duplex, &mut bytes);
        let result = self.converse(&mut lines, &outbox);
        let ending = lines.get_ref().ending();
        let is_ours = ending == Some(Ending::OurEnd);
        let mut linger = Linger::new(&self.stream);
        if is_ours && !lines.get_ref().is_admitted() {
            linger.before_end(limits::ERROR_HEAD_START);
        }
        lines.get_ref().with_stream(NetStream::close_notify);
        let is_alerted = result.as_ref().err().is_some_and(|error| self.log_tls_error(error));
        if is_alerted || is_ours {
            linger.after_end();
        }
        result.map(|()| ending)
    }

    fn converse(&self, lines: &mut Lines<'_>, outbox: &Outbox<GatewayFrame>) -> io::Result<()> {
        let first = lines.fill_buf()?.first().copied();
        let bad = match first {
            Some(TLS_HANDSHAKE) if lines.get_ref().with_stream(|stream| stream.is_plain()) => {
                Some(BadFrame::Tls)
            }
            _ => self.read_frames(lines, outbox)?,
        };
        if let Some(bad) = bad {
            // The router answers and closes; nothing that follows is read.
            lines.get_mut().stop_reading();
            if self.reception.inbox.post(Input::BadFrame { conn: self.conn, bad }).is_ok() {
                // What the buffer holds already is the rest of the bad input.
                lines.clear();
                lines.fill_buf()?;
            }
        }
        Ok(())
    }

    /// Logs an error of TLS. Returns whether the other side was sent an alert about it.
    fn log_tls_error(&self, error: &io::Error) -> bool {
        let Some(error) = TlsError::of(error) else { return false };
        let (kind, level, advice, is_alerted) = match error {
            TlsError::PlainText(b'{') => ("plain node", log::Level::Warn, PLAIN_NODE, false),
            TlsError::PlainText(_) => ("plain text", log::Level::Info, "", false),
            TlsError::Handshake(_) => ("tls handshake", log::Level::Info, "", true),
            TlsError::Broken(_) => ("tls broken", log::Level::Info, "", true),
        };
        let origin = Origin::of(self.peer).to_string();
        if let Some(more) = self.reception.log_limit.admit_from(kind, &origin) {
            let (conn, ip) = (self.conn, self.peer);
            log::log!(level, "node: {error}{advice} conn={conn} ip={ip}{more}");
        }
        is_alerted
    }

    /// The line loop. Returns what broke it, or nothing if the connection ended.
    fn read_frames(
        &self,
        lines: &mut Lines<'_>,
        outbox: &Outbox<GatewayFrame>,
    ) -> io::Result<Option<BadFrame>> {
        let mut line = Vec::new();
        let mut last_activity = Instant::now();
        loop {
            let progress = || {
                // If the router is gone, the next frame will notice.
                let _ = self.report_activity(&mut last_activity);
                Ok(())
            };
            match read_line(lines, &mut line, || outbox.line_limit(), progress)? {
                Line::Complete => {}
                Line::End => return Ok(None),
                Line::TooLong(limit) => return Ok(Some(BadFrame::TooLong(limit))),
            }
            match NodeFrame::decode_line(&mut line) {
                None => {}
                Some(Err(bad)) => return Ok(Some(bad)),
                Some(Ok(frame)) => {
                    lines.get_mut().wait_for_answers()?;
                    let result = match frame {
                        NodeFrame::Ping { id } if lines.get_ref().is_admitted() => {
                            lines.get_mut().expect_answer();
                            // It is sent before the next read, which also says if it cannot be.
                            let _ = outbox.leave(GatewayFrame::Pong { id });
                            self.report_activity(&mut last_activity)
                        }
                        frame => self.post(lines.get_mut(), frame),
                    };
                    if result == Err(Closed) {
                        return Ok(None);
                    }
                }
            }
            line.clear();
            line.shrink_to(limits::LINE_BUFFER_KEPT);
        }
    }

    /// Lets the router know that the node lives, if that is news.
    fn report_activity(&self, last: &mut Instant) -> Result<(), Closed> {
        if last.elapsed() < limits::ACTIVITY_INTERVAL {
            return Ok(());
        }
        *last = Instant::now();
        self.reception.inbox.post(Input::Activity { conn: self.conn })
    }

    fn post(
        &self,
        duplex: &mut Duplex<NetStream, GatewayFrame>,
        frame: NodeFrame,
    ) -> Result<(), Closed> {
        match &frame {
            NodeFrame::Hello(_) => {
                duplex.expect_answer();
                duplex.await_admission();
            }
            NodeFrame::Req { .. } | NodeFrame::Ping { .. } => duplex.expect_answer(),
            _ => {}
        }
        self.reception.inbox.post(Input::Frame { conn: self.conn, frame })
    }
}

impl Drop for DisconnectGuard<'_> {
    fn drop(&mut self) {
        // If the router has stopped, there is nothing to report.
        let _ = self.inbox.post(Input::Disconnected { conn: self.conn });
    }
}
