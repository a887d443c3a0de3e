//! Frames to and from lines (protocol section 1.1).
//!
//! Decoding takes one pass and is forgiving: damaged UTF-8, lone surrogates, repeated keys, ids
//! that are numbers. Encoding is compact, one line, valid UTF-8.

use crate::protocol::frame::{GatewayFrame, Hello, InvokeFailure, NodeFrame, PairRequest};
use crate::protocol::json::{self, Fields};
use crate::protocol::{limits, Body, NodeId, NodeProfile, Payload, Token, WireError};
use serde::Serialize;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// A line that is not a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// Not JSON; what the parser said. Never quotes the line.
    NotJson(String),
    /// Longer than this many bytes.
    TooLong(usize),
    /// The first byte of a TLS handshake on a plain port. The apps try TLS first on an endpoint
    /// that was typed in (protocol section 1.3).
    Tls,
}

const FIELDS: [&str; 22] = NodeProfile::fields_and([
    "type",
    "id",
    "nodeId",
    "token",
    "protocol",
    "silent",
    "method",
    "paramsJSON",
    "event",
    "payloadJSON",
    "ok",
    "error",
]);

/// Decodes one line without its line feed. `None` for a blank line.
///
/// # Errors
/// [`BadFrame::NotJson`].
pub fn decode(line: &[u8]) -> Option<Result<NodeFrame, BadFrame>> {
    let text = String::from_utf8_lossy(line.trim_ascii());
    if text.is_empty() {
        return None;
    }
    let text = json::mend_surrogates(&text);
    Some(match Fields::read(&text, &FIELDS) {
        Ok(fields) => Ok(frame(&fields)),
        Err(error) => Err(BadFrame::NotJson(error.to_string())),
    })
}

/// As [`decode`]. Of a long line the buffer is taken; what a node answered to an invoke stays in
/// it, so that a recording is not copied.
///
/// # Errors
/// As [`decode`].
pub fn decode_line(line: &mut Vec<u8>) -> Option<Result<NodeFrame, BadFrame>> {
    if line.len() <= limits::LINE_BUFFER_KEPT {
        return decode(line);
    }
    let text = String::from_utf8(std::mem::take(line));
    let text = text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    if text.trim().is_empty() {
        return None;
    }
    let text = json::mended(text);
    let fields = match Fields::read(&text, &FIELDS) {
        Ok(fields) => fields,
        Err(error) => return Some(Err(BadFrame::NotJson(error.to_string()))),
    };
    let Some((id, string)) = long_result(&text, &fields) else { return Some(Ok(frame(&fields))) };
    let body = Body::unescaped(text, string);
    let result = Ok((!body.trim().is_empty()).then_some(body));
    Some(Ok(NodeFrame::InvokeRes { id, result }))
}

/// For a successful answer with a payload: its id, and where in the line the payload stands.
fn long_result(line: &str, fields: &Fields<'_>) -> Option<(Arc<str>, Range<usize>)> {
    if fields.text("type")? != "invoke-res" || !fields.is_true("ok") {
        return None;
    }
    let string = fields.json("payloadJSON")?.strip_prefix('"')?.strip_suffix('"')?;
    Some((id(fields), json::place(line, string)?))
}

