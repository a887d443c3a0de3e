//! The files of a run: a private directory that lives as long as it, with the message's attachments
//! and with whatever the agent puts there.

use super::run::AgentAttachment;
use crate::files;
use crate::protocol::limits;
use crate::random;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The directory of a run; removed with everything in it when dropped.
pub(super) struct RunFiles {
    dir: PathBuf,
    /// One for each attachment, in their order.
    pub(super) attachments: Vec<PathBuf>,
}

/// Where the attachments are in the directory of a run.
const ATTACHMENTS: &str = "attachments";

impl RunFiles {
    /// Makes the directory and writes the attachments. Without any, a run does without a directory
    /// where none can be made.
    pub(super) fn create(attachments: &[AgentAttachment]) -> io::Result<Option<Self>> {
        match private_dir(&files::temp_dir()) {
            Err(error) if attachments.is_empty() => {
                log::warn!("agent: no directory for the files of a run: {error}");
                Ok(None)
            }
            made => Self { dir: made?, attachments: Vec::new() }.with(attachments).map(Some),
        }
    }

    fn with(mut self, attachments: &[AgentAttachment]) -> io::Result<Self> {
        let dir = self.dir.join(ATTACHMENTS);
        if !attachments.is_empty() {
            DirBuilder::new().mode(0o700).create(&dir)?;
        }
        for (i, attachment) in attachments.iter().enumerate() {
            let path = dir.join(file_name(i + 1, attachment));
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&attachment.bytes)?;
            self.attachments.push(path);
        }
        Ok(self)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of the attachments, if there are any.
    pub(super) fn attachments_dir(&self) -> Option<PathBuf> {
        (!self.attachments.is_empty()).then(|| self.dir.join(ATTACHMENTS))
    }
}

impl Drop for RunFiles {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            log::warn!("agent: could not remove `{}`: {error}", self.dir.display());
        }
    }
}

/// Creates a directory that no other program can have prepared: its name cannot be guessed, and one
/// that exists, even as a link, is an error.
fn private_dir(parent: &Path) -> io::Result<PathBuf> {
    // systemd may give a unit a TMPDIR that does not exist yet.
    files::create_private_dir(parent)?;
    let dir = parent.join(format!("openclaw-bridge-run-{:032x}", random::bits()));
    DirBuilder::new().mode(0o700).create(&dir)?;
    Ok(dir)
}

/// A name like the node's that is harmless in a path and in a shell. The number in front makes it
/// unique, and keeps it from looking like a flag or a hidden file.
fn file_name(number: usize, attachment: &AgentAttachment) -> String {
    let name = attachment.file_name.as_deref().unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let clean = |c: char| if harmless(c) { c } else { '_' };
    let name: String = name.chars().map(clean).collect();
    // The end of a long name has the extension.
    let name = &name[name.len().saturating_sub(limits::ATTACHMENT_NAME_CHARS)..];
    let extension = if name.contains('.') { "" } else { extension(&attachment.mime_type) };
    let separator = if name.is_empty() { "" } else { "-" };
    format!("{number}{separator}{name}{extension}")
}

/// How the name of a picture of this type ends.
pub(crate) fn extension(mime_type: &str) -> &'static str {
    match mime_type {
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/gif" => ".gif",
        "image/webp" => ".webp",
        "image/heic" => ".heic",
        "image/avif" => ".avif",
        "image/bmp" => ".bmp",
        "image/tiff" => ".tiff",
        _ => "",
    }
}

/// The type of a picture by its first bytes; what anybody says about it does not count.
pub(crate) fn image_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'B', b'M', ..] => Some("image/bmp"),
        [b'I', b'I', 0x2a, 0, ..] | [b'M', b'M', 0, 0x2a, ..] => Some("image/tiff"),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"heic" | b"heix" | b"mif1" => Some("image/heic"),
            b"avif" => Some("image/avif"),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn attachment(file_name: Option<&str>, mime_type: &str) -> AgentAttachment {
        AgentAttachment {
            file_name: file_name.map(str::to_owned),
            mime_type: mime_type.to_owned(),
            bytes: b"bytes".to_vec(),
        }
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for (said, name) in [
            (Some("photo.jpg"), "1-photo.jpg"),
            (Some("../../etc/passwd"), "1-passwd.png"),
            (Some("C:\\x\\y.png"), "1-y.png"),
            (Some(".."), "1-.."),
            (Some("-rf $(x)\n\0.é"), "1--rf___x___._"),
            (Some(""), "1.png"),
            (None, "1.png"),
        ] {
            assert_eq!(file_name(1, &attachment(said, "image/png")), name);
        }
        let long = file_name(12, &attachment(Some(&format!("{}.jpg", "x".repeat(500))), ""));
        assert!(long.len() < 80 && long.starts_with("12-x") && long.ends_with(".jpg"), "{long}");
    }

    #[test]
    fn files_are_private_and_gone_afterwards() {
        let both = [attachment(Some("a.png"), "image/png"), attachment(Some("a.png"), "image/png")];
        let files = RunFiles::create(&both).unwrap().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((files.attachments.len(), mode(files.dir())), (2, 0o700));
        for path in &files.attachments {
            assert!(path.starts_with(files.attachments_dir().unwrap()));
            assert_eq!((fs::read(path).unwrap(), mode(path)), (b"bytes".to_vec(), 0o600));
        }
        let dir = files.dir().to_owned();
        drop(files);
        assert!(!dir.exists());
    }
}
