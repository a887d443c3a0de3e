#!/usr/bin/env bash
# Plays the bridge end to end in a temporary directory and says what happens. `make demo` runs it.
set -euo pipefail

bridge=$(realpath "${1:?usage: demo.sh PROGRAM}")
dir=$(mktemp -d)
export OPENCLAW_BRIDGE_STATE_DIR=$dir/state
unset RUNTIME_DIRECTORY OPENCLAW_BRIDGE_CONFIG OPENCLAW_BRIDGE_BIND OPENCLAW_BRIDGE_PORT OPENCLAW_BRIDGE_LOG
started=()

clean_up() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap clean_up EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ openclaw-bridge %s\n' "$*"; "$bridge" "$@"; }
fail() { echo "demo: $*" >&2; cat "$dir"/*.log >&2; exit 1; }

# Waits until a command succeeds, for ten seconds at most.
eventually() {
    for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
    fail "this did not happen within 10 s: $*"
}
has_pending() { "$bridge" nodes pending | grep -q "$1"; }
is_connected() { "$bridge" nodes | grep -q "$1.* connected"; }

say "1. The bridge starts, for this machine only, with an empty state directory"
"$bridge" serve --port 0 2>"$dir/serve.log" &
started+=($!)
eventually "$bridge" status
show status
port=$("$bridge" status --json | sed 's/.*"address":"127.0.0.1:\([0-9]*\)".*/\1/')

say "2. A node that nobody knows connects and asks to be paired"
printf '#!/bin/sh\nprintf "{\\"command\\":\\"%%s\\",\\"done\\":true}" "$OPENCLAW_COMMAND"\n' >"$dir/lamp"
chmod +x "$dir/lamp"
"$bridge" node --port "$port" --node-id demo-node --display-name Kitchen \
    --token-file "$dir/node.json" --handle 'lamp.*='"$dir/lamp" 2>"$dir/node.log" &
started+=($!)
eventually has_pending Kitchen
show nodes pending

say "3. You approve it: it gets a token, and is admitted on the same connection"
show nodes approve Kitchen
eventually is_connected Kitchen
show nodes

say "4. You have it do something"
show nodes invoke --node Kitchen --command lamp.on --params '{"level":3}'

say "5. The node calls a method of the gateway (with the token it keeps)"
kill "${started[1]}"; wait "${started[1]}" 2>/dev/null || true
show node --port "$port" --token-file "$dir/node.json" --once --request health

say "6. The bridge is killed and started again: the pairing is still there"
kill -9 "${started[0]}"; wait "${started[0]}" 2>/dev/null || true
"$bridge" serve --port "$port" 2>>"$dir/serve.log" &
started[0]=$!
eventually "$bridge" status
show node --port "$port" --token-file "$dir/node.json" --once --request voicewake.get

say "7. You take the pairing back, and stop the bridge"
show nodes revoke --node Kitchen
show stop
echo
echo "That was: start, pair, approve, invoke, call, kill -9 and back, revoke, stop."
