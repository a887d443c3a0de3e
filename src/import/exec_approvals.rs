//! What the owner of a headless node let the gateway run. It is not the bridge's but that of the node
//! on this machine, if there is one.

use super::legacy::{exists, Legacy};
use super::report::Outcome::{Damaged, Kept, Skipped, Taken};
use super::report::{ItemKind, Report};
use super::{Destination, Error};
use crate::files;
use crate::node_host::{read_foreign_approvals, Security};
use crate::protocol::limits;
use std::path::PathBuf;

const NAME: &str = "exec-approvals.json";
/// What a node host had and a gateway had not.
const NODE: &str = "node.json";

/// The content that is to be written to a file.
pub(super) struct Approvals {
    file: PathBuf,
    content: Vec<u8>,
}

/// Decides what becomes of the approvals. A file that is there stays whole: it may be there because
/// its owner has taken rights away. Without a node, they were for the agent of the old gateway itself,
/// and not for a gateway elsewhere.
pub(super) fn plan(legacy: &Legacy, to: &Destination, report: &mut Report) -> Option<Approvals> {
    let path = legacy.path(NAME)?;
    let was_node = to.is_file_named || legacy.path(NODE).is_some_and(|path| legacy.has(&path));
    let read = legacy.read_as(&path, limits::APPROVALS_BYTES, read_foreign_approvals);
    let (verdict, content) = match (read.transpose()?, to.exec_approvals.as_deref()) {
        (Err(why), _) => (Damaged.because(why), None),
        (Ok(_), _) if !was_node => {
            let why = "they were for the old gateway's own agent: there was no node here (no \
                       node.json). To have a node use them, name its file with --exec-approvals";
            (Skipped.because(why), None)
        }
        (Ok(_), None) => {
            let why = "they are for a node; import again as the user that the node runs as";
            (Skipped.because(why), None)
        }
        (Ok((content, _)), Some(file)) if exists(file) => {
            let is_same = files::read_if_exists(file).is_ok_and(|own| own == Some(content));
            let why = match is_same {
                true => "it is there already".to_owned(),
                false => format!("`{}` is there and stays as it is", file.display()),
            };
            (Kept.because(why), None)
        }
        (Ok((content, most)), Some(file)) => {
            let what = match most {
                Security::Deny => "nothing",
                Security::Allowlist => "the programs on its allowlists",
                Security::Full => "every program",
            };
            let why = format!("to `{}`; a node here may run {what}", file.display());
            (Taken.because(why), Some(Approvals { file: file.to_owned(), content }))
        }
    };
    report.add(ItemKind::EXEC_APPROVALS, NAME, verdict);
    content
}

impl Approvals {
    /// On disk when this returns.
    pub(super) fn write(&self) -> Result<(), Error> {
        files::create_private_dir(files::dir_of(&self.file))
            .and_then(|()| files::write_atomically(&self.file, &self.content))
            .map_err(|source| Error::write(&self.file, source))
    }
}
