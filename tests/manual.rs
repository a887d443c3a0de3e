//! The manual pages say what the program does: they are compared with what the tables make.
//! `UPDATE=1 cargo test --test manual` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use openclaw_bridge::config::schema::{self, Effect, Key, KEYS};
use openclaw_bridge::config::Config;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// A file's name, and what makes it.
type ManualPage = (&'static str, fn() -> String);

const PAGES: &[ManualPage] = &[("openclaw-bridge.json5.5", configuration)];

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

/// `openclaw-bridge.json5(5)`, in roff.
fn configuration() -> String {
    let mut page = Page::new("OPENCLAW\\-BRIDGE.JSON5", 5, "File Formats");
    page.section("NAME");
    page.text("openclaw-bridge.json5 - the configuration of openclaw-bridge");
    page.section("DESCRIPTION");
    page.text(
        "The configuration is one JSON5 file: JSON with comments, trailing commas and names \
         without quotes. Everything in it is optional. It is looked for in this order: --config, \
         $OPENCLAW_BRIDGE_CONFIG, /etc/openclaw-bridge/bridge.json5, \
         $XDG_CONFIG_HOME/openclaw-bridge/bridge.json5.",
    );
    page.text(
        "The sections are those of the old gateway, so parts of an old openclaw.json can be \
         pasted; sections that belong to other programs are ignored with one notice. Within the \
         sections below, an unknown key or a wrong value stops the start and is told with its \
         path; a running daemon keeps its old configuration. `openclaw-bridge config check` tells \
         every mistake at once, `openclaw-bridge config show` what is in force and where it was \
         set.",
    );
    page.text(
        "Durations are written as \"500ms\", \"15s\", \"10m\" or \"2h\", or as a number of \
         milliseconds. A path may begin with ~; a relative one begins where the file is.",
    );
    page.section("KEYS");
    let defaults = schema::values(&Config::default());
    for key in KEYS {
        entry(&mut page, key, &defaults);
    }
    page.section("EXAMPLE");
    page.raw(".nf\n");
    page.raw(&escaped(EXAMPLE));
    page.raw(".fi\n");
    page.section("SEE ALSO");
    page.raw(".BR openclaw\\-bridge (1)\n");
    page.0
}

const EXAMPLE: &str = "{
  bridge: {
    bind: \"lan\",
    tls: { enabled: true },
  },
  agent: { kind: \"command\", command: [\"/usr/local/bin/answer\"] },
}
";

fn entry(page: &mut Page, key: &Key, defaults: &Value) {
    let default = match key.value_in(defaults) {
        Value::Null => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        value => format!(" Default: {value}."),
    };
    let effect = match key.effect {
        Effect::Reload => " A reload changes it.",
        Effect::Restart | Effect::Unused => "",
    };
    let expects = format!("Must be {}.", key.kind.expects());
    let text = format!("{} {expects}{default}{effect}", key.help);
    page.item(&format!("\\fB{}\\fR", escaped(key.path)), &text);
}

/// Roff in the making.
struct Page(String);

impl Page {
    fn new(title: &str, section: u8, manual: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self(format!(".TH {title} {section} \"\" \"openclaw\\-bridge {version}\" \"{manual}\"\n"))
    }

    fn section(&mut self, title: &str) {
        self.raw(&format!(".SH {}\n", escaped(title)));
    }

    /// `title` is roff.
    fn subsection(&mut self, title: &str) {
        self.raw(&format!(".SS {title}\n"));
    }

    fn text(&mut self, text: &str) {
        self.raw(".PP\n");
        self.line(text);
    }

    /// A term, as roff, and what it means.
    fn item(&mut self, term: &str, meaning: &str) {
        self.raw(&format!(".TP\n{term}\n"));
        self.line(meaning);
    }

    fn line(&mut self, text: &str) {
        let text = escaped(text);
        // A dot or a quote at the start of a line would be a request.
        let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
        self.raw(&format!("{guard}{text}\n"));
    }

    fn raw(&mut self, roff: &str) {
        self.0.push_str(roff);
    }
}

/// The text as roff shows it: a dash that can be copied, a backslash that is one.
fn escaped(text: &str) -> String {
    let mut roff = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => roff.push_str("\\e"),
            '-' => roff.push_str("\\-"),
            '`' => roff.push_str("\\(ga"),
            '~' => roff.push_str("\\(ti"),
            '^' => roff.push_str("\\(ha"),
            '…' => roff.push_str("..."),
            c => roff.push(c),
        }
    }
    roff
}
