#!/bin/sh
# Answers with `llm` (https://llm.datasette.io), which works with most services and local models.
# Each session is a conversation of its own, and images are passed on. The model is LLM_MODEL,
# or llm's default; LLM_SYSTEM is a system prompt.
#
#   agent: { kind: "command", command: ["/path/to/etc/agents/llm.sh"], env: { LLM_MODEL: "gpt-4o-mini" } }
#
# Set up once, as the user the bridge runs as: llm keys set openai
# By hand: echo hello | ./llm.sh
set -eu

if ! command -v llm >/dev/null 2>&1; then
    echo 'the program llm is missing: install it with `pipx install llm`, or put it into PATH' >&2
    exit 1
fi

# The arguments for llm, so far.
set --
if [ -n "${LLM_SYSTEM:-}" ]; then
    set -- "$@" -s "$LLM_SYSTEM"
fi
if [ -n "${OPENCLAW_BRIDGE_ATTACHMENTS:-}" ]; then
    for file in "$OPENCLAW_BRIDGE_ATTACHMENTS"/*; do
        set -- "$@" -a "$file"
    done
fi

# llm knows conversations by ids of its own. Which one belongs to a session is kept in a file that
# is named after the session's id, so a session that is reset starts anew.
if [ -n "${OPENCLAW_BRIDGE_SESSION_ID:-}" ]; then
    state=${XDG_STATE_HOME:-$HOME/.local/state}/openclaw-bridge-llm
    mkdir -p "$state"
    name=$(printf %s "$OPENCLAW_BRIDGE_SESSION_ID" | tr -c 'A-Za-z0-9_-' _)
    # A database for each session: the last conversation in it is this one.
    database=$state/$name.db
    if [ -e "$database" ]; then
        set -- "$@" -c
    fi
    set -- "$@" -d "$database"
fi

# The message comes from the standard input.
exec llm prompt "$@"
