//! `setup`: asks four questions, and writes the configuration.

mod answers;

use super::next_steps::{command, labelled, sudo};
use super::*;
use crate::config::{self, paths, process_env, Config, Loaded, Origin, Shown, Sources};
use crate::files::{self, Staged};
use crate::protocol::operator::{Reload, Status};
use answers::Answers;
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{chown, fchown, DirBuilderExt, MetadataExt, PermissionsExt};

/// The file that is written.
struct Place {
    path: PathBuf,
    /// Its text, if there is one already.
    before: Option<String>,
    /// Whether it was named, and is not where every bridge looks.
    is_named: bool,
}

/// What the command prints with `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SetupReport<'a> {
    path: &'a Path,
    changed: bool,
    /// Where the file that was there before is kept.
    copy: Option<&'a Path>,
    /// What is to be done next, in commands.
    next: &'a [String],
}

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let is_dialogue = !line.is_set("yes") && !line.wants_json();
    if is_dialogue && !prompt::is_possible() {
        return Err(Failure::usage(
            "nobody can be asked, because this is no terminal: add --yes, and --network, --tls, --name \
             and --agent where the defaults do not suit you",
        ));
    }
    let place = find_place(line)?;
    let before = place.before.as_ref().map(|_| read(&place.path));
    let valid = before.as_ref().and_then(|read| read.as_ref().ok());
    let answers = Answers::collect(line, valid.map(|loaded| &loaded.config), is_dialogue)?;
    let text = answers.file();
    if is_dialogue && !is_wanted(&place, before.as_ref(), &text)? {
        return print("nothing was changed\n");
    }
    let is_changed = place.before.as_ref() != Some(&text);
    let copy = if is_changed { write(&place, &text)? } else { None };
    // The file is there in any case.
    let (next, failure) = match next(line, &place) {
        Ok(next) => (next, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let mut said = match is_changed {
        true => format!("wrote {}\n", place.shown()),
        false => format!("{} is as wanted already\n", place.shown()),
    };
    let undo = match &copy {
        Some(copy) => {
            let copy = safe(&copy.to_string_lossy());
            said += &format!("what was there before is in {copy}\n");
            let lost: Vec<&str> = valid.into_iter().flat_map(lost).collect();
            if !lost.is_empty() {
                said += &format!("not taken over: {}\n", lost.join(", "));
            }
            format!("mv {copy} {}", place.shown())
        }
        None => format!("rm {}", place.shown()),
    };
    if is_changed {
        said += &format!("to undo it: `{}{undo}`, and restart the bridge\n", sudo());
    }
    for warning in answers.warnings(geteuid().is_root()) {
        said += &format!("warning: {warning}\n");
    }
    said += &labelled(next.clone());
    let (path, copy) = (&*place.path, copy.as_deref());
    print_answer(line, &SetupReport { path, changed: is_changed, copy, next: &next }, &said)?;
    failure.map_or(Ok(()), |Failure { code, message, .. }| {
        Err(Failure::new(code, format!("the bridge that runs could not read it: {message}")))
    })
}

/// The command that whoever reads this has to type to configure the bridge.
pub(super) fn command_to_type() -> String {
    match is_for_service() && !geteuid().is_root() {
        true => "`sudo openclaw-bridge setup`".into(),
        false => command("setup"),
    }
}

/// Whether the bridge of this machine is the service, so that its configuration is root's.
fn is_for_service() -> bool {
    paths::is_unit_installed() || paths::service_config().exists()
}

/// Where `serve`, or the service, looks for its configuration.
fn find_place(line: &CommandLine) -> Result<Place, Failure> {
    let named = line.value("config").map(PathBuf::from);
    let named = named.or_else(|| paths::named_config(&process_env));
    let is_named = named.is_some();
    let path = match named {
        Some(path) => path,
        None if geteuid().is_root() => paths::service_config(),
        None if is_for_service() => {
            return Err(Failure::failed(format!(
                "the bridge of this machine reads `{}`, which is root's: run {}; for a bridge of your \
                 own, name its configuration with --config",
                paths::service_config().display(),
                command_to_type()
            )));
        }
        None => paths::own_config(&process_env).ok_or_else(|| {
            Failure::failed("HOME is not set; name the configuration with --config")
        })?,
    };
    // A link stays, and what it leads to is written.
    let path = path.canonicalize().or_else(|_| std::path::absolute(&path)).unwrap_or(path);
    let before = files::read_if_exists(&path);
    let before = before.map_err(could_not(format!("read `{}`", path.display())))?;
    let before = before.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Place { path, before, is_named })
}

impl Place {
    fn shown(&self) -> String {
        safe(&self.path.to_string_lossy())
    }
}

/// As `config check` reads it, without what is set elsewhere.
fn read(path: &Path) -> Result<Loaded, config::Error> {
    let sources = Sources { file: Some(path.to_owned()), ..Sources::default() };
    let env = |name: &str| process_env(name).filter(|_| name == "HOME");
    config::load(&sources, &env)
}

