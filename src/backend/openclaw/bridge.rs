//! What the sessions of all nodes share: how the gateway is reached, who is who there, and what
//! operators are told about it.

use super::known::KnownNodes;
use super::node::BridgedNode;
use crate::backend::requests::RunRateLimit;
use crate::backend::{Document, NodeId, Outlet};
use crate::config::BackendConfig;
use crate::gateway::{Access, Seed, Session, State};
use crate::lock::lock;
use crate::log_limit::LogLimit;
use crate::protocol::gateway::{operator_scopes, PAIRING_SCOPE};
use crate::protocol::limits;
use crate::protocol::operator::GatewayView;
use crossbeam_channel::{Receiver, Sender};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

pub(super) struct Bridge {
    pub(super) access: Arc<Access>,
    pub(super) seed: Seed,
    pub(super) known: KnownNodes,
    pub(super) allows_admin: bool,
    /// Whether it approves what its nodes can do.
    pub(super) approves: bool,
    /// On which of them agents may run programs.
    pub(super) exec_nodes: BTreeSet<String>,
    pub(super) outlet: OnceLock<Arc<dyn Outlet>>,
    pub(super) operator: OnceLock<Session>,
    pub(super) nodes: Mutex<BTreeMap<NodeId, Arc<BridgedNode>>>,
    pub(super) rates: RunRateLimit,
    pub(super) log: LogLimit,
    view: Mutex<GatewayView>,
    /// Has the approvals checked.
    checks: (Sender<()>, Receiver<()>),
    /// Exist as long as their threads do.
    threads: (Mutex<Option<Sender<()>>>, Receiver<()>),
}

impl Bridge {
    pub(super) fn new(
        access: Access,
        seed: Seed,
        known: KnownNodes,
        config: &BackendConfig,
    ) -> Self {
        let (running, ended) = crossbeam_channel::bounded(0);
        let view = GatewayView {
            url: access.gateway.url.to_string(),
            connected: false,
            version: None,
            problem: None,
            remedy: None,
        };
        Self {
            access: Arc::new(access),
            seed,
            known,
            allows_admin: config.admin_methods,
            approves: config.approve_surfaces,
            exec_nodes: config.exec_nodes.iter().map(|id| id.trim().to_owned()).collect(),
            outlet: OnceLock::new(),
            operator: OnceLock::new(),
            nodes: Mutex::default(),
            rates: RunRateLimit::default(),
            log: LogLimit::new(limits::PAIRED_NODES, 1),
            view: Mutex::new(view),
            checks: crossbeam_channel::bounded(1),
            threads: (Mutex::new(Some(running)), ended),
        }
    }

    pub(super) fn operator(&self) -> Option<Session> {
        self.operator.get().cloned()
    }

    /// The node, if it has been here.
    pub(super) fn node(&self, node: &NodeId) -> Option<Arc<BridgedNode>> {
        lock(&self.nodes).get(node).cloned()
    }

    pub(super) fn all_nodes(&self) -> Vec<Arc<BridgedNode>> {
        lock(&self.nodes).values().cloned().collect()
    }

    /// The session of any node that is connected.
    pub(super) fn any_session(&self) -> Option<Session> {
        let sessions = self.all_nodes().into_iter().filter_map(|node| node.session());
        sessions.into_iter().find(Session::is_connected)
    }

    /// What a thread holds while it runs; `None` once the bridge ends.
    pub(super) fn thread(&self) -> Option<Sender<()>> {
        lock(&self.threads.0).clone()
    }

    /// No more threads; returns what is told when the last has ended.
    pub(super) fn close(&self) -> &Receiver<()> {
        lock(&self.threads.0).take();
        &self.threads.1
    }

    /// Has the gateway's approvals checked soon.
    pub(super) fn check_approvals(&self) {
        // One check that is waiting is for everybody.
        let _ = self.checks.0.try_send(());
    }

    pub(super) fn checks(&self) -> &Receiver<()> {
        &self.checks.1
    }

    pub(super) fn set_document(&self, document: Document) {
        if let Some(outlet) = self.outlet.get() {
            outlet.set_document(document);
        }
    }

    /// The gateway's version, if it is known.
    pub(super) fn version(&self) -> String {
        lock(&self.view).version.clone().unwrap_or_default()
    }

    /// Why nothing can be asked of the gateway.
    pub(super) fn why_away(&self) -> String {
        let view = lock(&self.view);
        match &view.problem {
            Some(problem) => format!("the OpenClaw gateway is away: {problem}"),
            None if view.connected => "the OpenClaw gateway does not know this node yet".to_owned(),
            None => "the OpenClaw gateway is not connected yet".to_owned(),
        }
    }

    /// The bridge's own connection has changed.
    pub(super) fn operator_state(&self, state: &State<'_>) {
        let mut view = lock(&self.view).clone();
        view.connected = matches!(state, State::Connected(_));
        (view.problem, view.remedy) = problem_and_remedy(state);
        if let State::Connected(hello) = state {
            view.version = Some(hello.version.clone()).filter(|version| !version.is_empty());
            let granted = |scope: &str| hello.scopes.iter().any(|granted| granted == scope);
            // One is only for telling what to approve, unless the bridge does that.
            let needed = |scope: &&str| *scope != PAIRING_SCOPE || self.approves;
            let wanted = operator_scopes(self.allows_admin).into_iter().filter(needed);
            let refused: Vec<&str> = wanted.filter(|scope| !granted(scope)).collect();
            if !refused.is_empty() {
                view.problem = Some(format!("it does not grant {}", refused.join(", ")));
            }
        }
        if *lock(&self.view) == view {
            return;
        }
        match (&view.problem, view.connected) {
            (Some(problem), _) => {
                if let Some(more) = self.log.admit(if view.connected { "scopes" } else { "away" }) {
                    log::warn!("backend: gateway {}: {problem}{more}", view.url);
                }
            }
            (None, _) => {
                let version = view.version.as_deref().unwrap_or("unknown");
                log::info!("backend: connected to the gateway {} version={version}", view.url);
            }
        }
        *lock(&self.view) = view.clone();
        self.set_document(Document::Gateway(Box::new(view)));
    }
}

/// Where the configuration has the gateway's token and its certificate.
const TOKEN_KEYS: &str = "backend.token or backend.tokenFile";
const PIN_KEY: &str = "backend.tlsFingerprint";

/// What keeps a session from the gateway, and what somebody has to run there.
pub(super) fn problem_and_remedy(state: &State<'_>) -> (Option<String>, Option<String>) {
    match state {
        State::Connected(_) => (None, None),
        State::PairingRequired(request) => {
            let remedy = request.as_ref().map(|id| format!("openclaw devices approve {id}"));
            let remedy = remedy.unwrap_or_else(|| "openclaw devices list".to_owned());
            (Some("the gateway has to approve its key".to_owned()), Some(remedy))
        }
        State::Away(error) => (Some(error.text()), error.remedy(TOKEN_KEYS, PIN_KEY)),
    }
}
