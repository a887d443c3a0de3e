//! The identity of this node, kept in a file: its id, its token, and the address and certificate of
//! the gateway that issued the token. The format is that of the old node host's `node.json`;
//! unknown keys are kept. A damaged file is never overwritten: it may hold the only copy of a
//! token.

use crate::client::error::Error;
use crate::files;
use crate::protocol::{limits, NodeId, Token};
use crate::random;
use crate::tls::{Fingerprint, Trust};
use serde_json::{Map, Value};
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The only version there has been.
const VERSION: u64 = 1;

/// A node's identity and the file it lives in.
#[derive(Clone)]
pub struct IdentityFile {
    path: PathBuf,
    content: Map<String, Value>,
    node_id: NodeId,
    token: Option<Token>,
    /// What the gateway in the file has to present.
    trust: Option<Trust>,
}

impl IdentityFile {
    /// Reads the file, or makes it with a fresh id (or `wanted`). The id is on disk when this
    /// returns, so that a node never introduces itself twice under different names. Fails with
    /// [`Error::Identity`] or [`Error::File`].
    pub fn open(path: &Path, wanted: Option<&str>) -> Result<Self, Error> {
        let problem = |problem: String| Error::Identity { path: path.to_owned(), problem };
        let wanted = wanted.map(NodeId::new).transpose();
        let wanted = wanted.map_err(|why| problem(format!("cannot be used: {why}")))?;
        let mut content = match read(path)? {
            Some(text) => parse(&text).map_err(problem)?,
            None => Map::new(),
        };
        let token = text(content.get("token"), "token").map_err(problem)?;
        let token = token.filter(|token| !token.trim().is_empty()).and_then(|text| {
            let token = Token::presented(text);
            if token.is_none() {
                let path = path.display();
                log::warn!(
                    "the token in the identity file is too long for any gateway; it is ignored, \
                     and this node has to be approved again path={path}"
                );
            }
            token
        });
        let trust = stored_trust(&content).map_err(problem)?;
        let stored = text(content.get("nodeId"), "nodeId").map_err(problem)?;
        let stored = stored.map(NodeId::new).transpose();
        let stored = stored.map_err(|why| problem(way_out(&format!("is damaged: {why}"))))?;
        if stored.is_none() && token.is_some() {
            return Err(problem(way_out("has a token but no nodeId")));
        }
        if let Some(node_id) = stored {
            if wanted.is_some_and(|wanted| wanted != node_id) {
                return Err(problem(format!(
                    "belongs to the node id {node_id:?}; use a different file for a different id"
                )));
            }
            return Ok(Self { path: path.to_owned(), content, node_id, token, trust });
        }
        let node_id = wanted.unwrap_or_else(fresh_node_id);
        content.insert("version".into(), VERSION.into());
        content.insert("nodeId".into(), node_id.as_str().into());
        let identity = Self { path: path.to_owned(), content, node_id, token, trust };
        identity.save()?;
        Ok(identity)
    }

    /// Who this node is.
    pub fn node_id(&self) -> &NodeId {
        &self.node_id
    }

    /// Its proof, if it has been paired.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The name its owner wrote into the file.
    pub fn display_name(&self) -> Option<&str> {
        self.content.get("displayName").and_then(Value::as_str).filter(|name| !name.is_empty())
    }

    /// The gateway that gave the token, if it is known: host and port.
    pub fn gateway(&self) -> Option<(&str, u16)> {
        let gateway = self.content.get("gateway")?;
        let port = u16::try_from(gateway.get("port")?.as_u64()?).ok()?;
        Some((gateway.get("host")?.as_str()?, port))
    }

    /// What the gateway at this address has to present, when `asked` is what the caller demands.
    ///
    /// A certificate in the file is demanded even if nothing was asked, so that nobody falls back
    /// to plain text by leaving something out. It belongs to the token: as long as there is one,
    /// it counts for every address, because the token must reach nobody else. Only a fingerprint
    /// that the caller names overrides it.
    pub fn trust_for(&self, gateway: (&str, u16), asked: Option<Trust>) -> Option<Trust> {
        if let Some(Trust::Pinned(_)) = asked {
            return asked;
        }
        let is_known = self.token.is_some() || self.gateway() == Some(gateway);
        self.trust.filter(|_| is_known).or(asked)
    }

    /// Keeps a gateway's certificate; the token stays. It is on disk when this returns. After
    /// [`Error::File`], the identity is as it was.
    pub fn store_pin(&mut self, gateway: (&str, u16), pin: Fingerprint) -> Result<(), Error> {
        self.store(None, gateway, Some(pin))
    }

