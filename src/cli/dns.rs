//! `dns setup`: the files by which CoreDNS serves the wide-area zone.

use super::*;
use crate::config::Config;
use crate::discovery::coredns;
use crate::discovery::profile::ZoneSettings;
use crate::discovery::zone_file::ZoneFile;
use crate::files::{self, Staged};
use crate::protocol::limits;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;

/// A file for CoreDNS.
struct Wanted {
    /// Where it is for CoreDNS; it may be written below another root.
    path: PathBuf,
    target: PathBuf,
    text: String,
    found: Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Missing,
    Current,
    /// Written by an earlier setup.
    Outdated,
    /// Changed or made by somebody else.
    Foreign,
}

/// Everything there is to say.
struct Plan {
    domain: String,
    addresses: Vec<IpAddr>,
    zone: PathBuf,
    files: Vec<Wanted>,
    notes: Vec<String>,
}

pub(super) fn setup(line: &CommandLine) -> Result<(), Failure> {
    let plan = plan(line)?;
    let applies = line.is_set("apply");
    let copies = if applies { write(&plan.files, line.is_set("force"))? } else { Vec::new() };
    print_answer(line, &json(&plan, applies, &copies), &text(&plan, applies, &copies))
}

fn plan(line: &CommandLine) -> Result<Plan, Failure> {
    let config = config_file::of_serve(line)?;
    let running = operator::running_status(line)?;
    let place = ZoneSettings::new(&config);
    let (_, v4, v6) = zone::addresses(line, &place)?;
    let addresses: Vec<IpAddr> =
        [Some(v4.into()), v6.map(IpAddr::from)].into_iter().flatten().collect();
    let mut notes = notes(&config);
    let state_dir = match &running {
        Some(running) => PathBuf::from(&running.state_dir),
        None => {
            let dir = config_file::state_dir(&config)?;
            notes.push(format!("no bridge is running; this is for one in {}", dir.display()));
            dir
        }
    };
    // systemd's is a link into a directory that only root can enter.
    let real = state_dir.canonicalize().or_else(|_| std::path::absolute(state_dir));
    let state_dir = real.map_err(could_not("find this directory"))?;
    let zone = ZoneFile::new(&state_dir, &place.domain).path().to_owned();
    if !coredns::is_plain(&zone) {
        let zone = safe(&zone.to_string_lossy());
        return Err(Failure::failed(format!(
            "the zone is in `{zone}`, a path that CoreDNS and systemd would read otherwise; choose a \
             state directory of letters, digits and . _ - + @"
        )));
    }
    let (files, served) = files(line, &place.domain, &addresses, &zone, &mut notes)?;
    if !zone.exists() {
        notes.push(format!("{} does not exist yet; the bridge writes it", zone.display()));
    }
    Ok(Plan { domain: place.domain, addresses, zone: served, files, notes })
}

/// What the configuration lacks.
fn notes(config: &Config) -> Vec<String> {
    let lacks = !config.discovery.wide_area.enabled;
    let note = "the bridge writes no zone: set discovery.wideArea.enabled, and bridge.bind to \
                \"tailnet\", and restart it";
    lacks.then(|| note.to_owned()).into_iter().collect()
}

/// The files, and the path of the zone in them.
fn files(
    line: &CommandLine,
    domain: &str,
    addresses: &[IpAddr],
    zone: &Path,
    notes: &mut Vec<String>,
) -> Result<(Vec<Wanted>, PathBuf), Failure> {
    let root = PathBuf::from(line.value("root").unwrap_or("/"));
    let wanted = |path: PathBuf, text| Wanted::new(&root, path, text);
    let zone_dir = files::dir_of(zone);
    let is_open = zone_dir.ancestors().all(is_passable);
    let served = match is_open {
        true => zone.to_owned(),
        false => Path::new(coredns::MOUNT).join(zone.file_name().unwrap_or_default()),
    };
    let dir = Path::new(coredns::DIR);
    let server = coredns::server(domain, addresses, &served);
    let mut files = vec![wanted(dir.join("conf.d").join(format!("{domain}.server")), server)?];
    let main = wanted(dir.join("Corefile"), coredns::corefile())?;
    match main.found {
        Found::Foreign if main.is_imported()? => {}
        Found::Foreign => notes.push(format!(
            "{} is yours and stays as it is; add this line to it: {}",
            main.path.display(),
            coredns::IMPORT
        )),
        _ => files.push(main),
    }
    if !is_open {
        files.push(wanted(coredns::DROP_IN.into(), coredns::drop_in(zone_dir))?);
    }
    Ok((files, served))
}