/// The settings in a file. It is not shown as it is, because it may contain keys of other services.
fn settings(file: &Loaded) -> impl Iterator<Item = Shown> {
    file.show().into_iter().filter(|setting| matches!(setting.origin, Origin::File(_)))
}

/// Those that no answer stands for.
fn lost(file: &Loaded) -> impl Iterator<Item = &'static str> {
    settings(file).map(|setting| setting.path).filter(|key| !answers::KEYS.contains(key))
}

fn is_wanted(
    place: &Place,
    before: Option<&Result<Loaded, config::Error>>,
    text: &str,
) -> Result<bool, Failure> {
    let path = place.shown();
    if place.before.as_deref() == Some(text) {
        return Ok(true);
    }
    match before {
        Some(Ok(file)) => {
            let row = |setting: Shown| {
                let is_kept = answers::KEYS.contains(&setting.path);
                let what = if is_kept { "" } else { "not taken over" };
                vec![setting.path.to_owned(), safe(&setting.value.to_string()), what.to_owned()]
            };
            let rows: Vec<Vec<String>> = settings(file).map(row).collect();
            print(&format!("\n{path} exists, and sets:\n\n"))?;
            print(&whole_table(&["KEY", "VALUE", ""], &rows))?;
        }
        Some(Err(error)) => print(&format!("\n{path} exists, with mistakes: {error}\n"))?,
        None => {}
    }
    print(&format!("\n{path} will be:\n\n{}\n", safe_text(text)))?;
    match before {
        Some(_) => prompt::yes_or_no("Replace it by this? A copy is kept.", false),
        None => prompt::yes_or_no("Write this?", true),
    }
}

/// Writes and checks the file, and puts it in place. Returns where the one before is kept.
fn write(place: &Place, text: &str) -> Result<Option<PathBuf>, Failure> {
    let path = &place.path;
    let failed = || could_not(format!("write `{}`", path.display()));
    make_dir(files::dir_of(path)).map_err(failed())?;
    let fill = |file: &mut File| {
        file.write_all(text.as_bytes())?;
        make_readable(file, path)
    };
    let (staged, ()) = Staged::fill(path, fill).map_err(failed())?;
    read(&files::temp_name(path))?;
    let copy = match place.before {
        Some(_) => Some(files::keep_copy_as(path, "before-setup").map_err(failed())?),
        None => None,
    };
    staged.commit_durably().map_err(failed())?;
    Ok(copy)
}

/// Root's is for the service, which runs as another user.
fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        let is_services = paths::service_config().parent() == Some(dir);
        // The unit of an earlier version had systemd give it to the service.
        return match is_services && geteuid().is_root() {
            true => chown(dir, Some(0), Some(0)),
            false => Ok(()),
        };
    }
    let mode = if geteuid().is_root() { 0o755 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(mode).create(dir)?;
    // Whatever the umask.
    fs::set_permissions(dir, Permissions::from_mode(mode))
}

/// Whoever could read the file before can read the new one.
fn make_readable(file: &File, path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(before) => {
            // Fails for those who cannot give files away.
            let _ = fchown(file, Some(before.uid()), Some(before.gid()));
            file.set_permissions(Permissions::from_mode(before.mode() & 0o755))
        }
        Err(_) if geteuid().is_root() => file.set_permissions(Permissions::from_mode(0o644)),
        Err(_) => Ok(()),
    }
}

/// What makes the configuration take effect. A bridge that runs reads it.
fn next(line: &CommandLine, place: &Place) -> Result<Vec<String>, Failure> {
    let then = format!("{} says what to type on the phone", command("status"));
    if place.is_named {
        let path = place.shown();
        return Ok(vec![format!("`openclaw-bridge serve --config {path}`"), then]);
    }
    let systemctl = |verb: &str| format!("`{}systemctl {verb} openclaw-bridge`", sudo());
    let Some(status) = operator::running_status(line)? else {
        return Ok(match paths::is_unit_installed() {
            true => vec![systemctl("enable --now"), then],
            false => vec![command("serve")],
        });
    };
    let reloaded = ask(line, &Reload {})?.read()?;
    let path = place.path.to_string_lossy();
    Ok(match reloaded.path {
        Some(other) if other != path => {
            vec![format!("the bridge that runs reads `{}` instead", safe(&other))]
        }
        _ if reloaded.restart_needed.is_empty() => vec![then],
        _ if is_service(&status) => vec![systemctl("restart"), then],
        _ => vec![format!("{}, and {} again", command("stop"), command("serve"))],
    })
}

fn is_service(status: &Status) -> bool {
    let service = paths::service_state_dir(&Config::default(), &|_| None);
    service.is_some_and(|dir| Path::new(&status.state_dir) == dir) && paths::is_unit_installed()
}
