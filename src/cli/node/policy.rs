//! What a node lets its gateway do, said when it starts.

use super::screen::Screen;
use crate::node_host::{HostOptions, Security};

/// Programs that run whatever they are told to.
const OPEN_DOORS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "zsh",
    "env",
    "busybox",
    "python3",
    "perl",
    "ruby",
    "node",
    "awk",
    "find",
    "xargs",
    "sudo",
    "ssh",
    "systemd-run",
];

/// Tells the person who started the node.
pub(super) fn tell(work: &HostOptions, security: Result<Security, String>, screen: &Screen) {
    let file = work.approvals.display();
    match security {
        Err(why) => screen.say(format_args!("system.run is refused: {why}")),
        Ok(Security::Deny) => screen.say(format_args!(
            "system.run is refused (policy: deny); to let the gateway run programs here, use \
             --allow PATTERN or --exec full, or write {file}"
        )),
        Ok(Security::Allowlist) => {
            screen
                .say(format_args!("system.run runs the programs on the allowlist, and no others"));
        }
        Ok(Security::Full) => screen.say(format_args!(
            "system.run runs whatever the gateway asks for, with the rights of this user"
        )),
    }
    if work.remote_approvals {
        screen.say(format_args!("the gateway may change {file}, and with it what it may run"));
    }
    let doors: Vec<&str> =
        OPEN_DOORS.iter().copied().filter(|name| work.owner.lists_by_name(name)).collect();
    if !doors.is_empty() {
        screen.say(format_args!(
            "careful: {} on the allowlist can run any other program",
            doors.join(", ")
        ));
    }
}