/// Whether every account may pass through a directory.
fn is_passable(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
}

impl Wanted {
    fn new(root: &Path, path: PathBuf, text: String) -> Result<Self, Failure> {
        let target = root.join(path.strip_prefix("/").unwrap_or(&path));
        let mut wanted = Self { path, target, text, found: Found::Missing };
        if let Some(old) = wanted.old()? {
            wanted.found = match old {
                old if old == wanted.text => Found::Current,
                old if coredns::is_intact(&old) => Found::Outdated,
                _ => Found::Foreign,
            };
        }
        Ok(wanted)
    }

    /// What is there; a file that is too large, or is not text, is somebody else's.
    fn old(&self) -> Result<Option<String>, Failure> {
        let bytes = files::read_beginning(&self.target, limits::ZONE_BYTES);
        let bytes = bytes.map_err(could_not(format_args!("read `{}`", self.target.display())))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn is_imported(&self) -> Result<bool, Failure> {
        Ok(self.old()?.is_some_and(|old| coredns::has_import(&old)))
    }
}

/// Writes what is not current, each file whole; the copies of files that were edited.
fn write(wanted: &[Wanted], force: bool) -> Result<Vec<PathBuf>, Failure> {
    if let Some(file) = wanted.iter().find(|file| file.found == Found::Foreign && !force) {
        return Err(Failure::failed(format!(
            "`{}` was edited by hand, and nothing was written; --force replaces it and keeps a copy",
            safe(&file.target.to_string_lossy())
        )));
    }
    let mut copies = Vec::new();
    for file in wanted.iter().filter(|file| file.found != Found::Current) {
        let dir = files::dir_of(&file.target);
        let mut write = || {
            fs::create_dir_all(dir)?;
            let staged = Staged::write_public(&file.target, &file.text)?;
            if file.found == Found::Foreign {
                copies.push(files::keep_copy(&file.target)?);
            }
            staged.commit_durably()
        };
        write().map_err(could_not(format_args!("write `{}`", file.target.display())))?;
    }
    Ok(copies)
}

fn json(plan: &Plan, applied: bool, copies: &[PathBuf]) -> Value {
    let file = |file: &Wanted| {
        let found = match file.found {
            Found::Missing => "missing",
            Found::Current => "current",
            Found::Outdated => "outdated",
            Found::Foreign => "edited",
        };
        json!({ "path": file.target.to_string_lossy(), "found": found, "text": file.text })
    };
    let copies: Vec<_> = copies.iter().map(|copy| copy.to_string_lossy()).collect();
    json!({
        "domain": plan.domain, "nameservers": plan.addresses, "zone": plan.zone.to_string_lossy(),
        "files": plan.files.iter().map(file).collect::<Value>(), "notes": plan.notes,
        "applied": applied, "keptAside": copies,
    })
}

fn text(plan: &Plan, applied: bool, copies: &[PathBuf]) -> String {
    let mut text = String::new();
    for file in &plan.files {
        let what = match (file.found, applied) {
            (Found::Current, _) => "up to date",
            (Found::Foreign, false) => "edited by hand; only --force would replace it",
            (_, false) => "would be written",
            (_, true) => "written",
        };
        text += &format!("{}: {what}\n", safe(&file.target.to_string_lossy()));
        if !applied {
            file.text.lines().for_each(|line| text += &format!("    {line}\n"));
        }
    }
    for copy in copies {
        text += &format!("the edited version is now {}\n", safe(&copy.to_string_lossy()));
    }
    for note in &plan.notes {
        text += &format!("note: {}\n", safe(note));
    }
    let addresses: Vec<String> = plan.addresses.iter().map(IpAddr::to_string).collect();
    text += &format!(
        "\nIn the tailnet's console (Tailscale: DNS, Nameservers):\n  \
         1. add the name server {}\n  \
         2. restrict it to the domain {} (split DNS)\n\n",
        addresses.join(" or "),
        plan.domain
    );
    text += match applied {
        true => "Then: systemctl daemon-reload; systemctl restart coredns\n",
        false => "Nothing was written. To write the files, add --apply.\n",
    };
    text
}
