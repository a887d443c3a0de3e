//! The first request of a connection, which says who connects, and its answer. The gateway speaks
//! first: its challenge has the time and the nonce that are signed, so this machine's clock does
//! not matter.

use crate::protocol::fields::Fields;
use crate::protocol::{json, limits, NodeProfile, Payload, Token};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Versions of the protocol that this program speaks. Version 3 is that of January 2026; what it
/// needs has not changed since.
const PROTOCOLS: (u8, u8) = (3, 4);

/// The name under which the gateway knows nodes without an app of their own, and their mode.
pub(crate) const CLIENT_NODE: (&str, &str) = ("node-host", "node");
/// The same for a program that works for operators.
pub(crate) const CLIENT_BACKEND: (&str, &str) = ("gateway-client", "backend");

/// The scope for seeing which nodes wait for an approval, and for approving them.
pub(crate) const PAIRING_SCOPE: &str = "operator.pairing";

/// The least that what nodes call needs, and [`PAIRING_SCOPE`]. `with_admin` adds what resetting and
/// deleting sessions and changing settings need.
pub(crate) fn operator_scopes(with_admin: bool) -> Vec<&'static str> {
    let mut scopes = vec!["operator.read", "operator.write", PAIRING_SCOPE];
    scopes.extend(with_admin.then_some("operator.admin"));
    scopes
}

/// The event with which the gateway begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) nonce: String,
    pub(crate) ts: u64,
}

impl Challenge {
    pub(crate) const EVENT: &'static str = "connect.challenge";

    pub(crate) fn read(payload: &str) -> Option<Self> {
        let fields = Fields::read(payload).ok()?;
        Some(Self { nonce: fields.short_text("nonce")?, ts: fields.integer("ts")? })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Node,
    Operator,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Operator => "operator",
        }
    }
}

/// The program that connects, or the node for which it does.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientInfo {
    pub(crate) id: &'static str,
    pub(crate) version: String,
    pub(crate) platform: String,
    pub(crate) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model_identifier: Option<String>,
}

/// The proof that the connection holds the key of its identity.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) public_key: String,
    pub(crate) signature: String,
    pub(crate) signed_at: u64,
    pub(crate) nonce: String,
}

/// With what a connection may be made. A secret.
#[derive(Clone)]
pub(crate) enum Credential {
    /// The gateway's own token, or the one that it gave to a node.
    Token(String),
    /// The token of a setup code, which serves once: the gateway approves the node's key and its
    /// commands with it.
    SetupCode(String),
}

impl Credential {
    /// Reads a token or a setup code; `None` if there is nothing.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only `node --gateway` reads one"))]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let json = URL_SAFE_NO_PAD.decode(text).ok().and_then(|json| String::from_utf8(json).ok());
        let fields = json.as_deref().and_then(|json| Fields::read(json).ok());
        match fields.and_then(|fields| fields.short_text("bootstrapToken")) {
            Some(token) => Some(Self::SetupCode(token)),
            None => (!text.is_empty()).then(|| Self::Token(text.to_owned())),
        }
    }

    /// The secret itself.
    pub(crate) fn reveal(&self) -> &str {
        match self {
            Self::Token(token) | Self::SetupCode(token) => token,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// The parameters of the request. Has no `Debug` form: it holds the gateway's token.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connect<'a> {
    min_protocol: u8,
    max_protocol: u8,
    client: &'a ClientInfo,
    role: &'static str,
    scopes: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    caps: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'a BTreeMap<String, bool>>,
    auth: Auth<'a>,
    user_agent: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Device>,
}

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Auth<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_token: Option<&'a str>,
}

impl<'a> Connect<'a> {
    pub(crate) const METHOD: &'static str = "connect";

    pub(crate) fn new(
        client: &'a ClientInfo,
        role: Role,
        scopes: &'a [&'static str],
        credential: Option<&'a Credential>,
        device: Option<Device>,
    ) -> Self {
        let auth = match credential {
            None => Auth::default(),
            Some(Credential::Token(token)) => Auth { token: Some(token), ..Auth::default() },
            Some(Credential::SetupCode(token)) => {
                Auth { bootstrap_token: Some(token), ..Auth::default() }
            }
        };
        let (min_protocol, max_protocol) = PROTOCOLS;
        Self {
            min_protocol,
            max_protocol,
            client,
            role: role.as_str(),
            scopes,
            caps: None,
            commands: None,
            permissions: None,
            auth,
            user_agent: concat!("openclaw-bridge/", env!("CARGO_PKG_VERSION")),
            device,
        }
    }

    /// With what the node can do.
    #[must_use]
    pub(crate) fn offering(mut self, profile: &'a NodeProfile) -> Self {
        self.caps = Some(profile.caps.as_deref().unwrap_or_default());
        self.commands = Some(profile.commands.as_deref().unwrap_or_default());
        self.permissions = profile.permissions.as_ref();
        self
    }

    pub(crate) fn params(&self) -> String {
        json::text(self)
    }
}

