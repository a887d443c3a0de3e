//! The commands for agents that call functions.

use super::*;
use crate::cli::{mcp, tools};

commands! {
    "tools list" => tools::list, "List what the connected nodes can do, as tools for an agent";
        help "--json prints each tool with its name, its description and its parameters as JSON \
              Schema. --format prints them as a model's interface takes them.";
        eg "tools", "tools --json", "tools list --format openai > tools.json";
        args [one_of(
            option("format", "FORMAT", "The format of the descriptions"), tools::FORMATS)];
    "tools call" => tools::call, "Run a tool and print what it returns";
        help "Prints text as it is, and for a picture or a recording MEDIA: followed by the path of \
              the file. --json prints content blocks as in the Model Context Protocol, with \
              pictures in Base64.";
        eg "tools call nodes_list",
           "tools call camera_snap --params '{\"node\":\"Kitchen\",\"facing\":\"back\"}'";
        args [argument("TOOL", "The tool's name"), params()];

    "mcp" => mcp::run, "Offer the tools over the Model Context Protocol";
        help "For agents that speak MCP: they start this command and talk to it over its standard \
              input and output. The agent becomes an operator of the bridge: it can use every \
              connected node. bridge.allow in the configuration narrows that.";
        eg "mcp";
        args operator();
}
