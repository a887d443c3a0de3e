//! What a program is told by its environment: what it answers, and how its commands find the bridge
//! that runs it.

use super::attachments::RunFiles;
use super::run::{AgentRun, RunContext};
use crate::config::{paths, AgentConfig};
use crate::protocol::limits;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The bridge that runs the agents, as far as they have to do with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentHost {
    /// Nothing in it leaves as a picture of an answer.
    pub(crate) state_dir: PathBuf,
    /// Where its operators connect.
    pub(crate) control_socket: Option<PathBuf>,
    /// The program `openclaw-bridge`, if it is what this process runs.
    pub(crate) program: Option<PathBuf>,
}

/// Sets the variables of a run; those of the configuration are among them.
pub(super) fn set(
    command: &mut Command,
    (config, host): (&AgentConfig, &AgentHost),
    run: &AgentRun,
    context: &RunContext,
    files: Option<&RunFiles>,
) {
    // The configuration may name another bridge.
    command.env(paths::SOCKET_VARIABLE, socket(config, host));
    command.envs(&config.env);
    if let Some(program) = host.program.as_deref().filter(|_| config.nodes) {
        let path = config.env.get("PATH").map(OsString::from).or_else(|| env::var_os("PATH"));
        path_to(program, path).map(|path| command.env("PATH", path));
    }
    let text = |text: &str| Some(OsString::from(variable_text(text)));
    for (variable, value) in [
        (paths::RUN_DIR_VARIABLE, files.map(|files| files.dir().into())),
        ("OPENCLAW_BRIDGE_ATTACHMENTS", files.and_then(RunFiles::attachments_dir).map(Into::into)),
        ("OPENCLAW_BRIDGE_RUN_ID", text(&run.run_id)),
        ("OPENCLAW_BRIDGE_SESSION_KEY", text(&run.session_key)),
        ("OPENCLAW_BRIDGE_SESSION_ID", text(&context.session_id)),
        ("OPENCLAW_BRIDGE_NODE_ID", run.node.as_ref().and_then(|node| text(node.as_str()))),
    ] {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
}

/// Where the commands connect. A bridge without a socket, or one that is not for agents, is not
/// replaced by another one that happens to run.
fn socket<'a>(config: &AgentConfig, host: &'a AgentHost) -> &'a Path {
    let socket = host.control_socket.as_deref().filter(|_| config.nodes);
    socket.unwrap_or_else(|| Path::new(paths::NO_SOCKET))
}

/// A `PATH` in which `openclaw-bridge` is this program. It comes last, where it hides nothing, unless
/// it has to hide another one, which may be older. `None` if nothing has to change, or if its
/// directory cannot be in a `PATH`.
fn path_to(program: &Path, path: Option<OsString>) -> Option<OsString> {
    let path = path.unwrap_or_else(|| USUAL_PATH.into());
    let (name, own) = (program.file_name()?, program.parent()?.to_owned());
    let mut all: Vec<PathBuf> = env::split_paths(&path).collect();
    match all.iter().map(|dir| dir.join(name)).find(|found| found.is_file()) {
        Some(found) if is_same(&found, program) => return None,
        Some(_) => all.insert(0, own),
        None => all.push(own),
    }
    env::join_paths(all).ok()
}

/// What programs are looked for in where nobody has set a `PATH`.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// A node's text without what the system refuses in a variable.
fn variable_text(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(limits::AGENT_VARIABLE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_path_leads_to_this_program_and_changes_only_if_it_must() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        for name in ["own", "old", "other"] {
            fs::create_dir(place(name)).unwrap();
        }
        let program = place("own/openclaw-bridge");
        fs::write(&program, "new").unwrap();
        fs::write(place("old/openclaw-bridge"), "old").unwrap();
        let path = |names: &[&str]| env::join_paths(names.iter().map(|name| place(name))).unwrap();
        for (given, led) in [
            (&["other"][..], Some(&["other", "own"][..])),
            (&["old", "own"], Some(&["own", "old", "own"])),
            (&["other", "own", "old"], None),
        ] {
            assert_eq!(path_to(&program, Some(path(given))), led.map(path), "{given:?}");
        }
        // A link, as packages make them, is the program itself.
        std::os::unix::fs::symlink(&program, place("other/openclaw-bridge")).unwrap();
        assert_eq!(path_to(&program, Some(path(&["other"]))), None);
        let unset = path_to(&program, None).unwrap();
        assert!(unset.to_str().unwrap().starts_with("/usr/local/bin:/usr/bin:/bin:/"), "{unset:?}");
    }

    #[test]
    fn agents_that_may_not_use_nodes_find_no_bridge() {
        let host = AgentHost {
            control_socket: Some("/run/b/control.sock".into()),
            ..AgentHost::default()
        };
        let mut config = AgentConfig::default();
        assert_eq!(socket(&config, &host), Path::new("/run/b/control.sock"));
        assert_eq!(socket(&config, &AgentHost::default()), Path::new("/dev/null"));
        config.nodes = false;
        assert_eq!(socket(&config, &host), Path::new("/dev/null"));
    }
}
