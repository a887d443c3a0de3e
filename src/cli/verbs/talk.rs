//! The rows of commands for conversations and settings.

use super::*;

rows! {
    ChatSend: "chat send" "Say something and show the answer as it comes" {
        about: &["The message is one argument, or - for standard input. The conversation is the \
                  one that nodes see: they get the answer, too."],
        positionals: &[Positional::required("MESSAGE", Text, "What to say, or -.")],
        flags: &[
            &[
                SESSION,
                Flag::new("thinking", "LEVEL", Text, "How hard the agent shall think."),
                Flag::new("attach", "FILE", File, "An image to send along; may be repeated.")
                    .repeated(),
                Flag::new("run-timeout", "DURATION", Duration, "How long the agent may take."),
            ],
            OPERATOR,
        ],
        examples: &["chat send \"What is on today?\"", "chat send --session work -"],
    }
    ChatHistory: "chat history" "Show the last messages of a conversation" {
        flags: &[
            &[SESSION, Flag::new("limit", "N", Number, "How many messages.").default("20")],
            OPERATOR,
        ],
        examples: &["chat history", "chat history --limit 5 --json"],
    }
    ChatAbort: "chat abort" "Stop the agent's answer in a conversation" {
        flags: &[&[SESSION, Flag::new("run", "ID", Text, "Only this run.")], OPERATOR],
        examples: &["chat abort"],
    }
    ChatInject: "chat inject" "Put a message of the agent into a conversation" {
        positionals: &[Positional::required("MESSAGE", Text, "The message, or -.")],
        flags: &[&[SESSION, Flag::new("label", "TEXT", Text, "Shown before it.")], OPERATOR],
        examples: &["chat inject --label door \"Somebody rang\""],
    }
    SessionsList: "sessions list" "List the conversations, the latest first" {
        aliases: &["sessions"],
        flags: &[&[Flag::new("limit", "N", Number, "How many.").default("50")], OPERATOR],
        examples: &["sessions", "sessions list --json"],
    }
    SessionsReset: "sessions reset" "Begin a conversation anew; its transcript is kept" {
        positionals: &[KEY],
        flags: &[OPERATOR],
        examples: &["sessions reset main"],
    }
    SessionsDelete: "sessions delete" "Delete a conversation; its transcript is put aside" {
        positionals: &[KEY],
        flags: &[OPERATOR],
        examples: &["sessions delete node-kitchen"],
    }
    SessionsCompact: "sessions compact" "Shorten a transcript; the long one is put aside" {
        positionals: &[KEY],
        flags: &[
            &[Flag::new("lines", "N", Number, "How many lines to keep.").default("400")],
            OPERATOR,
        ],
        examples: &["sessions compact main --lines 100"],
    }
    SessionsPatch: "sessions patch" "Change a conversation's own settings" {
        about: &["KEY=VALUE sets, KEY= takes back: label, thinkingLevel, verboseLevel, model, \
                  sendPolicy and the other keys of sessions.patch."],
        positionals: &[
            KEY,
            Positional::required("SETTING=VALUE", Text, "What to change.").repeated(),
        ],
        flags: &[OPERATOR],
        examples: &["sessions patch main thinkingLevel=high label=Kitchen", "sessions patch main label="],
    }
    SettingsGet: "settings get" "Print the settings that nodes see" {
        about: &[SETTINGS_ABOUT],
        flags: &[OPERATOR],
        examples: &["settings get"],
    }
    SettingsSet: "settings set" "Replace the settings that nodes see" {
        about: &[SETTINGS_ABOUT],
        positionals: &[Positional::required("JSON", Json, "The settings: JSON, @FILE, or -.")],
        flags: &[OPERATOR],
        examples: &["settings set @settings.json"],
    }
    SettingsPatch: "settings patch" "Change some of the settings that nodes see" {
        about: &[SETTINGS_ABOUT, "A null takes a setting back."],
        positionals: &[Positional::required("JSON", Json, "The changes: JSON, @FILE, or -.")],
        flags: &[OPERATOR],
        examples: &["settings patch @colour.json"],
    }
    VoicewakeGet: "voicewake get" "Print the words that wake voice mode" {
        flags: &[OPERATOR],
        examples: &["voicewake get"],
    }
    VoicewakeSet: "voicewake set" "Choose the words that wake voice mode" {
        about: &["Every connected node is told. Without words, the usual ones count again."],
        positionals: &[Positional::optional("WORD", Text, "The words.").repeated()],
        flags: &[OPERATOR],
        examples: &["voicewake set computer \"hey clawd\""],
    }
}
