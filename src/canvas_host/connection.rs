//! Thread `canvas-N`: one connection of a web view, request after request. Reads and writes block,
//! and each has its deadline; the host ends them by shutting the socket down.

use super::live::notify;
use super::request::{parse, Request};
use super::response::{Body, Response, Status};
use super::site::Site;
use crate::protocol::limits;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) struct Connection {
    pub(super) site: Arc<Site>,
    pub(super) stream: Arc<TcpStream>,
    /// How many pages wait for notices.
    pub(super) waiting: Arc<AtomicUsize>,
}

impl Connection {
    pub(super) fn serve(&self) -> io::Result<()> {
        let mut read = Vec::new();
        loop {
            let (response, request) = match self.request(&mut read) {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(request))) => (self.site.answer(&request), request),
                Ok(Some(Err(status))) => (refusal(status), Request::default()),
                Err(error) => return Err(error),
            };
            let is_stream = matches!(response.body, Body::Notices { .. });
            let keeps_alive = request.keeps_alive && !is_stream;
            self.send(response, request.is_head, keeps_alive)?;
            if !keeps_alive {
                return Ok(());
            }
        }
    }

    /// The next request; `None` if the other side has left. What follows it stays in `read`.
    fn request(&self, read: &mut Vec<u8>) -> io::Result<Option<Result<Request, Status>>> {
        let deadline = Instant::now() + limits::CANVAS_HEAD_TIME;
        loop {
            if !read.is_empty() {
                match parse(read) {
                    Ok(None) => {}
                    Ok(Some((request, length))) => {
                        read.drain(..length);
                        return Ok(Some(Ok(request)));
                    }
                    Err(status) => return Ok(Some(Err(status))),
                }
            }
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            let mut bytes = [0; 2048];
            match (&*self.stream).read(&mut bytes) {
                Ok(0) => return Ok(None),
                Ok(count) => read.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&self, response: Response, is_head: bool, keeps_alive: bool) -> io::Result<()> {
        if let Body::Notices { seen } = response.body {
            return self.send_notices(seen, &response, is_head);
        }
        self.write(response.head(keeps_alive).as_bytes())?;
        match response.body {
            _ if is_head => Ok(()),
            Body::Nothing | Body::Notices { .. } => Ok(()),
            Body::Bytes(bytes) => {
                bytes.chunks(limits::CANVAS_CHUNK).try_for_each(|chunk| self.write(chunk))
            }
            Body::File { file, from, length, tail } => {
                self.send_file(file, from, length)?;
                self.write(tail.as_bytes())
            }
        }
    }

    fn send_file(&self, mut file: File, from: u64, mut length: u64) -> io::Result<()> {
        file.seek(SeekFrom::Start(from))?;
        let mut chunk = vec![0; limits::CANVAS_CHUNK];
        while length > 0 {
            let most = usize::try_from(length).map_or(chunk.len(), |left| left.min(chunk.len()));
            match file.read(&mut chunk[..most]) {
                // The rest has been cut off; so the connection is, for the other side to notice.
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.write(&chunk[..count])?;
                    length -= count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn send_notices(
        &self,
        seen: Option<u64>,
        response: &Response,
        is_head: bool,
    ) -> io::Result<()> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = if before >= limits::CANVAS_STREAMS {
            self.send(refusal(Status::BUSY), is_head, false)
        } else {
            let head = self.write(response.head(false).as_bytes());
            let root = &self.site.root;
            match is_head {
                true => head,
                false => head.and_then(|()| notify(root, seen, &self.stream, |b| self.write(b))),
            }
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        sent
    }

    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + limits::CANVAS_CHUNK_TIME;
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(left(deadline)?))?;
            match (&*self.stream).write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The answer to what is no request, or comes at a bad time.
fn refusal(status: Status) -> Response {
    let response = Response::text(status, "");
    match status {
        Status::METHOD_NOT_ALLOWED => response.with("Allow", "GET, HEAD"),
        _ => response,
    }
}

/// What is left of the time; an error if nothing is.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}
