//! Pictures and films: out of a node's answer into a file, while they arrive.

use crate::cli::args::CommandLine;
use crate::cli::columns::clip;
use crate::cli::failure::Failure;
use crate::cli::node_commands::invoke::{could_not_write, failed, said, usage, Invoke};
use crate::cli::node_commands::output_file::OutputFile;
use crate::cli::node_commands::progress::{clean_up_when_interrupted, Progress};
use crate::cli::text::{for_stdout, safe, safe_json};
use crate::cli::{print, print_json};
use crate::files::temp_dir;
use crate::random;
use serde_json::{json, Map, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// What a node may say the format is, and how such files end.
pub(super) type Formats = &'static [(&'static str, &'static str)];

pub(super) const IMAGES: Formats = &[("jpg", "jpg"), ("jpeg", "jpg"), ("png", "png")];
pub(super) const VIDEOS: Formats = &[("mp4", "mp4")];

/// The longest name that the usual file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// How much of a strange answer is shown, in columns.
const SHOWN: usize = 200;

/// A file that was made.
pub(super) struct MediaFile {
    pub(super) path: PathBuf,
    /// What the node said about it, without its content.
    pub(super) about: Map<String, Value>,
    bytes: u64,
}

impl MediaFile {
    /// For `--json`: where it is, and what the node said about it.
    pub(super) fn json(&self) -> Value {
        let mut about = self.about.clone();
        about.remove("base64");
        about.insert("path".into(), self.path.to_string_lossy().into());
        about.insert("bytes".into(), self.bytes.into());
        about.into()
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
    /// What `--out` says, else a fresh file.
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

    /// Whether a file can go there, as far as its name tells.
    pub(super) fn check(&self, line: &CommandLine) -> Result<(), Failure> {
        self.resolve(line).map(|_| ())
    }

    /// The directory, and the file to replace. Looked at before the node is asked, so that no
    /// picture is taken that cannot be kept.
    fn resolve(&self, line: &CommandLine) -> Result<(PathBuf, Option<PathBuf>), Failure> {
        let Self::Out(path) = self else { return Ok((temp_dir(), None)) };
        // As it was written: a part's name does not show everything that is wrong with it.
        check_name(line.value("out").unwrap_or_default()).map_err(|why| usage(line, &why))?;
        let shown = safe(&path.to_string_lossy());
        // Through a link to what it means.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        match fs::metadata(&target) {
            Ok(meta) if !meta.is_file() => {
                return Err(usage(line, &format!("--out: `{shown}` is not a regular file")));
            }
            _ => {}
        }
        let Some(name) = target.file_name() else {
            return Err(usage(line, &format!("--out: `{shown}` is not the name of a file")));
        };
        if name.len() > LONGEST_NAME {
            let why = format!("the name of a file has at most {LONGEST_NAME} bytes");
            return Err(usage(line, &format!("--out: `{}` is too long; {why}", clip(&shown, 60))));
        }
        let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty());
        Ok((dir.unwrap_or_else(|| Path::new(".")).to_owned(), Some(target)))
    }
}

/// Whether the last part of a path can be that of a file.
fn check_name(path: &str) -> Result<(), String> {
    match path.rsplit('/').next().unwrap_or_default() {
        _ if path == "-" => {
            Err("--out: name a file; pictures and films are not written to standard output"
                .to_owned())
        }
        "" | "." | ".." => Err(format!("--out: `{}` is not the name of a file", safe(path))),
        _ => Ok(()),
    }
}

