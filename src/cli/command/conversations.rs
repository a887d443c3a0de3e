//! The commands for events, conversations and settings.

use super::*;
use crate::cli::{chat, daemon, sessions, settings};

const SETTINGS: &str =
    "The apps read the settings ui, talk and session. Values that are not set here come from the \
     configuration file.";

fn session() -> Arg {
    option("session", "KEY", "The conversation").default_value("main")
}

fn key() -> Arg {
    argument("KEY", "The conversation, such as main")
}

commands! {
    "events" => daemon::events, "Follow events, one JSON object per line";
        help "Runs until interrupted or until the bridge stops.";
        eg "events", "events --only node.pair.requested --only node.pair.resolved";
        args [repeated("only", "NAME", "Print only events with this name; may be repeated")],
            operator();

    "call" => daemon::call, "Call a method and print the answer as JSON";
        help "For scripts. The methods are those that nodes may call, such as health or \
              chat.history, and those of the bridge's socket, such as node.list; the error for an \
              unknown one lists them all.";
        eg "call health",
           "call chat.history --params '{\"sessionKey\":\"main\",\"limit\":5}'";
        args [argument("METHOD", "The method"), params()], operator();

    "chat send" => chat::send, "Send a message and print the answer as it arrives";
        help "The message is one argument; - reads it from standard input. Nodes that follow the \
              conversation also receive the answer.";
        eg "chat send \"What is on today?\"", "chat send --session work -";
        args [
            argument("MESSAGE", "The message, or -"),
            session(),
            option("thinking", "LEVEL", "How much the agent should think"),
            repeated("attach", "FILE", "An image to attach; may be repeated")
                .value_hint(ValueHint::FilePath),
            duration("run-timeout", "How long the agent may take"),
        ];
    "chat history" => chat::history, "Show the last messages of a conversation";
        eg "chat history", "chat history --limit 5 --json";
        args [
            session(),
            number("limit", "N", "The number of messages to show").default_value("20"),
        ];
    "chat abort" => chat::abort, "Stop the agent's answer in a conversation";
        eg "chat abort";
        args [session(), option("run", "ID", "Abort only this run")];
    "chat inject" => chat::inject, "Add a message from the agent to a conversation";
        eg "chat inject --label door \"Somebody rang\"";
        args [
            argument("MESSAGE", "The message, or -"),
            session(),
            option("label", "TEXT", "A label shown before the message"),
        ];

    "sessions list" => sessions::list, "List conversations, most recent first";
        eg "sessions", "sessions list --json";
        args [
            number("limit", "N", "The number of conversations to list").default_value("50"),
            number("active", "MINUTES", "Only those that were used in the last minutes"),
        ];
    "sessions reset" => sessions::reset, "Start a conversation over; its transcript is kept";
        eg "sessions reset main";
        args [key()];
    "sessions delete" => sessions::delete, "Delete a conversation; its transcript is archived";
        eg "sessions delete node-kitchen";
        args [key()];
    "sessions compact" => sessions::compact, "Shorten a transcript; the original is archived";
        eg "sessions compact main --lines 100";
        args [key(), number("lines", "N", "The number of lines to keep").default_value("400")];
    "sessions patch" => sessions::patch, "Change the settings of a conversation";
        help "KEY=VALUE sets a setting, KEY= clears it: label, thinkingLevel, verboseLevel, model, \
              sendPolicy and the other keys of sessions.patch.";
        eg "sessions patch main thinkingLevel=high label=Kitchen", "sessions patch main label=";
        args [key(), argument("SETTING=VALUE", "What to change").num_args(1..)];

    "settings get" => settings::get, "Print the settings that nodes see";
        help SETTINGS;
        eg "settings get";
    "settings set" => settings::set, "Replace the settings that nodes see";
        help SETTINGS;
        eg "settings set @settings.json";
        args [argument("JSON", "The settings: JSON, @FILE, or -")];
    "settings patch" => settings::patch, "Change some of the settings that nodes see";
        help format!("{SETTINGS}\n\nA value of null clears a setting.");
        eg "settings patch @colour.json";
        args [argument("JSON", "The changes: JSON, @FILE, or -")];

    "voicewake get" => settings::voicewake_get, "Print the wake words";
        eg "voicewake get";
    "voicewake set" => settings::voicewake_set, "Set the wake words";
        help "The words are sent to every connected node. Without arguments, the defaults are \
              restored.";
        eg "voicewake set computer \"hey clawd\"";
        args [argument("WORD", "The wake words").required(false).num_args(0..)];
}
