//! Pictures and videos: from a node's answer into a file, while they arrive.

use super::interrupt::unfinished_file;
use super::*;
use crate::files::{dir_of, temp_dir};
use crate::protocol::command::media::Media;
use crate::protocol::limits;
use crate::random;
use std::fs;
use tempfile::NamedTempFile;

/// The formats that a node may send, each with the extension of such files.
pub(super) type Formats = &'static [(&'static str, &'static str)];

pub(super) const IMAGES: Formats = &[("jpg", "jpg"), ("jpeg", "jpg"), ("png", "png")];
pub(super) const VIDEOS: Formats = &[("mp4", "mp4")];

/// How much of an unexpected answer is shown, in columns.
const SHOWN: usize = 200;

/// A file that was written.
pub(super) struct MediaFile {
    path: PathBuf,
    /// What the node reported about it.
    media: Media,
    bytes: u64,
}

impl MediaFile {
    /// The camera it was made with.
    pub(super) fn facing(mut self, facing: Option<&str>) -> Self {
        let facing = facing.map(|facing| ("facing".to_owned(), facing.into()));
        self.media.about.extend(facing);
        self
    }

    /// For `--json`: its path, its size, and what the node reported about it.
    pub(super) fn json(&self) -> Value {
        let mut about = self.media.about.clone();
        about.insert("format".into(), self.media.format.clone());
        about.insert("path".into(), self.path.to_string_lossy().into());
        about.insert("bytes".into(), self.bytes.into());
        about.into()
    }

    /// Prints `MEDIA:` and the path, as the old command line did for programs that parse it.
    pub(super) fn print_path(&self) -> Result<(), Failure> {
        print(&format!("MEDIA:{}\n", for_stdout(&self.path.to_string_lossy())))
    }

    /// Prints the path, or everything about it with `--json`.
    pub(super) fn show(&self, line: &CommandLine) -> Result<(), Failure> {
        match line.is_set("json") {
            true => print_json(&json!({ "file": self.json() }).to_string()),
            false => self.print_path(),
        }
    }
}

/// Where a file goes.
pub(super) enum Destination {
    /// A new file in the directory for temporary ones, whose name begins like this.
    Fresh(String),
    /// This file, replaced if it is there.
    Out(PathBuf),
}

impl Destination {
    /// The path given with `--out`, else a new file.
    pub(super) fn of(line: &CommandLine, stem: &str) -> Self {
        match line.value("out") {
            Some(path) => Self::Out(path.into()),
            None => Self::Fresh(format!("clawdbot-{stem}")),
        }
    }

    /// As [`Destination::of`], for one of several files: `door.jpg` becomes `door-front.jpg`.
    pub(super) fn of_part(line: &CommandLine, stem: &str, part: &str) -> Self {
        match Self::of(line, stem) {
            Self::Fresh(stem) => Self::Fresh(stem),
            Self::Out(path) => {
                let mut name = path.file_stem().unwrap_or_default().to_owned();
                name.push(format!("-{part}"));
                if let Some(extension) = path.extension() {
                    name.push(".");
                    name.push(extension);
                }
                Self::Out(path.with_file_name(name))
            }
        }
    }

    /// Whether the path can be that of a file, judging by its name only.
    pub(super) fn check(&self, line: &CommandLine) -> Result<(), Failure> {
        self.resolve(line).map(|_| ())
    }

    /// The directory, and the file to replace. Checked before the node is asked, so that it takes
    /// no picture that cannot be saved.
    fn resolve(&self, line: &CommandLine) -> Result<(PathBuf, Option<PathBuf>), Failure> {
        let Self::Out(path) = self else { return Ok((temp_dir(), None)) };
        // As it was written: a part's name does not show everything that is wrong with it.
        check_name(line.value("out").unwrap_or_default()).map_err(|why| usage(line, &why))?;
        let shown = safe(&path.to_string_lossy());
        // Follows a symbolic link to its target.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        match fs::metadata(&target) {
            Ok(meta) if !meta.is_file() => {
                return Err(usage(line, &format!("--out: `{shown}` is not a regular file")));
            }
            _ => {}
        }
        let Some(name) = target.file_name() else {
            return Err(usage(line, &format!("--out: `{shown}` is not a file name")));
        };
        if name.len() > limits::FILE_NAME_BYTES {
            let why = format!("a file name has at most {} bytes", limits::FILE_NAME_BYTES);
            return Err(usage(line, &format!("--out: `{}` is too long; {why}", clip(&shown, 60))));
        }
        Ok((dir_of(&target).to_owned(), Some(target)))
    }
}

/// Whether the last part of a path can be that of a file.
fn check_name(path: &str) -> Result<(), String> {
    match path.rsplit('/').next().unwrap_or_default() {
        _ if path == "-" => {
            Err("--out: name a file; pictures and videos are not written to standard output"
                .to_owned())
        }
        "" | "." | ".." => Err(format!("--out: `{}` is not a file name", safe(path))),
        _ => Ok(()),
    }
}

