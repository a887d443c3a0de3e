//! The pictures that an answer names: which of them are sent.
//!
//! An answer is text that somebody else may have put into a model's mouth, so it does not decide
//! what leaves this machine. It can name what is in the directory of its run, or in `agent.cwd`, and
//! only what is a picture by its bytes; nothing of the bridge's own.

use super::attachments::{image_type, RunFiles};
use super::environment::AgentHost;
use super::media_lines::is_address;
use super::run::{AgentAttachment, AnswerMedia};
use crate::config::AgentConfig;
use crate::files;
use crate::protocol::limits;
use crate::protocol::text::one_line;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Component, Path};

/// What can be sent of what an answer names, and what the reader is told about the rest.
pub(super) fn read(
    sources: &[String],
    (config, host): (&AgentConfig, &AgentHost),
    files: Option<&RunFiles>,
) -> (Vec<AnswerMedia>, Vec<String>) {
    let place = Place { run: files.map(RunFiles::dir), cwd: config.cwd.as_deref(), host };
    let (mut media, mut refused) = (Vec::new(), Vec::new());
    let mut left = limits::ANSWER_MEDIA_BYTES;
    for source in sources.iter().take(limits::ANSWER_MEDIA) {
        if is_address(source) {
            media.push(AnswerMedia { source: source.clone(), file: None });
            continue;
        }
        let path = Path::new(source.strip_prefix("file://").unwrap_or(source));
        let name = path.file_name().map(|name| one_line(&name.to_string_lossy(), SHOWN));
        match place.read(path, left) {
            Ok((bytes, mime_type)) => {
                left -= bytes.len();
                let (mime_type, file_name) = (mime_type.to_owned(), name);
                let file = Some(AgentAttachment { file_name, mime_type, bytes });
                media.push(AnswerMedia { source: source.clone(), file });
            }
            Err(why) => refused.push(format!("{} was not sent: {why}", name.unwrap_or_default())),
        }
    }
    if let Some(more @ 1..) = sources.len().checked_sub(limits::ANSWER_MEDIA) {
        let most = limits::ANSWER_MEDIA;
        refused.push(format!("{more} more were not sent: an answer has {most} pictures at most"));
    }
    (media, refused)
}

/// Tells the reader of an answer something about it, at its end.
pub(crate) fn add_note(answer: &mut String, note: &str) {
    let gap = if answer.is_empty() { "" } else { "\n\n" };
    answer.push_str(&format!("{gap}[{note}]"));
}

/// Characters of a file's name that a reader is shown.
const SHOWN: usize = limits::ATTACHMENT_NAME_CHARS;

struct Place<'a> {
    run: Option<&'a Path>,
    cwd: Option<&'a Path>,
    host: &'a AgentHost,
}

impl Place<'_> {
    /// A picture of at most so many bytes, and its type; or why it is not sent.
    fn read(&self, path: &Path, most: usize) -> Result<(Vec<u8>, &'static str), String> {
        let outside = "it is neither in OPENCLAW_BRIDGE_RUN_DIR nor in agent.cwd";
        let (root, names) = self.find(path).ok_or(outside)?;
        let opened = files::open_beneath(root, &names);
        let (file, meta) = opened.map_err(|_| "there is no such file, or it is a link")?;
        if !meta.is_file() {
            return Err("it is not a file".to_owned());
        }
        let size = meta.len();
        if size > most as u64 {
            let most = limits::ANSWER_MEDIA_BYTES;
            return Err(format!(
                "it has {size} bytes; the pictures of an answer have {most} at most"
            ));
        }
        let mut bytes = Vec::new();
        let read = file.take(most as u64).read_to_end(&mut bytes);
        read.map_err(|_| "it could not be read")?;
        let mime_type = image_type(&bytes).ok_or("it is not a picture")?;
        Ok((bytes, mime_type))
    }

    /// The directory in which a path may be, and the way from there.
    fn find(&self, path: &Path) -> Option<(&Path, Vec<OsString>)> {
        if let Some(run) = self.run {
            if let Some(names) = names_below(run, path) {
                return Some((run, names));
            }
        }
        let Some(cwd) = self.cwd else {
            return self.run.filter(|_| path.is_relative()).zip(names_of(path));
        };
        let physical = cwd.canonicalize().ok()?;
        let below = |path: &Path| names_below(cwd, path).or_else(|| names_below(&physical, path));
        let names = if path.is_relative() { names_of(path)? } else { below(path)? };
        let state = self.host.state_dir.canonicalize();
        let full = names.iter().fold(physical, |path, name| path.join(name));
        let is_own = state.is_ok_and(|state| full.starts_with(state));
        (!is_own).then_some((cwd, names))
    }
}

fn names_below(dir: &Path, path: &Path) -> Option<Vec<OsString>> {
    names_of(path.strip_prefix(dir).ok()?)
}

