//! Where files are looked for: systemd's variables, then XDG's, then the home directory.

use super::{Config, Error};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How environment variables are read, so that tests can supply their own.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The environment of this process.
pub fn process_env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The name of the control socket in its directory.
pub(crate) const CONTROL_SOCKET: &str = "control.sock";

/// The variable that names the control socket of one daemon: agents find the one that runs them.
pub(crate) const SOCKET_VARIABLE: &str = "OPENCLAW_BRIDGE_SOCKET";

/// What [`SOCKET_VARIABLE`] names where there is no daemon to be found.
pub(crate) const NO_SOCKET: &str = "/dev/null";

/// The variable that names the directory of an agent's run, for files that its answer names.
pub(crate) const RUN_DIR_VARIABLE: &str = "OPENCLAW_BRIDGE_RUN_DIR";

/// Our directory below those that are shared with other programs.
const OURS: &str = "openclaw-bridge";

/// The state directory: the one that was configured (flag, `OPENCLAW_BRIDGE_STATE_DIR`, file), or
/// the first of `$STATE_DIRECTORY`, `$XDG_STATE_HOME/openclaw-bridge`,
/// `~/.local/state/openclaw-bridge`.
///
/// # Errors
/// [`Error::NoStateDir`] if none of them is known.
pub fn state_dir(config: &Config, env: Env<'_>) -> Result<PathBuf, Error> {
    let configured = config.bridge.state_dir.clone();
    configured.or_else(|| default_state_dir(env)).ok_or(Error::NoStateDir)
}

/// The state directory of the systemd service on this machine, if there is one and none was
/// configured: root, who has no bridge of its own, means that. Before the service's first start there
/// is none; systemd takes over what is in this place then.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn service_state_dir(config: &Config, env: Env<'_>) -> Option<PathBuf> {
    let is_known =
        config.bridge.state_dir.is_some() || first_of_list(env, "STATE_DIRECTORY").is_some();
    // The second is where the first leads with DynamicUser=.
    let dirs = ["/var/lib", "/var/lib/private"].map(|dir| Path::new(dir).join(OURS));
    if is_known {
        return None;
    }
    let there = dirs.iter().find(|dir| dir.is_dir());
    there.or_else(|| dirs.first().filter(|_| is_unit_installed())).cloned()
}

/// Whether this machine has the systemd service, even if it has never been started.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn is_unit_installed() -> bool {
    let unit = |dir| Path::new(dir).join("systemd/system/openclaw-bridge.service").exists();
    ["/etc", "/usr/local/lib", "/usr/lib", "/lib"].into_iter().any(unit)
}

/// Where the daemon makes its control socket: in a state directory that was named, else in
/// systemd's runtime directory, else in the state directory.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn control_socket(config: &Config, state_dir: &Path, env: Env<'_>) -> PathBuf {
    let runtime = first_of_list(env, "RUNTIME_DIRECTORY");
    let runtime = runtime.filter(|_| config.bridge.state_dir.is_none());
    runtime.as_deref().unwrap_or(state_dir).join(CONTROL_SOCKET)
}

fn default_state_dir(env: Env<'_>) -> Option<PathBuf> {
    first_of_list(env, "STATE_DIRECTORY").or_else(|| user_state_dir(env))
}

/// Our directory among those in which a user's programs keep their state.
pub(crate) fn user_state_dir(env: Env<'_>) -> Option<PathBuf> {
    let all = absolute(env, "XDG_STATE_HOME").or_else(|| Some(home(env)?.join(".local/state")));
    Some(all?.join(OURS))
}

/// Where an operator looks for the daemon's control socket, the likeliest first. One that was named
/// (`--state-dir`, `OPENCLAW_BRIDGE_SOCKET`, `OPENCLAW_BRIDGE_STATE_DIR`) is the only place: finding
/// another daemon than the one that was meant would be worse than finding none.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn control_socket_candidates(state_dir: Option<&Path>, env: Env<'_>) -> Vec<PathBuf> {
    if let (None, Some(socket)) = (state_dir, in_variable(env, SOCKET_VARIABLE)) {
        return vec![socket];
    }
    let named = || in_variable(env, "OPENCLAW_BRIDGE_STATE_DIR");
    let directories = match state_dir.map(Path::to_owned).or_else(named) {
        Some(directory) => vec![directory],
        None => {
            let system = PathBuf::from("/run").join(OURS);
            let runtime = first_of_list(env, "RUNTIME_DIRECTORY");
            let mut directories: Vec<_> = runtime.into_iter().collect();
            directories.extend(Some(system).filter(|system| !directories.contains(system)));
            directories.extend(default_state_dir(env));
            directories
        }
    };
    directories.into_iter().map(|directory| directory.join(CONTROL_SOCKET)).collect()
}

/// Where a configuration is looked for if none was named.
pub(super) fn config_candidates(env: Env<'_>) -> Vec<PathBuf> {
    [Some(service_config()), own_config(env)].into_iter().flatten().collect()
}

/// The configuration that was named in the environment.
pub(crate) fn named_config(env: Env<'_>) -> Option<PathBuf> {
    in_variable(env, "OPENCLAW_BRIDGE_CONFIG")
}

/// The configuration of the service, which comes first.
pub(crate) fn service_config() -> PathBuf {
    in_config_dir(Path::new("/etc"))
}

pub(crate) fn own_config(env: Env<'_>) -> Option<PathBuf> {
    let dir = absolute(env, "XDG_CONFIG_HOME").or_else(|| Some(home(env)?.join(".config")));
    dir.as_deref().map(in_config_dir)
}

