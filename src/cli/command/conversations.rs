//! The commands for conversations and settings.

use super::*;

const SETTINGS: &str =
    "The apps read the settings ui, talk and session. Values that are not set here come from the \
     configuration file.";

pub(super) fn commands() -> [Command; 4] {
    [
        group("chat", "Chat with the agent in the conversations that nodes use")
            .args(operator_everywhere())
            .subcommands(chat()),
        listing_group("sessions", "List and maintain conversations")
            .args(operator_everywhere())
            .subcommands(sessions()),
        group("settings", "Read and change the settings that nodes see")
            .args(operator_everywhere())
            .subcommands(settings()),
        group("voicewake", "Read and change the wake words for voice mode")
            .args(operator_everywhere())
            .subcommands(voicewake()),
    ]
}

fn session() -> Arg {
    option("session", "KEY").help("The conversation").default_value("main")
}

fn key() -> Arg {
    argument("KEY").help("The conversation, such as main")
}

fn chat() -> [Command; 4] {
    [
        verb("send", "Send a message and print the answer as it arrives")
            .after_help(examples(&[
                "chat send \"What is on today?\"",
                "chat send --session work -",
            ]))
        .before_help(
            "The message is one argument; - reads it from standard input. Nodes that follow the \
             conversation also receive the answer.",
        )
        .args([
            argument("MESSAGE").help("The message, or -"),
            session(),
            option("thinking", "LEVEL").help("How much the agent should think"),
            repeated("attach", "FILE").help("An image to attach; may be repeated")
                .value_hint(ValueHint::FilePath),
            duration("run-timeout").help("How long the agent may take"),
        ]),
        verb("history", "Show the last messages of a conversation")
            .after_help(examples(&["chat history", "chat history --limit 5 --json"]))
        .args([
            session(),
            number("limit", "N").help("The number of messages to show").default_value("20"),
        ]),
        verb("abort", "Stop the agent's answer in a conversation")
            .after_help(examples(&["chat abort"]))
            .args([session(), option("run", "ID").help("Abort only this run")]),
        verb("inject", "Add a message from the agent to a conversation")
            .after_help(examples(&["chat inject --label door \"Somebody rang\""]))
        .args([
            argument("MESSAGE").help("The message, or -"),
            session(),
            option("label", "TEXT").help("A label shown before the message"),
        ]),
    ]
}

fn sessions() -> [Command; 5] {
    [
        verb("list", "List conversations, most recent first")
            .after_help(examples(&["sessions", "sessions list --json"]))
        .arg(number("limit", "N").help("The number of conversations to list").default_value("50")),
        verb("reset", "Start a conversation over; its transcript is kept")
            .after_help(examples(&["sessions reset main"]))
        .arg(key()),
        verb("delete", "Delete a conversation; its transcript is archived")
            .after_help(examples(&["sessions delete node-kitchen"]))
        .arg(key()),
        verb("compact", "Shorten a transcript; the original is archived")
            .after_help(examples(&["sessions compact main --lines 100"]))
            .arg(key())
            .arg(number("lines", "N").help("The number of lines to keep").default_value("400")),
        verb("patch", "Change the settings of a conversation")
            .after_help(examples(&[
                "sessions patch main thinkingLevel=high label=Kitchen",
                "sessions patch main label=",
            ]))
        .before_help(
            "KEY=VALUE sets a setting, KEY= clears it: label, thinkingLevel, verboseLevel, model, \
             sendPolicy and the other keys of sessions.patch.",
        )
        .args([key(), argument("SETTING=VALUE").help("What to change").num_args(1..)]),
    ]
}

fn settings() -> [Command; 3] {
    [
        verb("get", "Print the settings that nodes see")
            .after_help(examples(&["settings get"]))
            .before_help(SETTINGS),
        verb("set", "Replace the settings that nodes see")
            .after_help(examples(&["settings set @settings.json"]))
            .before_help(SETTINGS)
            .arg(argument("JSON").help("The settings: JSON, @FILE, or -")),
        verb("patch", "Change some of the settings that nodes see")
            .after_help(examples(&["settings patch @colour.json"]))
            .before_help(format!("{SETTINGS}\n\nA value of null clears a setting."))
            .arg(argument("JSON").help("The changes: JSON, @FILE, or -")),
    ]
}

fn voicewake() -> [Command; 2] {
    [
        verb("get", "Print the wake words").after_help(examples(&["voicewake get"])),
        verb("set", "Set the wake words")
            .after_help(examples(&["voicewake set computer \"hey clawd\""]))
            .before_help(
                "The words are sent to every connected node. Without arguments, the defaults are \
                 restored.",
            )
            .arg(argument("WORD").help("The wake words").required(false).num_args(0..)),
    ]
}
