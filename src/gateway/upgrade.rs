//! The HTTP request that makes a connection a WebSocket, and the check of its answer. Pure.

use crate::config::GatewayUrl;
use crate::gateway::error::Error;
use crate::gateway::websocket::shown;
use crate::protocol::limits;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use ring::digest::{digest, SHA1_FOR_LEGACY_USE_ONLY};

/// RFC 6455, section 1.3.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// An answer has a dozen headers; proxies add some.
const HEADERS: usize = 64;

/// The request. `key` is random.
pub(super) fn request(url: &GatewayUrl, key: &str) -> Vec<u8> {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
         User-Agent: openclaw-bridge/{}\r\n\r\n",
        url.path,
        url.authority(),
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// How long the answer is, if all of it is there and it agrees.
pub(super) fn answer(bytes: &[u8], key: &str) -> Result<Option<usize>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|_| Error::NotAGateway("it does not speak HTTP"))?;
    let httparse::Status::Complete(length) = parsed else {
        return match bytes.len() {
            ..limits::GATEWAY_UPGRADE => Ok(None),
            _ => Err(Error::NotAGateway("its HTTP headers do not end")),
        };
    };
    let status = response.code.unwrap_or_default();
    if status != 101 {
        return Err(Error::Http(status, shown(response.reason.unwrap_or_default()).into_owned()));
    }
    let header = |name: &str| {
        let header = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(str::trim)
    };
    let expected =
        STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, [key, MAGIC].concat().as_bytes()));
    let is_upgraded =
        header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    if !is_upgraded || header("sec-websocket-accept") != Some(&expected) {
        return Err(Error::NotAGateway("it does not speak WebSocket"));
    }
    if header("sec-websocket-extensions").is_some_and(|value| !value.is_empty()) {
        return Err(Error::NotAGateway("it wants an extension of WebSocket"));
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn an_answer_is_taken_when_it_is_whole_and_belongs_to_the_request() {
        let with_more = format!("{ANSWER}\x01");
        assert_eq!(answer(with_more.as_bytes(), KEY).unwrap(), Some(ANSWER.len()));
        for length in 0..ANSWER.len() {
            assert_eq!(answer(&ANSWER.as_bytes()[..length], KEY).unwrap(), None, "{length}");
        }
        for (from, to) in [
            ("s3pPLMB", "s3pPLMC"),
            ("WebSocket\r", "h2c\r"),
            ("Connection:", "Sec-WebSocket-Extensions: permessage-deflate\r\nConnection:"),
            ("HTTP/1.1", "SSH-2.0"),
        ] {
            let refused = answer(ANSWER.replace(from, to).as_bytes(), KEY);
            assert!(matches!(refused, Err(Error::NotAGateway(_))), "{from} {refused:?}");
        }
        let busy = answer(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", KEY);
        assert!(matches!(busy, Err(Error::Http(503, _))), "{busy:?}");
        let endless = format!("HTTP/1.1 101 x\r\nX: {}", "x".repeat(limits::GATEWAY_UPGRADE));
        assert!(matches!(answer(endless.as_bytes(), KEY), Err(Error::NotAGateway(_))));
    }

    #[test]
    fn the_request_names_the_host_with_its_port() {
        let url = "ws://[::1]:18789/x?y=1".parse().unwrap();
        let text = String::from_utf8(request(&url, KEY)).unwrap();
        assert!(text.starts_with("GET /x?y=1 HTTP/1.1\r\nHost: [::1]:18789\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
}
