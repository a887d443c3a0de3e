//! The commands that concern nodes.

use super::*;

const PREFIX_IS_ENOUGH: &str = "A prefix is enough if it matches only one request.";

pub(super) fn commands() -> [Command; 2] {
    [
        listing_group("nodes", "List and approve nodes, and send them commands")
            .args(operator_everywhere())
            .subcommands(pairing())
            .subcommands(known())
            .subcommands(node_commands::commands()),
        verb("events", "Follow events, one JSON object per line")
            .after_help(examples(&[
                "events",
                "events --only node.pair.requested --only node.pair.resolved",
            ]))
            .before_help("Runs until interrupted or until the bridge stops.")
            .arg(repeated("only", "NAME").help("Print only events with this name; may be repeated"))
            .args(operator()),
    ]
}

fn pairing() -> [Command; 4] {
    let request = || {
        argument("REQUEST").help("The request's id or the start of it, or the node's id or name")
    };
    [
        verb("list", "List all known nodes, connected ones first")
            .after_help(examples(&["nodes", "nodes list --json"]))
            .visible_alias("status"),
        verb("pending", "List pairing requests").after_help(examples(&["nodes pending"])),
        verb("approve", "Approve a pairing request")
            .after_help(examples(&["nodes approve 3f2a", "nodes approve \"Kitchen iPad\""]))
            .before_help(PREFIX_IS_ENOUGH)
            .arg(request()),
        verb("reject", "Reject a pairing request")
            .after_help(examples(&["nodes reject 3f2a"]))
            .before_help(PREFIX_IS_ENOUGH)
            .arg(request()),
    ]
}

fn known() -> [Command; 4] {
    [
        verb("describe", "Show the details of a node")
            .after_help(examples(&["nodes describe --node kitchen"]))
            .args(node_or_positional()),
        verb("rename", "Give a node another name")
            .after_help(examples(&["nodes rename --node 4c1d08 --name \"Kitchen iPad\""]))
            .args(node_or_positional())
            .arg(required("name", "NAME").help("The new name")),
        verb("revoke", "Delete a node's pairing and close its connection")
            .after_help(examples(&["nodes revoke --node kitchen"]))
            .before_help("The node must pair again before it can connect.")
            .args(node_or_positional()),
        verb("invoke", "Run a command on a node")
            .after_help(examples(&[
                "nodes invoke --node kitchen --command location.get",
                "nodes invoke --node kitchen --command canvas.eval --params @eval.json",
            ]))
            .before_help("Prints the node's answer. `nodes describe` lists a node's commands.")
            .args([
                node(),
                required("command", "C").help("The command, such as camera.snap"),
                params(),
                duration("invoke-timeout")
                    .help("How long to wait for the node")
                    .default_value("15s"),
                option("idempotency-key", "K").help(
                    "An idempotency key; a command whose key was used before is not run again",
                ),
            ]),
    ]
}
