//! Reports what the gateway may do on this node, when the node starts.

use super::screen::Screen;
use crate::node_host::{HostOptions, Security};

/// Programs that can run any other program.
const OPEN_DOORS: &str =
    "sh bash dash zsh env busybox python3 perl ruby node awk sed find xargs tar git make man less vi \
     vim nano rsync sudo ssh systemd-run";

pub(super) fn tell(work: &HostOptions, security: Result<Security, String>, screen: &Screen) {
    let file = work.approvals.display();
    match security {
        Err(why) => screen.say(format_args!("system.run is refused: {why}")),
        Ok(Security::Deny) => screen.say(format_args!(
            "system.run is refused (policy: deny); to let the gateway run programs here, use \
             --allow PATTERN or --exec full, or write {file}"
        )),
        Ok(Security::Allowlist) => {
            screen.say(format_args!("system.run runs only the programs on the allowlist"));
        }
        Ok(Security::Full) => screen.say(format_args!(
            "system.run runs every program that the gateway requests, with this user's permissions"
        )),
    }
    if work.owner.allow_only && work.approvals.exists() {
        screen.say(format_args!(
            "{file} only takes away, because --allow lists all that runs; to have it add programs, \
             too, name it with --exec-approvals"
        ));
    }
    if work.remote_approvals {
        screen.say(format_args!("the gateway may change {file}, which lists what it may run"));
    }
    let doors = OPEN_DOORS.split(' ').filter(|name| work.owner.lists_by_name(name));
    let doors = doors.collect::<Vec<_>>().join(", ");
    if !doors.is_empty() {
        screen.say(format_args!("warning: {doors} on the allowlist can run any other program"));
    }
}
