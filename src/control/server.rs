//! The server side of the control socket: threads `control` and `op-N`.

use crate::files;
use crate::link::{
    accept_until, no_thread, read_line, Duplex, Inbox, Line, Outbox, OutboxSender, ReplyHandle,
    Waker,
};
use crate::log_limit::LogLimit;
use crate::protocol::operator::{OperatorFrame, OperatorRequest};
use crate::protocol::{limits, WireError};
use crate::router::{Input, OperatorId};
use rustix::fs::{fchmod, Mode};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Metadata, Permissions};
use std::io::{self, BufReader, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// The longest path a Unix socket can have on Linux, its closing zero included.
const LONGEST_PATH: usize = 108;

/// The control socket; removed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    path: PathBuf,
}

/// Why the control socket could not be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "another bridge answers at `{}`; stop it first, or choose another --state-dir",
        .0.display()
    )]
    InUse(PathBuf),
    #[error(
        "`{}` is too long for a Unix socket ({} bytes at most); choose a shorter --state-dir, or \
         set RUNTIME_DIRECTORY",
        .0.display(),
        LONGEST_PATH - 1
    )]
    PathTooLong(PathBuf),
    #[error("could not create the control socket `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Server {
    /// Makes the socket. One that a killed daemon left behind is replaced; one that answers is
    /// not.
    pub(crate) fn bind(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        if path.as_os_str().len() >= LONGEST_PATH {
            return Err(Error::PathTooLong(path.to_owned()));
        }
        let dir = files::dir_of(path);
        files::create_private_dir(dir).map_err(io)?;
        let meta = fs::metadata(dir).map_err(io)?;
        files::check_changed_by_owner_only(dir, &meta).map_err(io)?;
        match UnixStream::connect(path) {
            Ok(_) => return Err(Error::InUse(path.to_owned())),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                let is_socket = fs::symlink_metadata(path).map_err(io)?.file_type().is_socket();
                if !is_socket {
                    return Err(io(io::Error::other("the existing file is not a socket")));
                }
                fs::remove_file(path).map_err(io)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
        let socket = bind_private(path).map_err(io)?;
        let server = Self { listener: socket.into(), path: path.to_owned() };
        server.open_to_group(&meta).map_err(io)?;
        server.listener.set_nonblocking(true).map_err(io)?;
        Ok(server)
    }

    /// Whoever may look into the directory may operate the bridge: the group, if it may and nobody
    /// else. That is never so in a state directory; systemd makes such a runtime directory.
    fn open_to_group(&self, dir: &Metadata) -> io::Result<()> {
        let is_open = dir.mode() & 0o077 == 0o050;
        // In a directory of a foreign group the socket belongs to another group than that one.
        if is_open && fs::metadata(&self.path)?.gid() == dir.gid() {
            fs::set_permissions(&self.path, Permissions::from_mode(0o660))?;
        }
        Ok(())
    }

    /// Starts the thread that accepts operators. `last` is the number of the last operator, here
    /// or elsewhere.
    pub(crate) fn start(
        self,
        inbox: Inbox,
        last: Arc<AtomicU64>,
        stop: Arc<Waker>,
        log_limit: Arc<LogLimit>,
    ) -> io::Result<JoinHandle<()>> {
        // Each operator's thread holds one more reference.
        let open = Arc::new(());
        Builder::new().name("control".into()).spawn(move || {
            accept_until(&stop, &self.listener, &log_limit, || {
                let (stream, _) = self.listener.accept()?;
                let op = OperatorId(last.fetch_add(1, Ordering::Relaxed) + 1);
                let is_full = Arc::strong_count(&open) > limits::OPERATORS;
                let place = open.clone();
                let inbox = inbox.clone();
                Builder::new()
                    .name(format!("op-{op}"))
                    .spawn(move || {
                        let _place = place;
                        match is_full {
                            true => refuse(stream),
                            false => OperatorConnection { op, inbox }.run(stream),
                        }
                    })
                    .map(drop)
                    .map_err(no_thread)
            });
        })
    }
}

