//! The exec-approvals file: what the owner of this node allows, in the shape of the old node host.
//! It is read for every run, so that changes take effect at once. If it is damaged, writable by
//! others, or not the owner's, everything is denied; it is never treated as empty, and never
//! overwritten.

mod document;
mod escalation;
#[cfg(fuzzing)]
pub(super) mod fuzz;

use crate::calendar::now_ms;
use crate::files::{self, Staged};
use crate::lock::lock;
use crate::log_limit::LogLimit;
use crate::node_host::pattern::Pattern;
use crate::node_host::policy::{OwnerPolicy, Rules, Security};
use crate::node_host::which::Found;
use crate::protocol::command::system::ExecApprovals;
use crate::protocol::hash::{sha256, to_hex};
use crate::protocol::{limits, ErrorCode, WireError};
use document::ApprovalsDocument;
use rustix::fs::OFlags;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Approvals {
    path: PathBuf,
    pub(super) owner: OwnerPolicy,
    home: Option<PathBuf>,
    /// Whether the gateway may give itself more rights.
    may_widen: bool,
    log_limit: LogLimit,
    /// Held while the file is changed; when a use was last written.
    last_use_noted: Mutex<Option<Instant>>,
}

struct Snapshot {
    exists: bool,
    hash: String,
    document: ApprovalsDocument,
}

impl Approvals {
    pub(super) fn new(path: PathBuf, owner: OwnerPolicy, may_widen: bool) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let log_limit = LogLimit::default();
        Self { path, owner, home, may_widen, log_limit, last_use_noted: Mutex::new(None) }
    }

    /// What counts for an agent. Fails if the file cannot be trusted; nothing may run then.
    pub(super) fn rules(&self, agent: Option<&str>) -> Result<Rules, String> {
        let snapshot = self.read()?;
        Ok(snapshot.document.rules(agent, &self.owner, self.home.as_deref()))
    }

    /// The most that any agent may run: the sender of the invoke chooses the agent.
    pub(super) fn most(&self) -> Result<Security, String> {
        Ok(self.read()?.document.most(&self.owner, self.home.as_deref()))
    }

    pub(super) fn get(&self) -> Result<ExecApprovals, WireError> {
        let Snapshot { exists, hash, document } = self.read().map_err(WireError::unavailable)?;
        let path = self.path.to_string_lossy().into_owned();
        Ok(ExecApprovals { path, exists, hash, file: document.redacted() })
    }

    /// Does what `system.execApprovals.set` asks for, and answers as `get` does. Fails if the
    /// content makes no sense, was made from an older one, allows more than the gateway may allow
    /// itself, or cannot be saved.
    pub(super) fn replace(
        &self,
        file: Value,
        base: Option<&str>,
    ) -> Result<ExecApprovals, WireError> {
        let mut last_use_noted = lock(&self.last_use_noted);
        let old = self.read().map_err(WireError::unavailable)?;
        let base = base.map(str::trim).filter(|base| !base.is_empty());
        if old.exists && base != Some(&*old.hash) {
            let problem = base.map_or("base hash required", |_| "changed");
            return Err(WireError::invalid(format!("exec approvals {problem}; reload and retry")));
        }
        let new = ApprovalsDocument::new(file);
        let new = new.map_err(|why| WireError::invalid(format!("file: {why}")))?;
        let not_saved =
            |error| WireError::unavailable(format!("exec approvals could not be saved: {error}"));
        encoded(&new).map_err(not_saved)?;
        if !self.may_widen {
            if let Some(what) = escalation::added_rights(&old.document, &new) {
                if let Some(more) = self.log_limit.admit("escalation") {
                    log::warn!("node: refused to let the gateway allow {what}{more}");
                }
                let why = format!(
                    "this would allow {what}, which only the owner of the node may: in {}, or with \
                     `openclaw-bridge node --remote-approvals`",
                    self.path.display()
                );
                return Err(WireError::new(ErrorCode::Forbidden, why));
            }
        }
        let new = new.with_socket_of(&old.document, !self.may_widen);
        self.write(&new, &old.hash).map_err(not_saved)?;
        *last_use_noted = None;
        log::info!("node: exec approvals changed by the gateway path={:?}", self.path);
        self.get()
    }

    /// Notes that a program was run because a pattern of the file allows it. Seldom and without
    /// a promise: nothing depends on it.
    pub(super) fn note_use(&self, agent: Option<&str>, program: &Found, command: &str) {
        let mut last_use_noted = lock(&self.last_use_noted);
        let now = Instant::now();
        if last_use_noted.is_some_and(|last| now.duration_since(last) < limits::APPROVALS_USE_EVERY)
        {
            return;
        }
        let Ok(Snapshot { exists: true, mut document, hash }) = self.read() else { return };
        let is_meant = |pattern: &str| {
            let pattern = Pattern::new(pattern, self.home.as_deref());
            pattern.is_some_and(|pattern| pattern.matches(program))
        };
        let path = program.path.to_string_lossy();
        if document.note_use(agent, is_meant, (now_ms(), command, &path)) {
            *last_use_noted = Some(now);
            if let Err(error) = self.write(&document, &hash) {
                log::warn!("node: could not record the use of a program error={error}");
            }
        }
    }

    fn read(&self) -> Result<Snapshot, String> {
        let refused = |why: &str| {
            let path = self.path.display();
            format!("the exec approvals file `{path}` {why}; nothing may run until it is fixed")
        };
        let bytes = read(&self.path).map_err(|error| refused(&format!("is refused: {error}")))?;
        let hash = to_hex(&sha256(bytes.as_deref().unwrap_or_default()));
        let Some(bytes) = bytes else {
            return Ok(Snapshot { exists: false, hash, document: ApprovalsDocument::empty() });
        };
        let value = serde_json::from_slice(&bytes).map_err(|error| refused(&damaged(error)))?;
        let document =
            ApprovalsDocument::new(value).map_err(|why| refused(&format!("is damaged: {why}")))?;
        Ok(Snapshot { exists: true, hash, document })
    }

    /// Replaces the content that has this hash. If the owner has written something else meanwhile,
    /// that stays: it may have taken away a right.
    fn write(&self, document: &ApprovalsDocument, old_hash: &str) -> io::Result<()> {
        let bytes = encoded(document)?;
        files::create_private_dir(files::dir_of(&self.path))?;
        let staged = Staged::write(&self.path, &bytes)?;
        if !self.read().is_ok_and(|now| now.hash == old_hash) {
            return Err(io::Error::other("it was changed in the meantime"));
        }
        staged.commit_durably()
    }
}

