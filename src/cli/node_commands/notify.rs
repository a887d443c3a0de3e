//! `nodes notify`.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::node_commands::invoke::{text, usage, Invoke};
use crate::protocol::command::system::SystemNotify;

pub(crate) fn notify(line: &CommandLine) -> Result<(), Failure> {
    let [title, body] = ["title", "body"].map(|name| line.value(name).unwrap_or_default().trim());
    if title.is_empty() && body.is_empty() {
        return Err(usage(line, "--title or --body is required"));
    }
    let call = SystemNotify {
        title: title.to_owned(),
        body: body.to_owned(),
        sound: text(line, "sound"),
        priority: text(line, "priority"),
        delivery: text(line, "delivery"),
    };
    Invoke::new(line, call).send()?.confirm(line)
}
