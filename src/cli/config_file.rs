//! `config check` and `config show`.

use super::*;
use crate::config::{self, paths, process_env, Config, Loaded, Sources};
use crate::files;
use rustix::process::geteuid;

/// The flags of the command that are about the configuration; a command need not have all of them.
pub(super) fn sources(line: &CommandLine) -> Sources {
    Sources {
        file: line.value("config").map(Into::into),
        state_dir: line.text("state-dir"),
        bind: line.text("bind"),
        port: line.get("port").map(u16::to_string),
        log: line.text("log"),
        tls: line.is_set("tls"),
    }
}

fn load(line: &CommandLine) -> Result<Loaded, config::Error> {
    config::load(&sources(line), &process_env)
}

/// The configuration that `serve` would use with the same `--config` and `--state-dir`.
pub(super) fn of_serve(line: &CommandLine) -> Result<Config, config::Error> {
    load(line).map(|loaded| loaded.config)
}

/// The state directory for a command that needs no running bridge. What root does there is for the
/// service, if there is one, and not for a directory of root's that no bridge uses.
pub(super) fn state_dir(config: &Config) -> Result<PathBuf, Failure> {
    let own = paths::state_dir(config, &process_env);
    let service = paths::service_state_dir(config, &process_env);
    match (service.filter(|_| geteuid().is_root()), own) {
        (Some(service), Ok(own)) if own.join("lock").exists() && !service.is_dir() => Ok(own),
        (Some(service), Ok(own)) if own.join("lock").exists() => Err(Failure::usage(format!(
            "both the service and root have had a bridge here; name the state directory that you \
             mean: `--state-dir {}` or `--state-dir {}`",
            service.display(),
            safe(&own.to_string_lossy())
        ))),
        (Some(service), _) => Ok(service),
        (None, own) => Ok(own?),
    }
}

/// Prints all errors. The exit code is 78 if there are any.
pub(super) fn check(line: &CommandLine) -> Result<(), Failure> {
    let loaded = match load(line) {
        Ok(loaded) => loaded,
        Err(error) => {
            if line.wants_json() {
                let problems = error.problems().iter().map(ToString::to_string);
                let mut problems: Vec<String> = problems.collect();
                if problems.is_empty() {
                    problems.push(error.to_string());
                }
                print_answer(line, &json!({ "ok": false, "problems": problems }), "")?;
            }
            return Err(error.into());
        }
    };
    let path = loaded.path.as_ref().map(|path| path.display().to_string());
    let mut warnings = loaded.config.warnings();
    warnings.extend(unreadable_for_the_service(&loaded.config));
    let answer = json!({ "ok": true, "path": path, "ignored": loaded.ignored_sections,
        "warnings": warnings });
    let mut text = match path {
        Some(path) => format!("{} is valid\n", safe(&path)),
        None => "there is no configuration file; the defaults apply\n".to_owned(),
    };
    if !loaded.ignored_sections.is_empty() {
        let list = safe(&loaded.ignored_sections.join(", "));
        text += &format!("ignored sections that belong to other programs: {list}\n");
    }
    for warning in warnings {
        text += &format!("warning: {}\n", safe(&warning));
    }
    print_answer(line, &answer, &text)
}

/// Files that root, who asks, can read, but no service that runs as another user. What systemd has
/// handed to a service is for that one to read.
fn unreadable_for_the_service(config: &Config) -> Vec<String> {
    let tls = &config.bridge.tls;
    if !tls.enabled || !geteuid().is_root() {
        return Vec::new();
    }
    let files = [("bridge.tls.certPath", &tls.cert_path), ("bridge.tls.keyPath", &tls.key_path)];
    let files = files.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?)));
    let is_theirs = |path: &Path| path.starts_with("/run/credentials");
    let closed = files
        .filter(|(_, path)| !is_theirs(path) && files::is_only_for_root(path).unwrap_or(false));
    let warning = |(key, path): (&str, &Path)| {
        format!(
            "{key}: only root can read {path:?}, but the systemd service runs as another user; have \
             systemd hand it over with LoadCredential=, as the unit and the manual show"
        )
    };
    closed.map(warning).collect()
}

pub(super) fn show(line: &CommandLine) -> Result<(), Failure> {
    let mut answer = serde_json::Map::new();
    let mut rows = Vec::new();
    for setting in load(line)?.show() {
        let origin = setting.origin.to_string();
        rows.push(
            [setting.path.to_owned(), safe(&setting.value.to_string()), safe(&origin)].into(),
        );
        answer.insert(setting.path.into(), json!({ "value": setting.value, "origin": origin }));
    }
    print_answer(line, &answer, &whole_table(&["KEY", "VALUE", "FROM"], &rows))
}
