//! Has the daemon give memory back.
//!
//! Every time a large block is freed, glibc learns to keep blocks of that size for the next time,
//! in each of its arenas: three chat messages of 8 MB left the daemon at 200 MB for good. A setting
//! in the environment stops that (the systemd unit has it, too); glibc reads it when a program
//! starts, so the daemon starts itself once more in its own place.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where glibc looks for settings.
const NAME: &str = "GLIBC_TUNABLES";

/// Blocks from this size on are given back at once, and a crowd of threads shares two arenas.
const SETTINGS: &str = "glibc.malloc.arena_max=2:glibc.malloc.mmap_threshold=262144:\
     glibc.pthread.stack_cache_size=2097152";

/// Starts the program again with the setting. Returns if there is nothing to do, or if that does
/// not work: then it runs as well, with more memory.
pub(super) fn start_with_settings() {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) || std::env::var_os(NAME).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut words = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    // It comes back only with an error.
    let _ = command.args(words).env(NAME, SETTINGS).exec();
}