fn frame(fields: &Fields<'_>) -> NodeFrame {
    let kind = fields.text("type").unwrap_or_default();
    match &*kind {
        "hello" => NodeFrame::Hello(Hello {
            node: node_id(fields),
            token: fields.text("token").and_then(|text| Token::presented(&text)),
            protocol: fields.json("protocol").filter(|raw| *raw != "null").map(str::to_owned),
            profile: NodeProfile::read(fields),
        }),
        "pair-request" => NodeFrame::PairRequest(PairRequest {
            node: node_id(fields),
            profile: NodeProfile::read(fields),
            silent: fields.is_true("silent"),
        }),
        "req" => NodeFrame::Req {
            id: fields.word("id").filter(|id| !id.is_empty()).map(shared),
            method: fields.word("method").and_then(trimmed).map(shared),
            params: payload(fields, "paramsJSON"),
        },
        "event" => match fields.word("event").and_then(trimmed) {
            Some(event) => {
                NodeFrame::Event { event: shared(event), payload: payload(fields, "payloadJSON") }
            }
            // Nothing to do for an event without a name, as for one that nobody knows.
            None => NodeFrame::Event { event: "".into(), payload: None },
        },
        "invoke-res" => NodeFrame::InvokeRes { id: id(fields), result: invoke_result(fields) },
        "ping" => NodeFrame::Ping { id: id(fields) },
        "pong" => NodeFrame::Pong,
        "invoke" => NodeFrame::NotForNodes("invoke"),
        "res" => NodeFrame::NotForNodes("res"),
        _ => NodeFrame::Unknown,
    }
}

fn node_id(fields: &Fields<'_>) -> Result<NodeId, &'static str> {
    NodeId::new(&fields.word("nodeId").unwrap_or_default())
}

fn id(fields: &Fields<'_>) -> Arc<str> {
    shared(fields.word("id").unwrap_or_default())
}

fn payload(fields: &Fields<'_>, name: &str) -> Option<Payload> {
    fields.text(name).filter(|text| !text.trim().is_empty()).map(shared)
}

fn invoke_result(fields: &Fields<'_>) -> Result<Option<Body>, InvokeFailure> {
    if fields.is_true("ok") {
        let text = fields.text("payloadJSON").filter(|text| !text.trim().is_empty());
        return Ok(text.map(|text| text.into_owned().into()));
    }
    let error = fields.json("error").and_then(|text| Fields::read(text, &["code", "message"]).ok());
    let error = error.unwrap_or_default();
    let text = |name| error.text(name).map(Cow::into_owned).filter(|text| !text.is_empty());
    Err(InvokeFailure { code: text("code"), message: text("message") })
}

fn shared(text: Cow<'_, str>) -> Arc<str> {
    Arc::from(text)
}

fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let inner = text.trim();
    if inner.is_empty() {
        return None;
    }
    Some(if inner.len() == text.len() { text } else { Cow::Owned(inner.to_owned()) })
}

/// The frames as they are written. A missing `payloadJSON` or `paramsJSON` is an explicit null,
/// other missing fields are left out, as the old gateway did (protocol section 2.7).
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Line<'a> {
    HelloOk {
        server_name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        canvas_host_url: Option<&'a str>,
        main_session_key: &'a str,
    },
    PairOk {
        token: &'a str,
    },
    Error {
        #[serde(flatten)]
        error: &'a WireError,
    },
    Res {
        id: &'a str,
        ok: bool,
        #[serde(rename = "payloadJSON", skip_serializing_if = "Option::is_none")]
        payload: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a WireError>,
    },
    Event {
        event: &'a str,
        #[serde(rename = "payloadJSON")]
        payload: Option<&'a str>,
    },
    Invoke {
        id: &'a str,
        command: &'a str,
        #[serde(rename = "paramsJSON")]
        params: Option<&'a str>,
    },
    Ping {
        id: &'a str,
    },
    Pong {
        id: &'a str,
    },
}

/// Appends the frame's line, line feed included.
pub fn encode(frame: &GatewayFrame, out: &mut Vec<u8>) {
    let with_key;
    let line = match frame {
        GatewayFrame::HelloOk { server_name, canvas_host_url, main_session_key } => Line::HelloOk {
            server_name,
            canvas_host_url: canvas_host_url.as_deref(),
            main_session_key,
        },
        GatewayFrame::PairOk(token) => Line::PairOk { token: token.reveal() },
        GatewayFrame::Error(error) => Line::Error { error },
        GatewayFrame::Res { id, result } => Line::Res {
            id,
            ok: result.is_ok(),
            payload: result.as_deref().ok(),
            error: result.as_ref().err(),
        },
        GatewayFrame::Event { event, payload } => {
            Line::Event { event, payload: payload.as_deref() }
        }
        GatewayFrame::SessionEvent { event, session_key, payload } => {
            with_key = json::with_session_key(payload, session_key);
            Line::Event { event, payload: Some(&with_key) }
        }
        GatewayFrame::Invoke { id, command, params } => {
            Line::Invoke { id, command, params: params.as_deref() }
        }
        GatewayFrame::Ping { id } => Line::Ping { id },
        GatewayFrame::Pong { id } => Line::Pong { id },
    };
    append_line(&line, out);
}

