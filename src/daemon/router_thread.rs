//! Thread `router`: waits for inputs, has the router decide, carries the decisions out. The owner
//! of the router and of the pairing files, and the only code that looks into `Output`.
//!
//! It blocks on two things only: its inbox, and saving the pairings.

use crate::backend::{Job, Workers};
use crate::causes::chain;
use crate::daemon::canvas::CanvasState;
use crate::daemon::clock::Clock;
use crate::daemon::heartbeat::Heartbeat;
use crate::daemon::journal::Journal;
use crate::daemon::node_handle::{ConnectionLog, NodeHandle};
use crate::daemon::tasks::{Task, TaskSender};
use crate::daemon::Error as DaemonError;
use crate::discovery::AnnouncementState;
use crate::link::{Inputs, OutboxSender, ReplyHandle, TooSlow};
use crate::pairing_store::PairingStore;
use crate::protocol::operator::{Answer, Done, ListenerView, OperatorFrame, Status};
use crate::protocol::{limits, ErrorCode, GatewayFrame, WireError};
use crate::router::{
    CloseReason, ConnId, DaemonTask, Input, OperatorId, Output, PairingBook, Requester, Router,
};
use crate::tls::Acceptor;
use crate::transport::Listening;
use log::Level;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// The router, what its decisions act upon, and the part of `status` that it does not know.
pub(super) struct RouterThread {
    pub(super) router: Router,
    pub(super) inputs: Inputs,
    pub(super) store: PairingStore,
    pub(super) workers: Workers,
    pub(super) tasks: TaskSender,
    pub(super) log: ConnectionLog,
    pub(super) listening: Listening,
    pub(super) canvas: CanvasState,
    pub(super) tls: Option<Arc<Acceptor>>,
    pub(super) state_dir: PathBuf,
    pub(super) clock: Clock,
    pub(super) announced: AnnouncementState,
    pub(super) handles: Handles,
    pub(super) journal: Journal,
    pub(super) heartbeat: Option<Heartbeat>,
}

/// Everybody the router decides about.
#[derive(Default)]
pub(super) struct Handles {
    nodes: BTreeMap<ConnId, NodeHandle>,
    operators: BTreeMap<OperatorId, OutboxSender<OperatorFrame>>,
    /// Whoever frames were left for that are not delivered yet.
    undelivered_nodes: Vec<ConnId>,
    undelivered_operators: Vec<OperatorId>,
}

impl Handles {
    /// Has everything sent that was left.
    fn deliver(&mut self) {
        for conn in self.undelivered_nodes.drain(..) {
            if let Some(handle) = self.nodes.get(&conn) {
                handle.outbox.deliver();
            }
        }
        for op in self.undelivered_operators.drain(..) {
            if let Some(outbox) = self.operators.get(&op) {
                outbox.deliver();
            }
        }
    }
}

impl RouterThread {
    pub(super) fn start(mut self) -> io::Result<JoinHandle<()>> {
        Builder::new().name("router".into()).spawn(move || {
            let end = catch_unwind(AssertUnwindSafe(|| self.run()));
            if end.is_err() {
                log::error!("router: panicked last_inputs={}", self.journal);
                self.tasks.end(Err(DaemonError::RouterFailed));
            }
            // Dropping `self` closes every outbox, so no connection waits for frames that cannot come.
        })
    }

    fn run(&mut self) {
        let mut stopping = false;
        loop {
            let now = self.clock.now().mono;
            let until_beat = self
                .heartbeat
                .as_mut()
                .map(|heart| heart.beat_if_due(now, self.router.node_counts()));
            let until_deadline = self.router.next_deadline().map(|at| at.since(now));
            let wait = until_beat.into_iter().chain(until_deadline).min();
            let Some(mut posted) = self.inputs.next(wait) else { return };
            for handled in 1.. {
                if let Some(reply) = posted.reply {
                    self.register(&posted.input, reply);
                }
                if posted.input == Input::Stop && std::mem::replace(&mut stopping, true) {
                    return;
                }
                self.step(posted.input);
                drop(posted.handled);
                if handled == limits::INPUT_BATCH {
                    break;
                }
                let Some(next) = self.inputs.next_now() else { break };
                posted = next;
            }
            self.handles.deliver();
        }
    }

    fn register(&mut self, input: &Input, reply: ReplyHandle) {
        match (input, reply) {
            (Input::Connected { conn, peer, .. }, ReplyHandle::Node { outbox, limiter }) => {
                self.handles.nodes.insert(*conn, NodeHandle::new(*peer, outbox, limiter));
            }
            (Input::Operator { op, .. }, ReplyHandle::Operator(outbox)) => {
                self.handles.operators.insert(*op, outbox);
            }
            _ => {}
        }
    }

