//! The rows of commands that concern nodes.

use super::*;

rows! {
    NodesList: "nodes list" "List all known nodes, connected ones first" {
        aliases: &["nodes", "nodes status"],
        flags: &[OPERATOR],
        examples: &["nodes", "nodes list --json"],
    }
    NodesPending: "nodes pending" "List nodes that ask to be paired" {
        flags: &[OPERATOR],
        examples: &["nodes pending"],
    }
    NodesApprove: "nodes approve" "Let a node in that asked to be paired" {
        about: &[REQUEST_ABOUT],
        positionals: &[REQUEST],
        flags: &[OPERATOR],
        examples: &["nodes approve 3f2a", "nodes approve \"Kitchen iPad\""],
    }
    NodesReject: "nodes reject" "Turn a node away that asked to be paired" {
        about: &[REQUEST_ABOUT],
        positionals: &[REQUEST],
        flags: &[OPERATOR],
        examples: &["nodes reject 3f2a"],
    }
    NodesDescribe: "nodes describe" "Tell what is known of a node" {
        positionals: &[NODE_WORD],
        flags: &[&[NODE], OPERATOR],
        examples: &["nodes describe --node kitchen"],
    }
    NodesRename: "nodes rename" "Give a node another name" {
        positionals: &[NODE_WORD],
        flags: &[&[NODE, Flag::new("name", "NAME", Text, "The new name.").required()], OPERATOR],
        examples: &["nodes rename --node 4c1d08 --name \"Kitchen iPad\""],
    }
    NodesRevoke: "nodes revoke" "Delete a node's pairing and cut its connection" {
        about: &["The node has to ask for pairing again."],
        positionals: &[NODE_WORD],
        flags: &[&[NODE], OPERATOR],
        examples: &["nodes revoke --node kitchen"],
    }
    NodesInvoke: "nodes invoke" "Have a node run a command" {
        about: &["Prints what the node answers. `nodes describe` lists a node's commands."],
        flags: &[
            &[
                NODE,
                Flag::new("command", "C", Text, "The command, such as camera.snap.").required(),
                Flag::new("params", "JSON", Json, PARAMS_HELP),
                Flag::new("invoke-timeout", "DURATION", Duration, "How long the node may take.")
                    .default("15s"),
                Flag::new("idempotency-key", "K", Text,
                    "A command with a key that was used before is not run again."),
            ],
            OPERATOR,
        ],
        examples: &[
            "nodes invoke --node kitchen --command location.get",
            "nodes invoke --node kitchen --command canvas.eval --params @eval.json",
        ],
    }
    Events: "events" "Follow what happens, one JSON object per line" {
        about: &["Runs until it is interrupted or the bridge stops."],
        flags: &[
            &[Flag::new("only", "NAME", Text, "Only events of this name; may be repeated.")
                .repeated()],
            OPERATOR,
        ],
        examples: &["events", "events --only node.pair.requested --only node.pair.resolved"],
    }
}
