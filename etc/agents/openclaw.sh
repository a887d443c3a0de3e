#!/bin/sh
# Answers with a running OpenClaw: one `openclaw agent` turn for each message. OpenClaw keeps the
# conversation; each session of the bridge is one of its sessions. Needs an OpenClaw from July 2026 or
# later (`openclaw agent --help` lists --message-file).
#
#   agent: { kind: "command", command: ["/path/to/etc/agents/openclaw.sh"] }
#
# By hand: echo hello | ./openclaw.sh
set -eu

if ! command -v openclaw >/dev/null 2>&1; then
    echo 'the program openclaw is missing: install it with `npm install -g openclaw`, or put it into PATH' >&2
    exit 1
fi

# In a file that only this user can read: every user of the machine can read arguments.
message=$(mktemp)
trap 'rm -f "$message"' EXIT
trap 'exit 143' TERM
cat >"$message"
# Its name for the session: letters, digits, - and _.
session=$(printf 'bridge-%s' "${OPENCLAW_BRIDGE_SESSION_ID:-by-hand}" | tr -c 'A-Za-z0-9_-' _)

openclaw agent --session-id "$session" --message-file "$message"