    /// One input and everything that follows from it at once.
    fn step(&mut self, input: Input) {
        let (mut next, mut todo) = (Some(input), VecDeque::new());
        while let Some(input) = next {
            let (kind, number) = self.journal.note(&input);
            log::trace!("router: in {kind}({number})");
            let mut gone = None;
            match &input {
                Input::Disconnected { conn } => {
                    gone = Some(*conn);
                    if self.handles.nodes.contains_key(conn) {
                        log::debug!("router: connection ended conn={conn}");
                    }
                }
                Input::Frame { conn, frame } => {
                    if let Some(handle) = self.handles.nodes.get_mut(conn) {
                        handle.note_claims(frame);
                    }
                }
                Input::OperatorGone { op } => drop(self.handles.operators.remove(op)),
                Input::BadFrame { conn, bad } => {
                    log::debug!("router: bad frame conn={conn} reason={bad:?}");
                }
                _ => {}
            }
            for output in self.router.handle(self.clock.now(), input) {
                self.carry_out(output, &mut todo);
            }
            if let Some(conn) = gone {
                self.handles.nodes.remove(&conn);
            }
            next = todo.pop_front();
        }
    }

    fn carry_out(&mut self, output: Output, todo: &mut VecDeque<Input>) {
        match output {
            Output::Send { to, frame } => self.send(to, frame),
            Output::Admit { conn, node } => {
                let Some(handle) = self.handles.nodes.get_mut(&conn) else { return };
                handle.outbox.set_line_limit(limits::LINE_NODE);
                handle.limiter.mark_admitted(conn.0);
                handle.node = Some(node);
                write(&self.log, Level::Info, "admitted", handle, || {
                    format!("node admitted conn={conn} {}", handle.who())
                });
            }
            Output::Wait { conn, .. } => self.wait(conn),
            Output::LineLimit { conn, bytes } => {
                if let Some(handle) = self.handles.nodes.get(&conn) {
                    handle.outbox.set_line_limit(bytes);
                }
            }
            Output::Close { conn, why } => self.close(conn, why),
            // Its outcome has to be the very next input.
            Output::Save { book } => {
                // A slow disk holds up nothing that was decided before.
                self.handles.deliver();
                todo.push_front(self.save(&book));
            }
            Output::Call { call, caller, method, params } => {
                if let Err(error) = self.workers.call(Job { call, caller, method, params }) {
                    todo.push_back(Input::Answered { call, result: Err(error) });
                }
            }
            Output::Notify(notice) => self.workers.notice(notice),
            Output::DroppedEvent { conn, event, why } => self.log_dropped(conn, &event, why),
            Output::Reply { to, result } => self.reply(to, result),
            Output::Publish { to, event } => {
                for op in to {
                    self.tell(op, OperatorFrame::Event(event.clone()));
                }
            }
            Output::Daemon { requester, task } => self.do_task(requester, task),
        }
    }

    fn wait(&self, conn: ConnId) {
        let Some(handle) = self.handles.nodes.get(&conn) else { return };
        handle.limiter.mark_awaiting_approval(conn.0);
        write(&self.log, Level::Info, "waits", handle, || {
            format!("node waiting for approval conn={conn} {}", handle.who())
        });
    }

    fn send(&mut self, to: ConnId, frame: GatewayFrame) {
        if let GatewayFrame::Error(error) = &frame {
            self.log_refusal(to, error);
        }
        log::trace!("router: out {} conn={to}", frame.kind());
        let Some(handle) = self.handles.nodes.get(&to) else { return };
        // While nothing else waits, there is nothing to send it together with.
        let result = match self.inputs.is_empty() {
            true => handle.outbox.push(frame).map(|()| false),
            false => handle.outbox.leave(frame),
        };
        match result {
            Ok(true) => self.handles.undelivered_nodes.push(to),
            Ok(false) => {}
            Err(TooSlow) => {
                write(&self.log, Level::Warn, "slow", handle, || {
                    format!("closing a node that does not read conn={to} {}", handle.who())
                });
            }
        }
    }

    fn log_refusal(&self, to: ConnId, error: &WireError) {
        // Every node begins like this, and some try TLS first.
        if error.code == ErrorCode::NotPaired || *error == WireError::tls_on_plain_port() {
            return;
        }
        let Some(handle) = self.handles.nodes.get(&to) else { return };
        // The apps try TLS first, on every port; that is no attack. Lines about it must not use up
        // the room for those about guessed tokens either.
        let (level, kind) = match error.code {
            ErrorCode::InvalidRequest => (Level::Info, "invalid"),
            _ => (Level::Warn, "refused"),
        };
        write(&self.log, level, kind, handle, || {
            format!("refused conn={to} {} why={error}", handle.who())
        });
    }