/// What the gateway says when it has admitted a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The gateway's version, such as `2026.9.6`.
    pub(crate) version: String,
    /// Bytes that a message to it may have.
    pub(crate) max_payload: usize,
    pub(crate) scopes: Vec<String>,
    /// What this identity may use from now on instead of the gateway's token.
    pub(crate) device_token: Option<Token>,
    /// What the gateway calls its main session, as a JSON object.
    pub(crate) session_defaults: Option<Payload>,
}

impl Hello {
    pub(crate) fn read(payload: &str) -> Option<Self> {
        let fields = Fields::read(payload).ok()?;
        let inner = |name| Fields::read(fields.json(name).unwrap_or("{}")).ok();
        let most =
            inner("policy")?.integer("maxPayload").and_then(|most| usize::try_from(most).ok());
        Some(Self {
            version: inner("server")?.short_text("version").unwrap_or_default(),
            max_payload: most.unwrap_or(limits::GATEWAY_PAYLOAD),
            scopes: inner("auth")?.list("scopes").unwrap_or_default(),
            device_token: inner("auth")?
                .short_text("deviceToken")
                .as_deref()
                .and_then(Token::presented),
            session_defaults: inner("snapshot")?.json("sessionDefaults").map(Payload::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> ClientInfo {
        ClientInfo {
            id: CLIENT_NODE.0,
            version: "1".into(),
            platform: "ios".into(),
            mode: CLIENT_NODE.1,
            display_name: None,
            device_family: Some("iPhone".into()),
            model_identifier: None,
        }
    }

    #[test]
    fn nothing_is_sent_that_the_closed_schema_does_not_know() {
        let client = client();
        let profile = NodeProfile { core_version: Some("7".into()), ..NodeProfile::default() };
        let token = Credential::Token("secret".into());
        let connect = Connect::new(&client, Role::Node, &[], Some(&token), None).offering(&profile);
        assert_eq!(
            connect.params().replace(env!("CARGO_PKG_VERSION"), "V"),
            r#"{"minProtocol":3,"maxProtocol":4,"client":{"id":"node-host","version":"1","platform":"ios","mode":"node","deviceFamily":"iPhone"},"role":"node","scopes":[],"caps":[],"commands":[],"auth":{"token":"secret"},"userAgent":"openclaw-bridge/V"}"#
        );
    }

    #[test]
    fn a_setup_code_is_told_from_a_token() {
        let kind = |text: &str| match Credential::parse(text) {
            None => "nothing".to_owned(),
            Some(Credential::Token(token)) => format!("token {token}"),
            Some(Credential::SetupCode(token)) => format!("setup {token}"),
        };
        // {"url":"ws://x","bootstrapToken":"once","expiresAtMs":1}
        let code = "eyJ1cmwiOiJ3czovL3giLCJib290c3RyYXBUb2tlbiI6Im9uY2UiLCJleHBpcmVzQXRNcyI6MX0";
        for (text, expected) in [
            (" \n", "nothing"),
            (" secret\n", "token secret"),
            ("e30", "token e30"),
            (&format!("{code}\n"), "setup once"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn a_hello_is_read_for_what_it_limits() {
        let text = r#"{"type":"hello-ok","protocol":4,"server":{"version":"2026.9.6","bootId":"x"},"auth":{"scopes":["operator.read"]},"policy":{"maxPayload":26214400}}"#;
        let hello = Hello::read(text).unwrap();
        assert_eq!((&*hello.version, hello.max_payload), ("2026.9.6", 26_214_400));
        assert_eq!(hello.scopes, ["operator.read"]);
        let bare = Hello::read("{}").unwrap();
        assert_eq!(bare.max_payload, limits::GATEWAY_PAYLOAD);
    }
}
