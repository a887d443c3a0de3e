//! The pictures of answers: files beside the transcripts, which name them. Only what an app is sent
//! contains them: the newest, as many as it can be expected to wait for.

use super::{names, StoreError};
use crate::files;
use crate::protocol::{base64, limits};
use serde_json::value::{to_raw_value, RawValue};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;

/// The field of a message's part with the name of the file.
const NAME: &str = "media";
/// The field with its content in Base64, as the apps read it.
const CONTENT: &str = "content";

/// Bytes of the longest message that may name pictures: every byte of its text may be escaped.
const LONGEST: usize = 8 * limits::MESSAGE_BYTES;

/// Keeps a picture of a session, and returns the name of its file. On disk when this returns.
pub(super) fn keep(
    dir: &Path,
    session_id: &str,
    extension: &str,
    bytes: &[u8],
) -> Result<String, StoreError> {
    let name = format!("{session_id}-{}{extension}", names::message_id());
    let path = dir.join(&name);
    files::create_private_dir(dir)
        .and_then(|()| files::write_atomically(&path, bytes))
        .map_err(|error| StoreError::io("write", &path, error))?;
    Ok(name)
}

/// A message with the content of its pictures, as far as there are `left` bytes for it.
pub(super) fn put_in(message: Box<RawValue>, dir: &Path, left: &mut usize) -> Box<RawValue> {
    let mark = format!("\"{NAME}\":\"");
    // A longer one is not ours.
    if message.get().len() > LONGEST || !message.get().contains(&mark) {
        return message;
    }
    let Ok(mut whole) = serde_json::from_str::<Value>(message.get()) else { return message };
    let parts = whole.get_mut("content").and_then(Value::as_array_mut);
    for part in parts.into_iter().flatten().filter_map(Value::as_object_mut) {
        let is_picture = part.get("type").is_some_and(|kind| kind == "attachment");
        let name = part.get(NAME).and_then(Value::as_str).map(str::to_owned);
        let Some(name) = name.filter(|_| is_picture) else { continue };
        part.remove(NAME);
        // One that is gone is still told of.
        if let Ok(content) = read(dir, name, *left) {
            *left -= content.len();
            part.insert(CONTENT.to_owned(), content.into());
        }
    }
    to_raw_value(&whole).unwrap_or(message)
}

fn read(dir: &Path, name: String, most: usize) -> io::Result<String> {
    let is_plain = !name.starts_with('.') && !name.contains('/');
    if !is_plain || most == 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (file, meta) = files::open_beneath(dir, &[OsString::from(name)])?;
    if !meta.is_file() || meta.len().div_ceil(3) * 4 > most as u64 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.take(meta.len()).read_to_end(&mut bytes)?;
    Ok(base64::encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(message: &Value, dir: &Path, left: usize) -> (Value, usize) {
        let mut left = left;
        let message = put_in(to_raw_value(message).unwrap(), dir, &mut left);
        (serde_json::from_str(message.get()).unwrap(), left)
    }

    #[test]
    fn a_message_gets_its_pictures_as_long_as_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("media");
        let names =
            [b"one".as_slice(), b"two"].map(|bytes| keep(&dir, "s", ".jpg", bytes).unwrap());
        let part = |name: &str| json!({ "type": "attachment", "fileName": "a.jpg", "media": name });
        let message = json!({ "role": "assistant", "content": [
            { "type": "text", "text": "\"media\":\"x\"" }, part(&names[0]), part(&names[1]),
        ] });
        let (all, left) = shown(&message, &dir, 9);
        let content = |message: &Value, at: usize| message["content"][at].get("content").cloned();
        assert_eq!(
            (content(&all, 1), content(&all, 2)),
            (Some("b25l".into()), Some("dHdv".into()))
        );
        assert_eq!((left, &all["content"][0]), (1, &message["content"][0]));
        assert_eq!(all["content"][1].get("media"), None);
        let (first, left) = shown(&message, &dir, 7);
        assert_eq!((content(&first, 2), left), (None, 3));
        assert_eq!(first["content"][2], json!({ "type": "attachment", "fileName": "a.jpg" }));
    }

    #[test]
    fn messages_of_others_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let name = keep(dir.path(), "s", ".jpg", b"one").unwrap();
        let long = "x".repeat(LONGEST);
        for message in [
            json!({ "content": [{ "type": "image", "media": name }] }),
            json!({ "content": { "type": "attachment", "media": name } }),
            json!({ "content": [{ "type": "attachment", "media": name }], "details": long }),
            json!({ "content": [{ "type": "attachment", "media": 5 }, "media"], "media": "x" }),
        ] {
            assert_eq!(shown(&message, dir.path(), 100), (message, 100));
        }
    }

    #[test]
    fn a_name_leads_to_a_picture_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        let media = dir.path().join("media");
        let name = keep(&media, "s", ".jpg", b"p").unwrap();
        std::os::unix::fs::symlink("../secret", media.join("link")).unwrap();
        for (name, is_read) in [
            (&*name, true),
            ("../secret", false),
            ("link", false),
            ("", false),
            (".", false),
            ("none", false),
        ] {
            assert_eq!(read(&media, name.to_owned(), 100).is_ok(), is_read, "{name}");
        }
    }
}
