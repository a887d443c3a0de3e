//! What a Mac or a headless node does for the gateway: programs, notifications, and what its owner
//! allows.

use super::lenient;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

super::calls! {
    /// Runs a program.
    SystemRun {
        /// The program and its arguments.
        #[serde(default, deserialize_with = "lenient::arguments")]
        command: Vec<String>,
    } optional {
        /// The command as a person would type it.
        raw_command: String,
        /// The working directory.
        cwd: String,
        /// Environment variables; the node ignores dangerous ones.
        env: BTreeMap<String, String>,
        /// How long it may run, in milliseconds.
        #[serde(default, deserialize_with = "lenient::milliseconds")]
        timeout_ms: u64,
        /// Whether to refuse if the node may not record its screen.
        needs_screen_recording: bool,
        /// The agent that asks; its settings in the exec-approvals file count.
        agent_id: String,
        /// The conversation that hears of the program's end.
        session_key: String,
        /// The id of the run in that conversation.
        run_id: String,
    } -> RunResult;
    /// Looks programs up.
    SystemWhich {
        /// Their names.
        #[serde(deserialize_with = "lenient::list")]
        bins: Vec<String>,
    } optional {} -> Programs;
    /// Shows a notification. One of the texts may be empty.
    SystemNotify {
        /// The title.
        title: String,
        /// The text.
        body: String,
    } optional {
        /// A sound of the system, such as `Glass`.
        sound: String,
        /// `passive`, `active` or `timeSensitive`.
        priority: String,
        /// `system`, `overlay` or `auto`.
        delivery: String,
    } -> ();
    /// Shows the exec-approvals file.
    SystemExecApprovalsGet {} optional {} -> ExecApprovals;
    /// Replaces the exec-approvals file.
    SystemExecApprovalsSet {
        /// Its new content.
        #[serde(default)]
        file: Value,
    } optional {
        /// The hash of the content that is replaced.
        #[serde(default, deserialize_with = "lenient::value")]
        base_hash: String,
    } -> ExecApprovals;
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunResult {
    /// Absent if it was not started, or did not end by itself.
    #[serde(deserialize_with = "lenient::value", skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Whether it was stopped because it took too long.
    #[serde(deserialize_with = "lenient::value")]
    pub timed_out: bool,
    /// Whether it ended with exit code 0, in time.
    #[serde(deserialize_with = "lenient::value", skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// What it wrote.
    #[serde(deserialize_with = "lenient::value")]
    pub stdout: String,
    /// What it wrote to standard error.
    #[serde(deserialize_with = "lenient::value")]
    pub stderr: String,
    /// Why it was not started, or what ended it.
    #[serde(deserialize_with = "lenient::value")]
    pub error: Option<String>,
}

/// Where programs are, as a headless node says; a Mac has names in `bins` and a map in `paths`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Programs {
    /// The path of each program that was found.
    #[serde(deserialize_with = "lenient::value")]
    pub bins: BTreeMap<String, String>,
}

/// The exec-approvals file of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecApprovals {
    /// Where it is on the node.
    pub path: String,
    /// Whether it exists.
    pub exists: bool,
    /// The SHA-256 of its bytes, for `baseHash`.
    pub hash: String,
    /// Its content, without the token of the socket.
    pub file: Value,
}

/// The payload of `exec.started`, `exec.finished` and `exec.denied` (protocol section 6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecEvent {
    /// The conversation that hears of it.
    pub session_key: String,
    /// The run in it.
    pub run_id: String,
    /// `node`.
    pub host: String,
    /// The command line, as people read it.
    pub command: String,
    /// Why it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// As in [`RunResult`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// As in [`RunResult`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timed_out: Option<bool>,
    /// As in [`RunResult`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// The end of what it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}
