//! Lines to frames and back (protocol section 1.1): what all frames have in common.
//!
//! Decoding takes one pass and is forgiving: damaged UTF-8, lone surrogates, repeated keys, ids
//! that are numbers. Encoding is compact, one line, valid UTF-8.

use crate::protocol::fields::{Fields, LongName};
use crate::protocol::json;
use crate::protocol::{limits, payload, Payload};
use serde::Serialize;
use std::borrow::Cow;

/// A line that is not a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadFrame {
    /// Not JSON, with the parser's message, which never quotes the line.
    NotJson(String),
    /// Longer than this many bytes.
    TooLong(usize),
    /// This field of it is an id or a name of more than [`limits::SHORT_TEXT_CHARS`] characters.
    LongName(&'static str),
    /// The first byte of a TLS handshake on a plain port. The apps try TLS first on an endpoint
    /// that was typed in (protocol section 1.3).
    Tls,
}

impl From<LongName> for BadFrame {
    fn from(LongName(field): LongName) -> Self {
        Self::LongName(field)
    }
}

/// A frame as it is read: everything in it is short, but for the payload.
pub(super) trait Decode: Sized {
    /// The frame without its payload.
    fn read(fields: &Fields<'_>) -> Result<Self, LongName>;

    /// The field that holds the payload, and where it belongs.
    fn payload_mut(&mut self) -> Option<(&'static str, &mut Option<Payload>)>;
}

/// Decodes a line without its line feed. `None` for a blank line.
pub(super) fn decode<F: Decode>(line: &[u8]) -> Option<Result<F, BadFrame>> {
    let line = line.trim_ascii();
    // Nearly every line is undamaged, which is found out faster than where the damage is.
    let text =
        std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    if text.is_empty() {
        return None;
    }
    let text = json::mend_surrogates(&text);
    Some(decode_text(&text).map(|(mut frame, fields): (F, _)| {
        if let Some((field, payload)) = frame.payload_mut() {
            *payload = fields.payload(field);
        }
        frame
    }))
}

/// As [`decode`], but takes the buffer of a long line: the payload stays in it and is not copied.
pub(super) fn decode_line<F: Decode>(line: &mut Vec<u8>) -> Option<Result<F, BadFrame>> {
    if line.len() <= limits::LINE_BUFFER_KEPT {
        return decode(line);
    }
    let text = json::mended(payload::text(std::mem::take(line)));
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return None;
    }
    let decoded = decode_text(trimmed).map(|(mut frame, fields): (F, _)| {
        let string = frame.payload_mut().and_then(|(field, _)| fields.string_in(&text, field));
        (frame, string)
    });
    Some(decoded.map(|(mut frame, string)| {
        if let (Some((_, payload)), Some(string)) = (frame.payload_mut(), string) {
            let text = Payload::unescaped(text, string);
            *payload = (!text.trim().is_empty()).then_some(text);
        }
        frame
    }))
}

fn decode_text<F: Decode>(text: &str) -> Result<(F, Fields<'_>), BadFrame> {
    let fields = Fields::read(text).map_err(|error| BadFrame::NotJson(error.to_string()))?;
    Ok((F::read(&fields)?, fields))
}

/// Appends `value` as one line. Values of this program always have a JSON form; should one not,
/// nothing is appended rather than half a line.
pub(crate) fn append_line<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    let start = out.len();
    match serde_json::to_writer(&mut *out, value) {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        limits, ErrorCode, GatewayFrame, Hello, InvokeFailure, NodeFrame, NodeId, NodeProfile,
        Token, WireError,
    };
    use std::sync::Arc;

    fn decoded(line: &str) -> NodeFrame {
        NodeFrame::decode(line.as_bytes()).unwrap().unwrap()
    }