/// A socket on which nobody but its owner ever was able to connect, whatever the umask: the file is
/// made with the mode that the socket has.
fn bind_private(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(limits::LISTEN_BACKLOG)?;
    Ok(socket)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been removed already.
        let _ = fs::remove_file(&self.path);
    }
}

fn refuse(mut stream: UnixStream) {
    let result = Err(WireError::unavailable("too many operators are connected"));
    let reply: OperatorFrame = OperatorFrame::Reply { id: "null".into(), result };
    let mut line = Vec::new();
    crate::protocol::wire::append_line(&reply, &mut line);
    // A new socket accepts one short line without blocking; otherwise the operator has gone.
    let _ = io::Write::write(&mut stream, &line);
}

struct OperatorConnection {
    op: OperatorId,
    inbox: Inbox,
}

impl Drop for OperatorConnection {
    /// However its thread ends. If the router has stopped, there is nothing to report.
    fn drop(&mut self) {
        let _ = self.inbox.post(Input::OperatorGone { op: self.op });
    }
}

impl OperatorConnection {
    fn run(&self, stream: UnixStream) {
        if let Ok(cred) = rustix::net::sockopt::socket_peercred(&stream) {
            log::debug!("operator connected op={} uid={}", self.op, cred.uid.as_raw());
        }
        if let Err(error) = self.serve(stream) {
            log::debug!("operator disconnected op={} reason={error}", self.op);
        }
    }

    fn serve(&self, stream: UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let outbox = Arc::new(Outbox::new(limits::LINE_OPERATOR)?);
        let duplex = Duplex::new(stream, outbox.clone(), limits::OPERATOR_REQUESTS)?;
        let mut lines = BufReader::with_capacity(limits::READ_BUFFER, duplex);
        let mut line = Vec::new();
        // The first request carries the handle; before it there is nothing to send.
        let mut reply = Some(ReplyHandle::Operator(OutboxSender(outbox.clone())));
        loop {
            match read_line(&mut lines, &mut line, || outbox.line_limit(), || Ok(()))? {
                Line::Complete if line.trim_ascii().is_empty() => {
                    line.clear();
                    continue;
                }
                Line::Complete => {}
                Line::End => return Ok(()),
                Line::TooLong(limit) => {
                    log::warn!(
                        "disconnecting an operator whose line is too long op={} limit={limit}",
                        self.op
                    );
                    return Ok(());
                }
            }
            lines.get_mut().expect_answer();
            let request = OperatorRequest::decode(&line);
            let input = Input::Operator { op: self.op, request };
            let posted = match reply.take() {
                Some(reply) => self.inbox.introduce(input, reply),
                None => self.inbox.post(input),
            };
            if posted.is_err() {
                return Ok(());
            }
            line.clear();
            line.shrink_to(limits::LINE_BUFFER_KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_closed_to_others_before_anybody_can_find_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        // Of the socket itself, because its file has this mode from its first moment.
        let socket = bind_private(&path).unwrap();
        assert_eq!(rustix::fs::fstat(&socket).unwrap().st_mode & 0o777, 0o600);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_socket_is_open_to_the_group_that_may_look_into_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        for (dir_mode, mode) in
            [(0o750, 0o660), (0o700, 0o600), (0o710, 0o600), (0o755, 0o600), (0o1777, 0o600)]
        {
            fs::set_permissions(dir.path(), Permissions::from_mode(dir_mode)).unwrap();
            let server = Server::bind(&path).unwrap();
            let found = fs::metadata(&path).unwrap().mode() & 0o777;
            assert_eq!(found, mode, "{dir_mode:o}");
            drop(server);
        }
        // Only root can make a directory of a group in which it is not.
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(dir.path(), Permissions::from_mode(0o750)).unwrap();
            std::os::unix::fs::chown(dir.path(), None, Some(4242)).unwrap();
            let _server = Server::bind(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_directory_in_which_others_could_replace_the_socket_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = |mode| fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        let bind = || Server::bind(&dir.path().join("control.sock"));
        open(0o770);
        let Err(Error::Io { source, .. }) = bind() else { panic!("accepted") };
        assert!(source.to_string().contains("chmod go-w"), "{source}");
        for harmless in [0o755, 0o1777] {
            open(harmless);
            bind().unwrap();
        }
    }
}