    fn log_dropped(&self, conn: ConnId, event: &str, why: &str) {
        let Some(handle) = self.handles.nodes.get(&conn) else { return };
        write(&self.log, Level::Warn, "events", handle, || {
            let who = handle.who();
            format!("dropped an event conn={conn} {who} event={event:?} why={why}")
        });
    }

    fn close(&mut self, conn: ConnId, why: CloseReason) {
        // Dropping the handle closes the outbox: what waits is sent, and then the connection ends.
        let Some(handle) = self.handles.nodes.remove(&conn) else { return };
        let line = || format!("closing conn={conn} {} why={}", handle.who(), why.as_str());
        match why {
            _ if handle.node.is_some() => write(&self.log, Level::Info, "closing", &handle, line),
            CloseReason::NotApproved => {
                write(&self.log, Level::Info, "not approved", &handle, line)
            }
            _ => log::debug!("router: {}", line()),
        }
    }

    fn save(&mut self, book: &PairingBook) -> Input {
        match self.store.save(book) {
            Ok(()) => Input::Saved,
            Err(error) => {
                let reason = chain(&error);
                if let Some(more) = self.log.strangers.admit("save") {
                    log::error!("router: {reason}{more}");
                }
                Input::SaveFailed { reason }
            }
        }
    }

    fn reply(&mut self, to: Requester, result: Result<Answer, WireError>) {
        self.tell(to.op, OperatorFrame::Reply { id: to.id, result });
    }

    fn tell(&mut self, op: OperatorId, frame: OperatorFrame) {
        let Some(outbox) = self.handles.operators.get(&op) else { return };
        match outbox.leave(frame) {
            Ok(true) => self.handles.undelivered_operators.push(op),
            Ok(false) => {}
            Err(TooSlow) => {
                log::warn!("router: closing an operator that does not read op={op}");
                self.handles.operators.remove(&op);
            }
        }
    }

    fn do_task(&mut self, requester: Requester, task: DaemonTask) {
        match task {
            DaemonTask::Status(status) => {
                let status = self.completed(*status);
                self.reply(requester, Ok(Answer::Status(Box::new(status))));
            }
            DaemonTask::Log(level) => match level.parse() {
                Ok(filter) => self.request(Task::Log(requester, filter)),
                Err(_) => {
                    let error = format!(
                        "unknown log level {level:?} (known: off, error, warn, info, debug, trace)"
                    );
                    self.reply(requester, Err(WireError::invalid(error)));
                }
            },
            DaemonTask::Reload => self.request(Task::Reload(Some(requester))),
            DaemonTask::Stop => {
                log::info!("router: stopping at the request of an operator");
                self.reply(requester, Ok(Answer::Done(Done {})));
                self.tasks.end(Ok(()));
            }
        }
    }

    /// Asks the supervisor; its answer comes back through the inbox.
    fn request(&mut self, task: Task) {
        let refused = self.tasks.request(task);
        if let Err(Task::Log(requester, _) | Task::Reload(Some(requester))) = refused {
            let error = WireError::unavailable("too many such requests are waiting; try again");
            self.reply(requester, Err(error));
        }
    }

    fn completed(&self, status: Status) -> Status {
        let (uptime, now_ms) = (self.clock.now().mono.0, self.clock.now().wall.0);
        let listening = self.listening.now();
        let tls = self.tls.as_deref();
        let mode = tls.map_or("off", Acceptor::mode);
        let view =
            |address: &SocketAddr| ListenerView { address: address.to_string(), tls: mode.into() };
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            // Whoever asks may be in another directory.
            state_dir: std::path::absolute(&self.state_dir)
                .unwrap_or_else(|_| self.state_dir.clone())
                .display()
                .to_string(),
            listeners: listening.addresses.iter().map(view).collect(),
            waiting_for: listening.waiting_for,
            canvas_host: self.canvas.view(),
            fingerprint_sha256: tls.map(|tls| tls.fingerprint().to_string()),
            certificate: tls.map(|tls| tls.info().view(now_ms)),
            discovery: self.announced.read(),
            ..status
        }
    }
}

/// Writes a line that this connection has caused, unless it has caused too many.
fn write(
    limit: &ConnectionLog,
    level: Level,
    kind: &'static str,
    handle: &NodeHandle,
    line: impl FnOnce() -> String,
) {
    if log::log_enabled!(level) {
        if let Some(more) = limit.admit(kind, handle) {
            log::log!(level, "router: {}{more}", line());
        }
    }
}
