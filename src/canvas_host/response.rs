//! An answer, before it is sent.

use super::types;
use std::borrow::Cow;
use std::fmt::Write;
use std::fs::File;

/// As it stands in the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(&'static str);

impl Status {
    pub(super) const OK: Self = Self("200 OK");
    pub(super) const PARTIAL_CONTENT: Self = Self("206 Partial Content");
    pub(super) const FOUND: Self = Self("302 Found");
    pub(super) const NOT_MODIFIED: Self = Self("304 Not Modified");
    pub(super) const BAD_REQUEST: Self = Self("400 Bad Request");
    pub(super) const NOT_FOUND: Self = Self("404 Not Found");
    pub(super) const METHOD_NOT_ALLOWED: Self = Self("405 Method Not Allowed");
    pub(super) const NO_SUCH_RANGE: Self = Self("416 Range Not Satisfiable");
    pub(super) const WRONG_HOST: Self = Self("421 Misdirected Request");
    pub(super) const TOO_LARGE: Self = Self("431 Request Header Fields Too Large");
    pub(super) const BUSY: Self = Self("503 Service Unavailable");
}

pub(super) struct Response {
    pub(super) status: Status,
    pub(super) fields: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) body: Body,
}

pub(super) enum Body {
    Nothing,
    Bytes(Cow<'static, [u8]>),
    /// Part of a file, and what follows it.
    File {
        file: File,
        from: u64,
        length: u64,
        tail: String,
    },
    /// A stream of notices to a page that was made from files of this version.
    Notices {
        seen: Option<u64>,
    },
}

impl Response {
    pub(super) fn new(status: Status, body: Body) -> Self {
        Self { status, fields: Vec::new(), body }
    }

    /// An answer in words, to whoever looks at it.
    pub(super) fn text(status: Status, text: &str) -> Self {
        let text = format!("{}\n{text}", status.0).trim_end().to_owned() + "\n";
        let response = Self::new(status, Body::Bytes(text.into_bytes().into()));
        response.with("Content-Type", types::TEXT).with("Cache-Control", "no-store")
    }

    pub(super) fn redirect(to: String) -> Self {
        Self::text(Status::FOUND, "").with("Location", to)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub(super) fn head(&self, keeps_alive: bool) -> String {
        let mut head = format!("HTTP/1.1 {}\r\nX-Content-Type-Options: nosniff\r\n", self.status.0);
        for (name, value) in &self.fields {
            // Writing into a text cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let length = match &self.body {
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::File { length, tail, .. } => Some(length + tail.len() as u64),
            Body::Nothing | Body::Notices { .. } => None,
        };
        if let Some(length) = length {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        let word = if keeps_alive { "keep-alive" } else { "close" };
        head + "Connection: " + word + "\r\n\r\n"
    }
}