fn in_config_dir(dir: &Path) -> PathBuf {
    dir.join(OURS).join("bridge.json5")
}

pub(super) fn home(env: Env<'_>) -> Option<PathBuf> {
    absolute(env, "HOME")
}

/// Replaces `~` at the start of a path by the home directory.
///
/// # Errors
/// Why it cannot be replaced.
pub(super) fn expand(text: &str, home: Option<&Path>) -> Result<PathBuf, &'static str> {
    let Some(rest) = text.strip_prefix('~') else {
        return Ok(PathBuf::from(text));
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Err("only ~ and ~/… are supported, not the home directory of another user");
    }
    let home = home.ok_or("~ cannot be expanded, because HOME is not set")?;
    Ok(home.join(rest.trim_start_matches('/')))
}

/// The path in a variable; as it is written if `~` cannot be replaced.
pub(super) fn in_variable(env: Env<'_>, name: &str) -> Option<PathBuf> {
    let text = env(name).filter(|text| !text.is_empty())?;
    let expanded = text.to_str().and_then(|text| expand(text, home(env).as_deref()).ok());
    Some(expanded.unwrap_or_else(|| text.into()))
}

/// XDG says that a relative path in its variables is to be ignored.
fn absolute(env: Env<'_>, name: &str) -> Option<PathBuf> {
    env(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// systemd separates several directories by colons; the first one is the main one.
fn first_of_list(env: Env<'_>, name: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let list = env(name)?;
    let first = list.as_bytes().split(|byte| *byte == b':').next()?;
    let path = PathBuf::from(OsString::from_vec(first.to_vec()));
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
    }

    fn state(pairs: &[(&str, &str)]) -> Option<PathBuf> {
        state_dir(&Config::default(), &env(pairs)).ok()
    }

    #[test]
    fn the_state_directory_is_the_first_one_that_is_known() {
        let all = [("HOME", "/home/a"), ("XDG_STATE_HOME", "/x"), ("STATE_DIRECTORY", "/s:/t")];
        assert_eq!(state(&all), Some("/s".into()));
        assert_eq!(state(&all[..2]), Some("/x/openclaw-bridge".into()));
        assert_eq!(state(&all[..1]), Some("/home/a/.local/state/openclaw-bridge".into()));
        assert_eq!(state(&[]), None);
        let mut config = Config::default();
        config.bridge.state_dir = Some("/c".into());
        assert_eq!(state_dir(&config, &env(&all)).unwrap(), PathBuf::from("/c"));
    }

    #[test]
    fn relative_and_empty_variables_count_as_unset() {
        let pairs = [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "state"), ("HOME", "/home/a")];
        assert_eq!(state(&pairs), Some("/home/a/.local/state/openclaw-bridge".into()));
    }

    #[test]
    fn a_named_state_directory_is_the_only_place_for_the_socket() {
        let pairs =
            [("OPENCLAW_BRIDGE_STATE_DIR", "~/b"), ("HOME", "/h"), ("STATE_DIRECTORY", "/s")];
        let flag = control_socket_candidates(Some(Path::new("/f")), &env(&pairs));
        assert_eq!(flag, [PathBuf::from("/f/control.sock")]);
        let variable = control_socket_candidates(None, &env(&pairs));
        assert_eq!(variable, [PathBuf::from("/h/b/control.sock")]);
    }

    #[test]
    fn a_named_socket_counts_before_everything_but_the_flag() {
        let pairs = [
            ("OPENCLAW_BRIDGE_SOCKET", "/r/control.sock"),
            ("OPENCLAW_BRIDGE_STATE_DIR", "/b"),
            ("RUNTIME_DIRECTORY", "/run/x"),
        ];
        let variable = control_socket_candidates(None, &env(&pairs));
        assert_eq!(variable, [PathBuf::from("/r/control.sock")]);
        let flag = control_socket_candidates(Some(Path::new("/f")), &env(&pairs));
        assert_eq!(flag, [PathBuf::from("/f/control.sock")]);
        let empty = [("OPENCLAW_BRIDGE_SOCKET", ""), ("OPENCLAW_BRIDGE_STATE_DIR", "/b")];
        let state = control_socket_candidates(None, &env(&empty));
        assert_eq!(state, [PathBuf::from("/b/control.sock")]);
    }

    #[test]
    fn otherwise_the_socket_is_looked_for_in_three_places() {
        let pairs = [("RUNTIME_DIRECTORY", "/run/user/7/b"), ("XDG_STATE_HOME", "/x")];
        let places = control_socket_candidates(None, &env(&pairs));
        assert_eq!(
            places,
            [
                PathBuf::from("/run/user/7/b/control.sock"),
                PathBuf::from("/run/openclaw-bridge/control.sock"),
                PathBuf::from("/x/openclaw-bridge/control.sock"),
            ]
        );
        let unit = [("RUNTIME_DIRECTORY", "/run/openclaw-bridge")];
        assert_eq!(control_socket_candidates(None, &env(&unit)).len(), 1, "not twice");
    }

    #[test]
    fn a_tilde_is_the_home_directory_and_nobody_elses() {
        let home = Some(Path::new("/h"));
        assert_eq!(expand("~", home), Ok("/h".into()));
        assert_eq!(expand("~//a", home), Ok("/h/a".into()));
        assert_eq!(expand("/a~", home), Ok("/a~".into()));
        assert!(expand("~bob/a", home).is_err());
        assert!(expand("~/a", None).is_err());
    }
}
