//! The commands that list, pair and describe nodes.

use super::*;
use crate::cli::nodes;

const PREFIX_IS_ENOUGH: &str = "A prefix is enough if it matches only one request.";

fn request() -> Arg {
    argument("REQUEST", "The request's id or the start of it, or the node's id or name")
}

fn filters() -> [Arg; 2] {
    [
        switch("connected", "Only nodes that are connected"),
        duration(
            "last-connected",
            "Only nodes that are connected or were, since the bridge started, within this time",
        ),
    ]
}

commands! {
    "nodes list" => nodes::list, "List all known nodes, connected ones first";
        eg "nodes", "nodes list --json", "nodes list --connected";
        args filters();
    "nodes status" => nodes::status, "The same as `nodes list`";
        eg "nodes status";
        args filters();
    "nodes pending" => nodes::pending, "List pairing requests";
        help "With --watch on a terminal, each request is shown when it comes, and can be approved there. \
              One that is called like another one, or like a paired node, is approved only by typing \
              its full id: compare the address first. Elsewhere, or with --json, each request is \
              printed on a line of its own.";
        eg "nodes pending", "nodes pending --watch";
        args [switch("watch", "Wait for requests until Ctrl-C, and offer to approve them")];
    "nodes approve" => nodes::approve, "Approve a pairing request";

        help "A prefix is enough if it matches only one request. A request that is called like \
              another one, or like a paired node, must be given by its full id: compare the address \
              first.";
        eg "nodes approve 3f2a", "nodes approve \"Kitchen iPad\"";
        args [request()];
    "nodes reject" => nodes::reject, "Reject a pairing request";
        help PREFIX_IS_ENOUGH;
        eg "nodes reject 3f2a";
        args [request()];
    "nodes describe" => nodes::describe, "Show the details of a node";
        eg "nodes describe --node kitchen";
        args node_or_positional();
    "nodes rename" => nodes::rename, "Give a node another name";
        eg "nodes rename --node 4c1d08 --name \"Kitchen iPad\"";
        args node_or_positional(), [required("name", "NAME", "The new name")];
    "nodes revoke" => nodes::revoke, "Delete a node's pairing and close its connection";
        help "The node must pair again before it can connect. A phone that cannot forget its token \
              appears in `nodes pending` as a stale token.";
        eg "nodes revoke --node kitchen";
        args node_or_positional();
    "nodes invoke" => nodes::invoke, "Run a command on a node";
        help "Prints the node's answer. `nodes describe` lists a node's commands.";
        eg "nodes invoke --node kitchen --command location.get",
           "nodes invoke --node kitchen --command canvas.eval --params @eval.json";
        args [
            node(),
            required("command", "C", "The command, such as camera.snap"),
            params(),
            duration("invoke-timeout", "How long to wait for the node").default_value("15s"),
            option("idempotency-key", "K",
                "An idempotency key; a command whose key was used before is not run again"),
        ];
}