    /// Keeps a new token and who gave it: its address and, if it was given over TLS, its
    /// certificate. All is on disk when this returns. After [`Error::File`], the identity is as it
    /// was.
    pub fn store_token(
        &mut self,
        token: Token,
        gateway: (&str, u16),
        certificate: Option<Fingerprint>,
    ) -> Result<(), Error> {
        self.store(Some(token), gateway, certificate)
    }

    fn store(
        &mut self,
        token: Option<Token>,
        gateway: (&str, u16),
        certificate: Option<Fingerprint>,
    ) -> Result<(), Error> {
        let mut changed = self.clone();
        if let Some(token) = token {
            changed.content.insert("token".into(), token.reveal().into());
            changed.token = Some(token);
        }
        changed.content.insert("gateway".into(), self.record_of(gateway, certificate));
        changed.trust = certificate.map(Trust::Pinned);
        changed.save()?;
        *self = changed;
        Ok(())
    }

    /// The gateway as the old node host kept it. Keys that are not ours stay with their gateway.
    fn record_of(&self, gateway: (&str, u16), certificate: Option<Fingerprint>) -> Value {
        let mut record = match self.content.get("gateway") {
            Some(Value::Object(record)) if self.gateway() == Some(gateway) => record.clone(),
            _ => Map::new(),
        };
        let (host, port) = gateway;
        record.insert("host".into(), host.into());
        record.insert("port".into(), port.into());
        if let Some(certificate) = certificate {
            record.insert("tls".into(), true.into());
            record.insert("tlsFingerprint".into(), certificate.to_string().into());
        } else {
            record.remove("tls");
            record.remove("tlsFingerprint");
        }
        record.into()
    }

    fn save(&self) -> Result<(), Error> {
        let fail = |source| Error::File { path: self.path.clone(), verb: "write", source };
        let mut bytes = serde_json::to_vec_pretty(&self.content).map_err(|e| fail(e.into()))?;
        bytes.push(b'\n');
        files::create_private_dir(files::dir_of(&self.path)).map_err(fail)?;
        files::write_atomically(&self.path, &bytes).map_err(fail)
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    let read = || {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            log::warn!(
                "identity file is accessible to other users, run `chmod 600 {path}` path={path} \
                 mode={mode:o}"
            );
        }
        files::read_at_most(file, limits::IDENTITY_BYTES)
    };
    match read() {
        // Damaged text fails as damaged JSON, with a way out.
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_default())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File { path: path.to_owned(), verb: "read", source }),
    }
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    // The parser's own words could quote the file, and with it a token; its position cannot.
    let value: Value = serde_json::from_str(text).map_err(|error| {
        way_out(&format!("is damaged in line {}, column {}", error.line(), error.column()))
    })?;
    let Value::Object(content) = value else {
        return Err(way_out("is damaged: not a JSON object"));
    };
    match content.get("version") {
        None | Some(Value::Null) => Ok(content),
        Some(version) if version.as_u64() == Some(VERSION) => Ok(content),
        Some(_) => Err(way_out("has a version that this program does not support")),
    }
}

/// What the gateway in the file has to present. `tls: false` revokes a fingerprint.
fn stored_trust(content: &Map<String, Value>) -> Result<Option<Trust>, String> {
    let Some(gateway) = content.get("gateway") else { return Ok(None) };
    let pin = text(gateway.get("tlsFingerprint"), "tlsFingerprint")?;
    let pin = pin.filter(|pin| !pin.trim().is_empty()).map(str::parse).transpose();
    let pin: Option<Fingerprint> =
        pin.map_err(|_| way_out("has a tlsFingerprint that is not a SHA-256 fingerprint"))?;
    Ok(match gateway.get("tls") {
        None | Some(Value::Null) => pin.map(Trust::Pinned),
        Some(Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(pin.map_or(Trust::FirstUse, Trust::Pinned)),
        Some(_) => return Err(way_out("has a gateway.tls that is neither true nor false")),
    })
}

fn text<'a>(value: Option<&'a Value>, key: &str) -> Result<Option<&'a str>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(way_out(&format!("has a {key} that is not a string"))),
    }
}

fn way_out(problem: &str) -> String {
    format!(
        "{problem}; it was left as it is: repair it, or move it away to become a new node that has \
         to be approved again"
    )
}

fn fresh_node_id() -> NodeId {
    NodeId::new(&random::uuid(random::bits())).expect("a UUID is a short printable text")
}

impl std::fmt::Debug for IdentityFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityFile")
            .field("path", &self.path)
            .field("node_id", &self.node_id)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