    fn encoded(frame: &GatewayFrame) -> String {
        let mut out = Vec::new();
        frame.encode(&mut out);
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
        assert_eq!(decoded("{\"type\":\"pong\"}\r"), NodeFrame::Pong { id: "".into() });
        assert!(NodeFrame::decode(b" \r").is_none());
        let damaged = NodeFrame::decode(b"{\"type\":\"ping\",\"id\":\"\xff\"}").unwrap().unwrap();
        assert_eq!(damaged, NodeFrame::Ping { id: "\u{fffd}".into() });
        let lone = decoded(r#"{"type":"ping","id":"\ude00"}"#);
        assert_eq!(lone, NodeFrame::Ping { id: "\u{fffd}".into() });
    }

    #[test]
    fn what_is_not_an_object_with_a_known_type_is_unknown() {
        for line in ["null", "[]", "5", "\"hello\"", "{}", r#"{"type":5}"#, r#"{"type":"hi"}"#] {
            assert_eq!(decoded(line), NodeFrame::Unknown, "{line}");
        }
        assert!(matches!(NodeFrame::decode(b"{nonsense").unwrap(), Err(BadFrame::NotJson(_))));
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
    fn an_id_a_name_or_a_token_that_nobody_honest_has_makes_a_bad_frame() {
        let most = limits::SHORT_TEXT_CHARS;
        for frame in [
            r#"{"type":"ping","id":"*"}"#,
            r#"{"type":"pong","id":"*"}"#,
            r#"{"type":"req","id":"*","method":"health"}"#,
            r#"{"type":"req","id":"1","method":"*"}"#,
            r#"{"type":"event","event":"*"}"#,
            r#"{"type":"invoke-res","id":"*","ok":true}"#,
            r#"{"type":"hello","nodeId":"n","token":"*"}"#,
            r#"{"type":"pair-request","nodeId":"*"}"#,
            r#"{"type":"*"}"#,
        ] {
            for character in ["x", "é", r"\n", r"\ud83d\ude00"] {
                let line = |count| frame.replace('*', &character.repeat(count));
                let read = |line: String| NodeFrame::decode(line.as_bytes()).unwrap();
                assert!(read(line(most)).is_ok(), "{frame} {character}");
                for count in [most + 1, 10 * most, 20 * limits::LINE_BUFFER_KEPT] {
                    let bad = read(line(count)).unwrap_err();
                    assert!(matches!(bad, BadFrame::LongName(_)), "{frame} {character} {bad:?}");
                    let long = NodeFrame::decode_line(&mut line(count).into_bytes()).unwrap();
                    assert_eq!(long, Err(bad));
                }
            }
        }
        let pair_ok = format!(r#"{{"type":"pair-ok","token":"{}"}}"#, "x".repeat(most + 1));
        let bad = GatewayFrame::decode(pair_ok.as_bytes()).unwrap();
        assert_eq!(bad, Err(BadFrame::LongName("token")));
    }

    #[test]
    fn the_text_of_an_error_is_cut() {
        for character in ["x", "é", r"\n", r"\ud83d\ude00"] {
            for count in [limits::ERROR_CHARS + 1, 100 * limits::ERROR_CHARS] {
                let text = character.repeat(count);
                let line = format!(
                    r#"{{"type":"invoke-res","id":"i","ok":false,"error":{{"code":"{text}","message":"{text}"}}}}"#
                );
                let NodeFrame::InvokeRes { result: Err(failure), .. } = decoded(&line) else {
                    panic!("not a failure");
                };
                let value: String =
                    serde_json::from_str(&format!("\"{}\"", character.repeat(limits::ERROR_CHARS)))
                        .unwrap();
                assert_eq!(failure.message, Some(value.clone()));
                let code: String = value.chars().take(limits::SHORT_TEXT_CHARS).collect();
                assert_eq!(failure.code, Some(code));
            }
        }
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
                let whole = NodeFrame::decode(&line);
                let was_long = line.len() > limits::LINE_BUFFER_KEPT;
                let same = |a: Result<NodeFrame, _>, b: Result<NodeFrame, BadFrame>| match (a, b) {
                    (Err(_), Err(_)) => {}
                    (a, b) => assert_eq!(a, b, "{rest}"),
                };
                same(NodeFrame::decode_line(&mut line).unwrap(), whole.unwrap());
                assert_eq!(line.is_empty(), was_long, "a short line's buffer is kept");
            }
        }
        assert!(NodeFrame::decode_line(&mut vec![b' '; limits::LINE_BUFFER_KEPT + 1]).is_none());
    }

    #[test]
    fn frames_are_written_as_the_apps_expect_them() {
        let id: Arc<str> = "a".into();
        let hello = GatewayFrame::HelloOk {
            server_name: "studio".into(),
            canvas_host_url: None,
            main_session_key: Some("main".into()),
        };
        for (frame, line) in [
            (hello, r#"{"type":"hello-ok","serverName":"studio","mainSessionKey":"main"}"#),
            (
                GatewayFrame::Error(WireError::new(ErrorCode::NotPaired, "pairing required")),
                r#"{"type":"error","code":"NOT_PAIRED","message":"pairing required"}"#,
            ),
            (
                GatewayFrame::Res { id: id.clone(), result: Ok(Some("{\"ok\":true}".into())) },
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

    fn received(line: &str) -> GatewayFrame {
        GatewayFrame::decode(line.as_bytes()).unwrap().unwrap()
    }

    /// What the gateway makes of a frame that a node sends.
    fn understood(frame: &NodeFrame) -> NodeFrame {
        let mut line = Vec::new();
        frame.encode(&mut line);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        NodeFrame::decode(&line).unwrap().unwrap()
    }

    #[test]
    fn what_the_gateway_sends_is_read_forgivingly() {
        let hello = r#"{"type":"hello-ok","serverName":"studio","canvasHostUrl":null,"x":[1]}"#;
        assert_eq!(
            received(hello),
            GatewayFrame::HelloOk {
                server_name: "studio".into(),
                canvas_host_url: None,
                main_session_key: None
            }
        );
        assert_eq!(
            received(
                r#"{"type":"invoke","id":7,"command":" a.b ","paramsJSON":"{\"s\":\"\ude00\"}"}"#
            ),
            GatewayFrame::Invoke {
                id: "7".into(),
                command: "a.b".into(),
                params: Some("{\"s\":\"\u{fffd}\"}".into())
            }
        );
        for line in ["null", "[]", "{}", r#"{"type":"hi"}"#, r#"{"type":5}"#] {
            assert_eq!(received(line), GatewayFrame::Unknown, "{line}");
        }
        assert!(GatewayFrame::decode(b" \r").is_none());
        assert!(GatewayFrame::decode(b"{no").unwrap().is_err());
    }

    #[test]
    fn answers_carry_a_result_or_the_gateways_words() {
        let ok = received(r#"{"type":"res","id":"a","ok":true,"payloadJSON":"{}"}"#);
        assert_eq!(ok, GatewayFrame::Res { id: "a".into(), result: Ok(Some("{}".into())) });
        let refused =
            received(r#"{"type":"res","id":"a","ok":false,"error":{"code":"X","message":"y"}}"#);
        let refusal = WireError::new(ErrorCode::Other("X".into()), "y");
        assert_eq!(refused, GatewayFrame::Res { id: "a".into(), result: Err(refusal) });
        assert_eq!(
            received(r#"{"type":"pair-ok","token":" "}"#),
            GatewayFrame::PairOk { token: None }
        );
    }

    #[test]
    fn the_gateway_understands_what_a_node_sends() {
        let token = Token::from_bits(1);
        let hello = NodeFrame::Hello(Box::new(Hello {
            node: NodeId::new("n1"),
            token: Some(token.clone()),
            protocol: Some("1".into()),
            profile: NodeProfile { caps: Some(Vec::new()), ..NodeProfile::default() },
        }));
        assert!(!format!("{hello:?}").contains(token.reveal()));
        let failed = NodeFrame::invoke_res("i".into(), Err(WireError::unavailable("busy")));
        let done = NodeFrame::invoke_res("i".into(), Ok(Some("{}".into())));
        let req =
            NodeFrame::Req { id: Some("1".into()), method: Some("health".into()), params: None };
        let event = NodeFrame::Event { event: "exec.started".into(), payload: Some("{}".into()) };
        let pong = NodeFrame::Pong { id: "p".into() };
        for frame in [hello, failed, done, req, event, pong] {
            assert_eq!(understood(&frame), frame);
        }
    }
}
