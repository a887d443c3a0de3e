//! The head of a request, read by `httparse`. Pure.

use super::response::Status;
use crate::protocol::limits;
use httparse::{Error, Header};

/// What an answer depends on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// Only the head of the answer is asked for.
    pub(super) is_head: bool,
    /// As it was sent, percent signs and all; begins with a slash.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) host: Option<String>,
    pub(super) range: Option<String>,
    pub(super) if_range: Option<String>,
    pub(super) if_none_match: Option<String>,
    /// Another request may follow.
    pub(super) keeps_alive: bool,
}

/// Reads a request and how many bytes it has; `None` while it is incomplete. The error is the answer.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Status> {
    let mut fields = [httparse::EMPTY_HEADER; limits::CANVAS_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < limits::CANVAS_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(Error::TooManyHeaders) => {
            return Err(Status::TOO_LARGE)
        }
        Err(_) => return Err(Status::BAD_REQUEST),
    };
    let is_head = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Status::METHOD_NOT_ALLOWED),
    };
    let target = head.path.filter(|path| path.starts_with('/')).ok_or(Status::BAD_REQUEST)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let field = |name| field(head.headers, name);
    let host = field("host");
    let is_newer = head.version == Some(1);
    if is_newer && host.is_none() {
        return Err(Status::BAD_REQUEST);
    }
    let has_body = field("transfer-encoding").is_some()
        || field("content-length").is_some_and(|length| length.trim() != "0");
    let ends = field("connection").is_some_and(|word| word.to_ascii_lowercase().contains("close"));
    let request = Request {
        is_head,
        path: path.to_owned(),
        query: query.to_owned(),
        host: host.map(str::to_owned),
        range: field("range").map(str::to_owned),
        if_range: field("if-range").map(str::to_owned),
        if_none_match: field("if-none-match").map(str::to_owned),
        keeps_alive: is_newer && !has_body && !ends,
    };
    Ok(Some((request, length)))
}

fn field<'a>(fields: &[Header<'a>], name: &str) -> Option<&'a str> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(field.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Request {
        parse(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn what_an_answer_depends_on_is_read() {
        let text = "GET /a%20b?platform=ios HTTP/1.1\r\nHOST: pi:1\r\nRange: bytes=0-1\r\n\
                    If-None-Match: \"x\"\r\nCookie: \u{e9}\r\n\r\nGET /next";
        let (request, length) = parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(&text[length..], "GET /next");
        assert_eq!((&*request.path, &*request.query), ("/a%20b", "platform=ios"));
        assert_eq!(request.host.as_deref(), Some("pi:1"));
        assert_eq!(request.range.as_deref(), Some("bytes=0-1"));
        assert_eq!(request.if_none_match.as_deref(), Some("\"x\""));
        assert!(request.keeps_alive && !request.is_head);
        assert!(read("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").is_head);
    }

    #[test]
    fn a_connection_stays_only_where_the_next_request_can_be_found() {
        for (fields, keeps_alive) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ] {
            assert_eq!(read(fields).keeps_alive, keeps_alive, "{fields}");
        }
    }

    #[test]
    fn what_is_no_request_for_a_page_is_refused() {
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(limits::CANVAS_HEAD));
        let fields = "A: b\r\n".repeat(limits::CANVAS_FIELDS + 1);
        let many = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        for (text, expected) in [
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", Status::METHOD_NOT_ALLOWED),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Status::METHOD_NOT_ALLOWED),
            ("get / HTTP/1.1\r\nHost: a\r\n\r\n", Status::METHOD_NOT_ALLOWED),
            ("GET / HTTP/1.1\r\n\r\n", Status::BAD_REQUEST),
            ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Status::BAD_REQUEST),
            ("GET / HTTP/1.1\r\nHost a\r\n\r\n", Status::BAD_REQUEST),
            ("{\"type\":\"hello\"}\r\n", Status::BAD_REQUEST),
            ("\u{16}\u{3}\u{1}", Status::BAD_REQUEST),
            (&long, Status::TOO_LARGE),
            (&many, Status::TOO_LARGE),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(expected), "{text}");
        }
        for partial in ["", "GET", "GET / HTTP/1.1\r\nHost: a\r\n"] {
            assert_eq!(parse(partial.as_bytes()), Ok(None), "{partial}");
        }
    }
}
