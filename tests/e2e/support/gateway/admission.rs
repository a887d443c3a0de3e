//! Who may connect, and what a node may do: the token, the key, the two approvals.

use super::{schema, Call, Row, Shared, State, DEVICE_TOKEN, SETUP_TOKEN, TOKEN};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use ring::digest::{digest, SHA256};
use ring::signature::{UnparsedPublicKey, ED25519};
use serde_json::{json, Value};

/// The gateway's clock, which is not that of the bridge.
pub(super) const TIME: u64 = 1_795_225_313_419;

/// A connection that was let in.
pub(super) struct Admitted {
    /// `node` or `operator`.
    pub(super) role: String,
    /// The device of a node, or `operator`.
    pub(super) who: String,
    pub(super) scopes: Vec<String>,
}

/// An error and the code with which the connection is closed.
type Refusal = (Value, u16);

/// Commands that a platform has without being allowed any.
fn of_platform(platform: &str) -> &'static [&'static str] {
    match platform {
        "ios" | "android" => &["camera.list", "location.get", "device.info", "system.notify"],
        "macos" => &[
            "camera.list",
            "location.get",
            "device.info",
            "system.notify",
            "system.run",
            "system.run.prepare",
            "system.which",
            "canvas.present",
            "canvas.eval",
        ],
        "linux" => &["system.run", "system.run.prepare", "system.which", "system.notify"],
        _ => &["camera.list", "location.get", "system.notify"],
    }
}

fn error(code: &str, message: &str, details: Value) -> Value {
    json!({ "code": code, "message": message, "details": details })
}

/// What the gateway makes of `connect`.
pub(super) fn admit(
    state: &Shared,
    nonce: &str,
    call: &Call,
) -> Result<(Admitted, Value), Refusal> {
    let params = &call.params;
    let invalid = |what: &str| (error("INVALID_REQUEST", what, json!({})), 1008);
    if call.method != "connect" {
        return Err(invalid("the first request must be connect"));
    }
    if let Err(what) = schema::connect(params) {
        state.lock().unwrap().mistakes.push(format!("connect: {what}"));
        return Err(invalid(&format!("invalid connect params: {what}")));
    }
    let (least, most) = (params["minProtocol"].as_u64(), params["maxProtocol"].as_u64());
    if least > Some(4) || most < Some(4) {
        let details = json!({ "code": "PROTOCOL_MISMATCH", "expectedProtocol": 4 });
        return Err((error("INVALID_REQUEST", "protocol mismatch", details), 1002));
    }
    let with_setup_code = !params["auth"]["bootstrapToken"].is_null();
    let token = &params["auth"]["token"];
    if with_setup_code {
        setup_code(state, &params["auth"]["bootstrapToken"])?;
    } else if token != TOKEN && (token != DEVICE_TOKEN || params["role"] != "node") {
        let message = "unauthorized: gateway token mismatch (provide gateway auth token)";
        let details = json!({ "code": "AUTH_TOKEN_MISMATCH", "authReason": "token_mismatch",
            "canRetryWithDeviceToken": true, "recommendedNextStep": "retry_with_device_token" });
        return Err((error("INVALID_REQUEST", message, details), 1008));
    }
    if let Err(what) = signature(params, nonce) {
        state.lock().unwrap().mistakes.push(what.to_owned());
        return Err(invalid(what));
    }
    let mut state = state.lock().unwrap();
    if with_setup_code {
        // Both approvals at once.
        (state.rules.pairs_silently, state.rules.approves) = (true, true);
    }
    let role = params["role"].as_str().unwrap_or_default().to_owned();
    let who = match &*role {
        "node" => node(&mut state, params)?,
        _ => operator(&mut state, params)?,
    };
    let scopes = words(&params["scopes"]);
    let hello = hello(&state, &role, &scopes);
    Ok((Admitted { role, who, scopes }, hello))
}

fn words(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|word| Some(word.as_str()?.to_owned())).collect()
}

/// A setup code serves once.
fn setup_code(state: &Shared, token: &Value) -> Result<(), Refusal> {
    let is_used = std::mem::replace(&mut state.lock().unwrap().is_setup_code_used, true);
    if token == SETUP_TOKEN && !is_used {
        return Ok(());
    }
    let message = "unauthorized: bootstrap token invalid or expired (scan a fresh setup code)";
    let details = json!({ "code": "AUTH_BOOTSTRAP_TOKEN_INVALID" });
    Err((error("INVALID_REQUEST", message, details), 1008))
}

