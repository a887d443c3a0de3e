//! What a Mac or a headless node does for the gateway: programs, notifications, and what its owner
//! allows.

use super::lenient;
use crate::protocol::records::records;
use serde_json::Value;
use std::collections::BTreeMap;

super::calls! {
    /// Runs a program.
    SystemRun -> RunResult {
        /// The program and its arguments.
        #[serde(default, deserialize_with = "lenient::arguments")]
        command: Vec<String>,
        /// The command as a person would type it.
        raw_command?: String,
        cwd?: String,
        /// Environment variables; the node ignores dangerous ones.
        env?: BTreeMap<String, String>,
        #[serde(deserialize_with = "lenient::milliseconds")]
        timeout_ms?: u64,
        /// Whether to refuse if the node may not record its screen.
        needs_screen_recording?: bool,
        /// The agent that asks; its settings in the exec-approvals file count.
        agent_id?: String,
        /// The conversation that hears of the program's end.
        session_key?: String,
        /// The id of the run in that conversation.
        run_id?: String,
    }
    /// Looks programs up.
    SystemWhich -> Programs {
        #[serde(deserialize_with = "lenient::texts")]
        bins: Vec<String>,
    }
    /// Shows a notification. One of the texts may be empty.
    SystemNotify -> () {
        title: String,
        body: String,
        /// A sound of the system, such as `Glass`.
        sound?: String,
        /// `passive`, `active` or `timeSensitive`.
        priority?: String,
        /// `system`, `overlay` or `auto`.
        delivery?: String,
    }
    /// Shows the exec-approvals file.
    SystemExecApprovalsGet -> ExecApprovals {}
    /// Replaces the exec-approvals file.
    SystemExecApprovalsSet -> ExecApprovals {
        /// Its new content.
        #[serde(default)]
        file: Value,
        /// The hash of the content that is replaced.
        #[serde(deserialize_with = "lenient::text")]
        base_hash?: String,
    }
}

records! {
    /// How a program ended.
    #[derive(Default, Eq)]
    #[serde(default)]
    RunResult {
        /// Absent if it was not started, or did not end by itself.
        exit_code?: i64,
        /// Whether it was stopped because it took too long.
        timed_out: bool,
        /// Whether it ended with exit code 0, in time.
        success?: bool,
        stdout: String,
        stderr: String,
        /// Why it was not started, or what ended it.
        error: Option<String>,
    }
    /// Where programs are, as a headless node says; a Mac has names in `bins` and a map in `paths`.
    #[derive(Default, Eq)]
    #[serde(default)]
    Programs {
        /// The path of each program that was found.
        bins: BTreeMap<String, String>,
    }
    /// The exec-approvals file of a node.
    #[derive(Default)]
    #[serde(default)]
    ExecApprovals {
        /// Where it is on the node.
        path: String,
        exists: bool,
        /// The SHA-256 of its bytes, for `baseHash`.
        hash: String,
        /// Its content, without the token of the socket.
        file: Value,
    }
    /// The payload of `exec.started`, `exec.finished` and `exec.denied` (protocol section 6).
    #[derive(Default, Eq)]
    #[serde(default)]
    ExecEvent {
        /// The conversation that hears of it.
        session_key: String,
        run_id: String,
        /// `node`.
        host: String,
        /// The command line, as people read it.
        command: String,
        reason?: String,
        exit_code?: i64,
        timed_out?: bool,
        success?: bool,
        /// The end of what it wrote.
        output?: String,
    }
}
