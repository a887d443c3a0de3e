//! What is at which path. Decides what the answer to a request is; does not send it.

use super::files::{self, contents};
use super::pages::{self, ACTIONS, CANVAS, LIVE, NOTICES, PREFIX};
use super::path::{place, Place};
use super::range::{names_version, part, Part};
use super::request::Request;
use super::response::{Body, Response, Status};
use super::{names, types};
use crate::lock::lock;
use crate::log_limit::LogLimit;
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What a folder is asked for, if no file in it is.
const INDEX: &str = "index.html";

#[derive(Debug)]
pub(crate) struct Site {
    /// The owner's folder.
    pub root: PathBuf,
    /// Whether pages reload when a file changes.
    pub live_reload: bool,
    /// Names of this machine besides those that everybody knows to be local.
    pub names: Mutex<Vec<String>>,
    pub log_limit: Arc<LogLimit>,
}

impl Site {
    pub(super) fn answer(&self, request: &Request) -> Response {
        let host = request.host.as_deref();
        if host.is_some_and(|host| !names::is_known(host, &lock(&self.names))) {
            return Response::text(
                Status::WRONG_HOST,
                "This name may belong to a stranger. Use the address, or set canvasHost.url to the \
                 URL with this name.",
            );
        }
        let path = request.path.as_str();
        match (path.strip_prefix(CANVAS), path.strip_prefix(PREFIX)) {
            (Some(path), _) => self.own_file(path, request),
            (None, Some(NOTICES)) if self.live_reload => {
                let seen = u64::from_str_radix(&request.query, 16).ok();
                let response = Response::new(Status::OK, Body::Notices { seen });
                response.with("Content-Type", "text/event-stream").with("Cache-Control", "no-store")
            }
            (None, Some("a2ui" | "canvas")) => to_folder(request),
            (None, Some(path)) => built_in(path, request),
            (None, None) if path == "/" => Response::redirect(CANVAS.to_owned()),
            (None, None) => nothing(),
        }
    }

    fn own_file(&self, path: &str, request: &Request) -> Response {
        let Some(Place { mut names, is_folder }) = place(path) else { return nothing() };
        if is_folder {
            names.push(INDEX.into());
        }
        let content_type = types::of(&names.iter().collect::<PathBuf>());
        // Before the file is opened: one that changes meanwhile is told of once too often.
        let is_watched = self.live_reload && content_type == types::HTML;
        let stamp = is_watched.then(|| contents(&self.root).stamp);
        let (file, meta) = match files::open(&self.root, &names) {
            Ok(found) => found,
            Err(error) => {
                self.log(&names, &error);
                let is_missing = error.kind() == io::ErrorKind::NotFound;
                return match is_missing && is_folder && names.len() == 1 {
                    true => page(Body::Bytes(pages::WELCOME.as_bytes().into()), "welcome", stamp),
                    false => nothing(),
                };
            }
        };
        if meta.is_dir() && !is_folder {
            return to_folder(request);
        }
        if !meta.is_file() {
            return nothing();
        }
        let response = match content_type {
            types::HTML => {
                let whole = Body::File { file, from: 0, length: meta.len(), tail: String::new() };
                page(whole, &files::version(&meta), stamp)
            }
            _ => plain(request, file, &meta, content_type),
        };
        unless_known(request, response)
    }

    /// A file that is there and cannot be read is for the owner to know.
    fn log(&self, names: &[OsString], error: &io::Error) {
        let why = match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::ACCESS) => "this user may not read it",
            Some(Errno::LOOP) => "it is a symbolic link or behind one, and these are not followed",
            _ => return,
        };
        if let Some(more) = self.log_limit.admit("canvas file") {
            let path: PathBuf = std::iter::once(self.root.as_os_str())
                .chain(names.iter().map(OsString::as_os_str))
                .collect();
            log::warn!("canvas: not serving {path:?}: {why}{more}");
        }
    }
}

/// One of the owner's pages, with the scripts that it gets from us at its end. With a stamp of the
/// folder, it waits for changes.
fn page(mut body: Body, version: &str, stamp: Option<u64>) -> Response {
    let mut scripts = format!("\n<script src=\"{PREFIX}{ACTIONS}\"></script>\n");
    let mut version = version.to_owned();
    if let Some(stamp) = stamp {
        scripts += &format!("<script src=\"{PREFIX}{LIVE}?{stamp:x}\"></script>\n");
        version += &format!("-{stamp:x}");
    }
    match &mut body {
        Body::File { tail, .. } => *tail = scripts,
        Body::Bytes(bytes) => bytes.to_mut().extend_from_slice(scripts.as_bytes()),
        Body::Nothing | Body::Notices { .. } => {}
    }
    own(Status::OK, body, types::HTML, &version)
}

/// A file, or the part of it that is asked for.
fn plain(request: &Request, file: File, meta: &Metadata, content_type: &'static str) -> Response {
    let (version, length) = (files::version(meta), meta.len());
    let is_same = |field: &String| *field == quoted(&version);
    let range = request.range.as_deref().filter(|_| request.if_range.iter().all(is_same));
    let body = |from, length| Body::File { file, from, length, tail: String::new() };
    let response = match range.map_or(Part::Whole, |range| part(range, length)) {
        Part::Whole => own(Status::OK, body(0, length), content_type, &version),
        Part::Some(from, count) => {
            let range = format!("bytes {from}-{}/{length}", from + count - 1);
            own(Status::PARTIAL_CONTENT, body(from, count), content_type, &version)
                .with("Content-Range", range)
        }
        Part::Nothing => {
            return Response::text(Status::NO_SUCH_RANGE, "")
                .with("Content-Range", format!("bytes */{length}"))
        }
    };
    response.with("Accept-Ranges", "bytes")
}

/// A file of the owner, which no cache may keep.
fn own(status: Status, body: Body, content_type: &'static str, version: &str) -> Response {
    Response::new(status, body)
        .with("Content-Type", content_type)
        .with("ETag", quoted(version))
        .with("Cache-Control", "no-store")
}

/// A file that is part of the program, and changes with it.
fn built_in(path: &str, request: &Request) -> Response {
    let Some(page) = pages::find(path) else { return nothing() };
    let mut response = Response::new(Status::OK, Body::Bytes(page.bytes.into()))
        .with("Content-Type", page.content_type)
        .with("ETag", quoted(&page.version))
        .with("Cache-Control", "no-cache");
    if let Some(policy) = page.policy {
        response = response.with("Content-Security-Policy", policy);
        response = response.with("Referrer-Policy", "no-referrer");
    }
    unless_known(request, response)
}

/// Nothing but the head if the other side has this version.
fn unless_known(request: &Request, response: Response) -> Response {
    let etag = response.fields.iter().find(|(name, _)| *name == "ETag").map(|(_, value)| value);
    let known = request.if_none_match.as_deref().zip(etag);
    match known.is_some_and(|(field, etag)| names_version(field, etag)) {
        true => {
            let fields = response.fields.into_iter();
            let fields = fields.filter(|(name, _)| ["ETag", "Cache-Control"].contains(name));
            let fields = fields.collect();
            Response { status: Status::NOT_MODIFIED, fields, body: Body::Nothing }
        }
        false => response,
    }
}

fn quoted(version: &str) -> String {
    format!("\"{version}\"")
}

fn to_folder(request: &Request) -> Response {
    let mark = if request.query.is_empty() { "" } else { "?" };
    Response::redirect(format!("{}/{mark}{}", request.path, request.query))
}

fn nothing() -> Response {
    Response::text(Status::NOT_FOUND, "There is no such page here.")
}