/// Appends `value` as one line. Values of this program always have a JSON form; should one not,
/// nothing is appended rather than half a line.
pub fn append_line<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    let start = out.len();
    match serde_json::to_writer(&mut *out, value) {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;

    fn decoded(line: &str) -> NodeFrame {
        decode(line.as_bytes()).unwrap().unwrap()
    }

    fn encoded(frame: &GatewayFrame) -> String {
        let mut out = Vec::new();
        encode(frame, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hello_is_read_with_everything_it_may_carry() {
        let NodeFrame::Hello(hello) = decoded(
            r#"{"type":"hello","nodeId":" n1 ","token":" t ","displayName":"Ada's iPad","protocol":1,"caps":["canvas"],"x":[{}]}"#,
        ) else {
            panic!("not a hello");
        };
        assert_eq!(hello.node.unwrap().as_str(), "n1");
        assert_eq!(hello.token.unwrap().reveal(), "t");
        assert_eq!(hello.protocol.as_deref(), Some("1"));
        assert_eq!(hello.profile.display_name.as_deref(), Some("Ada's iPad"));
        assert_eq!(hello.profile.caps.unwrap(), ["canvas"]);
    }

    #[test]
    fn ids_and_methods_that_are_numbers_become_text() {
        assert_eq!(
            decoded(r#"{"type":"req","id":7,"method":true,"paramsJSON":null}"#),
            NodeFrame::Req { id: Some("7".into()), method: Some("true".into()), params: None }
        );
        assert_eq!(decoded(r#"{"type":"ping","id":7}"#), NodeFrame::Ping { id: "7".into() });
        assert_eq!(decoded(r#"{"type":"ping"}"#), NodeFrame::Ping { id: "".into() });
    }

    #[test]
    fn crlf_blank_lines_and_damaged_text_are_tolerated() {
        assert_eq!(decoded("{\"type\":\"pong\"}\r"), NodeFrame::Pong);
        assert!(decode(b" \r").is_none());
        let damaged = decode(b"{\"type\":\"ping\",\"id\":\"\xff\"}").unwrap().unwrap();
        assert_eq!(damaged, NodeFrame::Ping { id: "\u{fffd}".into() });
        let lone = decoded(r#"{"type":"ping","id":"\ude00"}"#);
        assert_eq!(lone, NodeFrame::Ping { id: "\u{fffd}".into() });
    }

    #[test]
    fn what_is_not_an_object_with_a_known_type_is_unknown() {
        for line in ["null", "[]", "5", "\"hello\"", "{}", r#"{"type":5}"#, r#"{"type":"hi"}"#] {
            assert_eq!(decoded(line), NodeFrame::Unknown, "{line}");
        }
        assert!(matches!(decode(b"{nonsense").unwrap(), Err(BadFrame::NotJson(_))));
    }

    #[test]
    fn invoke_results_keep_the_nodes_own_words() {
        let failed = decoded(
            r#"{"type":"invoke-res","id":"i","ok":false,"error":{"code":"UNAVAILABLE","message":"CAMERA_DISABLED: x"}}"#,
        );
        let failure = InvokeFailure {
            code: Some("UNAVAILABLE".into()),
            message: Some("CAMERA_DISABLED: x".into()),
        };
        assert_eq!(failed, NodeFrame::InvokeRes { id: "i".into(), result: Err(failure) });
        let done = decoded(r#"{"type":"invoke-res","id":"i","ok":true}"#);
        assert_eq!(done, NodeFrame::InvokeRes { id: "i".into(), result: Ok(None) });
    }

    #[test]
    fn a_long_line_means_the_same_as_a_short_one() {
        let long = "x".repeat(limits::LINE_BUFFER_KEPT);
        for rest in [
            r#""type":"invoke-res","id":7,"ok":true,"payloadJSON":"{\"a\":\"\ud83d\ude00\"}""#,
            r#""payloadJSON":"a\/b","ok":true,"type":"invoke-res","id":"i""#,
            r#""type":"invoke-res","id":"i","ok":true,"payloadJSON":" ""#,
            r#""type":"invoke-res","id":"i","ok":true,"payloadJSON":null"#,
            r#""type":"invoke-res","id":"i","ok":true,"payloadJSON":{"not":"text"}"#,
            r#""type":"invoke-res","id":"i","ok":false,"payloadJSON":"x""#,
            r#""type":"req","id":"i","method":"health","paramsJSON":"\ude00""#,
            r#""type":"#,
        ] {
            for text in [format!("{{\"x\":\"{long}\",{rest}}}"), format!("{{\"x\":\"\",{rest}}}")] {
                let mut line = text.into_bytes();
                let whole = decode(&line);
                let was_long = line.len() > limits::LINE_BUFFER_KEPT;
                let same = |a: Result<NodeFrame, _>, b: Result<NodeFrame, BadFrame>| match (a, b) {
                    (Err(_), Err(_)) => {}
                    (a, b) => assert_eq!(a, b, "{rest}"),
                };
                same(decode_line(&mut line).unwrap(), whole.unwrap());
                assert_eq!(line.is_empty(), was_long, "a short line's buffer is kept");
            }
        }
        assert!(decode_line(&mut vec![b' '; limits::LINE_BUFFER_KEPT + 1]).is_none());
    }

    #[test]
    fn frames_are_written_as_the_apps_expect_them() {
        let id: Arc<str> = "a".into();
        let hello = GatewayFrame::HelloOk {
            server_name: "studio".into(),
            canvas_host_url: None,
            main_session_key: "main".into(),
        };
        for (frame, line) in [
            (hello, r#"{"type":"hello-ok","serverName":"studio","mainSessionKey":"main"}"#),
            (
                GatewayFrame::Error(WireError::new(ErrorCode::NotPaired, "pairing required")),
                r#"{"type":"error","code":"NOT_PAIRED","message":"pairing required"}"#,
            ),
            (
                GatewayFrame::Res { id: id.clone(), result: Ok("{\"ok\":true}".into()) },
                r#"{"type":"res","id":"a","ok":true,"payloadJSON":"{\"ok\":true}"}"#,
            ),
            (
                GatewayFrame::Res {
                    id: id.clone(),
                    result: Err(WireError::method_not_allowed("x")),
                },
                r#"{"type":"res","id":"a","ok":false,"error":{"code":"FORBIDDEN","message":"Method not allowed","details":{"method":"x"}}}"#,
            ),
            (
                GatewayFrame::Event { event: "tick".into(), payload: None },
                r#"{"type":"event","event":"tick","payloadJSON":null}"#,
            ),
            (
                GatewayFrame::Invoke { id, command: "canvas.hide".into(), params: None },
                r#"{"type":"invoke","id":"a","command":"canvas.hide","paramsJSON":null}"#,
            ),
        ] {
            assert_eq!(encoded(&frame), format!("{line}\n"));
        }
    }

    #[test]
    fn a_frame_is_one_line_whatever_it_carries() {
        let nasty = "line\r\nbreak \u{2028} \u{0} \u{7f} \\ \"";
        let frame = GatewayFrame::Event { event: "chat".into(), payload: Some(nasty.into()) };
        let line = encoded(&frame);
        assert_eq!(line.matches(['\n', '\r']).count(), 1);
        let back: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(back["payloadJSON"], nasty);
    }
}
