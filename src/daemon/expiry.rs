//! Says in time that the certificate ends. Nodes that pin it do not care; everything else does.

use crate::calendar;
use crate::daemon::Task;
use crate::protocol::limits;
use crate::tls::{Acceptor, CertificateInfo};
use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError};
use std::sync::Arc;
use std::time::Instant;

/// What is watched, and when it is looked at next.
pub(super) struct Expiry {
    tls: Option<Arc<Acceptor>>,
    next: Instant,
}

impl Expiry {
    pub(super) fn new(tls: Option<Arc<Acceptor>>) -> Self {
        Self { tls, next: Instant::now() + limits::EXPIRY_CHECK }
    }

    /// The next task; `None` if it was time for the daily look at the certificate instead.
    pub(super) fn next_task(&mut self, tasks: &Receiver<Task>) -> Result<Option<Task>, RecvError> {
        let Some(tls) = &self.tls else { return tasks.recv().map(Some) };
        match tasks.recv_deadline(self.next) {
            Ok(task) => Ok(Some(task)),
            Err(RecvTimeoutError::Disconnected) => Err(RecvError),
            Err(RecvTimeoutError::Timeout) => {
                warn(&tls.info());
                self.next = Instant::now() + limits::EXPIRY_CHECK;
                Ok(None)
            }
        }
    }
}

/// Warns if the certificate ends soon, has ended, or has not begun.
pub(super) fn warn(facts: &CertificateInfo) {
    if let Some(warning) = facts.warning(calendar::now_ms()) {
        let path = facts.path.display();
        log::warn!("daemon: the TLS certificate {warning} file={path}; pinned nodes still connect");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::CertificateFiles;
    use crossbeam_channel::unbounded;

    #[test]
    fn a_look_at_the_certificate_is_followed_by_the_next_one_a_day_later() {
        let dir = tempfile::tempdir().unwrap();
        let certificate = CertificateFiles::new(dir.path(), None, None, true).load().unwrap();
        let tls = Arc::new(Acceptor::new(certificate, false).unwrap());
        let mut expiry = Expiry { tls: Some(tls), next: Instant::now() };
        let (sender, tasks) = unbounded();
        assert!(matches!(expiry.next_task(&tasks), Ok(None)));
        assert!(expiry.next > Instant::now() + limits::EXPIRY_CHECK / 2);
        sender.send(Task::Stop).unwrap();
        assert!(matches!(expiry.next_task(&tasks), Ok(Some(Task::Stop))));
        drop(sender);
        assert!(expiry.next_task(&tasks).is_err(), "nobody is left to ask for anything");
    }
}
