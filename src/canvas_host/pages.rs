//! The pages that are part of the program, and the paths of all pages.

use super::types;
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// What the paths of the apps begin with.
pub(super) const PREFIX: &str = "/__clawdbot__/";
/// The owner's folder.
pub(crate) const CANVAS: &str = "/__clawdbot__/canvas/";
/// Notices of changed files, below [`PREFIX`].
pub(super) const NOTICES: &str = "changes";
/// The script that waits for them, below [`PREFIX`].
pub(super) const LIVE: &str = "live.js";
/// The script with which a page talks to the app that shows it, below [`PREFIX`].
pub(super) const ACTIONS: &str = "actions.js";
/// What stands in the owner's folder at first.
pub(super) const WELCOME: &str = include_str!("pages/index.html");

/// What the renderer of A2UI may load: its own scripts and styles, and pictures and films of
/// messages from anywhere. So a message that found a way to become markup could do nothing.
const A2UI_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src http: https: data: blob:; media-src http: https: data: blob:; worker-src 'self'; \
    base-uri 'none'; form-action 'none'";

macro_rules! pages {
    ($($path:literal)*) => { &[$(($path, include_bytes!(concat!("pages/", $path)))),*] };
}

const PAGES: &[(&str, &[u8])] = pages! {
    "actions.js"
    "live.js"
    "a2ui/index.html"
    "a2ui/basic.js"
    "a2ui/components.js"
    "a2ui/datetime.js"
    "a2ui/dom.js"
    "a2ui/icons.js"
    "a2ui/inputs.js"
    "a2ui/keep.js"
    "a2ui/layout.js"
    "a2ui/limits.js"
    "a2ui/main.js"
    "a2ui/markdown.js"
    "a2ui/messages.js"
    "a2ui/model.js"
    "a2ui/status.js"
    "a2ui/style.css"
    "a2ui/styles.js"
    "a2ui/surface.js"
    "a2ui/tree.js"
    "a2ui/validation-worker.js"
    "a2ui/validation.js"
};

/// A file that is part of the program.
pub(super) struct Page {
    pub(super) bytes: &'static [u8],
    pub(super) content_type: &'static str,
    pub(super) version: String,
    pub(super) policy: Option<&'static str>,
}

/// The file with this path below [`PREFIX`].
pub(super) fn find(path: &str) -> Option<Page> {
    let path = match path.ends_with('/') {
        true => Cow::Owned(format!("{path}index.html")),
        false => Cow::Borrowed(path),
    };
    let (name, bytes) = PAGES.iter().find(|(name, _)| *name == path)?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Some(Page {
        bytes,
        content_type: types::of(Path::new(name)),
        version: format!("{:x}", hasher.finish()),
        policy: name.starts_with("a2ui/").then_some(A2UI_POLICY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_and_has_a_type() {
        for (name, bytes) in PAGES {
            let page = find(name).unwrap();
            assert_eq!(page.bytes, *bytes);
            assert!(page.content_type.starts_with("text/"), "{name}");
            assert_eq!(page.policy.is_some(), name.starts_with("a2ui/"));
        }
        assert!(find("a2ui/").is_some_and(|page| page.content_type == types::HTML));
        for script in [LIVE, ACTIONS] {
            assert!(find(script).is_some(), "{script}");
        }
        assert!(find("index.html").is_none() && find("/").is_none());
    }
}
