//! The command line: one table of verbs, what is made from it, and what the verbs do.

pub mod args;
mod chat;
mod columns;
pub mod completions;
mod config_file;
mod daemon;
mod discover;
mod events;
mod failure;
mod fingerprint;
pub mod help;
mod import;
mod logging;
pub mod manual;
mod metrics;
pub mod node;
mod node_commands;
mod node_verb;
mod nodes;
mod operator;
mod render;
mod serve;
mod sessions;
mod settings;
pub mod table;
mod text;
mod verbs;
mod watch;
mod zone;

use args::{CommandLine, Parsed};
use failure::Failure;
use std::ffi::OsString;
use std::io::{self, Write};
use table::{VerbId, PROGRAM};

/// Runs the command line, without the program's name; returns the exit code: 0 done, 1 refused or
/// failed, 2 usage, 69 no bridge is running, 78 bad configuration.
pub fn main(words: impl IntoIterator<Item = OsString>) -> u8 {
    let outcome = match args::parse(words) {
        Ok(Parsed::Help(text)) => print(&text),
        Ok(Parsed::Version) => print(&format!("{PROGRAM} {}\n", env!("CARGO_PKG_VERSION"))),
        Ok(Parsed::Run(line)) => run(&line),
        Err(usage) => Err(Failure::usage(usage.to_string())),
    };
    match outcome {
        Ok(()) => 0,
        // Whoever reads has read enough.
        Err(failure) if failure.is_closed_pipe => 0,
        Err(failure) => {
            // Without stderr there is nobody left to tell.
            let _ = writeln!(io::stderr(), "error: {}", failure.message);
            failure.code
        }
    }
}

fn run(line: &CommandLine) -> Result<(), Failure> {
    match line.id() {
        VerbId::Serve => serve::run(line),
        VerbId::Status => daemon::status(line),
        VerbId::Metrics => metrics::run(line),
        VerbId::Reload => daemon::reload(line),
        VerbId::Stop => daemon::stop(line),
        VerbId::Log => daemon::log(line),
        VerbId::NodesList => nodes::list(line),
        VerbId::NodesPending => nodes::pending(line),
        VerbId::NodesApprove => nodes::approve(line),
        VerbId::NodesReject => nodes::reject(line),
        VerbId::NodesDescribe => nodes::describe(line),
        VerbId::NodesRename => nodes::rename(line),
        VerbId::NodesRevoke => nodes::revoke(line),
        VerbId::NodesInvoke => nodes::invoke(line),
        VerbId::NodesRun => node_commands::run(line),
        VerbId::NodesNotify => node_commands::notify(line),
        VerbId::CameraList => node_commands::cameras(line),
        VerbId::CameraSnap => node_commands::snap(line),
        VerbId::CameraClip => node_commands::clip(line),
        VerbId::CanvasSnapshot => node_commands::snapshot(line),
        VerbId::CanvasPresent => node_commands::present(line),
        VerbId::CanvasHide => node_commands::hide(line),
        VerbId::CanvasNavigate => node_commands::navigate(line),
        VerbId::CanvasEval => node_commands::eval(line),
        VerbId::CanvasA2uiPush => node_commands::push(line),
        VerbId::CanvasA2uiReset => node_commands::reset(line),
        VerbId::ScreenRecord => node_commands::record(line),
        VerbId::LocationGet => node_commands::location(line),
        VerbId::SmsSend => node_commands::sms(line),
        VerbId::Events => events::run(line),
        VerbId::ChatSend => chat::send(line),
        VerbId::ChatHistory => chat::history(line),
        VerbId::ChatAbort => chat::abort(line),
        VerbId::ChatInject => chat::inject(line),
        VerbId::SessionsList => sessions::list(line),
        VerbId::SessionsReset => sessions::reset(line),
        VerbId::SessionsDelete => sessions::delete(line),
        VerbId::SessionsCompact => sessions::compact(line),
        VerbId::SessionsPatch => sessions::patch(line),
        VerbId::SettingsGet => settings::get(line),
        VerbId::SettingsSet => settings::change(line, "config.set"),
        VerbId::SettingsPatch => settings::change(line, "config.patch"),
        VerbId::VoicewakeGet => settings::voicewake(line, None),
        VerbId::VoicewakeSet => settings::voicewake(line, Some(&line.positionals)),
        VerbId::ConfigCheck => config_file::check(line),
        VerbId::ConfigShow => config_file::show(line),
        VerbId::Fingerprint => fingerprint::run(line),
        VerbId::Zone => zone::run(line),
        VerbId::Import => import::run(line),
        VerbId::Discover => discover::run(line),
        VerbId::Node => node_verb::run(line),
        VerbId::Completions => {
            let shell = line.positionals.first().map_or("", String::as_str);
            let script = completions::script(shell);
            print(&script.ok_or_else(|| Failure::usage(format!("no completions for {shell}")))?)
        }
        VerbId::Help => print(&help::text("")),
    }
}

/// Prints a JSON document on one line, safe for a terminal.
fn print_json(json: &str) -> Result<(), Failure> {
    text::write_safe_json(json, &mut io::stdout().lock()).map_err(Failure::output)
}

/// Prints text on standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)
}
