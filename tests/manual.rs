//! The manual pages say what the program does: they are compared with what the tables make.
//! `UPDATE=1 cargo test --test manual` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use openclaw_bridge::cli::manual;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// A file's name, and what makes it.
type ManualPage = (&'static str, fn() -> String);

const PAGES: &[ManualPage] =
    &[("openclaw-bridge.1", manual::program), ("openclaw-bridge.json5.5", manual::configuration)];

#[test]
fn the_manual_says_what_the_program_does() {
    for (name, page) in PAGES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/man").join(name);
        let page = page();
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &page).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == page, "etc/man/{name} is out of date; UPDATE=1 cargo test --test manual");
    }
}

#[test]
fn the_manual_is_roff_without_a_mistake() {
    for (name, _) in PAGES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/man").join(name);
        let groff = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .arg(&path)
            .stdin(Stdio::null())
            .output();
        match groff {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success() && said.is_empty(), "{name}: {said}");
            }
            // Not every machine has groff; the one where the pages were made did.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
        }
    }
}