/// Asks a node for a picture or a film, and puts it where it belongs.
pub(super) fn fetch(
    line: &CommandLine,
    invoke: Invoke<'_>,
    destination: &Destination,
    formats: Formats,
) -> Result<MediaFile, Failure> {
    let (dir, target) = destination.resolve(line)?;
    let mut file = OutputFile::create(&dir).map_err(|error| {
        failed(line, &format!("could not write in `{}`: {error}", safe(&dir.to_string_lossy())))
    })?;
    if file.is_hidden() {
        clean_up_when_interrupted();
    }
    let progress = Progress::start(invoke.title());
    let (answer, was_found) = invoke.ask_for_media(&progress, &mut file)?;
    drop(progress);
    let (about, extension) =
        about(&answer, was_found, formats).map_err(|why| failed(line, &why))?;
    let bytes = file.len().map_err(|error| could_not_write(line, &error))?;
    if bytes == 0 {
        return Err(failed(line, "the node sent an empty file"));
    }
    let path = match destination {
        // Told as it was written, not through links.
        Destination::Out(path) => {
            file.replace(target.as_ref().unwrap_or(path)).map(|()| path.clone())
        }
        Destination::Fresh(stem) => {
            let bits = random::bits().map_err(|_| Failure::failed("no random numbers"))?;
            file.name(&format!("{stem}-{}.{extension}", random::uuid(bits)))
        }
    };
    let path = path.map_err(|error| could_not_write(line, &error))?;
    Ok(MediaFile { path, about, bytes })
}

/// What the node said about its media, and how the file shall end; or what is wrong with it.
fn about(
    answer: &str,
    was_found: bool,
    formats: Formats,
) -> Result<(Map<String, Value>, &'static str), String> {
    let said = said(answer)?;
    let shown = || match &said {
        Value::Null => "nothing".to_owned(),
        said => clip(&safe_json(&said.to_string()), SHOWN),
    };
    let expected = || formats.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
    if !was_found {
        return Err(format!("the answer has no base64 in it; the node said {}", shown()));
    }
    let format = said["format"].as_str().unwrap_or_default().to_lowercase();
    let extension = formats.iter().find(|(name, _)| *name == format);
    match (extension, &said) {
        (Some((_, extension)), Value::Object(about)) => Ok((about.clone(), extension)),
        _ if said["format"].is_null() => {
            Err(format!("the answer does not say its format; the node said {}", shown()))
        }
        _ => Err(format!(
            "the node sent the format {}, not {}",
            clip(&safe_json(&said["format"].to_string()), SHOWN),
            expected()
        )),
    }
}

/// Prints where a file is: `MEDIA:` and its path, the old command line's word for programs that
/// read along.
pub(super) fn say(media: &MediaFile) -> Result<(), Failure> {
    print(&format!("MEDIA:{}\n", for_stdout(&media.path.to_string_lossy())))
}

/// One file: where it is, or everything about it with `--json`.
pub(super) fn show(line: &CommandLine, media: &MediaFile) -> Result<(), Failure> {
    if line.is_set("json") {
        return print_json(&json!({ "file": media.json() }).to_string());
    }
    say(media)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(payload: &str, found: bool) -> Result<&'static str, String> {
        let answer = format!(r#"{{"ok":true,"nodeId":"n","command":"c"{payload}}}"#);
        about(&answer, found, IMAGES).map(|(_, extension)| extension)
    }

    #[test]
    fn the_format_decides_how_the_file_ends() {
        let said = |format: &str| format!(r#","payload":{{"format":"{format}","base64":""}}"#);
        assert_eq!(told(&said("jpg"), true), Ok("jpg"));
        assert_eq!(told(&said("JPEG"), true), Ok("jpg"));
        assert_eq!(told(&said("png"), true), Ok("png"));
        let wrong = told(&said("heic"), true).unwrap_err();
        assert_eq!(wrong, "the node sent the format \"heic\", not jpg or jpeg or png");
    }

    #[test]
    fn an_answer_without_media_is_quoted() {
        assert_eq!(
            told("", false).unwrap_err(),
            "the answer has no base64 in it; the node said nothing"
        );
        let said = told(r#","payload":{"format":"jpg","url":"file:///x"}"#, false).unwrap_err();
        assert!(said.ends_with(r#"the node said {"format":"jpg","url":"file:///x"}"#), "{said}");
        let no_format = told(r#","payload":{"base64":""}"#, true).unwrap_err();
        assert!(no_format.contains("does not say its format"), "{no_format}");
        let long = told(&format!(r#","payload":{{"x":"{}"}}"#, "y".repeat(5000)), false);
        assert!(long.unwrap_err().len() < 300);
    }
}
