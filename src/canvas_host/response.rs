//! An answer, before it is sent.

use super::types;
use std::borrow::Cow;
use std::fmt::Write;
use std::fs::File;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    PartialContent,
    Found,
    NotModified,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    NoSuchRange,
    WrongHost,
    TooLarge,
    Busy,
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

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::PartialContent => "206 Partial Content",
            Self::Found => "302 Found",
            Self::NotModified => "304 Not Modified",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::NoSuchRange => "416 Range Not Satisfiable",
            Self::WrongHost => "421 Misdirected Request",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Busy => "503 Service Unavailable",
        }
    }
}

impl Response {
    pub(super) fn new(status: Status, body: Body) -> Self {
        Self { status, fields: Vec::new(), body }
    }

    /// An answer in words, to whoever looks at it.
    pub(super) fn text(status: Status, text: &str) -> Self {
        let text = format!("{}\n{text}", status.line()).trim_end().to_owned() + "\n";
        let response = Self::new(status, Body::Bytes(text.into_bytes().into()));
        response.with("Content-Type", types::TEXT).with("Cache-Control", "no-store")
    }

    pub(super) fn redirect(to: String) -> Self {
        Self::text(Status::Found, "").with("Location", to)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The head as it is sent.
    pub(super) fn head(&self, keeps_alive: bool) -> String {
        let mut head =
            format!("HTTP/1.1 {}\r\nX-Content-Type-Options: nosniff\r\n", self.status.line());
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
