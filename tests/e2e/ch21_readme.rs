//! Every console block of the README, typed into a shell: what it promises to print is printed.
//!
//! `$ ` begins a command, what follows is what it prints; `…` stands for anything. Commands that
//! change the machine are played by doubles that write down what they were
//! asked; `make` is asked what it would do.

use crate::support::{Daemon, Setup, DEADLINE};
use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Instant;

/// A command and the lines it is said to print.
struct Step {
    command: String,
    prints: Vec<String>,
}

/// The console blocks, with the headings they stand under.
fn blocks(text: &str) -> Vec<(String, Vec<Step>)> {
    let mut blocks = Vec::new();
    let mut heading = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            heading = line.trim_start_matches(['#', ' ']).to_owned();
        }
        if line.trim() != "```console" {
            continue;
        }
        let mut steps: Vec<Step> = Vec::new();
        for line in lines.by_ref().take_while(|line| line.trim() != "```") {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    steps.push(Step { command: command.to_owned(), prints: Vec::new() });
                }
                None => steps.last_mut().unwrap().prints.push(line.to_owned()),
            }
        }
        blocks.push((heading.clone(), steps));
    }
    blocks
}

/// Whether `line` is what `pattern` says; `…` is anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    open || rest.is_empty()
}

/// A shell that is typed into; its output line by line.
struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    steps: u32,
    /// Something runs in the background and may say something at any time.
    has_background: bool,
}

impl Shell {
    fn start(setup: &Setup, path: &Path) -> Self {
        let mut command = Command::new("bash");
        command.env_clear().env("HOME", setup.path("home")).current_dir(setup.path("checkout"));
        command.env("OPENCLAW_BRIDGE_STATE_DIR", setup.path("state"));
        command.env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // So that what is left in the background can be ended with it.
        command.process_group(0);
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "exec 2>&1").unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Ends with the shell, or when nobody listens any more.
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        Self { child, input, lines, steps: 0, has_background: false }
    }

    fn step(&mut self, place: &str, step: &Step) {
        self.steps += 1;
        let marker = format!("step {} ended with ", self.steps);
        let command = step.command.split("   #").next().unwrap().trim_end();
        self.has_background |= command.ends_with('&');
        writeln!(self.input, "{command}\necho \"{marker}$?\"").unwrap();
        let mut wanted: VecDeque<&String> = step.prints.iter().collect();
        let (mut printed, mut ended) = (Vec::new(), false);
        let deadline = Instant::now() + DEADLINE;
        while !ended || !wanted.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{place}: `{command}` did not print {wanted:?}, but {printed:#?}");
            };
            if let Some(status) = line.strip_prefix(&marker) {
                assert_eq!(status, "0", "{place}: `{command}` failed: {printed:#?}");
                ended = true;
                // What a command in the foreground has not said by now it will not say.
                let rest = self.has_background || wanted.is_empty();
                assert!(rest, "{place}: `{command}` did not print {wanted:?}, but {printed:#?}");
            } else if wanted.front().is_some_and(|pattern| matches(pattern, &line)) {
                wanted.pop_front();
            } else if self.has_background || step.prints.is_empty() {
                printed.push(line);
            } else {
                panic!("{place}: `{command}` printed {line:?}, which is not in the README");
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        // Nobody left is fine.
        let _ = group
            .map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
        let _ = self.child.wait();
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// The programs a reader has, as far as a test may use them.
fn doubles(setup: &Setup, daemon: &Daemon) -> PathBuf {
    let bin = setup.path("bin");
    // The README's first screen puts this directory in front of the PATH.
    let built = setup.path("checkout").join("target/release");
    for dir in [&bin, &built] {
        fs::create_dir_all(dir).unwrap();
        let program = env!("CARGO_BIN_EXE_openclaw-bridge");
        let port = daemon.address().port();
        // A node finds the bridge at the usual port, which a test cannot have; somebody answers the
        // questions of `setup`, and ends with Ctrl-C what waits for a phone.
        let asked = bin.join("asked");
        let cases = [
            format!("\"node \"*) shift; exec {program} node --port {port} \"$@\" ;;"),
            format!("setup) echo setup >> {} ;;", asked.display()),
            format!("*\" --watch\") exec timeout --preserve-status 0.1 {program} \"$@\" ;;"),
            format!("*) exec {program} \"$@\" ;;"),
        ];
        let text = format!("case \"$*\" in {} esac", cases.join(" "));
        script(&dir.join("openclaw-bridge"), &text);
    }
    let root = env!("CARGO_MANIFEST_DIR");
    script(&bin.join("make"), &format!("exec /usr/bin/make -n -C {root} \"$@\" > /dev/null"));
    // As root, everything that is not known to be harmless is written down instead. The shell's
    // own input is the rest of the README, so only `tee` may read.
    let note = format!("echo \"$@\" >> {}/asked", bin.display());
    let harmless = "openclaw-bridge|make|systemctl) exec \"$@\" ;;";
    let sudo =
        format!("case \"$1\" in {harmless} tee) cat > /dev/null; {note} ;; *) {note} ;; esac");
    script(&bin.join("sudo"), &sudo);
    script(&bin.join("systemctl"), &note);
    script(&bin.join("journalctl"), &note);
    bin
}

#[test]
fn every_console_block_of_the_readme_does_what_it_says() {
    let setup = Setup::new();
    let daemon = setup.start();
    let bin = doubles(&setup, &daemon);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let blocks = blocks(&fs::read_to_string(readme).unwrap());
    assert!(blocks.len() >= 3, "the README has console blocks");
    let mut shell = Shell::start(&setup, &bin);
    for (heading, steps) in &blocks {
        for step in steps {
            shell.step(&format!("README, {heading:?}"), step);
        }
    }
    let asked = fs::read_to_string(bin.join("asked")).unwrap();
    for wish in ["setup", "enable --now openclaw-bridge"] {
        assert!(asked.contains(wish), "{wish} in {asked}");
    }
}

#[test]
fn an_ellipsis_is_anything_and_the_rest_is_exact() {
    assert!(matches("paired Kitchen (0b1f…)", "paired Kitchen (0b1f6c0e)"));
    assert!(matches("a … b …", "a x b y"));
    assert!(!matches("paired", "paired now"));
    assert!(!matches("a…c", "abcd"));
}