/// The exec approvals of an old node host as they would be kept here: without the socket by which
/// the old Mac app asked its user. Also the most that any agent may run by them. Or what is wrong
/// with them.
#[cfg(feature = "cli")]
pub(crate) fn read_foreign(bytes: &[u8]) -> Result<(Vec<u8>, Security), String> {
    let value = serde_json::from_slice(bytes).map_err(damaged)?;
    let document = ApprovalsDocument::new(value)?.without_socket();
    let bytes = encoded(&document).map_err(|error| error.to_string())?;
    Ok((bytes, document.most(&OwnerPolicy::default(), None)))
}

/// The parser's words could quote the token; its position cannot.
fn damaged(error: serde_json::Error) -> String {
    format!("is damaged in line {}, column {}", error.line(), error.column())
}

/// The bytes of a file with this content, if they are not too many.
fn encoded(document: &ApprovalsDocument) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(document)?;
    bytes.push(b'\n');
    files::read_at_most(&*bytes, limits::APPROVALS_BYTES as u64)
}

/// The file's bytes; `None` if there is none. It has to be a file of this user, or of root, that
/// nobody else can write to, because its content decides what runs here.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Without waiting for somebody to write into a pipe of that name.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(io::Error::other("it is a symbolic link"));
        }
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    files::check_written_by_owner_only(path, &meta)?;
    files::read_at_most(file, limits::APPROVALS_BYTES as u64).map(Some)
}

#[cfg(test)]
mod tests;