/// Makes a node take a picture or record a video, and writes it to its destination.
pub(super) fn fetch<C: NodeCall<Result = Media>>(
    line: &CommandLine,
    invoke: Invoke<'_, C>,
    destination: &Destination,
    formats: Formats,
) -> Result<MediaFile, Failure> {
    let (dir, target) = destination.resolve(line)?;
    let file = unfinished_file(&dir).map_err(|error| {
        failed(line, &format!("could not write in `{}`: {error}", safe(&dir.to_string_lossy())))
    })?;
    let (answer, was_found) = invoke.send_for_media(&mut file.as_file())?;
    let payload = answer.payload()?;
    let media = C::decode(&payload);
    let extension = extension(&media, &payload, was_found, formats);
    let extension = extension.map_err(|why| failed(line, &why))?;
    let cannot_write = |error: io::Error| could_not_write(line, &error);
    let bytes = file.as_file().metadata().map_err(cannot_write)?.len();
    if bytes == 0 {
        return Err(failed(line, "the node sent an empty file"));
    }
    let path = match destination {
        Destination::Out(path) => {
            replace(file, target.as_ref().unwrap_or(path)).map_err(cannot_write)?;
            // Printed as it was written, not through links.
            path.clone()
        }
        Destination::Fresh(stem) => {
            let id = random::uuid(random_bits()?);
            let path = dir.join(format!("{stem}-{id}.{extension}"));
            file.persist_noclobber(&path).map_err(|error| cannot_write(error.error))?;
            path
        }
    };
    Ok(MediaFile { path, media, bytes })
}

/// Puts the complete file in the place of `target`, which is in the same directory and may exist.
fn replace(file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

/// The extension for a node's media; or what is wrong with the node's answer.
fn extension(
    media: &Media,
    payload: &Value,
    was_found: bool,
    formats: Formats,
) -> Result<&'static str, String> {
    let shown = |value: &Value| clip(&safe_json(&value.to_string()), SHOWN);
    if !was_found {
        let shown = shown(payload);
        return Err(format!("the answer contains no base64: {shown}"));
    }
    if media.format.is_null() {
        let shown = shown(payload);
        return Err(format!("the answer contains no format: {shown}"));
    }
    let format = media.format.as_str().unwrap_or_default().to_lowercase();
    match formats.iter().find(|(name, _)| *name == format) {
        Some((_, extension)) => Ok(extension),
        None => {
            let expected = formats.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
            Err(format!("the node sent the format {}; expected {expected}", shown(&media.format)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::media::CameraSnap;
    use std::os::unix::fs::PermissionsExt;

    fn told(payload: &str, found: bool) -> Result<&'static str, String> {
        let payload: Value = serde_json::from_str(payload).unwrap();
        extension(&CameraSnap::decode(&payload), &payload, found, IMAGES)
    }

    #[test]
    fn the_format_decides_how_the_file_ends() {
        let said = |format: &str| format!(r#"{{"format":"{format}","base64":""}}"#);
        assert_eq!(told(&said("jpg"), true), Ok("jpg"));
        assert_eq!(told(&said("JPEG"), true), Ok("jpg"));
        assert_eq!(told(&said("png"), true), Ok("png"));
        let wrong = told(&said("heic"), true).unwrap_err();
        assert_eq!(wrong, "the node sent the format \"heic\"; expected jpg or jpeg or png");
    }

    #[test]
    fn an_answer_without_media_is_quoted() {
        assert_eq!(told("null", false).unwrap_err(), "the answer contains no base64: null");
        let said = told(r#"{"format":"jpg","url":"file:///x"}"#, false).unwrap_err();
        assert!(said.ends_with(r#"no base64: {"format":"jpg","url":"file:///x"}"#), "{said}");
        let no_format = told(r#"{"base64":""}"#, true).unwrap_err();
        assert!(no_format.contains("contains no format"), "{no_format}");
        let long = told(&format!(r#"{{"x":"{}"}}"#, "y".repeat(5000)), false);
        assert!(long.unwrap_err().len() < 300);
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_complete_file_gets_a_new_name_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = unfinished_file(dir.path()).unwrap();
        file.as_file().write_all(b"picture").unwrap();
        assert!(!names(dir.path()).contains(&"a.jpg".to_owned()));
        let path = dir.path().join("a.jpg");
        file.persist_noclobber(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"picture");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(dir.path()), ["a.jpg"]);
    }

    #[test]
    fn what_is_there_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.jpg");
        fs::write(&target, "old").unwrap();
        let file = unfinished_file(dir.path()).unwrap();
        file.as_file().write_all(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        replace(file, &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["a.jpg"]);
    }

    #[test]
    fn half_a_file_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let file = unfinished_file(dir.path()).unwrap();
        file.as_file().write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}
