//! Pictures and videos: from a node's answer into a file, while they arrive.

use super::interrupt::unfinished_file;
use super::*;
use crate::config::paths::RUN_DIR_VARIABLE;
use crate::files::{dir_of, temp_dir};
use crate::protocol::command::media::{CameraSnap, Media};
use crate::protocol::limits;
use crate::random;
use std::{env, fs};
use tempfile::NamedTempFile;

/// The formats that a node may send, each with the extension of such files.
pub(crate) type Formats = &'static [(&'static str, &'static str)];

pub(crate) const IMAGES: Formats = &[("jpg", "jpg"), ("jpeg", "jpg"), ("png", "png")];
pub(crate) const VIDEOS: Formats = &[("mp4", "mp4")];

/// How much of an unexpected answer is shown, in columns.
const SHOWN: usize = 200;

/// A file that was written.
pub(crate) struct MediaFile {
    path: PathBuf,
    /// What the node reported about it.
    media: Media,
    bytes: u64,
}

impl MediaFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn mime_type(&self) -> &'static str {
        match self.path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => "image/png",
            Some("mp4") => "video/mp4",
            _ => "image/jpeg",
        }
    }

    /// The camera it was made with.
    pub(super) fn facing(mut self, facing: Option<&str>) -> Self {
        let facing = facing.map(|facing| ("facing".to_owned(), facing.into()));
        self.media.about.extend(facing);
        self
    }

    /// For `--json`: its path, its size, and what the node reported about it.
    pub(crate) fn json(&self) -> Value {
        let mut about = self.media.about.clone();
        about.insert("format".into(), self.media.format.clone());
        about.insert("path".into(), self.path.to_string_lossy().into());
        about.insert("bytes".into(), self.bytes.into());
        about.into()
    }

    /// Prints `MEDIA:` and the path, as the old command line did for programs that parse it.
    pub(crate) fn print_path(&self) -> Result<(), Failure> {
        print(&format!("MEDIA:{}\n", for_stdout(&self.path.to_string_lossy())))
    }

    /// Prints the path, or everything about it with `--json`.
    pub(super) fn show(&self, line: &CommandLine) -> Result<(), Failure> {
        match line.wants_json() {
            true => print_json(&json!({ "file": self.json() }).to_string()),
            false => self.print_path(),
        }
    }
}

/// The path given with `--out`, and the file to replace; for one of several files, `door.jpg` becomes
/// `door-front.jpg`. Checked before the node is asked, so that it takes no picture that cannot be
/// saved.
pub(super) fn output(
    line: &CommandLine,
    part: Option<&str>,
) -> Result<Option<(PathBuf, PathBuf)>, Failure> {
    let Some(given) = line.value("out") else { return Ok(None) };
    // As it was written: a part's name does not show everything that is wrong with it.
    check_name(given).map_err(|why| usage(line, &why))?;
    let mut path = PathBuf::from(given);
    if let Some(part) = part {
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{part}"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        path.set_file_name(name);
    }
    let shown = safe(&path.to_string_lossy());
    // Follows a symbolic link to its target.
    let target = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    if fs::metadata(&target).is_ok_and(|meta| !meta.is_file()) {
        return Err(usage(line, &format!("--out: `{shown}` is not a regular file")));
    }
    let Some(name) = target.file_name() else {
        return Err(usage(line, &format!("--out: `{shown}` is not a file name")));
    };
    if name.len() > limits::FILE_NAME_BYTES {
        let why = format!("a file name has at most {} bytes", limits::FILE_NAME_BYTES);
        return Err(usage(line, &format!("--out: `{}` is too long; {why}", clip(&shown, 60))));
    }
    Ok(Some((path, target)))
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

/// Makes a node take a picture or record a video, and writes it to its [`output`], else to a new file
/// in the directory for temporary ones, whose name begins with `stem`.
pub(super) fn fetch<C: NodeCall<Result = Media>>(
    line: &CommandLine,
    invoke: Invoke<'_, C>,
    (stem, part): (&str, Option<&str>),
    formats: Formats,
) -> Result<MediaFile, Failure> {
    let output = output(line, part)?;
    receive(line.path(), (stem, output), formats, |media| {
        let (answer, was_found) = invoke.send_for(Some(media))?;
        Ok((answer.payload()?, was_found))
    })
}

/// Writes what `send` hands over to `output`, else to a new file as [`fetch`]. `send` returns what
/// else the node sent, and whether there were media. `label` is the command's name.
pub(crate) fn receive(
    label: &str,
    (stem, output): (&str, Option<(PathBuf, PathBuf)>),
    formats: Formats,
    send: impl FnOnce(&mut dyn Write) -> Result<(Value, bool), Failure>,
) -> Result<MediaFile, Failure> {
    let dir = output.as_ref().map_or_else(usual_dir, |(_, target)| dir_of(target).to_owned());
    let file = unfinished_file(&dir).map_err(|error| {
        let dir = safe(&dir.to_string_lossy());
        command_failed(label, &format!("could not write in `{dir}`: {error}"))
    })?;
    let (payload, was_found) = send(&mut file.as_file())?;
    // The same for every command that returns media.
    let media = CameraSnap::decode(&payload);
    let extension = extension(&media, &payload, was_found, formats);
    let extension = extension.map_err(|why| command_failed(label, &why))?;
    let cannot_write = |error: io::Error| could_not_write(label, &error);
    let bytes = file.as_file().metadata().map_err(cannot_write)?.len();
    if bytes == 0 {
        return Err(command_failed(label, "the node sent an empty file"));
    }
    let path = match output {
        // The path is printed as it was written, not through links.
        Some((path, target)) => replace(file, &target).map(|()| path),
        None => {
            let id = random::uuid(random::bits());
            let path = dir.join(format!("clawdbot-{stem}-{id}.{extension}"));
            file.persist_noclobber(&path).map(|_| path).map_err(|error| error.error)
        }
    };
    Ok(MediaFile { path: path.map_err(cannot_write)?, media, bytes })
}

/// The directory of an agent's run, so that its answer may name the file; else that for temporary
/// files.
fn usual_dir() -> PathBuf {
    let run_dir = env::var_os(RUN_DIR_VARIABLE).map(PathBuf::from);
    run_dir.filter(|dir| dir.is_dir()).unwrap_or_else(temp_dir)
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
        return Err(format!("the answer contains no base64: {}", shown(payload)));
    }
    if media.format.is_null() {
        return Err(format!("the answer contains no format: {}", shown(payload)));
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