/// The key signs the challenge, with the gateway's time.
fn signature(params: &Value, nonce: &str) -> Result<(), &'static str> {
    let (device, client) = (&params["device"], &params["client"]);
    if device.is_null() {
        return match params["role"] == "node" {
            true => Err("a node needs an identity"),
            false => Ok(()),
        };
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = URL_SAFE_NO_PAD.decode(text(&device["publicKey"])).map_err(|_| "publicKey")?;
    let id: String =
        digest(&SHA256, &key).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    if device["id"] != *id {
        return Err("the device id is not that of the key");
    }
    if device["nonce"] != *nonce || device["signedAt"] != TIME {
        return Err("the nonce and the time are not those of the challenge");
    }
    let lower = |value: &Value| text(value).to_ascii_lowercase();
    let signed = [
        "v3".to_owned(),
        id,
        text(&client["id"]),
        text(&client["mode"]),
        text(&params["role"]),
        words(&params["scopes"]).join(","),
        TIME.to_string(),
        params["auth"].as_object().into_iter().flatten().map(|(_, token)| text(token)).collect(),
        nonce.to_owned(),
        lower(&client["platform"]),
        lower(&client["deviceFamily"]),
    ];
    let signature = URL_SAFE_NO_PAD.decode(text(&device["signature"])).map_err(|_| "signature")?;
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(signed.join("|").as_bytes(), &signature).map_err(|_| "the signature is wrong")
}

/// From another machine, an operator needs a key of its own, too.
fn operator(state: &mut State, params: &Value) -> Result<String, Refusal> {
    if state.rules.is_remote {
        let Some(device) = params["device"]["id"].as_str() else {
            let details = json!({ "code": "DEVICE_IDENTITY_REQUIRED" });
            return Err((error("NOT_PAIRED", "device identity required", details), 1008));
        };
        if !*state.operators.entry(device.to_owned()).or_default() {
            return Err(not_paired(device, "operator", "not-paired"));
        }
    }
    Ok("operator".to_owned())
}

fn not_paired(device: &str, role: &str, reason: &str) -> Refusal {
    let message = match reason {
        "metadata-upgrade" => "pairing required: device identity changed and must be re-approved",
        _ => "pairing required: device is not approved yet",
    };
    let request = format!("request-{}", &device[..8]);
    let details = json!({ "code": "PAIRING_REQUIRED", "reason": reason, "requestId": request,
        "remediationHint": "Approve this device from the pending pairing requests.",
        "deviceId": device, "requestedRole": role });
    (error("NOT_PAIRED", message, details), 1008)
}

/// Both approvals of a node; its device id.
fn node(state: &mut State, params: &Value) -> Result<String, Refusal> {
    let client = &params["client"];
    let text = |name: &str| client[name].as_str().unwrap_or_default().to_owned();
    let device = params["device"]["id"].as_str().unwrap_or_default().to_owned();
    let (platform, family) = (text("platform"), text("deviceFamily"));
    let rules = state.rules.clone();
    let row = state.rows.entry(device.clone()).or_insert_with(|| Row {
        device: device.clone(),
        platform: platform.clone(),
        family: family.clone(),
        is_paired: rules.pairs_silently,
        ..Row::default()
    });
    if (&row.platform, &row.family) != (&platform, &family) {
        return Err(not_paired(&device, "node", "metadata-upgrade"));
    }
    if !row.is_paired {
        return Err(not_paired(&device, "node", "not-paired"));
    }
    row.name = text("displayName");
    let is_allowed = |command: &String| {
        of_platform(&platform).contains(&&**command) || rules.allowed.contains(&&**command)
    };
    let mut allowed: Vec<String> = words(&params["commands"]);
    allowed.retain(is_allowed);
    allowed.sort();
    row.commands.retain(|command| allowed.contains(command));
    row.pending = allowed.into_iter().filter(|c| !row.commands.contains(c)).collect();
    if rules.approves {
        row.commands.append(&mut row.pending);
        row.commands.sort();
    }
    Ok(device)
}

fn hello(state: &State, role: &str, scopes: &[String]) -> Value {
    json!({ "type": "hello-ok", "protocol": 4,
        "server": { "version": state.rules.version, "bootId": "b", "connId": "c", "newField": [1] },
        "features": { "methods": ["health"], "events": ["tick"], "capabilities": ["x"] },
        "snapshot": { "presence": [], "health": {}, "sessionDefaults": { "defaultAgentId": "main",
            "mainKey": "main", "mainSessionKey": "agent:main:main", "scope": "per-sender" } },
        "auth": { "method": "token", "role": role, "scopes": scopes, "deviceToken": DEVICE_TOKEN },
        "policy": { "maxPayload": state.rules.max_payload, "maxBufferedBytes": 52_428_800, "tickIntervalMs": 30_000 },
        "fieldOfTomorrow": { "a": 1 } })
}
