//! `nodes notify`.

use super::*;
use crate::protocol::command::system::SystemNotify;

pub(crate) fn notify(line: &CommandLine) -> Result<(), Failure> {
    let [title, body] = ["title", "body"].map(|name| line.value(name).unwrap_or_default().trim());
    if title.is_empty() && body.is_empty() {
        return Err(usage(line, "--title or --body is required"));
    }
    let call = SystemNotify {
        title: title.to_owned(),
        body: body.to_owned(),
        sound: line.text("sound"),
        priority: line.text("priority"),
        delivery: line.text("delivery"),
    };
    Invoke::new(line, call).send()?.confirm()
}
