//! `backend`: who answers what nodes ask.

use super::reader::Reader;
use super::schema::{self, section, Key};
use super::{Config, GatewayUrl, ValueKind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use ValueKind::{Bool, Choice, Path, Text, Texts};

section! {
    /// `backend`: who answers what nodes ask. Its `Debug` form does not show the token.
    #[derive(Eq)]
    struct BackendConfig {
        kind: BackendKind = BackendKind::Embedded
            => "backend.kind", Choice(&["embedded", "openclaw"]), Restart,
            "Who answers nodes: this program with its own files and agent, or a current OpenClaw \
             gateway, to which every node is connected as one of its own.";
        url: Option<String> = None => "backend.url", ValueKind::GatewayUrl, Restart,
            "The gateway's URL: ws:// on this machine, wss:// elsewhere.";
        token: Option<String> = None => "backend.token", Text, Restart,
            "The gateway's token (its gateway.auth.token). It is as powerful as the gateway's owner.";
        token_file: Option<PathBuf> = None => "backend.tokenFile", Path, Restart,
            "A file that holds the token instead; it is read for every connection.";
        token_env: Option<String> = None => "backend.tokenEnv", Text, Restart,
            "An environment variable that holds the token instead.";
        tls_fingerprint: Option<String> = None
            => "backend.tlsFingerprint", ValueKind::Fingerprint, Restart,
            "The SHA-256 of the gateway's certificate, for one that it signed itself; null means \
             one that this system trusts.";
        allow_plaintext: bool = false => "backend.allowPlaintext", Bool, Restart,
            "Whether ws:// may lead to another machine; the token and everything that is said could \
             be read on the way.";
        admin_methods: bool = false => "backend.adminMethods", Bool, Restart,
            "Whether nodes may call the methods for which the gateway wants operator.admin: \
             sessions.reset, sessions.delete, sessions.compact, chat.inject, config.set, \
             config.patch, and sessions.patch for all its fields.";
        approve_surfaces: bool = false => "backend.approveSurfaces", Bool, Restart,
            "Whether the bridge approves at the gateway what its own nodes can do, which otherwise \
             somebody does with `openclaw nodes approve`. It needs the scope operator.pairing.";
        exec_nodes: Vec<String> = Vec::new() => "backend.execNodes", Texts, Restart,
            "The ids of the nodes on which the gateway's agents may run programs. Their own rules \
             for programs still apply, and they are the only ones.";
    }
}

impl fmt::Debug for BackendConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendConfig")
            .field("kind", &self.kind)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// `backend.kind`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BackendKind {
    /// This program, with its own files and agent.
    Embedded,
    /// A current OpenClaw gateway.
    Openclaw,
}

impl BackendConfig {
    /// The gateway's URL.
    pub fn gateway_url(&self) -> Option<GatewayUrl> {
        self.url.as_deref()?.parse().ok()
    }
}

/// Values that contradict each other.
pub(super) fn contradictions(config: &Config, reader: &mut Reader) {
    let backend = &config.backend;
    let sources = [
        ("backend.token", backend.token.is_some()),
        ("backend.tokenFile", backend.token_file.is_some()),
        ("backend.tokenEnv", backend.token_env.is_some()),
    ];
    let mut named = sources.iter().filter(|(_, is_set)| *is_set);
    if let (Some((first, _)), Some((second, _))) = (named.next(), named.next()) {
        reader.problem(second, format!("there is {first} already; keep one of the two"));
    }
    let is_reported = |reader: &Reader, key| reader.problems.iter().any(|p| p.place == key);
    let Some(url) = backend.gateway_url() else {
        if backend.kind == BackendKind::Openclaw && !is_reported(reader, "backend.url") {
            let reason =
                "is missing, although backend.kind is \"openclaw\"; set it to the gateway's \
                          URL, such as \"ws://127.0.0.1:18789\"";
            reader.problem("backend.url", reason);
        }
        return;
    };
    if !url.is_secure && !url.is_loopback() && !backend.allow_plaintext {
        let reason = "ws:// to another machine would show the token to everybody on the way; use \
                      wss://, or an SSH tunnel to 127.0.0.1, or set backend.allowPlaintext for a \
                      network that encrypts by itself";
        reader.problem("backend.url", reason);
    }
    if !url.is_secure && backend.tls_fingerprint.is_some() {
        reader.problem("backend.tlsFingerprint", "has no effect without wss:// in backend.url");
    }
    if backend.kind != BackendKind::Openclaw && !reader.origins.contains_key("backend.kind") {
        let reason = "must be \"openclaw\" for backend.url to be used, or \"embedded\" to keep it \
                      unused";
        reader.problem("backend.kind", reason);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{load, Sources};

    fn problems(json: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bridge.json5");
        std::fs::write(&path, json).unwrap();
        let sources = Sources { file: Some(path), ..Sources::default() };
        load(&sources, &|_| None).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn a_gateway_is_named_once_and_reached_safely() {
        let pin = "a".repeat(64);
        for (backend, says) in [
            (r#"kind: "openclaw", url: "ws://127.0.0.1:18789", token: "x""#, ""),
            (r#"kind: "openclaw", url: "wss://gw.example", tokenEnv: "T""#, ""),
            (&format!(r#"kind: "openclaw", url: "wss://gw", tlsFingerprint: "{pin}""#), ""),
            (r#"kind: "openclaw", url: "ws://10.0.0.1:1", allowPlaintext: true"#, ""),
            (r#"kind: "openclaw""#, "backend.url: is missing"),
            (r#"kind: "openclaw", url: "http://x""#, "must be a URL that starts with ws://"),
            (r#"kind: "openclaw", url: "ws://10.0.0.1:1""#, "would show the token"),
            (
                r#"kind: "openclaw", url: "ws://127.0.0.1:1", token: "a", tokenFile: "b""#,
                "keep one",
            ),
            (r#"url: "ws://127.0.0.1:1""#, "must be \"openclaw\""),
            (r#"kind: "openclaw", url: "wss://x", tlsFingerprint: "ab""#, "SHA-256"),
            (
                &format!(r#"kind: "openclaw", url: "ws://localhost", tlsFingerprint: "{pin}""#),
                "has no effect without wss://",
            ),
            (r#"kind: "clawd""#, "must be one of embedded, openclaw"),
        ] {
            let told = problems(&format!("{{ backend: {{ {backend} }} }}"));
            assert!(told.contains(says) && told.is_empty() == says.is_empty(), "{backend}: {told}");
        }
    }

    #[test]
    fn the_token_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bridge.json5");
        let text = r#"{ backend: { kind: "openclaw", url: "ws://[::1]:1", token: "s3cret" } }"#;
        std::fs::write(&path, text).unwrap();
        let loaded = load(&Sources { file: Some(path), ..Sources::default() }, &|_| None).unwrap();
        assert_eq!(loaded.config.backend.token.as_deref(), Some("s3cret"));
        assert!(!format!("{loaded:?}").contains("s3cret"));
        assert!(!format!("{:?}", loaded.show()).contains("s3cret"));
        for odd in [r#"5"#, r#"{ a: "s3cret" }"#, r#"["s3cret"]"#] {
            let told = problems(&format!("{{ backend: {{ token: {odd} }} }}"));
            assert!(told.contains("backend.token") && !told.contains("s3cret"), "{told}");
        }
    }
}