/// The names in a relative path, none of which leads up.
fn names_of(path: &Path) -> Option<Vec<OsString>> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(Some(name.to_owned())),
        Component::CurDir => Some(None),
        _ => None,
    };
    let names: Option<Vec<Option<OsString>>> = path.components().map(name).collect();
    Some(names?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n rest";

    /// A run with a working directory, in which the bridge has its state.
    struct Stage {
        dir: tempfile::TempDir,
        config: AgentConfig,
        host: AgentHost,
        files: RunFiles,
    }

    impl Stage {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let state_dir = dir.path().join("work/state");
            fs::create_dir_all(state_dir.join("bridge/tls")).unwrap();
            let config =
                AgentConfig { cwd: Some(dir.path().join("work")), ..AgentConfig::default() };
            let host = AgentHost { state_dir, ..AgentHost::default() };
            Self { dir, config, host, files: RunFiles::create(&[]).unwrap().unwrap() }
        }

        /// Writes a file, and returns the whole path.
        fn file(&self, path: &str, bytes: &[u8]) -> String {
            let path = self.dir.path().join(path);
            fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        }

        fn read(&self, sources: &[&str]) -> (Vec<AnswerMedia>, Vec<String>) {
            let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
            read(&sources, (&self.config, &self.host), Some(&self.files))
        }

        /// Why the only thing that is named is not sent.
        fn refusal(&self, source: &str) -> String {
            let (media, refused) = self.read(&[source]);
            assert!(media.is_empty(), "{source}");
            refused.concat()
        }
    }

    #[test]
    fn pictures_of_the_run_and_of_the_working_directory_are_sent() {
        let stage = Stage::new();
        let own = stage.files.dir().join("a.png");
        fs::write(&own, PICTURE).unwrap();
        let own = own.to_str().unwrap();
        let work = stage.file("work/b.jpg", b"\xff\xd8\xff\xe0");
        let address = "https://example.org/c.png";
        let file = format!("file://{own}");
        let (media, refused) = stage.read(&[own, &work, "./b.jpg", address, &file]);
        assert_eq!(refused, Vec::<String>::new());
        let types: Vec<_> = media.iter().map(|m| m.file.as_ref().map(|f| &*f.mime_type)).collect();
        let (png, jpeg) = (Some("image/png"), Some("image/jpeg"));
        assert_eq!(types, [png, jpeg, jpeg, None, png]);
        let first = media[0].file.as_ref().unwrap();
        assert_eq!((first.file_name.as_deref(), &*first.bytes), (Some("a.png"), PICTURE));
        assert_eq!(media[3].source, address);
    }

    #[test]
    fn an_answer_cannot_send_what_is_not_its_own() {
        let stage = Stage::new();
        let outside = stage.file("private.png", PICTURE);
        let state = stage.file("work/state/bridge/tls/bridge-key.pem", PICTURE);
        let link = stage.dir.path().join("work/link.png");
        symlink(&outside, &link).unwrap();
        symlink(&stage.host.state_dir, stage.dir.path().join("work/side")).unwrap();
        let work = stage.config.cwd.as_ref().unwrap().to_str().unwrap();
        for path in [
            &*outside,
            &state,
            "/etc/passwd",
            "./state/bridge/tls/bridge-key.pem",
            "./side/bridge/tls/bridge-key.pem",
            "./../private.png",
            link.to_str().unwrap(),
            "./link.png",
            &format!("{work}/../private.png"),
            &format!("file://{outside}"),
            &format!("{}/../private.png", stage.files.dir().display()),
            "./none.png",
            "./",
            "/",
        ] {
            let refusal = stage.refusal(path);
            assert!(
                refusal.contains("was not sent: it is ") || refusal.contains("no such file"),
                "{refusal}"
            );
        }
    }

    #[test]
    fn only_what_is_a_picture_and_no_larger_than_an_app_waits_for_is_sent() {
        let stage = Stage::new();
        let text = stage.file("work/key.png", b"-----BEGIN PRIVATE KEY-----");
        assert_eq!(stage.refusal(&text), "key.png was not sent: it is not a picture");
        let fifo = stage.dir.path().join("work/fifo.png");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let refusal = stage.refusal(fifo.to_str().unwrap());
        assert_eq!(refusal, "fifo.png was not sent: it is not a file");
        let mut large = PICTURE.to_vec();
        large.resize(limits::ANSWER_MEDIA_BYTES, 0);
        let large = stage.file("work/large.png", &large);
        let small = stage.file("work/small.png", PICTURE);
        let (media, refused) = stage.read(&[&large, &small]);
        let why = "small.png was not sent: it has 13 bytes; the pictures of an answer have 1500000 at most";
        assert_eq!((media.len(), refused), (1, vec![why.to_owned()]));
        let many = vec![&*small; limits::ANSWER_MEDIA + 2];
        let (media, refused) = stage.read(&many);
        let why = "2 more were not sent: an answer has 8 pictures at most";
        assert_eq!((media.len(), refused), (limits::ANSWER_MEDIA, vec![why.to_owned()]));
    }
}
